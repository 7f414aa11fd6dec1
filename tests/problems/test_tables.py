from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeviz.problems.tables import MAX_LINE, TableError, read_points, table_text, write_table

if TYPE_CHECKING:
    from pathlib import Path


def points_of(tmp_path: Path, text: str | bytes, **options: Any) -> Any:
    path = tmp_path / "points.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_points(path, **options)


@pytest.mark.parametrize(
    "text",
    [
        "x,y\n1.5,2\n-3,4e-1\n",
        "1.5,2\n-3,0.4",
        "1.5, 2\n-3, 0.4\n",
        "x;y\n1,5;2\n-3;0,4\n",
        "x;y\r\n1.5;2\r\n-3;0.4\r\n",
        "x\ty\n1.5\t2\n-3\t0.4\n",
        "x\ty\n1,5\t2\n-3\t0,4\n",
        "1.5 2\n-3    0.4\n",
        "1,5 2,0\n-3,0 0,4\n",
        "Länge;Breite\n1,5;2\n-3;0,4\n",
        "начало, конец\n1.5,2\n-3,0.4\n",
        "\ufeffx,y\n1.5,2\n-3,0.4\n",
        "sep=;\nx;y\n1,5;2\n-3;0,4\n",
        "# made by hand\n% twice\n\nx,y\n\n1.5,2\n# between\n-3,0.4\n\n",
        '"x","y"\n"1.5","2"\n"-3","0.4"\n',
        ",x,y\n0,1.5,2\n1,-3,0.4\n",
        "label,y,X\na,2,1.5\nb,0.4,-3\n",
        "x,y,label\n1.5,2,a\n-3,0.4,b\n",
        "x,y,\n1.5,2,\n-3,0.4,\n",
        "x,y\n1.5,2\n\u22123,0.4\n",
    ],
)
def test_what_people_write(tmp_path: Path, text: str) -> None:
    points, note = points_of(tmp_path, text)
    assert points == ((1.5, 2.0), (-3.0, 0.4))
    assert note == ""


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1", "cp1252", "utf-8-sig"])
def test_other_encodings(tmp_path: Path, encoding: str) -> None:
    points, _ = points_of(tmp_path, "Größe;Höhe\n1,5;2\n".encode(encoding))
    assert points == ((1.5, 2.0),)


def test_missing_values_are_skipped_counted_and_said(tmp_path: Path) -> None:
    points, note = points_of(tmp_path, "x,y\n1,2\n,3\n4,NA\n5,nan\n6,7\n8\n")
    assert points == ((1.0, 2.0), (6.0, 7.0))
    assert note == "points.csv: 4 rows with missing values skipped."
    assert points_of(tmp_path, "x,y\n1,2\n,3\n")[1] == "points.csv: 1 row with missing values skipped."


def test_a_million_rows_are_read_up_to_a_stated_limit(tmp_path: Path) -> None:
    text = "x;y\n" + "1,25;-2,5\n" * 10**6
    points, note = points_of(tmp_path, text, most=64)
    assert points == ((1.25, -2.5),) * 64
    assert note == "points.csv: only the first 64 points used."
    exactly, note = points_of(tmp_path, "1,2\n" * 64, most=64)
    assert (len(exactly), note) == (64, "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "points.csv: the file is empty"),
        ("# only a comment\n", "the file is empty"),
        ("x,y\n", "no line holds a point"),
        ("x,y\n1,\n", "no line holds a point"),
        ("x,y\n1,2\n3,abc\n", "points.csv, line 3, column y: 'abc' is not a finite number; write one as in 1.5"),
        ("weite;breite\n1;2\nzwei;3\n", "line 3, column weite: 'zwei' is not a finite number"),
        ("1,2\n3,inf\n", "line 2, column y: 'inf' is not a finite number"),
        ("1,2\n3,1_000\n", "line 2, column y: '1_000'"),
        ("x;y\n1.234,5;2\n", "line 2, column x: '1.234,5'"),
        ("x,y\n1,5,2,5\n", "line 2: 4 fields under 2 headings; with decimal commas, separate the columns by ;"),
        ("1\n2\n", "line 1: 1 number where a point has 2"),
        ("length\n1\n2\n", "one column where points need two"),
        (b"\x00\x01\x02\x03" * 100, "not a text file"),
        ("1" * (MAX_LINE + 5) + ",2\n", "longer than 10000 characters"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_sentence(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(TableError) as caught:
        points_of(tmp_path, text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="cannot be opened"):
        read_points(tmp_path / "missing.csv")
    with pytest.raises(TableError, match="cannot be opened"):
        read_points(tmp_path)


@given(
    st.one_of(st.binary(max_size=300), st.text(alphabet="0123456789.,;-+e \t\n\"'#xyé\0", max_size=200).map(str.encode))
)
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(content)
    message = ""
    try:
        points, _ = read_points(path)
        assert np.isfinite(points).all()
    except TableError as error:
        message = str(error)
    assert "\n" not in message


COLUMNS = {"t": np.array([0.1, 0.2, 1 / 3]), "a, b": np.array([1, 2]), "y": np.array([np.nan, np.inf, -1e-300])}


def test_tables_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    write_table(path, COLUMNS)
    rows = list(csv.reader(io.StringIO(path.read_text())))
    assert rows[0] == ["t", "a, b", "y"]
    assert rows[1:] == [["0.1", "1", ""], ["0.2", "2", "inf"], [repr(1 / 3), "", "-1e-300"]]
    write_table(path, {"x": np.array([1.0, 2.0]), "y": np.array([3.0, 4.0])})
    assert read_points(path)[0] == ((1.0, 3.0), (2.0, 4.0))
    assert [file.name for file in tmp_path.iterdir()] == ["out.csv"]


def test_text_for_the_clipboard_is_separated_by_tabs() -> None:
    assert table_text({"x": [1.5, 2], "name": ["a", "b"]}) == "x\tname\n1.5\ta\n2.0\tb\n"
    with pytest.raises(ValueError, match="shape"):
        table_text({"x": np.zeros((2, 2))})


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="cannot be written"):
        write_table(tmp_path / "missing" / "out.csv", COLUMNS)
    (tmp_path / "folder").mkdir()
    with pytest.raises(TableError, match="cannot be written"):
        write_table(tmp_path / "folder", COLUMNS)
    assert [file.name for file in tmp_path.iterdir()] == ["folder"]
