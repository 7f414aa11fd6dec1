"""What flows start from: densities of the plane that are sampled exactly and known in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from math import log, pi
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from nodeviz.problems.mixtures import GaussianMixture

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nodeviz.engine.arrays import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A distribution that flows start from.

    Attributes
    ----------
    name, title : as typed and as read
    note : one plain sentence
    sample : n, rng -> (n, 2) float64
    log_prob : (N, 2) -> (N,) nats, finite wherever the points are
    score : (N, 2) -> (N, 2), the gradient of log_prob
    """

    name: str
    title: str
    note: str
    sample: Callable[[int, np.random.Generator], FloatArray]
    log_prob: Callable[[FloatArray], FloatArray]
    score: Callable[[FloatArray], FloatArray]


def eight_gaussians() -> GaussianMixture:
    """Return eight Gaussians on a circle of radius 4/1.414, of width 0.5/1.414.

    References
    ----------
    The toy data of Grathwohl et al. 2019, arXiv:1810.01367: 4 and 0.5, both divided by 1.414.
    """
    angle = np.arange(8) * (pi / 4)
    return GaussianMixture.of(4.0 / 1.414 * np.stack([np.cos(angle), np.sin(angle)], axis=-1), 0.5 / 1.414)


@dataclass(frozen=True, slots=True)
class SoftSquare:
    """A square filled evenly whose edges are blurred by a Gaussian.

    With sharp edges one point that a flow brings back to the outside would make the mean log-likelihood -infinity.

    Attributes
    ----------
    half : half the side
    blur : width of the Gaussian added, well below ``half``
    """

    half: float
    blur: float

    def sample(self, n: int, rng: np.random.Generator) -> FloatArray:
        """Draw ``n`` points, (n, 2) float64."""
        return rng.uniform(-self.half, self.half, (n, 2)) + rng.normal(0.0, self.blur, (n, 2))

    def log_prob(self, x: FloatArray) -> FloatArray:
        """Return the log-density (N,) in nats at points (N, 2)."""
        inner, outer = self._log_cdf(x)
        # log(exp(inner) - exp(outer)) per axis; outer is the smaller by far unless the point is in the middle.
        result: FloatArray = (inner + np.log1p(-np.exp(outer - inner)) - log(2.0 * self.half)).sum(axis=1)
        return result

    def score(self, x: FloatArray) -> FloatArray:
        """Return the gradient (N, 2) of the log-density at points (N, 2)."""
        inner, outer = self._log_cdf(x)
        mass = inner + np.log1p(-np.exp(outer - inner))
        near, far = self._distances(x)
        norm = 0.5 * log(2.0 * pi)
        slope = np.exp(-0.5 * np.square(far) - norm - mass) - np.exp(-0.5 * np.square(near) - norm - mass)
        result: FloatArray = np.sign(x) * slope / self.blur
        return result

    def _distances(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the distances from the near and the far edge in widths, positive inside of the near one."""
        return (self.half - np.abs(x)) / self.blur, (-self.half - np.abs(x)) / self.blur

    def _log_cdf(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        from scipy.special import log_ndtr

        near, far = self._distances(np.asarray(x, dtype=np.float64))
        return log_ndtr(near), log_ndtr(far)


_GAUSSIAN = GaussianMixture.of(np.zeros((1, 2)), 1.0)
_EIGHT = eight_gaussians()
_SQUARE = SoftSquare(half=3.0, blur=0.1)

_ALL = (
    Source(
        name="gaussian",
        title="Gaussian",
        note="The round Gaussian of width 1.",
        sample=_GAUSSIAN.sample,
        log_prob=_GAUSSIAN.log_prob,
        score=_GAUSSIAN.score,
    ),
    Source(
        name="eight-gaussians",
        title="Eight Gaussians",
        note="Round Gaussians on a circle: a source that is not simple itself.",
        sample=_EIGHT.sample,
        log_prob=_EIGHT.log_prob,
        score=_EIGHT.score,
    ),
    Source(
        name="uniform",
        title="Uniform",
        note="A square filled evenly; its edges are blurred, so that every point has a density.",
        sample=_SQUARE.sample,
        log_prob=_SQUARE.log_prob,
        score=_SQUARE.score,
    ),
)

SOURCES: Mapping[str, Source] = MappingProxyType({source.name: source for source in _ALL})
