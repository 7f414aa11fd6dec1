"""Families of functions of time: each draw is a batch of them, known exactly at any time, to observe with noise."""

from __future__ import annotations

from dataclasses import dataclass
from math import log, pi
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

import numpy as np

from nodeviz.problems import chen_spirals

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from nodeviz.engine.arrays import FloatArray

NOISE = 0.05  # sd, of the oscillations
_FREQUENCIES = (0.5, 3.0)  # cycles in [0, 1]
_FASTEST_DECAY = 2.5
_LEVELS = (0.02, 0.2)  # sd of the noise of the broad family, evenly by its logarithm
_EDGES = (0.005, 0.1)  # widths of steps, likewise
_WIDTHS = (0.03, 0.2)  # of bumps, likewise


class Curves(Protocol):
    """Functions that are known at any time.

    Attributes
    ----------
    noise : (B,) sd of what is added when they are observed
    """

    @property
    def noise(self) -> FloatArray:
        """Sd of the noise, (B,)."""
        ...

    def __len__(self) -> int:
        """Return the number of functions, B."""
        ...

    def paths(self, times: npt.ArrayLike) -> FloatArray:
        """Return the values (B, T, C) without noise at times (T,) or (B, T)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FunctionBatch:
    """Sums of a line, damped sinusoids, steps and bumps; B functions of one channel.

    Attributes
    ----------
    noise, offset, slope : (B,) each
    amplitude, frequency, phase, decay : (B, K) each; amplitude sin(2 pi frequency t + phase) exp(-decay t)
    rise, edge, sharpness : (B, S) each; rise (1 + tanh((t - edge) / sharpness)) / 2
    height, middle, width : (B, M) each; height exp(-((t - middle) / width)^2 / 2)
    """

    noise: FloatArray
    offset: FloatArray
    slope: FloatArray
    amplitude: FloatArray
    frequency: FloatArray
    phase: FloatArray
    decay: FloatArray
    rise: FloatArray
    edge: FloatArray
    sharpness: FloatArray
    height: FloatArray
    middle: FloatArray
    width: FloatArray

    def __len__(self) -> int:
        return len(self.noise)

    def values(self, times: npt.ArrayLike) -> FloatArray:
        """Return the values (B, T) without noise at times (T,) or (B, T)."""
        t = np.asarray(times, dtype=np.float64)
        total: FloatArray = self.offset[:, None] + self.slope[:, None] * t
        for wave in zip(self.amplitude.T, self.frequency.T, self.phase.T, self.decay.T, strict=True):
            amplitude, frequency, phase, decay = (term[:, None] for term in wave)
            total += amplitude * np.sin(2.0 * pi * frequency * t + phase) * np.exp(-decay * t)
        for step in zip(self.rise.T, self.edge.T, self.sharpness.T, strict=True):
            rise, edge, sharpness = (term[:, None] for term in step)
            total += 0.5 * rise * (1.0 + np.tanh((t - edge) / sharpness))
        for bump in zip(self.height.T, self.middle.T, self.width.T, strict=True):
            height, middle, width = (term[:, None] for term in bump)
            from_middle = (t - middle) / width
            total += height * np.exp(-0.5 * from_middle * from_middle)
        return total

    def paths(self, times: npt.ArrayLike) -> FloatArray:
        """Return the values (B, T, 1) without noise at times (T,) or (B, T)."""
        return self.values(times)[:, :, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A distribution of functions, observed between times 0 and 1.

    Attributes
    ----------
    name, title : as typed and as read
    note : one plain sentence
    channels : C
    horizon : the last time of what lies beyond the observations
    noise : lowest and highest sd
    scale : of the values, which lie about 0; what a model divides them by
    most : observations of one function, at most
    draw : n, rng -> n functions
    sample : functions, n, rng -> times (B, n) that increase, and values (B, n, C) with noise
    """

    name: str
    title: str
    note: str
    channels: int
    horizon: float
    noise: tuple[float, float]
    scale: float
    most: int
    draw: Callable[[int, np.random.Generator], Curves]
    sample: Callable[[Curves, int, np.random.Generator], tuple[FloatArray, FloatArray]]

    def observe(self, curves: Curves, n: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Observe each function ``n`` times, with noise.

        Returns
        -------
        times (B, n), increasing in [0, 1], and values (B, n, C)

        Raises
        ------
        ValueError : more observations than one function has, or fewer than none
        """
        if not 0 <= n <= self.most:
            raise ValueError(f"n={n}: not within 0 to {self.most}, what {self.name} can be observed; use {self.most}")
        return self.sample(curves, n, rng)


def observe(batch: FunctionBatch, n: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Observe each function at ``n`` even random times: times (B, n), increasing in [0, 1], and values (B, n)."""
    times = rng.random((len(batch), n))
    times.sort(axis=1)
    return times, batch.values(times) + batch.noise[:, None] * rng.standard_normal(times.shape)


def _sample(curves: Curves, n: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    times = rng.random((len(curves), n))
    times.sort(axis=1)
    clean = curves.paths(times)
    return times, clean + curves.noise[:, None, None] * rng.standard_normal(clean.shape)


def oscillations(n: int, rng: np.random.Generator) -> FunctionBatch:
    """Draw sums of two sinusoids and a linear trend.

    Frequencies from 0.5 to 3 cycles in [0, 1]; amplitudes normal, that of the second halved; every other sinusoid is
    damped, at a rate up to 2.5; offset and slope of the trend normal; noise of sd 0.05.
    """
    pair = (n, 2)
    nothing: FloatArray = np.empty((n, 0))
    return FunctionBatch(
        noise=np.full(n, NOISE),
        offset=rng.standard_normal(n),
        slope=rng.standard_normal(n),
        amplitude=rng.standard_normal(pair) * (1.0, 0.5),
        frequency=rng.uniform(*_FREQUENCIES, pair),
        phase=rng.uniform(0.0, 2.0 * pi, pair),
        decay=rng.uniform(0.0, _FASTEST_DECAY, pair) * (rng.random(pair) < 0.5),
        rise=nothing,
        edge=nothing,
        sharpness=nothing,
        height=nothing,
        middle=nothing,
        width=nothing,
    )


def broad(n: int, rng: np.random.Generator) -> FunctionBatch:
    """Draw functions of four kinds, with noise of sd 0.02 to 0.2 each.

    Two in five are oscillations; the others, in equal parts, up to three steps on a line, up to three bumps on a line,
    and half of everything: oscillations, steps and bumps.
    """
    waves = oscillations(n, rng)
    kind = rng.choice(4, n, p=(0.4, 0.2, 0.2, 0.2))[:, None]
    half = np.where(kind == 3, 0.5, 1.0)
    # The first of three is always there, each of the others every other time.
    there = rng.random((2, n, 3)) < (1.0, 0.5, 0.5)
    heights = rng.standard_normal((2, n, 3)) * there * half
    places = rng.random((2, n, 3))
    return FunctionBatch(
        noise=_log_uniform(_LEVELS, n, rng),
        offset=waves.offset * half[:, 0],
        slope=waves.slope * half[:, 0],
        amplitude=waves.amplitude * half * ((kind == 0) | (kind == 3)),
        frequency=waves.frequency,
        phase=waves.phase,
        decay=waves.decay,
        rise=heights[0] * ((kind == 1) | (kind == 3)),
        edge=places[0],
        sharpness=_log_uniform(_EDGES, (n, 3), rng),
        height=heights[1] * ((kind == 2) | (kind == 3)),
        middle=places[1],
        width=_log_uniform(_WIDTHS, (n, 3), rng),
    )


def _log_uniform(limits: tuple[float, float], size: int | tuple[int, int], rng: np.random.Generator) -> FloatArray:
    return np.exp(rng.uniform(log(limits[0]), log(limits[1]), size))


_ALL = (
    Family(
        name="oscillations",
        title="Oscillations",
        note="Two waves on a straight line; each wave may fade.",
        channels=1,
        horizon=1.5,
        noise=(NOISE, NOISE),
        scale=1.0,
        most=10_000,
        draw=oscillations,
        sample=_sample,
    ),
    Family(
        name="broad",
        title="Broad",
        note="Oscillations, steps and bumps, alone or together, with noise of any level up to 0.2.",
        channels=1,
        horizon=1.5,
        noise=_LEVELS,
        scale=1.0,
        most=10_000,
        draw=broad,
        sample=_sample,
    ),
)
FAMILIES: Mapping[str, Family] = MappingProxyType({family.name: family for family in _ALL})

SPIRALS = Family(
    name="spirals",
    title="Spirals",
    note="A piece of one of two spirals; one of these runs clockwise (Chen et al. 2018).",
    channels=2,
    horizon=2.0,
    noise=(chen_spirals.NOISE, chen_spirals.NOISE),
    scale=5.0,
    most=chen_spirals.STEPS,
    draw=chen_spirals.spirals,
    sample=chen_spirals.observe_spirals,
)
