"""Dates in tables: which of the usual ways a column is written in, and its dates as decimal years."""

from __future__ import annotations

import re
from calendar import isleap
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import nan
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from nodeviz.engine.arrays import FloatArray

_LENGTH = (timedelta(days=365), timedelta(days=366))
_ROWS_PER_PIECE = 300  # read between two yields, under 5 ms
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_CLOCK = re.compile(
    r"(?P<date>.+?)[T\s]\s*(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}(?:\.\d+)?))?"
    r"\s*(?P<half>[ap]m)?\s*(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2})?",
    re.IGNORECASE,
)

_DIGITS = re.compile(r"[-+\d.,/: ]+")


class DateError(ValueError):
    """A text that is no date, or one written otherwise than those before; ``row`` counts from 0."""

    def __init__(self, row: int, message: str) -> None:
        super().__init__(message)
        self.row = row


@dataclass(frozen=True, slots=True)
class DateFormat:
    """One way to write dates; groups of the pattern are y, m, d, b (name of a month) and q (quarter)."""

    name: str
    pattern: re.Pattern[str]

    def read(self, text: str) -> datetime | None:
        """Return the moment that a text means, its zone counted in; None where it is not written in this way."""
        clock = _CLOCK.fullmatch(text) if ":" in text else None
        found = self.pattern.fullmatch(clock["date"].strip() if clock else text)
        if not found:
            return None
        part = found.groupdict()
        try:
            year = int(part["y"])
            if len(part["y"]) == 2:
                year += 2000 if year < 69 else 1900  # as in POSIX
            month = int(part.get("m") or 1)
            if part.get("b"):
                month = 1 + _MONTHS.index(part["b"][:3].lower())
            elif part.get("q"):
                month = 3 * int(part["q"]) - 2
            return datetime(year, month, int(part.get("d") or 1), tzinfo=UTC) + (
                _time_of_day(clock) if clock else timedelta()
            )
        except (ValueError, OverflowError):
            return None


def _time_of_day(clock: re.Match[str]) -> timedelta:
    """Return the time after midnight in Greenwich. Raises ValueError where there is no such time."""
    hour, minute, second = int(clock["hour"] or 0), int(clock["minute"] or 0), float(clock["second"] or 0)
    if clock["half"]:
        if not 1 <= hour <= 12:
            raise ValueError(hour)
        hour = hour % 12 + (12 if clock["half"].lower() == "pm" else 0)
    if hour > 24 or minute > 59 or second >= 61:
        raise ValueError(hour)
    zone = clock["zone"] or "Z"
    ahead = timedelta()
    if zone[0] in "+-":
        sign = -1 if zone[0] == "-" else 1
        ahead = sign * timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
    return timedelta(hours=hour, minutes=minute, seconds=second) - ahead


def _format(name: str, pattern: str) -> DateFormat:
    return DateFormat(name, re.compile(pattern, re.IGNORECASE))


_MONTH_NAME = rf"(?P<b>(?:{'|'.join(_MONTHS)})[a-z]*)"
_YEAR = r"(?P<y>\d{4}|\d{2})"
_FORMATS = (
    _format("year-month-day", r"(?P<y>\d{4})([-/.])(?P<m>\d{1,2})\2(?P<d>\d{1,2})\.?"),
    _format("yearmonthday", r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})"),
    _format("day.month.year", rf"(?P<d>\d{{1,2}})\.\s?(?P<m>\d{{1,2}})\.\s?{_YEAR}"),
    _format("month/day/year", rf"(?P<m>\d{{1,2}})([-/])(?P<d>\d{{1,2}})\2{_YEAR}"),
    _format("day/month/year", rf"(?P<d>\d{{1,2}})([-/])(?P<m>\d{{1,2}})\2{_YEAR}"),
    _format("year-month", r"(?P<y>\d{4})[-/](?P<m>\d{1,2})"),
    _format("month/year", r"(?P<m>\d{1,2})[-/](?P<y>\d{4})"),
    _format("year and quarter", r"(?P<y>\d{4})[-\s]?Q(?P<q>[1-4])"),
    _format("day month year", rf"(?P<d>\d{{1,2}})[-.\s]*{_MONTH_NAME}[-.,\s]*(?P<y>\d{{4}})"),
    _format("month day, year", rf"{_MONTH_NAME}[.\s]*(?P<d>\d{{1,2}}),?\s+(?P<y>\d{{4}})"),
    _format("month year", rf"{_MONTH_NAME}[-.,\s]*(?P<y>\d{{4}})"),
)


def is_date(text: str) -> bool:
    """Return whether a text is a date in one of the usual ways."""
    return any(form.read(text.strip()) for form in _FORMATS)


def read_dates(texts: Sequence[str], missing: Sequence[bool]) -> Generator[None, None, tuple[FloatArray, str]]:
    """Read a column of dates, all written in the same way, which the whole column decides. Yields every few hundred.

    Returns
    -------
    decimal years, NaN where missing; and a sentence, without its full stop, where day and month could be either

    Raises
    ------
    DateError : a text that is no date, or the first that is written otherwise than those before
    """
    years: dict[DateFormat, list[float]] = {form: [] for form in _FORMATS}
    first = -1
    for row, (text, absent) in enumerate(zip(texts, missing, strict=True)):
        if row % _ROWS_PER_PIECE == _ROWS_PER_PIECE - 1:
            yield
        if absent:
            for values in years.values():
                values.append(nan)
            continue
        moments = {form: form.read(text.strip()) for form in years}
        left = {form: moment for form, moment in moments.items() if moment}
        if not left:
            raise DateError(row, _reason(text, texts[first] if first >= 0 else ""))
        first = row if first < 0 else first
        years = {form: years[form] for form in left}
        for form, moment in left.items():
            years[form].append(decimal_year(moment))
    return _likeliest({form.name: np.array(values) for form, values in years.items()})


def _likeliest(years: dict[str, FloatArray]) -> tuple[FloatArray, str]:
    """Return the one reading of a column; of two that in which the dates increase, else the first, which is said."""
    rising = {name: values for name, values in years.items() if _increase(values)} or years
    name, values = next(iter(rising.items()))
    return values, f"dates read as {name}" if len(rising) > 1 else ""


def _increase(values: FloatArray) -> bool:
    steps = np.diff(values[~np.isnan(values)])
    return bool((steps >= 0).all() and steps.any())


def _reason(text: str, before: str) -> str:
    shown, known = (" ".join(part.split())[:40] for part in (text, before))
    if not (is_date(text) or (known and _DIGITS.fullmatch(shown))):
        return f"{shown!r} is neither a number nor a date; write it as in 2024-05-31"
    return f"{shown!r} is written otherwise than {known!r}; write all dates in one way, as in 2024-05-31"


def decimal_year(moment: datetime) -> float:
    """Return a moment as its year and the part of that year that is over."""
    return moment.year + (moment - datetime(moment.year, 1, 1, tzinfo=moment.tzinfo)) / _LENGTH[isleap(moment.year)]


def date_text(year: float) -> str:
    """Return the day of a decimal year as in 1958-03-29; the year itself beyond 1 to 9999."""
    whole = int(np.floor(year))
    if not 1 <= whole <= 9998:
        return f"{year:g}"
    start, end = (datetime(number, 1, 1, tzinfo=UTC) for number in (whole, whole + 1))
    # A decimal year has microseconds to spare: half a second makes midnights safe.
    moment = start + (year - whole) * (end - start) + timedelta(seconds=0.5)
    return moment.date().isoformat()
