"""How likely a latent ODE makes targets, and the gradient of that by latent states and weights."""

from __future__ import annotations

from dataclasses import dataclass
from math import log, pi
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from nodeviz.engine.unrolled import UnrolledSteps
from nodeviz.models.latent_batch import MAX_TIME
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


class Likelihood(NamedTuple):
    """How well S latent states of each of B series explain the targets.

    Attributes
    ----------
    value : log-likelihood in nats, the mean over samples and series
    mse : mean squared error of the targets, over values that count
    by_z0 : (L, S, B) derivative of what is asked for by the states; until the next call
    """

    value: float
    mse: float
    by_z0: FloatArray


class LikelihoodPass:
    """The likelihood of M targets of each of B series under S latent states each, and its gradient.

    Parameters
    ----------
    model : a latent ODE; its parameters may change between two evaluations
    batch, points, samples : B, M, S
    own : whether each series has target times of its own
    """

    def __init__(self, model: LatentODE, batch: int, points: int, *, own: bool, samples: int = 1) -> None:
        self._model, self._batch, self._samples = model, batch, samples
        self._curves = CurvePass(model, batch * samples, points, own=own)
        self._residuals = np.empty_like(self._curves.predictions)

    def load(self, targets: Targets) -> None:
        """Take the targets, for any number of evaluations."""
        samples, dtype = self._samples, self._model.dtype
        self._curves.load(targets.times if targets.times.ndim == 1 else np.tile(targets.times, samples))
        self._values, self._weights = (
            self._curves.readout.arrange(np.tile(part.astype(dtype), samples))
            for part in (targets.values, targets.weights)
        )
        self._counts = self._weights.sum(axis=1)

    def evaluate(self, z0: FloatArray, scale: float = 1.0, grad: FloatArray | None = None) -> Likelihood:
        """Return the likelihood of the targets under the states z0, (L, S, B).

        The derivatives are those of ``scale`` times minus the value; those by field, decoder and noise are added to
        ``grad``, (n_parameters,), if there is one.
        """
        curves, residuals, cotangents = self._curves, self._residuals, self._curves.cotangents
        scale /= self._batch * self._samples
        np.subtract(curves.forward(z0.reshape(len(z0), -1)), self._values, residuals)
        np.multiply(residuals, self._weights, cotangents)
        squares, log_noise = np.einsum("ck,ck->c", residuals, cotangents), self._model.log_noise
        precision = np.exp(-2.0 * log_noise)
        cotangents *= (scale * precision)[:, None]
        explained = squares * precision
        total = -float((0.5 * explained + self._counts * (log_noise + HALF_LOG_2PI)).sum())
        mse = float(squares.sum()) / max(float(self._counts.sum()), 1e-30)
        by_z0 = curves.backward(grad).reshape(z0.shape)
        if grad is not None:
            grad[self._model.spans[5]] += scale * (self._counts - explained)
        return Likelihood(total / (self._batch * self._samples), mse, by_z0)
