"""The quick way to read labelled points gives what the careful one gives, or leaves the file to it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nodeviz.problems import labelled
from nodeviz.problems.labelled import LabelledPoints, read_labelled, read_labelled_steps
from nodeviz.problems.tables import TableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NUMBERS = st.one_of(
    st.floats(-1e3, 1e3).map(repr),
    st.integers(-9, 9).map(str),
    st.sampled_from(
        ["", "nan", "inf", "1_0", "1,5", "-", "+2", " 3 ", "1e400", "0x1", ".5", "5.", "²", "\u22121", "x"]
    ),
)
LABELS = st.sampled_from(["0", "1", "a", "b ", " a", "1.0", "", "nan", "a.b", "a,b", '"a"', "#", "é", "long" * 30, "_"])
SEPARATORS = st.sampled_from([",", ";", "\t", " ", ", "])
HEADERS = st.sampled_from(["", "x{s}y{s}label", "label{s}y{s}x", "x{s}y{s}other{s}label", "sep={s}", "# a comment"])
ROWS = st.lists(st.tuples(NUMBERS, NUMBERS, LABELS), min_size=1, max_size=8)


def carefully(path: Path, most: int) -> LabelledPoints:
    reading = read_labelled_steps(path, most)
    while True:
        try:
            next(reading)
        except StopIteration as done:
            points: LabelledPoints = done.value
            return points


def outcome(read: Callable[[Path, int], LabelledPoints], path: Path, most: int) -> tuple[object, str]:
    try:
        points = read(path, most)
    except TableError as error:
        return None, str(error)
    return (points, points.names), points.note


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=ROWS, separator=SEPARATORS, header=HEADERS, most=st.integers(2, 9), end=st.sampled_from(["\n", "\r\n", ";\n"])
)
def test_both_ways_agree(
    tmp_path: Path, rows: list[tuple[str, str, str]], separator: str, header: str, most: int, end: str
) -> None:
    path = tmp_path / "points.csv"
    lines = [header.format(s=separator), *(separator.join(row) for row in rows)]
    path.write_bytes(end.join(line for line in lines if line).encode())
    assert outcome(read_labelled, path, most) == outcome(carefully, path, most)


def write_many(path: Path, n: int, separator: str = ",") -> None:
    rng = np.random.default_rng(0)
    rows = zip(rng.normal(size=(n, 2)).tolist(), rng.integers(0, 3, n).tolist(), strict=True)
    lines = [f"{x:.6f}{separator}{y:.6f}{separator}{'abc'[label]}" for (x, y), label in rows]
    text = "\n".join(["x,y,label".replace(",", separator), *lines])
    path.write_text(text.replace(".", ",") if separator in ";\t" else text)


@pytest.mark.parametrize("separator", [",", ";", "\t", " "])
def test_usual_files_are_read_the_quick_way(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "points.csv"
    write_many(path, 1_000, separator)
    points = labelled._read_plain(path, 100_000)
    assert points is not None
    assert (points, points.note) == (carefully(path, 100_000), "")
    assert points.names == ("a", "b", "c")
    cut = read_labelled(path, 600)
    assert cut == carefully(path, 600)
    assert "only the first 600 rows used" in cut.note


def test_a_hundred_thousand_rows_hold_up_nothing(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    write_many(path, 100_000)
    taken = {}
    for read in (read_labelled, lambda path: carefully(path, 100_000)):
        times = []
        for _ in range(2):
            start = time.process_time()
            points = read(path)
            times.append(time.process_time() - start)
        taken[read] = min(times)
        assert len(points) == 100_000
    quick, careful = taken.values()
    assert quick < 0.4 * careful  # about a fifth: 115 ms
    assert quick < 0.3  # s
