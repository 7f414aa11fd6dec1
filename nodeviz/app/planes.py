"""Planes side by side that share one view: each with a title in its corner, and all of them painted by one brush."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, QPointF, Qt, Signal
from PySide6.QtWidgets import QLabel

from nodeviz.app.plots import Plot, pen
from nodeviz.app.theme import ui_font

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtWidgets import QWidget

    from nodeviz.app.theme import Theme

AXIS = 30  # pixels of the left axis
Place = tuple[float, float]


class Plane(Plot):
    """A plane with equal aspect that can be painted.

    ``painted`` carries the start, move and end of a stroke, and whether Shift was held.
    """

    name_top = 26
    painted = Signal(str, QPointF, bool)

    def __init__(self, x_label: str, y_label: str, *, name: str, parent: QWidget | None = None) -> None:
        super().__init__(x_label, y_label, name=name, equal=True, compact=True, parent=parent)
        # Nearly all of it moves with the cursor. A curve that shrinks tells Qt of its new bounds alone, and what it
        # covered before would stay.
        self.setViewportUpdateMode(self.ViewportUpdateMode.FullViewportUpdate)
        self._brush = self.curve(8)
        self.title = QLabel(self)
        self.title.setObjectName("overlay")
        self.title.setFont(ui_font(12))
        self.title.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.getAxis("left").setWidth(AXIS)
        self.painting = False
        self.lead(on=True)
        self.when_themed(self._take_brush)

    def lead(self, *, on: bool) -> None:
        """Show the vertical axis, or leave it to the plane to the left."""
        super().lead(on=on)
        self.title.move(AXIS + 8 if on else 8, 8)

    def _take_brush(self, theme: Theme) -> None:
        self._brush.setPen(pen(theme.text))

    def say_title(self, text: str) -> None:
        """Say in the corner, as rich text, what this plane shows."""
        if text != self.title.text():
            self.title.setText(text)
            self.title.adjustSize()

    def show_brush(self, at: QPointF | None, radius: float) -> None:
        """Show how far the brush reaches around a place."""
        if at is None:
            self._brush.setData([], [])
        else:
            angles = np.linspace(0.0, 2 * np.pi, 49)
            self._brush.setData(at.x() + radius * np.cos(angles), at.y() + radius * np.sin(angles))

    def paint_at(self, phase: str, point: QPointF) -> None:
        """Tell of a part of a stroke."""
        self.painted.emit(phase, point, bool(self.box.modifiers & Qt.KeyboardModifier.ShiftModifier))

    def dab(self, point: QPointF, keys: Qt.KeyboardModifier) -> None:
        """Tell of a stroke that is a single click."""
        self.box.modifiers = keys
        for phase in ("start", "end"):
            self.paint_at(phase, point)


class SharedView(QObject):
    """Planes that show the same part of the plane.

    ``changed`` asks to be drawn; ``looked`` tells that the view was moved, and whether that has ended; ``painted`` a
    stroke as a plane does.
    """

    changed = Signal()
    looked = Signal(bool)
    painted = Signal(str, QPointF, bool)

    def __init__(self, planes: Sequence[Plane], parent: QObject) -> None:
        super().__init__(parent)
        self._shared = list(planes)
        self.held = False  # whether the view is where somebody put it
        self.radius = 0.15  # of the brush
        for plane in planes:
            plane.painted.connect(self.painted)
            plane.box.moved.connect(lambda ended, plane=plane: self._follow(plane, ended=ended))
            plane.box.sigResized.connect(self.changed)

    def look(self, x_range: Place, y_range: Place) -> None:
        """Show a part of all planes, and keep it."""
        self.held = True
        for plane in self._shared:
            plane.box.setRange(xRange=x_range, yRange=y_range, padding=0)
        self.changed.emit()

    @property
    def ranges(self) -> tuple[Place, Place]:
        """What all planes show, x and y, as rounded numbers."""
        x_range, y_range = self._shared[0].box.viewRange()
        (x0, x1), (y0, y1) = ([float(f"{edge:.4g}") for edge in edges] for edges in (x_range, y_range))
        return (x0, x1), (y0, y1)

    def refit(self) -> None:
        """Fit the view to what there is."""

    def reset_view(self) -> None:
        """Show all there is again."""
        self.held = False
        for plane in self._shared:
            plane.forget_range()
        self.refit()
        self.changed.emit()

    def paint(self, *, on: bool) -> None:
        """Let the mouse paint, or not any more."""
        for plane in self._shared:
            plane.painting = on
            plane.show_brush(None, self.radius)

    def _follow(self, moved: Plane, *, ended: bool) -> None:
        self.held = True
        x_range, y_range = moved.box.viewRange()
        for plane in self._shared:
            if plane is not moved:
                plane.box.setRange(xRange=x_range, yRange=y_range, padding=0)
        self.changed.emit()
        self.looked.emit(ended)
