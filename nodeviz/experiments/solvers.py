"""How an ODE is solved for a picture or a measure, and the solvers to choose from."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from nodeviz.engine.methods import METHODS
from nodeviz.experiments.phase_params import SOLVER_TITLES

# Explicit methods only: the others solve equations for every step, and their gradients are another matter.
EXPLICIT_SOLVERS = MappingProxyType(
    {
        name: SOLVER_TITLES[name]
        for name, method in METHODS.items()
        if method.tableau is not None and not method.implicit
    }
)


@dataclass(frozen=True, slots=True)
class Solver:
    """How an ODE is solved: ``n_steps`` of equal size, or steps that meet ``rtol`` where that is None."""

    method: str
    n_steps: int | None
    rtol: float

    @classmethod
    def of(cls, method: str, n_steps: int, rtol: float) -> Solver:
        """Return a method with the number of steps, or the tolerance, whichever it goes by."""
        return cls(method, None if METHODS[method].adaptive else n_steps, rtol)

    @property
    def how(self) -> dict[str, Any]:
        """The keyword arguments of whatever solves."""
        return {"method": self.method, "n_steps": self.n_steps, "rtol": self.rtol}
