"""The main plot of the latent panel: one channel against time, with the curve, how sure it is, and who else answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt, QTimer, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QLabel

from nodeviz.app.bands import Band, Shade
from nodeviz.app.card import Card
from nodeviz.app.panels.latent_captions import point_words
from nodeviz.app.plots import EMPTY, AxisName, Columns, Plot, broken_lines, pen
from nodeviz.app.sprites import Sprites
from nodeviz.app.theme import DARK, Theme, answer_style, blend, ui_font

if TYPE_CHECKING:
    from PySide6.QtGui import QFocusEvent, QKeyEvent, QPaintEvent
    from PySide6.QtWidgets import QWidget

    from nodeviz.app.panels.latent_points import Shown
    from nodeviz.engine.arrays import BoolArray, FloatArray
    from nodeviz.experiments.latent_frame import AnswerView, BaselineView, LatentFrame
    from nodeviz.experiments.latent_params import LatentParams

BASELINES = ("gp", "rnn")
FAR = 50.0  # heights of the view beyond which a curve is pulled in: a painter counts in 32 bits
MOST_MARKERS = 4000
AXIS = 48  # pixels of the left axis where several plots stand above each other
SIZES = ((60, 9.0), (300, 6.5), (10**9, 4.0))  # pixels of a marker where there are so many at most
HINT = "click to add an observation"
REST_MS = 350  # that the pointer lies on a point before a card says what that is
OPACITY = (0.17, 0.26)  # of the 90 % band, and of the 50 % band over it


class Look(NamedTuple):
    """What is drawn, apart from the answer itself."""

    bands: str
    mean: bool
    samples: bool
    truth: bool

    @classmethod
    def of(cls, params: LatentParams) -> Look:
        """Return what the parameters ask for."""
        return cls(params.bands, params.show_mean, params.show_samples, params.show_truth)


class Baseline:
    """What one other model adds: its curve, and a band with edges where it has one."""

    def __init__(self, plot: Plot, name: str) -> None:
        self.name = name
        self.mean, self.edges = plot.curve(5, dashed=True), plot.curve(4.5, dashed=True)
        self.band = Band()
        self.band.setZValue(0.5)
        plot.addItem(self.band, ignoreBounds=True)

    def set_theme(self, theme: Theme) -> None:
        """Take colour and dash."""
        colour, dash = answer_style(self.name, theme)
        self.mean.setPen(pen(colour, 1.6, style=dash))
        self.edges.setPen(pen(blend((colour, theme.panel), 0.45), style=dash))
        self.band.set_colour(colour, 0.07)

    def show(self, view: BaselineView | None, channel: int, low: float, high: float) -> None:
        """Draw a channel of its answer, None for nothing."""
        t = EMPTY if view is None else view.t
        mean = EMPTY if view is None else np.clip(view.mean[:, channel], low, high)
        below, above = (EMPTY, EMPTY) if view is None else np.clip(view.band90[:, :, channel], low, high)
        self.mean.setData(t, mean)
        self.edges.setData(*broken_lines(np.stack([np.stack([t, edge], axis=1) for edge in (below, above)])))
        self.band.set_edges(t, below, above)


class Legend(QLabel):
    """Says in a corner of a plot, as rich text, whose curves these are; hidden where there is nothing to say."""

    def __init__(self, plot: Plot) -> None:
        super().__init__(plot)
        self._plot = plot
        self.setObjectName("overlay")
        self.setFont(ui_font(12))
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def say(self, text: str) -> None:
        """Show a text beside the left axis, or nothing."""
        self.setVisible(bool(text))
        if text != self.text():
            self.setText(text)
            self.adjustSize()
        self.move(round(self._plot.getAxis("left").width()) + 8, 8)


class ChannelPlot(Plot):
    """One channel of a series.

    ``painted`` says that what was drawn is on screen; ``keyed`` hands keys over, and whoever takes one accepts it;
    ``left`` says that the focus went elsewhere.

    Parameters
    ----------
    channel : int, which one, from 0
    """

    subject = "series"
    painted = Signal()
    keyed = Signal(object)
    left = Signal()

    def __init__(self, channel: int, parent: QWidget | None = None) -> None:
        super().__init__("time", "value", name=f"Series, channel {channel + 1}", parent=parent)
        self.channel = channel
        self._shades = (Shade(), Shade())
        self._bands = (Band(), Band())
        self._thinned, self._held, self._used = Sprites(), Sprites(), Sprites()
        items: tuple[pg.GraphicsObject, ...] = (
            *self._shades, *self._bands, self._thinned, self._held, self._used,
        )  # fmt: skip
        for z, item in zip((-30, -30, 1, 1.5, 8, 9, 9.5), items, strict=True):
            item.setZValue(z)
            self.addItem(item, ignoreBounds=True)
        self._samples = self.curve(2)
        self._truth = self.curve(4, dashed=True)
        self._baselines = {name: Baseline(self, name) for name in BASELINES}
        self._nudged = self.curve(6, dashed=True)
        self._casing, self._mean = self.curve(6.9), self.curve(7)
        self._fresh = self.markers("o", SIZES[0][1], 9.6)
        self._head, self._ring = self.markers("o", 11, 10), self.markers("o", 19, 11)
        self._cursor = self._line(90)
        self._cross = self._line(90), self._line(0)
        self._word, self._hint = AxisName(self.box), AxisName(self.box)
        self.legend = Legend(self)
        self.card = Card(self)
        self._rest = QTimer(self, singleShot=True, interval=REST_MS)
        self._rest.timeout.connect(self._show_card)
        self._theme = DARK
        self._size = 0.0
        self._drawn: tuple[object, ...] = ()
        self._frame: LatentFrame | None = None
        self._shown: Shown | None = None
        self._pointed: tuple[int, Shown | None] = (-1, None)
        self._look = Look("none", mean=False, samples=False, truth=False)
        self.columns = self._columns
        self.box.sigRangeChanged.connect(self._place_word)
        self.box.sigResized.connect(self._place_word)
        self.when_themed(self._take_theme)

    def _line(self, angle: float) -> pg.InfiniteLine:
        line = pg.InfiniteLine(angle=angle, movable=False)
        line.hide()
        line.setZValue(7.5)
        self.addItem(line, ignoreBounds=True)
        return line

    def _take_theme(self, theme: Theme) -> None:
        self._theme, self._drawn = theme, ()
        colour, _ = answer_style("latent", theme)
        for shade in self._shades:
            shade.set_colour(blend((theme.panel, theme.text), 0.035))
        for band, opacity in zip(self._bands, OPACITY, strict=True):
            band.set_colour(colour, opacity)
        self._samples.setPen(pen(blend((theme.panel, colour), 0.38)))
        self._truth.setPen(pen(theme.text, 1.2, style=Qt.PenStyle.DashLine))
        self._nudged.setPen(pen(blend((colour, theme.text), 0.6), 1.6, style=Qt.PenStyle.DotLine))
        self._casing.setPen(pen(theme.panel, 4))
        self._mean.setPen(pen(colour, 2))
        self._size = 0.0  # the markers take their colours with the next points
        self._head.setBrush(QColor(colour))
        self._head.setPen(pen(theme.panel, 1.5))
        self._ring.setBrush(QColor(0, 0, 0, 0))
        self._ring.setPen(pen(theme.text, 1.5))
        self._cursor.setPen(pen(theme.quiet))
        for line in self._cross:
            line.setPen(pen(theme.accent))
        for baseline in self._baselines.values():
            baseline.set_theme(theme)
        shown, self._shown = self._shown, None
        if shown is not None:
            self.show_points(shown)

    # Drawing.

    def show_answer(self, frame: LatentFrame, look: Look) -> None:
        """Draw what a frame answers, where anything of it is new."""
        drawn = (frame.answer, frame.baselines, frame.series, self._theme)
        self._frame = frame
        if len(self._drawn) == 4 and look == self._look and all(map(lambda a, b: a is b, drawn, self._drawn)):
            return
        self._drawn, self._look = drawn, look
        low, high = self._reach(frame.series.view)
        answer, c = frame.answer, self.channel
        self._show_bands(answer, look.bands, low, high)
        mean = np.clip(answer.mean[:, c], low, high) if look.mean else EMPTY
        for curve in (self._casing, self._mean):
            curve.setData(answer.t[: len(mean)], mean)
        self._show_samples(answer, low, high, on=look.samples)
        nudged = np.clip(answer.nudged[:, c], low, high)
        self._nudged.setData(answer.t[: len(nudged)], nudged)
        truth = frame.series.truth[:, c] if look.truth else EMPTY
        self._truth.setData(frame.series.truth_t[: len(truth)], truth)
        given = {view.name: view for view in frame.baselines}
        for name, baseline in self._baselines.items():
            baseline.show(given.get(name), c, low, high)
        first, last = frame.series.observed
        self._shades[0].set_span(-np.inf, first if np.isfinite(first) else -np.inf)
        self._shades[1].set_span(last if np.isfinite(last) else np.inf, np.inf)
        self._place_word()

    @staticmethod
    def _reach(view: FloatArray) -> tuple[float, float]:
        """Return the values beyond which nothing is drawn where it is."""
        with np.errstate(over="ignore"):
            height = float(view[3] - view[2])
            return float(view[2]) - FAR * height, float(view[3]) + FAR * height

    def _show_bands(self, answer: AnswerView, which: str, low: float, high: float) -> None:
        observed = which == "observations"
        wide, narrow = (answer.observed90, answer.observed50) if observed else (answer.band90, answer.band50)
        for band, edges in zip(self._bands, (wide, narrow), strict=True):
            below, above = (EMPTY, EMPTY) if which == "none" else np.clip(edges[:, :, self.channel], low, high)
            band.set_edges(answer.t[: len(below)], below, above)

    def _show_samples(self, answer: AnswerView, low: float, high: float, *, on: bool) -> None:
        if not on or not answer.samples.size:
            self._samples.setData([], [])
            return
        curves = np.clip(answer.samples[:, :, self.channel], low, high)
        times = np.broadcast_to(answer.t, curves.shape)
        self._samples.setData(*broken_lines(np.stack([times, curves], axis=-1)))

    def show_points(self, shown: Shown) -> None:
        """Draw observations, at once, and before there is an answer to them.

        One that is new is drawn alone, which takes a tenth of the time: the curve will be drawn with all of them.
        """
        before, self._shown = self._shown, shown
        if shown is before:
            return
        self._point_on(shown)
        if before is None or not len(before.t) or not len(shown.t):
            self._place_word()
        new = -1 if before is None or len(self._fresh.data) else shown.only_new(before)
        if new >= 0 and shown.used[new]:
            self._fresh.setData(shown.t[new : new + 1], shown.y[new : new + 1, self.channel])
            return
        self._fresh.setData([], [])
        self._dress_points(next(size for most, size in SIZES if len(shown.t) <= most))
        thinned = ~(shown.used | shown.held)
        for sprites, rows in ((self._thinned, thinned), (self._held, shown.held), (self._used, shown.used)):
            sprites.set_points(self._places(shown, rows))

    def _dress_points(self, size: float) -> None:
        """Let many markers be smaller."""
        if size != self._size:
            self._size, theme = size, self._theme
            self._used.set_look("circle", size, theme.text, theme.panel)
            self._held.set_look("circle", size, theme.panel, theme.text)
            self._thinned.set_look("circle", 0.5 * size, theme.quiet, theme.panel)
            self._fresh.setSize(size)
            self._fresh.setBrush(QColor(theme.text))
            self._fresh.setPen(pen(theme.panel))

    def _places(self, shown: Shown, rows: BoolArray) -> FloatArray:
        """Return the places (n, 2) of some observations, evenly thinned where there are more than can be told apart."""
        y = shown.y[:, self.channel]
        chosen = np.flatnonzero(rows & np.isfinite(y))
        chosen = chosen[:: max(1, -(-len(chosen) // MOST_MARKERS))]
        return np.stack([shown.t[chosen], y[chosen]], axis=1)

    def show_at(self, t: float, *, on: bool) -> None:
        """Show where the cursor is, and where the curve is then."""
        self._cursor.setVisible(on)
        self._cursor.setValue(t)
        answer = None if self._frame is None else self._frame.answer
        if on and answer is not None and len(answer.t) and self._look.mean:
            self._head.setData([t], [np.interp(t, answer.t, answer.mean[:, self.channel])])
        else:
            self._head.setData([], [])

    def show_cross(self, at: QPointF | None) -> None:
        """Show the cross that the keys move, None for none."""
        for line, value in zip(self._cross, (0.0, 0.0) if at is None else (at.x(), at.y()), strict=True):
            line.setVisible(at is not None)
            line.setValue(value)

    def point_out(self, row: int) -> None:
        """Put a ring around a row, -1 for none; where the pointer rests there, a card says what it is."""
        shown = self._shown
        if self._pointed[0] == row and self._pointed[1] is shown:
            return
        self._pointed = row, shown
        self.card.hide()
        self._rest.stop()
        if shown is None or not 0 <= row < len(shown.t):
            self._ring.setData([], [])
            return
        self._ring.setData(shown.t[row : row + 1], shown.y[row : row + 1, self.channel])
        self._rest.start()

    def _point_on(self, shown: Shown) -> None:
        """Keep the ring and the card where their point is still what and where it was; take them away otherwise."""
        row, of = self._pointed
        if row < 0 or of is None:
            return
        parts = [(one.t[row : row + 1], one.y[row : row + 1], one.used[row : row + 1]) for one in (of, shown)]
        if all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in zip(*parts, strict=True)):
            self._pointed = row, shown
        else:
            self.point_out(-1)

    def _show_card(self) -> None:
        row, shown = self._pointed
        if shown is not None and shown is self._shown and self._frame is not None:
            place = QPointF(shown.t[row], shown.y[row, self.channel])
            self.card.show_at(place, point_words(shown, row, self.channel, self._frame.answer))

    def _place_word(self) -> None:
        """Say in the shaded part that a curve extrapolates, if there is room; without points say how to add one."""
        rect = self.box.rect()
        empty = self._shown is not None and not len(self._shown.t)
        self._hint.setVisible(empty)
        if empty:
            self._hint.show_text(HINT, self._theme.text)
            wide = self._hint.boundingRect().width()
            self._hint.setPos(max(rect.left(), rect.center().x() - wide / 2), rect.top() + rect.height() / 4)
        first = self._shades[1].boundingRect().left()
        left = self.box.mapFromView(QPointF(first, 0.0)).x() + 8.0
        self._word.show_text("extrapolation", self._theme.quiet)
        wide = self._word.boundingRect().width()
        left = max(left, rect.right() - wide - 10.0)
        shaded = self._shades[1].boundingRect().width() > 0 and left + wide < rect.right()
        self._word.setVisible(shaded and not self._compact)  # a low plot has the name of its axis there
        self._word.setPos(left, rect.top() + 4.0)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw, and say so."""
        super().paintEvent(event)
        self.painted.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Offer a key to whoever listens first."""
        event.ignore()
        self.keyed.emit(event)
        if not event.isAccepted():
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Say that keys go elsewhere."""
        super().focusOutEvent(event)
        self.left.emit()

    def _columns(self) -> Columns:
        frame, shown, c = self._frame, self._shown, self.channel
        if frame is None or shown is None:
            return {}
        answer, name = frame.answer, shown.names[c] if c < len(shown.names) else "y"
        state = np.where(shown.used, "used", np.where(shown.held, "held out", "thinned"))
        columns: dict[str, Any] = {"observed t": shown.t, f"observed {name}": shown.y[:, c], "observed": state}
        columns |= {"t": answer.t, "mean": answer.mean[:, c]}
        for what, edges in (("50 %", answer.band50), ("90 %", answer.band90), ("90 % observed", answer.observed90)):
            columns |= {f"{what} low": edges[0, :, c], f"{what} high": edges[1, :, c]}
        for view in frame.baselines:
            columns |= {f"{view.name} t": view.t, f"{view.name} mean": view.mean[:, c]}
            columns |= {f"{view.name} 90 % low": view.band90[0, :, c], f"{view.name} 90 % high": view.band90[1, :, c]}
        return columns
