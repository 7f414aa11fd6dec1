"""The plane of a series of two channels that belong together, such as a spiral: where the curve goes, without time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import Qt

from nodeviz.app.panels.latent_plot import Legend, Look
from nodeviz.app.plots import EMPTY, Columns, Plot, broken_lines, pen
from nodeviz.app.sprites import Sprites
from nodeviz.app.theme import DARK, Theme, answer_style, blend

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from nodeviz.app.panels.latent_points import Shown
    from nodeviz.engine.arrays import FloatArray
    from nodeviz.experiments.latent_frame import LatentFrame


class SeriesPlane(Plot):
    """Two channels against each other, with equal aspect. Beyond the observations the curve is dashed."""

    subject = "plane"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("x", "y", name="Plane of the two channels", equal=True, parent=parent)
        self._samples = self.curve(2)
        self._truth = self.curve(3, dashed=True)
        self._others = {name: self.curve(4, dashed=True) for name in ("gp", "rnn")}
        self._beyond = self.curve(5, dashed=True)
        self._casing, self._mean = self.curve(5.9), self.curve(6)
        self._held, self._used = Sprites(), Sprites()
        for z, sprites in ((7, self._held), (7.5, self._used)):
            sprites.setZValue(z)
            self.addItem(sprites, ignoreBounds=True)
        self._head = self.markers("o", 11, 8)
        self.legend = Legend(self)
        self._theme = DARK
        self._frame: LatentFrame | None = None
        self._shown: Shown | None = None
        self._look: Look | None = None
        self.columns = self._columns
        self.when_themed(self._take_theme)

    def _take_theme(self, theme: Theme) -> None:
        self._theme, self._look = theme, None
        colour, _ = answer_style("latent", theme)
        self._samples.setPen(pen(blend((theme.panel, colour), 0.4)))
        self._truth.setPen(pen(theme.text, 1.2, style=Qt.PenStyle.DashLine))
        for name, curve in self._others.items():
            other, dash = answer_style(name, theme)
            curve.setPen(pen(other, 1.6, style=dash))
        self._beyond.setPen(pen(colour, 2, style=Qt.PenStyle.DashLine))
        self._casing.setPen(pen(theme.panel, 4))
        self._mean.setPen(pen(colour, 2))
        self._used.set_look("circle", 7.0, theme.text, theme.panel)
        self._held.set_look("circle", 7.0, theme.panel, theme.text)
        self._head.setBrush(pen(colour).color())
        self._head.setPen(pen(theme.panel, 1.5))
        shown, self._shown = self._shown, None
        if shown is not None:  # a new look hides the markers until they are placed
            self.show_points(shown)

    def show_answer(self, frame: LatentFrame, look: Look) -> None:
        """Draw what a frame answers, where anything of it is new."""
        if frame is self._frame and look == self._look:
            return
        self._frame, self._look = frame, look
        answer, series = frame.answer, frame.series
        inside = (answer.t >= series.observed[0]) & (answer.t <= series.observed[1])
        mean = answer.mean if look.mean else np.full_like(answer.mean, np.nan)
        for curve in (self._casing, self._mean):
            curve.setData(*np.where(inside[:, None], mean, np.nan).T)
        self._beyond.setData(*np.where(inside[:, None], np.nan, mean).T)
        self._samples.setData(*(broken_lines(answer.samples) if look.samples else (EMPTY, EMPTY)))
        self._truth.setData(*(series.truth.T if look.truth else (EMPTY, EMPTY)))
        given = {view.name: view.mean for view in frame.baselines}
        for name, curve in self._others.items():
            curve.setData(*given.get(name, np.empty((0, 2))).T)

    def show_points(self, shown: Shown) -> None:
        """Draw observations."""
        if shown is not self._shown:
            self._shown = shown
            self._used.set_points(shown.y[shown.used])
            self._held.set_points(shown.y[shown.held])

    def show_at(self, t: float, *, on: bool) -> None:
        """Show where the curve is at a time."""
        answer = None if self._frame is None else self._frame.answer
        if on and answer is not None and len(answer.t):
            self._head.setData(*([np.interp(t, answer.t, column)] for column in answer.mean.T))
        else:
            self._head.setData([], [])

    def fit(self, key: object) -> None:
        """Show all observations, and the curve as far as it is known what it should be."""
        if self._frame is not None and self._shown is not None:
            places = np.concatenate([self._shown.y, self._frame.series.truth])
            self.grow(key, *places.T)

    def _columns(self) -> Columns:
        if self._frame is None:
            return {}
        answer, names = self._frame.answer, self._frame.series.names
        columns: dict[str, Any] = {"t": answer.t}
        mean: FloatArray = answer.mean
        return columns | {f"mean {name}": column for name, column in zip(names, mean.T, strict=True)}
