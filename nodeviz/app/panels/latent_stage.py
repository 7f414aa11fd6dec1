"""The plots of a series: one per channel above each other, the plane of two of them, and what the mouse does there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, QPointF, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QVBoxLayout, QWidget

from nodeviz.app.panels.latent_keys import CrossKeys
from nodeviz.app.panels.latent_plane import SeriesPlane
from nodeviz.app.panels.latent_plot import AXIS, ChannelPlot, Look

if TYPE_CHECKING:
    from nodeviz.app.panels.latent_points import Shown
    from nodeviz.app.planes import Place
    from nodeviz.engine.arrays import FloatArray
    from nodeviz.experiments.latent_frame import LatentFrame

MOST = 4  # channels that are drawn; more plots than that are too low to read
GRAB, HIT = 12.0, 5.0  # pixels around a point in which a drag takes it, and in which a click means it
ROOM = 0.12  # of a channel's height, above and below
WIDE = 1.2  # of what is to be shown; by less the ranges do not shrink, so that little moves
FAR, STEPS = 0.5, 8  # heights of the view that it grows by at most, and in how many steps a height


class LatentStage(QObject):
    """One view of a series.

    ``added`` carries the time, the value and the channel of a click; ``removed`` a row; ``moved`` how a drag goes on,
    the row, and where it is now: time, value, channel. ``changed`` asks to be drawn; ``looked`` tells that the view was
    moved, and whether that has ended.
    """

    added = Signal(float, float, int)
    removed = Signal(int)
    moved = Signal(str, int, float, float, int)
    changed = Signal()
    looked = Signal(bool)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.widget = QWidget()
        self.plane = SeriesPlane()
        self.channels = [ChannelPlot(channel) for channel in range(MOST)]
        self.held = False  # whether the view is where somebody put it
        self.keys = CrossKeys(self)
        column = QVBoxLayout(self.widget)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self.plane, 5)
        for plot in self.channels:
            column.addWidget(plot, 2)
            self._connect(plot)
            plot.setHidden(plot.channel > 0)
        self.plane.hide()
        self._generation = 0
        self._loose = False  # whether the ranges may shrink to the next answer
        self._frame: LatentFrame | None = None
        self._shown: Shown | None = None
        self._row = -1  # that is dragged
        self._key: tuple[object, ...] = ()

    def _connect(self, plot: ChannelPlot) -> None:
        box = plot.box
        box.grabs = lambda point: self._grab(plot, point)
        box.clicked.connect(lambda point, keys: self._click(plot, point, keys))
        # Two quick clicks at one place are a double click, and none of them may be lost.
        box.doubled.connect(lambda point: self._click(plot, point, QGuiApplication.keyboardModifiers()))
        box.dragged.connect(lambda phase, _, now: self._drag(plot, phase, now))
        box.hovered.connect(lambda point: self._hover(plot, point))
        box.moved.connect(lambda ended: self._follow(plot, ended=ended))
        plot.keyed.connect(lambda event: self.keys.press(plot, event))
        plot.left.connect(lambda: self.keys.leave(plot))

    @property
    def plots(self) -> list[ChannelPlot | SeriesPlane]:
        """All plots, that of the first channel first."""
        return [*self.channels, self.plane]

    # Drawing.

    def show_frame(self, frame: LatentFrame, look: Look, *, plane: bool) -> None:
        """Draw the answer of a frame; the observations are drawn by `show_points`."""
        self._frame = frame
        count = len(frame.series.names)
        shown = self.channels[: min(count, MOST)]
        self._arrange(len(shown), plane=plane and count == 2)
        year = "year" if frame.series.unit == "date" else "time"
        for plot, name in zip(shown, frame.series.names, strict=False):
            plot.set_labels(year if plot is shown[-1] else "", "value" if count == 1 and name == "y" else name)
            plot.show_answer(frame, look)
        if not self.plane.isHidden():
            self.plane.set_labels(*frame.series.names)
            self.plane.show_answer(frame, look)

    def say_legend(self, text: str) -> None:
        """Say in one plot for all of them whose curves these are."""
        plane = not self.plane.isHidden()
        self.plane.legend.say(text if plane else "")
        self.channels[0].legend.say("" if plane else text)

    def _arrange(self, count: int, *, plane: bool) -> None:
        if [plot.isHidden() for plot in self.channels] != [plot.channel >= count for plot in self.channels]:
            for plot in self.channels:
                plot.setVisible(plot.channel < count)
                if count > 1:
                    plot.getAxis("left").setWidth(AXIS)  # so that the times stand below each other
                else:
                    plot.getAxis("left").setWidth(None)
        if self.plane.isHidden() == plane:
            self.plane.setVisible(plane)

    def show_points(self, shown: Shown) -> None:
        """Draw observations."""
        self._shown = shown
        for plot in self.on_show:
            plot.show_points(shown)
        if not self.plane.isHidden() and shown.y.shape[1] == 2:
            self.plane.show_points(shown)

    def show_at(self, t: float, *, on: bool) -> None:
        """Show where the cursor is."""
        for plot in self.on_show:
            plot.show_at(t, on=on)
        if not self.plane.isHidden():
            self.plane.show_at(t, on=on)

    @property
    def on_show(self) -> list[ChannelPlot]:
        """The plots of the channels that there are."""
        count = 1 if self._shown is None else self._shown.y.shape[1]
        return [plot for plot in self.channels[:count] if not plot.isHidden()]

    # The view.

    def forget(self) -> None:
        """Fit the view to the next frame, whatever was shown before: these are other data."""
        self._generation += 1
        self.held = False

    def loosen(self) -> None:
        """Let the ranges shrink once to the answer to what is on show, where they are much wider."""
        self._loose = True

    def fit(self) -> None:
        """Show all of the series; while it is edited the ranges only grow."""
        frame, shown = self._frame, self._shown
        if frame is None or shown is None or self.held or self._row >= 0:
            return
        series, single = frame.series, len(frame.series.names) == 1
        ranges = [
            (plot, series.view[:2], value_range(frame) if single else channel_range(frame, plot.channel))
            for plot in self.on_show
        ]
        if self._loose and shown.t is series.t:  # a frame that does not answer it yet says nothing of its ranges
            self._loose = False
            self._generation += any(is_wide(plot, x, y) for plot, x, y in ranges)
        key = (self._generation, series.title, series.names, series.number)
        for plot, x, y in ranges:
            plot.settled = False  # it never shrinks on its own
            plot.grow((*key, plot.channel), x, y, pad=0.0)
        if not self.plane.isHidden():
            self.plane.fit(key)

    def look(self, x_range: Place, y_range: Place) -> None:
        """Show a part of the time, and of the values of the first channel, and keep it."""
        self.held = True
        for plot in self.channels:
            plot.box.setXRange(*x_range, padding=0)
        self.channels[0].box.setYRange(*y_range, padding=0)
        self.changed.emit()

    @property
    def ranges(self) -> tuple[Place, Place]:
        """What is shown of the time and of the first channel, as rounded numbers."""
        x, y = self.channels[0].box.viewRange()
        x_digits, y_digits = digits_for(*x), digits_for(*y)
        return (round(x[0], x_digits), round(x[1], x_digits)), (round(y[0], y_digits), round(y[1], y_digits))

    def reset_view(self) -> None:
        """Show all there is again."""
        self.held = False
        for plot in self.plots:
            plot.forget_range()
        self.fit()
        self.changed.emit()

    def _follow(self, moved: ChannelPlot, *, ended: bool) -> None:
        self.held = True
        x_range = moved.box.viewRange()[0]
        for plot in self.channels:
            if plot is not moved:
                plot.box.setXRange(*x_range, padding=0)
        self.looked.emit(ended)

    # The mouse.

    @property
    def dragging(self) -> bool:
        """Whether a point is dragged."""
        return self._row >= 0

    def drop(self) -> None:
        """Let go of a point that is held; it stays where it is."""
        self._row = -1
        self.keys.drop()

    def rounded(self, plot: ChannelPlot, point: QPointF) -> tuple[float, float]:
        """Return a place as precisely as a pixel says it, so that the line of Python that repeats it is readable."""
        x, y = plot.box.viewRange()
        return round(point.x(), digits_for(*x)), round(point.y(), digits_for(*y))

    def nearest(self, plot: ChannelPlot, point: QPointF) -> tuple[int, float]:
        """Return the row that is nearest to a place of a plot, -1 for none, and how many pixels lie between."""
        if self._shown is None or plot.channel >= self._shown.y.shape[1]:
            return -1, np.inf
        return self._shown.nearest(plot.channel, point.x(), point.y(), plot.box.viewPixelSize())

    def place_of(self, plot: ChannelPlot, row: int) -> QPointF:
        """Return where a row is in a plot."""
        if self._shown is None:
            return QPointF()
        return QPointF(float(self._shown.t[row]), float(self._shown.y[row, plot.channel]))

    def _click(self, plot: ChannelPlot, point: QPointF, keys: Qt.KeyboardModifier) -> None:
        row, away = self.nearest(plot, point)
        if keys & Qt.KeyboardModifier.ShiftModifier:
            if row >= 0:
                self.removed.emit(row)
        elif away > HIT:
            self.added.emit(*self.rounded(plot, point), plot.channel)

    def _grab(self, plot: ChannelPlot, point: QPointF) -> bool:
        row, away = self.nearest(plot, point)
        self._row = row if away <= GRAB else -1
        return self._row >= 0

    def _drag(self, plot: ChannelPlot, phase: str, now: QPointF) -> None:
        if self._row < 0:
            return
        row = self._row
        if phase == "end":
            self._row = -1
        self.moved.emit(phase, row, *self.rounded(plot, now), plot.channel)

    def _hover(self, plot: ChannelPlot, point: QPointF | None) -> None:
        row, away = (-1, np.inf) if point is None else self.nearest(plot, point)
        over = away <= GRAB
        plot.setCursor(Qt.CursorShape.OpenHandCursor if over else Qt.CursorShape.CrossCursor)
        shift = QGuiApplication.keyboardModifiers() & Qt.KeyboardModifier.ShiftModifier
        plot.point_out(row if over or (shift and point is not None) else -1)


def digits_for(low: float, high: float) -> int:
    """Return with how many decimals a place in a range is told as precisely as by a pixel."""
    span = high - low
    return 4 - int(np.floor(np.log10(span))) if span > 0 and np.isfinite(span) else 6


def is_wide(plot: ChannelPlot, x: FloatArray, y: FloatArray) -> bool:
    """Return whether a plot shows much more than it has to: ranges (2,) of times and values."""
    return any(
        high - low > WIDE * (wanted[1] - wanted[0])
        for (low, high), wanted in zip(plot.box.viewRange(), (x, y), strict=True)
    )


def value_range(frame: LatentFrame) -> FloatArray:
    """Return the values of the one channel that its plot shows: what the series asks for, and the curve that is known.

    Of what lies far outside not all is shown; and the range grows in large steps, so that it seldom does.
    """
    view, answer = frame.series.view, frame.answer
    height = float(view[3] - view[2])
    known = [view[2:], frame.series.truth[:, 0], answer.mean[:, 0] if not answer.refining else answer.mean[:0, 0]]
    values = np.clip(np.concatenate(known), view[2] - FAR * height, view[3] + FAR * height)
    values = values[np.isfinite(values)]
    if not height > 0 or not np.isfinite(height):
        return view[2:]
    below, above = (view[2] - values.min()) / height, (values.max() - view[3]) / height
    return view[2:] + np.array([-np.ceil(STEPS * below), np.ceil(STEPS * above)]) * height / STEPS


def channel_range(frame: LatentFrame, channel: int) -> FloatArray:
    """Return the values of a channel that a plot shows: its observations, and the curve where there are some."""
    series, answer = frame.series, frame.answer
    inside = (answer.t >= series.observed[0]) & (answer.t <= series.observed[1])
    values = np.concatenate([series.y[:, channel], series.truth[:, channel], answer.mean[inside, channel]])
    values = values[np.isfinite(values)]
    if not len(values):
        return np.array([-1.0, 1.0])
    low, high = float(values.min()), float(values.max())
    room = ROOM * ((high - low) or abs(high) or 1.0)
    return np.array([low - room, high + room])
