"""Symplectic steps for separable systems y = [q; p]: q' depends on p alone, p' on q alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nodeviz.engine.dense import Piece, hermite
from nodeviz.engine.steppers import writer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nodeviz.engine.arrays import FloatArray, VectorField


class SymplecticStepper:
    """Symplectic Euler (kick, drift) or leapfrog (half kick, drift, half kick).

    On separable Hamiltonian systems both keep the phase-space volume, and the energy up to a bounded oscillation.
    Each evaluation of the field serves one half of the state only.

    References
    ----------
    Hairer, Lubich, Wanner: Geometric Numerical Integration (2006), sections I.1.2 and I.1.4.

    Raises
    ------
    ValueError : y0 has an odd number of components
    """

    err_order = 0

    def __init__(self, vector_field: VectorField, y0: FloatArray, f0: FloatArray, *, leapfrog: bool) -> None:
        if y0.shape[0] % 2:
            raise ValueError(f"y0 has {y0.shape[0]} components; a symplectic method needs [q; p] of equal halves")
        self.nfe = 1
        self._leapfrog = leapfrog
        self._evaluate = writer(vector_field)
        self._shape, self._half = y0.shape, y0.size // 2
        self.y, self.y_new = y0.flatten(), np.empty(y0.size, y0.dtype)
        self._slope, self._slope_known = f0.astype(y0.dtype).flatten(), True
        self._work, self._end_slope = np.empty_like(self.y), np.empty_like(self.y)
        self._force = self._slope[self._half :].copy()
        self._end_known = False
        self._t = self._dt = 0.0

    def _field(self, t: float, y: FloatArray, out: FloatArray) -> None:
        self._evaluate(t, y.reshape(self._shape), out.reshape(self._shape))
        self.nfe += 1

    def slope(self, t: float) -> FloatArray:
        """Return f(t, y), (n,)."""
        if not self._slope_known:
            self._field(t, self.y, self._slope)
            self._slope_known = True
        return self._slope

    def attempt(self, t: float, dt: float) -> bool:
        """Compute y_new; always True."""
        self._t, self._dt, self._end_known = t, dt, False
        half, y, new, work = self._half, self.y, self.y_new, self._work
        kick = 0.5 * dt if self._leapfrog else dt
        force = self._force if self._leapfrog else self.slope(t)[half:]
        new[:half] = y[:half]
        new[half:] = y[half:] + kick * force
        self._field(t + kick if self._leapfrog else t, new, work)
        new[:half] += dt * work[:half]
        if self._leapfrog:
            self._field(t + dt, new, work)
            new[half:] += kick * work[half:]
        return True

    def errors(self, out: FloatArray) -> None:
        """Write NaN: these methods have no error estimate."""
        out.fill(np.nan)

    def err_ratio(self, scale: FloatArray) -> float:
        """Return NaN: these methods have no error estimate."""
        return float("nan") * len(scale)

    def accept(self) -> None:
        """Make y_new the current state; leapfrog's last kick is the next step's first."""
        if self._leapfrog:
            self._force[:] = self._work[self._half :]
        if self._end_known:
            self._slope[:] = self._end_slope
        self._slope_known = self._end_known
        self.y[:] = self.y_new

    def piece(self) -> Piece:
        """Return the cubic Hermite polynomial of the step."""
        if not self._end_known:
            self._field(self._t + self._dt, self.y_new, self._end_slope)
            self._end_known = True
        slopes = self._dt * self.slope(self._t), self._dt * self._end_slope
        return Piece(self._t, self._dt, hermite(self.y, self.y_new, *slopes))

    def interpolate(self, x: Sequence[float], out: FloatArray) -> None:
        """Write the states at t + x dt into out, (M, n)."""
        self.piece().at(x, out)
