"""Butcher tableaus: Runge-Kutta methods as data, checked when they are built."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isclose
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nodeviz.engine.arrays import ComplexArray, FloatArray

Row = tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class ButcherTableau:
    """A Runge-Kutta method: k_i = f(t + c_i dt, y + dt sum_j a_ij k_j), y_new = y + dt sum_i b_i k_i.

    Parameters
    ----------
    name, title : how code and people call it
    order : order of y_new
    c : (S,) stage times in units of dt
    a : S rows; row i has i entries (explicit) or S (implicit)
    b : (S,) weights of y_new
    source : where the coefficients come from
    b_err : (S,) weights of the local error estimate dt sum_i b_err_i k_i; they sum to zero
    b_err_low : (S,) weights of a second, cruder estimate that tempers the first (dop853)
    err_order : the estimate is O(dt^(err_order + 1)); sets the exponent of the step-size controller
    dense_c, dense_a : further stages that only the interpolant needs
    dense : (all stages, degree) matrix P with y(t + x dt) = y + dt sum_i k_i sum_j P_ij x^(j+1); without it the
        interpolant is the cubic Hermite polynomial. "All stages" are the S stages, then f(t + dt, y_new) unless
        ``fsal``, then those of ``dense_a``

    Raises
    ------
    ValueError : lengths do not fit, a row does not sum to its c, b does not sum to 1, or error weights do not sum to 0
    """

    name: str
    title: str
    order: int
    c: Row
    a: tuple[Row, ...]
    b: Row
    source: str
    b_err: Row | None = None
    b_err_low: Row | None = None
    err_order: int | None = None
    dense_c: Row = ()
    dense_a: tuple[Row, ...] = ()
    dense: tuple[Row, ...] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        stages = len(self.b)
        if not len(self.c) == len(self.a) == stages:
            raise ValueError(
                f"{self.name}: c, a and b have {len(self.c)}, {len(self.a)}, {stages} stages; make them equal"
            )
        if not self.explicit and any(len(row) != stages for row in self.a):
            raise ValueError(f"{self.name}: row i of a needs i entries (explicit) or all rows {stages} (implicit)")
        for i, (c, row) in enumerate(zip(self.c, self.a, strict=True)):
            _check_sum(f"{self.name}: row {i} of a", row, c)
        _check_sum(f"{self.name}: b", self.b, 1.0)
        for label, weights in (("b_err", self.b_err), ("b_err_low", self.b_err_low)):
            if weights is not None:
                if len(weights) != stages:
                    raise ValueError(f"{self.name}: {label} has {len(weights)} weights; it needs {stages}")
                _check_sum(f"{self.name}: {label}", weights, 0.0)
        if (self.b_err is None) != (self.err_order is None):
            raise ValueError(f"{self.name}: b_err and err_order belong together; give both or neither")
        if self.dense is not None and len(self.dense) != stages + len(self.end_stages):
            raise ValueError(f"{self.name}: dense has {len(self.dense)} rows; it needs {stages + len(self.end_stages)}")

    @property
    def n_stages(self) -> int:
        """Number of stages S."""
        return len(self.b)

    @property
    def explicit(self) -> bool:
        """Whether every stage needs earlier ones only."""
        return all(len(row) == i for i, row in enumerate(self.a))

    @property
    def fsal(self) -> bool:
        """Whether the last stage is f(t + dt, y_new), the first of the next step ("first same as last")."""
        return self.explicit and self.n_stages > 1 and self.c[-1] == 1.0 and (*self.a[-1], 0.0) == self.b

    @property
    def adaptive(self) -> bool:
        """Whether the method estimates its own error."""
        return self.b_err is not None

    @property
    def evaluations_per_step(self) -> int:
        """Evaluations of the vector field in one accepted step of an explicit method."""
        return self.n_stages - self.fsal

    @property
    def end_stages(self) -> tuple[tuple[float, Row], ...]:
        """(c, row of a) of the stages that only the interpolant needs; f(t + dt, y_new) comes first unless ``fsal``."""
        end = () if self.fsal else ((1.0, self.b),)
        return end + tuple(zip(self.dense_c, self.dense_a, strict=True))

    def dense_matrix(self) -> FloatArray:
        """Return P, (all stages, degree): y(t + x dt) = y + dt sum_i k_i sum_j P_ij x^(j+1)."""
        if self.dense is not None:
            return np.array(self.dense)
        # Cubic Hermite: x f0 + x^2 (3 d - 2 f0 - f1) + x^3 (f0 + f1 - 2 d), d = sum_i b_i k_i.
        total = self.n_stages + len(self.end_stages)
        first, last, b = np.zeros(total), np.zeros(total), np.zeros(total)
        first[0], last[-1], b[: self.n_stages] = 1.0, 1.0, self.b
        return np.stack([first, 3 * b - 2 * first - last, first + last - 2 * b], axis=1)

    def square(self) -> FloatArray:
        """Return a as an (S, S) matrix."""
        matrix = np.zeros((self.n_stages, self.n_stages))
        for i, row in enumerate(self.a):
            matrix[i, : len(row)] = row
        return matrix

    def stability_function(self, z: ComplexArray) -> ComplexArray:
        """Return R(z), the factor by which one step multiplies y on y' = lambda y with z = dt lambda.

        Parameters
        ----------
        z : complex array of any shape

        Returns
        -------
        complex array of the shape of z

        References
        ----------
        Hairer, Wanner: Solving ODEs II, section IV.3, equations (3.2) and (3.3).
        """
        z = np.asarray(z, dtype=complex)
        a, b = self.square(), np.array(self.b)
        if self.explicit:
            coefficients, power = [1.0], np.ones(self.n_stages)
            for _ in range(self.n_stages):
                coefficients.append(float(b @ power))
                power = a @ power
            return np.asarray(np.polynomial.polynomial.polyval(z, coefficients))
        eye = np.eye(self.n_stages)
        below = eye - z[..., None, None] * a
        above = below + z[..., None, None] * np.ones_like(b)[:, None] * b
        return np.asarray(np.linalg.det(above) / np.linalg.det(below))


def _check_sum(what: str, weights: Row, expected: float) -> None:
    total, size = sum(weights), sum(abs(w) for w in weights)
    if not isclose(total, expected, rel_tol=0.0, abs_tol=4e-15 * max(1.0, size)):
        raise ValueError(f"{what} sums to {total!r}; it must be {expected!r}")
