"""The kind of a parameter whose value is observations at any times: clicked, set from the console, or kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import isnan
from typing import Any

import numpy as np

from nodeviz.experiments.kinds import ParamError, read_number, short, shown
from nodeviz.problems.series import MOST_ROWS, Series, no_series, series_of

_EXAMPLE = "t,y; t,y as in 0.1,1.2; 0.4,0.3"


@dataclass(frozen=True, slots=True)
class Observed:
    """Observations, written ``0.1,1.2; 0.4,0.3`` (time, then a value per channel), or none; the value is a Series.

    A missing value is left empty, ``0.1,,2``, or is NaN or None. What is held out, and the names of the channels, come
    from elsewhere: a value is times and values alone.
    """

    def coerce(self, name: str, value: object, current: Any) -> Series:
        """Accept a Series, an array (n, 1 + C), rows of t and y, their text, or nothing."""
        del current
        if isinstance(value, Series):
            return _plain(value)
        if value is None:
            return no_series()
        if isinstance(value, str):
            value = [part.split(",") for part in value.split(";") if part.strip()]
        if not isinstance(value, Iterable) or (isinstance(value, np.ndarray) and value.ndim != 2):
            raise ParamError(f"{name}={shown(value)}: not observations; write {_EXAMPLE}")
        rows = value.tolist() if isinstance(value, np.ndarray) else list(value)
        if len(rows) > MOST_ROWS:
            raise ParamError(f"{name}: {len(rows)} observations, above the limit {MOST_ROWS}; use a part of them")
        return self._from_rows(name, rows) if rows else no_series()

    @staticmethod
    def _from_rows(name: str, rows: list[Any]) -> Series:
        entries = [list(row) if isinstance(row, Iterable) and not isinstance(row, str) else [row] for row in rows]
        width = max(2, len(entries[0]))
        for number, row in enumerate(entries, start=1):
            if len(row) != width:
                raise ParamError(f"{name}: observation {number} has {len(row)} of {width} numbers; write {_EXAMPLE}")
        table = np.array([[read_number(name, row[0]), *(_value(name, entry) for entry in row[1:])] for row in entries])
        try:
            return _plain(series_of(table[:, 0], table[:, 1:]))
        except ValueError as error:
            raise ParamError(f"{name}: {error}") from None

    def to_text(self, value: Series) -> str:
        """Return ``t,y; ...``."""
        return "; ".join(
            ",".join("" if entry is None else short(entry) for entry in row) for row in self.to_json(value)
        )

    def to_json(self, value: Series) -> list[list[float | None]]:
        """Return rows of a time and a value per channel, None where it is missing."""
        rows = np.column_stack([value.t, value.y]).tolist()
        return [[None if isnan(entry) else entry for entry in row] for row in rows]

    def limits(self) -> str:
        """Return the form and the number of observations."""
        return f"t,y; t,y; ... (none, or up to {MOST_ROWS} observations)"


def _value(name: str, entry: Any) -> float:
    """Return a number, NaN for a missing one."""
    missing = entry is None or (isinstance(entry, str) and not entry.strip())
    if missing or (isinstance(entry, float) and isnan(entry)):
        return float("nan")
    return read_number(name, entry)


def _plain(series: Series) -> Series:
    """Return times and values alone, so that equal observations are equal wherever they come from."""
    return Series(series.t, series.y)
