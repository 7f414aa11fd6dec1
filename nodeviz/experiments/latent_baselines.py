"""Other models on the same observations: a Gaussian process, and an RNN that is told the times."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nodeviz.experiments.latent_rnn import shipped_rnn
from nodeviz.experiments.params import ParamError
from nodeviz.models.gaussian_process import GaussianProcess
from nodeviz.models.latent_curves import NORMAL

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.models.latent_batch import SeriesBatch


class Normal(NamedTuple):
    """What a baseline says at M times of B series, in the units of models; normal at each time.

    ``mean`` and ``sd`` of the function are (M, C, B), ``noise`` of observations (C, B), NaN where it says nothing.
    ``note`` is what is worth knowing, in a sentence.
    """

    mean: FloatArray
    sd: FloatArray
    noise: FloatArray
    note: str = ""

    @property
    def edges(self) -> FloatArray:
        """Of the function's bands, (2, 2, M, C, B): for each of LEVELS the lower and the upper."""
        away = np.array(NORMAL)[:, None, None, None] * self.sd
        return np.stack([self.mean - away, self.mean + away], axis=1)

    @property
    def observed(self) -> FloatArray:
        """Of the bands of new observations, likewise."""
        return self._replace(sd=np.hypot(self.sd, self.noise)).edges


def gp_steps(batch: SeriesBatch, s: FloatArray, family: str) -> Generator[None, None, Normal]:
    """Return what a Gaussian process says at model times s (M,), fitted to each channel of each series by itself."""
    del family
    channels, size = batch.channels, batch.batch
    t = np.repeat(batch.times.T[:, None], channels, axis=1).reshape(size * channels, -1)
    y = np.where(batch.mask, batch.values, np.nan).transpose(2, 1, 0).reshape(size * channels, -1)
    process = yield from GaussianProcess.fit_steps(t, y)
    found = yield from process.predict_steps(s)
    mean, sd = (part.reshape(size, channels, -1).transpose(2, 1, 0) for part in (found.mean, found.sd))
    return Normal(mean, sd, process.noise.reshape(size, channels).T, process.note)


def rnn_steps(batch: SeriesBatch, s: FloatArray, family: str) -> Generator[None, None, Normal]:
    """Return what the RNN says that ships for a family.

    Raises
    ------
    ParamError : none ships for the family, or one of other channels
    """
    model = shipped_rnn(family)
    if model.spec.channels != batch.channels:
        raise ParamError(
            f"baselines=rnn: that of the family {family} has {model.spec.channels} channels, the data have "
            f"{batch.channels}; use baselines=gp"
        )
    found = yield from model.predict_steps(batch, s)
    return Normal(found.mean, found.sd, np.full((batch.channels, batch.batch), np.nan))


BASELINES: Mapping[str, Callable[[SeriesBatch, FloatArray, str], Generator[None, None, Normal]]] = MappingProxyType(
    {"gp": gp_steps, "rnn": rnn_steps}
)
