"""The flows of an experiment: what they are made of, fresh weights, and weights from files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nodeviz.experiments.params import ParamError
from nodeviz.experiments.saved import read_models
from nodeviz.models.files import FLOWS
from nodeviz.models.flow import Flow, FlowSpec
from nodeviz.resources_path import resource_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.experiments.flow_params import FlowParams

FIELDS = ("source", "hidden", "layers", "activation")


class Saved(NamedTuple):
    """A flow as its file holds it; ``trained_on`` names the target as `trained_on` does, empty where unknown."""

    spec: FlowSpec
    parameters: FloatArray
    trained_on: Mapping[str, Any]


def methods_of(params: FlowParams) -> tuple[str, ...]:
    """Return the methods side by side, one or two."""
    return (params.method,) if params.compare == "none" else (params.method, params.compare)


def spec_of(params: FlowParams, method: str) -> FlowSpec:
    """Return what the flow of a method is made of.

    Raises
    ------
    ValueError : a source that the method cannot start from; one sentence
    """
    return FlowSpec(method=method, **{field: getattr(params, field) for field in FIELDS})


def trained_on(params: FlowParams) -> dict[str, Any]:
    """Return what a file of weights says about the target they come from."""
    return {"target": params.target, "word": params.word if params.target == "text" else ""}


def make_flow(params: FlowParams, method: str, seed: int) -> Flow:
    """Return the flow of a method, with weights as asked for: from the seed and its spec alone, or from a file."""
    spec = spec_of(params, method)
    if params.weights == "fresh":
        return Flow.init(spec, np.random.default_rng(seed))
    return Flow(spec, parameters=saved_flows(params)[method].parameters.copy())


def saved_flows(params: FlowParams) -> dict[str, Saved]:
    """Return for each method the file that the parameter ``weights`` leads to.

    Raises
    ------
    ParamError : none that fits, or one that cannot be used
    """
    wanted = {method: spec_of(params, method) for method in methods_of(params)}
    if params.weights == "shipped":
        data = trained_on(params)
        shipped = [saved for folder in shipped_folders() for saved in _read(folder)]
        found = [saved for saved in shipped if saved.trained_on == data]
        remedy = "use weights=fresh, or start from a preset and keep its target, source and methods"
    else:
        found = list(_read(Path(params.weights)))
        remedy = "use weights=fresh, or another file"
    chosen: dict[str, Saved] = {}
    for method, spec in wanted.items():
        fitting = [saved for saved in found if saved.spec == spec]
        if not fitting:
            raise ParamError(
                f"weights={params.weights}: none for {method} from {spec.source} with {spec.layers} hidden layers of "
                f"{spec.hidden} {spec.activation} units on this target; {remedy}"
            )
        chosen[method] = fitting[0]
    return chosen


def weights_bring(weights: str) -> dict[str, object]:
    """Return the parameters that follow from weights in a file: the method, and what the flow is made of.

    Raises
    ------
    ParamError : a file that cannot be read, or flows that differ in what they share
    """
    if weights in {"fresh", "shipped", ""}:
        return {}
    saved = _read(Path(weights))
    if len(saved) > 2 or len({saved.spec.method for saved in saved}) < len(saved):
        raise ParamError(f"weights={weights}: more than two flows, or two of one method; choose a file")
    brought: dict[str, object] = {"method": saved[0].spec.method, "compare": "none"}
    if len(saved) == 2:
        brought["compare"] = saved[1].spec.method
    for entry in saved:
        for field in FIELDS:
            value = getattr(entry.spec, field)
            if brought.setdefault(field, value) != value:
                raise ParamError(
                    f"weights={weights}: its flows differ in {field}, {brought[field]} and {value}; choose one file"
                )
    target, word = (saved[0].trained_on.get(key) for key in ("target", "word"))
    if isinstance(target, str) and target not in {"image", "csv"}:
        brought["target"] = target
        if target == "text" and isinstance(word, str):
            brought["word"] = word
    return brought


def shipped_folders() -> list[Path]:
    """Return the folders of weights that ship, one per preset."""
    return sorted(path for path in resource_path("weights", "flow").iterdir() if path.is_dir())


def _read(path: Path) -> tuple[Saved, ...]:
    """Return the flows of a file, or of all files of a folder."""
    return tuple(
        Saved(flow.spec, flow.parameters, data if isinstance(data := extra.get("data"), dict) else {})
        for flow, extra in read_models(path, FLOWS)
    )
