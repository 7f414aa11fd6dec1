"""Nullclines: where x' = 0 and where y' = 0, all branches in view."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nodeviz.problems.contours import crossed_edges, edge_ends, edge_segments, linked
from nodeviz.problems.pieces import finish

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    import numpy.typing as npt

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.problems.planar import PlanarField

    # Values at points (2, K) on the edges (K,) of a list.
    Values = Callable[[FloatArray, npt.NDArray[np.intp]], Generator[None, None, FloatArray]]

GRID = 160  # points per side; LOOPED_GRID for a field that must be asked point by point
LOOPED_GRID = 40
_ITERATIONS = 8


def nullclines(
    planar: PlanarField,
    t: float,
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    n: int | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Return the lines x' = 0 and y' = 0 at time t.

    Signs on a grid find them, bracketed secants on the grid's edges make them exact to rounding. A change of sign
    through infinity or a jump is no nullcline. A line that the rate touches without changing sign is found where the
    Jacobian is exact. Nothing finer than two grid cells is seen.

    Parameters
    ----------
    n : points per side of the grid

    Returns
    -------
    two arrays (M, 2) of points (x, y) with a row of NaN between branches
    """
    return finish(nullclines_steps(planar, t, x_range, y_range, n))


def nullclines_steps(
    planar: PlanarField,
    t: float,
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    n: int | None = None,
) -> Generator[None, None, tuple[FloatArray, FloatArray]]:
    """Return what ``nullclines`` returns, yielding every few milliseconds."""
    n = n or (GRID if planar.vectorised else LOOPED_GRID)
    # Off the round numbers: a grid through a pole or along a nullcline sees the least of it.
    xs, ys = (np.linspace(lo, hi + 1e-7 * (hi - lo), n) for lo, hi in (x_range, y_range))
    points = np.stack(np.broadcast_arrays(xs[None, :], ys[:, None]))
    with np.errstate(all="ignore"):
        rates = yield from planar.field_steps(t, points)
        slopes = planar.jacobian(t, points) if planar.exact_jacobian else None
        lines = []
        for i in range(2):
            crossing = yield from _crossings(planar, t, i, xs, ys, rates[i])
            yield
            if slopes is not None:
                touching = yield from _touching(planar, t, i, xs, ys, rates[i], slopes[i])
                crossing = _joined(crossing, touching)
            lines.append(crossing)
    return lines[0], lines[1]


_NOTHING = np.empty((0, 2))


def _joined(a: FloatArray, b: FloatArray) -> FloatArray:
    if not len(a) or not len(b):
        return a if len(a) else b
    return np.concatenate([a, np.full((1, 2), np.nan), b])


def _crossings(
    planar: PlanarField, t: float, i: int, xs: FloatArray, ys: FloatArray, values: FloatArray
) -> Generator[None, None, FloatArray]:
    """Return the lines across which a rate changes sign."""
    segments = edge_segments(*crossed_edges(values), values)
    edges, index = np.unique(segments, return_inverse=True)
    if not edges.size:
        return _NOTHING
    (row0, col0), (row1, col1) = edge_ends(edges, values.shape)
    a, b = np.stack([xs[col0], ys[row0]]), np.stack([xs[col1], ys[row1]])
    fa, fb = values[row0, col0], values[row1, col1]

    def rate(points: FloatArray, _edges: object) -> Generator[None, None, FloatArray]:
        rates = yield from planar.field_steps(t, points)
        return np.asarray(rates[i])

    points, at = yield from _roots(rate, a, b, fa, fb)
    # At a pole or a jump the bracket shrinks and f does not.
    small = np.maximum(0.5 * np.minimum(abs(fa), abs(fb)), 1e-12 * np.maximum(abs(fa), abs(fb)))
    good = abs(at) <= small
    index = index.reshape(-1, 2)
    return linked(points.T, index[good[index].all(axis=1)])


