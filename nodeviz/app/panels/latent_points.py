"""The observations on show: those of the newest frame, or of an edit that is not answered yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nodeviz.experiments.latent_params import HOLDOUT_TITLES, span_of

if TYPE_CHECKING:
    from nodeviz.engine.arrays import BoolArray, FloatArray
    from nodeviz.experiments.latent_frame import SeriesView
    from nodeviz.experiments.latent_params import LatentParams
    from nodeviz.problems.series import Series


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shown:
    """Observations in the order of their times.

    Attributes
    ----------
    t : (n,) times; y : (n, C) values, NaN where one is missing
    used, held : (n,) what the model sees, and what it is measured by; neither: thinned away
    names : of the channels; unit : of t, ``date`` or empty
    """

    t: FloatArray
    y: FloatArray
    used: BoolArray
    held: BoolArray
    names: tuple[str, ...]
    unit: str

    @classmethod
    def of(cls, series: SeriesView) -> Shown:
        """Return the observations of a frame."""
        return cls(t=series.t, y=series.y, used=series.used, held=series.held, names=series.names, unit=series.unit)

    @classmethod
    def fresh(cls, points: Series) -> Shown:
        """Return observations of which nothing is known yet but that they are there."""
        used = np.ones(len(points), bool)
        return cls(t=points.t, y=points.y, used=used, held=~used, names=points.names, unit=points.unit)

    def edited(self, points: Series) -> Shown:
        """Return other observations, as they will be: what was there already is as it was, what is new is used."""
        if points.channels != len(self.names):
            return Shown.fresh(points)
        before, after = np.column_stack([self.t, self.y]), np.column_stack([points.t, points.y])
        head = alike(before, after)
        tail = min(alike(before[::-1], after[::-1]), min(len(before), len(after)) - head)
        used, held = (
            np.concatenate([flags[:head], np.full(len(after) - head - tail, new), flags[len(flags) - tail :]])
            for flags, new in ((self.used, True), (self.held, False))
        )
        return Shown(t=points.t, y=points.y, used=used, held=held, names=self.names, unit=self.unit)

    def is_of(self, points: Series) -> bool:
        """Return whether these are the observations of a series."""
        return np.array_equal(self.t, points.t) and np.array_equal(self.y, points.y, equal_nan=True)

    def only_new(self, before: Shown) -> int:
        """Return the row that these have more than others, -1 where that is not all that differs."""
        if len(self.t) != len(before.t) + 1 or self.y.shape[1] != before.y.shape[1]:
            return -1
        old, new = (np.column_stack([one.t, one.y, one.used, one.held]) for one in (before, self))
        row = alike(old, new)
        return row if alike(old[::-1], new[::-1]) >= len(old) - row else -1

    def unseen(self, t: float, params: LatentParams) -> str:
        """Return in a sentence why an observation at a time changes no curve; empty where it does, or is not there."""
        rows = np.flatnonzero(self.t == t)
        if not len(rows) or self.used[rows].any():
            return ""
        row = int(rows[0])
        if self.held[row]:
            if params.holdout == "none" or (params.data != "points" and t > span_of(params.span)[1]):
                return "The point is held out: it comes after the times of Between, so the curve does not see it."
            which = HOLDOUT_TITLES[params.holdout].lower()
            return f"The point is held out, as Hold out has it ({which}), so the curve does not see it."
        if params.thin < 1.0:
            return (
                f"Points used is {params.thin:g}, and this point is one of those left out; raise it to see its effect."
            )
        return "The point is left out: it lies too far from the others, or there are too many of them."

    def nearest(self, channel: int, t: float, y: float, pixel: tuple[float, float]) -> tuple[int, float]:
        """Return the row that is nearest to a place, and how many pixels of a size in data units lie between.

        Of no points the row is -1, infinitely far away.
        """
        away = np.hypot((self.t - t) / pixel[0], (self.y[:, channel] - y) / pixel[1])
        away = np.where(np.isfinite(away), away, np.inf)
        row = int(np.argmin(away)) if len(away) else -1
        return (row, float(away[row])) if row >= 0 and np.isfinite(away[row]) else (-1, np.inf)


def alike(first: FloatArray, second: FloatArray) -> int:
    """Return how many rows (n, ...) from the start are the same in both."""
    n = min(len(first), len(second))
    same = (first[:n] == second[:n]) | (np.isnan(first[:n]) & np.isnan(second[:n]))
    rows = same.all(axis=1)
    return n if rows.all() else int(np.argmin(rows))


def much_changed(before: Series, after: Series) -> bool:
    """Return whether more than one observation was added, taken away or moved: then these are other data."""
    if before.channels != after.channels:
        return True
    rows = [np.column_stack([series.t, series.y]) for series in (before, after)]
    fewer, more = sorted(rows, key=len)
    if len(more) - len(fewer) > 1:
        return True
    if len(fewer) < len(more):
        head = alike(fewer, more)
        return alike(fewer[::-1], more[::-1]) < len(fewer) - head
    kept = {row.tobytes() for row in fewer}
    return sum(row.tobytes() not in kept for row in more) > 1
