"""Trained classifiers into files, each with what it was trained on, how that went and what came of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from nodeviz.experiments.classifier_models import trained_on
from nodeviz.experiments.classifier_params import SHOWS
from nodeviz.experiments.params import declared
from nodeviz.experiments.saved import training_log, write_models
from nodeviz.models.depth import DepthClassifier
from nodeviz.models.files import CLASSIFIERS
from nodeviz.models.spec import ModelSpec

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from nodeviz.experiments.base import Trained
    from nodeviz.experiments.classifier_frame import ModelView
    from nodeviz.experiments.classifier_params import ClassifierParams


def save_models(
    views: Sequence[ModelView], path: str | os.PathLike[str], extra: Mapping[str, Mapping[str, Any]]
) -> list[Path]:
    """Write models of a frame to a folder, or to a file, as `write_models` does; return the files.

    Parameters
    ----------
    extra : what else to keep of each model, by its name; JSON

    Raises
    ------
    ParamError : a file that cannot be written
    """
    specs = {view.name: ModelSpec.from_json(json.loads(view.spec_json)) for view in views}
    models = {view.name: DepthClassifier(specs[view.name], parameters=view.parameters) for view in views}
    return write_models(models, path, extra, CLASSIFIERS)


def save_trained(trained: Trained[ClassifierParams], path: Path) -> list[Path]:
    """Write the models of a finished run with their training logs and measures.

    Everything follows from parameters and seed: the same run writes the same bytes.

    Raises
    ------
    ParamError : as `save_models`
    """
    views: Sequence[ModelView] = trained.frame.models  # type: ignore[attr-defined]
    return save_models(views, path, {view.name: _story(trained, view.name) for view in views})


def provenance(params: ClassifierParams) -> dict[str, Any]:
    """Return what a file says about the points its weights were trained on; without it they fit no data set."""
    return {} if len(params.points) or params.csv else {"data": trained_on(params)}


def _story(trained: Trained[ClassifierParams], name: str) -> dict[str, Any]:
    params, known = trained.params, declared(trained.params)
    measures = dict(trained.metrics["models"][name])
    del measures["seconds_per_step"]  # of this machine, and no two runs have the same
    columns = {what: trained.history[f"{name}.{what}"] for what in ("loss", "accuracy")}
    return {
        **provenance(params),
        "seed": trained.seed,
        "params": {key: spec.kind.to_json(getattr(params, key)) for key, spec in known.items() if key not in SHOWS},
        "log": training_log({"step": range(1, len(columns["loss"]) + 1), **columns}),
        "metrics": measures,
    }
