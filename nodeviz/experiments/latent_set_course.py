"""Training a latent ODE on a set of series: it sees some observations of each, and is to say all of them."""

from __future__ import annotations

import sys
from math import log
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nodeviz.experiments.latent_courses import Lesson, Tested
from nodeviz.experiments.latent_models import Saved, spec_of
from nodeviz.experiments.params import ParamError
from nodeviz.models.latent import LatentODE
from nodeviz.models.latent_batch import SeriesBatch
from nodeviz.models.latent_calibration import Calibration
from nodeviz.models.latent_likelihood import Targets
from nodeviz.models.latent_model import LatentModel
from nodeviz.models.latent_training import LatentTrainer

if TYPE_CHECKING:
    from collections.abc import Generator

    from nodeviz.engine.arrays import BoolArray, FloatArray, IntArray
    from nodeviz.experiments.latent_params import LatentParams
    from nodeviz.problems.series import Scaling
    from nodeviz.problems.series_csv import SeriesSet

MOST_ROWS = 200  # of each series that are trained on; more are thinned evenly
FEWEST = 2  # observations of a series that can be trained on
EVERY = 5  # one series of so many is not trained on but measured by
SEEN = 0.7  # share of the window up to which the model sees those
LEAST_SHARE = 0.3  # of a series that is shown while training
AVERAGE = 0.999  # of the weights that are kept in a step of their mean
SAMPLES = 2  # of each posterior, in a training step


class Padded(NamedTuple):
    """B series in the units of models, padded to one length: times (M, B), values (M, C, B), NaN where missing."""

    times: FloatArray
    values: FloatArray

    def columns(self, chosen: IntArray) -> Padded:
        """Return some of the series."""
        return Padded(self.times[:, chosen], self.values[:, :, chosen])

    def batch(self, shown: BoolArray) -> SeriesBatch:
        """Return what the encoder is shown, (M, B); after the last row that is, nothing happens."""
        there = shown & np.isfinite(self.values).any(axis=1)
        last = np.where(there, np.arange(len(there))[:, None], -1).max(axis=0)
        end = np.where(last >= 0, self.times[last.clip(min=0), np.arange(len(last))], 0.0)
        values = np.where(there[:, None], self.values, np.nan)
        return SeriesBatch.stack(np.minimum(self.times, end), values)


class SetCourse:
    """Trains all of a latent ODE by the ELBO of series of which it sees a part, at random or up to some time.

    Parameters
    ----------
    loaded : the set; scaling : its units
    seed : of weights and batches

    Raises
    ------
    ParamError : too few series to train on
    """

    def __init__(self, params: LatentParams, loaded: SeriesSet, scaling: Scaling, name: str, seed: int) -> None:
        self._name = name
        padded = _padded(loaded, scaling)
        count = padded.times.shape[1]
        if count < 2:
            raise ParamError(
                f"csv: {count} series with {FEWEST} observations or more; give 2 of them or more to train on"
            )
        tested = np.arange(count) % EVERY == EVERY - 1
        self._train, self._test = padded.columns(~tested), padded.columns(tested if tested.any() else ~tested)
        self._rng, self._batch = np.random.default_rng([seed, 1]), params.batch
        channels = padded.values.shape[1]
        self._ode = LatentODE.init(spec_of(params, channels), np.random.default_rng([seed, 0]))
        self._ode.log_noise[:] = log(params.noise)
        self._trainer = LatentTrainer(
            self._ode, steps=params.steps, kl_anneal=params.kl_anneal, average=AVERAGE, samples=SAMPLES
        )

    encodes, busy, left = True, False, sys.maxsize

    def work(self) -> None:
        """Do nothing: there is nothing between two steps."""

    def finish(self) -> Generator[None, None, None]:
        """Do nothing: what is shown are the means of the weights all along, and the noise is learned."""
        yield

    @property
    def saved(self) -> Saved:
        """The model as it is now: a copy, with the mean of the last weights."""
        ode = LatentODE(self._ode.spec, parameters=self._trainer.descent.averaged.copy())
        noise = float(np.exp(ode.log_noise.astype(np.float64)).mean())
        return Saved(LatentModel.of(ode), Calibration(noise=(noise,)), self._name)

    def step(self, lr: float) -> Generator[None, None, Lesson]:
        """Take a step; long series make long ones."""
        yield
        count = self._train.times.shape[1]
        chosen = self._rng.choice(count, self._batch, replace=self._batch > count)
        series = self._train.columns(chosen)
        shown = self._shown(series)
        targets = Targets.at(series.times, series.values)
        info = yield from self._trainer.step_steps(series.batch(shown), targets, lr, self._rng)
        return Lesson(info.loss, info.kl_weight, info.message)

    def _shown(self, series: Padded) -> BoolArray:
        """Return what the encoder sees, (M, B): of every other series the first part, of the others a random one."""
        rows, batch = series.times.shape
        share = self._rng.uniform(LEAST_SHARE, 1.0, batch)
        at_random = self._rng.random((rows, batch)) < share
        up_to = series.times <= share * series.times[-1]
        shown: BoolArray = np.where(np.arange(batch) % 2 == 0, up_to, at_random)
        shown[0] |= ~shown.any(axis=0)
        return shown

    def test(self) -> Generator[None, None, Tested]:
        """Measure what the encoder makes of every other observation up to some time, at the others and beyond."""
        series, ode = self._test, self.saved.model.ode
        early = series.times <= SEEN * series.times[-1]
        shown = early & (np.arange(len(early)) % 2 == 0)[:, None]
        mean, _ = ode.encode(series.batch(shown))
        yield
        with np.errstate(all="ignore"):
            squares = (ode.curve(mean, series.times) - series.values) ** 2
        return Tested(_mean(squares, early & ~shown), _mean(squares, ~early))


def _mean(squares: FloatArray, rows: BoolArray) -> float:
    """Return the mean of values (M, C, B) that are known, in some rows (M, B); NaN of none."""
    known = np.isfinite(squares) & rows[:, None]
    return float(squares[known].mean()) if known.any() else float("nan")


def _padded(loaded: SeriesSet, scaling: Scaling) -> Padded:
    """Return the series that can be trained on."""
    found = []
    for series in loaded.series:
        rows = np.unique(np.rint(np.linspace(0, len(series) - 1, min(len(series), MOST_ROWS))).astype(int))
        if len(rows) >= FEWEST:
            found.append(scaling.to_model(series.t[rows], series.y[rows]))
    longest = max((len(s) for s, _ in found), default=0)
    channels = loaded.series[0].channels
    times, values = np.zeros((longest, len(found))), np.full((longest, channels, len(found)), np.nan)
    for b, (s, x) in enumerate(found):
        times[: len(s), b], times[len(s) :, b] = s, s[-1]
        values[: len(s), :, b] = x
    return Padded(np.maximum(times, 0.0), values)
