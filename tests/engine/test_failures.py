from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from engine.problems_for_tests import robertson, spiral, van_der_pol

from nodeviz.engine.integrate import Solution, Status, solve, solve_steps
from nodeviz.engine.methods import METHODS


def _blows_up(_t: Any, y: np.ndarray) -> np.ndarray:
    return y * y


@pytest.mark.parametrize("name", ["bosh3", "dopri5", "tsit5", "dop853", "radau"])
def test_a_blow_up_keeps_the_part_solved_and_says_where(name: str) -> None:
    solution = solve(_blows_up, [1.0, 0.5], np.linspace(0, 2, 21), method=name, record=True)
    assert solution.status in (Status.DT_UNDERFLOW, Status.NONFINITE)
    assert not solution.ok
    assert solution.ts[-1] == pytest.approx(1.0, abs=1e-3)
    assert np.isfinite(solution.ys).all()
    np.testing.assert_allclose(solution.ys[:9, 0], 1 / (1 - solution.ts[:9]), rtol=1e-3)
    assert re.search(r"t=(1|0\.99\d*|1\.00\d*)\b.*component 0", solution.message)


@pytest.mark.parametrize("name", ["euler", "rk4", "dopri5", "leapfrog"])
def test_fixed_steps_end_at_the_last_finite_point(name: str) -> None:
    solution = solve(lambda _t, y: y**3, [2.0, 3.0], (0, 10), method=name, n_steps=50, record=True)
    assert solution.status is Status.NONFINITE
    assert np.isfinite(solution.ys).all()
    assert solution.steps is not None
    assert not solution.steps.accepted[-1]
    assert solution.steps.accepted[:-1].all()
    assert re.search(r"component \d is not finite after the step from t=", solution.message)
    assert "use more steps" in solution.message


def test_a_field_that_is_nan_from_the_start() -> None:
    solution = solve(lambda _t, y: y * np.nan, [1.0], (0, 1))
    assert solution.status is Status.NONFINITE
    assert solution.ts.tolist() == [0.0]
    assert solution.nfe < 3000


def test_overflow_of_the_state_is_no_accepted_step() -> None:
    solution = solve(lambda _t, y: np.full_like(y, 1e308), [1e308], (0, 10))
    assert solution.status is Status.NONFINITE
    assert np.isfinite(solution.ys).all()


@pytest.mark.parametrize("name", ["bosh3", "dopri5", "tsit5", "dop853"])
def test_a_stiff_problem_with_an_explicit_method_ends_with_a_reason(name: str) -> None:
    solution = solve(van_der_pol(1000.0), (2, 0), (0, 2000), method=name, max_steps=500)
    assert solution.status is Status.MAX_STEPS
    assert solution.n_accepted + solution.n_rejected == 500
    assert 0 < solution.ts[-1] < 2000
    assert "max_steps=500" in solution.message
    assert "'radau'" in solution.message


def test_an_implicit_method_is_not_told_to_be_implicit() -> None:
    solution = solve(robertson, (1, 0, 0), (0, 1e11), method="radau", max_steps=20)
    assert solution.status is Status.MAX_STEPS
    assert "radau" not in solution.message


def test_dt_min_ends_the_solve() -> None:
    solution = solve(van_der_pol(1000.0), (2, 0), (0, 2000), dt_min=0.1)
    assert solution.status is Status.DT_UNDERFLOW
    assert "lower dt_min" in solution.message


def test_columns_are_named() -> None:
    solution = solve(_blows_up, [[0.1, 1.0], [0.1, 0.5]], (0, 2))
    assert "component 0 of column 1" in solution.message


def test_no_equations_solved_in_a_fixed_implicit_step() -> None:
    # y = y0 + dt (1 + y^2) has no real answer for dt = 10.
    solution = solve(lambda _t, y: 1 + y * y, [1.0], (0, 10), method="backward-euler", n_steps=1)
    assert solution.status is Status.DT_UNDERFLOW
    assert "use more steps" in solution.message


def _finish(run: Any) -> Solution:
    try:
        while True:
            next(run)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]


@pytest.mark.parametrize("per_sample", [False, True])
def test_a_caller_whose_time_is_up_gets_the_part_solved(per_sample: bool) -> None:
    run = solve_steps(van_der_pol(1000.0), [[2.0], [0.0]], (0, 2000), per_sample=per_sample)
    for _ in range(3):
        next(run)
    with pytest.raises(StopIteration) as stopped:
        run.throw(TimeoutError())
    solution = stopped.value.value
    assert np.all(np.asarray(solution.status) == Status.TIMEOUT)
    assert "time budget" in solution.message
    assert np.sum(solution.n_accepted) > 0
    assert per_sample or 0 < solution.ts[-1] < 2000


def test_stepping_by_hand_is_solving() -> None:
    by_hand, at_once = _finish(solve_steps(spiral, (2, 0), (0, 6))), solve(spiral, (2, 0), (0, 6))
    np.testing.assert_array_equal(by_hand.ys, at_once.ys)


def test_numpy_errors_are_quiet_inside_and_untouched_outside() -> None:
    before = np.geterr()
    run = solve_steps(_blows_up, [1.0], (0, 2))
    for _ in run:
        assert np.geterr() == before
    assert np.geterr() == before


@pytest.mark.parametrize("name", list(METHODS))
def test_an_exception_in_the_field_comes_through(name: str) -> None:
    def field(_t: float, _y: np.ndarray) -> np.ndarray:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        solve(field, (2, 0), (0, 1), method=name, n_steps=3)
