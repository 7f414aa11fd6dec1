"""The flow panel alone, on frames of a closed form: its worker remembers what it was asked for."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QImage, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from nodeviz.app import session as session_module
from nodeviz.app.application import make_application
from nodeviz.app.panels import base as panel_base
from nodeviz.app.panels.flow import FlowPanel
from nodeviz.app.session import Session
from nodeviz.app.theme import DARK
from nodeviz.experiments.base import Reply, Update
from nodeviz.experiments.flow import FLOW

from .flow_scene import make_frame

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    import pytest

BOTH = ("flow-matching", "diffusion")


class Asked:
    """Stands for the worker: remembers what it was asked for, and answers when told to."""

    def __init__(self) -> None:
        self.number = 0
        self.questions: list[tuple[int, str, Any]] = []
        self.runs = 0

    def _next(self) -> int:
        self.number += 1
        return self.number

    def start_run(self, *_: Any) -> int:
        self.runs += 1
        return self._next()

    def set_live(self, *_: Any) -> int:
        return self._next()

    def allow(self, *_: Any) -> int:
        return self._next()

    def set_visible(self, *_: Any, visible: bool) -> None:
        del visible

    def ask(self, _: str, kind: str, payload: Any) -> int:
        self.questions.append((self._next(), kind, payload))
        return self.number

    def of(self, kind: str) -> list[Any]:
        return [payload for _, asked, payload in self.questions if asked == kind]


def know_the_flow_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a session know the flow alone, without the weights of its first preset."""
    known = {"flow": dataclasses.replace(FLOW, first_preset="")}
    for module in (panel_base, session_module):
        monkeypatch.setattr(module, "REGISTRY", known)


def a_panel(qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> Generator[Any, None, None]:
    """Yield a panel that shows a frame, and close it."""
    know_the_flow_alone(monkeypatch)
    make_application()
    made = FlowPanel(Session(), Asked())  # type: ignore[arg-type]
    made.set_theme(DARK)
    made.resize(1100, 760)
    qtbot.addWidget(made)
    made.show()
    qtbot.waitExposed(made)
    made.start()
    made.mailbox.begin(made._generation)
    show(made, make_frame())
    yield made
    made.close()


def asked(panel: Any) -> Asked:
    """Return what stands for the worker of a panel."""
    worker: Asked = panel.worker
    return worker


def show(panel: Any, frame: Any = None, *, replies: tuple[Reply, ...] = (), resting: bool = True) -> None:
    """Deliver a frame and answers to the panel, and let it draw."""
    panel.mailbox.put(panel._generation, Update(frame=frame, replies=replies, resting=resting), 10**6)
    panel.tick(time.perf_counter())


def lines_of(panel: Any) -> list[str]:
    said: list[str] = []
    panel.session.echoed.connect(said.append)
    return said


def at(panel: Any, x: float, y: float, plane: int = 0) -> QPoint:
    """Return where a place of the plane lies in the plot's viewport."""
    plot = panel.planes[plane]
    return plot.mapFromScene(plot.box.mapViewToScene(QPointF(x, y)))


def brightness(panel: Any, x: float, y: float) -> float:
    """Return how bright the density's picture is at a place."""
    image: QImage = panel.planes[0]._ground._image
    rect = panel.planes[0]._ground._rect
    column = int((x - rect.left()) / rect.width() * image.width())
    row = int((y - rect.top()) / rect.height() * image.height())
    return image.pixelColor(column, row).lightnessF()


def drag(panel: Any, places: list[tuple[float, float]], keys: Any = Qt.KeyboardModifier.NoModifier) -> None:
    viewport, left, none = panel.planes[0].viewport(), Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    kinds = [QEvent.Type.MouseButtonPress, *[QEvent.Type.MouseMove] * (len(places) - 1), QEvent.Type.MouseButtonRelease]
    for kind, place in zip(kinds, [*places, places[-1]], strict=True):
        where = QPointF(at(panel, *place))
        held = none if kind == QEvent.Type.MouseButtonRelease else left
        button = none if kind == QEvent.Type.MouseMove else left
        event = QMouseEvent(kind, where, QPointF(viewport.mapToGlobal(where.toPoint())), button, held, keys)
        QApplication.sendEvent(viewport, event)
        QTest.qWait(20)


def dropped_on(panel: Any, path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    place, copy = QPointF(100, 200), Qt.DropAction.CopyAction
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(place.toPoint(), copy, data, buttons, keys)
    panel.dragEnterEvent(enter)
    assert enter.isAccepted()
    panel.dropEvent(QDropEvent(place, copy, data, buttons, keys))
