"""The stable and unstable manifolds of saddles: the curves that divide the plane."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nodeviz.problems.contours import separated
from nodeviz.problems.equilibria import newton_step
from nodeviz.problems.smooth import smooth_orbit

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    import numpy.typing as npt

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.problems.planar import PlanarField

_OFFSET = 2e-4  # of the view's diagonal: where a manifold leaves its parabola at the saddle
_AT_REST = 1e-3  # of the view's diagonal: this near to an equilibrium the curve ends in it
_WIDER = 0.5  # of the view on either side: a manifold may leave the view and come back
_LONGEST = 20.0  # view diagonals; enough for those that wind onto a cycle
_PIECE = 200  # steps between two looks at where the curve has got to


def manifolds(
    planar: PlanarField,
    t: float,
    saddles: Iterable[npt.ArrayLike],
    x_range: tuple[float, float],
    y_range: tuple[float, float],
) -> Generator[None, None, tuple[FloatArray, FloatArray]]:
    """Return, by ``yield from``, the stable and the unstable manifolds of saddles; yields every few milliseconds.

    A field that depends on time has none: both are empty then.

    Parameters
    ----------
    saddles : points (x, y)

    Returns
    -------
    two arrays (M, 2) of points (x, y) with a row of NaN between curves; each curve begins at its saddle
    """
    stable: list[FloatArray] = []
    unstable: list[FloatArray] = []
    low, high = np.array([x_range, y_range], dtype=float).T
    for saddle in saddles if planar.autonomous else ():
        point = np.asarray(saddle, dtype=float)
        values, vectors = np.linalg.eig(np.asarray(planar.jacobian(t, point)))
        for value, vector in zip(values.real.tolist(), vectors.real.T, strict=True):
            branches = unstable if value > 0 else stable
            for side in (1.0, -1.0):
                branches.append((yield from _branch(planar, t, point, value, side * vector, low, high)))
    return separated(stable), separated(unstable)


def _branch(
    planar: PlanarField,
    t: float,
    saddle: FloatArray,
    value: float,
    vector: FloatArray,
    low: FloatArray,
    high: FloatArray,
) -> Generator[None, None, FloatArray]:
    """Follow one branch from its saddle until it is far out of view, at rest, or long enough."""
    size = high - low
    diagonal = float(np.hypot(*size))
    offset = _OFFSET * diagonal
    curvature = _curvature(planar, t, saddle, value, vector, offset)
    start = saddle + offset * vector + 0.5 * offset * offset * curvature
    if not np.isfinite(start).all():
        start = saddle + offset * vector
    pieces, length = [saddle[None]], 0.0
    direction = 1.0 if value > 0 else -1.0
    while length < _LONGEST * diagonal:
        # The time is no limit: at the saddle's own pace this is beyond any float, the number of steps ends the piece.
        orbit = planar.orbit_steps(
            start,
            t,
            t + direction * 1e4 / abs(value),
            method="dopri5",
            rtol=1e-9,
            atol=1e-12 * diagonal,
            max_steps=_PIECE,
        )
        solution = yield from orbit
        curve = yield from smooth_orbit(planar, solution)
        to_rest = yield from _to_rest(planar, t, curve)
        near = np.hypot(*to_rest.T) < _AT_REST * diagonal
        near &= np.hypot(*(curve - saddle).T) > 3 * _AT_REST * diagonal  # not the saddle it comes from
        outside = np.any((curve < low - _WIDER * size) | (curve > high + _WIDER * size), axis=1)
        ends = np.flatnonzero(near | outside)
        if ends.size:
            last = ends[0]
            pieces.append(curve[: last + 1])
            pieces += [(curve[last] + to_rest[last])[None]] if near[last] else []
            break
        pieces.append(curve)
        length += float(np.hypot(*np.diff(curve, axis=0).T).sum())
        start = curve[-1]
        if len(curve) < 3:
            break
        yield
    return np.concatenate(pieces)


def _to_rest(planar: PlanarField, t: float, curve: FloatArray) -> Generator[None, None, FloatArray]:
    """Return Newton's step to an equilibrium from every point, (M, 2): near one, the way that is left."""
    rates = yield from planar.field_steps(t, curve.T)
    jacobians = yield from planar.jacobian_steps(t, curve.T)
    with np.errstate(all="ignore"):
        return newton_step(rates, jacobians).T


def _curvature(
    planar: PlanarField, t: float, saddle: FloatArray, value: float, vector: FloatArray, offset: float
) -> FloatArray:
    """Return w of the manifold saddle + s v + s^2/2 w: the solution of (2 lambda I - J) w = D2f(v, v).

    It follows from putting the parabola into z' = f(z) with s' = lambda s, and makes the start's error third order.
    """
    shift = offset * vector
    ahead, behind = (np.asarray(planar.jacobian(t, saddle + sign * shift)) for sign in (1.0, -1.0))
    second = (ahead - behind) @ vector / (2 * offset)
    matrix = 2 * value * np.eye(2) - np.asarray(planar.jacobian(t, saddle))
    return np.asarray(np.linalg.solve(matrix, second))
