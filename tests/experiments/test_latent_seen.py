"""What a model sees of a series: held out, thinned and grouped, in an order that edits hardly change."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeviz.experiments.latent_data import Given
from nodeviz.experiments.latent_seen import Seen, see
from nodeviz.problems.series import Series

from .latent_runs import params_of, random_points


def seen(points: Any, channels: int = 1, own: bool = True, **changes: Any) -> Seen:
    rows = np.asarray(points, float)
    series = Series(rows[:, 0], rows[:, 1:])
    return see(Given(series=series, title="", own=own), params_of(**changes), channels, seed=1)


@given(st.integers(2, 60), st.floats(0.05, 0.9), st.floats(0.0, 1.0), st.sampled_from(["random", "last"]))
def test_every_observation_is_used_or_held_out_or_thinned_away(n: int, share: float, thin: float, holdout: str) -> None:
    found = seen(random_points(n), holdout=holdout, holdout_share=share, thin=thin)
    used, held = found.view.used, found.view.held
    assert not (used & held).any()
    assert held.sum() == min(n - 1, round(share * n))
    assert used.sum() == found.n_used == round(thin * (n - held.sum()))
    assert found.batch.mask.sum() == used.sum()
    assert len(found.held_s) == held.sum()
    if holdout == "last" and held.any():
        assert held[-held.sum() :].all()


def test_a_point_that_is_added_changes_at_most_one_that_is_held_out() -> None:
    points = random_points(20)
    before = seen(points, holdout="random", holdout_share=0.3)
    held = set(before.view.t[before.view.held])
    for t in np.linspace(0.01, 0.99, 12):
        after = seen([*points, [t, 0.0]], holdout="random", holdout_share=0.3)
        assert len(held - set(after.view.t[after.view.held])) <= 1


@pytest.mark.parametrize(("channels", "groups", "size"), [(1, 3, 1), (2, 2, 2), (3, 1, 3), (4, 1, 4)])
def test_channels_are_parted_into_groups_as_wide_as_the_model(channels: int, groups: int, size: int) -> None:
    found = seen(random_points(5, channels=3), channels)
    assert (found.batch.batch, found.batch.channels) == (groups, size)
    assert found.batch.mask.sum() == 15
    assert found.separate == (groups > 1)


def test_the_view_stays_the_same_while_points_move_within_it() -> None:
    points = random_points(9)
    view = seen(points).view.view
    moved = points.copy()
    moved[4] = [0.5, 0.3]
    np.testing.assert_array_equal(seen(moved).view.view, view)
    assert view[0] < 0.0
    assert view[1] == pytest.approx(1.5)


def test_data_from_elsewhere_have_their_window_from_first_to_last() -> None:
    found = seen(random_points(9) * [10.0, 1.0] + [1950.0, 0.0], own=False)
    np.testing.assert_allclose(found.view.window, found.view.observed)
    assert found.batch.times.min() == 0.0
    assert found.batch.times.max() == pytest.approx(1.0)


def test_interpolation_lies_between_what_is_used() -> None:
    found = seen(random_points(12), holdout="last", holdout_share=0.25)
    places = found.places(found.held_s)
    assert places.outside.all()
    assert not places.inside.any()
    assert seen(np.empty((0, 2))).places(np.array([0.5])).outside.all()
