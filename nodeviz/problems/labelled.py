"""Labelled points of the plane from elsewhere: a table, arrays, a brush. Checked once, then never changed."""

from __future__ import annotations

import hashlib
import math
import re
from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.problems.plain_tables import LONGEST, read_plain
from nodeviz.problems.tables import TableError, find_layout, is_header, number_at, read_rows

if TYPE_CHECKING:
    import os
    from collections.abc import Generator, Iterable

    import numpy.typing as npt

    from nodeviz.engine.arrays import FloatArray, IntArray
    from nodeviz.problems.tables import Layout, Row

MOST_POINTS = 100_000
MOST_CLASSES = 4
FARTHEST = 1e6  # of a coordinate: float32 still tells points apart there
FAR, NEAR = 10.0, 0.2  # coordinates beyond, and spans below which points are brought to the scale of a network
_ROWS_PER_PIECE = 200  # read between two yields, under 2 ms
_MISSING = frozenset({"", "na", "n/a", "nan", "null"})
_SEPARATORS = re.compile(r"[\s,;'\"]+")  # one name is one field wherever it is written


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPoints:
    """Points and their classes. Equal where the content is; the arrays are copies and read-only.

    Attributes
    ----------
    X : (N, 2) float64, N from 0 to MOST_POINTS, finite and within ±FARTHEST
    labels : (N,) int64, index into ``names``
    names : of the classes, at most MOST_CLASSES. Plain numbers from 0 by default, which keep their places when a class
        below loses its points; other names stand in their order, and go with their last point.
    note : what was left out or is peculiar, in sentences; not part of the content
    digest : of the content

    Raises
    ------
    ValueError : other shapes, numbers or classes; one sentence with the argument, the value and a remedy
    """

    X: FloatArray
    labels: IntArray
    names: tuple[str, ...] = ()
    note: str = ""
    digest: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        points = _check_points(self.X)
        labels, names = _normal(_check_labels(self.labels, len(points)), tuple(map(_label_text, self.names)))
        digest = hashlib.blake2b(repr(names).encode(), digest_size=16)
        for values in (points, labels):
            values.flags.writeable = False
            digest.update(values.tobytes())
        for name, value in (("X", points), ("labels", labels), ("names", names), ("digest", digest.hexdigest())):
            object.__setattr__(self, name, value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LabelledPoints) and other.digest == self.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __len__(self) -> int:
        return len(self.X)

    @property
    def classes(self) -> int:
        """Number of classes, 2 at least."""
        return max(2, len(self.names))


def no_points() -> LabelledPoints:
    """Return the data of somebody who gave none."""
    return LabelledPoints(np.empty((0, 2)), np.empty(0, np.int64))


def _check_points(given: npt.ArrayLike) -> FloatArray:
    try:
        points = np.array(given, dtype=np.float64, order="C")
    except (TypeError, ValueError):
        raise ValueError("X: not an array of numbers; give a row x, y for every point") from None
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"X has shape {points.shape}; it must be (N, 2), a row x, y for every point")
    if len(points) > MOST_POINTS:
        raise ValueError(f"X: {len(points)} points, above the limit {MOST_POINTS}; use a part of them")
    bad = ~(np.abs(points) <= FARTHEST)
    if bad.any():
        i, j = (int(k) for k in np.argwhere(bad)[0])
        raise ValueError(f"X[{i}, {j}]={points[i, j]:g}: not within ±{FARTHEST:g}; leave the point out or rescale all")
    return points + 0.0  # no negative zeros: equal points have equal bytes


def _check_labels(given: npt.ArrayLike, n: int) -> IntArray:
    labels = np.array(given)
    if labels.shape != (n,):
        raise ValueError(f"labels have shape {labels.shape} for {n} points; give one for every point")
    if n == 0:
        return np.empty(0, np.int64)
    if labels.dtype.kind not in "biu":
        raise ValueError(f"labels of type {labels.dtype}: not whole numbers; number the classes from 0")
    if labels.min() < 0 or labels.max() >= MOST_CLASSES:
        worst = int(labels.min() if labels.min() < 0 else labels.max())
        raise ValueError(f"labels: {worst} is none of 0 to {MOST_CLASSES - 1}; number the classes from 0")
    return labels.astype(np.int64)


def _normal(labels: IntArray, names: tuple[str, ...]) -> tuple[IntArray, tuple[str, ...]]:
    """Return labels and names in the one form that the points and the names of their classes determine."""
    n = int(labels.max(initial=-1)) + 1
    names = (names if n else ()) or plain_names(n)
    if n > len(names) or "" in names:
        raise ValueError(f"names={names!r}: not one for each of {n} classes; give every class a name")
    if names != plain_names(len(names)):
        used = ordered({names[k] for k in np.unique(labels)})
        labels = np.array([used.index(name) if name in used else -1 for name in names])[labels]
        names = used
    # Plain names count as far as the points do.
    return labels, (plain_names(int(labels.max(initial=-1)) + 1) if names == plain_names(len(names)) else names)


