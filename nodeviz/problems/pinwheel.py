"""The pinwheel: five bars bent into spokes of a wheel, with its density."""

from __future__ import annotations

from math import log, pi
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray, IntArray

SCALE = 2.0  # radius of the middle of the bars in units of the plane
_ARMS = 5
_LENGTH, _WIDTH = 0.3, 0.1  # standard deviations along and across a bar
_BEND = 0.25  # turn of a bar at distance u from the middle: _BEND exp(u)
# Places along a bar, eight deviations to either side, between which an equation in u is solved.
_PLACES = np.linspace(1.0 - 8.0 * _LENGTH, 1.0 + 8.0 * _LENGTH, 97)
_AT_ONCE = 1 << 11  # points held at a time, 8 MB a table


def sample(n: int, rng: np.random.Generator) -> FloatArray:
    """Draw ``n`` points, (n, 2) float64.

    References
    ----------
    The toy data of Grathwohl et al. 2019, arXiv:1810.01367, after Johnson et al. 2016, arXiv:1603.06277.
    """
    u, v = 1.0 + _LENGTH * rng.standard_normal(n), _WIDTH * rng.standard_normal(n)
    turn = _turn(u, rng.integers(0, _ARMS, n))
    cos, sin = np.cos(turn), np.sin(turn)
    return SCALE * np.stack([u * cos + v * sin, v * cos - u * sin], axis=-1)


def log_prob(x: FloatArray) -> FloatArray:
    """Return the log-density (N,) in nats at points (N, 2); -inf where it is below exp(-30).

    On each arm a point is (u, v), turned by an angle that depends on u alone. All solutions of that equation in u
    count; the map's Jacobian determinant is 1 + v turn'(u).
    """
    parts = np.array_split(np.asarray(x, dtype=np.float64) / SCALE, len(x) // _AT_ONCE + 1)
    density = np.concatenate([_density(part) for part in parts])
    with np.errstate(divide="ignore"):
        result: FloatArray = np.log(density)
    return result - 2.0 * log(SCALE)


def _density(p: FloatArray) -> FloatArray:
    turn = _turn(_PLACES[:, None], np.arange(_ARMS))
    # u - u(p, turn) at all places along all arms, (N, places, arms), and the brackets in which it changes its sign.
    gap = _PLACES[:, None] - (p[:, 0, None, None] * np.cos(turn) - p[:, 1, None, None] * np.sin(turn))
    point, place, arm = np.nonzero((gap[:, :-1] < 0.0) != (gap[:, 1:] < 0.0))
    start, end = _PLACES[place], _PLACES[place + 1]
    below, above = gap[point, place, arm], gap[point, place + 1, arm]
    u = start + (end - start) * below / (below - above)
    for _ in range(5):
        own, v = _turned_back(p[point], _turn(u, arm))
        u = np.clip(u - (u - own) / _determinant(u, v), start, end)
    _, v = _turned_back(p[point], _turn(u, arm))
    density = np.exp(-0.5 * (np.square((u - 1.0) / _LENGTH) + np.square(v / _WIDTH)))
    density /= np.abs(_determinant(u, v)) * (2.0 * pi * _LENGTH * _WIDTH * _ARMS)
    total: FloatArray = np.bincount(point, weights=density, minlength=len(p)).astype(np.float64)
    return total


def _determinant(u: FloatArray, v: FloatArray) -> FloatArray:
    determinant = 1.0 + v * _BEND * np.exp(u)
    # Where the bar folds over, at more than four deviations, both solutions meet: no point of it weighs infinitely.
    return np.where(np.abs(determinant) < 1e-6, 1e-6, determinant)


def _turn(u: FloatArray, arm: IntArray) -> FloatArray:
    return (2.0 * pi / _ARMS) * arm + _BEND * np.exp(u)


def _turned_back(p: FloatArray, turn: FloatArray) -> tuple[FloatArray, FloatArray]:
    cos, sin = np.cos(turn), np.sin(turn)
    return p[:, 0] * cos - p[:, 1] * sin, p[:, 0] * sin + p[:, 1] * cos
