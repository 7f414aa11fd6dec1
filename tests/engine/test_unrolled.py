"""Unrolled steps: the nodes are RK4's, and every derivative agrees with differences."""

from __future__ import annotations

import numpy as np
import pytest
from engine.nets_for_tests import SMOOTH, kinks_are_far, make_net
from engine.tape_checks import agree
from hypothesis import given
from hypothesis import strategies as st

from nodeviz.engine.gradcheck import central_differences
from nodeviz.engine.integrate import solve
from nodeviz.engine.mlp import MLP
from nodeviz.engine.unrolled import UnrolledSteps, UnrolledTape


@given(
    widths=st.lists(st.integers(1, 5), min_size=2, max_size=4),
    activation=st.sampled_from([*SMOOTH, "relu"]),
    batch=st.integers(1, 3),
    used=st.integers(1, 3),
    spare=st.integers(0, 2),
    seed=st.integers(0, 10**6),
)
def test_a_tape_of_which_a_part_is_used(
    widths: list[int], activation: str, batch: int, used: int, spare: int, seed: int
) -> None:
    net, rng = make_net(widths, activation, timed=False, seed=seed), np.random.default_rng(seed)
    ys, cotangents = rng.standard_normal((used, widths[0], batch)), rng.standard_normal((used, widths[-1], batch))
    plain, tape = net.tape(batch, used), UnrolledTape(net, batch, used + spare)
    out, again = np.empty((widths[-1], batch)), np.empty((widths[-1], batch))
    for slot in range(used):
        plain.evaluate(slot, 0.0, ys[slot], out)
        tape.inputs[slot][:] = ys[slot]
        for call in tape.evaluation(slot, again):
            call()
        np.testing.assert_array_equal(again, out)
    tape.turn(used)
    expected, found = np.empty((widths[0], batch)), np.empty((widths[0], batch))
    for slot in range(used):
        plain.pull(slot, cotangents[slot], expected)
        tape.cotangents[slot][:] = cotangents[slot]
        for call in tape.pulling(slot, found):
            call()
        np.testing.assert_array_equal(found, expected)
    grad, other = np.zeros(net.n_parameters), np.zeros(net.n_parameters)
    plain.add_gradient(grad)
    tape.add_sums(other, used)
    np.testing.assert_allclose(other, grad, rtol=1e-12, atol=1e-13)


@given(
    sizes=st.tuples(st.integers(1, 3), st.lists(st.integers(1, 4), max_size=2), st.integers(1, 3)),
    activation=st.sampled_from(SMOOTH),
    n_steps=st.integers(0, 3),
    spare=st.integers(0, 2),
    seed=st.integers(0, 10**6),
)
def test_steps_and_their_derivatives(
    sizes: tuple[int, list[int], int], activation: str, n_steps: int, spare: int, seed: int
) -> None:
    (d, hidden, batch), rng, dt = sizes, np.random.default_rng(seed), 0.13
    widths = (d, *hidden, d)
    net, y0 = make_net(widths, activation, timed=False, seed=seed), rng.standard_normal((d, batch))
    by_state, by_slope = rng.standard_normal((2, n_steps + 1, d, batch))
    steps = UnrolledSteps(net, batch, n_steps + spare, dt)

    def nodes(net: MLP, y0: np.ndarray) -> np.ndarray:
        if n_steps == 0:
            return y0[None]
        return solve(net, y0, np.arange(n_steps + 1) * dt, method="rk4", n_steps=n_steps).ys

    def value(net: MLP, y0: np.ndarray) -> float:
        ys = nodes(net, y0)
        return float((by_state * ys).sum() + sum((by_slope[j] * net(0.0, y)).sum() for j, y in enumerate(ys)))

    for _ in range(2):  # a second time in the same memory
        steps.forward(y0, n_steps)
        ys = nodes(net, y0)
        for j in range(n_steps + 1):
            np.testing.assert_allclose(steps.states[j].reshape(d, batch), ys[j], rtol=1e-11, atol=1e-11)
            np.testing.assert_allclose(steps.slopes[j].reshape(d, batch), net(0.0, ys[j]), rtol=1e-11, atol=1e-11)
        steps.by_state[: n_steps + 1] = by_state.reshape(n_steps + 1, -1)
        steps.by_slope[: n_steps + 1] = by_slope.reshape(n_steps + 1, -1)
        grad = np.zeros(net.n_parameters)
        by_y0 = steps.backward(n_steps).copy()
        steps.add_gradient(grad, n_steps)
        assert agree(by_y0, central_differences(lambda y0: value(net, y0), y0))

    def total(parameters: np.ndarray) -> float:
        return value(MLP(widths, activation, dtype=float, parameters=parameters), y0)

    assert agree(grad, central_differences(total, net.parameters))


def test_relu_steps() -> None:
    net = make_net((2, 6, 2), "relu", timed=False, seed=3)
    y0 = next(y for y in np.random.default_rng(0).standard_normal((50, 2, 1)) if kinks_are_far(net, 0.0, y))
    steps = UnrolledSteps(net, 1, 1, 0.01)
    steps.forward(y0, 1)
    steps.by_state[:], steps.by_slope[:] = 0.0, 0.0
    steps.by_state[1] = [1.0, 0.0]
    by_y0 = steps.backward(1)
    expected = central_differences(lambda y: float(solve(net, y, (0, 0.01), method="rk4", n_steps=1).ys[-1, 0, 0]), y0)
    assert by_y0 == pytest.approx(expected, rel=1e-8)