def plain_names(n: int) -> tuple[str, ...]:
    """Return the names of n classes that have none: 0, 1, and so on; two at least."""
    return tuple(str(k) for k in range(max(2, n)))


def ordered(names: Iterable[str]) -> tuple[str, ...]:
    """Return names of classes as numbers in their order where all are numbers, else by the alphabet."""
    try:
        return tuple(sorted(names, key=lambda name: (float(name), name)))
    except ValueError:
        return tuple(sorted(names))


def label_points(X: npt.ArrayLike, y: Iterable[Any]) -> LabelledPoints:
    """Return points with the labels that somebody gave them: any numbers or texts, 2 to MOST_CLASSES different ones.

    The classes are the different labels in their order. Points with a missing value are left out, which the note says.

    Parameters
    ----------
    X : (N, 2) numbers; NaN for a missing one
    y : N labels; NaN, None or an empty text for a missing one

    Raises
    ------
    ValueError : other shapes, one class, too many classes or points; one sentence
    """
    try:
        points = np.array(X, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError("X: not an array of numbers; give a row x, y for every point") from None
    texts = [_label_text(label) for label in (y.tolist() if isinstance(y, np.ndarray) else y)]
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"X has shape {points.shape}; it must be (N, 2), a row x, y for every point")
    if len(texts) != len(points):
        raise ValueError(f"y has {len(texts)} labels for {len(points)} points; give one for every point")
    known = ~np.isnan(points).any(axis=1) & np.array([text not in _MISSING for text in texts], bool)
    names, labels = np.unique(np.array(texts)[known], return_inverse=True)
    if len(names) > MOST_CLASSES:
        raise ValueError(f"y has {len(names)} different labels; use 2 to {MOST_CLASSES}, by grouping some")
    if len(names) < 2:
        which = f"only the label {names[0].item()!r}" if len(names) else "no labelled point"
        raise ValueError(f"y has {which}; give points of 2 to {MOST_CLASSES} classes")
    left_out = _rows_left_out(len(texts) - len(labels))
    return _points(points[known], labels, tuple(names.tolist()), (left_out,))


def to_scale(points: LabelledPoints) -> LabelledPoints:
    """Return points of another order of magnitude in the square from -2 to 2, which the note says; others as they are.

    Meant for data from elsewhere, where they enter: points that were painted stay where they are, however close.
    """
    if not len(points):
        return points
    lo, hi = points.X.min(axis=0), points.X.max(axis=0)
    if max(-lo.min(), hi.max()) <= FAR and (hi - lo).min() >= NEAR:
        return points
    middle, half = (lo + hi) / 2, np.where(hi > lo, (hi - lo) / 2, 1.0)
    said = f"x ({lo[0]:g} to {hi[0]:g}) and y ({lo[1]:g} to {hi[1]:g}) are scaled to ±2."
    X = 2.0 * (points.X - middle) / half
    return LabelledPoints(X, points.labels, points.names, f"{points.note} {said}".strip())


def read_labelled(path: str | os.PathLike[str], most: int = MOST_POINTS) -> LabelledPoints:
    """Read labelled points from a table at once, quickly where nothing is peculiar; see `read_labelled_steps`."""
    plain = _read_plain(path, most)
    if plain is not None:
        return plain
    reading = read_labelled_steps(path, most)
    while True:
        try:
            next(reading)
        except StopIteration as done:
            points: LabelledPoints = done.value
            return points


def read_labelled_steps(path: str | os.PathLike[str], most: int = MOST_POINTS) -> Generator[None, None, LabelledPoints]:
    """Read labelled points from a table: the columns x, y and label where a header names them.

    Else x and y are the first two columns and the label is the last one: numbers or texts, 2 to MOST_CLASSES different
    ones. Rows with a missing value are left out; reading ends after ``most`` rows; the note says both. Yields every few
    hundred rows.

    Raises
    ------
    TableError : not readable, no labelled point, one class or too many; one sentence
    """
    name = Path(path).name
    layout = find_layout(path)
    coordinates, codes = array("d"), array("q")
    seen: dict[str, int] = {}
    n_rows, more = 0, False
    for i, row in enumerate(read_rows(path, layout)):
        if i == 0:
            header = is_header(layout, row)
            columns = _columns(row, header=header, name=name)
            if header:
                continue
        if n_rows == most:
            more = True
            break
        n_rows += 1
        x, y, label = columns.read(layout, row, name)
        if not (math.isnan(x) or math.isnan(y) or label in _MISSING):
            coordinates.extend((x, y))
            codes.append(seen.setdefault(label, len(seen)))
            if len(seen) > MOST_CLASSES:
                raise TableError(
                    f"{name}, line {row.line}: the label {label!r} begins class {len(seen)}, above the limit "
                    f"{MOST_CLASSES}; group some, or name the columns x, y and label in the first line"
                )
        if n_rows % _ROWS_PER_PIECE == 0:
            yield
    where = f" in the first {most} rows" if more else ""
    if not codes:
        raise TableError(f"{name}: no line{where} holds a labelled point; give x, y and label, as in 2,0,a")
    if len(seen) < 2:
        raise TableError(
            f"{name}: every point{where} has the label {next(iter(seen))!r}; give points of 2 to {MOST_CLASSES} classes"
        )
    notes = (_rows_left_out(n_rows - len(codes)), f"only the first {most} rows used" if more else "")
    try:
        return _points(np.array(coordinates).reshape(-1, 2), np.array(codes), tuple(seen), notes, f"{name}: ")
    except ValueError as error:
        raise TableError(f"{name}: {error}") from None


