from __future__ import annotations

import numpy as np
import pytest
from engine.problems_for_tests import spiral, spiral_exact, van_der_pol
from hypothesis import given
from hypothesis import strategies as st

from nodeviz.engine.events import find_root
from nodeviz.engine.integrate import Event, Status, solve


def height(_t: float, y: np.ndarray) -> float:
    return float(y[1])


def test_every_crossing_is_found_where_it_is() -> None:
    solution = solve(spiral, (2, 0), (0, 20), method="dop853", rtol=1e-11, atol=1e-13, events=[Event(height)])
    # y = 2 exp(-t/10) sin t starts on zero and comes back at every multiple of pi.
    np.testing.assert_allclose(solution.events[0].ts, np.pi * np.arange(1, 7), atol=1e-9)
    np.testing.assert_allclose(solution.events[0].ys, spiral_exact(np.pi * np.arange(1, 7)), atol=1e-9)
    assert solution.status is Status.OK


def test_a_plain_function_is_an_event() -> None:
    plain, wrapped = (solve(spiral, (2, 0), (0, 20), events=[event]).events[0] for event in (height, Event(height)))
    np.testing.assert_array_equal(plain.ts, wrapped.ts)
    assert len(plain.ts) == 6


@pytest.mark.parametrize(("direction", "first"), [(1, 2 * np.pi), (-1, np.pi)])
def test_direction(direction: int, first: float) -> None:
    event = Event(height, direction=direction)
    found = solve(spiral, (2, 0), (0, 20), rtol=1e-9, events=[event]).events[0].ts
    np.testing.assert_allclose(found, first + 2 * np.pi * np.arange(3), atol=1e-6)


@pytest.mark.parametrize("span", [(0.0, 20.0), (0.0, -20.0)])
def test_a_terminal_event_ends_the_solve_there(span: tuple[float, float]) -> None:
    ts = np.linspace(*span, 41)
    sign = np.sign(span[1])
    solution = solve(
        spiral, (2, 0), ts, rtol=1e-10, atol=1e-12, events=[Event(height, terminal=True)], dense=True, record=True
    )
    assert solution.status is Status.EVENT
    assert solution.ok
    assert "t=" in solution.message
    assert solution.ts[-1] == solution.events[0].ts[-1] == pytest.approx(sign * np.pi, abs=1e-8)
    assert solution.steps is not None
    assert solution.dense is not None
    assert solution.steps.nodes_t[-1] == solution.ts[-1]
    np.testing.assert_array_equal(solution.steps.nodes_y[-1], solution.ys[-1])
    np.testing.assert_allclose(solution.ys, spiral_exact(solution.ts), atol=1e-8)
    np.testing.assert_allclose(solution.dense(solution.ts), solution.ys, atol=1e-12)


def test_of_several_events_in_one_step_those_after_a_terminal_one_do_not_count() -> None:
    events = [Event(lambda t, _y: t - 0.3), Event(lambda t, _y: t - 0.2, terminal=True), Event(lambda t, _y: t - 0.1)]
    solution = solve(spiral, (2, 0), (0, 1), method="rk4", n_steps=1, events=events)
    assert [hits.ts.tolist() for hits in solution.events] == [[], [pytest.approx(0.2)], [pytest.approx(0.1)]]
    assert solution.events[0].ys.shape == (0, 2)


@pytest.mark.parametrize(("mu", "period"), [(1.0, 6.6632868593231), (5.0, 11.6122306677196)])
def test_period_of_van_der_pol(mu: float, period: float) -> None:
    event = Event(lambda _t, y: y[0], direction=1)
    solution = solve(van_der_pol(mu), (2, 0), (0, 6 * period), method="dop853", rtol=1e-12, atol=1e-13, events=[event])
    assert np.diff(solution.events[0].ts)[-1] == pytest.approx(period, rel=1e-11)


def test_an_event_of_a_batch_gets_the_batch() -> None:
    y0 = np.array([[2.0, 1.0], [0.0, 0.0]])
    solution = solve(spiral, y0, (0, 5), rtol=1e-9, events=[Event(lambda _t, y: y[1].min())])
    assert solution.events[0].ys.shape == (1, 2, 2)


def test_an_event_that_returns_an_array_is_refused() -> None:
    with pytest.raises(ValueError, match="events: a function returned 2 values; return one number"):
        solve(spiral, (2, 0), (0, 5), events=[Event(lambda _t, y: y)])


@given(root=st.floats(-1, 1), a=st.floats(-3, -1.001), b=st.floats(1.001, 3), power=st.sampled_from([1, 3, 7]))
def test_find_root_ends_within_a_few_roundings(root: float, a: float, b: float, power: int) -> None:
    def function(t: float) -> float:
        return float((t - root) ** power)

    assert find_root(function, a, b, function(a)) == pytest.approx(root, abs=1e-9 if power == 1 else 1e-2)
