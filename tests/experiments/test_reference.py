"""The reference solution: as exact as it says, at any time of its span, and honest about where it ends."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeviz.experiments.budget import Pool
from nodeviz.experiments.reference import Reference, dop853_step, radau_step, solve_reference
from nodeviz.problems.equations import parse_equations
from nodeviz.problems.planar import PlanarField

if TYPE_CHECKING:
    from collections.abc import Generator


def drive(steps: Generator[None, None, Any]) -> Any:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def typed(text: str, **parameters: float) -> PlanarField:
    return PlanarField.from_equations(parse_equations(text), parameters)


SPIRAL = typed("x' = -0.1*x - y; y' = x - 0.1*y")


def reference(planar: PlanarField, start: tuple[float, float], t0: float, t1: float) -> Reference:
    made = drive(solve_reference(planar, start, t0, t1, Pool(20.0)))
    assert isinstance(made, Reference)
    return made


@given(st.floats(-10, 10), st.floats(-20, 20).filter(lambda span: abs(span) > 0.01), st.floats(-3, 3), st.floats(-3, 3))
def test_it_is_exact_at_every_time(t0: float, span: float, x: float, y: float) -> None:
    ts = t0 + span * np.linspace(0, 1, 57)
    exact = complex(x, y) * np.exp((-0.1 + 1j) * (ts - t0))
    found = reference(SPIRAL, (x, y), t0, t0 + span).at(ts)
    assert found == pytest.approx(np.stack([exact.real, exact.imag], axis=1), abs=1e-11 * (1 + np.abs(exact).max()))


def test_it_is_as_exact_between_its_nodes_as_at_them() -> None:
    # sin and cos of t^2: the interpolant of dop853 would be off by 1e-9 here.
    planar = typed("x' = 2*t*y; y' = -2*t*x")
    made = reference(planar, (0.0, 1.0), 0.0, 6.0)
    nodes = made.solution.steps
    assert nodes is not None
    ts = (nodes.nodes_t[:-1] + nodes.nodes_t[1:]) / 2
    assert made.at(ts) == pytest.approx(np.stack([np.sin(ts**2), np.cos(ts**2)], axis=1), abs=2e-11)


@pytest.mark.parametrize("end", [3.0, -3.0])
def test_beyond_what_was_solved_it_is_nan(end: float) -> None:
    sign = math.copysign(1.0, end)
    planar = typed("x' = s*x*x; y' = 0", s=sign)  # infinite at |t| = 1
    made = reference(planar, (1.0, 2.0), 0.0, end)
    assert made.message
    ts = sign * np.array([0.0, 0.5, 0.99, 1.01, 3.0])
    found = made.at(ts)
    assert found[:3, 0] == pytest.approx([1.0, 2.0, 100.0], rel=1e-8)
    assert np.isnan(found[3:]).all()


def test_its_span_ends_exactly_where_asked() -> None:
    made = reference(SPIRAL, (2.0, 0.0), 0.1, 0.1 + 0.7 * 3)
    assert np.isfinite(made.at(np.array([0.1, 0.1 + 0.7 * 3]))).all()
    assert made.message == ""


@pytest.mark.usefixtures("computing_time")
def test_radau_takes_over_where_dop853_cannot_get_there() -> None:
    rate = 1e6
    planar = typed("x' = -rate*(x - cos(t)); y' = -y", rate=rate)
    made = reference(planar, (2.0, 1.0), 0.0, 10.0)
    assert (made.method, made.rtol) == ("radau", 1e-12)
    assert made.message.startswith("radau at rtol 1e-12")
    assert made.solution.steps is not None
    nodes = made.solution.steps.nodes_t
    ts = np.sort(np.concatenate([np.linspace(0, 10, 301), nodes[:200], (nodes[1:] + nodes[:-1]) / 2]))
    slow = (rate**2 * np.cos(ts) + rate * np.sin(ts)) / (rate**2 + 1)
    x = slow + (2 - rate**2 / (rate**2 + 1)) * np.exp(-rate * ts)
    assert made.at(ts) == pytest.approx(np.stack([x, np.exp(-ts)], axis=1), abs=2e-12)
    assert np.isnan(made.at(np.array([-0.1, 10.1]))).all()


def test_an_empty_pool_stops_a_reference_at_once() -> None:
    pool = Pool(0.0)
    for _ in range(2):
        made = drive(solve_reference(SPIRAL, (2.0, 0.0), 0.0, 1000.0, pool))
    assert made.solution.status == "timeout"
    assert made.message
    assert made.at(np.array([0.0]))[0].tolist() == [2.0, 0.0]


@pytest.mark.parametrize("dt", [0.0, 0.01, -0.02])
def test_one_step_of_radau_solves_a_nonlinear_field_too(dt: float) -> None:
    planar = typed("x' = -x*x; y' = -y")
    y = np.array([[1.0, 2.0], [1.0, -3.0]])
    stepped = radau_step(planar, np.zeros(2), y, np.full(2, dt))
    assert stepped == pytest.approx(np.stack([y[0] / (1 + dt * y[0]), y[1] * np.exp(-dt)]), abs=1e-10)


def test_one_step_of_dop853_takes_every_column_by_its_own_time_and_step() -> None:
    planar = typed("x' = cos(t); y' = -y")
    t, dt = np.array([0.0, 1.0, 2.0]), np.array([0.1, -0.2, 0.0])
    y = np.stack([np.sin(t), np.exp(-t)])
    stepped = dop853_step(planar, t, y, dt)
    assert stepped == pytest.approx(np.stack([np.sin(t + dt), np.exp(-t - dt)]), abs=1e-13)
