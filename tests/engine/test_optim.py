"""Optimisers against their published recurrences, schedules, and clipping."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeviz.engine.optim import OPTIMIZERS, SCHEDULES, SGD, Adam, clip


def gradients(n_steps: int = 7, n: int = 5) -> np.ndarray:
    return np.random.default_rng(3).normal(size=(n_steps, n)) * np.geomspace(1e-6, 1e3, n)


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_adam_follows_algorithm_1(weight_decay: float) -> None:
    theta = np.linspace(-1.0, 1.0, 5)
    expected, m, v = theta.copy(), np.zeros(5), np.zeros(5)
    optimizer = Adam(5, np.float64, weight_decay=weight_decay)
    for t, g in enumerate(gradients(), start=1):
        lr = 0.01 * t
        m = 0.9 * m + (1 - 0.9) * g
        v = 0.999 * v + (1 - 0.999) * g**2
        expected = expected - lr * weight_decay * expected
        expected -= lr * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        optimizer.step(theta, g, lr)
        np.testing.assert_allclose(theta, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("momentum", [0.0, 0.8])
def test_descent_with_momentum_follows_its_recurrence(weight_decay: float, momentum: float) -> None:
    theta = np.linspace(-1.0, 1.0, 5)
    expected, velocity = theta.copy(), np.zeros(5)
    optimizer = SGD(5, np.float64, momentum=momentum, weight_decay=weight_decay)
    for t, g in enumerate(gradients(), start=1):
        lr = 1e-4 * t
        velocity = momentum * velocity + g
        expected = (1 - lr * weight_decay) * expected - lr * velocity
        optimizer.step(theta, g, lr)
        np.testing.assert_allclose(theta, expected, rtol=1e-12)


@given(st.floats(1e-4, 1e4), st.lists(st.floats(-1e3, 1e3).filter(lambda g: abs(g) > 1e-3), min_size=1, max_size=5))
def test_adam_does_not_feel_the_scale_of_the_gradient(scale: float, grad: list[float]) -> None:
    one, other = np.zeros(len(grad)), np.zeros(len(grad))
    first, second = Adam(len(grad), np.float64, eps=0.0), Adam(len(grad), np.float64, eps=0.0)
    for k in range(1, 4):
        first.step(one, np.array(grad) * k, 0.1)
        second.step(other, np.array(grad) * k * scale, 0.1)
    np.testing.assert_allclose(one, other, rtol=1e-9)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_bowl_is_descended_in_place_at_its_own_precision(name: str) -> None:
    _, make = OPTIMIZERS[name]
    optimizer = make(3, np.float32)
    storage = np.ones(5, np.float32)
    theta = storage[1:4]  # a view, as the parts of a model are
    theta[:] = [3.0, -2.0, 1.0]
    for _ in range(400):
        grad = 2 * theta
        kept = grad.copy()
        optimizer.step(theta, grad, 0.02)
        np.testing.assert_array_equal(grad, kept)
    assert theta.dtype == np.float32
    assert np.abs(theta).max() < 1e-2
    np.testing.assert_array_equal(storage[[0, 4]], 1.0)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_weight_decay_may_change_between_steps_and_never_turns_parameters_over(name: str) -> None:
    _, make = OPTIMIZERS[name]
    optimizer = make(1, np.float64)
    theta = np.array([8.0])
    optimizer.step(theta, np.zeros(1), 0.5)
    assert theta == 8.0
    optimizer.weight_decay = 1.0
    optimizer.step(theta, np.zeros(1), 0.5)
    assert theta == 4.0
    optimizer.step(theta, np.zeros(1), 1e6)
    assert theta == 0.0


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8), st.floats(1e-3, 1e3))
def test_clipping_keeps_the_direction_and_bounds_the_length(values: list[float], most: float) -> None:
    grad = np.array(values)
    before = grad.copy()
    norm = clip(grad, most)
    assert norm == pytest.approx(np.linalg.norm(before), rel=1e-12)
    assert np.linalg.norm(grad) <= most * (1 + 1e-12) or norm <= most
    np.testing.assert_allclose(grad * max(1.0, norm / most), before, rtol=1e-9, atol=1e-300)


@pytest.mark.parametrize(("value", "norm"), [(np.nan, np.nan), (np.inf, np.inf), (1e30, np.inf)])
def test_a_gradient_that_must_not_be_followed_is_told_by_its_norm(value: float, norm: float) -> None:
    grad = np.array([1.0, value], np.float32)
    kept = grad.copy()
    np.testing.assert_equal(clip(grad, 1.0), norm)
    np.testing.assert_array_equal(grad, kept)


def test_no_limit_clips_nothing() -> None:
    grad = np.array([3.0, 4.0])
    assert clip(grad, np.inf) == 5.0
    np.testing.assert_array_equal(grad, [3.0, 4.0])


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_start_at_one_and_only_fall_but_not_to_zero(name: str) -> None:
    factors = [SCHEDULES[name].factor(done) for done in np.linspace(0.0, 1.5, 61)]
    assert factors[0] == 1.0
    assert all(late <= early for early, late in pairwise(factors))
    assert min(factors) == factors[-1] > 0.0


def test_schedules_at_known_points() -> None:
    assert SCHEDULES["constant"].factor(0.7) == 1.0
    assert SCHEDULES["cosine"].factor(0.5) == pytest.approx(0.505)
    assert SCHEDULES["cosine"].factor(1.0) == SCHEDULES["cosine"].factor(3.0) == pytest.approx(0.01)
    assert [SCHEDULES["step"].factor(done) for done in (0.49, 0.5, 0.75, 2.0)] == [1.0, 0.1, 0.01, 0.01]
