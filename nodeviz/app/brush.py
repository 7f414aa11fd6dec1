"""The brush: strokes that add or erase points of a class, each a function of the stroke alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QLabel, QToolButton, QWidget

from nodeviz.app.controls import QuietSlider, tool_button
from nodeviz.app.sprites import shape_path
from nodeviz.app.theme import Theme, class_style
from nodeviz.experiments.params import ParamError
from nodeviz.problems.labelled import LabelledPoints

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray

PER_STAMP = 3  # points that one touch of the brush leaves
MOST = 2000  # touches of one stroke; where the view is a thousand times wider than the brush they would never end
SPACING = 0.7  # of the radius, between the touches of a stroke
GOLDEN_ANGLE = 2.399963229728653
ERASER = -1
RADII = (0.05, 0.6)


class Palette(QWidget):
    """What the brush does: a class or the eraser, and how far it reaches. It lies over the caption while one paints.

    Parameters
    ----------
    classes : int, how many there are; of one class only it is said that it is painted
    """

    closed = Signal()

    def __init__(self, parent: QWidget, classes: int = 4) -> None:
        super().__init__(parent)
        self.setObjectName("palette")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.buttons: dict[int, QToolButton] = {}
        group = QButtonGroup(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 2, 8, 2)
        row.setSpacing(4)
        for label in range(classes):
            self.buttons[label] = tool_button("", f"Paint class {label + 1}")
        if classes == 1:
            self.buttons[0] = tool_button("Paint", "Paint points")
        self.buttons[ERASER] = tool_button("Erase", "Erase points; so does a drag with Shift")
        for button in self.buttons.values():
            button.setCheckable(True)
            group.addButton(button)
            row.addWidget(button)
        self.buttons[0].setChecked(True)
        self.reach = QuietSlider()
        self.reach.setRange(round(100 * RADII[0]), round(100 * RADII[1]))
        self.reach.setValue(15)
        self.reach.setFixedWidth(80)
        self.reach.setAccessibleName("Size of the brush")
        self.reach.setToolTip("Size of the brush")
        row.addWidget(self.reach)
        self.afresh = tool_button("New", "Let the next stroke begin new data, without the points that are there")
        self.afresh.setCheckable(True)
        row.addWidget(self.afresh)
        hint = QLabel("drag to paint, Shift to erase")
        hint.setObjectName("quiet")
        hint.setMinimumWidth(0)
        row.addSpacing(8)
        row.addWidget(hint, 1)
        self.done = tool_button("Done", "Put the brush away (B)")
        self.done.clicked.connect(self.closed)
        row.addWidget(self.done)
        self.hide()

    def set_theme(self, theme: Theme) -> None:
        """Show the classes in the colours of a theme."""
        for label, button in self.buttons.items():
            if not button.text():
                button.setIcon(class_icon(label, theme))

    @property
    def label(self) -> int:
        """The class that is painted, or the eraser."""
        return next(label for label, button in self.buttons.items() if button.isChecked())

    @property
    def radius(self) -> float:
        """How far the brush reaches, in units of the plane."""
        return self.reach.value() / 100

    @property
    def alone(self) -> bool:
        """Whether the next stroke begins new data."""
        return self.afresh.isChecked() and self.label != ERASER

    def end_stroke(self) -> None:
        """Let the strokes after the first one add to it."""
        self.afresh.setChecked(False)


class Stroke:
    """One stroke of the brush, from press to release: the places it touched, and what was there before."""

    def __init__(self) -> None:
        self.going_on = False
        self.label, self.radius, self.alone = 0, 0.15, False
        self.places: list[tuple[float, float]] = []
        self.base: LabelledPoints | None = None

    def begin(self, label: int, radius: float, *, alone: bool) -> None:
        """Begin a stroke of a class, or of the eraser."""
        self.going_on = True
        self.label, self.radius, self.alone = label, radius, alone
        self.places, self.base = [], None

    def touch(self, x: float, y: float) -> bool:
        """Go on to a place; return whether the brush touched anything new."""
        count = len(self.places)
        extend(self.places, (x, y), self.radius)
        return len(self.places) > count

    def end(self) -> None:
        """Lift the brush."""
        self.going_on = False
        self.base = None


def class_icon(label: int, theme: Theme) -> QIcon:
    """Return the marker of a class as an icon."""
    colour, shape = class_style(label, theme)
    pixmap = QPixmap(32, 32)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colour))
    painter.translate(16, 16)
    painter.drawPath(shape_path(shape, 24))
    painter.end()
    return QIcon(pixmap)


def extend(places: list[tuple[float, float]], point: tuple[float, float], radius: float) -> None:
    """Add to the places that a stroke has touched those on its way to a point, evenly spaced, and MOST at most."""
    while places and len(places) < MOST:
        way = np.subtract(point, places[-1])
        length = float(np.hypot(*way))
        if length < SPACING * radius:
            return
        x, y = places[-1] + way * (SPACING * radius / length)
        places.append((short(x), short(y)))
    if not places:
        places.append((short(point[0]), short(point[1])))


def short(value: float) -> float:
    """Return a coordinate with four decimals, so that the line that repeats a stroke stays readable."""
    return round(float(value), 4)


def sprayed(places: FloatArray, radius: float, count: int) -> FloatArray:
    """Return the points (S * count, 2) that touches at places (S, 2) leave: a spiral that fills each evenly."""
    numbers = np.arange(len(places) * count)
    away = radius * np.sqrt((numbers % count + 0.5) / count)
    angle = GOLDEN_ANGLE * numbers
    offsets = np.stack([away * np.cos(angle), away * np.sin(angle)], axis=1)
    return np.round(np.repeat(places, count, axis=0) + offsets, 6)


def painted(points: LabelledPoints | None, label: int, places: FloatArray, radius: float, count: int) -> LabelledPoints:
    """Return points, None for none, with those of a stroke added. A class beyond those with names takes them away."""
    new = sprayed(places, radius, count)
    labels = np.full(len(new), label)
    if points is None:
        return LabelledPoints(new, labels)
    names = points.names if label < len(points.names) else ()
    return LabelledPoints(np.concatenate([points.X, new]), np.concatenate([points.labels, labels]), names)


def erased(points: LabelledPoints, places: FloatArray, radius: float) -> LabelledPoints:
    """Return points without those that a stroke touched.

    Raises
    ------
    ParamError : nothing would be left
    """
    kept = np.ones(len(points), bool)
    for place in places:
        kept &= np.square(points.X - place).sum(axis=1) > radius**2
    if not kept.any():
        raise ParamError("points: the last ones cannot be erased; paint others first, or choose a data set")
    return LabelledPoints(points.X[kept], points.labels[kept], points.names)


def read_places(at: Any) -> FloatArray:
    """Return one place, or a list of them, as (S, 2).

    Raises
    ------
    ParamError : not pairs of finite numbers
    """
    try:
        places = np.atleast_2d(np.asarray(at, float))
    except (TypeError, ValueError):
        places = np.empty((0, 0))
    if places.ndim != 2 or places.shape[1] != 2 or not len(places) or not np.isfinite(places).all():
        raise ParamError(f"at={str(at)[:40]}: not a place (x, y) or a list of them; give them as in [(0, 0), (1, 0.5)]")
    return places
