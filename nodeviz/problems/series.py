"""Series: values observed at any times, some of them missing, some held out; and the units that models see them in."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.engine.arrays import freeze

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from nodeviz.engine.arrays import BoolArray, FloatArray, IntArray

MOST_ROWS = 100_000
MOST_CHANNELS = 8
MOST_USED = 500  # observations that one answer takes; more are thinned evenly
LARGEST = 1e300  # of a value: differences and means of that many do not overflow
LATEST = 1e20  # of a time: nanoseconds since 1970 are within
_CLICKS, _NEAR = 3, 4.0  # so few observations within that time are seen from 0 on, however close together
_OWN = 4.0  # values of the families lie within this
_FAR = 20.0  # ranges of the middle four fifths, from their middle: beyond, a value is left out
_FEW = 10  # values below which none is called far


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Observations in the order of their times. Equal where the content is; the arrays are copies and read-only.

    Attributes
    ----------
    t : (n,) float64, n from 0 to MOST_ROWS, finite and within ±LATEST; equal times stay in the order given
    y : (n, C) float64, C from 1 to MOST_CHANNELS, NaN where missing, else within ±LARGEST; (n,) is one channel. Every
        row has a value in some channel
    names : of the channels; y, or y1, y2, ... where none are given
    held : (n,) bool, rows that no model sees; none by default
    unit : of the times: ``""`` for plain numbers, ``"date"`` for decimal years that were dates
    note : what was left out or is peculiar, in sentences; not part of the content
    digest : of the content

    Raises
    ------
    ValueError : other shapes, numbers or names; one sentence with the argument, the value and a remedy
    """

    t: FloatArray
    y: FloatArray
    names: tuple[str, ...] = ()
    held: BoolArray = field(default_factory=lambda: np.zeros(0, bool))
    unit: str = ""
    note: str = ""
    digest: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        t, y = _check_times(self.t), _check_values(self.y)
        if len(t) != len(y):
            raise ValueError(f"y has {len(y)} rows for {len(t)} times; give one for every time")
        names = _check_names(self.names, y.shape[1])
        held = np.array(self.held, dtype=bool)
        if held.shape != t.shape and held.size:
            raise ValueError(f"held has shape {held.shape} for {len(t)} times; give one truth value for every time")
        if self.unit not in {"", "date"}:
            raise ValueError(f"unit={self.unit!r}: neither '' nor 'date'; use 'date' for decimal years")
        order = np.argsort(t, kind="stable")
        arrays = {"t": t[order], "y": y[order], "held": held[order] if held.size else np.zeros(len(t), bool)}
        digest = hashlib.blake2b(repr((names, self.unit, y.shape)).encode(), digest_size=16)
        for name, values in arrays.items():
            values.flags.writeable = False
            digest.update(values.tobytes())
            object.__setattr__(self, name, values)
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "digest", digest.hexdigest())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Series) and other.digest == self.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __len__(self) -> int:
        return len(self.t)

    @property
    def channels(self) -> int:
        """Number of channels, 1 at least."""
        return int(self.y.shape[1])

    def added(self, t: float, y: npt.ArrayLike) -> Series:
        """Return the series with one more observation, after those of the same time; ``y`` has a value per channel."""
        values = np.atleast_1d(np.asarray(y, dtype=np.float64))
        if values.shape != (self.channels,):
            raise ValueError(f"y has shape {values.shape}; give {self.channels} values, one for every channel")
        rows = np.append(self.t, t), np.concatenate([self.y, values[None]]), np.append(self.held, False)
        return Series(rows[0], rows[1], self.names, rows[2], self.unit, self.note)

    def taken(self, rows: npt.ArrayLike) -> Series:
        """Return the rows of an index or a mask, in the order of their times."""
        chosen: Any = np.asarray(rows)
        return Series(self.t[chosen], self.y[chosen], self.names, self.held[chosen], self.unit, self.note)

    def removed(self, i: int) -> Series:
        """Return the series without row ``i``. Raises ValueError where there is none."""
        if not 0 <= i < len(self):
            limit = f"use 0 to {len(self) - 1}" if len(self) else "there is no point left"
            raise ValueError(f"i={i}: no point of that number; {limit}")
        return self.taken(np.arange(len(self)) != i)

    def moved(self, i: int, t: float, y: npt.ArrayLike) -> Series:
        """Return the series with row ``i`` elsewhere. Raises ValueError where there is none."""
        return self.removed(i).added(t, y)

    def with_held(self, held: npt.ArrayLike) -> Series:
        """Return the series with other rows held out, a mask (n,)."""
        return Series(self.t, self.y, self.names, np.asarray(held, dtype=bool), self.unit, self.note)

    def channel(self, j: int) -> Series:
        """Return channel ``j`` alone, without the rows where it is missing."""
        known = ~np.isnan(self.y[:, j])
        return Series(self.t[known], self.y[known, j], (self.names[j],), self.held[known], self.unit, self.note)


def no_series(channels: int = 1) -> Series:
    """Return the data of somebody who gave none."""
    return Series(np.empty(0), np.empty((0, channels)))


