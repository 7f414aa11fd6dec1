"""Labelled points as a parameter: what is taken, what is refused, and the way back from text and JSON."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeviz.experiments.params import Labelled, ParamError
from nodeviz.problems.labelled import LabelledPoints, label_points, no_points

KIND = Labelled(most=50, classes=4)
PLAIN = LabelledPoints(np.array([[2.0, 0.0], [1.0, 1.5]]), np.array([1, 0]))
NAMED = LabelledPoints(PLAIN.X, PLAIN.labels, ("inner", "outer"))

coordinates = st.floats(-1e6, 1e6)
classes = st.one_of(
    st.just(()),
    st.lists(
        st.text(alphabet="abXY019+-. é", min_size=1).filter(lambda text: text.strip().lower() not in {"", "na", "nan"}),
        min_size=4,
        max_size=4,
    ),
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2,0,1; 1,1.5,0", PLAIN),
        (" 2 , 0 , 1 ;1,1.5,0;", PLAIN),
        ("2,0,outer; 1,1.5,inner", NAMED),
        ("2,0,'outer'; 1,1.5,\"inner\"", NAMED),
        ([[2, 0, 1], [1, 1.5, 0]], PLAIN),
        ([(2, 0, 1.0), (1, 1.5, False)], PLAIN),
        ([[2, 0, "outer"], [1, 1.5, "inner"]], NAMED),
        ((PLAIN.X, np.array([1, 0])), PLAIN),
        ([PLAIN.X.tolist(), [1, 0]], PLAIN),
        ((PLAIN.X, ["outer", "inner"]), NAMED),
        (PLAIN, PLAIN),
        (NAMED, NAMED),
        ("", no_points()),
        (None, no_points()),
        ([], no_points()),
        ((), no_points()),
    ],
)
def test_what_people_give(value: object, expected: LabelledPoints) -> None:
    assert KIND.coerce("points", value, None) == expected


def test_other_numbers_are_classes_in_their_order_from_arrays_and_numbers_of_classes_in_rows() -> None:
    assert KIND.coerce("points", (PLAIN.X, [7, 3]), None) == label_points(PLAIN.X, [7, 3])
    rows = KIND.coerce("points", [[2, 0, 3], [1, 1.5, 1]], None)
    np.testing.assert_array_equal(rows.labels, [3, 1])
    assert rows.classes == 4


def test_a_single_class_may_be_painted_first() -> None:
    points = KIND.coerce("points", [[0, 0, 0], [1, 1, 0]], None)
    assert (len(points), points.classes) == (2, 2)


@given(st.lists(st.tuples(coordinates, coordinates, st.integers(0, 3)), max_size=12), classes)
def test_points_read_back_from_their_text_and_from_json(rows: list[Any], names: list[str]) -> None:
    X = np.array([row[:2] for row in rows], float).reshape(-1, 2)
    points = LabelledPoints(X, np.array([row[2] for row in rows], int), tuple(names))
    stored = KIND.coerce("points", points, None)
    assert KIND.coerce("points", KIND.to_text(stored), None) == stored
    assert KIND.coerce("points", json.loads(json.dumps(KIND.to_json(stored))), None) == stored


def test_text_and_json_are_what_one_would_write() -> None:
    assert KIND.to_text(PLAIN) == "2,0,1; 1,1.5,0"
    assert KIND.to_text(NAMED) == "2,0,outer; 1,1.5,inner"
    assert KIND.to_text(label_points(PLAIN.X, [7, 3])) == "2,0,'7'; 1,1.5,'3'"
    assert KIND.to_json(PLAIN) == [[2.0, 0.0, 1], [1.0, 1.5, 0]]
    assert KIND.to_json(NAMED) == [[2.0, 0.0, "outer"], [1.0, 1.5, "inner"]]
    assert KIND.to_text(no_points()) == ""
    assert KIND.limits() == "x,y,label; ... (none, or up to 50 points within ±1e6, of 4 classes at most)"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("1,2", "points: point 1 has 2 of 3 entries; write x,y,label as in 2,0,1"),
        ("1,2,0; 1,2,0,1", "points: point 2 has 4 of 3 entries"),
        ([1, 2, 0], "points: point 1 has 1 of 3 entries"),
        ("one,2,0", "points=one: not a number"),
        ("nan,2,0", "points=nan: not a finite number"),
        ("1,2e6,0", "points: X[0, 1]=2e+06: not within ±1e+06"),
        ("1,2,4", "points: labels: 4 is none of 0 to 3; number the classes from 0"),
        ([[1, 2, -1]], "points: labels: -1 is none of 0 to 3"),
        ([[1, 2, 10**30]], "none of 0 to 3"),
        ([[1, 2, None]], "label=None: not a number"),
        ([[1, 2, ""]], "give every class a name"),
        ("1,2,a;1,2,b;1,2,c;1,2,d;1,2,e", "points: 5 classes, above the limit 4; group some of them"),
        ("1,2,0;" * 51, "points: 51 points, above the limit 50; use a part of them"),
        ((np.zeros((51, 2)) + np.arange(51)[:, None], [0, 1, 0] * 17), "points: 51 points, above the limit 50"),
        (([[1, 2], [3, 4]], [0, 0]), "points: y has only the label '0'; give points of 2 to 4 classes"),
        (([[1, 2], [3, np.inf]], [0, 1]), "points: X[1, 1]=inf: not within"),
        (([[1, 2], [3]], [0, 1]), "points: X: not an array of numbers"),
        (3, "points=3: not points with labels; write x,y,label as in 2,0,1"),
    ],
)
def test_bad_values_get_one_sentence(value: object, message: str) -> None:
    with pytest.raises(ParamError) as caught:
        KIND.coerce("points", value, None)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_fewer_classes_may_be_asked_for() -> None:
    with pytest.raises(ParamError, match="points: 3 classes, above the limit 2"):
        Labelled(most=50, classes=2).coerce("points", [[0, 0, 2], [1, 1, 0]], None)


@pytest.mark.parametrize("value", [object(), b"x", True, {"a": None}, [None], [[None] * 3], [[1e400, 2, 0]], [[[1]]]])
def test_values_of_the_wrong_type_are_refused(value: object) -> None:
    with pytest.raises(ParamError):
        KIND.coerce("points", value, None)


@given(st.text(alphabet="0123456789.,;-+e '\"ab\n", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ParamError):
        points = KIND.coerce("points", text, None)
        assert KIND.coerce("points", KIND.to_text(points), None) == points
