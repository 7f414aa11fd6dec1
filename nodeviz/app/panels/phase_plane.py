"""The phase plane: layers of one plot, from the direction field at the back to the start points in front."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor

from nodeviz.app.card import Card
from nodeviz.app.plots import Columns, Plot, broken_lines, dashes, label_number, pen
from nodeviz.app.theme import Theme, blend, solver_styles, ui_font

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from nodeviz.engine.arrays import BoolArray, FloatArray
    from nodeviz.experiments.phase_frame import Paths, PhaseFrame, Portrait
    from nodeviz.experiments.phase_params import PhaseParams

SHADES = 5  # of the direction field, by speed
MOST_MARKERS = 300  # per path; more of them hide the path
DASH = 5.0  # pixels
GRAB = 12.0  # pixels around a handle


class PhasePlane(Plot):
    """The main plot of the phase panel."""

    subject = "plane"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("x", "y", name="Phase plane", equal=True, parent=parent)
        self._arrows = [self.curve(1, connect="pairs") for _ in range(SHADES)]
        self._nullclines = (self.curve(2), self.curve(2, dashed=True))
        self._manifolds = (self.curve(3), self.curve(3))
        self._cycles, self._repelling = self.curve(4), self.curve(4)
        self._past, self._reference = self.curve(5, dashed=True), self.curve(6.5)
        self._solvers: list[SolverLayer] = []
        self._rest = (self.markers("o", 9, 10), self.markers("o", 9, 10))
        self._starts = self.markers("o", 11, 20)
        self._names: list[pg.TextItem] = []
        self._theme: Theme | None = None
        self._arrows_of: Portrait | None = None
        self._paths_of: Paths | None = None
        self._start_points: FloatArray = np.empty((0, 2))
        self._frame: PhaseFrame | None = None
        self._reach: tuple[FloatArray, float] = (np.zeros(2), np.inf)
        self.card = Card(self)
        self.columns = self._columns
        self.box.hovered.connect(self._hover)
        self.when_themed(self._take_theme)

    def _take_theme(self, theme: Theme) -> None:
        self._theme = theme
        self._arrows_of = None
        for shade, item in enumerate(self._arrows):
            item.setPen(pen(blend(theme.field, shade / (SHADES - 1))))
        dashes = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine)
        for item, colour, dash in zip(self._nullclines, theme.nullclines, dashes, strict=True):
            item.setPen(pen(colour, 1.5, style=dash))
        self._reference.setPen(pen(theme.text, 1.2))
        self._past.setPen(pen(theme.quiet, 1.2, style=Qt.PenStyle.DotLine))
        self._starts.setPen(pen(theme.text, 1.5))
        self._starts.setBrush(pg.mkBrush(theme.panel))
        stable, unstable = self._rest
        stable.setPen(pen(theme.accent, 1.5))
        stable.setBrush(pg.mkBrush(theme.accent))
        unstable.setPen(pen(theme.accent, 1.5))
        unstable.setBrush(pg.mkBrush(theme.panel))

    def show_range(self, params: PhaseParams) -> None:
        """Show the view of the parameters, and as much more as equal aspect leaves room for."""
        self.box.setRange(xRange=params.x_range, yRange=params.y_range, padding=0.01)

    def show_starts(self, params: PhaseParams) -> None:
        """Show where paths start, at once, and before there are any from there."""
        self._start_points = np.array(params.start, float)
        self._starts.setData(*self._start_points.T)

    def set_names(self, params: PhaseParams) -> None:
        """Show or hide the layers as the parameters say."""
        for item in self._arrows:
            item.setVisible(params.show_field)
        for item in self._nullclines:
            item.setVisible(params.show_nullclines)
        for item in self._manifolds:
            item.setVisible(params.show_manifolds)
        for item in (self._cycles, self._repelling):
            item.setVisible(params.show_cycles)
        for item in (*self._rest, *self._names):
            item.setVisible(params.show_equilibria)
        self._reference.setVisible(params.show_reference)
        self._past.setVisible(params.show_past)

    def show_frame(self, frame: PhaseFrame, t: float, params: PhaseParams) -> None:
        """Draw a frame with the cursor at time t."""
        self._frame = frame
        if frame.portrait is not self._arrows_of:
            self._show_portrait(frame.portrait)
        paths = frame.paths
        sign = 1.0 if frame.t1 >= frame.t0 else -1.0
        self._reach = view_reach(params)
        reference = np.where((sign * paths.reference_t <= sign * t + 1e-12)[..., None], paths.reference_y, np.nan)
        x, y = broken_lines(nearer(reference, *self._reach))
        self._reference.setData(x, y, connect=dashes(x, y, DASH * max(self.box.viewPixelSize())))
        if self._paths_of is not paths:
            self._paths_of = paths
            self._past.setData(*broken_lines(nearer(paths.past_y, *self._reach)))
        self.show_starts(params)
        while len(self._solvers) < len(paths.entries):
            self._solvers.append(SolverLayer(self))
        for s, layer in enumerate(self._solvers):
            if s < len(paths.entries) and self._theme is not None:
                layer.show(paths, s, sign, t, self._theme, self._reach, markers=params.show_steps)
            else:
                layer.clear()
        self.set_names(params)

    def _show_portrait(self, portrait: Portrait) -> None:
        theme = self._theme
        if theme is None:
            return
        self._arrows_of = portrait
        self.card.hide()
        for item, (x, y) in zip(self._arrows, arrow_strokes(portrait), strict=True):
            item.setData(x, y)
        self._nullclines[0].setData(*portrait.nullcline_x.T)
        self._nullclines[1].setData(*portrait.nullcline_y.T)
        # Paler while they still belong to the parameters before.
        fade = 0.0 if portrait.manifolds_current else 0.6
        for item, colour, curve in zip(
            self._manifolds, theme.manifolds, (portrait.stable, portrait.unstable), strict=True
        ):
            item.setPen(pen(blend((colour, theme.panel), fade), 1.5))
            item.setData(*curve.T)
        fade = 0.0 if portrait.cycles_current else 0.6
        pieces = cycle_pieces(portrait)
        for item, stable in ((self._cycles, True), (self._repelling, False)):
            x, y = pieces[stable].T
            item.setPen(pen(blend((theme.text, theme.panel), 0.45 + fade / 2), 3))
            item.setData(x, y, connect="finite" if stable else dashes(x, y, 2 * DASH * max(self.box.viewPixelSize())))
        self._show_equilibria(portrait, theme)

    def _show_equilibria(self, portrait: Portrait, theme: Theme) -> None:
        attracting = np.array([str(kind).startswith("stable") for kind in portrait.kinds], bool)
        for item, chosen in zip(self._rest, (attracting, ~attracting), strict=True):
            item.setData(*portrait.equilibria[chosen].T)
        for name in self._names:
            self.removeItem(name)
        self._names = []
        if len(portrait.kinds) > 4:
            return  # more names than that hide the plane; the cards on hover stay
        for point, kind, values in zip(portrait.equilibria, portrait.kinds, portrait.eigenvalues, strict=True):
            text = str(kind) if len(portrait.kinds) > 1 else f"{kind} {pair_in_words(values)}"
            ground = QColor(theme.panel)
            ground.setAlphaF(0.75)
            name = pg.TextItem(text, color=QColor(theme.accent), anchor=(0, 0), fill=pg.mkBrush(ground))
            name.setFont(ui_font(12))
            name.setPos(*point)
            name.setZValue(11)
            self.addItem(name, ignoreBounds=True)
            self._names.append(name)

    def start_at(self, point: QPointF) -> int | None:
        """Return the number of the start point under the pointer."""
        return self._nearest(self._start_points, point)

    def _nearest(self, points: FloatArray, point: QPointF) -> int | None:
        if not len(points):
            return None
        width, height = self.box.viewPixelSize()
        distances = np.hypot((points[:, 0] - point.x()) / width, (points[:, 1] - point.y()) / height)
        nearest = int(np.argmin(distances))
        return nearest if distances[nearest] <= GRAB else None

    def _hover(self, point: QPointF | None) -> None:
        frame = self._frame
        found = None if frame is None or point is None else self._nearest(frame.portrait.equilibria, point)
        over_start = point is not None and self.start_at(point) is not None
        self.setCursor(Qt.CursorShape.OpenHandCursor if over_start else Qt.CursorShape.CrossCursor)
        if frame is None or found is None or over_start:
            self.card.hide()
            return
        self.card.show_at(QPointF(*frame.portrait.equilibria[found]), card_text(frame.portrait, found))

    def _columns(self) -> Columns:
        if self._frame is None:
            return {}
        paths = self._frame.paths
        columns: dict[str, Any] = {}
        for p in range(len(paths.start)):
            tag = f"reference start {p + 1}" if len(paths.start) > 1 else "reference"
            x, y = paths.reference_y[p].T
            columns |= {f"{tag} t": paths.reference_t[p], f"{tag} x": x, f"{tag} y": y}
        for s, entry in enumerate(paths.entries):
            for p in range(len(paths.start)):
                tag = f"{entry} start {p + 1}" if len(paths.start) > 1 else str(entry)
                columns |= {f"{tag} t": paths.t[s, p], f"{tag} x": paths.y[s, p, :, 0], f"{tag} y": paths.y[s, p, :, 1]}
        return columns


class SolverLayer:
    """What one solver adds to the plane: its paths so far, the rest of them paler, markers at its steps, and heads."""

    def __init__(self, plane: PhasePlane) -> None:
        self._rest, self._path = plane.curve(6), plane.curve(9)
        self._steps, self._heads = plane.markers("o", 6, 9.5), plane.markers("o", 11, 12)
        self._ends = plane.markers("x", 12, 13)
        self._dress: tuple[tuple[str, str], str] | None = None
        self._drawn: tuple[Paths, int, float] | None = None
        self._y: FloatArray = np.empty((0, 0, 2))

    def show(
        self,
        paths: Paths,
        s: int,
        sign: float,
        t: float,
        theme: Theme,
        reach: tuple[FloatArray, float],
        *,
        markers: bool,
    ) -> None:
        """Draw the paths of solver s up to time t."""
        self._put_on(solver_styles(paths.methods)[s], theme)
        if self._drawn is None or self._drawn[0] is not paths or self._drawn[1:] != (s, reach[1]):
            self._drawn = (paths, s, reach[1])
            self._y = nearer(paths.y[s], *reach)
            self._rest.setData(*broken_lines(self._y))
            self._ends.setData(*last_nodes(self._y[paths.status[s] != "ok"]).T)
        cut, heads, passed = cut_at(paths.t[s], self._y, sign, t)
        self._rest.setVisible(not np.all(passed | ~np.isfinite(paths.t[s])))
        self._path.setData(*broken_lines(cut))
        few = markers and int(np.isfinite(paths.t[s]).sum(axis=1).max()) <= MOST_MARKERS
        self._steps.setData(*(self._y[passed & np.isfinite(self._y[..., 0])].T if few else ([], [])))
        self._heads.setData(*heads.T)

    def _put_on(self, style: tuple[str, str], theme: Theme) -> None:
        """Take the colour and the marker of a solver; every call costs a redraw of all markers, so only on change."""
        if self._dress == (style, theme.name):
            return
        self._dress = (style, theme.name)
        colour, symbol = style
        self._rest.setPen(pen(blend((colour, theme.panel), 0.72)))
        self._path.setPen(pen(colour, 1.6))
        self._ends.setPen(pen(colour, 2))
        for item in (self._steps, self._heads):
            item.setSymbol(symbol)
            item.setBrush(pg.mkBrush(colour))
        self._heads.setPen(pen(theme.panel, 1.5))

    def clear(self) -> None:
        """Show nothing."""
        self._drawn = None
        for item in (self._rest, self._path, self._steps, self._heads, self._ends):
            item.setData([], [])


def cycle_pieces(portrait: Portrait) -> dict[bool, FloatArray]:
    """Return the limit cycles that attract (True) and those that repel, each as one broken curve (M, 2)."""
    breaks = np.flatnonzero(np.isnan(portrait.cycles[:, 0]))
    curves = np.split(portrait.cycles, breaks + 1)[: len(breaks)]
    stable = portrait.cycle_stable if portrait.cycles_current else np.ones(len(curves), bool)
    pairs = list(zip(curves, stable, strict=True))
    return {
        kind: np.vstack([np.empty((0, 2)), *(c for c, is_stable in pairs if is_stable == kind)])
        for kind in (True, False)
    }


def view_reach(params: PhaseParams) -> tuple[FloatArray, float]:
    """Return the middle of the view, and a distance that is far outside whatever is in sight."""
    middle = np.array([sum(params.x_range) / 2, sum(params.y_range) / 2])
    return middle, 200.0 * float(max(np.ptp(params.x_range), np.ptp(params.y_range)))


def nearer(y: FloatArray, middle: FloatArray, reach: float) -> FloatArray:
    """Return points (..., 2) with those beyond reach pulled in along their ray: a painter counts in 32 bits."""
    with np.errstate(all="ignore"):
        offset = y - middle
        factor = reach / np.maximum(np.abs(offset).max(axis=-1, keepdims=True), reach)
        return middle + offset * factor


def cut_at(t: FloatArray, y: FloatArray, sign: float, now: float) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Return paths (P, K, 2) cut at a time, their heads (P, 2), and which nodes (P, K) have passed.

    Between two nodes the head moves along the straight line that is drawn between them.
    """
    passed = sign * t <= sign * now + 1e-12
    cut = np.where(passed[..., None], y, np.nan)
    heads = np.empty((len(t), 2))
    for p, count in enumerate(passed.sum(axis=1)):
        before = max(0, int(count) - 1)
        after = before + 1
        heads[p] = y[p, before]
        if after < t.shape[1] and np.isfinite(t[p, after]):
            share = (now - t[p, before]) / (t[p, after] - t[p, before])
            heads[p] += share * (y[p, after] - y[p, before])
            cut[p, after] = heads[p]
    return cut, heads, passed


