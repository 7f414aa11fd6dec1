"""Batches of irregular series for a latent ODE: padded to one length, sorted in time, with a mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from nodeviz.engine.arrays import BoolArray, FloatArray

MAX_TIME = 100.0
"""Model times beyond which no series may reach: nothing learned on 0 to 1.5 would say anything there."""

MAX_VALUE = 1e9
"""Size of a value, in model units, that single precision has no trouble with."""


@dataclass(frozen=True, slots=True)
class SeriesBatch:
    """B series of up to N observations of C channels, batch last.

    Attributes
    ----------
    times : (N, B) model times, rising in each column; rows past the end of a series repeat its last time (0 if it has
        none), so that nothing happens there
    values : (N, C, B), 0 where missing
    mask : (N, C, B), whether a value was observed
    """

    times: FloatArray
    values: FloatArray
    mask: BoolArray

    @classmethod
    def of(cls, series: Sequence[tuple[npt.ArrayLike, npt.ArrayLike]]) -> Self:
        """Return the batch of series, each its times (n,) and values (n,) or (n, C), in model units and any order.

        A value that is NaN is missing. Equal times are allowed; such observations are taken in the order of their
        values, so that what the encoder makes of them does not depend on the order in which they came.

        Raises
        ------
        ValueError : no series, shapes that do not fit, or times or values that are infinite or beyond the limits
        """
        if not series:
            raise ValueError("series: none; give at least one, which may be empty")
        cleaned = [_cleaned(i, t, y) for i, (t, y) in enumerate(series)]
        channels = {y.shape[1] for _, y in cleaned}
        if len(channels) > 1:
            raise ValueError(f"series: of {min(channels)} and {max(channels)} channels; give all the same")
        rows, batch = max(1, *(len(t) for t, _ in cleaned)), len(cleaned)
        times, values = np.zeros((rows, batch)), np.full((rows, channels.pop(), batch), np.nan)
        for b, (t, y) in enumerate(cleaned):
            times[: len(t), b], values[: len(t), :, b] = t, y
            times[len(t) :, b] = t[-1] if len(t) else 0.0
        return cls.stack(times, values)

    @classmethod
    def stack(cls, times: FloatArray, values: FloatArray) -> Self:
        """Return the batch of times (N, B), rising in each column, and values (N, C, B) or, of one channel, (N, B).

        The quick way for what is known to be sorted and finite; a value that is NaN is missing.
        """
        values = values if values.ndim == 3 else values[:, None]
        mask = np.isfinite(values)
        return cls(times, np.where(mask, values, 0.0), mask)

    @property
    def batch(self) -> int:
        """Number of series."""
        batch: int = self.times.shape[1]
        return batch

    @property
    def channels(self) -> int:
        """Number of channels."""
        channels: int = self.values.shape[1]
        return channels

    @property
    def seen(self) -> BoolArray:
        """(N, B), whether any channel was observed."""
        seen: BoolArray = np.any(self.mask, axis=1)
        return seen

    @property
    def empty(self) -> BoolArray:
        """(B,), whether a series has no observation at all."""
        empty: BoolArray = np.all(~self.seen, axis=0)
        return empty

    def column(self, index: int) -> Self:
        """Return the batch of one series."""
        return self.columns(slice(index, index + 1) if index != -1 else slice(-1, None))

    def columns(self, place: slice) -> Self:
        """Return the batch of some of the series."""
        return type(self)(self.times[:, place], self.values[:, :, place], self.mask[:, :, place])


def _cleaned(index: int, t: npt.ArrayLike, y: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return the observations of a series sorted, (n,) and (n, C), without rows where everything is missing."""
    times, values = np.asarray(t, float).reshape(-1), np.asarray(y, float)
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or len(values) != len(times):
        raise ValueError(f"series[{index}]: {len(times)} times and values of shape {values.shape}; give (n,) or (n, C)")
    kept = ~np.isnan(values).all(axis=1)
    times, values = times[kept], values[kept]
    if not (np.abs(times) <= MAX_TIME).all():
        worst = times[np.argmin(np.abs(times) <= MAX_TIME)]
        raise ValueError(f"series[{index}]: time {worst:g} is beyond {MAX_TIME:g}; bring times to model units first")
    if np.isinf(values).any():
        raise ValueError(f"series[{index}]: an infinite value; leave it out, or mark it missing by NaN")
    largest = np.abs(values).max(initial=0.0, where=~np.isnan(values))
    if largest > MAX_VALUE:
        raise ValueError(
            f"series[{index}]: a value of {largest:g} is beyond {MAX_VALUE:g}; bring values to model units first"
        )
    order = np.lexsort((*values.T[::-1], times))
    return times[order], values[order]
