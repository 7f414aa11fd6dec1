"""Densities as pictures: what is known of them at the cursor, in colours, and lines that hold a share of the mass."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyqtgraph as pg
from PySide6.QtGui import QColor

from nodeviz.problems.contours import contour_pieces

if TYPE_CHECKING:
    from nodeviz.app.sprites import Rgba
    from nodeviz.app.theme import Theme
    from nodeviz.engine.arrays import FloatArray
    from nodeviz.experiments.flow_frame import DensityView, FlowView

SHARES = (0.25, 0.5, 0.75, 0.95)  # of the mass, within each contour line
BRIGHT = 0.997  # share of the cells that are not in the colour of the peak
GAMMA = 0.7  # below 1 the tails show, which a straight map would leave dark
FADE = 0.16  # of the map, over which it comes out of the ground
COLOURS = 1024  # of the map, evenly from no density to the top
CONTRAST = 0.5  # of the map, between a line and what it lies on
LEAST = 1e-30  # density whose logarithm is still drawn
SAME = 1e-6  # times nearer than that are one


class Shown(NamedTuple):
    """A density at a time.

    Attributes
    ----------
    p : (R, R) per unit of area; top : the p that has the brightest colour
    t : its time; computed : whether it was computed for that time, rather than being the mean of two that were
    """

    p: FloatArray
    top: float
    t: float
    computed: bool = True


class KnownDensities:
    """The densities of one flow that have been computed, ready to be drawn at any time between them.

    A density between two known ones is their mean by distance, which keeps the mass; elsewhere the nearest is shown.
    """

    def __init__(self) -> None:
        self._flow: FlowView | None = None
        self._t: FloatArray = np.empty(0)
        self._ready: dict[int, Shown] = {}
        self._answer: Shown | None = None

    def take(self, flow: FlowView, t: FloatArray) -> None:
        """Take what a frame has; what it had before stays ready where it is the same."""
        before, self._flow, self._t = self._flow, flow, t
        if before is None:
            return
        if before.samples is not flow.samples:
            self._answer = None  # other weights, or another solver
        if before.density is flow.density:
            return
        old, new, known = before.density, flow.density, flow.density_known
        if old.shape != new.shape:
            self._ready = {}
        self._ready = {
            k: shown for k, shown in self._ready.items() if known[k] and np.array_equal(old[k], new[k], equal_nan=True)
        }

    def answer(self, density: DensityView, t: float) -> None:
        """Take the answer to a question about one time."""
        self._answer = shown_of(density.log_prob, t)

    def at(self, t: float) -> Shown | None:
        """Return the density at time t, or the nearest one that is known; None where none is."""
        flow, answer = self._flow, self._answer
        if answer is not None and abs(answer.t - t) < SAME:
            return answer
        known = np.flatnonzero(flow.density_known) if flow is not None else np.empty(0, int)
        if not len(known):
            return answer
        times = self._t[known]
        after = int(np.searchsorted(times, t - SAME))
        if after < len(known) and abs(times[after] - t) < SAME:
            return self._node(int(known[after]))
        if 0 < after < len(known) and known[after] - known[after - 1] == 1:
            low, high = self._node(int(known[after - 1])), self._node(int(known[after]))
            return mean_of(low, high, t)
        nearest = self._node(int(known[np.abs(times - t).argmin()]))
        return answer if answer is not None and abs(answer.t - t) < abs(nearest.t - t) else nearest

    def exact(self, t: float) -> bool:
        """Return whether the density at time t itself is there."""
        shown = self.at(t)
        return shown is not None and abs(shown.t - t) < SAME and shown.computed

    def smooth(self, t: float) -> bool:
        """Return whether the density at time t, or those at the two times around it, are there."""
        shown = self.at(t)
        return shown is not None and abs(shown.t - t) < SAME

    def near(self, t: float) -> bool:
        """Return whether the density at that of the frame's times is there that is nearest to t."""
        shown = self.at(t)
        return shown is not None and len(self._t) > 1 and abs(shown.t - t) <= 0.5 * (self._t[1] - self._t[0]) + SAME

    def _node(self, k: int) -> Shown:
        if k not in self._ready and self._flow is not None:
            self._ready[k] = shown_of(self._flow.density[k], float(self._t[k]))
        return self._ready[k]


