"""W5: training steps of a latent ODE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.models.latent import LatentODE
from nodeviz.models.latent_batch import SeriesBatch
from nodeviz.models.latent_likelihood import Targets
from nodeviz.models.latent_spec import LatentSpec
from nodeviz.models.latent_training import LatentTrainer
from nodeviz.problems.families import FAMILIES

from . import latent_peers as peers
from .harness import OURS, Workload, present
from .network_peers import LR, jax_gradient

if TYPE_CHECKING:
    from collections.abc import Callable

    from nodeviz.engine.arrays import FloatArray


def make_task(batch: int, points: int) -> peers.LatentTask:
    """Return oscillations at evenly spaced times, and a model of the sizes of the design."""
    rng = np.random.default_rng(0)
    times = np.linspace(0.0, 1.0, points)
    curves = FAMILIES["oscillations"].draw(batch, rng).paths(times)[:, :, 0].T
    spec = LatentSpec(encoder_dt=1.0, steps=points - 1)
    return peers.LatentTask(
        times=times.astype(np.float32),
        values=(curves + 0.05 * rng.standard_normal(curves.shape)).astype(np.float32),
        eps=rng.standard_normal((spec.latent, batch)).astype(np.float32),
        model=LatentODE.init(spec, rng),
    )


class Drawn:
    """Stands in for a generator of random numbers: always the same."""

    def __init__(self, eps: FloatArray) -> None:
        self._eps = eps

    def standard_normal(self, shape: tuple[int, ...]) -> FloatArray:
        """Return the numbers in this shape."""
        return self._eps.reshape(shape)


def nodeviz_step(task: peers.LatentTask) -> Callable[[], FloatArray]:
    """Return our step; it returns the gradient."""
    model, rng = task.model.astype(np.float32), Drawn(task.eps)  # a copy
    trainer = LatentTrainer(model, schedule="constant", clip=0.0)
    times = np.arange(len(task.times)) / model.spec.steps
    batch = SeriesBatch.stack(np.repeat(times[:, None], task.values.shape[1], axis=1), task.values)
    targets = Targets.at(times, task.values)

    def run() -> FloatArray:
        trainer.step(batch, targets, LR, rng, kl_weight=1.0)  # type: ignore[arg-type]
        return trainer.grad

    return run


def _gradient(name: str, returned: Any) -> FloatArray:
    if name.startswith("JAX"):
        return jax_gradient(returned)
    return peers.torch_latent_gradient(returned) if name == "PyTorch" else returned.copy()


def elbo_step(batch: int = 64, points: int = 30) -> Workload:
    """W5: a training step on the bound of evenly spaced series."""
    task = make_task(batch, points)
    size = np.abs(nodeviz_step(task)()).max()
    return Workload(
        name="W5",
        title=f"latent ODE step, {batch} series x {points} points",
        contenders=present(
            {
                OURS: nodeviz_step(task),
                "PyTorch": peers.torch_step(task),
                "JAX": peers.jax_latent_step(task),
                "JAX, unrolled": peers.jax_latent_step(task, unroll=True),
            }
        ),
        answer=lambda name, returned: _gradient(name, returned) / size,
        tolerance=1e-5,
        targets={"PyTorch": 3.5, "JAX": 1.0},
    )
