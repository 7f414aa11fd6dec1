"""Priors of z0: N(0, I), or a mixture of normal distributions that knows which states a family of functions has."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import log, pi
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Generator

    from nodeviz.engine.arrays import FloatArray

ITERATIONS = 40  # of expectation and maximisation
_FIRST_SPREAD = 0.5  # of each component about one of the samples
_FLOOR, _PSEUDO = 1e-3, 20.0  # variance that no component falls below, and samples that each is thought to have besides
_LOG_2PI = log(2.0 * pi)


@dataclass(frozen=True, eq=False)
class MixturePrior:
    """K normal distributions of L coordinates, float64.

    Attributes
    ----------
    log_weights : (K,)
    means : (K, L)
    factors : (K, L, L), lower triangular; each with its transpose makes a covariance
    """

    log_weights: FloatArray
    means: FloatArray
    factors: FloatArray

    @classmethod
    def standard(cls, latent: int) -> Self:
        """Return N(0, I)."""
        return cls(np.zeros(1), np.zeros((1, latent)), np.eye(latent)[None])

    @classmethod
    def from_vector(cls, vector: FloatArray, components: int, latent: int) -> Self:
        """Return what `to_vector` has written; N(0, I) where there are no components.

        Raises
        ------
        ValueError : weights or factors that make no distribution
        """
        if not components:
            return cls.standard(latent)
        lower = np.tril_indices(latent)
        ends = np.cumsum([components, components * latent])
        log_weights, means, entries = np.split(vector.astype(np.float64), ends)
        factors = np.zeros((components, latent, latent))
        factors[:, lower[0], lower[1]] = entries.reshape(components, -1)
        diagonals = np.diagonal(factors, axis1=1, axis2=2)
        if not (diagonals > 0.0).all() or not np.isfinite(vector).all():
            raise ValueError("the prior's factors are not positive; train the model anew and save it again")
        return cls(log_weights - _log_sum(log_weights), means.reshape(components, latent), factors)

    @staticmethod
    def size(components: int, latent: int) -> int:
        """Return how many numbers describe it."""
        return components * (1 + latent + latent * (latent + 1) // 2)

    def to_vector(self) -> FloatArray:
        """Return all of it as one vector."""
        lower = np.tril_indices(self.means.shape[1])
        return np.concatenate(
            [self.log_weights, self.means.reshape(-1), self.factors[:, lower[0], lower[1]].reshape(-1)]
        )

    @cached_property
    def inverses(self) -> FloatArray:
        """Of the factors, (K, L, L)."""
        found: FloatArray = np.linalg.inv(self.factors)
        return found

    @cached_property
    def precisions(self) -> FloatArray:
        """Inverses of the covariances, (K, L, L)."""
        found: FloatArray = self.inverses.transpose(0, 2, 1) @ self.inverses
        return found

    @cached_property
    def pushes(self) -> FloatArray:
        """Precisions times means, (K, L)."""
        found: FloatArray = (self.precisions @ self.means[..., None])[..., 0]
        return found

    @cached_property
    def offsets(self) -> FloatArray:
        """What does not depend on z of log weight times density, but for -L/2 log 2 pi, (K,)."""
        logs = np.log(np.diagonal(self.factors, axis1=1, axis2=2)).sum(axis=1)
        found: FloatArray = self.log_weights - logs
        return found

    @property
    def mean(self) -> FloatArray:
        """Of all of it, (L,)."""
        found: FloatArray = np.exp(self.log_weights) @ self.means
        return found

    @property
    def sd(self) -> FloatArray:
        """Of each coordinate by itself, (L,)."""
        squares = (self.factors * self.factors).sum(axis=2) + self.means**2
        found: FloatArray = np.sqrt(np.exp(self.log_weights) @ squares - self.mean**2)
        return found

    def log_density(self, z: FloatArray) -> FloatArray:
        """Return log p(z), (N,), of states (N, L)."""
        each = np.stack([self._log_part(z, k) for k in range(len(self.means))], axis=1)
        found: FloatArray = _log_sum(each) - 0.5 * z.shape[1] * _LOG_2PI
        return found

    def _log_part(self, z: FloatArray, k: int) -> FloatArray:
        away = (z - self.means[k]) @ self.inverses[k].T
        found: FloatArray = self.offsets[k] - 0.5 * (away * away).sum(axis=1)
        return found


def fit_mixture(
    samples: FloatArray, components: int, rng: np.random.Generator, iterations: int = ITERATIONS
) -> Generator[None, None, MixturePrior]:
    """Return the mixture of so many components that explains samples (N, L), by expectation and maximisation.

    It begins at samples chosen at random. The generator yields after each component.
    """
    n, latent = samples.shape
    x = samples.astype(np.float64)
    means = x[rng.choice(n, components, replace=False)]
    factors = np.tile(np.sqrt(_FIRST_SPREAD) * np.eye(latent), (components, 1, 1))
    found = MixturePrior(np.full(components, -log(components)), means, factors)
    for _ in range(iterations):
        each = np.empty((n, components))
        for k in range(components):
            each[:, k] = found._log_part(x, k)
            yield
        shares = np.exp(each - _log_sum(each)[:, None])
        counts = shares.sum(axis=0) + 1e-9
        means = (shares.T @ x) / counts[:, None]
        for k in range(components):
            away = x - means[k]
            moment = (away * shares[:, k : k + 1]).T @ away
            covariance = (moment + _PSEUDO * _FLOOR * np.eye(latent)) / (counts[k] + _PSEUDO)
            factors[k] = np.linalg.cholesky(covariance + _FLOOR * np.eye(latent))
            yield
        found = MixturePrior(np.log(counts / n), means, factors.copy())
    return found


def _log_sum(values: FloatArray) -> FloatArray:
    """Return log sum exp over the last axis."""
    most = values.max(axis=-1, keepdims=True)
    found: FloatArray = np.log(np.exp(values - most).sum(axis=-1)) + most[..., 0]
    return found
