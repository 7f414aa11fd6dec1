"""The kind of a parameter whose value is labelled points: painted, set from the console, or kept in a session."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nodeviz.experiments.kinds import ParamError, read_number, short, shown
from nodeviz.problems.labelled import FARTHEST, LabelledPoints, label_points, no_points, plain_names, to_scale

_EXAMPLE = "x,y,label as in 2,0,1"


@dataclass(frozen=True, slots=True)
class Labelled:
    """Labelled points of the plane, written ``2,0,1; 1,1,0``, or none; the value is a LabelledPoints.

    A label that is a whole number is the number of a class; a quoted one or another text is a name. A pair of arrays
    brings data from elsewhere, which are brought to scale; what is written out, or painted, is kept to the last digit.
    """

    most: int
    classes: int

    def coerce(self, name: str, value: object, current: Any) -> LabelledPoints:
        """Accept LabelledPoints, a pair of arrays X (N, 2) and y (N,), rows of x, y, label, their text, or nothing."""
        del current
        try:
            points = self._read(name, value)
        except ParamError:
            raise
        except ValueError as error:
            raise ParamError(f"{name}: {error}") from None
        if len(points) > self.most:
            raise ParamError(f"{name}: {len(points)} points, above the limit {self.most}; use a part of them")
        if len(points.names) > self.classes:
            raise ParamError(f"{name}: {len(points.names)} classes, above the limit {self.classes}; group some of them")
        return points

    def _read(self, name: str, value: object) -> LabelledPoints:
        if isinstance(value, LabelledPoints):
            return value
        if value is None:
            return no_points()
        if isinstance(value, str):
            rows: list[Any] = [part.split(",") for part in value.split(";") if part.strip()]
            rows = [[*row[:2], *map(_mark, row[2:])] for row in rows]
        elif isinstance(value, Iterable):
            rows = list(value)
        else:
            raise ParamError(f"{name}={shown(value)}: not points with labels; write {_EXAMPLE}")
        if len(rows) == 2 and _is_matrix(rows[0]):
            return to_scale(label_points(rows[0], rows[1]))
        if len(rows) > self.most:
            raise ParamError(f"{name}: {len(rows)} points, above the limit {self.most}; use a part of them")
        return self._from_rows(name, rows) if rows else no_points()

    def _from_rows(self, name: str, rows: list[Any]) -> LabelledPoints:
        entries = [list(row) if isinstance(row, Iterable) and not isinstance(row, str) else [row] for row in rows]
        for number, row in enumerate(entries, start=1):
            if len(row) != 3:
                raise ParamError(f"{name}: point {number} has {len(row)} of 3 entries; write {_EXAMPLE}")
        X = [[read_number(name, x), read_number(name, y)] for x, y, _ in entries]
        labels = [_label(label) for _, _, label in entries]
        if all(isinstance(label, int) for label in labels):
            return LabelledPoints(np.array(X), np.array([min(max(label, -1), 10**6) for label in labels]))
        names = sorted({str(label) for label in labels})
        if len(names) > self.classes:
            raise ParamError(f"{name}: {len(names)} classes, above the limit {self.classes}; group some of them")
        return LabelledPoints(np.array(X), np.array([names.index(str(label)) for label in labels]), tuple(names))

    def to_text(self, value: LabelledPoints) -> str:
        """Return ``x,y,label; ...``."""
        rows = self.to_json(value)
        return "; ".join(f"{short(x)},{short(y)},{_quoted(label)}" for x, y, label in rows)

    def to_json(self, value: LabelledPoints) -> list[list[Any]]:
        """Return rows of x, y and label: the number of the class, or its name where the classes have names."""
        plain = value.names == plain_names(len(value.names))
        labels = value.labels.tolist()
        marks = labels if plain else [value.names[label] for label in labels]
        return [[x, y, mark] for (x, y), mark in zip(value.X.tolist(), marks, strict=True)]

    def limits(self) -> str:
        """Return the form, the number of points and of classes."""
        numbers = f"up to {self.most} points within ±{short(FARTHEST)}, of {self.classes} classes at most"
        return f"x,y,label; ... (none, or {numbers})"


def _is_matrix(value: object) -> bool:
    try:
        return np.ndim(value) == 2  # type: ignore[arg-type]
    except ValueError:  # rows of different lengths
        return True


def _label(label: object) -> int | str:
    """Return a label as the number of a class where it is a whole number, else as its name."""
    if isinstance(label, str):
        return label.strip()
    number = read_number("label", int(label) if isinstance(label, bool | np.bool_) else label)
    return int(number) if number == int(number) else short(number)


def _mark(text: str) -> int | str:
    """Return the label that a text stands for: a number, or a name, which may be quoted."""
    text = text.strip()
    if text[:1] in {"'", '"'}:
        return text.strip("'\"")
    return int(text) if text.isdecimal() else text


def _quoted(label: int | str) -> str:
    """Return the text of a label; a name that reads as a number stands in quotes."""
    return f"'{label}'" if isinstance(label, str) and label.isdecimal() else str(label)