def _roots(
    f: Values, a: FloatArray, b: FloatArray, fa: FloatArray, fb: FloatArray
) -> Generator[None, None, tuple[FloatArray, FloatArray]]:
    """Return a point (2, E) on every edge from a to b where f is nearly zero, and f there.

    Regula falsi in the Illinois form: an end kept twice counts half.
    """
    low, high, f_low, f_high = np.zeros(fa.shape), np.ones(fa.shape), fa.copy(), fb.copy()
    kept = np.zeros(fa.shape)  # which end stayed last time: -1 low, 1 high
    best, at = np.where(abs(fa) <= abs(fb), 0.0, 1.0), np.where(abs(fa) <= abs(fb), fa, fb)
    done = 1e-14 * np.maximum(abs(fa), abs(fb))
    for _ in range(_ITERATIONS):
        open_ = abs(at) > done
        (edges,) = np.nonzero(open_)
        if not edges.size:
            break
        flat = f_low == f_high
        s = np.where(flat, 0.5 * (low + high), (low * f_high - high * f_low) / np.where(flat, 1.0, f_high - f_low))
        s, fs = np.where(open_, np.clip(s, low, high), best), at.copy()
        fs[edges] = yield from f((a + s * (b - a))[:, edges], edges)
        better = abs(fs) < abs(at)
        best, at = np.where(better, s, best), np.where(better, fs, at)
        to_low = (fs > 0) == (f_low > 0)
        f_high = np.where(to_low, np.where(kept == 1, 0.5 * f_high, f_high), fs)
        f_low = np.where(to_low, fs, np.where(kept == -1, 0.5 * f_low, f_low))
        low, high, kept = np.where(to_low, s, low), np.where(to_low, high, s), np.where(to_low, 1, -1)
    return a + best * (b - a), at


def _touching(
    planar: PlanarField, t: float, i: int, xs: FloatArray, ys: FloatArray, values: FloatArray, slopes: FloatArray
) -> Generator[None, None, FloatArray]:
    """Return the lines on which a rate is zero without changing sign, as x' = x^2 at x = 0.

    There the slope along each crossed edge changes sign, and at its zero the rate is zero too.
    """
    along_x, along_y = crossed_edges(slopes[0])[0], crossed_edges(slopes[1])[1]
    # An edge whose ends are far from zero compared with what the slope can make of them has no zero between them.
    reach_x = (xs[1] - xs[0]) * (abs(slopes[0][:, 1:]) + abs(slopes[0][:, :-1]))
    reach_y = (ys[1] - ys[0]) * (abs(slopes[1][1:]) + abs(slopes[1][:-1]))
    along_x &= np.minimum(abs(values[:, 1:]), abs(values[:, :-1])) <= reach_x
    along_y &= np.minimum(abs(values[1:]), abs(values[:-1])) <= reach_y
    segments = edge_segments(along_x, along_y, values)
    edges, index = np.unique(segments, return_inverse=True)
    if not edges.size:
        return _NOTHING
    (row0, col0), (row1, col1) = edge_ends(edges, values.shape)
    a, b = np.stack([xs[col0], ys[row0]]), np.stack([xs[col1], ys[row1]])
    on_x = row0 == row1
    slope_a = np.where(on_x, slopes[0][row0, col0], slopes[1][row0, col0])
    slope_b = np.where(on_x, slopes[0][row1, col1], slopes[1][row1, col1])

    def slope(points: FloatArray, edges: npt.NDArray[np.intp]) -> Generator[None, None, FloatArray]:
        by_x, by_y = (yield from planar.jacobian_steps(t, points))[i]
        return np.asarray(np.where(on_x[edges], by_x, by_y))

    points, _ = yield from _roots(slope, a, b, slope_a, slope_b)
    rate, ends = planar.field(t, points)[i], np.maximum(abs(values[row0, col0]), abs(values[row1, col1]))
    good = abs(rate) <= 1e-9 * ends
    index = index.reshape(-1, 2)
    return linked(points.T, index[good[index].all(axis=1)])
