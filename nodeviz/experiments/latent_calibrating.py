"""How far a model's curves are from the functions at their best, so that its bands hold what they say."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from nodeviz.experiments.latent_data import family_batch
from nodeviz.models.latent_curves import LEVELS, Paths, bands_of
from nodeviz.models.latent_posterior import Refiner, encoded, standard_normals

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.experiments.latent_models import Saved
    from nodeviz.models.latent_calibration import Calibration
    from nodeviz.problems.families import Family

DRAWS, SAMPLES = 96, 64  # for each number of observations
COUNTS: Mapping[str, tuple[int, ...]] = MappingProxyType({"spirals": (30, 50, 100)})
_COUNTS = (3, 5, 8, 15, 30)
MISFITS = (0.0, 0.005, 0.0075, 0.01, 0.0125, 0.015, 0.02, 0.025, 0.03, 0.04, 0.06, 0.09, 0.13)
TIMES = 51  # of the window, at which bands are looked at


def observation_counts(family: Family) -> tuple[int, ...]:
    """Return the numbers of observations at which a model of the family is measured."""
    return COUNTS.get(family.name, _COUNTS)


def calibrate_steps(saved: Saved, family: Family, seed: int) -> Generator[None, None, Calibration]:
    """Return the least misfit with which the 90 % bands hold 90 % of functions that were never trained on.

    It is that of all numbers of observations together. The generator yields every few milliseconds.
    """
    inside = np.zeros(len(MISFITS))
    counts = observation_counts(family)
    for count in counts:
        inside += yield from _coverage(saved, family, count, seed)
    enough = np.flatnonzero(inside / len(counts) >= LEVELS[-1])
    chosen = MISFITS[int(enough[0])] if len(enough) else MISFITS[-1]
    return replace(saved.calibration, misfit=chosen)


def _coverage(saved: Saved, family: Family, count: int, seed: int) -> Generator[None, None, FloatArray]:
    """Return the share of the functions within the 90 % band for each of the misfits."""
    rng = np.random.default_rng([seed, 3, count])
    curves, batch = family_batch(family, DRAWS, count, rng)
    model, calibration = saved.model, saved.calibration
    refiner = Refiner(model, batch, encoded(model, batch, calibration.first), calibration.levels, calibration.first)
    while not refiner.done:
        yield from refiner.step_steps()
    posteriors, _ = yield from refiner.posterior_steps()
    normals = standard_normals(1 + model.ode.spec.latent, SAMPLES, rng)
    times = np.linspace(0.0, 1.0, TIMES)
    truth = curves.paths(times) / family.scale
    inside = np.zeros(len(MISFITS))
    for posterior, function in zip(posteriors, truth, strict=True):
        values = Paths(model.ode, posterior.starts(normals[1:])[0], 0.0, 1.0).values(times)
        for i, misfit in enumerate(MISFITS):
            low, high = bands_of(values + misfit * normals[0]).edges[-1]
            inside[i] += float(((function >= low) & (function <= high)).mean()) / len(posteriors)
        yield
    return inside
