"""Which parameters of the classifier have no effect with the others as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nodeviz.experiments.classifier_picture import depth_solver, trained_solver

if TYPE_CHECKING:
    from nodeviz.experiments.classifier_params import ClassifierParams


def idle_rows(params: ClassifierParams) -> frozenset[str]:
    """Return the names of the parameters that change nothing, so that their rows may be greyed."""
    idle: set[str] = set()
    if len(params.points) or params.csv:
        idle |= {"noise", "n_points"}
    if params.optimizer != "sgd":
        idle.add("momentum")
    if "anode" not in params.models:
        idle |= {"augment", "readout"}
    if "resnet" not in params.models:
        idle |= {"blocks", "residual", "shared"}
    if set(params.models) == {"resnet"}:
        idle |= {"solver", "n_steps", "rtol", "gradient", "depth_solver", "depth_steps", "depth_rtol"}
    idle.add("rtol" if trained_solver(params).n_steps is not None else "n_steps")
    if params.depth_solver == "trained":
        idle |= {"depth_steps", "depth_rtol"}
    else:
        idle.add("depth_rtol" if depth_solver(params).n_steps is not None else "depth_steps")
    if params.plane == "input":
        idle |= {"show_trails", "show_grid", "show_readout"}
    return frozenset(idle)
