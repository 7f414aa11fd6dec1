"""What the model sees of a series: without what is held out and thinned away, in its own units, as a batch."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor
from typing import TYPE_CHECKING

import numpy as np

from nodeviz.engine.arrays import freeze
from nodeviz.experiments.latent_answer import Places
from nodeviz.experiments.latent_frame import SeriesView
from nodeviz.experiments.phase_frame import read_only
from nodeviz.models.latent_batch import SeriesBatch
from nodeviz.problems.series import observations, scaling_of

if TYPE_CHECKING:
    from nodeviz.engine.arrays import BoolArray, FloatArray, IntArray
    from nodeviz.experiments.latent_data import Given
    from nodeviz.experiments.latent_params import LatentParams
    from nodeviz.problems.series import Observations, Scaling, Series

BEFORE, AFTER = 0.05, 0.1  # of the window, that is drawn before it, and at least after it
MOST_DRAWN = 3.0  # model time up to which a curve goes on where observations were taken away
TIMES, TIMES_MANY = 241, 481  # that are drawn, of few observations and of many
LATENT_TIMES = 121  # at which latent paths are shown
MANY = 100  # observations
MOST_SEEN = 350  # observations that the encoder goes through in a few milliseconds; more are thinned evenly
LEAST_HALF = 2.5  # of the values shown, in the model's units
ROOM = 0.15  # of the values' range, left free above and below
MOST_HELD = 500  # held-out observations that are measured by
FARTHEST = 20.0  # model time up to which what is held out lies for a curve to be drawn to it


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """What the model sees, and what a frame says of it.

    Attributes
    ----------
    given : the series
    scaling : between its units and the model's
    batch : of one series with all channels, or of several with as many channels each as the model has
    n_used : how many observations that is; used_s : model times of the first and the last of them, 0 without any
    s : (M,) model times that are drawn
    held_s : (Q,) model times of what is held out, MOST_HELD at most; held_x : (Q, C) model values, NaN where missing
    note : what was left out or is peculiar, in sentences
    view : for the frame
    """

    given: Given
    scaling: Scaling
    batch: SeriesBatch
    n_used: int
    used_s: tuple[float, float]
    s: FloatArray
    held_s: FloatArray
    held_x: FloatArray
    note: str
    view: SeriesView

    @property
    def latent_s(self) -> FloatArray:
        """(K,) model times at which latent paths are shown: from z0 on."""
        return np.linspace(0.0, self.s[-1], LATENT_TIMES)

    @property
    def latent_window(self) -> int:
        """How many of these times lie in the window of the observations."""
        return int((self.latent_s <= 1.0).sum())

    @property
    def asked(self) -> FloatArray:
        """(M + Q,) the model times that are drawn, then those of what is held out."""
        return np.concatenate([self.s, self.held_s])

    def places(self, s: FloatArray) -> Places:
        """Return which of the model times (T,) are interpolation and which extrapolation.

        Where the function is known its window counts, from 0 to 1 and what comes after it; otherwise what is used.
        """
        if self.given.truth is not None:
            return Places((s >= 0.0) & (s <= 1.0), s > 1.0)
        if not self.n_used:
            return Places(np.zeros(len(s), bool), np.ones(len(s), bool))
        first, last = self.used_s
        inside = (s >= first) & (s <= last)
        return Places(inside, ~inside)

    @property
    def separate(self) -> bool:
        """Whether the channels are parted into several series."""
        return self.batch.batch > 1


def see(given: Given, live: LatentParams, channels: int, seed: int, arrived: float = 1.0) -> Seen:
    """Return what a model of so many channels sees of a series: so many at a time, the last ones with missing ones.

    Parameters
    ----------
    seed : decides which points are held out at random and thinned away; an edit changes little of that
    arrived : the share of the observations, in the order of time, that is there yet; units and axes are those of all
    """
    series = given.series
    held, thinned = _parts(series, live, seed)
    units = given.scaling
    if arrived < 1.0:
        units = units or scaling_of(series.with_held(held | thinned), own=given.own)
        there = _arrived(held | thinned, arrived)
        series, held, thinned = series.taken(there), held[there], thinned[there]
    found = observations(series.with_held(held | thinned), own=given.own, scaling=units, most=MOST_SEEN)
    s, scaling = _drawn_times(found, given, live), found.scaling
    used = np.zeros(len(series), bool)
    used[found.rows] = True
    rows = np.flatnonzero(held)
    rows = rows[np.rint(np.linspace(0, len(rows) - 1, min(len(rows), MOST_HELD))).astype(int)]
    held_s, held_x = scaling.to_model(series.t[rows], series.y[rows])
    within = held_s <= FARTHEST
    return Seen(
        given=given,
        scaling=scaling,
        batch=SeriesBatch.of([(found.s, group) for group in _grouped(found.x, channels)]),
        n_used=len(found.rows),
        used_s=(float(found.s[0]), float(found.s[-1])) if len(found.s) else (0.0, 0.0),
        s=s,
        held_s=held_s[within],
        held_x=held_x[within],
        note=" ".join(filter(None, (given.note, found.note))),
        view=_view(given, series, found, used, held, s),
    )


def _arrived(unseen: BoolArray, share: float) -> IntArray:
    """Return the rows up to the last one that is there, of which ``unseen`` are none that a model sees."""
    seen = np.flatnonzero(~unseen)
    count = round(share * len(seen))
    return np.arange(seen[count - 1] + 1 if count else 0)


def _grouped(x: FloatArray, size: int) -> list[FloatArray]:
    """Return values (m, C) as groups of ``size`` channels; what there is none of is missing."""
    count = -(-x.shape[1] // size)
    padded = np.full((len(x), count * size), np.nan)
    padded[:, : x.shape[1]] = x
    return np.split(padded, count, axis=1)


def _parts(series: Series, live: LatentParams, seed: int) -> tuple[BoolArray, BoolArray]:
    """Return which observations are held out, (n,), and which others are thinned away."""
    held = series.held.copy()
    rows, t = np.flatnonzero(~held), series.t
    count = _held_out(len(rows), live)
    if live.holdout != "none" and count > 0:
        order = _shuffled(t[rows], 2 * seed) if live.holdout == "random" else np.arange(len(rows))[::-1]
        held[rows[order[:count]]] = True
    left = np.flatnonzero(~held)
    thinned = np.zeros(len(t), bool)
    thinned[left[_shuffled(t[left], 2 * seed + 1)[round(live.thin * len(left)) :]]] = True
    return held, thinned


def _held_out(n: int, live: LatentParams) -> int:
    """Return how many of ``n`` observations are held out, where any are; one at least is left."""
    return min(n - 1, round(live.holdout_share * n))


def _shuffled(t: FloatArray, seed: int) -> IntArray:
    """Return the places of times in an order that looks random, and that further times only lengthen.

    Each time has its own number (splitmix64), whatever the others are: a point that is added moves no other one.
    """
    x = t.view(np.uint64) + np.uint64((seed * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) % 2**64)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.argsort(x ^ (x >> np.uint64(31)), kind="stable")


def _drawn_times(found: Observations, given: Given, live: LatentParams) -> FloatArray:
    """Return the model times at which curves are drawn, evenly."""
    last = max(found.scaling.to_model(given.series.t[-1], given.series.y[-1])[0] if len(given.series) else 0.0, 0.0)
    end: float | FloatArray = given.horizon
    until = _until(given, live)
    if given.scaling is None and np.isfinite(until):
        end = min(max((until - found.scaling.t_shift) / found.scaling.t_scale, 1.0 + AFTER), MOST_DRAWN)
    end = max(end, last if last <= FARTHEST else 0.0)
    return np.linspace(-BEFORE, end, TIMES if len(found.rows) <= MANY else TIMES_MANY)


def _until(given: Given, live: LatentParams) -> float:
    """Return the time up to which a series was drawn before it was edited, NaN where that is not known.

    So that an edit beyond the observations, within what is on show, does not make the axis longer each time.
    """
    if given.before is None:
        t = given.series.t  # clicks begin in the window from 0 to 1
        began = given.own and len(t) > 0 and t[0] >= -1.0 and t[len(t) // 4] <= 1.0
        return given.horizon if began else np.nan
    t = given.before.t[~given.before.held]
    if live.holdout == "last":
        t = t[: len(t) - _held_out(len(t), live)]
    return float(t[0] + given.horizon * (t[-1] - t[0])) if len(t) else np.nan


def _view(
    given: Given, series: Series, found: Observations, used: BoolArray, held: BoolArray, s: FloatArray
) -> SeriesView:
    scaling = found.scaling
    window, _ = scaling.from_model(np.array([0.0, 1.0]), np.zeros((2, series.channels)))
    drawn, _ = scaling.from_model(s[[0, -1]], np.zeros((2, series.channels)))
    truth_t, _ = scaling.from_model(s if given.truth is not None else s[:0], np.zeros((1, series.channels)))
    truth = np.zeros((0, series.channels)) if given.truth is None else given.truth(truth_t)
    observed = series.t[used][[0, -1]] if used.any() else np.full(2, np.nan)
    return SeriesView(
        title=given.title,
        note=" ".join(filter(None, (given.about, given.note, found.note))),
        names=series.names,
        unit=series.unit,
        t=series.t,
        y=series.y,
        used=read_only(used),
        held=read_only(held),
        editable=given.editable,
        window=freeze(window),
        observed=freeze(observed),
        view=freeze(np.array([*drawn, *_range(given, scaling)])),
        truth_t=freeze(truth_t),
        truth=freeze(truth),
        number=given.number,
        count=given.count,
        ids=given.ids,
    )


def _range(given: Given, scaling: Scaling) -> tuple[float, float]:
    """Return the lowest and highest value shown, rounded in the model's units so that edits seldom change it."""
    _, x = scaling.to_model(given.series.t, given.series.y)
    x = x[np.abs(x) < 1e6]  # what lies far out is not used, and would hide all else
    low, high = (float(x.min()), float(x.max())) if x.size else (0.0, 0.0)
    room = ROOM * max(high - low, 1.0)
    low, high = min(-LEAST_HALF, floor(2 * (low - room)) / 2), max(LEAST_HALF, ceil(2 * (high + room)) / 2)
    edges = scaling.centre + scaling.scale * np.array([[low], [high]])
    return float(edges.min()), float(edges.max())
