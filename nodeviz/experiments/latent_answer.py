"""The answer to observations: curves and bands of a posterior, in the units of the data, and how far off they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nodeviz.experiments.latent_frame import ErrorView
from nodeviz.models.latent_curves import LEVELS, Bands, Paths, bands_of, elbo_of

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from nodeviz.engine.arrays import BoolArray, FloatArray
    from nodeviz.experiments.latent_seen import Seen
    from nodeviz.models.latent_calibration import Calibration
    from nodeviz.models.latent_model import LatentModel
    from nodeviz.models.latent_posterior import Posterior
    from nodeviz.problems.series import Scaling

DRAWN_PATHS = 16  # latent paths of samples in a frame
AT_ONCE = 96  # states whose paths are solved at once
LARGE = 40_000  # values from which they are put in order by themselves


class Asked(NamedTuple):
    """What decides how a posterior is shown.

    Attributes
    ----------
    normals : (1 + L, S) standard normal numbers that samples are made of: the first is how far each one is moved as a
        whole, in units of the misfit
    shown : how many of them are shown, evenly chosen; a divisor of S
    nudge : (L,) what is added to z0 by hand
    calibration : the model's
    """

    normals: FloatArray
    shown: int
    nudge: FloatArray
    calibration: Calibration


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Latent:
    """The latent paths of one series at K times.

    Attributes
    ----------
    mean, nudged : (K, L) from the posterior's mean, and from there with a coordinate moved; K = 0 where none is
    samples : (S', K, L)
    """

    mean: FloatArray
    nudged: FloatArray
    samples: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answer:
    """Curves in the units of the data, C channels at M times.

    Attributes
    ----------
    mean : (M, C); function, observed : (2, 2, M, C) edges of the bands of each of LEVELS, lower and upper
    samples : (S, M, C); nudged : (M, C), M = 0 where nothing is moved
    noise : (C,) sd of new observations about the function
    held : at the times of what is held out: bands of new observations
    elbo, kl : in nats, of all channels
    latent : the paths of each series of the batch
    """

    mean: FloatArray
    function: FloatArray
    observed: FloatArray
    samples: FloatArray
    nudged: FloatArray
    noise: FloatArray
    held: Bands
    elbo: float
    kl: float
    latent: tuple[Latent, ...]


class _Part(NamedTuple):
    """The answer of one series of the batch, in the model's units."""

    bands: Bands
    observed: FloatArray
    samples: FloatArray
    nudged: FloatArray
    held: Bands
    noise: float
    elbo: float
    kl: float
    latent: Latent


def answer_steps(
    model: LatentModel, seen: Seen, posteriors: Sequence[Posterior], asked: Asked
) -> Generator[None, None, Answer]:
    """Return the answer that posteriors give, one of each series. The generator yields every few milliseconds."""
    parts = []
    for column, posterior in enumerate(posteriors):
        if column:
            yield
        parts.append((yield from _part(model, seen, posterior, asked, column)))
    scaling, count = seen.scaling, seen.given.series.channels

    def joined(arrays: list[FloatArray]) -> FloatArray:
        return _data(np.concatenate(arrays, axis=-1)[..., :count], scaling)

    noise = np.repeat([part.noise for part in parts], seen.batch.channels)[:count]
    return Answer(
        mean=joined([part.bands.mean for part in parts]),
        function=joined([part.bands.edges for part in parts]),
        observed=joined([part.observed for part in parts]),
        samples=joined([part.samples for part in parts]),
        nudged=joined([part.nudged for part in parts]),
        noise=scaling.scale * noise,
        held=Bands(mean=joined([part.held.mean for part in parts]), edges=joined([part.held.edges for part in parts])),
        elbo=sum(part.elbo for part in parts),
        kl=sum(part.kl for part in parts),
        latent=tuple(part.latent for part in parts),
    )


def _part(
    model: LatentModel, seen: Seen, posterior: Posterior, asked: Asked, column: int
) -> Generator[None, None, _Part]:
    batch = seen.batch.column(column)
    moved = [posterior.mean + asked.nudge] * bool(asked.nudge.any())
    shifts = asked.calibration.misfit * asked.normals[0]
    starts, chosen = posterior.starts(asked.normals[1:])
    z0 = np.column_stack([posterior.mean, *moved, starts])
    first = 1 + len(moved)
    every = np.concatenate([seen.s, seen.held_s, batch.times[:, 0]])
    values, states = yield from _solved(model, z0, every, seen.latent_s)
    drawn, held, observed = np.split(values, np.cumsum([len(seen.s), len(seen.held_s)]))
    yield
    elbo, kl = elbo_of(model.prior, posterior, starts, chosen, observed[:, :, first:], batch)
    samples, noise = drawn[:, :, first:] + shifts, asked.calibration.noise_of(posterior.mean_noise)
    if len(every) * z0.shape[1] > LARGE:
        yield
    bands, held_bands = bands_of(samples), bands_of(held[:, :, first:] + shifts)
    return _Part(
        bands=bands,
        observed=bands.observed(noise),
        samples=samples[:, :, :: samples.shape[2] // asked.shown].transpose(2, 0, 1),
        nudged=drawn[: len(seen.s) * len(moved), :, 1],
        held=Bands(mean=held_bands.mean, edges=held_bands.observed(noise)),
        noise=noise,
        elbo=elbo,
        kl=kl,
        latent=Latent(
            mean=states[:, :, 0],
            nudged=states[: len(states) * len(moved), :, 1],
            samples=_some(states[:, :, first:]).transpose(2, 0, 1),
        ),
    )


def _solved(
    model: LatentModel, z0: FloatArray, times: FloatArray, latent_times: FloatArray
) -> Generator[None, None, tuple[FloatArray, FloatArray]]:
    """Return the curves of states (L, N) at all times, (T, C, N), and their latent paths at others, (K, L, N)."""
    values: list[FloatArray] = []
    states: list[FloatArray] = []
    for begin in range(0, z0.shape[1], AT_ONCE):
        if begin:
            yield
        paths = Paths(model.ode, z0[:, begin : begin + AT_ONCE], times.min(), times.max())
        states.append(paths.states(latent_times))
        values.append((yield from paths.values_steps(times)))
    return np.concatenate(values, axis=2), np.concatenate(states, axis=2)


def _some(states: FloatArray) -> FloatArray:
    """Return DRAWN_PATHS of the samples (K, L, S) or all, evenly chosen."""
    return states[:, :, :: max(1, states.shape[2] // DRAWN_PATHS)][:, :, :DRAWN_PATHS]


def _data(values: FloatArray, scaling: Scaling) -> FloatArray:
    """Return values (..., C) in the units of the data."""
    with np.errstate(over="ignore"):
        found: FloatArray = scaling.centre + scaling.scale * values.astype(np.float64)
    return found


class Places(NamedTuple):
    """Which of T times are between observations, and which beyond them, (T,) each."""

    inside: BoolArray
    outside: BoolArray


def errors_of(name: str, places: Places, target: FloatArray, mean: FloatArray, edges: FloatArray) -> ErrorView:
    """Return the errors of one model, all in the same units.

    Parameters
    ----------
    target, mean : (T, C) what should be and what is; NaN where nothing is known
    edges : (2, 2, T, C) of the bands of LEVELS; NaN where the model has none
    """
    inside, outside = places.inside[:, None], places.outside[:, None]
    with np.errstate(all="ignore"):
        squares = (mean - target) ** 2
        within = (target >= edges[:, 0]) & (target <= edges[:, 1])
    known = np.isfinite(target)
    counted = known & np.isfinite(edges).all(axis=(0, 1)) & (inside if inside.any() else outside)
    half, most = (_mean(within[i], counted) for i in range(len(LEVELS)))
    return ErrorView(
        name=name,
        mse_interpolation=_mean(squares, known & inside),
        mse_extrapolation=_mean(squares, known & outside),
        coverage_50=half,
        coverage_90=most,
    )


def _mean(values: FloatArray | BoolArray, where: BoolArray) -> float:
    """Return the mean of some values, NaN of none."""
    return float(values[where].mean()) if where.any() else float("nan")
