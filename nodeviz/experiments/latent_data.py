"""Where observations come from: points, draws of a family, real series, or the user's file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from nodeviz.engine.arrays import freeze
from nodeviz.experiments.params import ParamError
from nodeviz.models.latent_batch import SeriesBatch
from nodeviz.problems.families import FAMILIES, SPIRALS
from nodeviz.problems.pieces import finish
from nodeviz.problems.real_series import REAL
from nodeviz.problems.series import LARGEST, LATEST, Scaling, Series, no_series, scaling_of
from nodeviz.problems.series_csv import SeriesSet, read_series, read_series_steps
from nodeviz.problems.tables import TableError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.experiments.latent_params import LatentParams
    from nodeviz.problems.families import Curves, Family
    from nodeviz.problems.real_series import RealSeries

BLOCK = 256  # draws of a family that are made together
MOST_DRAWS = 100_000
HORIZON = 1.5  # up to where a curve is drawn, in model time
EDGE, FAR = 0.05, 20.0  # model time before 0, and model values, up to which edits leave the units as they are
CYCLES = MappingProxyType({"co2": 1.0, "sunspots": 11.0})  # years of one cycle
EXAMPLES = MappingProxyType({"co2": "1958,1961", "sunspots": "1975,2000"})
MOST_CYCLES = 8  # that a model of the families follows; they have up to about that many
SMALL_FILE = 1_000_000  # bytes that are read while somebody waits; what is larger is read as the run begins


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One series, and where it comes from.

    Attributes
    ----------
    series : all of its observations
    title, about : what it is, as read and in a sentence; note : what was left out or is peculiar, in sentences
    truth : times (T,) in the units of the series -> the function without noise (T, C); None where nobody knows it
    scaling : the units of models; None where they follow from what is used of the series
    own : whether these may then be those of the series
    family : whose draw it is, or the file of a set it belongs to; then the noise is that of the model. Else empty
    horizon : up to where it is drawn, in model time
    before : the observations in place of which these were put by hand; None where they are those of the data
    editable : whether it may be changed by hand: not a series that is trained on
    number, count : which of how many; ids : the names of all of them, or an empty tuple
    """

    series: Series
    title: str
    about: str = ""
    note: str = ""
    truth: Callable[[FloatArray], FloatArray] | None = None
    scaling: Scaling | None = None
    own: bool = False
    family: str = ""
    horizon: float = HORIZON
    before: Series | None = None
    editable: bool = True
    number: int = 0
    count: int = 1
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Draws:
    """Functions of a family, and what was observed of each.

    Attributes
    ----------
    family, curves : what they are; B of them
    times : (B, n), increasing in [0, 1]; values : (B, n, C), with noise
    """

    family: Family
    curves: Curves
    times: FloatArray
    values: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Source:
    """All that the parameters name, read once for a run.

    Attributes
    ----------
    seed : of draws
    arrived : the share of the observations that is there yet
    span : first and last time that are used of series from elsewhere
    loaded : what a file or a shipped series holds; scaling : the units of a set of series
    """

    params: LatentParams
    seed: int
    span: tuple[float, float]
    loaded: SeriesSet | None = None
    scaling: Scaling | None = None
    arrived: float = 1.0

    @property
    def trained_on(self) -> SeriesSet | None:
        """The set of series that a model may be trained on; None where there is a family instead."""
        return self.loaded if self.loaded is not None and len(self.loaded.series) > 1 else None

    @property
    def _remark(self) -> str:
        if self.params.weights == "fresh" and self.params.data == "csv" and self.trained_on is None:
            return "One series is no set to train on: the model trains on the family."
        return ""

    @property
    def name(self) -> str:
        """What a model trained on the set says that it was trained on: the file's name."""
        return Path(self.params.csv).name

    def given(self, number: int, points: Series) -> Given:
        """Return the series of a number, the last one where there are fewer, or the points in place of it."""
        if self.params.data in {"family", "spirals"}:
            found = self._drawn(number)
        elif self.loaded is not None:
            found = self._loaded(self.loaded, number)
        else:
            found = Given(series=no_series(), title="Points", own=True)
        if not len(points):
            return found
        edited = _edited(found, points)
        if self.loaded is None or points.channels != found.series.channels:
            return edited
        # The points know their times and values alone; what follows the span is held out of them as of the data.
        return replace(edited, series=edited.series.with_held(points.t > self.span[1]))

    def _drawn(self, number: int) -> Given:
        family = family_of(self.params)
        block, row = divmod(number, BLOCK)
        draws = draws_of(family, min(self.params.n_observations, family.most), self.seed, block)
        names = ("x", "y") if family.channels == 2 else ()
        return Given(
            series=Series(draws.times[row], draws.values[row], names),
            title=family.title,
            about=family.note,
            truth=lambda t: draws.curves.paths(t)[row],
            scaling=family_scaling(family),
            family=family.name,
            horizon=family.horizon,
            number=number,
            count=MOST_DRAWS,
        )

    def _loaded(self, loaded: SeriesSet, number: int) -> Given:
        number = min(number, len(loaded.series) - 1)
        series = _within(loaded.series[number], self.span)
        real = REAL.get(self.params.data)
        about = (
            "" if real is None else " ".join(filter(None, (real.note, _part_of(real, loaded.series[number], series))))
        )
        return Given(
            series=series,
            title=self.name if real is None else real.title,
            about=about,
            # The one series of a file says the same as its file.
            note=" ".join(dict.fromkeys(filter(None, (loaded.note, "" if real else series.note, self._remark)))),
            scaling=self.scaling,
            family="" if self.trained_on is None else self.name,
            editable=self.params.weights != "fresh" or self.trained_on is None,
            number=number,
            count=len(loaded.series),
            ids=loaded.ids,
        )


