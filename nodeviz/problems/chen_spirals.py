"""The spirals of Chen et al. 2018: pieces of two curves of the plane, one clockwise, observed at irregular times."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from nodeviz.engine.arrays import BoolArray, FloatArray, IntArray
    from nodeviz.problems.families import Curves

STEPS = 100  # in which a piece is observed, and as many again beyond
NOISE = 0.3  # sd
_TURN = 6.0 * pi  # angle in which both curves end
_TOTAL = 500  # steps of the whole curves
_GROWTH = 0.3  # of the radius, per angle
_APART = 5.0  # the middles lie at -5 and 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpiralBatch:
    """Pieces of two spirals; B of them, of two channels.

    Attributes
    ----------
    noise : (B,) sd
    start : (B,) whole steps from the beginning of the curve, where time 0 is; time 1 is 100 steps later
    clockwise : (B,) bool
    """

    noise: FloatArray
    start: IntArray
    clockwise: BoolArray

    def __len__(self) -> int:
        return len(self.noise)

    def paths(self, times: npt.ArrayLike) -> FloatArray:
        """Return the places (B, T, 2) without noise at times (T,) or (B, T)."""
        step = self.start[:, None] + STEPS * np.asarray(times, dtype=np.float64)
        angle = step * (_TURN / (_TOTAL - 1))
        clockwise = self.clockwise[:, None]
        # One winds outwards as its angle grows, the other as its angle, counted backwards, falls to 1.
        turned = np.where(clockwise, _TURN + 1.0 - angle, angle)
        radius = _GROWTH * np.where(clockwise, 50.0 / np.where(clockwise, turned, 1.0), turned)
        middle = np.where(clockwise, -_APART, _APART)
        return np.stack([middle + radius * np.cos(turned), radius * np.sin(turned)], axis=-1)


def spirals(n: int, rng: np.random.Generator) -> SpiralBatch:
    """Draw pieces of 200 steps, half of them clockwise in the mean; 1,000 are the data set of the reference.

    References
    ----------
    Chen et al. 2018, arXiv:1806.07366, section 5.1, and the authors' program for it: 500 steps up to the angle 6 pi,
    radius 0.3 angle about (5, 0) and 0.3 * 50 / (6 pi + 1 - angle) about (-5, 0), of which the latter runs clockwise;
    100 observed steps, noise of sd 0.3. A piece begins 100 steps after the curve and ends with its 100 steps beyond
    before the curve does; theirs, which show nothing beyond, may begin 100 steps later.
    """
    last = _TOTAL - 2 * STEPS
    return SpiralBatch(
        noise=np.full(n, NOISE), start=rng.integers(STEPS, last, n, endpoint=True), clockwise=rng.random(n) < 0.5
    )


def observe_spirals(curves: Curves, n: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Observe each piece at ``n`` of its first 100 steps: times (B, n), increasing in [0, 1), and values (B, n, 2)."""
    chosen = rng.random((len(curves), STEPS)).argsort(axis=1)[:, :n]
    times = np.sort(chosen, axis=1) / STEPS
    clean = curves.paths(times)
    return times, clean + curves.noise[:, None, None] * rng.standard_normal(clean.shape)


def times_beyond() -> FloatArray:
    """Return the times (100,) of the steps after those observed, at which predictions are measured."""
    return 1.0 + np.arange(STEPS) / STEPS
