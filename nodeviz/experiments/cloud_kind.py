"""The kind of a parameter whose value is points of the plane without labels: painted, set from the console, or kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nodeviz.experiments.kinds import ParamError, read_number, short, shown
from nodeviz.problems.labelled import FARTHEST, LabelledPoints, no_points

_EXAMPLE = "x,y; x,y as in 2,0; 1,1"


@dataclass(frozen=True, slots=True)
class Cloud:
    """Points of the plane, written ``2,0; 1,1``, or none; the value is a LabelledPoints all of one class.

    If there are any there are ``least`` of them or more: fewer say nothing of a density.
    """

    least: int
    most: int

    def coerce(self, name: str, value: object, current: Any) -> LabelledPoints:
        """Accept LabelledPoints, an array (N, 2), a sequence of pairs, their text, or nothing."""
        del current
        if isinstance(value, LabelledPoints):
            return self._checked(name, value.X)
        if isinstance(value, str):
            value = [self._pair(name, part) for part in value.split(";") if part.strip()]
        elif value is None:
            value = []
        elif not isinstance(value, Iterable) or (isinstance(value, np.ndarray) and not value.ndim):
            raise ParamError(f"{name}={shown(value)}: not points; write {_EXAMPLE}")
        rows = value if isinstance(value, np.ndarray) else list(value)
        return self._checked(name, rows) if len(rows) else no_points()

    @staticmethod
    def _pair(name: str, text: str) -> list[float]:
        entries = text.split(",")
        if len(entries) != 2:
            raise ParamError(f"{name}={shown(text.strip())}: not two numbers; write {_EXAMPLE}")
        return [read_number(name, entry) for entry in entries]

    def _checked(self, name: str, rows: Any) -> LabelledPoints:
        if 0 < len(rows) < self.least:
            raise ParamError(f"{name}: {len(rows)} points, below the limit {self.least}; give {self.least} or more")
        if len(rows) > self.most:
            raise ParamError(f"{name}: {len(rows)} points, above the limit {self.most}; use a part of them")
        try:
            return LabelledPoints(rows, np.zeros(len(rows), np.int64))
        except ValueError as error:
            raise ParamError(f"{name}: {error}") from None

    def to_text(self, value: LabelledPoints) -> str:
        """Return ``x,y; ...``."""
        return "; ".join(f"{short(x)},{short(y)}" for x, y in value.X.tolist())

    def to_json(self, value: LabelledPoints) -> list[list[float]]:
        """Return a list of pairs."""
        rows: list[list[float]] = value.X.tolist()
        return rows

    def limits(self) -> str:
        """Return the form and the number of points."""
        return f"x,y; x,y; ... (none, or {self.least} to {self.most} points within ±{short(FARTHEST)})"