def source_of(
    params: LatentParams, span: tuple[float, float], seed: int, arrived: float = 1.0
) -> Generator[None, None, Source]:
    """Return what the parameters name. The generator yields while a file is read.

    Raises
    ------
    ParamError : a file that cannot be used
    """
    loaded = None
    if params.data == "csv":
        loaded = yield from _read(params)
    elif params.data in REAL:
        loaded = yield from _read_real(params.data)
    scaling = None
    if loaded is not None and len(loaded.series) > 1:  # of a set the units are those of all
        every = loaded.series
        pooled = Series(np.concatenate([s.t for s in every]), np.concatenate([s.y for s in every]))
        scaling = scaling_of(pooled, own=False)
    return Source(params=params, seed=seed, span=span, loaded=loaded, scaling=scaling, arrived=arrived)


def check_file(params: LatentParams) -> None:
    """Check that the file can be read, where that takes no time.

    Raises
    ------
    ParamError : it cannot; one sentence
    """
    path = Path(params.csv)
    if not params.csv:
        raise ParamError("csv=: no file; name one, as in csv=series.csv")
    if not path.exists() or path.stat().st_size <= SMALL_FILE:
        finish(_read(params))


def family_of(params: LatentParams) -> Family:
    """Return the family that draws come from, and whose weights answer."""
    return SPIRALS if params.data == "spirals" else FAMILIES[params.family]


def draws_of(family: Family, n_observations: int, seed: int, block: int = 0) -> Draws:
    """Return a block of draws, the same ones whenever asked; none is ever trained on."""
    rng = np.random.default_rng([seed, block])
    curves = family.draw(BLOCK, rng)
    times, values = family.observe(curves, n_observations, rng)
    return Draws(family=family, curves=curves, times=times, values=values)


def family_batch(family: Family, n: int, count: int, rng: np.random.Generator) -> tuple[Curves, SeriesBatch]:
    """Return fresh functions, n of them, and ``count`` observations of each in the units of models."""
    curves = family.draw(n, rng)
    times, values = family.observe(curves, count, rng)
    values = np.ascontiguousarray(values.transpose(1, 2, 0)) / family.scale
    return curves, SeriesBatch.stack(np.ascontiguousarray(times.T), values)


def family_scaling(family: Family) -> Scaling:
    """Return the units in which a model of the family works."""
    ones = np.ones(family.channels)
    reach = freeze(np.outer((-LARGEST, LARGEST), ones))
    return Scaling(t_shift=0.0, t_scale=1.0, centre=freeze(0 * ones), scale=freeze(family.scale * ones), reach=reach)


def _read(params: LatentParams) -> Generator[None, None, SeriesSet]:
    path = Path(params.csv)
    known = path.stat() if path.exists() else None
    if known is None or known.st_size <= SMALL_FILE:
        return _read_small(params.csv, params.columns, params.id_column, known.st_mtime_ns if known else 0)
    try:
        return (yield from read_series_steps(params.csv, params.columns, params.id_column))
    except TableError as error:
        raise ParamError(f"csv: {error}") from None


@lru_cache(maxsize=4)
def _read_small(path: str, columns: str, id_column: str, _changed: int) -> SeriesSet:
    """Read a file, once for as long as it stays as it is."""
    try:
        return read_series(path, columns, id_column)
    except TableError as error:
        raise ParamError(f"csv: {error}") from None


def _read_real(name: str) -> Generator[None, None, SeriesSet]:
    series = yield from REAL[name].read_steps()
    return SeriesSet(ids=(), series=(series,), note="")


def _within(series: Series, span: tuple[float, float]) -> Series:
    """Return what lies within a span, and what follows soon after it, which is held out."""
    first, last = span
    end = min(last + (HORIZON - 1.0) * (last - first), LATEST)
    found = series.taken((series.t >= first) & (series.t <= end))
    return found.with_held(found.t > last)


def _part_of(real: RealSeries, whole: Series, used: Series) -> str:
    """Return in a sentence which part of a series is used, and whether it has more cycles than a model follows."""
    seen = used.t[~used.held]
    if not len(seen):
        return ""
    cycles = (seen[-1] - seen[0]) / CYCLES[real.name] if real.name in CYCLES else 0.0
    if cycles > MOST_CYCLES:
        return (
            f"About {cycles:.0f} cycles are more than the model follows, so that its curve runs through their middle; "
            f"choose a few of them with Between, as in {EXAMPLES[real.name]}."
        )
    return f"Shown here: {seen[0]:.0f} to {used.t[-1]:.0f}." if len(used) < len(whole) else ""


def _edited(found: Given, points: Series) -> Given:
    """Return points in place of the observations of a series; names and units stay where they still fit."""
    if points.channels != found.series.channels:
        return Given(series=points, title="Points", own=True)
    series = Series(points.t, points.y, found.series.names, unit=found.series.unit)
    edited = replace(found, series=series, before=found.series if len(found.series) else None, family="")
    if found.scaling is None:
        return edited
    s, x = found.scaling.to_model(points.t, points.y)
    near = s.min() >= -EDGE and s.max() <= found.horizon and np.nanmax(np.abs(x)) <= FAR
    return edited if near else replace(edited, scaling=None, truth=None)
