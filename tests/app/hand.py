"""What a hand does: real events of mouse and wheel, and files dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SHIFT, PLAIN = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.NoModifier


def send(plot: Any, kind: QEvent.Type, where: QPoint, keys: Any = PLAIN) -> None:
    viewport, left, none = plot.viewport(), Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    held = none if kind == QEvent.Type.MouseButtonRelease else left
    button = none if kind == QEvent.Type.MouseMove else left
    place, there = QPointF(where), QPointF(viewport.mapToGlobal(where))
    QApplication.sendEvent(viewport, QMouseEvent(kind, place, there, button, held, keys))
    QTest.qWait(12)


def drag(plot: Any, way: Sequence[QPoint], keys: Any = PLAIN) -> None:
    send(plot, QEvent.Type.MouseButtonPress, way[0], keys)
    for place in way[1:]:
        send(plot, QEvent.Type.MouseMove, place, keys)
    send(plot, QEvent.Type.MouseButtonRelease, way[-1], keys)


def double_click(plot: Any, place: QPoint) -> None:
    for kind in ("MouseButtonPress", "MouseButtonRelease", "MouseButtonDblClick", "MouseButtonRelease"):
        send(plot, QEvent.Type[kind], place)


def turn_wheel(plot: Any, place: QPoint, turn: int) -> None:
    viewport = plot.viewport()
    none, still = Qt.MouseButton.NoButton, Qt.ScrollPhase.NoScrollPhase
    there = QPointF(viewport.mapToGlobal(place))
    wheel = QWheelEvent(QPointF(place), there, QPoint(), QPoint(0, turn), none, PLAIN, still, False)
    QApplication.sendEvent(viewport, wheel)


def dropped_on(panel: Any, path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    place, copy, left = QPointF(100, 200), Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
    enter = QDragEnterEvent(place.toPoint(), copy, data, left, PLAIN)
    panel.dragEnterEvent(enter)
    assert enter.isAccepted()
    panel.dropEvent(QDropEvent(place, copy, data, left, PLAIN))
