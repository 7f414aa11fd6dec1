"""Runs of the flow for its tests: small ones, to the end or as a window steps them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nodeviz.experiments.flow import FLOW
from nodeviz.experiments.flow_params import FlowParams
from nodeviz.experiments.params import change
from nodeviz.experiments.run import plain

from .training_runs import Finished, Watched, to_the_end

if TYPE_CHECKING:
    from nodeviz.experiments.flow_frame import FlowFrame

SMALL = {"steps": 30, "hidden": 8, "batch": 64}
TIMED = frozenset({"seconds_per_step"})


def finish(seed: int = 0, **changes: Any) -> Finished[FlowFrame]:
    """Run a small flow headless to its end."""
    return to_the_end(FLOW, params_of(**changes), seed)


def watch(seed: int = 0, **changes: Any) -> Watched[FlowFrame]:
    """Start a small flow that somebody looks at."""
    return Watched(FLOW, params_of(**changes), seed)


def params_of(**changes: Any) -> FlowParams:
    """Return the parameters of a small flow; a method's own steps are too many for a test."""
    return change(change(FlowParams(), changes), SMALL | changes)


def untimed(metrics: Any) -> Any:
    """Return metrics as JSON without the times, which differ from run to run."""
    if isinstance(metrics, dict):
        return {key: untimed(value) for key, value in plain(metrics).items() if key not in TIMED}
    return metrics
