"""The Van der Pol field as each library likes it best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from nodeviz.engine.arrays import FloatArray


class VanDerPol:
    """x' = v, v' = mu (1 - x^2) v - x, written into the solver's own arrays."""

    def __init__(self, mu: float, dtype: Any) -> None:
        # 0-d arrays: NumPy takes them in quicker than Python floats.
        self._mu, self._one = np.array(mu, dtype), np.array(1.0, dtype)

    def __call__(self, t: Any, y: FloatArray) -> FloatArray:
        out = np.empty_like(y)
        self.into(t, y, out)
        return out

    def into(self, t: Any, y: FloatArray, out: FloatArray) -> None:
        del t
        x, v, w = y[0], y[1], out[1]
        np.multiply(x, x, w)
        np.subtract(self._one, w, w)
        np.multiply(w, self._mu, w)
        np.multiply(w, v, w)
        np.subtract(w, x, w)
        out[0] = v


def flat_van_der_pol(mu: float) -> Callable[[float, FloatArray], FloatArray]:
    """Return the field of a flattened batch, as SciPy wants it."""
    field = VanDerPol(mu, float)
    return lambda t, y: field(t, y.reshape(2, -1)).ravel()


def plain_van_der_pol(mu: float) -> Callable[[float, FloatArray], FloatArray]:
    """Return the field as one would write it down."""
    return lambda _t, y: np.stack([y[1], mu * (1 - y[0] * y[0]) * y[1] - y[0]])
