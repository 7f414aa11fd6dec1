from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from nodeviz.problems.equations import parse_equations
from nodeviz.problems.systems import SYSTEMS, System

NAMES = set(
    [
        "spiral",
        "linear",
        "van-der-pol",
        "lotka-volterra",
        "pendulum",
        "duffing",
        "fitzhugh-nagumo",
        "brusselator",
        "hopf",
        "saddle",
        "stiff",
    ]
)


def test_the_list_is_complete() -> None:
    assert set(SYSTEMS) == NAMES


def test_the_first_thing_shown_is_the_spiral_of_the_article() -> None:
    spiral = SYSTEMS["spiral"]
    assert next(iter(SYSTEMS)) == "spiral"
    assert (spiral.start, spiral.t0, spiral.t1, spiral.n_steps) == (((2.0, 0.0),), 0.0, 6.0, 15)
    field = parse_equations(spiral.equations).field(spiral.parameters)
    np.testing.assert_allclose(field(0, np.array([2.0, 3.0])), [-0.2 - 3.0, 2.0 - 0.3])


@pytest.mark.parametrize("system", SYSTEMS.values(), ids=SYSTEMS)
def test_every_system_can_be_drawn(system: System) -> None:
    equations = parse_equations(system.equations)
    assert set(equations.parameters) == set(system.parameters)
    assert system.t1 > system.t0
    assert system.note.endswith(".")
    assert "\n" not in system.note
    field = equations.field(system.parameters)
    lo, hi = np.transpose([system.x_range, system.y_range])
    for start in system.start:
        assert np.all((lo < start) & (start < hi)), "the start is in view"
        orbit = solve_ivp(field, (system.t0, system.t1), start, method="LSODA", rtol=1e-8, atol=1e-10).y
        assert np.isfinite(orbit).all()
        seen = np.all((orbit > lo[:, None]) & (orbit < hi[:, None]), axis=0).mean()
        assert seen > 0.8 or system.name == "saddle", "most of the orbit is in view"
