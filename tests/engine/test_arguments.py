from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from engine.problems_for_tests import spiral, spiral_exact
from hypothesis import given
from hypothesis import strategies as st

from nodeviz.engine.controllers import PIDController
from nodeviz.engine.integrate import Event, Status, solve, solve_steps
from nodeviz.engine.methods import METHODS

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"method": "rk4", "n_steps": 0}, "n_steps=0: must be at least 1"),
    ({"method": "rk4", "n_steps": -3}, "n_steps=-3: must be at least 1"),
    ({"method": "rk4", "n_steps": 10**12}, "n_steps=1000000000000: more than max_steps=100000"),
    ({"method": "rk4", "n_steps": 2.5}, "n_steps=2.5: not a whole number"),
    ({"method": "rk4", "n_steps": True}, "n_steps=True: not a whole number"),
    ({"method": "rk4", "n_steps": 5, "dt": 0.1}, "dt=0.1 and n_steps=5: each fixes the step alone"),
    ({"method": "rk4"}, "method='rk4' takes fixed steps: give n_steps (for the whole span) or dt"),
    ({"method": "rk4", "dt": 0.0}, "dt=0.0: must be finite and above 0"),
    ({"method": "rk4", "dt": -0.1}, "dt=-0.1: must be finite and above 0; the direction of time follows from ts"),
    ({"method": "rk4", "dt": 1e-9}, "dt=1e-09: 6e+09 steps, more than max_steps=100000"),
    ({"method": "rk4", "dt": "small"}, "dt='small': not a number"),
    ({"method": "dopri"}, "method='dopri': no such method; did you mean 'dopri5'?"),
    ({"method": "RK45"}, "method='RK45': no such method;"),
    ({"method": "backward euler"}, "did you mean 'backward-euler'?"),
    ({"rtol": -1}, "rtol=-1: must be finite and above 0"),
    ({"rtol": 1e-17}, "rtol=1e-17: float64 cannot resolve below 2.2e-14; use 1e-12 or more"),
    ({"rtol": 2.0}, "rtol=2: an error as large as the solution"),
    ({"rtol": float("nan")}, "rtol=nan: must be finite"),
    ({"atol": float("inf")}, "atol=inf: must be finite"),
    ({"atol": 0}, "atol=0: a component at zero could then never be accepted"),
    ({"rtol": None}, "rtol=None: not a number"),
    ({"events": 3}, "events=3: not a sequence; give a list"),
    ({"events": Event(abs)}, "not a sequence; give a list such as [Event(function, terminal=True)]"),
    ({"events": [3]}, "events[0]=3: not a function; give f(t, y) -> float or an Event"),
    ({"events": [Event(abs), Event(abs, direction=2)]}, "events[1]: direction=2; give 1 (rising)"),
    ({"controller": 3}, "controller=3: not a step-size controller; give a PIDController(), or none"),
    ({"controller": PIDController}, "not a step-size controller"),
    ({"ts": (1, 1)}, "ts: t1 equals t0=1.0"),
    ({"ts": (0,)}, "ts has shape (1,)"),
    ({"ts": (0, float("inf"))}, "ts[1]=inf: not finite"),
    ({"ts": (0, 2, 1, 3)}, "ts[2]=1.0: turns back"),
    ({"ts": "now"}, "ts='now': not an array of numbers"),
    ({"y0": (2, float("nan"))}, "y0[1]=nan: not finite"),
    ({"y0": [[1, 2], [3, float("inf")]]}, "y0[1, 1]=inf: not finite"),
    ({"y0": 1.0}, "y0 has shape ()"),
    ({"y0": []}, "y0 has shape (0,)"),
    ({"y0": (1j, 0)}, "not an array of real numbers"),
    ({"y0": ((1, 2), (3,))}, "not an array of real numbers"),
    ({"y0": "ab"}, "not an array of real numbers"),
    ({"y0": (1, 2, 3)}, "vector_field returned shape (2,); it must return that of y0, (3,)"),
    ({"max_steps": 0}, "max_steps=0: must be at least 1"),
    ({"dt0": -1.0}, "dt0=-1.0: must be finite and above 0"),
    ({"dt_min": float("nan")}, "dt_min=nan: must be finite and above 0"),
    ({"per_sample": True}, "per_sample=True: y0 has shape (2,); give a batch (D, B)"),
    ({"y0": np.ones((2, 3)), "per_sample": True, "n_steps": 5}, "per_sample=True: fixed steps are the same for all"),
    ({"y0": np.ones((2, 3)), "per_sample": True, "method": "radau"}, "method='radau' has one step for all columns"),
    ({"y0": np.ones((2, 3)), "per_sample": True, "record": True}, "record needs one step for all columns"),
    ({"y0": (1, 2), "method": "radau", "jacobian": lambda _t, _y: np.eye(3)}, "jacobian returned shape (3, 3)"),
]