def series_of(
    t: npt.ArrayLike, y: npt.ArrayLike, names: Iterable[str] = (), *, unit: str = "", prefix: str = ""
) -> Series:
    """Return observations that somebody gave, without the rows whose time or values are all missing, which is said.

    Parameters
    ----------
    t : (n,) numbers, NaN for a missing one
    y : (n,) or (n, C) numbers, NaN for a missing one
    prefix : of the note, as in ``"file.csv: "``

    Raises
    ------
    ValueError : other shapes, no numbers, too many rows; one sentence
    """
    times, values = _numbers("t", t, "a number"), _numbers("y", y, "one or more numbers")
    if values.ndim == 1:
        values = values[:, None]
    if times.ndim != 1 or values.ndim != 2 or len(times) != len(values):
        raise ValueError(f"t has shape {times.shape} and y {values.shape}; give (n,) and (n,) or (n, C)")
    known = ~(np.isnan(times) | np.isnan(values).all(axis=1))
    n_lost = len(times) - int(known.sum())
    series = Series(times[known], values[known], tuple(names), unit=unit)
    said = [f"{n_lost} row{'s' if n_lost > 1 else ''} without a time or a value left out"] if n_lost else []
    said += peculiarities(series)
    return Series(series.t, series.y, series.names, unit=unit, note=f"{prefix}{'; '.join(said)}." if said else "")


def peculiarities(series: Series) -> list[str]:
    """Return what is worth saying about a series, without full stops."""
    said = []
    n_equal = int(np.count_nonzero(np.diff(series.t) == 0))
    if n_equal:
        said.append(f"{n_equal} row{'s' if n_equal > 1 else ''} at the time of another")
    for name, column in zip(series.names, series.y.T, strict=True):
        known = column[~np.isnan(column)]
        if len(known) > 1 and np.all(known == known[0]):
            said.append(f"{name} is {known[0]:g} everywhere")
        elif len(series) and not len(known):
            said.append(f"{name} has no value")
    return said


def _numbers(name: str, given: npt.ArrayLike, what: str) -> FloatArray:
    try:
        return np.array(given, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name}: not an array of numbers; give {what} for every observation") from None


def _check_times(given: npt.ArrayLike) -> FloatArray:
    t = _numbers("t", given, "a number")
    if t.ndim != 1:
        raise ValueError(f"t has shape {t.shape}; it must be (n,), a time for every observation")
    if len(t) > MOST_ROWS:
        raise ValueError(f"t: {len(t)} rows, above the limit {MOST_ROWS}; use a part of them")
    bad = ~(np.abs(t) <= LATEST)
    if bad.any():
        i = int(np.argmax(bad))
        raise ValueError(f"t[{i}]={t[i]:g}: not within ±{LATEST:g}; leave the row out or count from another time")
    return t + 0.0  # no negative zeros: equal series have equal bytes


def _check_values(given: npt.ArrayLike) -> FloatArray:
    y = _numbers("y", given, "one or more numbers")
    y = y[:, None] if y.ndim == 1 else y
    if y.ndim != 2 or not 1 <= y.shape[1] <= MOST_CHANNELS:
        raise ValueError(f"y has shape {y.shape}; it must be (n, C), C from 1 to {MOST_CHANNELS}")
    missing = np.isnan(y)
    bad = ~(missing | (np.abs(y) <= LARGEST))
    if bad.any():
        i, j = (int(k) for k in np.argwhere(bad)[0])
        raise ValueError(f"y[{i}, {j}]={y[i, j]:g}: not within ±{LARGEST:g}; leave the value out or rescale all")
    empty = missing.all(axis=1)
    if empty.any():
        raise ValueError(f"y[{int(np.argmax(empty))}]: no value in any channel; leave the row out")
    return np.where(missing, np.nan, y + 0.0)


