"""How a training step is solved and cut, and whether its pieces are short enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nodeviz.experiments.costs import too_much
from nodeviz.experiments.flow_models import methods_of, spec_of
from nodeviz.experiments.solvers import Solver
from nodeviz.models.flow_costs import LEAST, LONGEST, step_seconds

if TYPE_CHECKING:
    from nodeviz.experiments.flow_params import FlowParams

BLAMED = ("hidden", "n_steps", "layers", "probes")


def trained_solver(params: FlowParams) -> Solver:
    """Return the solver that the parameters name for training and measures."""
    return Solver.of(params.solver, params.n_steps, params.rtol)


def how_of(params: FlowParams) -> dict[str, Any]:
    """Return what decides how long a training step takes, besides the flow and the batch."""
    solver = trained_solver(params)
    return {"method": solver.method, "n_steps": solver.n_steps, "trace": params.trace, "probes": params.probes}


def check_costs(params: FlowParams) -> None:
    """Check that no piece of a training step holds up everything else.

    Raises
    ------
    ParamError : it does; the sentence has the figure, and the largest value of the parameter to blame that would do
    """
    if not _fits(params):
        took, most = (f"{1000 * seconds:,.0f} ms" for seconds in (_longest(params), LONGEST))
        why = f"a piece of a training step would take about {took}, above the limit {most}"
        raise too_much(params, BLAMED, _fits, why)


def _fits(params: FlowParams) -> bool:
    return _longest(params) <= LONGEST


def _longest(params: FlowParams) -> float:
    """Return about how many seconds the shortest piece takes that a step can be cut into, of any of the flows."""
    points = min(params.batch, LEAST)
    return max(step_seconds(spec_of(params, method), points, **how_of(params)) for method in methods_of(params))
