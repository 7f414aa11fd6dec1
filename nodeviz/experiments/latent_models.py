"""The latent ODE of an experiment: what it is made of, fresh weights, and weights from files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nodeviz.experiments.latent_data import family_of
from nodeviz.experiments.params import ParamError
from nodeviz.experiments.saved import read_models
from nodeviz.models.files import LATENTS
from nodeviz.models.latent import LatentODE
from nodeviz.models.latent_calibration import Calibration
from nodeviz.models.latent_model import LatentModel
from nodeviz.models.latent_spec import LatentSpec
from nodeviz.resources_path import resource_path

if TYPE_CHECKING:
    from nodeviz.experiments.latent_params import LatentParams

SPEED = 8.0  # of the latent field: its network learns that much faster


class Saved(NamedTuple):
    """A latent ODE as its file holds it; ``trained_on`` is a family's name, a file's name, or empty."""

    model: LatentModel
    calibration: Calibration
    trained_on: str


def spec_of(params: LatentParams, channels: int) -> LatentSpec:
    """Return what a fresh model is made of."""
    return LatentSpec(
        channels=channels,
        hidden=params.hidden,
        encoder_hidden=params.hidden,
        head_hidden=2 * params.hidden,
        latent=params.latent,
        dynamics_hidden=params.dynamics,
        speed=SPEED,
        decoder_hidden=max(1, params.dynamics // 2),
    )


def fresh_model(params: LatentParams, channels: int, seed: int) -> Saved:
    """Return a model with weights from the seed and its spec alone."""
    ode = LatentODE.init(spec_of(params, channels), np.random.default_rng(seed))
    ode.log_noise[:] = np.log(params.noise)
    return Saved(LatentModel.of(ode), Calibration(noise=(params.noise,)), "")


def saved_model(params: LatentParams) -> Saved:
    """Return the model that the parameter ``weights`` leads to.

    Raises
    ------
    ParamError : none that fits, or one that cannot be used
    """
    if params.weights == "shipped":
        name = family_of(params).name
        found = [saved for saved in shipped_models() if saved.trained_on == name]
        if not found:
            raise ParamError(f"weights=shipped: none for the family {name}; use weights=fresh")
    else:
        found = _read(Path(params.weights))
        if len(found) > 1:
            raise ParamError(f"weights={params.weights}: {len(found)} models in this folder; choose a file")
    return found[0]


def shipped_models() -> list[Saved]:
    """Return the models that ship."""
    folder = resource_path("weights", "latent")
    return _read(folder) if folder.is_dir() else []


def _read(path: Path) -> list[Saved]:
    """Return the models of a file, or of all files of a folder."""
    found = []
    for model, extra in read_models(path, LATENTS):
        try:
            calibration = Calibration.from_json(extra.get("calibration", {}))
        except ValueError as error:
            raise ParamError(f"weights={path}: {error}") from None
        found.append(Saved(model, calibration, trained_on_of(extra.get("data"))))
    return found


def trained_on_of(data: Any) -> str:
    """Return what a file says that its weights were trained on, or an empty text."""
    name = data.get("family") if isinstance(data, dict) else None
    return name if isinstance(name, str) else ""
