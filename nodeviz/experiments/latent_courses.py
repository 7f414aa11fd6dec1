"""How a latent ODE is trained: on a family whose curves are known everywhere, or on a set of series."""

from __future__ import annotations

from math import exp, log
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from nodeviz.experiments.latent_calibrating import calibrate_steps
from nodeviz.experiments.latent_data import family_batch
from nodeviz.experiments.latent_models import Saved, spec_of
from nodeviz.models.latent_calibration import Calibration
from nodeviz.models.latent_model import LatentModel
from nodeviz.models.latent_posterior import Refiner, encoded
from nodeviz.models.latent_prior import fit_mixture
from nodeviz.models.latent_teacher import CurveTrainer, EncoderTrainer, Whitening

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.experiments.latent_params import LatentParams
    from nodeviz.models.latent_prior import MixturePrior
    from nodeviz.problems.families import Family

GRID = 0.05  # model time between the values of a curve that is seen whole
CURVES = 0.5  # share of the steps that train on whole curves; the others train the encoder of observations
ENCODER_LR = 3.0  # learning rate of these, in terms of that of the others
PER_COMPONENT, LEAST_DRAWS, MOST_DRAWS = 470, 2000, 45_000  # draws from which prior and coordinates are found
AT_ONCE = 500  # of them
LEVELS = 5  # of a noise that is not known
COUNTS: Mapping[str, tuple[int, int]] = MappingProxyType({"spirals": (20, 100)})
"""Least and largest number of observations that the encoder is trained on, evenly by their logarithm."""
_COUNTS = (1, 40)
TEST_DRAWS, TEST_OBSERVATIONS, TEST_STEPS = 64, 8, 6


class Lesson(NamedTuple):
    """A training step: its loss, the weight of the KL divergence, and what went wrong, if anything, in a sentence."""

    loss: float
    kl_weight: float
    message: str = ""


class Tested(NamedTuple):
    """Mean square errors on what is not trained on, in the units of models."""

    mse_interpolation: float
    mse_extrapolation: float


class Course(Protocol):
    """A model in training, one step after the other."""

    @property
    def saved(self) -> Saved:
        """The model as it is now: a copy."""
        ...

    @property
    def encodes(self) -> bool:
        """Whether its encoder is worth listening to yet."""
        ...

    @property
    def left(self) -> int:
        """How many steps there are until there is something else to do, or the end."""
        ...

    @property
    def busy(self) -> bool:
        """Whether there is something to do before the next step."""
        ...

    def work(self) -> None:
        """Do a few milliseconds of that."""
        ...

    def step(self, lr: float) -> Generator[None, None, Lesson]:
        """Take a step."""
        ...

    def finish(self) -> Generator[None, None, None]:
        """Do what comes after the last step."""
        ...

    def test(self) -> Generator[None, None, Tested]:
        """Measure the model."""
        ...


def noise_levels(family: Family) -> tuple[float, ...]:
    """Return the levels of the noise that a model of the family reckons with, in its units."""
    low, high = (sd / family.scale for sd in family.noise)
    return (low,) if low == high else tuple(np.geomspace(low, high, LEVELS).tolist())


