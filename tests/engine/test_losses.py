"""Losses against differences and closed forms, far outside the comfortable range too."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeviz.engine.losses import LOSSES, bce, mse, softmax_cross_entropy

SHAPES = [(1, 7), (2, 7), (4, 9)]


def batch(n_outputs: int, n: int, scale: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n_outputs)
    return rng.normal(0.0, scale, (n_outputs, n)), rng.integers(0, max(2, n_outputs), n)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_cotangent_is_the_gradient_of_the_mean(name: str, shape: tuple[int, int]) -> None:
    evaluate = LOSSES[name].evaluate
    outputs, labels = batch(*shape)
    _, cotangent = evaluate(outputs, labels, None)
    step = 1e-5
    for index in np.ndindex(shape):
        nudge = np.zeros(shape)
        nudge[index] = step
        slope = (evaluate(outputs + nudge, labels, None)[0] - evaluate(outputs - nudge, labels, None)[0]) / (2 * step)
        assert cotangent[index] == pytest.approx(slope, abs=1e-9)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_answer_goes_where_it_is_wanted_even_over_the_outputs(name: str, shape: tuple[int, int]) -> None:
    outputs, labels = batch(*shape)
    outputs = outputs.astype(np.float32)
    kept = outputs.copy()
    loss, cotangent = LOSSES[name].evaluate(outputs, labels, None)
    np.testing.assert_array_equal(outputs, kept)
    assert cotangent.dtype == np.float32
    again, same = LOSSES[name].evaluate(outputs, labels, outputs)
    assert same is outputs
    assert again == loss
    np.testing.assert_array_equal(same, cotangent)


def test_closed_forms() -> None:
    logits, labels = np.array([[0.5, -1.0, 2.0]]), np.array([1, 1, 0])
    p = 1 / (1 + np.exp(-logits[0]))
    expected = -np.mean([np.log(p[0]), np.log(p[1]), np.log(1 - p[2])])
    assert bce(logits, labels)[0] == pytest.approx(expected, rel=1e-14)
    assert softmax_cross_entropy(logits, labels)[0] == pytest.approx(expected, rel=1e-14)
    both = np.stack([np.zeros(3), logits[0]])
    assert softmax_cross_entropy(both, labels)[0] == pytest.approx(expected, rel=1e-14)
    assert mse(logits, labels)[0] == pytest.approx((0.25 + 4.0 + 9.0) / 3, rel=1e-14)
    assert mse(both, labels)[0] == pytest.approx(((1 + 0.25) + (1 + 4.0) + (1 + 9.0)) / 6, rel=1e-14)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_equal_outputs_cost_what_a_guess_costs(n: int) -> None:
    labels = np.arange(8) % n
    assert softmax_cross_entropy(np.zeros((n, 8)), labels)[0] == pytest.approx(np.log(n), rel=1e-14)
    assert bce(np.zeros((n, 8)), labels)[0] == pytest.approx(np.log(2), rel=1e-14)


@pytest.mark.parametrize("name", ["bce", "softmax"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_outputs", [1, 3])
def test_huge_outputs_neither_overflow_nor_lose_digits(name: str, dtype: type, n_outputs: int) -> None:
    logits = np.zeros((n_outputs, 2), dtype)
    logits[0] = [1e4, -1e4] if n_outputs == 1 else [-1e4, 1e4]
    right = LOSSES[name].evaluate(logits, np.array([1, 0]), None)
    wrong = LOSSES[name].evaluate(logits, np.array([0, 1]), None)
    assert np.isfinite(right[1]).all()
    assert np.isfinite(wrong[1]).all()
    assert wrong[0] == pytest.approx(1e4 / (1 if n_outputs == 1 or name == "softmax" else 3), rel=1e-3)
    assert right[0] < 1.0


def test_a_confident_right_answer_keeps_its_small_gradient() -> None:
    # 1 - tanh would give 0 in float32 here.
    _, cotangent = bce(np.array([[40.0]], np.float32), np.array([1]))
    assert cotangent[0, 0] == pytest.approx(-np.exp(-40.0), rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_outputs_that_are_not_finite_are_said_by_the_loss_alone(name: str, n_outputs: int, bad: float) -> None:
    outputs = np.zeros((n_outputs, 3), np.float32)
    outputs[:, 1] = bad
    loss, cotangent = LOSSES[name].evaluate(outputs, np.array([0, 0 if bad > 0 else 1, 0]), None)
    assert not np.isfinite(loss)
    assert cotangent.shape == outputs.shape


def test_squares_beyond_float32_are_infinite_without_a_warning() -> None:
    assert mse(np.array([[1e30]], np.float32), np.array([1]))[0] == np.inf


@given(
    st.integers(1, 4).flatmap(
        lambda c: st.lists(st.lists(st.floats(-50, 50), min_size=c, max_size=c), min_size=1, max_size=6)
    ),
    st.randoms(use_true_random=False),
)
def test_losses_are_never_negative_and_softmax_gradients_sum_to_zero(columns: list[list[float]], draw: object) -> None:
    outputs = np.array(columns).T
    labels = np.array([draw.randrange(max(2, len(outputs))) for _ in columns])  # type: ignore[attr-defined]
    for loss in LOSSES.values():
        value, cotangent = loss.evaluate(outputs, labels, None)
        assert value >= 0.0
        if loss.name == "softmax" and len(outputs) > 1:
            np.testing.assert_allclose(cotangent.sum(axis=0), 0.0, atol=1e-12)
        # A step against the gradient does not make it worse.
        assert loss.evaluate(outputs - 1e-6 * cotangent, labels, None)[0] <= value + 1e-12 * max(1.0, value)
