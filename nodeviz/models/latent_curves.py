"""Curves of one posterior: samples, their mean and bands, at any times, and the ELBO of what was observed."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, log, pi
from typing import TYPE_CHECKING

import numpy as np

from nodeviz.models.latent_readout import cubic_weights

if TYPE_CHECKING:
    from collections.abc import Generator

    from nodeviz.engine.arrays import FloatArray, IntArray
    from nodeviz.models.latent import LatentODE
    from nodeviz.models.latent_batch import SeriesBatch
    from nodeviz.models.latent_posterior import Posterior
    from nodeviz.models.latent_prior import MixturePrior

PIECE = 18_000  # values of one channel between two yields
LEVELS = (0.5, 0.9)
NORMAL = (0.6744897501960817, 1.6448536269514722)  # sds that a normal band of these levels reaches from its middle
_LOG_2PI = log(2.0 * pi)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bands:
    """Curves at T times, of C channels, in the model's units.

    Attributes
    ----------
    mean : (T, C)
    edges : (2, 2, T, C): for each of LEVELS the lower and the upper edge of where the function is
    """

    mean: FloatArray
    edges: FloatArray

    def observed(self, noise: float) -> FloatArray:
        """Return the edges, (2, 2, T, C), of where new observations are, with noise of that sd.

        What is added to each edge's distance from the mean is what would be added were the samples normal.
        """
        away = self.edges - self.mean
        wide = np.sqrt(away * away + (np.array(NORMAL)[:, None, None, None] * noise) ** 2)
        found: FloatArray = self.mean + wide * np.array([-1.0, 1.0])[:, None, None]
        return found


class Paths:
    """Latent paths of N states, solved once on the model's own grid and read at any times.

    Parameters
    ----------
    z0 : (L, N)
    first, last : model times between which it is read
    """

    def __init__(self, model: LatentODE, z0: FloatArray, first: float, last: float) -> None:
        self._model, self._steps = model, model.spec.steps
        self._low, self._high = min(0, floor(first * self._steps)), max(1, ceil(last * self._steps))
        states, slopes = model.nodes(np.ascontiguousarray(z0, model.dtype), self._low, self._high)
        self._shape = z0.shape
        self._nodes = np.concatenate([states, slopes]).reshape(2 * len(states), -1)

    def states(self, times: FloatArray) -> FloatArray:
        """Return the latent states at times (T,), (T, L, N)."""
        places = times * self._steps
        index = np.clip(np.floor(places).astype(np.intp), self._low, self._high - 1)
        nodes, rows = self._high - self._low + 1, np.arange(len(times))
        weights = np.zeros((len(times), 2 * nodes), self._model.dtype)
        # The slopes are those of a whole step already.
        y0, y1, f0, f1 = cubic_weights(places - index, 1.0)
        first = index - self._low
        weights[rows, first], weights[rows, first + 1] = y0, y1
        weights[rows, nodes + first], weights[rows, nodes + first + 1] = f0, f1
        with np.errstate(all="ignore"):
            found: FloatArray = weights @ self._nodes
        return found.reshape(len(times), *self._shape)

    def values(self, times: FloatArray) -> FloatArray:
        """Return the channels at times (T,), (T, C, N)."""
        with np.errstate(all="ignore"):
            return self._model.decode(self.states(times))

    def values_steps(self, times: FloatArray) -> Generator[None, None, FloatArray]:
        """Return the same; the generator yields every few milliseconds."""
        rows = max(1, PIECE // self._shape[1])
        parts = [self.values(times[:rows])]
        for begin in range(rows, len(times), rows):
            yield
            parts.append(self.values(times[begin : begin + rows]))
        return np.concatenate(parts)


def bands_of(samples: FloatArray) -> Bands:
    """Return mean and bands of samples (T, C, S)."""
    ordered = np.sort(samples, axis=2)
    count = samples.shape[2]
    edges = []
    for level in LEVELS:
        for tail in (0.5 - 0.5 * level, 0.5 + 0.5 * level):
            place = min(max(tail * count - 0.5, 0.0), count - 1.0)  # the k-th of n samples is where (k - 1/2) / n lie
            below = min(int(place), count - 2)
            part = place - below
            edges.append((1.0 - part) * ordered[..., below] + part * ordered[..., below + 1])
    shape = samples.shape[:2]
    return Bands(mean=samples.mean(axis=2), edges=np.array(edges).reshape(2, 2, *shape))


def elbo_of(
    prior: MixturePrior, posterior: Posterior, z: FloatArray, chosen: IntArray, values: FloatArray, batch: SeriesBatch
) -> tuple[float, float]:
    """Return the ELBO of one series in nats, and the KL that is a part of it, both by samples of its posterior.

    Parameters
    ----------
    z, chosen : (L, S) samples and the component of each, as `Posterior.starts` returns them
    values : (N, C, S) their curves at the times of the series
    batch : of that one series
    """
    mask, noise = batch.mask[..., 0], posterior.noise[chosen]
    residual = (values - batch.values) * mask[..., None]
    count = int(mask.sum())
    with np.errstate(all="ignore"):
        squares = (residual * residual).sum(axis=(0, 1)) / noise**2
    likelihood = float((-0.5 * squares - count * (np.log(noise) + 0.5 * _LOG_2PI)).mean())
    own = posterior.log_density(z.T, noise)
    kl = float((own - prior.log_density(z.T) + log(posterior.levels)).mean())
    return likelihood - kl, kl
