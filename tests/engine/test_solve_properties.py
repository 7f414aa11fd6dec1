from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from engine.problems_for_tests import pendulum, robertson, spiral, spiral_exact, van_der_pol
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeviz.engine.integrate import Status, solve
from nodeviz.engine.methods import METHODS

POINTS = st.tuples(st.floats(-5, 5), st.floats(-5, 5))
TIMES = st.tuples(st.floats(-10, 10), st.floats(-10, 10)).filter(lambda span: abs(span[1] - span[0]) > 1e-3)
NAMES = st.sampled_from(list(METHODS))


@given(start=POINTS, span=TIMES, name=st.sampled_from(["bosh3", "dopri5", "tsit5", "dop853", "radau"]))
def test_adaptive_methods_solve_the_spiral_from_anywhere_both_ways(
    start: tuple[float, float], span: tuple[float, float], name: str
) -> None:
    solution = solve(spiral, start, span, method=name, rtol=1e-7, atol=1e-10)
    assert solution.status is Status.OK
    exact = spiral_exact(span[1] - span[0], start)
    np.testing.assert_allclose(solution.ys[-1], exact, atol=1e-5 * (1 + np.abs(exact).max()))


@settings(max_examples=30)
@given(start=POINTS, t1=st.floats(0.1, 4), name=st.sampled_from(["dopri5", "tsit5", "dop853"]))
def test_backward_in_time_returns_to_the_start(start: tuple[float, float], t1: float, name: str) -> None:
    there = solve(pendulum, start, (0, t1), method=name, rtol=1e-10, atol=1e-12)
    back = solve(pendulum, there.ys[-1], (t1, 0), method=name, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(back.ys[-1], start, atol=1e-6)


@given(start=POINTS, n_steps=st.integers(1, 40), name=NAMES, t1=st.floats(-3, 3).filter(lambda t: abs(t) > 0.1))
def test_fixed_steps_take_as_many_steps_as_asked(
    start: tuple[float, float], n_steps: int, name: str, t1: float
) -> None:
    solution = solve(pendulum, start, (0, t1), method=name, n_steps=n_steps, record=True)
    assert solution.status is Status.OK
    assert solution.n_accepted == n_steps
    assert solution.ts[-1] == t1
    assert solution.steps is not None
    assert len(solution.steps.nodes_t) == n_steps + 1
    np.testing.assert_allclose(np.diff(solution.steps.nodes_t), solution.steps.dt, rtol=1e-9)
    np.testing.assert_array_equal(solution.steps.nodes_y[-1], solution.ys[-1])
    np.testing.assert_array_equal(solution.steps.nodes_y[0], start)


@given(start=POINTS, name=NAMES, n_steps=st.integers(1, 20))
def test_evaluations_per_step_is_what_a_step_costs(start: tuple[float, float], name: str, n_steps: int) -> None:
    per_step = METHODS[name].evaluations_per_step
    solution = solve(pendulum, start, (0, 1), method=name, n_steps=n_steps)
    if per_step is not None:
        # An FSAL method and leapfrog begin with one evaluation more.
        assert solution.nfe - per_step * n_steps in (0, 1)


@settings(max_examples=30)
@given(starts=st.lists(POINTS, min_size=1, max_size=5), name=NAMES, n_steps=st.integers(1, 12))
def test_with_fixed_steps_a_batch_is_its_columns(starts: list[tuple[float, float]], name: str, n_steps: int) -> None:
    batch = solve(pendulum, np.array(starts).T, (0, 1), method=name, n_steps=n_steps)
    for j, start in enumerate(starts):
        alone = solve(pendulum, start, (0, 1), method=name, n_steps=n_steps)
        np.testing.assert_allclose(batch.ys[:, :, j], alone.ys, rtol=1e-9, atol=1e-12)


@given(start=POINTS, rtol=st.floats(1e-10, 1e-2))
def test_the_record_tells_the_whole_story(start: tuple[float, float], rtol: float) -> None:
    solution = solve(van_der_pol(3.0), start, (0, 4), rtol=rtol, atol=1e-9, record=True)
    steps = solution.steps
    assert steps is not None
    assert steps.accepted.sum() == solution.n_accepted == len(steps.nodes_t) - 1
    assert (~steps.accepted).sum() == solution.n_rejected
    np.testing.assert_array_equal(steps.accepted, steps.err_ratio <= 1.0)
    np.testing.assert_array_equal(steps.t[steps.accepted], steps.nodes_t[:-1])
    np.testing.assert_allclose((steps.t + steps.dt)[steps.accepted], steps.nodes_t[1:], rtol=1e-12)
    # Fixed steps on the adaptive grid give the adaptive answer.
    y = np.array(start)
    for t, t_new in pairwise(steps.nodes_t):
        y = solve(van_der_pol(3.0), y, (t, t_new), n_steps=1).ys[-1]
    np.testing.assert_allclose(y, solution.ys[-1], rtol=1e-6, atol=1e-8)


@given(span=st.floats(1e-9, 1e3), rate=st.floats(1e-6, 1e3))
def test_the_first_step_is_bounded_by_the_span(span: float, rate: float) -> None:
    solution = solve(lambda _t, y: -rate * y, [1.0], (0, span), record=True, max_steps=20)
    assert solution.steps is not None
    assert 0 < solution.steps.dt[0] <= span


def test_the_first_step_can_be_given() -> None:
    steps = solve(spiral, (2, 0), (0, 6), dt0=0.01, record=True).steps
    assert steps is not None
    assert steps.dt[0] == 0.01


@pytest.mark.parametrize("name", ["symplectic-euler", "leapfrog"])
def test_symplectic_methods_keep_the_energy(name: str) -> None:
    def energy(y: np.ndarray) -> np.ndarray:
        return y[:, 1] ** 2 / 2 - np.cos(y[:, 0])

    ts = np.linspace(0, 1000, 2001)
    drift = {n: np.ptp(energy(solve(pendulum, (1, 0), ts, method=n, n_steps=20_000).ys)[1500:]) for n in (name, "heun")}
    first = np.ptp(energy(solve(pendulum, (1, 0), ts, method=name, n_steps=20_000).ys)[:500])
    assert drift[name] == pytest.approx(first, rel=0.05)  # as large after 150 periods as in the first fifty


@pytest.mark.parametrize("name", ["backward-euler", "trapezoid", "radau"])
def test_a_given_jacobian_saves_evaluations_and_changes_nothing(name: str) -> None:
    def jacobian(_t: float, y: np.ndarray) -> np.ndarray:
        one = np.ones_like(y[0])
        zero = 0 * one
        return np.array(
            [
                [-0.04 * one, 1e4 * y[2], 1e4 * y[1]],
                [0.04 * one, -1e4 * y[2] - 6e7 * y[1], -1e4 * y[1]],
                [zero, 6e7 * y[1], zero],
            ]
        )

    y0 = np.array([[1.0, 0.9], [0.0, 0.0], [0.0, 0.1]])
    steps = {} if name == "radau" else {"n_steps": 50}
    by_differences = solve(robertson, y0, (0, 40), method=name, **steps)
    given_one = solve(robertson, y0, (0, 40), method=name, jacobian=jacobian, **steps)
    assert given_one.nfe < by_differences.nfe
    np.testing.assert_allclose(given_one.ys, by_differences.ys, rtol=1e-4)


@pytest.mark.parametrize("name", ["backward-euler", "radau"])
def test_a_very_stiff_decay_is_no_matter(name: str) -> None:
    def field(t: float, y: np.ndarray) -> np.ndarray:
        return -1e8 * (y - np.cos(t)) - np.sin(t)

    solution = solve(field, [1.0], (0, 3), method=name, **({} if name == "radau" else {"n_steps": 60}))
    assert solution.ys[-1, 0] == pytest.approx(np.cos(3.0), abs=1e-6)
    assert solution.nfe < 1000