def last_nodes(y: FloatArray) -> FloatArray:
    """Return the last finite point of each path (P, K, 2) as (P, 2)."""
    if not len(y):
        return np.empty((0, 2))
    counts = np.isfinite(y).all(axis=2).sum(axis=1)
    return np.array([path[max(0, count - 1)] for path, count in zip(y, counts, strict=True)])


def arrow_strokes(portrait: Portrait) -> list[tuple[FloatArray, FloatArray]]:
    """Return for each shade the strokes of its arrows: pairs of points for a shaft and two barbs."""
    at, direction, speed = portrait.at, portrait.direction, portrait.speed
    if not len(at):
        return [(np.empty(0), np.empty(0))] * SHADES
    spacing = np.diff(np.unique(at[:, 1]))
    length = 0.62 * float(spacing.min()) if len(spacing) else 1.0
    # By rank, so that a few fast places do not leave all the others in one shade.
    ranks = np.argsort(np.argsort(speed)) * SHADES // max(1, len(speed))
    across = np.stack([-direction[:, 1], direction[:, 0]], axis=1)
    tail, tip = at - direction * length / 2, at + direction * length / 2
    left = tip - direction * length * 0.3 + across * length * 0.17
    right = tip - direction * length * 0.3 - across * length * 0.17
    strokes = np.stack([tail, tip, left, tip, right, tip], axis=1)
    return [(strokes[ranks == shade, :, 0].ravel(), strokes[ranks == shade, :, 1].ravel()) for shade in range(SHADES)]


