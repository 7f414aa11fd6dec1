"""Trained flows into files, each with what it was trained on, how that went and what came of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from nodeviz.experiments.flow_models import trained_on
from nodeviz.experiments.flow_params import SHOWS
from nodeviz.experiments.params import declared
from nodeviz.experiments.saved import training_log, write_models
from nodeviz.models.files import FLOWS
from nodeviz.models.flow import Flow, FlowSpec

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from nodeviz.experiments.base import Trained
    from nodeviz.experiments.flow_frame import FlowView
    from nodeviz.experiments.flow_params import FlowParams

OF_THIS_MACHINE = frozenset({"seconds_per_step", "compare", "method"})  # or not of the one flow


def save_flows(
    views: Sequence[FlowView], path: str | os.PathLike[str], extra: Mapping[str, Mapping[str, Any]]
) -> list[Path]:
    """Write flows of a frame as `write_models` does, and return the files.

    Parameters
    ----------
    extra : what else to keep of each flow, by its name; JSON

    Raises
    ------
    ParamError : a file that cannot be written
    """
    flows = {
        view.name: Flow(FlowSpec.from_json(json.loads(view.spec_json)), parameters=view.parameters.copy())
        for view in views
    }
    return write_models(flows, path, extra, FLOWS)


def save_trained(trained: Trained[FlowParams], path: Path) -> list[Path]:
    """Write the flows of a finished run with their training logs and measures.

    Everything follows from parameters and seed: the same run writes the same bytes.

    Raises
    ------
    ParamError : as `save_flows`
    """
    views: Sequence[FlowView] = trained.frame.flows  # type: ignore[attr-defined]
    return save_flows(views, path, {view.name: _story(trained, view.name) for view in views})


def provenance(params: FlowParams) -> dict[str, Any]:
    """Return what a file says about the target its weights were trained on; without it they fit no target."""
    return {} if len(params.points) or params.target in {"image", "csv"} else {"data": trained_on(params)}


def _story(trained: Trained[FlowParams], name: str) -> dict[str, Any]:
    params, known, history = trained.params, declared(trained.params), trained.history
    measures = trained.metrics if name == params.method else trained.metrics["compare"]
    columns = {what: history[f"{name}.{what}"] for what in ("step", "loss")}
    return {
        **provenance(params),
        "seed": trained.seed,
        "params": {key: spec.kind.to_json(getattr(params, key)) for key, spec in known.items() if key not in SHOWS},
        "log": training_log(columns),
        "metrics": {key: value for key, value in measures.items() if key not in OF_THIS_MACHINE},
    }