def _check_names(given: Iterable[str], channels: int) -> tuple[str, ...]:
    names = tuple(" ".join(str(name).replace(",", " ").replace(";", " ").split())[:40] for name in given)
    if not names:
        return ("y",) if channels == 1 else tuple(f"y{j}" for j in range(1, channels + 1))
    if len(names) != channels or len(set(names)) != channels or "" in names:
        raise ValueError(f"names={names!r}: not one of its own for each of {channels} channels; give each a name")
    return names


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scaling:
    """The units of a model: time from 0 to 1 where there are observations, values about 0 with spread 1.

    Attributes
    ----------
    t_shift, t_scale : model time = (t - t_shift) / t_scale
    centre, scale : (C,), model value = (y - centre) / scale; a standard deviation in data units is scale * the model's
    reach : (2, C), the values in data units between which none is too far out for a model
    note : what is peculiar, in sentences
    """

    t_shift: float
    t_scale: float
    centre: FloatArray
    scale: FloatArray
    reach: FloatArray
    note: str = ""

    def to_model(self, t: npt.ArrayLike, y: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return times of any shape and values (..., C) in the units of the model, within ±LARGEST there too."""
        with np.errstate(over="ignore"):  # of values out of reach, in the units of tiny ones
            x = np.clip((np.asarray(y) - self.centre) / self.scale, -LARGEST, LARGEST)
        return (np.asarray(t) - self.t_shift) / self.t_scale, x

    def from_model(self, s: npt.ArrayLike, x: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return times of any shape and values (..., C) in the units of the data."""
        return np.asarray(s) * self.t_scale + self.t_shift, np.asarray(x) * self.scale + self.centre


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Observations:
    """What a model sees of a series.

    Attributes
    ----------
    rows : (m,) indices of the series' rows, in order; m at most what was allowed
    s : (m,) model times, from 0 to 1
    x : (m, C) model values, NaN where missing
    scaling : from the series to these
    note : what was left out, in sentences
    """

    rows: IntArray
    s: FloatArray
    x: FloatArray
    scaling: Scaling
    note: str


def scaling_of(series: Series, *, own: bool = True) -> Scaling:
    """Return the units in which models see a series; rows held out do not count.

    Parameters
    ----------
    own : whether times within 0 to 1 and values within ±4 stay as they are, as those of the families and of clicks.
        Not for data from elsewhere: seconds after a start may lie there too, however small
    """
    seen = ~series.held
    t, y = series.t[seen], series.y[seen]
    ones = np.ones(series.channels)
    within = not len(t) or (t[0] >= 0.0 and t[-1] <= 1.0 and np.nanmax(np.abs(y)) <= _OWN)
    if not len(t) or (own and within):
        reach = np.outer((-LARGEST, LARGEST), ones)
        return Scaling(t_shift=0.0, t_scale=1.0, centre=freeze(0 * ones), scale=freeze(ones), reach=freeze(reach))
    span = float(t[-1] - t[0])
    # Times that differ in the last digits only are the same one.
    same = span <= max(1e-13 * float(np.abs(t).max()), 1e-30)
    t_shift = float(t[0])
    # Of equal times any scale will do that the digits of a time can show.
    t_scale = max(1.0, span, 1e-12 * float(np.abs(t).max())) if same else span
    if own and len(t) <= _CLICKS and t_shift >= 0.0 and t[-1] <= _NEAR:
        t_shift, t_scale = 0.0, max(1.0, float(t[-1]))
    columns = [_spread(column[~np.isnan(column)]) for column in y.T]
    centre, scale, low, high, size = (freeze(np.array(values)) for values in zip(*columns, strict=True))
    notes = [
        f"{name} is {middle:g} everywhere, so that its size is its scale."
        for name, middle, flat in zip(series.names, centre, size, strict=True)
        if flat
    ]
    return Scaling(
        t_shift=t_shift,
        t_scale=t_scale,
        centre=centre,
        scale=scale,
        reach=freeze(np.stack([low, high])),
        note=" ".join(notes),
    )


def _spread(values: FloatArray) -> tuple[float, float, float, float, bool]:
    """Return mean and standard deviation of the values that are not far out, their limits, and whether all agree."""
    low, high = -LARGEST, LARGEST
    if not len(values):
        return 0.0, 1.0, low, high, False
    if len(values) >= _FEW:
        ordered = np.sort(values)
        skipped = -(-(len(values) - 1) // 10)
        first, last = ordered[skipped], ordered[-1 - skipped]
        if last > first:
            middle, far = first + 0.5 * (last - first), _FAR * (last - first)
            low, high = max(low, middle - far), min(high, middle + far)
            values = values[(values >= low) & (values <= high)]
    size = float(np.abs(values).max()) or 1.0
    unit = values / size  # squares of 1e300 overflow
    centre, deviation = float(unit.mean()) * size, float(unit.std()) * size
    if len(values) == 1 or deviation <= max(1e-13 * size, 1e-280):
        return float(values[0]), size, low, high, len(values) > 1
    return centre, deviation, low, high, False


def observations(
    series: Series, *, own: bool = True, scaling: Scaling | None = None, most: int = MOST_USED
) -> Observations:
    """Return what a model sees: rows not held out, evenly thinned to ``most``, without values that lie too far out.

    Parameters
    ----------
    own : as for `scaling_of`, which finds the units where no ``scaling`` is given
    """
    rows = np.flatnonzero(~series.held)
    scaling = scaling or scaling_of(series, own=own)
    notes = [scaling.note] if scaling.note else []
    y = series.y[rows]
    far = (y < scaling.reach[0]) | (y > scaling.reach[1])
    if far.any():
        n_far = int(far.sum())
        notes.append(f"{n_far} value{'s' if n_far > 1 else ''} far from all others left out.")
        y = np.where(far, np.nan, y)
        left = ~np.isnan(y).all(axis=1)
        rows, y = rows[left], y[left]
    if len(rows) > most:
        notes.append(f"{most} of {len(rows)} observations used, evenly chosen.")
        chosen = np.rint(np.linspace(0, len(rows) - 1, most)).astype(np.int64)
        rows, y = rows[chosen], y[chosen]
    s, x = scaling.to_model(series.t[rows], y)
    return Observations(rows=rows, s=freeze(s), x=freeze(x), scaling=scaling, note=" ".join(notes))
