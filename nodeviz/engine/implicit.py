"""Implicit Runge-Kutta steps for stiff problems: simplified Newton on all stages at once."""

from __future__ import annotations

from math import inf, isfinite, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.engine.dense import Piece
from nodeviz.engine.steppers import writer
from nodeviz.engine.tableau import ButcherTableau

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nodeviz.engine.arrays import FloatArray, VectorField
    from nodeviz.engine.checks import Tolerances

_S6 = 6**0.5
_HAIRER2 = "Hairer, Wanner: Solving ODEs II (1996)"

BACKWARD_EULER = ButcherTableau(
    name="backward-euler",
    title="Backward Euler",
    order=1,
    source=f"{_HAIRER2}, section IV.3",
    c=(1.0,),
    a=((1.0,),),
    b=(1.0,),
)
TRAPEZOID = ButcherTableau(
    name="trapezoid",
    title="Trapezoidal rule (implicit)",
    order=2,
    source=f"{_HAIRER2}, section IV.3; Lobatto IIIA of order 2",
    c=(0.0, 1.0),
    a=((0.0, 0.0), (1 / 2, 1 / 2)),
    b=(1 / 2, 1 / 2),
)
RADAU = ButcherTableau(
    name="radau",
    title="Radau IIA (order 5)",
    order=5,
    source=f"{_HAIRER2}, table IV.5.6 and section IV.8",
    c=((4 - _S6) / 10, (4 + _S6) / 10, 1.0),
    a=(
        ((88 - 7 * _S6) / 360, (296 - 169 * _S6) / 1800, (-2 + 3 * _S6) / 225),
        ((296 + 169 * _S6) / 1800, (88 + 7 * _S6) / 360, (-2 - 3 * _S6) / 225),
        ((16 - _S6) / 36, (16 + _S6) / 36, 1 / 9),
    ),
    b=((16 - _S6) / 36, (16 + _S6) / 36, 1 / 9),
)
# Radau's estimate (I - g dt J)^-1 (g dt f0 + sum_i e_i Z_i), of order 3; 1/g is the real eigenvalue of a's inverse.
_RADAU_GAMMA = 1.0 / (3.0 + 3 ** (2 / 3) - 3 ** (1 / 3))
_RADAU_E = tuple(_RADAU_GAMMA * e / 3 for e in (-13 - 7 * _S6, -13 + 7 * _S6, -1.0))


