"""Training of a latent ODE, one step at a time, on the evidence lower bound of series."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, nan
from typing import TYPE_CHECKING

import numpy as np

from nodeviz.engine.solution import Status
from nodeviz.models.descent import Descent
from nodeviz.models.latent_elbo import Elbo, ElboPass
from nodeviz.models.latent_likelihood import Targets
from nodeviz.problems.pieces import finish

if TYPE_CHECKING:
    from collections.abc import Generator

    from nodeviz.models.latent import LatentODE
    from nodeviz.models.latent_batch import SeriesBatch

ROOM = 10
"""Targets are padded to a multiple of so many, so that batches of other lengths find memory that is made already."""


@dataclass(frozen=True, slots=True)
class StepInfo:
    """One training step.

    Attributes
    ----------
    loss : of the batch, before the step: minus the log-likelihood plus the weighted KL divergence, per series, in nats
    elbo : the bound itself, with the whole of the KL divergence
    kl : of the posteriors from the prior
    mse : mean squared error of the targets, in model units
    kl_weight : of the KL divergence in the loss
    grad_norm : Euclidean norm of the gradient, before it is clipped
    status : ``ok``, or why no step was taken: ``nonfinite``
    message : what happened and what to change, in one sentence; empty where all is well
    """

    loss: float
    elbo: float
    kl: float
    mse: float
    kl_weight: float
    grad_norm: float
    status: Status
    message: str

    @property
    def ok(self) -> bool:
        """Whether the step was taken."""
        return self.status is Status.OK


class LatentTrainer:
    """Takes training steps with a latent ODE, whose parameters are never written but by finite ones.

    Parameters
    ----------
    model : trained in place
    steps, schedule, taken, clip, beta2, average : as for `Descent`
    kl_anneal : part of the steps over which the weight of the KL divergence rises from 0 to 1
    samples : of each posterior, in every step
    piece : series whose gradients are computed at once, so that nothing waits long for the whole step; by default all
    learn_noise : whether the sd of the observations' noise is learned too

    Attributes
    ----------
    grad : (n_parameters,) the gradient of the last step, clipped
    descent : what takes the steps; its ``averaged`` are the parameters to keep where ``average`` is given
    """

    def __init__(
        self,
        model: LatentODE,
        *,
        steps: int = 20_000,
        schedule: str = "cosine",
        taken: int = 0,
        clip: float = 5.0,
        beta2: float = 0.99,
        average: float = 0.0,
        kl_anneal: float = 0.1,
        samples: int = 1,
        piece: int | None = None,
        learn_noise: bool = True,
    ) -> None:
        for name, value in (("samples", samples), ("piece", 1 if piece is None else piece)):
            if value < 1:
                raise ValueError(f"{name}={value}: below the limit 1; use 1 or more")
        self.model, self._samples, self._piece, self._learn_noise = model, samples, piece, learn_noise
        self.descent = Descent(
            model.parameters, steps=steps, schedule=schedule, taken=taken, clip=clip, beta2=beta2, average=average
        )
        self._kl_anneal = kl_anneal
        self.grad = np.zeros_like(model.parameters)
        self._passes: dict[tuple[int, int, bool], ElboPass] = {}

    @property
    def taken(self) -> int:
        """Steps taken."""
        return self.descent.taken

    def kl_weight(self) -> float:
        """Return the weight of the KL divergence in the next step."""
        return min(1.0, self.descent.done / self._kl_anneal) if self._kl_anneal > 0.0 else 1.0

    def step(
        self,
        batch: SeriesBatch,
        targets: Targets | None,
        lr: float,
        rng: np.random.Generator,
        kl_weight: float | None = None,
    ) -> StepInfo:
        """Take one step at once; see `step_steps`."""
        return finish(self.step_steps(batch, targets, lr, rng, kl_weight))

    def step_steps(
        self,
        batch: SeriesBatch,
        targets: Targets | None,
        lr: float,
        rng: np.random.Generator,
        kl_weight: float | None = None,
    ) -> Generator[None, None, StepInfo]:
        """Take one step; the generator yields between the pieces of the batch.

        A step that is not finite is not taken: the parameters are then those before the last step taken, for which all
        was finite, and the optimiser begins anew. One that is abandoned leaves no trace but the numbers it has drawn.

        Parameters
        ----------
        batch : what the encoder sees, B series
        targets : what is to be reconstructed, observed or beyond; None for the observations themselves
        lr : learning rate, before the schedule's factor
        rng : for the samples of the posteriors
        kl_weight : of the KL divergence; by default it follows the schedule
        """
        wanted = Targets.of(batch) if targets is None else targets
        weight = self.kl_weight() if kl_weight is None else kl_weight
        self.grad.fill(0.0)
        total = Elbo(0.0, 0.0, 0.0, 0.0)
        size, own = min(batch.batch, self._piece or batch.batch), wanted.times.ndim == 2
        for begin in range(0, batch.batch, size):
            if begin:
                yield
            place = slice(begin, min(begin + size, batch.batch))
            work, part = self._pass_of(place.stop - begin, wanted.points, own=own), wanted.columns(place)
            eps = rng.standard_normal((self.model.spec.latent, self._samples, place.stop - begin))
            share = (place.stop - begin) / batch.batch
            with np.errstate(all="ignore"):
                found = work.evaluate(
                    batch.columns(place), part.padded(_room(part.points)), eps, weight, self.grad, share
                )
            total = total.plus(found, share)
            if not isfinite(total.loss):
                break
        return self._descend(total, weight, lr)

    def _pass_of(self, columns: int, points: int, *, own: bool) -> ElboPass:
        key = columns, _room(points), own
        if key not in self._passes:
            self._passes[key] = ElboPass(self.model, columns, key[1], own=own, samples=self._samples)
        return self._passes[key]

    def _descend(self, found: Elbo, kl_weight: float, lr: float) -> StepInfo:
        """Move along the gradient of all pieces."""
        if not self._learn_noise:
            self.grad[self.model.spans[-1]] = 0.0
        norm, taken = self.descent.move(self.grad, lr) if isfinite(found.loss) else (nan, self.descent.refuse())
        status, message = (Status.OK, "") if taken else (Status.NONFINITE, self.descent.sentence(lr))
        return StepInfo(found.loss, found.elbo, found.kl, found.mse, kl_weight, norm, status, message)


def _room(points: int) -> int:
    return -(-points // ROOM) * ROOM
