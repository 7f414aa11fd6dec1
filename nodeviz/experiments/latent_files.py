"""A trained latent ODE into a file, with what it was trained on, how that went and what came of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from nodeviz.experiments.latent_params import SHOWS
from nodeviz.experiments.params import declared
from nodeviz.experiments.saved import training_log, write_models
from nodeviz.models.files import LATENTS
from nodeviz.models.latent_model import LatentModel, LatentModelSpec

if TYPE_CHECKING:
    from pathlib import Path

    from nodeviz.experiments.base import Trained
    from nodeviz.experiments.latent_frame import LatentFrame
    from nodeviz.experiments.latent_params import LatentParams

LOSS, TESTS = ("step", "loss"), ("test_step", "test_mse_interpolation", "test_mse_extrapolation")
OF_THIS_MACHINE = frozenset({"milliseconds_first", "milliseconds_refined"})


def save_trained(trained: Trained[LatentParams], path: Path) -> list[Path]:
    """Write the model of a run with its calibration, its training log and what was measured.

    Everything follows from parameters and seed: the same run writes the same bytes.

    Raises
    ------
    ParamError : a file that cannot be written
    """
    frame: LatentFrame = trained.frame  # type: ignore[assignment]
    view = frame.model
    spec = LatentModelSpec.from_json(json.loads(view.spec_json))
    model = LatentModel(spec, parameters=view.parameters.copy())
    name = view.trained_on or "latent"
    return write_models({name: model}, path, {name: _story(trained, frame)}, LATENTS)


def _story(trained: Trained[LatentParams], frame: LatentFrame) -> dict[str, Any]:
    known, history = declared(trained.params), trained.history
    logs = {
        key: training_log({what: history[what] for what in columns})
        for key, columns in (("log", LOSS), ("tests", TESTS))
        if all(history.get(what) for what in columns)
    }
    return {
        "data": {"family": frame.model.trained_on},
        "calibration": json.loads(frame.model.calibration_json),
        "seed": trained.seed,
        "params": {
            key: spec.kind.to_json(getattr(trained.params, key)) for key, spec in known.items() if key not in SHOWS
        },
        **logs,
        "metrics": {key: value for key, value in trained.metrics.items() if key not in OF_THIS_MACHINE},
    }