class ImplicitStepper:
    """Steps of a stiffly accurate implicit tableau (b is the last row of a).

    The unknowns are Z_i = Y_i - y, (S, D, B); Newton's matrix I - dt a (x) J is inverted once per Jacobian and dt, one
    small matrix per column. Columns of a batch share the step but not the Jacobian.

    Parameters
    ----------
    f0 : slope at the start, shape of y0
    jacobian : (t, y) -> (D, D[, B]); by forward differences if None, D evaluations that nfe counts
    tolerances : how well the stage equations are solved; None solves them to rounding, as fixed steps want
    """

    def __init__(
        self,
        tableau: ButcherTableau,
        vector_field: VectorField,
        y0: FloatArray,
        f0: FloatArray,
        *,
        jacobian: Callable[[Any, FloatArray], Any] | None,
        tolerances: Tolerances | None,
    ) -> None:
        self.tableau, self.nfe, self.err_order = tableau, 1, 3
        self._evaluate, self._given_jacobian = writer(vector_field), jacobian
        self.shape = y0.shape
        self._wide = (y0.shape[0], y0.size // y0.shape[0])
        self.y, self.y_new = y0.flatten(), np.empty(y0.size, y0.dtype)
        self._slope, self._slope_known = f0.astype(y0.dtype).flatten(), True
        eps = float(np.finfo(y0.dtype).eps)
        # Newton stops where its own error is a small part of the tolerance (Hairer II, section IV.8).
        self._rtol, self._atol = (tolerances.rtol, tolerances.atol) if tolerances else (100 * eps, 100 * eps)
        self._newton_tol = max(10 * eps / self._rtol, min(0.03, sqrt(self._rtol))) if tolerances else 0.1
        self._to_rounding = tolerances is None
        self._iterations = 30 if tolerances is None else 7
        self._a = tableau.square().astype(y0.dtype)
        self._z = np.zeros((tableau.n_stages, *self._wide), y0.dtype)
        self._k = np.zeros_like(self._z)
        self._t, self._dt = 0.0, 0.0
        self._past: Piece | None = None
        self._matrix_dt = 0.0
        self._jacobian: FloatArray | None = None
        self._fresh = False
        nodes = np.array([c for c in tableau.c if c > 0.0])
        self._lagrange = np.linalg.inv(nodes[:, None] ** np.arange(1, len(nodes) + 1)).astype(y0.dtype)

    def slope(self, t: float) -> FloatArray:
        """Return f(t, y), (n,)."""
        if not self._slope_known:
            self._evaluate(t, self.y.reshape(self.shape), self._slope.reshape(self.shape))
            self.nfe += 1
            self._slope_known = True
        return self._slope

    def attempt(self, t: float, dt: float) -> bool:
        """Solve the stage equations; False if Newton fails even with a fresh Jacobian."""
        self._t, self._dt = t, dt
        solved = self._jacobian is not None and self._newton()
        if not solved and not self._fresh:
            self._differentiate(t, self.y.reshape(self._wide), self.slope(t))
            solved = self._newton()
        if solved:
            np.add(self.y, self._z[-1].ravel(), out=self.y_new)
        else:
            self.y_new.fill(np.nan)
        return solved

    def _newton(self) -> bool:
        if self._matrix_dt != self._dt and not self._invert():
            return False
        self._predict()
        previous, rate = inf, 0.0
        for i in range(self._iterations):
            size = self._improve()
            if not isfinite(size):
                return False
            rate = size / previous if i else 0.0
            if size < 1e-3 or (i and rate < 1.0 and size * rate / (1 - rate) < self._newton_tol):
                self._fresh = self._fresh and rate < 1e-2
                return True
            if self._to_rounding:
                # Fixed steps cannot shrink: try harder, and be content where rounding stops the progress.
                if rate >= 1.0 and size < 1.0:
                    return True
                if rate > 0.3 and not self._relinearise():
                    return False
            elif rate >= (1.0 if i > 1 else 2.0):
                return False
            previous = size
        return False

    def _improve(self) -> float:
        """Take one Newton iteration; return the RMS of the change in units of the tolerance."""
        y = self.y.reshape(self._wide)
        for c, z, k in zip(self.tableau.c, self._z, self._k, strict=True):
            self._evaluate(self._t + c * self._dt, (y + z).reshape(self.shape), k.reshape(self.shape))
        self.nfe += len(self._k)
        residual = self._dt * np.tensordot(self._a, self._k, axes=1) - self._z
        change = (self._inverse @ residual.reshape(-1, self._wide[1]).T[..., None])[..., 0].T.reshape(self._z.shape)
        self._z += change
        return float(np.sqrt(np.mean(np.square(change / (self._atol + self._rtol * np.abs(y))))))

    def _relinearise(self) -> bool:
        """Take the Jacobian where Newton has got to, rather than where the step began."""
        t, y = self._t + self._dt, self.y.reshape(self._wide) + self._z[-1]
        slope = np.empty_like(self._slope)
        self._evaluate(t, y.reshape(self.shape), slope.reshape(self.shape))
        self.nfe += 1
        self._differentiate(t, y, slope)
        return self._invert()

    def _predict(self) -> None:
        """Start Newton on the last step's polynomial, continued."""
        self._z[:] = 0.0
        if self._past is not None:
            for c, z in zip(self.tableau.c, self._z, strict=True):
                z[:] = (self._past(self._t + c * self._dt) - self.y).reshape(self._wide)

    def _differentiate(self, t: float, y: FloatArray, slope: FloatArray) -> None:
        """Take the Jacobian, (B, D, D), at time t and state y, (D, B), where the slope is known."""
        d, b = self._wide
        self._matrix_dt, self._fresh = 0.0, True
        if self._given_jacobian is not None:
            given = np.asarray(self._given_jacobian(t, y.reshape(self.shape)), self.y.dtype)
            if given.shape != (d, *self.shape):
                raise ValueError(f"jacobian returned shape {given.shape}; it must be {(d, *self.shape)}")
            self._jacobian = given.reshape(d, d, b).transpose(2, 0, 1)
            return
        f0 = slope.reshape(self._wide)
        typical = np.maximum(np.abs(y), np.maximum(1e-3 * np.abs(y).max(axis=0), 1e-6))
        step = typical * np.sqrt(np.finfo(y.dtype).eps)
        self._jacobian = np.empty((b, d, d), y.dtype)
        moved, there = np.empty_like(y), np.empty_like(y)
        for j in range(d):
            moved[:] = y
            moved[j] += step[j]
            self._evaluate(t, moved.reshape(self.shape), there.reshape(self.shape))
            self._jacobian[:, :, j] = ((there - f0) / (moved[j] - y[j])).T
        self.nfe += d

    def _invert(self) -> bool:
        """Invert Newton's matrix, and that of the error estimate; False if one is singular."""
        assert self._jacobian is not None
        d, b = self._wide
        size = len(self._a) * d
        product = self._a[None, :, None, :, None] * self._jacobian[:, None, :, None, :]
        try:
            self._inverse = np.linalg.inv(np.eye(size) - self._dt * product.reshape(b, size, size))
            self._filter = np.linalg.inv(np.eye(d) - _RADAU_GAMMA * self._dt * self._jacobian)
        except np.linalg.LinAlgError:
            return False
        self._matrix_dt = self._dt
        return True

    def errors(self, out: FloatArray) -> None:
        """Write Radau's estimate, filtered so that it stays bounded however stiff the problem is."""
        raw = _RADAU_GAMMA * self._dt * self.slope(self._t).reshape(self._wide)
        raw = raw + np.tensordot(np.array(_RADAU_E, self.y.dtype), self._z, axes=1)
        out[:] = (self._filter @ raw.T[..., None])[..., 0].T.ravel()

    def err_ratio(self, scale: FloatArray) -> float:
        """Return the RMS of the scaled error."""
        err = np.empty_like(scale)
        self.errors(err)
        err /= scale
        return sqrt(float(np.dot(err, err)) / len(err))

    def accept(self) -> None:
        """Make y_new the current state; a Jacobian under which Newton was fast is kept."""
        self._past = self.piece()
        self.y[:] = self.y_new
        self._slope_known = False
        if not self._fresh:
            self._jacobian = None
        self._fresh = False

    def piece(self) -> Piece:
        """Return the polynomial through y and the stages: for Radau the collocation polynomial."""
        z = self._z[-len(self._lagrange) :].reshape(len(self._lagrange), -1)
        return Piece(self._t, self._dt, np.concatenate([self.y[None], self._lagrange @ z]))

    def interpolate(self, x: Sequence[float], out: FloatArray) -> None:
        """Write the states at t + x dt into out, (M, n)."""
        self.piece().at(x, out)
