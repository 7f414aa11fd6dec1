"""Points of the plane as a parameter: what is taken for points, what is refused, and the way back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeviz.experiments.cloud_kind import Cloud
from nodeviz.experiments.params import ParamError

KIND = Cloud(least=3, most=50)
coordinate = st.floats(-1e6, 1e6)


@given(st.lists(st.tuples(coordinate, coordinate), min_size=3, max_size=50))
def test_text_json_and_arrays_say_the_same_points(rows: list[tuple[float, float]]) -> None:
    points = KIND.coerce("points", rows, None)
    assert points.X.tolist() == [[x + 0.0, y + 0.0] for x, y in rows]
    for other in (KIND.to_text(points), KIND.to_json(points), np.array(rows), points, iter(rows)):
        assert KIND.coerce("points", other, None) == points


@pytest.mark.parametrize("nothing", [None, "", " ; ", [], (), np.empty((0, 2))])
def test_there_may_be_none(nothing: Any) -> None:
    assert len(KIND.coerce("points", nothing, None)) == 0


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ([[1, 2], [3, 4]], "points: 2 points, below the limit 3; give 3 or more"),
        (np.zeros((51, 2)), "points: 51 points, above the limit 50; use a part of them"),
        (np.zeros((9, 3)), r"points: X has shape \(9, 3\); it must be \(N, 2\)"),
        ([[1, 2], [3], [4, 5]], "points: X: not an array of numbers"),
        ([[0, 1e9]] * 4, r"points: X\[0, 1\]=1e\+09: not within ±1e\+06"),
        ([[0, float("nan")]] * 4, r"points: X\[0, 1\]=nan: not within"),
        ("1,2; 3,4; 5", "points=5: not two numbers; write x,y; x,y as in 2,0; 1,1"),
        ("1,2; 3,4; 5,a", "points=a: not a number"),
        (3, "points=3: not points"),
        (np.array(3.0), r"points=array\(3.\): not points"),
    ],
)
def test_what_is_no_cloud_of_points_is_refused_in_one_sentence(value: Any, sentence: str) -> None:
    with pytest.raises(ParamError, match=sentence) as caught:
        KIND.coerce("points", value, None)
    assert "\n" not in str(caught.value)