def shown_of(log_prob: FloatArray, t: float) -> Shown:
    """Return a density from its logarithm (R, R); where the way back failed it is 0."""
    with np.errstate(over="ignore", invalid="ignore"):
        p = np.exp(np.minimum(np.nan_to_num(log_prob, nan=-np.inf, neginf=-np.inf), 80.0)).astype(np.float32)
    return Shown(p, float(np.quantile(p, BRIGHT)), t)


def mean_of(low: Shown, high: Shown, t: float) -> Shown:
    """Return the mean of two densities by the distance of their times from t."""
    share = (t - low.t) / (high.t - low.t)
    if low.p.shape != high.p.shape:
        return low if share < 0.5 else high
    return Shown((1 - share) * low.p + share * high.p, (1 - share) * low.top + share * high.top, t, computed=False)


def colour_map(theme: Theme) -> Rgba:
    """Return the colours (COLOURS, 4) of densities from 0 to the top: from the ground through magma.

    A light theme has magma reversed. All are opaque: that is faster to draw than what lets the ground through.
    """
    share = np.linspace(0.0, 1.0, COLOURS) ** GAMMA
    along = 0.08 + 0.9 * share if theme.name == "dark" else 0.97 - 0.82 * share
    colours = pg.colormap.get("magma").map(along, mode=pg.ColorMap.FLOAT)[:, :3] * 255
    ground = QColor(theme.panel)
    alpha = np.clip(share / FADE, 0.0, 1.0)[:, None]
    alpha = alpha * alpha * (3 - 2 * alpha)
    made = np.full((COLOURS, 4), 255, np.uint8)
    made[:, :3] = np.rint((1 - alpha) * np.array([ground.red(), ground.green(), ground.blue()]) + alpha * colours)
    return made


def coloured(p: FloatArray, top: float, colours: Rgba) -> Rgba:
    """Return a density (R, R) in colours (R, R, 4); ``top`` and all above has the last one."""
    scale = (COLOURS - 1) / top if top > 0 else 0.0
    places = np.minimum(p * np.float32(scale), COLOURS - 1).astype(np.int32)
    # Four bytes at once: a third of the time.
    whole = colours.view(np.uint32)[:, 0].take(places)
    picture: Rgba = whole.view(np.uint8).reshape(*p.shape, 4)
    return picture


def contrast(level: float, top: float, colours: Rgba) -> str:
    """Return the colour of a line along a density: far on the map from the colours on both sides of it."""
    share = min(level / top, 1.0) ** GAMMA if top > 0 else 0.0
    far = share + CONTRAST if share < 0.5 else share - CONTRAST
    red, green, blue, _ = colours[round(far ** (1 / GAMMA) * (COLOURS - 1))].tolist()
    return QColor(red, green, blue).name()


def mass_levels(p: FloatArray) -> list[float]:
    """Return the densities above which there are the SHARES of the mass that is in view; none where there is none."""
    ordered = np.sort(p.ravel())[::-1]
    gone = np.cumsum(ordered, dtype=np.float64)
    if not gone[-1] > 0:
        return []
    return [float(ordered[np.searchsorted(gone, share * gone[-1])]) for share in SHARES]


def contour(p: FloatArray, level: float, view: FloatArray) -> FloatArray:
    """Return the line on which a density (R, R) is ``level``, as pairs of points to join (M, 2)."""
    n = len(p)
    x0, x1, y0, y1 = view
    inside = (np.arange(n) + 0.5) / n
    logs = np.log(np.maximum(p, LEAST)) - np.log(max(level, LEAST))
    points, pairs = contour_pieces(x0 + (x1 - x0) * inside, y0 + (y1 - y0) * inside, logs)
    return points[pairs.ravel()]
