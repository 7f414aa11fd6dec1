"""Latent ODEs and batches that several test files share."""

from __future__ import annotations

from typing import Any

import numpy as np

from nodeviz.engine.mlp import MLP
from nodeviz.models.latent import LatentODE
from nodeviz.models.latent_batch import SeriesBatch
from nodeviz.models.latent_spec import LatentSpec


def make_model(seed: int = 0, dtype: Any = np.float64, **fields: Any) -> LatentODE:
    """A small model that is far from linear, and whose biases are not zero."""
    sizes = {"hidden": 4, "encoder_hidden": 5, "latent": 3, "dynamics_hidden": 6, "decoder_hidden": 4, "steps": 8}
    rng = np.random.default_rng(seed)
    model = LatentODE.init(LatentSpec(**(sizes | fields)), rng, dtype)
    for net in (model.dynamics, model.decoder):
        MLP.init(rng, net.widths, dtype=dtype, parameters=net.parameters)
    model.parameters += (0.2 * rng.standard_normal(model.parameters.size)).astype(dtype)
    return model


def make_series(rng: np.random.Generator, n: int, channels: int = 1, missing: float = 0.0) -> Any:
    """Times (n,) unsorted, some of them equal, and values (n, C), some of them missing."""
    t = np.round(rng.random(n), 1) if n % 2 else rng.random(n)
    y = rng.standard_normal((n, channels))
    y[rng.random(y.shape) < missing] = np.nan
    return t, y


def make_batch(seed: int, lengths: Any, channels: int = 1, missing: float = 0.0) -> SeriesBatch:
    """A batch of series of these lengths."""
    rng = np.random.default_rng(seed)
    return SeriesBatch.of([make_series(rng, n, channels, missing) for n in lengths])
