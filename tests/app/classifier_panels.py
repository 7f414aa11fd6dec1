"""The classifier panel alone, on frames of a closed form: its worker starts nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QPoint, QPointF
from PySide6.QtTest import QTest

from nodeviz.app.application import make_application
from nodeviz.app.panels.classifier import ClassifierPanel
from nodeviz.app.session import Session, State
from nodeviz.app.theme import DARK
from nodeviz.experiments.base import Update
from nodeviz.experiments.classifier_params import ClassifierParams

from .classifier_scene import make_frame

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

NODE, ANODE = 0, 1  # planes


class Still:
    """Stands for the worker: takes every order, remembers it, and starts nothing."""

    def __init__(self) -> None:
        self.number = 0
        self.runs: list[ClassifierParams] = []
        self.questions: list[tuple[str, Any]] = []
        self.allowed: list[float] = []

    def start_run(self, _: str, __: Any, params: ClassifierParams, *rest: Any) -> int:
        del rest
        self.runs.append(params)
        return self._next()

    def set_live(self, *_: Any) -> int:
        return self._next()

    def allow(self, _: str, steps: float) -> int:
        self.allowed.append(steps)
        return self._next()

    def ask(self, _: str, kind: str, payload: Any) -> int:
        self.questions.append((kind, payload))
        return self._next()

    def set_visible(self, *_: Any, visible: bool) -> None:
        del visible

    def _next(self) -> int:
        self.number += 1
        return self.number


def make_panel(qtbot: Any, **changes: Any) -> Any:
    make_application()
    session = Session()
    session.put_state("classifier", State(ClassifierParams(**changes)))
    made = ClassifierPanel(session, Still())  # type: ignore[arg-type]
    made.set_theme(DARK)
    made.resize(1100, 760)
    qtbot.addWidget(made)
    made.show()
    qtbot.waitExposed(made)
    made.start()
    made.mailbox.begin(made._generation)
    return made


def shown(qtbot: Any) -> Generator[Any, None, None]:
    """Yield a panel that shows a frame, and close it; for a fixture."""
    made = make_panel(qtbot)
    show(made)
    yield made
    made._settled.stop()
    made.close()


def lines_of(panel: Any) -> list[str]:
    """Return the log of actions, which grows."""
    said: list[str] = []
    panel.session.echoed.connect(said.append)
    return said


def show(panel: Any, frame: Any = None, history: dict[str, Sequence[float]] | None = None) -> None:
    """Deliver a frame and a history, and let the panel draw them."""
    panel.mailbox.put(panel._generation, Update(frame=frame or make_frame(), resting=True), 10**6)
    panel.tick(time.perf_counter())
    if history is not None:
        panel.history = history
        panel._dirty = True
        panel.tick(time.perf_counter())
    assert panel.message.isHidden(), panel.message.text()


def change(panel: Any, **changes: Any) -> None:
    before = panel._generation
    panel.session.change("classifier", changes)
    if panel._generation != before:
        panel.mailbox.begin(panel._generation)
    panel.tick(time.perf_counter())
    assert panel.message.isHidden(), panel.message.text()


def tick(panel: Any) -> None:
    panel.tick(time.perf_counter())


def at(panel: Any, x: float, y: float, plane: int = NODE) -> QPoint:
    """Return where a point of a plane lies in its viewport."""
    plot = panel.planes[plane]
    return plot.mapFromScene(plot.box.mapViewToScene(QPointF(x, y)))


def hover(panel: Any, x: float, y: float, plane: int = NODE) -> None:
    viewport = panel.planes[plane].viewport()
    for place in (at(panel, x, y, plane) + QPoint(40, 40), at(panel, x, y, plane)):
        QTest.mouseMove(viewport, place)
        QTest.qWait(30)  # pyqtgraph takes a hundred moves per second at most
