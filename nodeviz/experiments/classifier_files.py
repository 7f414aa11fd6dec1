"""Trained classifiers into files, each with what it was trained on, how that went and what came of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.experiments.classifier_models import SUFFIXES, trained_on
from nodeviz.experiments.classifier_params import SHOWS
from nodeviz.experiments.params import ParamError, declared
from nodeviz.models.depth import DepthClassifier
from nodeviz.models.files import ModelFileError, save_model
from nodeviz.models.spec import ModelSpec

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from nodeviz.experiments.base import Trained
    from nodeviz.experiments.classifier_frame import ModelView
    from nodeviz.experiments.classifier_params import ClassifierParams

LOG_ROWS = 200  # of the training log, at most


def save_models(
    views: Sequence[ModelView], path: str | os.PathLike[str], extra: Mapping[str, Mapping[str, Any]]
) -> list[Path]:
    """Write models of a frame: to a folder as NAME.npz, or to a file that ends in .npz or .json.

    Several models for one file go beside each other, as in circles-node.npz and circles-anode.npz.

    Parameters
    ----------
    extra : what else to keep of each model, by its name; JSON

    Returns
    -------
    the files

    Raises
    ------
    ParamError : a file that cannot be written
    """
    target = Path(path).expanduser()
    if target.suffix.lower() not in SUFFIXES:
        files = [target / f"{view.name}.npz" for view in views]
    elif len(views) == 1:
        files = [target]
    else:
        files = [target.with_name(f"{target.stem}-{view.name}{target.suffix}") for view in views]
    try:
        files[0].parent.mkdir(parents=True, exist_ok=True)
        for file, view in zip(files, views, strict=True):
            spec = ModelSpec.from_json(json.loads(view.spec_json))
            save_model(file, DepthClassifier(spec, parameters=view.parameters), extra[view.name])
    except ModelFileError as error:
        raise ParamError(str(error)) from None
    except OSError as error:
        raise ParamError(f"path={path}: cannot be written ({error.strerror}); choose another folder") from None
    return files


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
    return {
        **provenance(params),
        "seed": trained.seed,
        "params": {key: spec.kind.to_json(getattr(params, key)) for key, spec in known.items() if key not in SHOWS},
        "log": _log(trained.history, name),
        "metrics": measures,
    }


def _log(history: Mapping[str, Sequence[float]], name: str) -> dict[str, list[float]]:
    """Return loss and accuracy of every n-th training step, four digits each."""
    n = len(history[f"{name}.loss"])
    rows = np.unique(np.linspace(0, n - 1, min(n, LOG_ROWS)).astype(int)).tolist()
    found: dict[str, list[float]] = {"step": [row + 1 for row in rows]}
    for what in ("loss", "accuracy"):
        found[what] = [float(f"{history[f'{name}.{what}'][row]:.4g}") for row in rows]
    return found
