from __future__ import annotations

import math
from time import thread_time
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from nodeviz.problems.cycles import LimitCycle, limit_cycles
from nodeviz.problems.equations import parse_equations
from nodeviz.problems.planar import PlanarField
from nodeviz.problems.systems import SYSTEMS


def typed(text: str, **parameters: float) -> PlanarField:
    return PlanarField.from_equations(parse_equations(text), parameters)


def found(planar: PlanarField, *starts: Any, t1: float = 20.0) -> list[LimitCycle]:
    run = limit_cycles(planar, starts, 0.0, t1)
    while True:
        try:
            next(run)
        except StopIteration as stop:
            return stop.value


VAN_DER_POL = "x' = y; y' = mu*(1 - x*x)*y - x"


@pytest.mark.parametrize(("mu", "period"), [(1.0, 6.6632868593231), (5.0, 11.6122306677196)])
def test_periods_of_van_der_pol(mu: float, period: float) -> None:
    (cycle,) = found(typed(VAN_DER_POL, mu=mu), (0.1, 0.0), (3.0, 3.0))
    assert cycle.period == pytest.approx(period, rel=1e-11)
    assert cycle.stable
    assert cycle.multiplier < 1e-3


def test_backwards_the_other_kind_is_found() -> None:
    (cycle,) = found(typed(VAN_DER_POL, mu=-1.0), (1.0, 0.0))
    assert cycle.period == pytest.approx(6.6632868593231, rel=1e-10)
    assert not cycle.stable
    assert cycle.multiplier > 1e3


@pytest.mark.parametrize("mu", [1.0, 1e-3])
def test_hopf_normal_form(mu: float) -> None:
    text = SYSTEMS["hopf"].equations
    (cycle,) = found(typed(text, mu=mu, omega=2.0), (1.5, 0.0), (0.01, 0.0))
    assert cycle.period == pytest.approx(math.pi, rel=1e-9)
    assert cycle.multiplier == pytest.approx(math.exp(-2 * mu * math.pi), rel=1e-4)
    np.testing.assert_allclose(np.hypot(*cycle.orbit.T), math.sqrt(mu), rtol=1e-4)


@pytest.mark.parametrize("name", ["fitzhugh-nagumo", "brusselator", "stiff"])
def test_named_systems_against_scipy(name: str) -> None:
    """After one period an orbit on the cycle is back, and not before."""
    system = SYSTEMS[name]
    planar = typed(system.equations, **system.parameters)
    (cycle,) = found(planar, *system.start, t1=system.t1)
    solution = solve_ivp(planar.field, (0, cycle.period), cycle.point, method="Radau", rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(solution.y[:, -1], cycle.point, atol=1e-4)
    assert np.hypot(*np.diff(cycle.orbit, axis=0).T).max() < 0.2
    away = np.hypot(*(solution.y[:, 1:-1].T - cycle.point).T)
    assert away.max() > 1


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("x' = y; y' = -x", (1.0, 0.0)),
        ("x' = y; y' = -sin(x)", (1.0, 0.0)),
        ("x' = y; y' = -sin(x)", (0.0, 3.0)),
        ("x' = y; y' = x - x^3", (1.2, 0.0)),
        ("x' = x*(1 - y); y' = y*(x - 1)", (2.0, 1.0)),
        ("x' = x*(1 - y); y' = y*(x - 1)", (1.0, 0.1)),
        ("x' = -0.1*x - y; y' = x - 0.1*y", (2.0, 0.0)),
        ("x' = y; y' = -x - 0.1*y^3", (2.0, 1.0)),
        ("x' = x; y' = -y", (0.1, 1.0)),
        ("x' = 1; y' = 0", (0.0, 0.0)),
        ("x' = 0; y' = 0", (0.0, 0.0)),
        ("x' = log(-1 - x*x); y' = x", (0.0, 0.0)),
        ("x' = y; y' = -x + cos(t)", (1.0, 0.0)),
        ("x' = x*x; y' = 1/y", (1.0, 1.0)),
    ],
)
def test_there_is_no_limit_cycle(text: str, start: Any) -> None:
    assert found(typed(text), start) == []


def test_nested_cycles_are_found_once_each() -> None:
    planar = typed("r2 = x*x + y*y; g = (1 - r2)*(4 - r2)*(9 - r2)/10; x' = -y + x*g; y' = x + y*g")
    cycles = found(planar, (0.5, 0), (1.9, 0), (2.1, 0), (3.5, 0), (0.0, 1.0))
    radii = sorted((round(math.hypot(*cycle.point), 6), cycle.stable) for cycle in cycles)
    assert radii == [(1, True), (2, False), (3, True)]
    assert all(cycle.period == pytest.approx(2 * math.pi, rel=1e-9) for cycle in cycles)


def test_cycles_far_from_the_start_and_of_another_size() -> None:
    text = "r2 = (x - 50)^2 + y*y; x' = -y + (x - 50)*(1 - r2/100); y' = (x - 50) + y*(1 - r2/100)"
    (cycle,) = found(typed(text), (50.001, 0.0))
    assert cycle.point == pytest.approx((60.0, 0.0), abs=0.2)


def test_the_orbit_is_closed_and_runs_forwards_from_its_point() -> None:
    for mu in (1.0, -1.0):
        planar = typed(VAN_DER_POL, mu=mu)
        (cycle,) = found(planar, (1.0, 0.0))
        np.testing.assert_array_equal(cycle.orbit[0], cycle.orbit[-1])
        np.testing.assert_array_equal(cycle.orbit[0], cycle.point)
        assert cycle.point[0] == pytest.approx(2.00862, abs=1e-3)
        for i in (0, 100, 300):
            ahead = cycle.orbit[i + 1] - cycle.orbit[i]
            assert ahead @ planar.field(0.0, cycle.orbit[i]) > 0


def test_callables_have_cycles_too() -> None:
    planar = PlanarField.from_callable(lambda _t, y: [y[1], (1 - y[0] * y[0]) * y[1] - y[0]])
    (cycle,) = found(planar, (0.5, 0.0))
    assert cycle.period == pytest.approx(6.6632868593231, rel=1e-9)
    assert found(PlanarField.from_callable(lambda _t, y: [y[0] * (1 - y[1]), y[1] * (y[0] - 1)]), (2.0, 1.0)) == []


def test_it_yields_often() -> None:
    run, gaps, begun = limit_cycles(typed(VAN_DER_POL, mu=1.0), [(0.5, 0.0)] * 3, 0.0, 20.0), [], thread_time()
    for _ in run:
        gaps.append(thread_time() - begun)
        begun = thread_time()
    assert len(gaps) > 5
    assert np.median(gaps) < 0.05
