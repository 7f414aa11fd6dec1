"""The sentences of a solve that did not end well: where, which component, why, and what may help."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, ulp
from typing import TYPE_CHECKING

import numpy as np

from nodeviz.engine.norms import worst_index
from nodeviz.engine.solution import Status

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray
    from nodeviz.engine.methods import Method

Ending = tuple[Status, str]


@dataclass(frozen=True, slots=True)
class Reasons:
    """Words for the endings of one solve."""

    method: Method
    shape: tuple[int, ...]
    limit: int

    def component(self, index: int) -> str:
        """Return how a person calls the value at this flat index."""
        if len(self.shape) == 1:
            return f"component {index}"
        row, column = np.unravel_index(index, self.shape)
        return f"component {row} of column {column}"

    @property
    def _stiff(self) -> str:
        return "" if self.method.implicit else "; if the problem is stiff, use an implicit method such as 'radau'"

    def event(self, t: float) -> Ending:
        """Describe a terminal event."""
        return Status.EVENT, f"a terminal event ended the solve at t={t:.6g}"

    def timeout(self, t: float) -> Ending:
        """Say that the caller's time is up."""
        return (
            Status.TIMEOUT,
            f"stopped at t={t:.6g}: the time budget is spent; loosen the tolerance or shorten the span",
        )

    def stopped(self, t: float, dt: float, y_new: FloatArray, solved: bool) -> Ending:
        """Explain a fixed step that cannot be taken."""
        if not solved:
            why = f"the equations of the implicit step from t={t:.6g} with dt={dt:.3g} have no solution within reach"
            return Status.DT_UNDERFLOW, f"{why}; use more steps"
        what = self.component(worst_index(y_new))
        return (
            Status.NONFINITE,
            f"{what} is not finite after the step from t={t:.6g} with dt={dt:.3g}; use more steps{self._stiff}",
        )

    def underflow(self, t: float, dt: float, err_ratio: float, worst: int) -> Ending:
        """Explain a step that even the least dt does not make acceptable."""
        if not isfinite(err_ratio):
            why = f"{self.component(worst)} is not finite beyond t={t:.6g}, however small the step"
            return Status.NONFINITE, f"{why}; the solution may end there: shorten the span"
        why = f"at t={t:.6g} even dt={abs(dt):.3g} errs {err_ratio:.3g} times the tolerance in {self.component(worst)}"
        remedy = "lower dt_min or loosen the tolerance" if abs(dt) > 1e3 * ulp(t) else "loosen the tolerance"
        return Status.DT_UNDERFLOW, f"{why}; the solution may be singular there, or {remedy}{self._stiff}"

    def max_steps(self, t: float, dt: float, worst: int) -> Ending:
        """Explain why the steps ran out."""
        why = f"stopped at t={t:.6g} after max_steps={self.limit} steps: {self.component(worst)} holds dt at {dt:.3g}"
        return Status.MAX_STEPS, f"{why}; raise max_steps or loosen the tolerance{self._stiff}"
