"""Series and the units of models: what is kept, what is refused, and that the way there and back is the identity."""

from __future__ import annotations

import math
import re
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nodeviz.problems.series import (
    LARGEST,
    MOST_ROWS,
    MOST_USED,
    Scaling,
    Series,
    no_series,
    observations,
    scaling_of,
    series_of,
)

TIMES = st.floats(-1e20, 1e20)
VALUES = st.floats(-1e300, 1e300)


@st.composite
def some_series(draw: Any, least: int = 0) -> Series:
    n, channels = draw(st.integers(least, 20)), draw(st.integers(1, 3))
    t = draw(hnp.arrays(np.float64, n, elements=TIMES))
    y = draw(hnp.arrays(np.float64, (n, channels), elements=VALUES))
    missing = draw(hnp.arrays(np.bool_, (n, channels)))
    missing[:, draw(st.integers(0, channels - 1))] = False
    held = draw(hnp.arrays(np.bool_, n))
    return Series(t, np.where(missing, np.nan, y), held=held)


# Series --------------------------------------------------------------------------------------------------------------


@given(some_series())
def test_rows_are_in_the_order_of_their_times_and_stay_whole(series: Series) -> None:
    assert (np.diff(series.t) >= 0).all()
    order = np.random.default_rng(0).permutation(len(series))
    again = Series(series.t[order], series.y[order], series.names, series.held[order])
    np.testing.assert_array_equal(again.t, series.t)
    if len(np.unique(series.t)) == len(series):
        assert again == series
        assert hash(again) == hash(series)


@given(some_series())
def test_a_series_of_the_same_rows_is_the_same(series: Series) -> None:
    again = Series(series.t.copy(), series.y.copy(), series.names, series.held.copy(), note="other")
    assert again == series
    assert len({again, series}) == 1
    for values in (series.t, series.y, series.held):
        assert not values.flags.writeable


def test_equal_times_stay_in_the_order_given() -> None:
    series = Series([1.0, 0.0, 1.0, 0.0], [1.0, 2.0, 3.0, 4.0])
    np.testing.assert_array_equal(series.y[:, 0], [2.0, 4.0, 1.0, 3.0])


@pytest.mark.parametrize(
    "other",
    [
        Series([0.0, 1.0], [1.0, 3.0]),
        Series([0.0, 2.0], [1.0, 2.0]),
        Series([0.0, 1.0], [1.0, 2.0], ("level",)),
        Series([0.0, 1.0], [1.0, 2.0], held=[False, True]),
        Series([0.0, 1.0], [1.0, 2.0], unit="date"),
        Series([0.0, 1.0], [[1.0, np.nan], [2.0, np.nan]]),
        no_series(),
        "series",
    ],
)
def test_another_content_is_another_series(other: object) -> None:
    assert Series([0.0, 1.0], [1.0, 2.0]) != other


def test_names_of_channels() -> None:
    assert Series([0.0], [1.0]).names == ("y",)
    assert Series([0.0], [[1.0, 2.0]]).names == ("y1", "y2")
    assert Series([0.0], [[1.0, 2.0]], (" north;  south", "b" * 60)).names == ("north south", "b" * 40)


def test_editing_gives_another_series_and_keeps_the_rest() -> None:
    series = Series([0.0, 1.0], [1.0, 2.0], ("level",), [False, True], "date", "A note.")
    more = series.added(0.5, 7.0)
    np.testing.assert_array_equal(more.t, [0.0, 0.5, 1.0])
    np.testing.assert_array_equal(more.held, [False, False, True])
    assert (more.names, more.unit, more.note) == (("level",), "date", "A note.")
    assert more.removed(1) == series
    assert series.moved(0, 0.5, [7.0]) == more.removed(0)
    assert series.added(0.0, 9.0).y[:, 0].tolist() == [1.0, 9.0, 2.0]
    assert no_series(2).added(0.0, (1.0, np.nan)).channels == 2
    assert series.with_held([True, False]).held.tolist() == [True, False]


