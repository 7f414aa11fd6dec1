from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from engine.problems_for_tests import pendulum, spiral, spiral_exact

from nodeviz.engine.integrate import Status, solve
from nodeviz.engine.methods import METHODS

NAMES = list(METHODS)


def _slope(name: str, numbers: list[int], error: list[float]) -> float:
    kept = [(n, e) for n, e in zip(numbers, error, strict=True) if 1e-12 < e < 1e-2]
    assert len(kept) >= 3, f"{name}: too few errors in the window: {error}"
    n, e = np.log(np.array(kept)).T
    return float(-np.polyfit(n, e, 1)[0])


@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if method.tableau is not None])
def test_slope_on_the_spiral_is_the_order(name: str) -> None:
    order = METHODS[name].order
    # Tsitouras minimised the error of order 5, so that the next order shows longest.
    first = 60 if name == "tsit5" else {1: 240, 2: 120, 3: 60, 4: 40, 5: 30, 8: 6}[order]
    growth = 2 ** (1 / 2) if order == 8 else 2
    numbers = [round(first * growth**i) for i in range(7)]
    exact = spiral_exact(6.0)
    errors = [
        float(np.linalg.norm(solve(spiral, (2, 0), (0, 6), method=name, n_steps=n).ys[-1] - exact)) for n in numbers
    ]
    assert _slope(name, numbers, errors) == pytest.approx(order, abs=0.1)


@pytest.mark.parametrize(("name", "order"), [("symplectic-euler", 1), ("leapfrog", 2)])
def test_slope_of_the_symplectic_pair_on_the_pendulum(name: str, order: int) -> None:
    exact = solve(pendulum, (1, 0), (0, 10), method="dop853", rtol=1e-13, atol=1e-13).ys[-1]
    numbers = [400 * 2**i for i in range(5)]
    errors = [
        float(np.linalg.norm(solve(pendulum, (1, 0), (0, 10), method=name, n_steps=n).ys[-1] - exact)) for n in numbers
    ]
    assert _slope(name, numbers, errors) == pytest.approx(order, abs=0.1)


@pytest.mark.parametrize("name", NAMES)
def test_a_time_dependent_field_is_integrated_to_its_order(name: str) -> None:
    # y' = p t^(p-1) has the answer t^p, which a method of order p hits exactly only if it evaluates at the right times.
    power = METHODS[name].order
    solution = solve(lambda t, y: np.full_like(y, power * t ** (power - 1)), (0.0, 0.0), (0, 1), method=name, n_steps=3)
    if name == "symplectic-euler":
        np.testing.assert_allclose(solution.ys[-1], 1.0)  # order 1: y' = 1
    else:
        np.testing.assert_allclose(solution.ys[-1], 1.0, rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_interval_that_the_step_does_not_divide(name: str) -> None:
    # 0.7 does not divide 6: eight steps and one of 0.4, whose answer is that of these nine steps taken one by one.
    solution = solve(pendulum, (2, 0), (0, 6), method=name, dt=0.7, record=True)
    assert solution.status is Status.OK
    assert solution.ts[-1] == 6.0
    assert solution.steps is not None
    np.testing.assert_allclose(solution.steps.dt, [0.7] * 8 + [0.4], rtol=1e-12)
    y = np.array([2.0, 0.0])
    times = [*np.arange(9) * 0.7, 6.0]
    for t, t_new in pairwise(times):
        y = solve(pendulum, y, (t, t_new), method=name, n_steps=1).ys[-1]
    np.testing.assert_allclose(solution.ys[-1], y, rtol=1e-9)


def test_a_step_that_misses_the_end_by_rounding_is_no_further_step() -> None:
    solution = solve(spiral, (2, 0), (0, 6), method="rk4", dt=0.1)
    assert solution.n_accepted == 60
    assert solution.nfe == 240


@pytest.mark.parametrize("name", ["bosh3", "dopri5", "tsit5", "dop853", "radau"])
def test_error_follows_the_tolerance(name: str) -> None:
    errors = []
    for rtol in (1e-4, 1e-6, 1e-8, 1e-10):
        solution = solve(spiral, (2, 0), (0, 6), method=name, rtol=rtol, atol=rtol * 1e-2)
        errors.append(float(np.linalg.norm(solution.ys[-1] - spiral_exact(6.0))))
        assert errors[-1] < 30 * rtol
    assert errors == sorted(errors, reverse=True)
