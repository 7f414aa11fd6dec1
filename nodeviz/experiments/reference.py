"""The reference solution: dop853 at 1e-12, or Radau where the problem is too stiff for it, exact between its nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nodeviz.engine.implicit import RADAU
from nodeviz.engine.methods import METHODS
from nodeviz.engine.solution import Status

if TYPE_CHECKING:
    from collections.abc import Generator

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.engine.solution import Solution
    from nodeviz.experiments.budget import Pool
    from nodeviz.problems.planar import PlanarField

PIECE = 500  # times in one batch, so that a batch stays below 10 ms


@dataclass(frozen=True, slots=True)
class Level:
    """One way to a reference, with the seconds of computing it may take."""

    method: str
    rtol: float
    seconds: float

    @property
    def atol(self) -> float:
        """The absolute tolerance that goes with it."""
        return 1e-2 * self.rtol


LEVELS = (Level("dop853", 1e-12, 1.5), Level("radau", 1e-12, 2.0), Level("radau", 1e-9, 1.0))


@dataclass(frozen=True, slots=True)
class Reference:
    """One orbit known to about its tolerance, at any time of its span.

    Between two nodes it takes one step of its method from the node before, which is as accurate as the steps
    themselves, for any number of times in batches of columns. The interpolants would lose two orders and more.
    """

    planar: PlanarField
    solution: Solution
    level: int = 0

    @property
    def method(self) -> str:
        """The method that got there."""
        return LEVELS[self.level].method

    @property
    def rtol(self) -> float:
        """Its relative tolerance."""
        return LEVELS[self.level].rtol

    @property
    def message(self) -> str:
        """Why it ends early, or that it is not the usual one, or an empty text."""
        if not self.solution.ok:
            return self.solution.message
        return f"{self.method} at rtol {self.rtol:g}, since dop853 does not get there in time" if self.level else ""

    def floor(self, states: FloatArray) -> FloatArray:
        """Return the distance (M,) from its states (M, 2) below which it cannot tell an error from its own."""
        level = LEVELS[self.level]
        sizes: FloatArray = level.rtol * np.linalg.norm(states, axis=1) + level.atol
        return sizes

    def at(self, ts: FloatArray) -> FloatArray:
        """Return the states (M, 2) at times (M,); NaN beyond the part that was solved."""
        record = self.solution.steps
        assert record is not None
        nodes_t, nodes_y = record.nodes_t, record.nodes_y
        sign = 1.0 if nodes_t[-1] >= nodes_t[0] else -1.0
        before = np.clip(np.searchsorted(sign * nodes_t, sign * ts, side="right") - 1, 0, len(nodes_t) - 1)
        step = radau_step if self.method == "radau" else dop853_step
        states = step(self.planar, nodes_t[before], nodes_y[before].T, ts - nodes_t[before]).T
        slack = 1e-12 * max(1.0, abs(float(nodes_t[-1])))
        states[sign * ts > sign * nodes_t[-1] + slack] = np.nan
        states[sign * ts < sign * nodes_t[0] - slack] = np.nan
        return states

    def at_steps(self, ts: FloatArray, pool: Pool) -> Generator[None, None, FloatArray]:
        """Return what `at` returns, a piece at a time; NaN from where the pool is empty."""
        states = np.full((len(ts), 2), np.nan)
        piece = PIECE if self.planar.vectorised else 1
        for first in range(0, len(ts), piece):
            if pool.empty:
                break
            with pool.spend():
                states[first : first + piece] = self.at(ts[first : first + piece])
            yield
        return states


def dop853_step(planar: PlanarField, t: FloatArray, y: FloatArray, dt: FloatArray) -> FloatArray:
    """Return one step of dop853 for columns y (2, M), each with its own time and step."""
    tableau = METHODS["dop853"].tableau
    assert tableau is not None
    slopes = np.empty((len(tableau.b), *y.shape))
    with np.errstate(all="ignore"):
        for i, (c, row) in enumerate(zip(tableau.c, tableau.a, strict=True)):
            argument = y + dt * np.tensordot(row, slopes[:i], axes=1) if i else y
            slopes[i] = planar.field(t + c * dt, argument)
        return y + dt * np.tensordot(tableau.b, slopes, axes=1)


def radau_step(planar: PlanarField, t: FloatArray, y: FloatArray, dt: FloatArray) -> FloatArray:
    """Return one step of Radau IIA for columns y (2, M), each with its own time and step.

    Newton's method with the Jacobian of the beginning, which suits steps no longer than those of a tight tolerance.
    """
    a = RADAU.square()
    n, m = len(a), len(dt)
    with np.errstate(all="ignore"):
        jacobian = np.asarray(planar.jacobian(t, y)).transpose(2, 0, 1)
        # Rows and columns are (stage, component).
        coupled = np.einsum("ij,mkl->mikjl", a, dt[:, None, None] * jacobian).reshape(m, 2 * n, 2 * n)
        solvable = np.isfinite(coupled).all(axis=(1, 2))
        inverse = np.full_like(coupled, np.nan)
        inverse[solvable] = np.linalg.inv(np.eye(2 * n) - coupled[solvable])
        z = np.zeros((n, 2, m))
        for _ in range(12):
            slopes = np.stack([planar.field(t + c * dt, y + rise) for c, rise in zip(RADAU.c, z, strict=True)])
            residual = dt * np.tensordot(a, slopes, axes=1) - z
            change = (inverse @ residual.reshape(2 * n, m).T[..., None])[..., 0].T.reshape(z.shape)
            z += change
            if np.nanmax(np.abs(change), initial=0.0) <= 1e-15 * np.nanmax(np.abs(y), initial=0.0):
                break
    end: FloatArray = y + z[-1]
    return end


def solve_reference(
    planar: PlanarField, start: tuple[float, float], t0: float, t1: float, pool: Pool, *, first: int = 0
) -> Generator[None, None, Reference]:
    """Solve the reference from one start; the generator yields while it works.

    Parameters
    ----------
    pool : what all solves together may take
    first : the level to begin with, where a start before has shown that the ones before it are in vain
    """
    tried: list[Reference] = []
    for level, way in enumerate(LEVELS[first:], first):
        steps = planar.orbit_steps(
            np.array(start), t0, t1, method=way.method, rtol=way.rtol, atol=way.atol, max_steps=200_000
        )
        solution = yield from pool.within(way.seconds, steps)
        tried.append(Reference(planar, solution, level))
        # It got there, or there is nothing to get to, or no other way: the field is slow rather than stiff.
        slow = solution.status is Status.TIMEOUT and (pool.empty or not planar.vectorised)
        if slow or solution.status not in {Status.MAX_STEPS, Status.TIMEOUT}:
            break
    return tried[-1] if tried[-1].solution.ok else tried[0]
