"""CSV in and out: tables as programs write them, with whatever separator, decimal sign, header and encoding."""

from __future__ import annotations

import codecs
import csv
import io
import math
import os
import re
import tempfile
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy.typing as npt

MAX_LINE = 10_000  # characters; a longer line is no table
_SAMPLE = 1 << 16  # bytes looked at to tell encoding and separator
_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "-", "?", ".", "missing"})
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?$")


class TableError(ValueError):
    """A file that cannot be read or written as a table; one sentence with file, line, column and remedy."""


@dataclass(frozen=True, slots=True)
class Row:
    """The fields of one line, as text; ``line`` counts from 1."""

    line: int
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is written: ``delimiter`` is one character, or None for any run of blanks."""

    encoding: str
    delimiter: str | None

    def number(self, text: str) -> float:
        """Return a number; NaN where it is missing. Raises ValueError where it is something else."""
        text = text.strip().replace("\u2212", "-")
        if text.lower() in _MISSING:
            return math.nan
        if "_" in text:
            raise ValueError(text)
        value = float(text if self.delimiter == "," else text.replace(",", "."))
        if not math.isfinite(value):
            raise ValueError(text)
        return value

    def is_number(self, text: str) -> bool:
        """Return whether a field is a number or missing."""
        try:
            self.number(text)
        except ValueError:
            return False
        return True


def read_points(path: str | os.PathLike[str], most: int = 64) -> tuple[tuple[tuple[float, float], ...], str]:
    """Read points of the plane: the columns x and y where a header names them, else the first two.

    Rows with a missing value are skipped. Reading ends with ``most`` points, so that a huge file costs nothing.

    Returns
    -------
    the points, and one sentence on what was left out (empty where nothing was)

    Raises
    ------
    TableError : not readable, or no point in it; one sentence
    """
    name = Path(path).name
    layout = find_layout(path)
    points: list[tuple[float, float]] = []
    header: tuple[str, ...] = ()
    columns, n_missing, more = (0, 1), 0, False
    for i, row in enumerate(read_rows(path, layout)):
        if i == 0 and is_header(layout, row):
            header = row.fields
            columns = _columns(header, name)
            continue
        if len(points) == most:
            more = True
            break
        x, y = (number_at(layout, row, column, header, name) for column in columns)
        if math.isnan(x) or math.isnan(y):
            n_missing += 1
        else:
            points.append((x, y))
    if not points:
        raise TableError(f"{name}: no line holds a point; give two numbers per line, as in 2,0")
    return tuple(points), _note(name, most, n_missing, more)


def find_layout(path: str | os.PathLike[str]) -> Layout:
    """Return how a file is encoded and separated; raises TableError where it cannot be opened or is no text."""
    name = Path(path).name
    try:
        with open(path, "rb") as file:
            sample = file.read(_SAMPLE)
    except OSError as error:
        raise TableError(f"{name}: cannot be opened ({error.strerror or error}); choose another file") from None
    encoding = _encoding(sample)
    text = sample.decode(encoding, errors="replace")
    if "\0" in text:
        raise TableError(f"{name}: not a text file; save the table as CSV")
    lines = [line for line in text.splitlines() if line.strip() and not _is_comment(line)]
    if not lines:
        raise TableError(f"{name}: the file is empty; give two numbers per line, as in 2,0")
    return Layout(encoding, _delimiter(lines[:-1][:50] or lines))


def read_rows(path: str | os.PathLike[str], layout: Layout) -> Iterator[Row]:
    """Yield the lines of a table that are neither empty nor comments, the header included."""
    name = Path(path).name
    with open(path, encoding=layout.encoding, errors="replace") as file:
        for number, line in enumerate(iter(lambda: file.readline(MAX_LINE + 1), ""), start=1):
            if len(line) > MAX_LINE:
                raise TableError(f"{name}, line {number}: longer than {MAX_LINE} characters; save the table as CSV")
            stripped = line.strip()
            if not stripped or _is_comment(stripped) or stripped.lower().startswith("sep="):
                continue
            if layout.delimiter is None:
                yield Row(number, tuple(stripped.split()))
            else:
                fields = next(csv.reader([line.rstrip("\r\n")], delimiter=layout.delimiter, skipinitialspace=True))
                yield Row(number, tuple(fields))


def write_table(path: str | os.PathLike[str], columns: Mapping[str, npt.ArrayLike]) -> None:
    """Write columns as CSV with a header, beside the target first and then renamed, so that no half file is left.

    Parameters
    ----------
    columns : name -> one-dimensional array; shorter ones end in empty fields, as does NaN

    Raises
    ------
    TableError : the file cannot be written
    """
    target = Path(path)
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
        with open(handle, "w", encoding="utf-8", newline="") as file:
            file.write(table_text(columns, delimiter=","))
        os.replace(temporary, target)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise TableError(f"{target}: cannot be written ({error.strerror or error}); choose another folder") from None


def table_text(columns: Mapping[str, npt.ArrayLike], delimiter: str = "\t") -> str:
    """Return columns as text, one line per row under a header; numbers are exact and NaN is an empty field."""
    cells = [_cells(np.asarray(column)) for column in columns.values()]
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip_longest(*cells, fillvalue=""))
    return text.getvalue()


def _cells(column: npt.NDArray[Any]) -> list[Any]:
    if column.ndim != 1:
        raise ValueError(f"a column of shape {column.shape}: only one-dimensional ones can be written; split it")
    values: list[Any] = column.tolist()
    return ["" if value != value else value for value in values] if column.dtype.kind == "f" else values


def _encoding(sample: bytes) -> str:
    """Return the encoding of a file that begins with ``sample``; the old Western one where it is no UTF-8."""
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        # The sample may end inside a character, which an incremental decoder forgives.
        codecs.getincrementaldecoder("utf-8-sig")().decode(sample)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


def _delimiter(lines: Sequence[str]) -> str | None:
    """Return what separates the columns. A comma that could be a decimal sign is one where blanks separate."""
    first = lines[0].strip().lower()
    if first.startswith("sep=") and len(first) == 5:
        return first[4]
    for candidate in "\t;":
        if all(candidate in line for line in lines[-5:]):
            return candidate
    blanks = [line.split() for line in lines[-5:]]
    if all(len(fields) > 1 and all(_DECIMAL_COMMA.match(field) for field in fields) for fields in blanks):
        return None
    return "," if any("," in line for line in lines[-5:]) else None


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith(("#", "%"))


def _columns(header: tuple[str, ...], name: str) -> tuple[int, int]:
    """Return the columns of x and y: by name where both are named, else the first two."""
    names = [field.strip().lower() for field in header]
    if "x" in names and "y" in names:
        return names.index("x"), names.index("y")
    if len(names) < 2:
        raise TableError(f"{name}, line 1: one column where points need two; separate x and y by a comma")
    return 0, 1


def is_header(layout: Layout, row: Row) -> bool:
    """Return whether the first row names the columns: none of its fields is a number."""
    return not any(layout.is_number(field) for field in row.fields if field.strip())


def number_at(layout: Layout, row: Row, column: int, header: tuple[str, ...], name: str) -> float:
    """Return one number of a row, NaN where it is missing; raises TableError, one sentence, where it is none."""
    n_fields = len(row.fields)
    check_width(row, header, name)
    label = (header[column].strip() if column < len(header) else "") or "xy"[column > 0]
    if column >= n_fields:
        if header or n_fields > 1:
            return math.nan
        raise TableError(f"{name}, line {row.line}: {n_fields} number where a point has 2; write x and y, as in 2,0")
    try:
        return layout.number(row.fields[column])
    except ValueError:
        raise not_a_number(name, row.line, label, row.fields[column]) from None


def check_width(row: Row, header: tuple[str, ...], name: str) -> None:
    """Raise TableError, one sentence, where a row has more fields than the header has names."""
    n_fields = len(row.fields)
    # Trailing separators are harmless; surplus numbers are mostly decimal commas.
    if header and n_fields > len(header) and any(field.strip() for field in row.fields[len(header) :]):
        raise TableError(
            f"{name}, line {row.line}: {n_fields} fields under {len(header)} headings; "
            "with decimal commas, separate the columns by ;"
        )


def not_a_number(name: str, line: int, column: str, text: str) -> TableError:
    """Return the error of a field that should be a number."""
    shown = " ".join(text.split())[:40]
    return TableError(
        f"{name}, line {line}, column {column}: {shown!r} is not a finite number; "
        "write one as in 1.5, or leave the field empty"
    )


def _note(name: str, most: int, n_missing: int, more: bool) -> str:
    parts = []
    if n_missing:
        parts.append(f"{n_missing} row{'s' if n_missing > 1 else ''} with missing values skipped")
    if more:
        parts.append(f"only the first {most} points used")
    return f"{name}: {' and '.join(parts)}." if parts else ""
