"""The reference solution: dop853 at 1e-12, or Radau where the problem is too stiff for it, exact between its nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nodeviz.engine.integrate import solve_steps
from nodeviz.engine.methods import METHODS
from nodeviz.engine.solution import Status
from nodeviz.experiments.budget import within

if TYPE_CHECKING:
    from collections.abc import Generator

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.engine.solution import Solution
    from nodeviz.problems.planar import PlanarField

RTOL, ATOL, SECONDS = 1e-12, 1e-14, 1.5


@dataclass(frozen=True, slots=True)
class Reference:
    """One orbit known to about 1e-12, at any time of its span.

    Between two nodes it takes one step of dop853 from the node before, which is as accurate as the steps themselves,
    for any number of times in one batch of columns. The interpolant of dop853 would lose two orders.
    """

    planar: PlanarField
    solution: Solution

    @property
    def message(self) -> str:
        """Why it ends early, or an empty text."""
        return "" if self.solution.ok else self.solution.message

    def at(self, ts: FloatArray) -> FloatArray:
        """Return the states (M, 2) at times (M,); NaN beyond the part that was solved."""
        if self.solution.dense is not None:
            return self._from_dense(ts)
        record = self.solution.steps
        assert record is not None
        nodes_t, nodes_y = record.nodes_t, record.nodes_y
        sign = 1.0 if nodes_t[-1] >= nodes_t[0] else -1.0
        before = np.clip(np.searchsorted(sign * nodes_t, sign * ts, side="right") - 1, 0, len(nodes_t) - 1)
        states = dop853_step(self.planar, nodes_t[before], nodes_y[before].T, ts - nodes_t[before]).T
        slack = 1e-12 * max(1.0, abs(float(nodes_t[-1])))
        states[sign * ts > sign * nodes_t[-1] + slack] = np.nan
        return states

    def _from_dense(self, ts: FloatArray) -> FloatArray:
        dense, end = self.solution.dense, float(self.solution.ts[-1])
        start = float(self.solution.ts[0])
        inside = (ts - min(start, end)) * (max(start, end) - ts) >= 0
        states = np.full((len(ts), 2), np.nan)
        if dense is not None and inside.any():
            states[inside] = dense(ts[inside])
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


def solve_reference(
    planar: PlanarField, start: tuple[float, float], t0: float, t1: float
) -> Generator[None, None, Reference]:
    """Solve the reference from one start; the generator yields while it works."""
    y0 = np.array(start)
    steps = planar.orbit_steps(y0, t0, t1, method="dop853", rtol=RTOL, atol=ATOL, max_steps=200_000)
    explicit = yield from within(SECONDS, steps)
    if explicit.status not in {Status.MAX_STEPS, Status.TIMEOUT}:  # it got there, or there is nothing to get to
        return Reference(planar, explicit)
    implicit = yield from within(
        SECONDS,
        solve_steps(planar.field, y0, [t0, t1], method="radau", rtol=1e-10, atol=1e-12, dense=True, record=True),
    )
    return Reference(planar, implicit if implicit.ok else explicit)