@pytest.mark.parametrize(("arguments", "sentence"), WRONG, ids=[sentence[:40] for _, sentence in WRONG])
def test_a_wrong_argument_is_named_in_one_sentence(arguments: dict[str, Any], sentence: str) -> None:
    given_arguments: dict[str, Any] = {"y0": (2, 0), "ts": (0, 6), **arguments}
    with pytest.raises(ValueError, match=re.escape(sentence)) as caught:
        solve(spiral, given_arguments.pop("y0"), given_arguments.pop("ts"), **given_arguments)
    assert "\n" not in str(caught.value)


def test_wrong_arguments_raise_before_the_first_step() -> None:
    with pytest.raises(ValueError, match="n_steps=0"):
        solve_steps(spiral, (2, 0), (0, 6), n_steps=0)


def test_odd_states_are_no_pairs() -> None:
    with pytest.raises(ValueError, match=r"y0 has 3 components; a symplectic method needs \[q; p\]"):
        solve(lambda _t, y: y, (1, 2, 3), (0, 1), method="leapfrog", n_steps=2)


def test_integers_become_float64_and_float32_stays() -> None:
    assert solve(spiral, np.array([2, 0]), (0, 6)).ys.dtype == np.float64
    assert solve(spiral, [2, 0], [0, 6]).ys.dtype == np.float64
    assert solve(spiral, np.array([2, 0], np.float16), (0, 6)).ys.dtype == np.float64
    start = np.array([2, 0], np.float32)
    for name, method in METHODS.items():
        steps = {"rtol": 1e-5} if method.adaptive else {"n_steps": 600}
        solution = solve(spiral, start, np.linspace(0, 6, 5), method=name, dense=True, **steps)
        assert solution.ys.dtype == np.float32, name
        assert solution.status is Status.OK, name
        if method.tableau is not None:
            np.testing.assert_allclose(solution.ys[-1], spiral_exact(6.0), atol=0.05)


def test_the_callers_arrays_are_left_alone() -> None:
    y0, ts = np.array([2.0, 0.0]), np.linspace(0, 6, 4)
    solution = solve(spiral, y0, ts)
    solution.ys[0] = 9.0
    assert y0.tolist() == [2.0, 0.0]
    assert ts.tolist() == np.linspace(0, 6, 4).tolist()


def test_a_field_may_offer_into() -> None:
    class Field:
        def __call__(self, t: float, y: np.ndarray) -> np.ndarray:
            return spiral(t, y)

        def into(self, t: float, y: np.ndarray, out: np.ndarray) -> None:
            out[:] = spiral(t, y)

    np.testing.assert_array_equal(solve(Field(), (2, 0), (0, 6)).ys, solve(spiral, (2, 0), (0, 6)).ys)


def test_a_field_may_return_a_list() -> None:
    plain = solve(lambda _t, y: [-0.1 * y[0] - y[1], y[0] - 0.1 * y[1]], (2, 0), (0, 6))
    np.testing.assert_array_equal(plain.ys, solve(spiral, (2, 0), (0, 6)).ys)


def test_equal_times_are_reported_twice() -> None:
    solution = solve(spiral, (2, 0), (0, 0, 3, 3, 6, 6))
    np.testing.assert_allclose(solution.ys, spiral_exact(solution.ts), atol=1e-5)
    assert len(solution.ts) == 6


@given(name=st.text(max_size=20))
def test_any_name_is_known_or_named_in_the_error(name: str) -> None:
    if name not in METHODS:
        with pytest.raises(ValueError, match="no such method"):
            solve(spiral, (2, 0), (0, 1), method=name)
