"""Optimal transport between point sets, against all permutations and against shifts."""

from __future__ import annotations

import itertools
import threading
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from models.flows import finish

from nodeviz.models.transport import optimal_partners, square_distances, wasserstein2, wasserstein2_steps

if TYPE_CHECKING:
    from collections.abc import Generator


@given(st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_no_permutation_is_cheaper(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, 2)), rng.normal(size=(n, 2))
    cost = square_distances(x, y)
    np.testing.assert_allclose(cost, np.square(x[:, None] - y).sum(axis=-1))
    chosen = optimal_partners(x, y)
    assert sorted(chosen) == list(range(n))
    least = min(cost[range(n), order].sum() for order in itertools.permutations(range(n)))
    assert cost[range(n), chosen].sum() == pytest.approx(least)
    assert wasserstein2(x, y) ** 2 == pytest.approx(least / n)


@given(st.floats(-5, 5), st.floats(-5, 5), st.integers(0, 2**32 - 1))
def test_a_shift_is_as_far_as_it_is_long(dx: float, dy: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(40, 2))
    assert wasserstein2(x, rng.permutation(x + np.array([dx, dy]))) == pytest.approx(np.hypot(dx, dy), abs=1e-7)


def test_the_floor_of_two_draws_falls_with_their_size() -> None:
    rng = np.random.default_rng(0)
    floors = [wasserstein2(rng.normal(size=(n, 2)), rng.normal(size=(n, 2))) for n in (20, 80, 320)]
    assert floors[0] > floors[1] > floors[2] > 0.0


def test_points_that_are_lost_are_no_distance() -> None:
    x = np.zeros((5, 2))
    assert np.isnan(wasserstein2(x, np.full((5, 2), np.nan)))
    assert np.isnan(finish(wasserstein2_steps(np.full((5, 2), np.inf), x)))


@pytest.mark.alone
def test_the_generator_yields_while_a_thread_works() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(500, 2)), rng.normal(size=(500, 2))
    gaps: list[float] = []

    def timed() -> Generator[None, None, float]:
        steps = wasserstein2_steps(x, y)
        while True:
            started = perf_counter()
            try:
                next(steps)
            except StopIteration as stop:
                return stop.value
            gaps.append(perf_counter() - started)
            yield

    assert finish(timed()) == wasserstein2(x, y)
    assert len(gaps) > 3
    assert np.median(gaps) < 0.01


def test_abandoned_it_leaves_no_thread() -> None:
    rng = np.random.default_rng(2)
    steps = wasserstein2_steps(rng.normal(size=(400, 2)), rng.normal(size=(400, 2)))
    next(steps)
    steps.close()
    assert "wasserstein2" not in {thread.name for thread in threading.enumerate()}
