"""Labelled points from files and arrays: what is read, what is refused, and in which words."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeviz.problems.labelled import (
    FARTHEST,
    MOST_POINTS,
    LabelledPoints,
    label_points,
    no_points,
    read_labelled,
    read_labelled_steps,
)
from nodeviz.problems.tables import TableError

if TYPE_CHECKING:
    from pathlib import Path


def read(tmp_path: Path, text: str | bytes, **options: Any) -> LabelledPoints:
    path = tmp_path / "points.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_labelled(path, **options)


@pytest.mark.parametrize(
    "text",
    [
        "x,y,label\n1.5,2,0\n-3,0.4,1\n",
        "1.5,2,0\n-3,0.4,1",
        "1.5,2,0,\n-3,0.4,1,\n",
        "label,y,X\n0,2,1.5\n1,0.4,-3\n",
        "x;y;class\n1,5;2;0\n-3;0,4;1\n",
        "x\ty\tlabel\n1,5\t2\t0\n-3\t0,4\t1\n",
        "1.5 2 0.0\n-3 0.4 1.0\n",
        ",x,y,target\n0,1.5,2,0\n1,-3,0.4,1\n",
        "length,width,height,sort\n1.5,2,9,0\n-3,0.4,9,1\n",
        "\ufeffx,y,label\r\n1.5,2,0\r\n-3,0.4,1\r\n",
        "x,y,label,\n1.5,2,0,\n-3,0.4,1,\n",
    ],
)
def test_what_people_write(tmp_path: Path, text: str) -> None:
    points = read(tmp_path, text)
    np.testing.assert_array_equal(points.X, [[1.5, 2.0], [-3.0, 0.4]])
    np.testing.assert_array_equal(points.labels, [0, 1])
    assert points.names == ("0", "1")
    assert points.note == "points.csv: class '0' has 1 point only; class '1' has 1 point only."


def test_text_labels_become_classes_in_alphabetical_order(tmp_path: Path) -> None:
    points = read(tmp_path, "x,y,label\n1,2,outer ring\n3,4,inner\n5,6, outer ring \n7,8,inner\n")
    assert points.names == ("inner", "outer ring")
    np.testing.assert_array_equal(points.labels, [1, 0, 1, 0])
    assert points.note == ""


@pytest.mark.parametrize(
    ("labels", "names"),
    [("10 9 10 9", ("9", "10")), ("1 -1 1 -1", ("-1", "1")), ("+ - + -", ("+", "-")), ("1.0 2 1 2.0", ("1", "2"))],
)
def test_labels_of_other_kinds(tmp_path: Path, labels: str, names: tuple[str, ...]) -> None:
    rows = "".join(f"{i},{i * i},{label}\n" for i, label in enumerate(labels.split()))
    points = read(tmp_path, f"x,y,label\n{rows}")
    assert points.names == names
    assert points.labels[0] == points.labels[2] != points.labels[1] == points.labels[3]


def test_rows_with_missing_values_are_left_out_counted_and_said(tmp_path: Path) -> None:
    points = read(tmp_path, "x,y,label\n1,2,a\nnan,3,a\n4,NA,b\n5,6,\n7,8,NaN\n9,1,b\n3,3,a\n4,4,b\n")
    assert len(points) == 4
    assert points.note == "points.csv: 4 rows with missing values left out."


@pytest.mark.parametrize("end", ["0.25", "0.25,1.", "0.25,1.5,", "0"])
def test_the_last_row_of_a_file_that_was_cut_is_left_out_and_said(tmp_path: Path, end: str) -> None:
    for header in ("x,y,label\n", ""):
        points = read(tmp_path, f"{header}1,2,a\n3,4,b\n5,6,a\n7,8,b\n{end}")
        assert len(points) == 4
        assert points.note == "points.csv: 1 row with missing values left out."


def test_a_label_that_was_cut_shows_in_the_note(tmp_path: Path) -> None:
    points = read(tmp_path, "x,y,label\n1,2,inner\n3,4,outer\n5,6,inner\n7,8,outer\n9,1,ou")
    assert points.names == ("inner", "ou", "outer")
    assert points.note == "points.csv: class 'ou' has 1 point only."


@pytest.mark.parametrize(("column", "row"), [("x", "1.5,{i},{k}"), ("y", "{i},1.5,{k}")])
def test_a_constant_column_is_used_and_said(tmp_path: Path, column: str, row: str) -> None:
    points = read(tmp_path, "x,y,label\n" + "\n".join(row.format(i=i, k=i % 2) for i in range(8)))
    assert len(points) == 8
    assert points.note == f"points.csv: column {column} is 1.5 everywhere, so that the points lie on a line."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "points.csv: the file is empty"),
        ("x,y,label\n", "points.csv: no line holds a labelled point; give x, y and label, as in 2,0,a"),
        ("x,y,label\n1,2,\n,2,a\n", "no line holds a labelled point"),
        ("x,y,label\n1,2,a\n3,4,a\n", "points.csv: every point has the label 'a'; give points of 2 to 4 classes"),
        (
            "1,2,a\n3,4,b\n5,6,c\n7,8,d\n9,1,e\n",
            "points.csv, line 5: the label 'e' begins class 5, above the limit 4; group some, "
            "or name the columns x, y and label in the first line",
        ),
        ("x,y\n1,2\n", "points.csv, line 1: 2 of the 3 columns of labelled points; give x, y and label, as in 2,0,a"),
        ("1,2\n", "line 1: 2 of the 3 columns"),
        ("7\n", "line 1: 1 of the 3 columns"),
        ("x,y,label\n1,2,a\n3,oops,b\n", "points.csv, line 3, column y: 'oops' is not a finite number"),
        ("x,y,label\n1,inf,a\n3,4,b\n", "line 2, column y: 'inf' is not a finite number"),
        ("x,y,label\n1,2,a\n3,4e7,b\n", "points.csv: X[1, 1]=4e+07: not within ±1e+06; leave the point out or rescale"),
        ("x,y,label\n1,2,a\n1,2,b\n", "points.csv: every point is 1,2; give points in different places"),
        (b"\x00\x01\x02\x03" * 100, "not a text file"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_sentence(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(TableError) as caught:
        read(tmp_path, text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="cannot be opened"):
        read_labelled(tmp_path / "missing.csv")


def test_a_million_rows_are_read_up_to_the_limit_which_is_said(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text("x,y,label\n" + "1.25,-2.5,a\n2,0,b\n" * 500_000)
    start = time.thread_time()
    points = read_labelled(path)
    assert time.thread_time() - start < 10.0  # 0.7 s here; a million rows would take 7
    assert len(points) == MOST_POINTS
    assert points.note == "points.csv: only the first 100000 rows used."
    path.write_text("x,y,label\n" + "1.25,-2.5,a\n" * 300)
    with pytest.raises(TableError, match="every point in the first 200 rows has the label 'a'"):
        read_labelled(path, most=200)
    path.write_text("x,y,label\n" + ",,\n" * 300)
    with pytest.raises(TableError, match="no line in the first 200 rows holds a labelled point"):
        read_labelled(path, most=200)


def test_reading_pauses_often(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text("x,y,label\n" + "1.25,-2.5,a\n2,0,b\n" * 1000)
    assert sum(1 for _ in read_labelled_steps(path)) == 10


@given(
    st.one_of(st.binary(max_size=200), st.text(alphabet="0123456789.,;-+e \t\n\"'#xyé\0", max_size=200).map(str.encode))
)
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(content)
    message = ""
    try:
        assert np.isfinite(read_labelled(path).X).all()
    except TableError as error:
        message = str(error)
    assert "\n" not in message


def test_arrays_with_any_labels() -> None:
    X = np.arange(12.0).reshape(6, 2)
    assert label_points(X, np.array([3, 7, 7, 3, 3, 7])).names == ("3", "7")
    assert label_points(X, [True, False] * 3).names == ("0", "1")
    assert label_points(X, ["b", "a", "c"] * 2).names == ("a", "b", "c")
    points = label_points(X.tolist(), [0.0, 1.0, np.nan, 1.0, None, 0.0])
    np.testing.assert_array_equal(points.labels, [0, 1, 1, 0])
    assert points.note == "2 rows with missing values left out."
    X[0, 0] = np.nan
    points = label_points(X, [0, 1] * 3)
    np.testing.assert_array_equal(points.X, X[1:])
    assert points.note == "1 row with missing values left out."


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        ([[0, 1]], [0], "y has only the label '0'; give points of 2 to 4 classes"),
        ([], [], "X has shape (0,)"),
        (np.zeros((0, 2)), [], "y has no labelled point"),
        ([[0, 1], [1, 0]], [0], "y has 1 labels for 2 points"),
        ([[0, 1, 2]], [0], "X has shape (1, 3); it must be (N, 2)"),
        ([["a", "b"]], [0], "X: not an array of numbers"),
        ([[0, 1], [1]], [0, 1], "X: not an array of numbers"),
        (np.arange(10.0).reshape(5, 2), range(5), "y has 5 different labels; use 2 to 4, by grouping some"),
        (np.zeros((2, 2)), [0, 1], "every point is 0,0"),
        ([[0, 1], [np.inf, 0]], [0, 1], "X[1, 0]=inf: not within ±1e+06"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(X: Any, y: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        label_points(X, y)
    assert "\n" not in str(caught.value)


def test_points_are_copies_that_cannot_be_changed_and_compare_by_content() -> None:
    X, labels = np.array([[0.0, 1.0], [2.0, -0.0]]), np.array([0, 1])
    points = LabelledPoints(X, labels)
    X[:], labels[:] = 9.0, 0
    assert points.X[0, 1] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        points.X[0, 0] = 5.0
    with pytest.raises(ValueError, match="read-only"):
        points.labels[0] = 1
    same = LabelledPoints(np.array([[0.0, 1.0], [2.0, 0.0]]), np.array([0, 1]), note="from elsewhere")
    assert points == same
    assert hash(points) == hash(same)
    others = [
        LabelledPoints(points.X, [1, 0]),  # type: ignore[arg-type]
        LabelledPoints(points.X + 1e-9, points.labels),
        LabelledPoints(points.X, points.labels, ("a", "b")),
        LabelledPoints(points.X[:1], points.labels[:1]),
        no_points(),
    ]
    assert all(other != points for other in others)
    assert points != "points"
    assert len(no_points()) == 0
    assert no_points() == no_points()


def test_plain_classes_keep_their_numbers_when_others_are_erased() -> None:
    X = np.eye(2)
    assert LabelledPoints(X, np.array([0, 2])).names == ("0", "1", "2")
    assert LabelledPoints(X, np.array([0, 0])).classes == 2
    assert LabelledPoints(X, np.array([0, 1]), ("0", "1", "2")).names == ("0", "1")


def test_other_names_stand_in_order_and_go_with_their_last_point() -> None:
    points = LabelledPoints(np.eye(2), np.array([0, 2]), ("outer", "middle", "inner"))
    assert points.names == ("inner", "outer")
    np.testing.assert_array_equal(points.labels, [1, 0])


@pytest.mark.parametrize(
    ("X", "labels", "names", "message"),
    [
        ([[0.0, np.nan]], [0], (), "X[0, 1]=nan: not within"),
        ([[0.0, 2 * FARTHEST]], [0], (), "X[0, 1]=2e+06: not within"),
        ([0.0, 1.0], [0], (), "X has shape (2,)"),
        ([["a", "b"]], [0], (), "X: not an array of numbers"),
        ([[0.0, 1.0]], [[0]], (), "labels have shape (1, 1) for 1 points"),
        ([[0.0, 1.0]], [0.0], (), "labels of type float64: not whole numbers"),
        ([[0.0, 1.0]], [4], (), "labels: 4 is none of 0 to 3"),
        ([[0.0, 1.0]], [-1], (), "labels: -1 is none of 0 to 3"),
        ([[0.0, 1.0]], [2], ("a", "b"), "not one for each of 3 classes"),
        (
            np.zeros((MOST_POINTS + 1, 2)),
            np.zeros(MOST_POINTS + 1, int),
            (),
            "X: 100001 points, above the limit 100000",
        ),
    ],
)
def test_points_that_make_no_sense_are_refused(X: Any, labels: Any, names: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        LabelledPoints(X, np.array(labels), names)
