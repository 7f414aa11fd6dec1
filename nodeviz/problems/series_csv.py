"""Series from tables: one of a file, or as many as an id column tells apart."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nodeviz.problems.dates import DateError, is_date, read_dates
from nodeviz.problems.series import MOST_CHANNELS, MOST_ROWS, Series, peculiarities
from nodeviz.problems.tables import TableError, check_width, find_layout, is_header, not_a_number, read_rows

if TYPE_CHECKING:
    import os
    from collections.abc import Generator, Sequence

    from nodeviz.engine.arrays import FloatArray, IntArray
    from nodeviz.problems.tables import Layout, Row

MOST_SERIES = 10_000
_ROWS_PER_PIECE = 300  # read between two yields, under 3 ms
_SAMPLE = 200  # rows looked at to tell what a column holds
_EXAMPLE = "a time and one or more values, as in 0.5,1.2"
_IDS = ("id", "series", "series_id", "series id", "unique_id")
# The first of these names the times; the others are no values.
_TIMES = ("decimal date", "decimal year", "decimal", "datetime", "timestamp", "date", "time", "t", "ds", "year")
_PARTS = frozenset({*_TIMES, "month", "week", "day", "hour", "minute", "index", "unnamed: 0", "", *_IDS})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeriesSet:
    """What a file holds.

    Attributes
    ----------
    series : one at least, all with the same channels
    ids : a text for each, or none where the file has no id column
    note : what was left out or is peculiar, in sentences
    """

    series: tuple[Series, ...]
    ids: tuple[str, ...]
    note: str

    def __len__(self) -> int:
        return len(self.series)


def read_series(path: str | os.PathLike[str], columns: str = "", id_column: str = "") -> SeriesSet:
    """Read series from a table at once; see `read_series_steps`."""
    reading = read_series_steps(path, columns, id_column)
    while True:
        try:
            next(reading)
        except StopIteration as done:
            result: SeriesSet = done.value
            return result


def read_series_steps(
    path: str | os.PathLike[str], columns: str = "", id_column: str = "", *, most: int = MOST_ROWS
) -> Generator[None, None, SeriesSet]:
    """Read series from a table: a column of times, numbers or dates, and one or more of values.

    Rows without a time or a value are left out and rows that stand there twice are used once; of more than ``most`` the
    first are used; the note says so. Yields every few milliseconds.

    Parameters
    ----------
    columns : names or numbers (from 1) of the columns, time first, with commas between. Empty: the times are in the
        column named so (date, time, t, year, ...), else in the first; the values in the other columns of numbers
    id_column : name or number of the column that says to which series a row belongs. Empty: one named id or series

    Raises
    ------
    TableError : not readable, no times or no numbers in it, dates in two formats; one sentence
    """
    table = yield from _read(path, most)
    roles = _roles(table, columns, id_column)
    t, unit, remark = yield from _times(table, roles.time)
    columns_read = []
    for column in roles.values:
        columns_read.append((yield from _numbers(table, column)))
    y = np.stack(columns_read, axis=1)
    codes, ids = yield from _codes(table, roles)
    known = ~np.isnan(t) & ~np.isnan(y).all(axis=1) & (codes >= 0)
    first = yield from _first_of_each(codes[known], t[known], y[known])
    n_lost, n_twice = len(t) - int(known.sum()), int(known.sum()) - len(first)
    rows = np.flatnonzero(known)[first]
    if not len(rows):
        raise TableError(f"{table.name}: no line holds a time and a value; give {_EXAMPLE}")
    notes = [
        *roles.notes,
        remark,
        f"{n_lost} row{'s' if n_lost > 1 else ''} with missing values left out" if n_lost else "",
        f"{n_twice} row{'s' if n_twice > 1 else ''} given twice used once" if n_twice else "",
        f"only the first {most} rows used" if table.more else "",
    ]
    build = _Build(table.name, unit, _channels(table, roles.values), [note for note in notes if note])
    yield
    if not ids:
        return (yield from build.one(t[rows], y[rows]))
    return (yield from build.several(t[rows], y[rows], codes[rows], ids))


@dataclass(frozen=True, slots=True)
class _Table:
    """All rows as text: the header if there is one, then N lines of fields."""

    name: str
    layout: Layout
    header: tuple[str, ...]
    rows: list[Row]
    more: bool

    @property
    def width(self) -> int:
        """Number of columns: of the header, or of the longest of the first rows."""
        return len(self.header) or max(len(row.fields) for row in self.rows[:_SAMPLE])

    def label(self, column: int) -> str:
        """Return the name of a column, or its number from 1."""
        text = self.header[column].strip() if self.header else ""
        return text or str(column + 1)

    def text(self, row: int, column: int) -> str:
        """Return a field, empty where the row is too short."""
        fields = self.rows[row].fields
        return fields[column].strip() if column < len(fields) else ""

    def sample(self, column: int) -> list[str]:
        """Return up to _SAMPLE fields of a column, evenly chosen, without missing ones."""
        rows = range(0, len(self.rows), max(1, len(self.rows) // _SAMPLE))
        texts = [self.text(row, column) for row in rows]
        return [text for text in texts if not self.missing(text)]

    def missing(self, text: str) -> bool:
        """Return whether a field stands for no value."""
        return not text or (self.layout.is_number(text) and math.isnan(self.layout.number(text)))

    def mostly_numbers(self, column: int) -> bool:
        """Return whether half of the fields of a column, or more, are numbers."""
        sample = self.sample(column)
        return 2 * sum(map(self.layout.is_number, sample)) >= len(sample) > 0


def _read(path: str | os.PathLike[str], most: int) -> Generator[None, None, _Table]:
    """Return the rows of a file."""
    name = Path(path).name
    layout = find_layout(path)
    rows: list[Row] = []
    more = False
    for row in read_rows(path, layout):
        if len(rows) > most:  # a header may be among them
            more = True
            break
        rows.append(row)
        if len(rows) % _ROWS_PER_PIECE == 0:
            yield
    header: tuple[str, ...] = ()
    if rows and _names_columns(layout, rows[0], rows[1] if len(rows) > 1 else None):
        header, rows = rows[0].fields, rows[1:]
        while len(header) > 1 and not header[-1].strip():
            header = header[:-1]
    if not rows:
        raise TableError(f"{name}: no line holds a time and a value; give {_EXAMPLE}")
    return _Table(name, layout, header, rows[:most], more or len(rows) > most)


def _names_columns(layout: Layout, first: Row, second: Row | None) -> bool:
    """Return whether the first row has names: neither numbers nor dates, or a text above a number or a date."""

    def holds(text: str) -> bool:
        return bool(text.strip()) and (layout.is_number(text) or is_date(text))

    if is_header(layout, first) and not any(map(is_date, first.fields)):
        return True
    pairs = zip_longest(first.fields, second.fields if second else (), fillvalue="")
    return any(above.strip() and not holds(above) and holds(below) for above, below in pairs)


@dataclass(frozen=True, slots=True)
class _Roles:
    """Which columns hold what. Without a time (None) the rows are counted; without ids (None) all are one series.

    Ids that were not asked for, but found by the name of their column, may turn out to number the rows.
    """

    time: int | None
    values: tuple[int, ...]
    ids: int | None
    ids_asked: bool
    notes: tuple[str, ...]


def _roles(table: _Table, columns: str, id_column: str) -> _Roles:
    """Return the columns as they were asked for, else as their names and contents tell."""
    ids = _column(table, id_column) if id_column.strip() else None
    asked = [_column(table, text) for text in columns.replace(";", ",").split(",") if text.strip()]
    if len(asked) == 1:
        raise TableError(f"columns={columns.strip()}: one column; name the time and one or more values")
    ids_asked = ids is not None
    if ids is None:
        ids = _id_by_name(table, asked)
    if asked:
        twice = [column for column in asked if asked.count(column) > 1 or column == ids]
        if twice:
            raise TableError(f"columns={columns.strip()}: {table.label(twice[0])} has two roles; name each column once")
        if len(asked) > MOST_CHANNELS + 1:
            raise TableError(
                f"columns={columns.strip()}: {len(asked) - 1} values, above the limit {MOST_CHANNELS}; name fewer"
            )
        return _Roles(asked[0], tuple(asked[1:]), ids, ids_asked, ())
    return _roles_by_content(table, ids, ids_asked=ids_asked)


def _roles_by_content(table: _Table, ids: int | None, *, ids_asked: bool) -> _Roles:
    others = [column for column in range(table.width) if column != ids]
    names = [table.label(column).lower() if table.header else "" for column in range(table.width)]
    if not others:
        raise TableError(f"{table.name}: one column, of ids; give {_EXAMPLE}, beside it")
    named = [names.index(name) for name in _TIMES if name in names and names.index(name) != ids]
    time: int | None = named[0] if named else others[0]
    if len(others) == 1 and table.mostly_numbers(others[0]):
        time = None
    candidates = [column for column in others if column != time]
    numbers = [column for column in candidates if table.mostly_numbers(column)]
    if table.header:
        header = [text.strip().lower() for text in table.header]
        numbers = [column for column in numbers if header[column] not in _PARTS] or numbers
    if not numbers:
        if time is None or not any(table.layout.is_number(text) or is_date(text) for text in table.sample(time)):
            raise TableError(f"{table.name}: no column of numbers, so that it is no series; give {_EXAMPLE}")
        beside = f" beside the column {table.label(time)}" if table.header else " beside the first"
        raise TableError(f"{table.name}: no column of numbers{beside}; give {_EXAMPLE}")
    texts = [table.label(column) for column in candidates if table.sample(column) and not table.mostly_numbers(column)]
    notes = []
    if texts:
        notes.append(f"column{'s' if len(texts) > 1 else ''} {', '.join(texts)} without numbers left out")
    if len(numbers) > MOST_CHANNELS:
        notes.append(f"only the first {MOST_CHANNELS} of {len(numbers)} columns of values used")
    if time is None:
        notes.append("one column, so that the rows are counted as its times")
    return _Roles(time, tuple(numbers[:MOST_CHANNELS]), ids, ids_asked, tuple(notes))


def _column(table: _Table, text: str) -> int:
    """Return the column of a name, or of a number from 1; raises TableError where there is none."""
    names = [name.strip().lower() for name in table.header]
    wanted = text.strip()
    if wanted.lower() in names:
        return names.index(wanted.lower())
    if wanted.isdecimal() and 1 <= int(wanted[:9]) <= table.width:
        return int(wanted) - 1
    known = ", ".join(table.label(column) for column in range(table.width)) if table.header else f"1 to {table.width}"
    raise TableError(f"{table.name}: no column {wanted[:40]!r}; the columns are {known[:300]}")


def _id_by_name(table: _Table, asked: Sequence[int]) -> int | None:
    """Return the column that is named as ids are and was not asked for as another; None without one."""
    names = [name.strip().lower() for name in table.header]
    found = [names.index(name) for name in _IDS if name in names]
    return next((column for column in found if column not in asked), None)


def _times(table: _Table, column: int | None) -> Generator[None, None, tuple[FloatArray, str, str]]:
    """Return the times, their unit, and a remark on how they were read."""
    if column is None:
        return np.arange(len(table.rows), dtype=np.float64), "", ""
    sample = table.sample(column)
    compact = all(len(text) == 8 and text.isdecimal() and is_date(text) for text in sample)
    if table.mostly_numbers(column) and not compact:
        return (yield from _numbers(table, column)), "", ""
    texts = yield from _texts(table, column)
    missing = []
    for start in range(0, len(texts), _ROWS_PER_PIECE):
        missing += [table.missing(text) for text in texts[start : start + _ROWS_PER_PIECE]]
        yield
    try:
        years, remark = yield from read_dates(texts, missing)
    except DateError as error:
        where = f"{table.name}, line {table.rows[error.row].line}, column {table.label(column)}"
        raise TableError(f"{where}: {error}") from None
    return years, "date", remark


def _numbers(table: _Table, column: int) -> Generator[None, None, FloatArray]:
    """Return a column of numbers, NaN where missing."""
    values = np.full(len(table.rows), np.nan)
    for i, row in enumerate(table.rows):
        check_width(row, table.header, table.name)
        try:
            values[i] = table.layout.number(table.text(i, column))
        except ValueError:
            raise not_a_number(table.name, row.line, table.label(column), table.text(i, column)) from None
        if i % _ROWS_PER_PIECE == _ROWS_PER_PIECE - 1:
            yield
    return values


def _channels(table: _Table, columns: Sequence[int]) -> tuple[str, ...]:
    """Return the names of channels, with the number of the column where others are called the same; none of none."""
    names = [table.label(column)[:30] for column in columns] if table.header else []
    return tuple(
        f"{name} ({column + 1})" if names.count(name) > 1 else name
        for name, column in zip(names, columns, strict=False)
    )


def _texts(table: _Table, column: int) -> Generator[None, None, list[str]]:
    """Return a column as it is written."""
    texts: list[str] = []
    for start in range(0, len(table.rows), 4 * _ROWS_PER_PIECE):
        rows = range(start, min(start + 4 * _ROWS_PER_PIECE, len(table.rows)))
        texts += [table.text(row, column) for row in rows]
        yield
    return texts


def _codes(table: _Table, roles: _Roles) -> Generator[None, None, tuple[IntArray, tuple[str, ...]]]:
    """Return for each row the number of its series, -1 where its id is missing, and the ids in order of appearance."""
    if roles.ids is None:
        return np.zeros(len(table.rows), np.int64), ()
    seen: dict[str, int] = {}
    codes = np.empty(len(table.rows), np.int64)
    texts = yield from _texts(table, roles.ids)
    for row, text in enumerate(texts):
        name = " ".join(text.split())[:40]
        codes[row] = seen.setdefault(name, len(seen)) if name else -1
        if row % (4 * _ROWS_PER_PIECE) == 0:
            yield
    if not roles.ids_asked and len(seen) == len(codes) > 1:
        return np.zeros_like(codes), ()
    return codes, tuple(seen)


def _first_of_each(codes: IntArray, t: FloatArray, y: FloatArray) -> Generator[None, None, IntArray]:
    """Return the indices of the rows without those that repeat an earlier one, in order."""
    keys = [*y.T, t, codes]
    order = np.arange(len(t))
    for key in keys:
        order = order[np.argsort(key[order], kind="stable")]
        yield
    repeats = np.ones(max(0, len(t) - 1), bool)
    for key in keys:
        values = key[order]
        # Missing values are the last ones, and the same as each other.
        repeats &= (values[1:] == values[:-1]) | (np.isnan(values[1:]) & np.isnan(values[:-1]))
    kept = np.ones(len(t), bool)
    kept[order[1:][repeats]] = False
    return np.flatnonzero(kept)


@dataclass(frozen=True, slots=True)
class _Build:
    """Makes series of arrays, with the names and the notes of a file."""

    name: str
    unit: str
    names: tuple[str, ...]
    notes: list[str]

    def one(self, t: FloatArray, y: FloatArray) -> Generator[None, None, SeriesSet]:
        """Return one series of all rows."""
        series = self.series(t, y, "")
        yield
        note = self.note(peculiarities(series))
        return SeriesSet(series=(self.series(t, y, note),), ids=(), note=note)

    def several(
        self, t: FloatArray, y: FloatArray, codes: IntArray, ids: tuple[str, ...]
    ) -> Generator[None, None, SeriesSet]:
        """Return a series for each id that has a row, in order of appearance."""
        found, counts = np.unique(codes, return_counts=True)
        if len(found) > MOST_SERIES:
            raise TableError(f"{self.name}: {len(found)} series, above the limit {MOST_SERIES}; use a part of them")
        pieces = np.split(np.argsort(codes, kind="stable"), np.cumsum(counts)[:-1])
        series = []
        for k, rows in enumerate(pieces):
            series.append(self.series(t[rows], y[rows], ""))
            if k % 20 == 19:
                yield
        one = [f"every row has the id {ids[found[0]]!r}, so that there is one series only"] if len(found) == 1 else []
        kept = tuple(ids[code] for code in found)
        return SeriesSet(series=tuple(series), ids=kept, note=self.note(one))

    def series(self, t: FloatArray, y: FloatArray, note: str) -> Series:
        """Return a series; raises TableError where a number is too large for one."""
        try:
            return Series(t, y, self.names, unit=self.unit, note=note)
        except ValueError as error:
            raise TableError(f"{self.name}: {error}") from None

    def note(self, more: list[str]) -> str:
        """Return the notes of the file and others as one text."""
        notes = [*self.notes, *more]
        return f"{self.name}: {'; '.join(notes)}." if notes else ""
