"""Field and decoder that follow the observations of one answer: the ELBO's other half, beside the posterior."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

import numpy as np

from nodeviz.models.descent import Descent
from nodeviz.models.latent_likelihood import LikelihoodPass, Targets
from nodeviz.models.latent_model import LatentModel
from nodeviz.models.latent_posterior import standard_normals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.models.latent_batch import SeriesBatch
    from nodeviz.models.latent_posterior import Posterior

SAMPLES = 16  # of each posterior
LR, STEPS = 3e-4, 1000  # of Adam, and the length of its schedule, of which only the warm-up matters


class WeightRefiner:
    """Moves the weights of a copy uphill on the likelihood of observations under samples of their posteriors.

    Parameters
    ----------
    model : stays as it is
    batch : the observations; those before the window's beginning do not count
    rng : for the samples

    Attributes
    ----------
    model : the copy
    """

    def __init__(self, model: LatentModel, batch: SeriesBatch, rng: np.random.Generator) -> None:
        self.model = LatentModel(model.spec, parameters=model.parameters.copy())
        ode, (points, _, size) = self.model.ode, batch.values.shape
        self._normals = standard_normals(ode.spec.latent, SAMPLES, rng)
        self._work = LikelihoodPass(ode, size, points, own=True, samples=SAMPLES)
        inside = batch.times >= 0.0
        weights = (batch.mask & inside[:, None]).astype(np.float64)
        self._work.load(Targets(np.maximum(batch.times, 0.0), batch.values, weights))
        self._descent = Descent(ode.parameters, steps=STEPS, schedule="constant")
        self._grad = np.zeros_like(ode.parameters)

    def undo(self, parameters: FloatArray) -> None:
        """Go back to earlier parameters of the copy."""
        self.model.parameters[:] = parameters

    def step(self, posteriors: Sequence[Posterior]) -> None:
        """Take one step, given the posterior of each series; the encoder and the noise stay as they are."""
        ode = self.model.ode
        ode.log_noise[:] = log(np.mean([posterior.mean_noise for posterior in posteriors]))
        z0 = np.stack([posterior.starts(self._normals)[0] for posterior in posteriors], axis=2)
        self._grad.fill(0.0)
        with np.errstate(all="ignore"):
            self._work.evaluate(z0.astype(ode.dtype), 1.0, self._grad)
        self._grad[ode.spans[5]] = 0.0
        self._descent.move(self._grad, LR)
