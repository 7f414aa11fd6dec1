"""Strokes of the brush: each is a function of its touches alone, so that its line of Python repeats it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeviz.app.brush import MOST, SPACING, erased, extend, painted, read_places, sprayed
from nodeviz.experiments.params import ParamError
from nodeviz.problems.labelled import LabelledPoints

coordinates = st.floats(-5, 5)
radii = st.floats(0.05, 0.6)


@given(st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=12), radii)
def test_touches_are_evenly_spaced_and_reach_the_end(way: list[tuple[float, float]], radius: float) -> None:
    places: list[tuple[float, float]] = []
    for point in way:
        extend(places, point, radius)
    steps = np.hypot(*np.diff(np.array(places), axis=0).T) if len(places) > 1 else np.array([SPACING * radius])
    np.testing.assert_allclose(steps, SPACING * radius, atol=2e-4)
    assert np.hypot(*np.subtract(places[-1], way[-1])) <= SPACING * radius


@given(st.lists(st.tuples(coordinates, coordinates), min_size=2, max_size=8), radii)
def test_the_pointer_may_stop_on_its_way(way: list[tuple[float, float]], radius: float) -> None:
    whole: list[tuple[float, float]] = []
    for point in way:
        extend(whole, point, radius)
    again = list(whole)
    extend(again, way[-1], radius)
    assert again == whole


def test_a_stroke_across_a_view_far_wider_than_the_brush_ends() -> None:
    places: list[tuple[float, float]] = []
    extend(places, (0.0, 0.0), 0.05)
    extend(places, (1e6, 1e6), 0.05)
    assert len(places) == MOST


@given(st.integers(1, 20), radii, st.integers(1, 9))
def test_sprayed_points_lie_within_reach_and_apart(n: int, radius: float, count: int) -> None:
    places = np.arange(2.0 * n).reshape(n, 2)
    points = sprayed(places, radius, count)
    away = np.linalg.norm(points.reshape(n, count, 2) - places[:, None], axis=2)
    assert away.max() <= radius
    assert len(np.unique(points, axis=0)) == n * count


def test_what_was_painted_is_added_and_can_be_erased() -> None:
    before = LabelledPoints(np.array([[0.0, 0.0], [3.0, 3.0]]), np.array([0, 1]))
    places = np.array([[1.0, 1.0]])
    after = painted(before, 1, places, 0.2, 4)
    assert len(after) == 6
    np.testing.assert_array_equal(after.X[:2], before.X)
    assert after.labels[2:].tolist() == [1] * 4
    assert painted(before, 1, places, 0.2, 4) == after
    assert erased(after, places, 0.2) == before


def test_a_new_class_beyond_those_with_names_takes_the_names_away() -> None:
    before = LabelledPoints(np.array([[0.0, 0.0], [3.0, 3.0]]), np.array([0, 1]), ("cat", "dog"))
    place = np.array([[1.0, 1.0]])
    assert painted(before, 1, place, 0.1, 1).names == ("cat", "dog")
    assert painted(before, 2, place, 0.1, 1).names == ("0", "1", "2")
    assert painted(None, 3, place, 0.1, 2).labels.tolist() == [3, 3]


def test_the_last_points_stay() -> None:
    with pytest.raises(ParamError, match="cannot be erased"):
        erased(LabelledPoints(np.zeros((2, 2)), np.array([0, 1])), np.zeros((1, 2)), 0.5)


@pytest.mark.parametrize("bad", ["abc", [], [1.0], [[1.0, 2.0, 3.0]], [[np.nan, 0.0]], [[1, 2], [3]], None, 3.0])
def test_places_that_are_none_are_refused_in_a_sentence(bad: object) -> None:
    with pytest.raises(ParamError, match="not a place"):
        read_places(bad)


def test_one_place_or_several_are_read() -> None:
    assert read_places((1, 2)).tolist() == [[1.0, 2.0]]
    assert read_places([(1, 2), (3, 4)]).tolist() == [[1.0, 2.0], [3.0, 4.0]]
