"""Mixtures of equal round Gaussians: sampled exactly, with density and score in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from math import log, pi
from typing import TYPE_CHECKING, Self

import numpy as np

from nodeviz.engine.arrays import freeze

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from nodeviz.engine.arrays import FloatArray

_AT_ONCE = 1 << 19  # distances held at a time, 4 MB


@dataclass(frozen=True, slots=True, eq=False)
class GaussianMixture:
    """Round Gaussians of one width and equal weight.

    Centres closer together than the width make a smooth curve of them: what the bumps of neighbours add up to differs
    from a straight band by less than a part in 10^8.

    Attributes
    ----------
    centres : (K, D)
    std : width, in the units of the centres
    """

    centres: FloatArray
    std: float

    @classmethod
    def of(cls, centres: npt.ArrayLike, std: float) -> Self:
        """Return the mixture over centres (K, D), which are copied."""
        return cls(freeze(np.asarray(centres, dtype=np.float64)), float(std))

    def sample(self, n: int, rng: np.random.Generator) -> FloatArray:
        """Draw ``n`` points, (n, D) float64."""
        points = rng.standard_normal((n, self.centres.shape[1]))
        points *= self.std
        points += self.centres[rng.integers(0, len(self.centres), n)]
        return points

    def log_prob(self, x: FloatArray) -> FloatArray:
        """Return the log-density (N,) in nats at points (N, D)."""
        result = np.empty(len(x))
        for rows, exponent in self._exponents(x):
            peak = exponent.max(axis=1)
            result[rows] = peak + np.log(np.exp(exponent - peak[:, None]).mean(axis=1))
        result -= 0.5 * self.centres.shape[1] * log(2.0 * pi * self.std**2)
        return result

    def score(self, x: FloatArray) -> FloatArray:
        """Return the gradient (N, D) of the log-density at points (N, D)."""
        result = np.empty(x.shape)
        for rows, exponent in self._exponents(x):
            weights = np.exp(exponent - exponent.max(axis=1, keepdims=True))
            weights /= weights.sum(axis=1, keepdims=True)
            result[rows] = (weights @ self.centres - x[rows]) / self.std**2
        return result

    def diffused(self, scale: float, std: float) -> GaussianMixture:
        """Return the distribution of ``scale`` times a point of this one plus Gaussian noise of width ``std``."""
        return GaussianMixture.of(scale * self.centres, float(np.hypot(scale * self.std, std)))

    def _exponents(self, x: FloatArray) -> Iterator[tuple[slice, FloatArray]]:
        """Yield a slice of the points and -|x - c|^2 / 2 std^2, (rows, K), a few rows at a time."""
        chunk = max(1, _AT_ONCE // len(self.centres))
        for start in range(0, len(x), chunk):
            rows = slice(start, start + chunk)
            squares = np.zeros((len(x[rows]), len(self.centres)))
            for own, theirs in zip(x[rows].T, self.centres.T, strict=True):
                squares += np.square(own[:, None] - theirs)
            squares *= -0.5 / self.std**2
            yield rows, squares
