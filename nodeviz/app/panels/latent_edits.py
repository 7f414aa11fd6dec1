"""What the user does to the observations. Each edit is one change of the session, and one line of Python."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.experiments.latent_data import source_of
from nodeviz.experiments.latent_params import span_of
from nodeviz.experiments.params import Number, ParamError, read_number, shown
from nodeviz.problems.families import FAMILIES
from nodeviz.problems.pieces import finish
from nodeviz.problems.series import Series, no_series, series_of

if TYPE_CHECKING:
    from nodeviz.app.session import Session

PANEL = "latent"
LONGEST_LINE = 200  # observations; more of them make a line that nobody can read
DIGITS = 6  # decimals of a random sample
SEED = Number(0, 2**63 - 1, integer=True)


def given(session: Session) -> Series:
    """Return the observations in force: the points given, or those of the data.

    Raises
    ------
    ParamError : a file that cannot be read any more
    """
    state = session.state(PANEL)
    params = state.params
    if len(params.points) or params.data == "points":
        points: Series = params.points
        return points
    # The first number that the run draws is the seed of its data.
    data_seed = int(np.random.default_rng(state.seed).integers(0, 2**31))
    return finish(source_of(params, span_of(params.span), data_seed)).given(params.number, params.points).series


def read_row(channels: int, y: Any, channel: int | None = None) -> list[float]:
    """Return a value per channel, NaN where there is none.

    Parameters
    ----------
    y : a number, or one per channel with None for a missing one
    channel : which one a single number belongs to, from 1; the first without
    """
    if isinstance(y, Iterable) and not isinstance(y, str):
        values = [np.nan if value is None else float(value) for value in y]
        if len(values) != channels:
            raise ParamError(f"y: {len(values)} values, but the series has {channels} channels; give one for each")
        return values
    chosen = int(Number(1, channels, integer=True).coerce("channel", 1 if channel is None else channel, None))
    return [read_number("y", y) if number == chosen else np.nan for number in range(1, channels + 1)]


def written(values: Iterable[float]) -> str:
    """Return values as Python reads them again: a number, or a tuple with None for what is missing."""
    numbers = [None if np.isnan(value) else float(value) for value in values]
    return repr(numbers[0]) if len(numbers) == 1 else repr(tuple(numbers))


def checked(series: Series, index: Any) -> int:
    """Return the number of a row, from 0; a negative one counts from the end."""
    if not len(series):
        raise ParamError(f"i={shown(index)}: there is no point; add one first")
    row = int(Number(-len(series), len(series) - 1, integer=True).coerce("i", index, None))
    return row % len(series)


def add(session: Session, t: Any, y: Any, channel: int | None = None) -> None:
    """Add an observation.

    Parameters
    ----------
    t, y : time and value; or a value per channel, None for a missing one
    channel : of a single value, from 1

    Raises
    ------
    ParamError : no numbers, or more observations than there may be
    """
    series, time = given(session), read_number("t", t)
    row = read_row(series.channels, y, channel)
    rest = f", {channel}" if channel is not None and np.isfinite(row).sum() == 1 and len(row) > 1 else ""
    value = written(row) if not rest else repr(next(value for value in row if np.isfinite(value)))
    put(session, build(series.added, time, row), f"{PANEL}.add({time!r}, {value}{rest})")


def remove(session: Session, i: Any) -> None:
    """Take observation ``i`` away, in the order of their times."""
    series = given(session)
    row = checked(series, i)
    put(session, build(series.removed, row), f"{PANEL}.remove({row})")


def move(session: Session, i: Any, p: Any, *, base: Series | None = None, drag: str = "") -> None:
    """Move observation ``i`` to p = (t, y), or (t, y1, y2, ...) where there are several channels.

    Parameters
    ----------
    base : the observations before the drag, where they are not the ones in force; drag : its name
    """
    series = given(session) if base is None else base
    row = checked(series, i)
    values = list(p) if isinstance(p, Iterable) and not isinstance(p, str) else []
    if len(values) != 1 + series.channels:
        raise ParamError(f"p={shown(p)}: not {1 + series.channels} numbers; give (t, y) as in (0.3, 1.2)")
    time, rest = read_number("p", values[0]), read_row(series.channels, values[1:])
    moved = build(series.moved, row, time, rest)
    told = ", ".join([repr(time), *(written([value]) for value in rest)])
    put(session, moved, f"{PANEL}.move({row}, ({told}))", drag=drag)


def set_series(session: Session, t: Any, y: Any) -> None:
    """Take times t (n,) and values y, (n,) or (n, C), as the observations; NaN is a missing value.

    Raises
    ------
    ParamError : they are no such arrays; the sentence says why
    """
    series = build(series_of, t, y)
    times, values = np.asarray(t).tolist(), np.asarray(y).tolist()
    line = f"{PANEL}.set({times}, {values})".replace("nan", "np.nan")
    line = line if len(series) <= LONGEST_LINE else f"# {PANEL}.set(t, y) with {len(series)} observations"
    put(session, series, line, alone=True)


def clear(session: Session) -> None:
    """Take all observations away."""
    put(session, no_series(), f"{PANEL}.clear()", alone=True)


def random(session: Session, n: Any, seed: Any) -> None:
    """Observe a function of the family n times, at random times and in noise.

    Raises
    ------
    ParamError : more observations than one function has
    """
    params = session.state(PANEL).params
    family = FAMILIES[params.family]
    count = int(Number(1, family.most, integer=True).coerce("n", n, None))
    number = int(SEED.coerce("seed", seed, None))
    rng = np.random.default_rng(number)
    times, values = family.observe(family.draw(1, rng), count, rng)
    series = build(Series, times[0].round(DIGITS), values[0].round(DIGITS))
    put(session, series, f"{PANEL}.random({count}, {number})", alone=True)


def put(session: Session, points: Series, echo: str, *, alone: bool = False, drag: str = "") -> None:
    """Put observations in force; ``alone`` leaves the data they would stand in place of.

    Without any of them left the data would show again, so that those are left too.
    """
    changes: dict[str, object] = {"points": points}
    if alone or not len(points):
        changes = {"data": "points", **changes}
    session.change(PANEL, changes, echo=echo, drag=drag)


def build(make: Any, *arguments: Any) -> Series:
    """Return a series, or raise why there is none as a refusal."""
    try:
        series: Series = make(*arguments)
    except ValueError as error:
        raise ParamError(f"points: {error}") from None
    return series
