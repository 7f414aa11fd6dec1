"""Gradients by central differences: the referee of every other way to compute them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy.typing as npt

    from nodeviz.engine.arrays import FloatArray

# The error of the fourth-order formula is O(step^4) + O(eps / step). It is least near eps^(1/5) = 7e-4 for a function
# that varies over lengths of 1; several layers, or several steps of a solve, vary over shorter ones.
_STEP = 2e-4


def central_differences(
    function: Callable[[FloatArray], float],
    x: npt.ArrayLike,
    *,
    step: float = _STEP,
    entries: Iterable[int] | None = None,
) -> FloatArray:
    """Return the gradient of a scalar function by central differences of order 4.

    Parameters
    ----------
    function : takes a float64 array of the shape of x, which it may not keep
    x : array of any shape
    step : relative to max(1, |x_i|)
    entries : flat indices to differentiate; by default all of them

    Returns
    -------
    array of the shape of x, NaN where not asked for

    References
    ----------
    Fornberg, Math. Comp. 51 (1988) 699, table 1.
    """
    at = np.array(x, dtype=float)
    flat, grad = at.reshape(-1), np.full(at.size, np.nan)
    for i in range(at.size) if entries is None else entries:
        centre = float(flat[i])
        h = step * max(1.0, abs(centre))
        values = []
        for places in (-2, -1, 1, 2):
            flat[i] = centre + places * h
            values.append(float(function(at)))
        flat[i] = centre
        grad[i] = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * h)
    return grad.reshape(at.shape)


def relative_error(found: npt.ArrayLike, expected: npt.ArrayLike, floor: float = 0.0) -> float:
    """Return the largest difference relative to the largest entry expected, or to ``floor`` where that is larger.

    Entries expected to be NaN are left out.
    """
    want = np.asarray(expected, dtype=float)
    known = ~np.isnan(want)
    if not known.any():
        return 0.0
    size = max(float(np.abs(want[known]).max()), floor)
    return float(np.abs(np.asarray(found, dtype=float)[known] - want[known]).max()) / (size or 1.0)
