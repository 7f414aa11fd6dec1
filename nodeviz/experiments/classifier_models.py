"""The models of a classifier by name: what they are made of, fresh weights, and weights from files."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nodeviz.experiments.params import ParamError
from nodeviz.experiments.saved import read_models
from nodeviz.models.depth import DepthClassifier
from nodeviz.models.files import CLASSIFIERS
from nodeviz.models.spec import ModelSpec
from nodeviz.problems.datasets import DATASETS
from nodeviz.resources_path import resource_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.experiments.classifier_params import ClassifierParams

# What each model makes use of; the rest of a spec keeps its default, so that equal models have equal specs.
SHARED_FIELDS = ("classes", "hidden", "layers", "activation", "timed", "t1")
OWN_FIELDS = MappingProxyType({"resnet": ("blocks", "residual", "shared"), "node": (), "anode": ("augment", "readout")})


class Saved(NamedTuple):
    """A model as its file holds it; ``trained_on`` names the data as `trained_on` does, empty where it is not known."""

    spec: ModelSpec
    parameters: FloatArray
    trained_on: Mapping[str, Any]


def spec_of(params: ClassifierParams, name: str) -> ModelSpec:
    """Return what the model of that name is made of."""
    return ModelSpec(kind=name, **{field: getattr(params, field) for field in (*SHARED_FIELDS, *OWN_FIELDS[name])})


def trained_on(params: ClassifierParams) -> dict[str, Any]:
    """Return what a file of weights says about the data they come from."""
    return {"dataset": params.dataset, "classes": params.classes, "noise": params.noise}


def make_model(params: ClassifierParams, name: str, seed: int) -> DepthClassifier:
    """Return the model of that name, with weights as asked for: from the seed and its spec alone, or from a file."""
    spec = spec_of(params, name)
    if params.weights == "fresh":
        return DepthClassifier.init(spec, np.random.default_rng(seed), loss=params.loss)
    return DepthClassifier(spec, parameters=saved_models(params)[name].parameters.copy())


def saved_models(params: ClassifierParams) -> dict[str, Saved]:
    """Return for each model the file that the parameter ``weights`` leads to.

    Raises
    ------
    ParamError : none that fits, or one that cannot be used
    """
    specs = {name: spec_of(params, name) for name in params.models}
    if params.weights == "shipped":
        data = trained_on(params)
        for folder in shipped_folders():
            saved = {entry.spec.kind: entry for entry in _read_all(folder)}
            if all(name in saved and saved[name][0::2] == (spec, data) for name, spec in specs.items()):
                return {name: saved[name] for name in specs}
        raise ParamError(
            f"weights=shipped: none ship for {', '.join(specs)} of this size on {params.dataset}; "
            "use weights=fresh, or start from a preset and keep its models and data"
        )
    saved = {entry.spec.kind: entry for entry in _read_all(Path(params.weights))}
    for name, spec in specs.items():
        if name not in saved:
            raise ParamError(f"models={name}: {params.weights} has none; use models={', '.join(saved)}")
        field = _differs(saved[name].spec, spec)
        if field:
            there, asked = getattr(saved[name].spec, field), getattr(spec, field)
            raise ParamError(f"{field}={asked}: {params.weights} has {there}; use {there}, or weights=fresh")
    return {name: saved[name] for name in specs}


def shipped_folders() -> list[Path]:
    """Return the folders of weights that ship, one per preset."""
    return sorted(path for path in resource_path("weights", "classifier").iterdir() if path.is_dir())


def weights_bring(weights: str, dataset: str = "") -> dict[str, object]:
    """Return the parameters that follow from weights in files: which models, and what they are made of.

    Where ``dataset`` does not come with as many classes, also the one that they were trained on, if that is known.

    Raises
    ------
    ParamError : files that cannot be read, or models that differ in what they share
    """
    if weights in {"fresh", "shipped"}:
        return {}
    saved = _read_all(Path(weights))
    brought: dict[str, object] = {"models": tuple(entry.spec.kind for entry in saved)}
    for entry in saved:
        for field in (*SHARED_FIELDS, *OWN_FIELDS[entry.spec.kind]):
            value = getattr(entry.spec, field)
            if brought.setdefault(field, value) != value:
                raise ParamError(
                    f"weights={weights}: its models differ in {field}, {brought[field]} and {value}; choose one file"
                )
    known, classes = saved[0].trained_on.get("dataset"), brought["classes"]
    if dataset and not _comes_with(dataset, classes) and _comes_with(known, classes):
        brought["dataset"] = known
    return brought


def _comes_with(dataset: object, classes: object) -> bool:
    """Return whether there is a data set of that name with so many classes."""
    found = DATASETS.get(dataset) if isinstance(dataset, str) else None
    return found is not None and isinstance(classes, int) and found.classes[0] <= classes <= found.classes[1]


def _differs(a: ModelSpec, b: ModelSpec) -> str:
    return next((field.name for field in fields(a) if getattr(a, field.name) != getattr(b, field.name)), "")


def _read_all(path: Path) -> tuple[Saved, ...]:
    """Return the models of a file, or of all files of a folder, one of each kind at most."""
    saved = []
    for model, extra in read_models(path, CLASSIFIERS):
        data = extra.get("data")
        saved.append(Saved(model.spec, model.parameters, data if isinstance(data, dict) else {}))
    kinds = [entry.spec.kind for entry in saved]
    if len(set(kinds)) < len(kinds):
        raise ParamError(f"weights={path}: more than one {max(kinds, key=kinds.count)} in this folder; choose a file")
    return tuple(sorted(saved, key=lambda entry: list(OWN_FIELDS).index(entry.spec.kind)))