class FamilyCourse:
    """First field and decoder, with an encoder that sees curves whole; then the encoder of observations.

    In between the coordinates are chosen in which posteriors taken together are N(0, I), and the mixture is found that
    they make; at the end it is measured how far off the curves are at their best.

    Parameters
    ----------
    seed : of weights and draws
    """

    def __init__(self, params: LatentParams, family: Family, seed: int) -> None:
        self._params, self._family, self._seed = params, family, seed
        self._rng = np.random.default_rng([seed, 1])
        self._first = max(1, round(CURVES * params.steps))
        self._taken = 0
        times = np.linspace(0.0, family.horizon, round(family.horizon / GRID) + 1)
        self._curves = CurveTrainer(
            spec_of(params, family.channels),
            times,
            np.random.default_rng([seed, 0]),
            batch=params.batch,
            steps=self._first,
            kl_anneal=params.kl_anneal,
        )
        self._curves.model.log_noise[:] = log(params.noise)
        self._ode = self._curves.model
        self._calibration = Calibration(noise=noise_levels(family))
        self._prior: MixturePrior | None = None
        self._encoder: EncoderTrainer | None = None
        self._whitening: Whitening | None = None
        self._between: Generator[None, None, None] | None = None

    @property
    def encodes(self) -> bool:
        """Whether the encoder of observations has had half of its training."""
        return self._taken > (self._first + self._params.steps) / 2

    @property
    def saved(self) -> Saved:
        """The model as it is now: a copy."""
        return Saved(LatentModel.of(self._ode, self._prior), self._calibration, self._family.name)

    def step(self, lr: float) -> Generator[None, None, Lesson]:
        """Take a step, on whole curves or on observations."""
        yield
        if self._encoder is None:
            info = self._curves.step(self._draw(self._params.batch), lr)
            lesson = Lesson(info.loss, info.kl_weight, info.message)
        else:
            lesson = self._teach(self._encoder, self._whitening, ENCODER_LR * lr)
        if lesson.message:
            return lesson
        self._taken += 1
        if self._taken == self._first:
            self._between = self._change_over()
        return lesson

    @property
    def left(self) -> int:
        """How many steps there are until coordinates and prior are to be found, or until the end."""
        return (self._first if self._taken < self._first else self._params.steps) - self._taken

    @property
    def busy(self) -> bool:
        """Whether coordinates and prior are being found: many steps' worth of work, which edits must not wait for."""
        return self._between is not None

    def work(self) -> None:
        """Do a few milliseconds of that."""
        if self._between is not None and next(self._between, self) is self:
            self._between = None

    def _draw(self, n: int) -> FloatArray:
        """Return fresh curves (T, C, n) in the units of models."""
        values = self._family.draw(n, self._rng).paths(self._curves.encoder.times)
        return values.transpose(1, 2, 0) / self._family.scale

    def _teach(self, trainer: EncoderTrainer, whitening: Whitening | None, lr: float) -> Lesson:
        """Let the encoder learn from a few observations what the other one says of the whole curves."""
        family, rng = self._family, self._rng
        least, most = COUNTS.get(family.name, _COUNTS)
        n = min(int(exp(rng.uniform(log(least), log(most + 1)))), family.most)
        curves, batch = family_batch(family, self._params.batch, n, rng)
        whole = curves.paths(self._curves.encoder.times).transpose(1, 2, 0) / family.scale
        mean, log_sd = self._curves.encoder(whole)
        z = mean + np.exp(log_sd) * rng.standard_normal(mean.shape)
        loss, taken = trainer.step(batch, z if whitening is None else whitening.change(z), lr)
        return Lesson(loss, 1.0, "" if taken else trainer.descent.sentence(lr))

    def _change_over(self) -> Generator[None, None, None]:
        """Choose coordinates and prior, and begin with the encoder of observations."""
        self._curves.finish()
        count = min(max(LEAST_DRAWS, PER_COMPONENT * self._params.components), MOST_DRAWS)
        parts = []
        for _ in range(-(-count // AT_ONCE)):
            parts.append([part.astype(np.float64) for part in self._curves.encoder(self._draw(AT_ONCE))])
            yield
        means, log_sds = (np.concatenate(part, axis=1) for part in zip(*parts, strict=True))
        covariance = np.atleast_2d(np.cov(means)) + np.diag(np.exp(2.0 * log_sds).mean(axis=1))
        self._whitening = Whitening(means.mean(axis=1), np.linalg.cholesky(covariance))
        z = self._whitening.change(means + np.exp(log_sds) * self._rng.standard_normal(means.shape))
        prior = None
        if self._params.components:
            prior = yield from fit_mixture(z.T, self._params.components, self._rng)
        self._whitening.apply(self._ode)
        self._prior = prior
        steps = max(1, self._params.steps - self._first)
        self._encoder = EncoderTrainer(self._ode, batch=self._params.batch, steps=steps)

    def finish(self) -> Generator[None, None, None]:
        """Take the mean of the last weights, and find the calibration."""
        while self.busy:  # of a run without a step for the encoder
            self.work()
            yield
        if self._encoder is not None:
            self._encoder.finish()
        self._ode.log_noise[:] = log(self._calibration.noise[len(self._calibration.noise) // 2])
        self._calibration = yield from calibrate_steps(self.saved, self._family, self._seed)

    def test(self) -> Generator[None, None, Tested]:
        """Measure the refined answers to a few observations of fresh draws, the same ones whenever asked."""
        family, rng = self._family, np.random.default_rng([self._seed, 2])
        count = max(TEST_OBSERVATIONS, COUNTS.get(family.name, _COUNTS)[0])
        curves, batch = family_batch(family, TEST_DRAWS, count, rng)
        model, grid = self.saved.model, self._curves.encoder.times
        first = self._calibration.first
        start = encoded(model, batch, first)
        yield
        refiner = Refiner(model, batch, start, self._calibration.levels, first)
        while not refiner.done and refiner.taken < TEST_STEPS:
            yield from refiner.step_steps()
        z = np.array([posterior.mean for posterior in (yield from refiner.posterior_steps())[0]]).T
        yield
        with np.errstate(all="ignore"):
            miss = model.ode.curve(z, grid) - curves.paths(grid).transpose(1, 2, 0) / family.scale
            inside, outside = (float((miss[part] ** 2).mean()) for part in (grid <= 1.0, grid > 1.0))
        return Tested(inside, outside)
