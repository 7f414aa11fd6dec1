"""Latent ODEs in files: what is written is read again, and what is none is refused in one sentence."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from models.latents import make_batch, make_model

from nodeviz.models.files import FLOWS, LATENTS, ModelFileError, load, save_model

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("suffix", ["npz", "json"])
def test_what_is_saved_is_loaded(tmp_path: Path, suffix: str) -> None:
    model, path = make_model(channels=2, speed=8.0, head_hidden=3, dtype=np.float32), tmp_path / f"model.{suffix}"
    save_model(path, model, {"family": "oscillations", "mse": 0.01}, LATENTS)
    whole, extra = load(path, LATENTS)
    loaded = whole.ode
    assert whole.spec.components == 0, "without a prior of its own"
    assert loaded.spec == model.spec
    assert extra == {"family": "oscillations", "mse": 0.01}
    np.testing.assert_array_equal(loaded.parameters, model.parameters)
    batch = make_batch(0, [4, 0], 2)
    np.testing.assert_array_equal(loaded.encode(batch)[0], model.encode(batch)[0])
    loaded.parameters[:] = 0.0  # it can be trained on
    assert (loaded.noise == 1.0).all()
    with pytest.raises(ModelFileError, match="not a model of nodeviz's flow"):
        load(path, FLOWS)


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        (None, "not a mapping of a latent ODE's fields"),
        ({"latent": 10**9}, "latent=1000000000: must be a whole number from 1 to 256"),
        ({"latent": 7}, r"parameters of shape \(.*\) where the model it describes has"),
        ({"encoder_dt": float("nan")}, "encoder_dt=nan: must be from 0.001"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, spec: Any, sentence: str) -> None:
    path = tmp_path / "model.json"
    save_model(path, make_model(), {}, LATENTS)
    content = json.loads(path.read_text())
    content["spec"] = spec
    path.write_text(json.dumps(content))
    with pytest.raises(ModelFileError, match=sentence):
        load(path, LATENTS)


def test_a_model_that_is_not_finite_is_not_written(tmp_path: Path) -> None:
    model = make_model()
    model.log_noise[0] = np.inf
    with pytest.raises(ModelFileError, match="not finite; train it anew"):
        save_model(tmp_path / "model.npz", model, {}, LATENTS)
