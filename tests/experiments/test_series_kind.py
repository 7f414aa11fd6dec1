"""Observations as a parameter: what is taken for them, what is refused, and the way back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeviz.experiments.params import ParamError
from nodeviz.experiments.series_kind import Observed
from nodeviz.problems.series import MOST_ROWS, Series

KIND = Observed()
number = st.floats(-1e6, 1e6)


@given(st.lists(st.tuples(number, number, st.none() | number), min_size=1, max_size=30))
def test_text_json_and_arrays_say_the_same_observations(rows: list[tuple[float, float, float | None]]) -> None:
    series = KIND.coerce("points", rows, None)
    assert sorted(series.t.tolist()) == series.t.tolist() == sorted(t for t, _, _ in rows)
    array = np.array(rows, np.float64)
    for other in (KIND.to_text(series), KIND.to_json(series), array, series, iter(rows)):
        assert KIND.coerce("points", other, None) == series


def test_a_missing_value_is_left_empty_and_comes_back() -> None:
    series = KIND.coerce("points", "0.1,,2; 0.4,0.3,", None)
    assert np.isnan(series.y).tolist() == [[True, False], [False, True]]
    assert KIND.to_text(series) == "0.1,,2; 0.4,0.3,"


@pytest.mark.parametrize("nothing", [None, "", " ; ", [], (), np.empty((0, 2))])
def test_there_may_be_none(nothing: Any) -> None:
    assert len(KIND.coerce("points", nothing, None)) == 0


def test_a_series_is_its_times_and_values_alone() -> None:
    named = Series(np.array([0.5, 0.1]), np.array([1.0, 2.0]), ("flow",), np.array([True, False]), "date", "Said.")
    plain = KIND.coerce("points", named, None)
    assert plain == KIND.coerce("points", "0.1,2; 0.5,1", None)
    assert (plain.names, plain.unit, plain.note, plain.held.any()) == (("y",), "", "", False)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("0.1", "points: observation 1 has 1 of 2 numbers; write t,y; t,y as in 0.1,1.2; 0.4,0.3"),
        ("0.1,1; 0.2,1,3", "points: observation 2 has 3 of 2 numbers"),
        ("0.1,a", "points=a: not a number"),
        ("nan,1", "points=nan: not a finite number"),
        ("0.1,1e301", r"points: y\[0, 0\]=1e\+301: not within ±1e\+300"),
        ("1e21,1", r"points: t\[0\]=1e\+21: not within ±1e\+20"),
        (np.zeros((MOST_ROWS + 1, 2)), f"points: {MOST_ROWS + 1} observations, above the limit {MOST_ROWS}"),
        (np.zeros(3), "points=array"),
        (3, "points=3: not observations"),
        ([[0.1] + [1.0] * 9], "points: y has shape"),
    ],
)
def test_what_is_no_observation_is_refused_in_one_sentence(value: Any, sentence: str) -> None:
    with pytest.raises(ParamError, match=sentence) as caught:
        KIND.coerce("points", value, None)
    assert "\n" not in str(caught.value)


def test_a_hundred_thousand_observations_are_read() -> None:
    rows = np.column_stack([np.arange(MOST_ROWS, dtype=float), np.ones(MOST_ROWS)])
    assert len(KIND.coerce("points", rows, None)) == MOST_ROWS
