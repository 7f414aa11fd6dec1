"""The evidence lower bound of a latent ODE over a batch of series, and its gradient by everything."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from nodeviz.models.latent_encoder import EncoderTape
from nodeviz.models.latent_likelihood import LikelihoodPass

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray
    from nodeviz.models.latent import LatentODE
    from nodeviz.models.latent_likelihood import Targets


@dataclass(frozen=True, slots=True)
class Elbo:
    """A bound on the log-evidence, in nats and as a mean over the series.

    Attributes
    ----------
    loss : what training lowers: minus the log-likelihood, plus the KL divergence times its weight
    log_likelihood : of the targets under the samples of the posterior
    kl : of the posterior from the prior
    mse : mean squared error of the targets, over values that count
    """

    loss: float
    log_likelihood: float
    kl: float
    mse: float

    @property
    def elbo(self) -> float:
        """The bound itself, with the whole of the KL divergence."""
        return self.log_likelihood - self.kl

    def plus(self, other: Elbo, share: float) -> Elbo:
        """Return these figures and a share of others, as of a batch whose pieces they are."""
        pairs = zip(astuple(self), astuple(other), strict=True)
        return Elbo(*(mine + share * theirs for mine, theirs in pairs))


class Encoder(Protocol):
    """The way through an encoder of B series, and back."""

    def forward(self, seen: Any) -> FloatArray:
        """Return means and log sds of the posteriors, (2 L, B)."""
        ...

    def backward(self, cotangent: FloatArray, grad: FloatArray) -> None:
        """Add to ``grad`` what the cotangent of those, (2 L, B), says of the encoder's parameters."""
        ...


class ElboPass:
    """The bound for batches of B series with M targets each, and its gradient, in memory made once.

    Parameters
    ----------
    model : a latent ODE
    batch, points : B, M
    own : whether each series has target times of its own
    samples : S, of each posterior
    encoder : another one than the model's, which knows its own place in the gradient
    """

    def __init__(
        self,
        model: LatentODE,
        batch: int,
        points: int,
        *,
        own: bool,
        samples: int = 1,
        encoder: Encoder | None = None,
    ) -> None:
        self._model, self._batch = model, batch
        self._encoder: Encoder = EncoderTape(model, batch) if encoder is None else encoder
        self._likelihood = LikelihoodPass(model, batch, points, own=own, samples=samples)
        shape, dtype = (model.spec.latent, samples, batch), model.dtype
        self._z0, self._noises = np.empty(shape, dtype), np.empty(shape, dtype)
        self._by_q = np.empty((2 * shape[0], batch), dtype)

    def evaluate(
        self,
        seen: Any,
        targets: Targets,
        eps: FloatArray,
        kl_weight: float,
        grad: FloatArray,
        share: float = 1.0,
    ) -> Elbo:
        """Return the bound, and add to ``grad``, (n_parameters,), ``share`` times the gradient of its loss.

        Parameters
        ----------
        seen : what the encoder sees, of B series
        targets : what is to be reconstructed
        eps : (L, S, B) standard normal numbers
        kl_weight : factor of the KL divergence in the loss
        """
        latent, scale = self._model.spec.latent, share / self._batch
        found = self._encoder.forward(seen)
        mean, sd = found[:latent], np.exp(found[latent:])
        np.multiply(sd[:, None], eps, out=self._noises)
        np.add(self._noises, mean[:, None], out=self._z0)
        self._likelihood.load(targets)
        value, mse, by_z0 = self._likelihood.evaluate(self._z0, share, grad)
        by_mean, by_log_sd = self._by_q[:latent], self._by_q[latent:]
        np.sum(by_z0, axis=1, out=by_mean)
        np.einsum("lsb,lsb->lb", by_z0, self._noises, out=by_log_sd)
        variance = sd * sd
        # KL = sum over l of (mean^2 + sd^2 - 1) / 2 - log sd
        by_mean += (scale * kl_weight) * mean
        by_log_sd += (scale * kl_weight) * (variance - 1.0)
        kl = 0.5 * (float(np.vdot(mean, mean)) + float(variance.sum()) - mean.size) - float(found[latent:].sum())
        self._encoder.backward(self._by_q, grad)
        kl /= self._batch
        return Elbo(kl_weight * kl - value, value, kl, mse)
