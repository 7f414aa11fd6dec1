"""The plane of one flow: its density, its samples on their way, its field, and what becomes of a grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor

from nodeviz.app.panels.flow_captions import method_style
from nodeviz.app.panels.flow_density import SHARES, colour_map, coloured, contour, contrast, mass_levels
from nodeviz.app.planes import Plane
from nodeviz.app.plots import Columns, pen
from nodeviz.app.sprites import Picture, Sprites
from nodeviz.app.theme import DARK, Theme, blend
from nodeviz.app.ways import arrows, between, lattice, trails

if TYPE_CHECKING:
    from PySide6.QtCore import QPointF
    from PySide6.QtGui import QResizeEvent
    from PySide6.QtWidgets import QWidget

    from nodeviz.app.panels.flow_density import Shown
    from nodeviz.engine.arrays import FloatArray
    from nodeviz.experiments.flow_frame import FlowPath, FlowView, TargetView
    from nodeviz.experiments.flow_params import FlowParams

TRAILED = 160  # points that have a trail: more of them hide the plane, and take long
APART = 13  # pixels between arrows at least
FEWEST, ROOM = 250, 100  # samples over a density at least, and pixels of the plot that each of the others has


class Look(NamedTuple):
    """What is drawn of a flow, apart from the flow itself."""

    density: bool
    contours: bool
    samples: bool
    trails: bool
    target: bool
    velocity: bool
    grid: bool

    @classmethod
    def of(cls, params: FlowParams) -> Look:
        """Return what the parameters ask for."""
        return cls(**{name: getattr(params, f"show_{name}") for name in cls._fields})


class FlowPlane(Plane):
    """The plane of one flow: `prepare` takes it, `show_at` draws it at a time."""

    subject = "plane"

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__("x", "y", name=name, parent=parent)
        self._ground = Picture()
        self._ground.setZValue(-20)
        self._ground.setCacheMode(self._ground.CacheMode.NoCache)  # with the cursor it changes, as often as it is drawn
        self._target, self._samples = Sprites(), Sprites()
        self._grid = self.curve(1)
        self._contours = [self.curve(1.5, connect="pairs") for _ in SHARES]
        self._arrows = self.curve(2, connect="pairs")
        self._trails = self.curve(3)
        for z, item in ((4, self._target), (5, self._samples)):
            item.setZValue(z)
        for item in (self._ground, self._target, self._samples):
            self.addItem(item, ignoreBounds=True)
        self._casing, self._way = self.curve(5.9), self.curve(6)
        self._ring = self.markers("o", 13, 7)
        self._colours = colour_map(DARK)
        self._theme: Theme | None = None
        self._dressed: tuple[Theme, float] | None = None
        self._flow: FlowView | None = None
        self._view: FloatArray = np.zeros(4)
        self._targets: FloatArray = np.empty((0, 2))
        self._t: FloatArray = np.zeros(1)
        self._look = Look(*[False] * 7)
        self._path: FlowPath | None = None
        self._shown: Shown | None = None
        self._drawn: tuple[object, ...] = ()
        self._now: FloatArray = np.empty((0, 2))
        self.columns = self._columns
        self.box.grabs = self._grab
        self.box.dragged.connect(lambda phase, _, now: self.paint_at(phase, now))
        self.box.hovered.connect(self._hover)
        self.when_themed(self._take_theme)

    def _take_theme(self, theme: Theme) -> None:
        self._theme, self._colours, self._drawn, self._path = theme, colour_map(theme), (), None
        dark = theme.name == "dark"
        self._grid.setPen(pen(blend((theme.panel, theme.text), 0.42)))
        self._trails.setPen(pen(blend((theme.panel, theme.text), 0.5)))
        self._casing.setPen(pen(theme.panel, 4))
        self._way.setPen(pen(theme.text, 1.6))
        self._ring.setPen(pen(theme.text, 1.6))
        self._dress_samples(theme)
        self._target.set_look("diamond", 5.0, "#58b0f0" if dark else "#0072b2", theme.panel)
        self._dress_arrows(theme)

    def _dress_samples(self, theme: Theme) -> None:
        """Let the samples be small in a small plane: they must not hide the density."""
        size = round(min(max(self.width() / 180, 1.8), 3.2), 1)
        if (theme, size) != self._dressed:
            self._dressed = theme, size
            self._samples.set_look("circle", size, faded(theme.text, 0.8), faded(theme.panel, 0.3))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Choose the size of the samples anew."""
        super().resizeEvent(event)
        if hasattr(self, "_dressed") and self._theme is not None:
            self._dress_samples(self._theme)

    def _dress_arrows(self, theme: Theme) -> None:
        # Over a density they must stand out from its colours, over the bare ground they are quiet.
        self._arrows.setPen(pen(blend((theme.panel, theme.text), 0.66) if self._look.density else theme.field[1]))

    # Drawing.

    def prepare(self, flow: FlowView, t: FloatArray, target: TargetView, look: Look) -> None:
        """Take what is drawn."""
        self._flow, self._t, self._view = flow, t, target.view
        self._targets = target.points if look.target else np.empty((0, 2))
        if look != self._look and self._theme is not None:
            self._look = look
            self._dress_arrows(self._theme)

    def show_at(self, t: float, density: Shown | None, top: float) -> None:
        """Draw with the cursor at time t; ``top`` is the density that has the brightest colour."""
        flow, look = self._flow, self._look
        if flow is None or self._theme is None:
            return
        self._show_density(density, top)
        self._now = between(self._t, flow.samples, t, held=False)
        # In a small plane all of them would hide the density.
        count = max(FEWEST, self.width() * self.height() // ROOM) if look.density else len(self._now)
        self._samples.set_points(self._now[:count] if look.samples else np.empty((0, 2)))
        self._target.set_points(self._targets)
        if look.trails and t > 0.0:
            states = flow.samples[:, :TRAILED]
            self._trails.setData(*trails(self._t, states, t, self._now[:TRAILED]).reshape(-1, 2).T)
        else:
            self._trails.setData([], [])
        drawn = look.grid and flow.grid.size
        self._grid.setData(*(lattice(between(self._t, flow.grid, t, held=False)) if drawn else ([], [])))
        drawn = look.velocity and flow.velocity.size
        field = between(self._t, flow.velocity, t, held=False) if drawn else np.empty((0, 0, 2))
        every = 1 if self.width() > APART * len(field) else 2
        self._arrows.setData(*arrows(field, self._view, every))
        self._mark(t)

    def _show_density(self, density: Shown | None, top: float) -> None:
        drawn = (top, self._look.density, self._look.contours)
        if density is self._shown and drawn == self._drawn:
            return
        self._shown, self._drawn = density, drawn
        if density is not None and self._look.density:
            self._ground.set_image(coloured(density.p, top, self._colours), self._view)
        else:
            self._ground.clear()
        for curve in self._contours:
            curve.setData([], [])
        if density is not None and self._look.contours:
            self._show_contours(density.p, top)

    def _show_contours(self, p: FloatArray, top: float) -> None:
        plain = self._theme.text if self._theme is not None else "white"
        for curve, level in zip(self._contours, mass_levels(p), strict=False):
            curve.setPen(pen(contrast(level, top, self._colours) if self._look.density else plain))
            curve.setData(*contour(p, level, self._view).T)

    def show_path(self, path: FlowPath | None, t: float) -> None:
        """Show the path of the point that was asked about."""
        if path is not self._path:
            self._path = path
            if path is not None and self._theme is not None:
                self._ring.setBrush(QColor(method_style(path.name, self._theme)[0]))
            for curve in (self._casing, self._way):
                curve.setData(*(path.path.T if path is not None and len(path.t) else ([], [])))
        self._mark(t)

    def _mark(self, t: float) -> None:
        path = self._path
        if path is None or not len(path.t):
            self._ring.setData([], [])
        else:
            self._ring.setData(*([np.interp(t, path.t, path.path[:, axis])] for axis in range(2)))

    # The pointer.

    def _grab(self, point: QPointF) -> bool:
        if self.painting:
            self.paint_at("start", point)
        return self.painting

    def _hover(self, point: QPointF | None) -> None:
        del point
        self.setCursor(Qt.CursorShape.CrossCursor)

    def _columns(self) -> Columns:
        if self._flow is None:
            return {}
        columns: dict[str, Any] = {"x": self._now[:, 0], "y": self._now[:, 1]}
        if self._path is not None and len(self._path.t):
            x, y = self._path.path.T
            columns |= {"path t": self._path.t, "path x": x, "path y": y, "path log p": self._path.log_prob}
        return columns


def faded(colour: str, share: float) -> str:
    """Return a colour of which a share is seen."""
    seen = QColor(colour)
    seen.setAlphaF(share)
    return seen.name(QColor.NameFormat.HexArgb)
