"""Posteriors of z0: what the encoder says at once, and what fits the observations better, found by Gauss-Newton.

With the weights fixed, a curve is nearly straight in z0 where its posterior lies. Levenberg's and Marquardt's steps
lead there in a few solves with all tangents, for many series at once; about that state the posterior under a mixture
of normal priors is again a mixture of normal distributions, in closed form. Where the noise is not known, its levels
take part in the mixture.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import log, pi
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nodeviz.models.latent_tangents import Tangents

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from nodeviz.engine.arrays import BoolArray, FloatArray, IntArray
    from nodeviz.models.latent_batch import SeriesBatch
    from nodeviz.models.latent_model import LatentModel
    from nodeviz.models.latent_prior import MixturePrior

CHUNK, WORK = 32, 1_200_000  # series whose tangents are solved at once; products of an evaluation with tangents
MATRICES = 800_000  # entries times size of the components' matrices that are worked on between two yields
FLAT = 1e-2  # nats: a step that would gain less is the last one
LEAST = 1e-5  # weight below which a component is left out
MOST_STEPS = 20  # of Levenberg and Marquardt
STRAIGHTENED = 2  # times that the curve is straightened about the mixture's own mean
_FIRST_DAMPING, _LESS, _MORE = 0.1, 0.2, 4.0
_MOST_DAMPING = 1e9
_LOG_2PI = log(2.0 * pi)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Posterior:
    """A mixture of M normal posteriors of z0 for one series, each with a level of the noise, in the model's units.

    Attributes
    ----------
    weights : (M,), 1 in all
    means : (M, L)
    factors : (M, L, L), triangular; each times its transpose is a covariance
    noise : (M,) sd of what observations are off the curves by
    levels : how many levels of it were thought equally likely
    """

    weights: FloatArray
    means: FloatArray
    factors: FloatArray
    noise: FloatArray
    levels: int = 1

    @property
    def mean(self) -> FloatArray:
        """Of all of it, (L,)."""
        found: FloatArray = self.weights @ self.means
        return found

    @property
    def sd(self) -> FloatArray:
        """Of each coordinate by itself, (L,)."""
        away = self.means - self.mean
        found: FloatArray = np.sqrt(self.weights @ ((self.factors * self.factors).sum(axis=2) + away * away))
        return found

    @property
    def mean_noise(self) -> float:
        """What is to be expected of the noise's sd."""
        return float(self.weights @ self.noise)

    def starts(self, normals: FloatArray) -> tuple[FloatArray, IntArray]:
        """Return samples of z0, (L, S), made from standard normal numbers (L, S), and the component of each.

        As many come from each component as its weight says, the second half like the first one, so that numbers of
        opposite sign meet in the same one.
        """
        count = normals.shape[1]
        half = -(-count // 2)
        places = (np.arange(half) + 0.5) / half
        chosen = np.searchsorted(np.cumsum(self.weights), places).clip(max=len(self.weights) - 1)
        chosen = np.concatenate([chosen, chosen])[:count]
        moved = (self.factors[chosen] @ normals.T[..., None])[..., 0]
        return (self.means[chosen] + moved).T, chosen

    def log_density(self, z: FloatArray, noise: FloatArray) -> FloatArray:
        """Return the log of the joint density of states (N, L) and levels of the noise (N,), (N,)."""
        inverse = np.linalg.inv(self.factors)
        logs = np.log(np.abs(np.diagonal(inverse, axis1=1, axis2=2))).sum(axis=1) + np.log(self.weights)
        away = np.einsum("mij,mnj->nmi", inverse, z[None] - self.means[:, None], optimize=True)
        each = logs - 0.5 * (away * away).sum(axis=2) - 0.5 * z.shape[1] * _LOG_2PI
        each = np.where(noise[:, None] == self.noise, each, -np.inf)
        most = each.max(axis=1)
        found: FloatArray = most + np.log(np.exp(each - most[:, None]).sum(axis=1))
        return found


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


def encoded(model: LatentModel, batch: SeriesBatch, noise: float) -> list[Posterior]:
    """Return what the encoder makes of each series; without observations it is the prior.

    Parameters
    ----------
    noise : sd that goes with it
    """
    mean, log_sd = (np.asarray(part, np.float64) for part in model.ode.encode(batch))
    found = []
    for column, empty in enumerate(batch.empty):
        if empty:
            prior = model.prior
            weights, means, factors = np.exp(prior.log_weights), prior.means, prior.factors
        else:
            weights, means = np.ones(1), mean[None, :, column]
            factors = np.diag(np.exp(log_sd[:, column]))[None]
        found.append(Posterior(weights=weights, means=means, factors=factors, noise=np.full(len(weights), noise)))
    return found


class Refiner:
    """Fits posteriors to the observations of B series, step by step.

    First steps of Levenberg and Marquardt under N(0, I), from z0 = 0 or from the encoder's mean, whichever explains
    more; then two about the mixture's own mean.

    Parameters
    ----------
    model : whose weights stay as they are
    batch : the observations
    start : what the encoder says
    levels : sds of what observations are off the curves by, each as likely as the others before anything is seen
    first : the one to begin with

    Attributes
    ----------
    taken : steps taken
    """

    def __init__(
        self,
        model: LatentModel,
        batch: SeriesBatch,
        start: Sequence[Posterior],
        levels: Sequence[float],
        first: float,
    ) -> None:
        self.taken = 0
        begin = np.array([posterior.mean for posterior in start])
        spec = model.ode.spec
        work = sum(a * b for a, b in pairwise(spec.dynamics_widths)) * (1 + spec.latent)
        size = max(1, min(CHUNK, WORK // work))
        places = [slice(i, i + size) for i in range(0, batch.batch, size)]
        self._chunks = [_Chunk(model, batch.columns(place), begin[place], levels, first) for place in places]

    @property
    def done(self) -> bool:
        """Whether another step would change nothing to speak of."""
        return all(chunk.done for chunk in self._chunks)

    def step_steps(self) -> Generator[None, None, None]:
        """Take one step. The generator yields every few milliseconds."""
        for chunk in self._chunks:
            if not chunk.done:
                yield from chunk.step_steps()
                yield
        self.taken += 1

    def posterior_steps(self) -> Generator[None, None, tuple[list[Posterior], FloatArray]]:
        """Return the posterior of each series, and the log-evidence (B,) in nats, were its curves straight.

        Of a mixture that is exact for straight curves the evidence is the ELBO. The generator yields every few
        milliseconds.
        """
        posteriors: list[Posterior] = []
        evidences = []
        for chunk in self._chunks:
            found, evidence = yield from chunk.mixtures_steps()
            posteriors += found
            evidences.append(evidence)
        return posteriors, np.concatenate(evidences)


class _Chunk:
    """Some series of a `Refiner`: N of them, of M observations of C channels; a curve is straight about ``z`` (N, L).

    ``stage`` counts how often it was straightened about the mixture's mean.
    """

    def __init__(
        self, model: LatentModel, batch: SeriesBatch, start: FloatArray, levels: Sequence[float], first: float
    ) -> None:
        self._prior, self._levels, self._noise = model.prior, tuple(levels), first
        self._tangents = Tangents(model.ode, batch.times)
        self._values = batch.values.transpose(2, 0, 1)  # (N, M, C)
        self._mask = batch.mask.transpose(2, 0, 1).astype(np.float64)
        self._count = self._mask.sum(axis=(1, 2))  # (N,)
        n = batch.batch
        self._start = np.where(np.isfinite(start), start, 0.0)
        self._z = np.zeros_like(self._start)
        self._damping = np.full(n, _FIRST_DAMPING)
        self._active, self._usable = np.ones(n, bool), np.ones(n, bool)
        self._begun, self._steps, self._stage = False, 0, 0
        self._mixed: tuple[list[Posterior], FloatArray] | None = None

    @property
    def done(self) -> bool:
        """Whether no series would gain anything."""
        return self._stage == STRAIGHTENED

    def step_steps(self) -> Generator[None, None, None]:
        """Take one step with every series."""
        if not self._begun:
            yield from self._begin()
        if self._active.any() and self._steps < MOST_STEPS:
            yield from self._descend()
            self._steps += 1
        else:
            yield from self._straighten()
            self._stage += 1
        self._mixed = None

    def _begin(self) -> Generator[None, None, None]:
        """Begin at 0, or where the encoder says where that explains more.

        A series whose curve from 0 is not finite keeps the prior.
        """
        self._residual, self._jacobian = yield from self._linear(self._z)
        self._usable = _finite(self._residual) & _finite(self._jacobian)
        self._residual[~self._usable] = self._jacobian[~self._usable] = 0.0
        self._active = self._usable & (self._count > 0.0)
        residual, jacobian = yield from self._linear(self._start)
        with np.errstate(all="ignore"):
            better = self._loss(self._start, residual) < self._loss(self._z, self._residual)
        self._take(better, self._start, residual, jacobian)
        self._begun = True

    def _descend(self) -> Generator[None, None, None]:
        """Take one step of Levenberg and Marquardt."""
        precision, push = self._curvature()
        latent = push.shape[1]
        lift = self._damping * np.trace(precision, axis1=1, axis2=2) / latent
        move = np.linalg.solve(precision + lift[:, None, None] * np.eye(latent), push[..., None])[..., 0]
        tried = self._z + move
        residual, jacobian = yield from self._linear(tried)
        with np.errstate(all="ignore"):
            gain = self._loss(self._z, self._residual) - self._loss(tried, residual)
        better = self._take(gain > 0.0, tried, residual, jacobian)
        self._damping = np.clip(self._damping * np.where(better, _LESS, _MORE), 1e-9, _MOST_DAMPING)
        # What a whole step of Newton's would still gain, were the curve straight.
        precision, push = self._curvature()
        left = 0.5 * (push * np.linalg.solve(precision, push[..., None])[..., 0]).sum(axis=1)
        self._active &= (left > FLAT) & (self._damping < _MOST_DAMPING)

    def _straighten(self) -> Generator[None, None, None]:
        """Go to the mean of the mixture, unless the curve bends so much that it explains far less there."""
        posteriors, _ = yield from self.mixtures_steps()
        target = np.array([posterior.mean for posterior in posteriors])
        residual, jacobian = yield from self._linear(target)
        with np.errstate(all="ignore"):
            loss = self._least_loss(target, residual) - self._least_loss(self._z, self._residual)
        # A state as the posterior has them explains less than the best one by half a nat for each coordinate.
        self._take(loss < target.shape[1], target, residual, jacobian)

    def _take(self, better: BoolArray, z: FloatArray, residual: FloatArray, jacobian: FloatArray) -> BoolArray:
        """Go to other states where they are better and all is finite; return where."""
        taken = better & self._usable & _finite(residual) & _finite(jacobian)
        self._z[taken], self._residual[taken], self._jacobian[taken] = z[taken], residual[taken], jacobian[taken]
        return taken

    def _linear(self, z: FloatArray) -> Generator[None, None, tuple[FloatArray, FloatArray]]:
        """Return residuals (N, M, C), 0 where missing, and the curves' Jacobians (N, M, C, L) there."""
        found = yield from self._tangents.linear_steps(z.T)
        with np.errstate(all="ignore"):
            residual = (self._values - found.values) * self._mask
            return residual, found.jacobian * self._mask[..., None]

    def _loss(self, z: FloatArray, residual: FloatArray) -> FloatArray:
        """Return -log N(z; 0, I) p(observations | z) up to what does not depend on z, (N,)."""
        squares = (residual * residual).sum(axis=(1, 2)) / self._noise**2
        found: FloatArray = 0.5 * ((z * z).sum(axis=1) + squares)
        return found

    def _least_loss(self, z: FloatArray, residual: FloatArray) -> FloatArray:
        """Return -log p(z, observations) at the level of the noise that suits best, (N,)."""
        squares = (residual * residual).sum(axis=(1, 2))
        each = [0.5 * squares / level**2 + self._count * log(level) for level in self._levels]
        least: FloatArray = np.min(each, axis=0)
        return least - self._prior.log_density(z)

    def _curvature(self) -> tuple[FloatArray, FloatArray]:
        """Return the precision about z under N(0, I), (N, L, L), and minus the gradient of the loss, (N, L)."""
        square, pull, _ = self._moments()
        latent = self._z.shape[1]
        return square / self._noise**2 + np.eye(latent), pull / self._noise**2 - self._z

    def _moments(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return J'J (N, L, L), J'r (N, L) and r'r (N,)."""
        n, latent = self._z.shape
        jacobian = self._jacobian.reshape(n, -1, latent).astype(np.float64)
        residual = self._residual.reshape(n, -1, 1)
        turned = jacobian.transpose(0, 2, 1)
        return turned @ jacobian, (turned @ residual)[..., 0], (residual * residual).sum(axis=(1, 2))

    def mixtures_steps(self) -> Generator[None, None, tuple[list[Posterior], FloatArray]]:
        """Return the posterior of each series under the mixture, and its evidence, for curves straight about z."""
        if self._mixed is None:
            if not self._begun:
                yield from self._begin()
            square, pull, rest = self._moments()
            # Of straight curves, in terms of z itself: observations - g + J z.
            along = (square @ self._z[..., None])[..., 0]
            rest = rest + 2.0 * (pull * self._z).sum(axis=1) + (along * self._z).sum(axis=1)
            parts = []
            for i in range(len(self._z)):
                parts.append((yield from self._mixture(square[i], pull[i] + along[i], float(rest[i]), self._count[i])))
            self._mixed = [part[0] for part in parts], np.array([part[1] for part in parts])
        return self._mixed

    def _mixture(
        self, square: FloatArray, pull: FloatArray, rest: float, count: float
    ) -> Generator[None, None, tuple[Posterior, float]]:
        """Return the posterior of one series and its log-evidence, given J'J, J'r, r'r and how many r there are."""
        logs, means, factors = [], [], []
        components, latent = self._prior.means.shape
        size = max(1, MATRICES // latent**3)
        for level in self._levels:
            for begin in range(0, components, size):
                found = _update(self._prior, slice(begin, begin + size), square / level**2, pull / level**2)
                logs.append(found.logs - 0.5 * rest / level**2 - count * (log(level) + 0.5 * _LOG_2PI))
                means.append(found.means)
                factors.append(found.factors)
                if components > 1:
                    yield
        log_weights = np.concatenate(logs) - log(len(self._levels))
        most = float(log_weights.max())
        weights = np.exp(log_weights - most)
        evidence = most + log(float(weights.sum()))
        weights /= weights.sum()
        kept = weights > LEAST
        noise = np.repeat(self._levels, len(self._prior.means))
        posterior = Posterior(
            weights=weights[kept] / weights[kept].sum(),
            means=np.concatenate(means)[kept],
            factors=np.concatenate(factors)[kept],
            noise=noise[kept],
            levels=len(self._levels),
        )
        return posterior, evidence


class _Updated(NamedTuple):
    """Components of a prior after observations: log evidences (K,), means (K, L), factors of covariances (K, L, L)."""

    logs: FloatArray
    means: FloatArray
    factors: FloatArray


def _update(prior: MixturePrior, some: slice, square: FloatArray, pull: FloatArray) -> _Updated:
    """Return what becomes of some components when exp(pull' z - z' square z / 2) is multiplied in."""
    lower = np.linalg.cholesky(prior.precisions[some] + square)
    inverse = np.linalg.inv(lower)
    pushes = prior.pushes[some]
    half = (inverse @ (pushes + pull)[..., None])[..., 0]
    factors = inverse.transpose(0, 2, 1)
    logs = np.log(np.diagonal(lower, axis1=1, axis2=2)).sum(axis=1)
    gained = 0.5 * ((half * half).sum(axis=1) - (prior.means[some] * pushes).sum(axis=1))
    return _Updated(prior.offsets[some] + gained - logs, (factors @ half[..., None])[..., 0], factors)


def _finite(values: FloatArray) -> BoolArray:
    """Return for which of the first axis all is finite."""
    found: BoolArray = np.all(np.isfinite(values), axis=tuple(range(1, values.ndim)))
    return found
