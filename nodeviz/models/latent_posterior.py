"""Posteriors of z0: what the encoder says at once, and what fits the observations better, found by Gauss-Newton.

With the weights fixed, the best normal posterior of z0 lies about the state that explains the observations best, and is
as wide as the curvature there allows (Laplace). Levenberg's and Marquardt's steps find it in about ten solves with all
tangents, for many series at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, pi
from typing import TYPE_CHECKING

import numpy as np

from nodeviz.models.latent_tangents import Tangents

if TYPE_CHECKING:
    from collections.abc import Generator

    from nodeviz.engine.arrays import BoolArray, FloatArray
    from nodeviz.models.latent import LatentODE
    from nodeviz.models.latent_batch import SeriesBatch

CHUNK = 32  # series whose tangents are solved at once
FLAT = 1e-3  # nats: a step that would gain less is the last one
NEWS = 0.01  # part by which the noise must change for another step to follow
_FIRST_DAMPING, _LESS, _MORE = 0.1, 0.2, 4.0
_MOST_DAMPING = 1e9
_LOG_2PI = log(2.0 * pi)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Posterior:
    """Normal posteriors of z0 for B series, in the model's units.

    Attributes
    ----------
    mean : (L, B)
    factor : (B, L, L), lower triangular; its product with its transpose is the covariance
    noise : (C, B) sd of the observations' noise that goes with it
    """

    mean: FloatArray
    factor: FloatArray
    noise: FloatArray

    @property
    def sd(self) -> FloatArray:
        """Of each coordinate by itself, (L, B)."""
        found: FloatArray = np.sqrt((self.factor * self.factor).sum(axis=2)).T
        return found

    @property
    def kl(self) -> FloatArray:
        """KL(posterior | N(0, I)) of each series, (B,), in nats."""
        spread = (self.factor * self.factor).sum(axis=(1, 2))
        logs = np.log(np.abs(np.diagonal(self.factor, axis1=1, axis2=2))).sum(axis=1)
        found: FloatArray = 0.5 * ((self.mean * self.mean).sum(axis=0) + spread - len(self.mean)) - logs
        return found

    def starts(self, normals: FloatArray) -> FloatArray:
        """Return samples of z0, (L, S, B), made from standard normal numbers (L, S)."""
        moved = self.factor @ normals  # (B, L, S)
        return moved.transpose(1, 2, 0) + self.mean[:, None]

    def column(self, index: int) -> Posterior:
        """Return the posterior of one series."""
        place = slice(index, index + 1)
        return Posterior(mean=self.mean[:, place], factor=self.factor[place], noise=self.noise[:, place])


def standard_normals(latent: int, count: int, rng: np.random.Generator) -> FloatArray:
    """Return ``count`` standard normal vectors, (L, S): in pairs of opposite sign, and with covariance 1 if they can.

    Means of curves are then those of the distribution but for what is of third order, with few samples.
    """
    half = rng.standard_normal((latent, -(-count // 2)))
    normals = np.concatenate([half, -half], axis=1)
    if half.shape[1] > latent:
        factor = np.linalg.cholesky(normals @ normals.T / normals.shape[1])
        normals = np.linalg.solve(factor, normals)
    return normals[:, :count]


def encoded(model: LatentODE, batch: SeriesBatch) -> Posterior:
    """Return what the encoder makes of the observations."""
    mean, log_sd = (np.asarray(part, np.float64) for part in model.encode(batch))
    factor = np.exp(log_sd).T[:, :, None] * np.eye(len(mean))
    noise = np.repeat(np.exp(model.log_noise.astype(np.float64))[:, None], batch.batch, axis=1)
    return Posterior(mean=mean, factor=factor, noise=noise)


class Refiner:
    """Fits posteriors to the observations of B series, one step of Levenberg and Marquardt at a time.

    Parameters
    ----------
    model : whose weights stay as they are
    batch : the observations
    start : where to begin; z0 = 0 is tried too, and the better one of the two taken
    noise : lowest and highest sd of the observations' noise. If they differ it is fitted as well: at each step to what
        the posterior leaves unexplained

    Attributes
    ----------
    taken : steps taken
    """

    def __init__(self, model: LatentODE, batch: SeriesBatch, start: Posterior, noise: tuple[float, float]) -> None:
        self.taken = 0
        places = [slice(i, i + CHUNK) for i in range(0, batch.batch, CHUNK)]
        self._chunks = [_Chunk(model, batch.columns(place), start.mean[:, place], noise) for place in places]

    @property
    def done(self) -> bool:
        """Whether another step would change nothing to speak of."""
        return all(chunk.done for chunk in self._chunks)

    @property
    def posterior(self) -> Posterior:
        """What has been found so far."""
        parts = [chunk.posterior for chunk in self._chunks]
        return Posterior(
            mean=np.concatenate([part.mean for part in parts], axis=1),
            factor=np.concatenate([part.factor for part in parts]),
            noise=np.concatenate([part.noise for part in parts], axis=1),
        )

    def step_steps(self) -> Generator[None, None, None]:
        """Take one step. The generator yields every few milliseconds."""
        for chunk in self._chunks:
            if not chunk.done:
                yield from chunk.step_steps()
                yield
        self.taken += 1


class _Chunk:
    """Some series of a `Refiner`: N of them, of M observations of C channels."""

    def __init__(self, model: LatentODE, batch: SeriesBatch, start: FloatArray, noise: tuple[float, float]) -> None:
        self._tangents = Tangents(model, batch.times)
        self._values = batch.values.transpose(2, 0, 1)  # (N, M, C)
        self._mask = batch.mask.transpose(2, 0, 1).astype(np.float64)
        self._count = self._mask.sum(axis=1)  # (N, C)
        self._noise_range, n, channels = noise, batch.batch, batch.channels
        self._noise = np.full((n, channels), np.sqrt(noise[0] * noise[1]))
        self._start = np.where(np.isfinite(start), start, 0.0).T
        self._z = np.zeros_like(self._start)  # (N, L)
        self._damping = np.full(n, _FIRST_DAMPING)
        self._active = np.ones(n, bool)
        self._begun = False

    @property
    def done(self) -> bool:
        """Whether no series would gain anything."""
        return not self._active.any()

    def step_steps(self) -> Generator[None, None, None]:
        """Take one step with every series."""
        if not self._begun:
            yield from self._begin()
        precision, push = self._curvature()
        latent = len(push[0])
        lift = self._damping * np.trace(precision, axis1=1, axis2=2) / latent
        move = np.linalg.solve(precision + lift[:, None, None] * np.eye(latent), push[..., None])[..., 0]
        tried = self._z + move
        residual, jacobian = yield from self._linear(tried)
        before = self._loss(self._z, self._residual)
        with np.errstate(all="ignore"):
            gain = before - self._loss(tried, residual)
        better = (gain > 0.0) & np.isfinite(jacobian).all(axis=(1, 2, 3))
        self._damping = np.clip(self._damping * np.where(better, _LESS, _MORE), 1e-9, _MOST_DAMPING)
        self._take(better, tried, residual, jacobian)
        fitted = self._fit_noise()
        # What a whole step of Newton's would still gain, were the curve straight.
        self._active &= ((self._gain() > FLAT) | fitted) & (self._damping < _MOST_DAMPING)

    def _begin(self) -> Generator[None, None, None]:
        """Begin at 0, or where the encoder says where that explains more.

        A series whose curve from 0 is not finite keeps the prior.
        """
        self._residual, self._jacobian = yield from self._linear(self._z)
        self._active &= np.isfinite(self._residual).all(axis=(1, 2)) & np.isfinite(self._jacobian).all(axis=(1, 2, 3))
        self._residual[~self._active] = self._jacobian[~self._active] = 0.0
        residual, jacobian = yield from self._linear(self._start)
        with np.errstate(all="ignore"):
            better = self._loss(self._start, residual) < self._loss(self._z, self._residual)
        better &= np.isfinite(jacobian).all(axis=(1, 2, 3)) & self._active
        self._take(better, self._start, residual, jacobian)
        self._begun = True

    def _take(self, better: BoolArray, z: FloatArray, residual: FloatArray, jacobian: FloatArray) -> None:
        self._z = np.where(better[:, None], z, self._z)
        self._residual = np.where(better[:, None, None], residual, self._residual)
        self._jacobian = np.where(better[:, None, None, None], jacobian, self._jacobian)

    def _linear(self, z: FloatArray) -> Generator[None, None, tuple[FloatArray, FloatArray]]:
        """Return residuals (N, M, C), 0 where missing, and the curves' Jacobians (N, M, C, L) there."""
        found = yield from self._tangents.linear_steps(z.T)
        with np.errstate(all="ignore"):
            residual = (self._values - found.values) * self._mask
            return residual, found.jacobian * self._mask[..., None]

    def _loss(self, z: FloatArray, residual: FloatArray) -> FloatArray:
        """Return -log p(z, observations) up to what does not depend on z, (N,)."""
        scaled = residual / self._noise[:, None]
        found: FloatArray = 0.5 * ((z * z).sum(axis=1) + (scaled * scaled).sum(axis=(1, 2)))
        return found

    def _curvature(self) -> tuple[FloatArray, FloatArray]:
        """Return the precision of the posterior about z, (N, L, L), and minus the gradient of the loss, (N, L)."""
        n, latent = self._z.shape
        scaled = (self._jacobian / self._noise[:, None, :, None]).reshape(n, -1, latent)
        residual = (self._residual / self._noise[:, None]).reshape(n, -1, 1)
        turned = scaled.transpose(0, 2, 1)
        return turned @ scaled + np.eye(latent), (turned @ residual)[..., 0] - self._z

    def _gain(self) -> FloatArray:
        """Return what Newton's step would gain, (N,), in nats."""
        precision, push = self._curvature()
        found: FloatArray = 0.5 * (push * np.linalg.solve(precision, push[..., None])[..., 0]).sum(axis=1)
        return found

    def _fit_noise(self) -> BoolArray:
        """Set the noise to what the posterior leaves unexplained; return for which series that was news."""
        low, high = self._noise_range
        if low == high:
            return np.zeros(len(self._z), bool)
        factor = self.posterior.factor
        spread = self._jacobian @ factor[:, None]  # (N, M, C, L)
        left = (self._residual * self._residual + (spread * spread).sum(axis=3)).sum(axis=1)
        before = self._noise
        self._noise = np.clip(np.sqrt(left / np.maximum(self._count, 1.0)), low, high)
        self._noise = np.where(self._count > 0.0, self._noise, before)
        news: BoolArray = (np.abs(self._noise / before - 1.0) > NEWS).any(axis=1)
        return news

    @property
    def posterior(self) -> Posterior:
        """The normal distribution about z that is as wide as the curvature allows."""
        precision, _ = self._curvature()
        # Of the inverse of the transposed lower factor each column belongs to one coordinate; its Gram matrix is the
        # covariance, and Cholesky's factor of that is lower again.
        inverse = np.linalg.inv(precision)
        factor = np.linalg.cholesky(0.5 * (inverse + inverse.transpose(0, 2, 1)))
        return Posterior(mean=self._z.T.copy(), factor=factor, noise=self._noise.T.copy())
