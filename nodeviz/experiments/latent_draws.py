"""How well a latent ODE does on many fresh draws, answered and refined as one batch, beside the baselines."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nodeviz.engine.arrays import freeze
from nodeviz.experiments.budget import Stopwatch
from nodeviz.experiments.latent_answer import Places, errors_of
from nodeviz.experiments.latent_baselines import BASELINES
from nodeviz.experiments.latent_data import BLOCK, draws_of
from nodeviz.experiments.latent_frame import DrawsView, ErrorView
from nodeviz.experiments.params import ParamError
from nodeviz.models.latent_batch import SeriesBatch
from nodeviz.models.latent_curves import Paths, bands_of, elbo_of
from nodeviz.models.latent_posterior import Refiner, encoded, standard_normals

if TYPE_CHECKING:
    from collections.abc import Generator

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.experiments.latent_data import Draws
    from nodeviz.experiments.latent_models import Saved
    from nodeviz.experiments.latent_params import LatentParams
    from nodeviz.models.latent_posterior import Posterior
    from nodeviz.problems.families import Family

APART = 0.01  # of the model times at which curves are compared with the functions
UNKNOWN = float("nan")


class Said(NamedTuple):
    """What a model says of B draws at T times, in the units of models.

    ``mean`` is (T, C, B); ``edges`` (2, 2, T, C, B) are those of the function's bands.
    """

    mean: FloatArray
    edges: FloatArray


def no_draws(count: int = 0, observations: int = 0) -> DrawsView:
    """Return the view of draws of which nothing is known yet."""
    nothing = freeze(np.zeros((0, 0)))
    return DrawsView(
        count=count,
        observations=observations,
        done=0.0,
        names=(),
        mse_interpolation=nothing,
        mse_extrapolation=nothing,
        errors=(),
        elbo=UNKNOWN,
        milliseconds_first=UNKNOWN,
        milliseconds_refined=UNKNOWN,
    )


class Evaluation:
    """Answers and refines draws as one batch, and compares them with the functions that they come from.

    Parameters
    ----------
    saved : the model
    family : of the draws; its channels are the model's
    params : ``draws``, ``n_observations``, ``refine``, ``refine_steps``, ``samples`` and ``baselines``
    seed : of the draws

    Attributes
    ----------
    done : the share that is done
    refused : why a baseline says nothing, in a sentence each
    """

    def __init__(self, saved: Saved, family: Family, params: LatentParams, seed: int) -> None:
        self._saved, self._family, self._params, self._seed = saved, family, params, seed
        self.times = np.concatenate(
            [np.linspace(0.0, 1.0, round(1.0 / APART) + 1), np.arange(1.0 + APART, family.horizon + 1e-9, APART)]
        )
        latent = saved.model.ode.spec.latent
        self._normals = standard_normals(1 + latent, params.samples, np.random.default_rng(seed))
        self._first, self._refining, self._decoding = Stopwatch(), Stopwatch(), Stopwatch()
        self._elbos: list[float] = []
        self.done = 0.0
        self.refused: dict[str, str] = {}

    def run(self) -> Generator[None, None, DrawsView]:
        """Return what came of it. The generator yields every few milliseconds."""
        params = self._params
        names = ("latent", *params.baselines)
        said: dict[str, list[Said]] = {name: [] for name in names}
        truths, blocks = [], -(-params.draws // BLOCK)
        for block in range(blocks):
            draws = draws_of(self._family, params.n_observations, self._seed, block)
            batch = _batch_of(draws).columns(slice(0, params.draws - block * BLOCK))
            truths.append(draws.curves.paths(self.times)[: batch.batch] / self._family.scale)
            yield
            said["latent"].append((yield from self._latent(batch, block / blocks, 1.0 / blocks)))
            for name in params.baselines:
                try:
                    found = yield from BASELINES[name](batch, self.times, self._family.name)
                except ParamError as error:
                    self.refused[name] = f"{error}."
                    said.pop(name, None)
                    continue
                said[name].append(Said(found.mean, found.edges))
                yield
        self.done = 1.0
        together = {
            name: Said(*(np.concatenate(part, axis=-1) for part in zip(*parts, strict=True)))
            for name, parts in said.items()
        }
        return self._view(np.concatenate(truths).transpose(1, 2, 0), together)

    def _latent(self, batch: SeriesBatch, begun: float, share: float) -> Generator[None, None, Said]:
        model, calibration = self._saved.model, self._saved.calibration
        posteriors = yield from self._first.of(_encode(self._saved, batch))
        if self._params.refine and self._params.refine_steps:
            refiner = Refiner(model, batch, posteriors, calibration.levels, calibration.first)
            while not refiner.done and refiner.taken < self._params.refine_steps:
                yield from self._refining.of(refiner.step_steps())
            posteriors, _ = yield from self._refining.of(refiner.posterior_steps())
        parts = []
        for column, posterior in enumerate(posteriors):
            parts.append((yield from self._decoding.of(self._decode(posterior, batch.column(column)))))
            self.done = begun + share * (column + 1) / batch.batch
            yield
        return Said(*(np.stack(part, axis=-1) for part in zip(*parts, strict=True)))

    def _decode(self, posterior: Posterior, batch: SeriesBatch) -> Generator[None, None, Said]:
        z0, chosen = posterior.starts(self._normals[1:])
        model = self._saved.model
        times = np.concatenate([self.times, batch.times[:, 0]])
        paths = Paths(model.ode, z0, 0.0, times.max())
        values = yield from paths.values_steps(times)
        self._elbos.append(elbo_of(model.prior, posterior, z0, chosen, values[len(self.times) :], batch)[0])
        shifts = self._saved.calibration.misfit * self._normals[0]
        bands = bands_of(values[: len(self.times)] + shifts)
        return Said(bands.mean, bands.edges)

    def _view(self, truth: FloatArray, said: dict[str, Said]) -> DrawsView:
        scale = self._family.scale
        inside = self.times <= 1.0
        squares = [((found.mean - truth) * scale) ** 2 for found in said.values()]
        spent = self._first.seconds + self._decoding.seconds
        return DrawsView(
            count=truth.shape[-1],
            observations=self._params.n_observations,
            done=1.0,
            names=tuple(said),
            mse_interpolation=freeze([each[inside].mean(axis=(0, 1)) for each in squares]),
            mse_extrapolation=freeze([each[~inside].mean(axis=(0, 1)) for each in squares]),
            errors=tuple(self._errors(name, truth * scale, found, scale) for name, found in said.items()),
            elbo=float(np.mean(self._elbos)),
            milliseconds_first=1e3 * spent,
            milliseconds_refined=1e3 * (spent + self._refining.seconds) if self._params.refine else UNKNOWN,
        )

    def _errors(self, name: str, truth: FloatArray, found: Said, scale: float) -> ErrorView:
        flat = (len(self.times), -1)
        edges = (scale * found.edges).reshape(2, 2, *flat)
        return errors_of(
            name,
            Places(self.times <= 1.0, self.times > 1.0),
            truth.reshape(flat),
            (scale * found.mean).reshape(flat),
            edges,
        )


def _encode(saved: Saved, batch: SeriesBatch) -> Generator[None, None, list[Posterior]]:
    """Return what the encoder says, as a generator, so that it can be timed like all else."""
    yield
    return encoded(saved.model, batch, saved.calibration.first)


def _batch_of(draws: Draws) -> SeriesBatch:
    """Return the observations in the units of models."""
    values = draws.values.transpose(1, 2, 0) / draws.family.scale
    return SeriesBatch.stack(np.ascontiguousarray(draws.times.T), np.ascontiguousarray(values))