def _read_plain(path: str | os.PathLike[str], most: int) -> LabelledPoints | None:
    """Return what `read_labelled_steps` would, None where that has to look at every row."""
    name = Path(path).name
    layout = find_layout(path)
    first = next(read_rows(path, layout), None)
    if first is None:
        return None
    header = is_header(layout, first)
    columns = _columns(first, header=header, name=name)
    x, y, label = columns.places
    found = read_plain(path, layout, len(first.fields), (x, y), label, skip=int(header), most=most)
    if found is None:
        return None
    X, texts, n_rows = found
    labels = {text: columns.label(layout, text) for text in set(texts)}
    commas = layout.delimiter != ","  # a point may have been one, in a name too
    unusual = any(len(text) >= LONGEST or (commas and "." in text and not layout.is_number(text)) for text in labels)
    seen = {label: code for code, label in enumerate(dict.fromkeys(labels[text] for text in dict.fromkeys(texts)))}
    if unusual or "" in seen or not 2 <= len(seen) <= MOST_CLASSES:
        return None
    codes = {text: seen[label] for text, label in labels.items()}
    notes = (f"only the first {most} rows used",) if n_rows > most else ()
    try:
        return _points(X, np.array([codes[text] for text in texts]), tuple(seen), notes, f"{name}: ")
    except ValueError as error:
        raise TableError(f"{name}: {error}") from None


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where x, y and the label stand in a row, and the header if there is one."""

    places: tuple[int, int, int]
    header: tuple[str, ...]

    def read(self, layout: Layout, row: Row, name: str) -> tuple[float, float, str]:
        """Return x, y (NaN where missing) and the text of the label (empty where missing)."""
        column = self.places[2]
        if column >= len(row.fields):  # as in the last row of a file that was cut
            return math.nan, math.nan, ""
        x, y = (number_at(layout, row, place, self.header, name) for place in self.places[:2])
        return x, y, self.label(layout, row.fields[column])

    @staticmethod
    def label(layout: Layout, text: str) -> str:
        """Return the text of a label (empty where missing)."""
        try:
            value = layout.number(text)
        except ValueError:
            value = math.nan
        return _label_text(text if math.isnan(value) else value)


def _columns(row: Row, *, header: bool, name: str) -> _Columns:
    """Return the columns as the first row names them; else the first two are x and y and the last is the label."""
    names = [text.strip().lower() for text in row.fields]
    while names and not names[-1]:
        names.pop()
    if len(names) < 3:
        raise TableError(
            f"{name}, line {row.line}: {len(names)} of the 3 columns of labelled points; "
            "give x, y and label, as in 2,0,a"
        )
    label = next((names.index(word) for word in ("label", "class", "target", "category") if word in names), None)
    if label is None:
        label = len(names) - 1
    others = [column for column in range(len(names)) if column != label]
    if "x" in names and "y" in names:
        others = [names.index("x"), names.index("y")]
    return _Columns((others[0], others[1], label), row.fields if header else ())


def _label_text(label: Any) -> str:
    """Return a label as the name of a class: whole numbers without a point, no separators; empty where missing."""
    if isinstance(label, bool | np.bool_):
        label = int(label)
    if label is None or label != label:
        return ""
    text = f"{label:.12g}" if isinstance(label, int | float | np.number) else _SEPARATORS.sub(" ", str(label)).strip()
    return "" if text.lower() in _MISSING else text[:40]


def _points(
    X: FloatArray, labels: IntArray, names: tuple[str, ...], notes: Iterable[str], prefix: str = ""
) -> LabelledPoints:
    """Return the points, with a note on what was left out and what is peculiar about them."""
    same = (np.ptp(X, axis=0) == 0).tolist()
    if all(same):
        raise ValueError(f"every point is {X[0, 0]:g},{X[0, 1]:g}; give points in different places")
    sentences = [note for note in notes if note]
    sentences += [
        f"column {'xy'[j]} is {X[0, j]:g} everywhere, so that the points lie on a line" for j in range(2) if same[j]
    ]
    counts = np.bincount(labels).tolist()
    sentences += [f"class {name!r} has 1 point only" for name, count in zip(names, counts, strict=True) if count == 1]
    return LabelledPoints(X, labels, names, f"{prefix}{'; '.join(sentences)}." if sentences else "")


def _rows_left_out(n: int) -> str:
    return f"{n} row{'s' if n > 1 else ''} with missing values left out" if n else ""
