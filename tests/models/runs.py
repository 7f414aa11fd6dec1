"""Training runs that several tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.models.depth import DepthClassifier
from nodeviz.models.training import Trainer, minibatches
from nodeviz.problems.datasets import DATASETS

if TYPE_CHECKING:
    from nodeviz.models.spec import ModelSpec
    from nodeviz.models.training import StepInfo


def draw(dataset: str, n: int, seed: int, classes: int = 2) -> tuple[Any, Any]:
    return DATASETS[dataset].make(n, classes, 0.0, np.random.default_rng(seed))


def train(
    spec: ModelSpec,
    X: Any,
    labels: Any,
    *,
    seed: int = 0,
    steps: int = 940,
    batch: int = 64,
    lr: float = 1e-3,
    dtype: Any = np.float32,
    loss: str = "bce",
    **options: Any,
) -> tuple[DepthClassifier, list[StepInfo]]:
    """Train a fresh model and return it with what every step said."""
    model = DepthClassifier.init(spec, np.random.default_rng(seed), dtype, loss=loss)
    trainer = Trainer(model, steps=steps, loss=loss, **options)
    indices = minibatches(len(X), batch, np.random.default_rng(seed + 1))
    infos = []
    for _, chosen in zip(range(steps), indices, strict=False):
        infos.append(trainer.step(X[chosen], labels[chosen], lr))
    return model, infos