def pair_in_words(values: Any) -> str:
    """Return two eigenvalues as text: ``−0.1 ± 1i`` for a complex pair, ``−1, 2`` for real ones."""
    first, second = values
    if abs(first.imag) > 1e-12 * max(1.0, abs(first)):
        real = label_number(first.real) if abs(first.real) > 1e-9 * abs(first) else "0"
        return f"{real} ± {label_number(abs(first.imag))}i"
    return f"{label_number(first.real)}, {label_number(second.real)}"


def card_text(portrait: Portrait, index: int) -> str:
    """Return what the card of an equilibrium says."""
    x, y = portrait.equilibria[index]
    values = portrait.eigenvalues[index]
    lines = [
        f"<b>{portrait.kinds[index]}</b> at ({label_number(x)}, {label_number(y)})",
        f"eigenvalues {pair_in_words(values)}",
    ]
    rate = max(value.real for value in values)
    turn = max(abs(value.imag) for value in values)
    does = []
    if abs(rate) > 1e-9 * max(1.0, abs(values[0])):
        does.append(f"{'grow' if rate > 0 else 'decay'} at rate {label_number(abs(rate))}")
    if turn > 1e-12:
        does.append(f"turn once in {label_number(2 * np.pi / turn)}")
    if does:
        lines.append(f"small deviations {' and '.join(does)}")
    if str(portrait.kinds[index]) == "undecided":
        lines.append("the linearisation does not tell what happens here")
    return "<br>".join(lines)