def test_one_channel_alone_has_no_missing_values() -> None:
    series = Series([0.0, 1.0, 2.0], [[1.0, np.nan], [np.nan, 5.0], [2.0, 6.0]], ("a", "b"), [False, True, True])
    alone = series.channel(1)
    assert alone == Series([1.0, 2.0], [5.0, 6.0], ("b",), [True, True])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"t": [[0.0]], "y": [1.0]}, "t has shape (1, 1); it must be (n,), a time for every observation"),
        ({"t": ["a"], "y": [1.0]}, "t: not an array of numbers; give a number for every observation"),
        ({"t": [0.0], "y": [[[1.0]]]}, "y has shape (1, 1, 1); it must be (n, C), C from 1 to 8"),
        ({"t": [0.0], "y": np.ones((1, 9))}, "y has shape (1, 9); it must be (n, C), C from 1 to 8"),
        ({"t": [0.0], "y": [1.0, 2.0]}, "y has 2 rows for 1 times; give one for every time"),
        ({"t": [math.nan], "y": [1.0]}, "t[0]=nan: not within ±1e+20"),
        ({"t": [1e21], "y": [1.0]}, "t[0]=1e+21: not within ±1e+20; leave the row out or count from another time"),
        ({"t": [0.0, 1.0], "y": [1.0, math.inf]}, "y[1, 0]=inf: not within ±1e+300; leave the value out"),
        ({"t": [0.0, 1.0], "y": [1.0, math.nan]}, "y[1]: no value in any channel; leave the row out"),
        ({"t": [0.0], "y": [1.0], "names": ("a", "b")}, "names=('a', 'b'): not one of its own for each of 1 channels"),
        ({"t": [0.0], "y": [[1.0, 2.0]], "names": ("a", "a")}, "not one of its own for each of 2 channels"),
        ({"t": [0.0], "y": [1.0], "names": (" ",)}, "not one of its own for each of 1 channels; give each a name"),
        ({"t": [0.0], "y": [1.0], "held": [True, False]}, "held has shape (2,) for 1 times"),
        ({"t": [0.0], "y": [1.0], "unit": "days"}, "unit='days': neither '' nor 'date'; use 'date' for decimal years"),
        ({"t": np.zeros(MOST_ROWS + 1), "y": np.zeros(MOST_ROWS + 1)}, "t: 100001 rows, above the limit 100000"),
    ],
)
def test_what_is_refused_and_why(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        Series(**arguments)


def test_edits_that_do_not_fit_are_refused() -> None:
    series = Series([0.0], [1.0])
    with pytest.raises(ValueError, match=re.escape("i=1: no point of that number; use 0 to 0")):
        series.removed(1)
    with pytest.raises(ValueError, match=re.escape("i=0: no point of that number; there is no point left")):
        no_series().removed(0)
    with pytest.raises(ValueError, match=re.escape("y has shape (2,); give 1 values, one for every channel")):
        series.added(0.0, (1.0, 2.0))


def test_rows_without_a_time_or_a_value_are_left_out_and_said() -> None:
    series = series_of([0.0, np.nan, 1.0, 2.0], [1.0, 2.0, np.nan, 4.0], prefix="given: ")
    assert series == Series([0.0, 2.0], [1.0, 4.0])
    assert series.note == "given: 2 rows without a time or a value left out."


@pytest.mark.parametrize(
    ("t", "y", "note"),
    [
        ([0, 0, 1], [1, 2, 3], "1 row at the time of another."),
        ([0, 1, 2], [5, 5, 5], "y is 5 everywhere."),
        ([0, 1, 2], [[1, None], [2, None], [3, None]], "y2 has no value."),
        ([0, 1, 2], [1, 2, 3], ""),
        ([0], [5], ""),
        ([], [], ""),
    ],
)
def test_what_is_peculiar_is_said(t: Any, y: Any, note: str) -> None:
    assert series_of(t, y).note == note


@pytest.mark.parametrize(
    ("t", "y", "message"),
    [
        (0.0, 1.0, "t has shape () and y (); give (n,) and (n,) or (n, C)"),
        ([0.0], [1.0, 2.0], "t has shape (1,) and y (2, 1)"),
        (["1 May"], [1.0], "t: not an array of numbers"),
        ([0.0], [[1.0], [2.0, 3.0]], "y: not an array of numbers; give one or more numbers for every observation"),
        ([10**400], [1.0], "t: not an array of numbers"),
    ],
)
def test_arrays_that_are_no_series(t: Any, y: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        series_of(t, y)


# The units of models -------------------------------------------------------------------------------------------------


@given(some_series(least=1), st.booleans())
def test_the_way_to_a_model_and_back_is_the_identity(series: Series, own: bool) -> None:
    scaling = scaling_of(series, own=own)
    s, x = scaling.to_model(series.t, series.y)
    assert np.isfinite(s).all()
    # A value held out may be so far beyond those seen that their units cannot tell how far.
    told = np.abs(x) < LARGEST
    t, y = scaling.from_model(s, np.where(told, x, 0.0))
    np.testing.assert_allclose(t, series.t, rtol=1e-12, atol=1e-12 * np.abs(series.t).max() + 1e-30)
    size = np.maximum(np.maximum(np.abs(scaling.centre), scaling.scale), np.where(told, np.abs(series.y), 0.0))
    assert (np.abs(y - np.where(told, series.y, y)) <= 1e-12 * size).all()


@given(some_series(), st.booleans())
def test_a_model_sees_numbers_that_it_can_take(series: Series, own: bool) -> None:
    seen = observations(series, own=own, most=7)
    assert len(seen.rows) == len(seen.s) == len(seen.x) <= 7
    assert not series.held[seen.rows].any()
    assert ((seen.s >= 0) & (seen.s <= 1)).all()
    assert (np.diff(seen.s) >= 0).all()
    known = seen.x[~np.isnan(seen.x)]
    # One of ten values at the end of 40 ranges of the middle four fifths.
    assert (np.abs(known) <= 1e3).all()
    assert not np.isnan(seen.x).all(axis=1).any()


def test_the_families_own_units_stay() -> None:
    series = Series([0.0, 0.25, 1.0], [-4.0, 0.1, 4.0])
    seen = observations(series)
    np.testing.assert_array_equal(seen.s, series.t)
    np.testing.assert_array_equal(seen.x, series.y)
    other = observations(series, own=False)
    np.testing.assert_allclose(other.x.std(), 1.0)


@pytest.mark.parametrize("times", [[1.6], [1.6, 1.6001], [0.7, 0.7, 1.2]])
def test_the_first_clicks_are_seen_from_zero_on_however_close_they_are(times: list[float]) -> None:
    values = [5.0] * len(times)
    scaling = observations(Series(times, values)).scaling
    assert (scaling.t_shift, scaling.t_scale) == (0.0, max(1.0, times[-1]))
    # Data from elsewhere, and what lies far away, are brought to the window all the same.
    elsewhere = scaling_of(Series([1.6, 1.6001], [5.0, 6.0]), own=False)
    assert elsewhere.t_scale == pytest.approx(1e-4)
    assert scaling_of(Series([2020.0, 2020.5], [5.0, 6.0])).t_shift == 2020.0


@pytest.mark.parametrize("series", [no_series(), Series([5.0], [7.0], held=[True])])
def test_without_an_observation_the_units_stay(series: Series) -> None:
    for own in (True, False):
        seen = observations(series, own=own)
        assert seen.x.shape == (0, 1)
        s, x = seen.scaling.to_model(0.5, 2.0)
        assert (float(s), x.tolist()) == (0.5, [2.0])


def test_data_are_brought_to_the_window_of_those_observed() -> None:
    t = np.array([1990.0, 1995.0, 2000.0, 2010.0])
    series = Series(t, [300.0, 310.0, 320.0, 900.0], held=[False, False, False, True])
    seen = observations(series)
    np.testing.assert_allclose(seen.s, [0.0, 0.5, 1.0])
    np.testing.assert_allclose(seen.x.mean(), 0.0, atol=1e-12)
    np.testing.assert_allclose(seen.x.std(), 1.0)
    np.testing.assert_allclose(seen.scaling.to_model(2010.0, 310.0)[0], 2.0)


def test_channels_have_their_own_units_and_missing_values_do_not_count() -> None:
    series = Series([0.0, 10.0, 20.0], [[1.0, 1e6], [2.0, np.nan], [3.0, 3e6]])
    seen = observations(series)
    np.testing.assert_allclose(seen.x[:, 0], [-(1.5**0.5), 0.0, 1.5**0.5])
    np.testing.assert_allclose(seen.x[:, 1], [-1.0, np.nan, 1.0])


@pytest.mark.parametrize("size", [5.0, -5.0, 1e300, 1e-300])
def test_a_constant_series_has_its_size_as_its_scale(size: float) -> None:
    scaling = scaling_of(Series([0.0, 1.0, 2.0], [size, size, size]), own=False)
    assert scaling.centre.tolist() == [size]
    assert scaling.scale.tolist() == [abs(size)]
    assert scaling.note == f"y is {size:g} everywhere, so that its size is its scale."


def test_a_series_of_zeros_has_scale_one() -> None:
    scaling = scaling_of(Series([0.0, 1.0, 2.0], [0.0, 0.0, 0.0]), own=False)
    assert (scaling.centre.tolist(), scaling.scale.tolist()) == ([0.0], [1.0])


@pytest.mark.parametrize("times", [(7.0, 7.0), (1e17, 1e17 + 16), (1e20, 1e20 - 16384), (1e-300, 2e-300)])
def test_times_that_are_the_same_are_not_torn_apart(times: tuple[float, float]) -> None:
    seen = observations(Series(times, [8.0, 9.0]))
    assert seen.scaling.t_scale >= 1.0
    assert ((seen.s >= 0) & (seen.s <= 1)).all()


def test_huge_values_overflow_nowhere() -> None:
    for y in ([1e300, -1e300], [LARGEST] * 3, [1e300, 1.0, 2.0], np.full(1000, 1e300) * np.linspace(-1, 1, 1000)):
        seen = observations(Series(np.arange(len(y)), y))
        assert np.isfinite(seen.x).all()
        assert np.abs(seen.x).max() < 10


def test_a_value_far_from_all_others_is_left_out_and_said() -> None:
    y = np.sin(np.arange(20.0))
    y[7] = 1e300
    seen = observations(Series(np.arange(20.0), y))
    assert 7 not in seen.rows
    assert len(seen.rows) == 19
    assert seen.note == "1 value far from all others left out."
    np.testing.assert_allclose(seen.x.std(), 1.0)


def test_a_value_out_of_reach_is_finite_in_the_units_of_tiny_ones() -> None:
    y = 1e-200 * np.sin(np.arange(20.0))
    y[7] = 1e300
    scaling = scaling_of(Series(np.arange(20.0), y), own=False)
    _, x = scaling.to_model(7.0, [1e300])
    assert x.tolist() == [LARGEST]
    np.testing.assert_allclose(scaling.from_model(*scaling.to_model(3.0, y[3]))[1], y[3])


def test_pulses_of_a_quiet_series_are_no_outliers() -> None:
    y = np.zeros(40)
    y[::4] = 1.0
    assert len(observations(Series(np.arange(40.0), y)).rows) == 40
    assert len(observations(Series(np.arange(40.0), y * (np.arange(40) == 8))).rows) == 40


def test_many_rows_are_thinned_evenly_quickly_and_said() -> None:
    t = np.linspace(0.0, 10.0, MOST_ROWS)
    start = time.perf_counter()
    seen = observations(Series(t, np.sin(t)))
    assert time.perf_counter() - start < 1.0
    assert len(seen.rows) == MOST_USED
    assert (seen.rows[0], seen.rows[-1]) == (0, MOST_ROWS - 1)
    assert np.ptp(np.diff(seen.rows)) <= 1
    assert seen.note == "500 of 100000 observations used, evenly chosen."


def test_a_scaling_keeps_the_shape_of_a_curve() -> None:
    scaling = Scaling(
        t_shift=1.0, t_scale=2.0, centre=np.array([1.0, 2.0]), scale=np.array([3.0, 4.0]), reach=np.zeros((2, 2))
    )
    t, y = scaling.from_model(np.zeros(5), np.ones((7, 5, 2)))
    assert (t.shape, y.shape) == ((5,), (7, 5, 2))
    np.testing.assert_array_equal(y[0, 0], [4.0, 6.0])
