"""The evidence lower bound of a latent ODE over a batch of series, and its gradient by everything."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from math import log, pi
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

from nodeviz.engine.unrolled import UnrolledSteps
from nodeviz.models.latent_batch import MAX_TIME
from nodeviz.models.latent_encoder import EncoderTape
from nodeviz.models.latent_readout import OwnTimes, SharedTimes

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray
    from nodeviz.models.latent import LatentODE
    from nodeviz.models.latent_batch import SeriesBatch
    from nodeviz.models.latent_readout import Readout

HALF_LOG_2PI = 0.5 * log(2.0 * pi)


@dataclass(frozen=True, slots=True)
class Targets:
    """What a model is to reconstruct: values at M times for each of B series, observed or beyond.

    Attributes
    ----------
    times : (M,) for all series, or (M, B); from 0 on
    values : (M, C, B)
    weights : (M, C, B), what each value counts, 1 as a rule; 0 where it is missing
    """

    times: FloatArray
    values: FloatArray
    weights: FloatArray

    @classmethod
    def of(cls, batch: SeriesBatch) -> Self:
        """Return the observations themselves."""
        return cls(batch.times, batch.values, batch.mask.astype(np.float64))

    @classmethod
    def at(cls, times: FloatArray, values: FloatArray) -> Self:
        """Return targets (M, C, B), or (M, B) of one channel, at times (M,) or (M, B); NaN is missing."""
        values = values if values.ndim == 3 else values[:, None]
        known = np.isfinite(values)
        return cls(times, np.where(known, values, 0.0), known.astype(np.float64))

    def with_more(self, other: Self) -> Self:
        """Return these and the others together, each with its own times."""
        batch = self.values.shape[2]
        times = [
            part.times if part.times.ndim == 2 else np.repeat(part.times[:, None], batch, 1) for part in (self, other)
        ]
        return type(self)(
            np.concatenate(times),
            np.concatenate([self.values, other.values]),
            np.concatenate([self.weights, other.weights]),
        )

    @property
    def points(self) -> int:
        """M."""
        points: int = self.times.shape[0]
        return points

    def padded(self, points: int) -> Self:
        """Return them with further ones that do not count, ``points`` in all."""
        more = points - self.points
        if more <= 0:
            return self
        shape, times = (more, *self.values.shape[1:]), np.zeros((more, *self.times.shape[1:]))
        return type(self)(
            np.concatenate([self.times, times]),
            np.concatenate([self.values, np.zeros(shape)]),
            np.concatenate([self.weights, np.zeros(shape)]),
        )

    def columns(self, place: slice) -> Self:
        """Return the targets of some of the series."""
        times = self.times if self.times.ndim == 1 else self.times[:, place]
        return type(self)(times, self.values[:, :, place], self.weights[:, :, place])


class CurvePass:
    """From latent states z0 of N columns to the channels at M times, and back.

    Parameters
    ----------
    model : a latent ODE; its parameters may change between two passes
    columns, points : N, M
    own : whether each column has times of its own
    """

    def __init__(self, model: LatentODE, columns: int, points: int, *, own: bool) -> None:
        self._model, self._shape, self._points, self._own = model, (model.spec.latent, columns), points, own
        self._make_nodes(model.spec.steps)
        self._decoder = model.decoder.tape(points * columns, 1)
        self.predictions = np.empty((model.spec.channels, points * columns), model.dtype)
        self.cotangents = self._decoder.cotangents[0]
        self._by_latent = np.empty((model.spec.latent, points * columns), model.dtype)

    def _make_nodes(self, count: int) -> None:
        spec, kind = self._model.spec, OwnTimes if self._own else SharedTimes
        self._count, self._nodes = count, UnrolledSteps(self._model.dynamics, self._shape[1], count, spec.dt)
        self.readout: Readout = kind(self._nodes, spec, self._shape, self._points)

    def load(self, times: FloatArray) -> None:
        """Take the times, (M,) or (M, N), from 0 on.

        Raises
        ------
        ValueError : a time before 0, or so far beyond 1 that nothing is known there
        """
        first, last = times.min(initial=0.0), times.max(initial=0.0)
        if first < 0.0:
            raise ValueError(f"targets: time {first:g} is before the window, which begins at 0; leave it out")
        if not last <= MAX_TIME:
            raise ValueError(f"targets: time {last:g} is beyond {MAX_TIME:g}; bring times to model units first")
        needed = int(np.ceil(last * self._model.spec.steps))
        if needed > self._count:
            self._make_nodes(needed)
        self.readout.load(times)

    def forward(self, z0: FloatArray) -> FloatArray:
        """Return the channels, (C, M N), in the order of the readout; until the next call."""
        self._nodes.forward(z0, self.readout.n_steps)
        self.readout.read(self._decoder.inputs[0])
        self._decoder.evaluate(0, 0.0, None, self.predictions)
        return self.predictions

    def backward(self, grad: FloatArray | None = None) -> FloatArray:
        """Return the cotangent of z0, (L, N), given ``cotangents``, (C, M N); add to ``grad``, (n_parameters,)."""
        self._decoder.pull(0, None, self._by_latent)
        self.readout.pull(self._by_latent)
        by_z0 = self._nodes.backward(self.readout.n_steps)
        if grad is not None:
            spans = self._model.spans
            self._decoder.add_gradient(grad[spans[4]])
            self._nodes.add_gradient(grad[spans[3]], self.readout.n_steps)
        return by_z0


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
        self._model, self._batch, self._samples = model, batch, samples
        self._encoder: Encoder = EncoderTape(model, batch) if encoder is None else encoder
        self._curves = CurvePass(model, batch * samples, points, own=own)
        shape, dtype = (model.spec.latent, samples, batch), model.dtype
        self._z0, self._noises = np.empty(shape, dtype), np.empty(shape, dtype)
        self._by_q = np.empty((2 * shape[0], batch), dtype)
        self._residuals = np.empty_like(self._curves.predictions)

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
        log_likelihood, mse, by_log_noise = self._compare(targets, scale / self._samples)
        by_z0 = self._curves.backward(grad).reshape(self._z0.shape)
        grad[self._model.spans[5]] += by_log_noise
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
        return Elbo(kl_weight * kl - log_likelihood, log_likelihood, kl, mse)

    def _compare(self, targets: Targets, scale: float) -> tuple[float, float, FloatArray]:
        """Return log-likelihood per series, mean squared error and ``scale`` times the derivatives by log noise, (C,).

        Leaves the cotangents of the predictions, likewise scaled, for the way back.
        """
        curves, samples, dtype = self._curves, self._samples, self._model.dtype
        times = targets.times if targets.times.ndim == 1 else np.tile(targets.times, samples)
        curves.load(times)
        values, weights = (
            curves.readout.arrange(np.tile(part.astype(dtype), samples)) for part in (targets.values, targets.weights)
        )
        residuals, cotangents = self._residuals, curves.cotangents
        np.subtract(curves.forward(self._z0.reshape(len(self._z0), -1)), values, residuals)
        np.multiply(residuals, weights, cotangents)
        squares = np.einsum("ck,ck->c", residuals, cotangents)
        counts, log_noise = weights.sum(axis=1), self._model.log_noise
        precision = np.exp(-2.0 * log_noise)
        cotangents *= (scale * precision)[:, None]
        explained = squares * precision
        total = -float((0.5 * explained + counts * (log_noise + HALF_LOG_2PI)).sum())
        mse = float(squares.sum()) / max(float(counts.sum()), 1e-30)
        return total / (self._batch * samples), mse, scale * (counts - explained)
