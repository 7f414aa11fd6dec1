from __future__ import annotations

import tracemalloc
from time import sleep, thread_time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeviz.engine.integrate import Solution, Status, solve, solve_steps
from nodeviz.engine.methods import METHODS
from nodeviz.problems.compiled import orbit_steps
from nodeviz.problems.equations import parse_equations
from nodeviz.problems.planar import PlanarField
from nodeviz.problems.systems import SYSTEMS, System

EXPLICIT = [name for name, method in METHODS.items() if method.tableau is not None and method.tableau.explicit]
ADAPTIVE = [name for name in EXPLICIT if METHODS[name].adaptive]


def drive(run: Any) -> Solution:
    while True:
        try:
            next(run)
        except StopIteration as stop:
            return stop.value


def both(text: str, y0: Any, t0: float, t1: float, **options: Any) -> tuple[Solution, Solution]:
    equations = parse_equations(text)
    return (
        drive(orbit_steps(equations, {}, y0, t0, t1, **options)),
        solve(equations.field({}), y0, [t0, t1], record=True, **options),
    )


def assert_same(compiled: Solution, engine: Solution, atol: float = 1e-9) -> None:
    assert compiled.status == engine.status
    assert (compiled.nfe, compiled.n_accepted, compiled.n_rejected) == (
        engine.nfe,
        engine.n_accepted,
        engine.n_rejected,
    )
    np.testing.assert_allclose(compiled.ts, engine.ts, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(compiled.ys, engine.ys, rtol=1e-6, atol=atol)
    assert compiled.steps is not None
    assert engine.steps is not None
    np.testing.assert_array_equal(compiled.steps.accepted, engine.steps.accepted)
    for name in ("t", "dt", "nodes_t", "nodes_y"):
        np.testing.assert_allclose(getattr(compiled.steps, name), getattr(engine.steps, name), rtol=1e-4, atol=1e-6)
    for name in ("t", "dt", "err_ratio"):
        assert getattr(compiled.steps, name).shape == compiled.steps.accepted.shape


@pytest.mark.parametrize("method", EXPLICIT)
@pytest.mark.parametrize("backwards", [False, True])
def test_fixed_steps_are_those_of_the_engine(method: str, backwards: bool) -> None:
    t0, t1 = (1.5, -0.75) if backwards else (0.5, 4.0)
    text = "r = x*x + y*y; x' = y + cos(t); y' = -sin(x) - 0.1*r*y"
    compiled, engine = both(text, (1.2, 0.3), t0, t1, method=method, n_steps=23)
    assert_same(compiled, engine)
    np.testing.assert_allclose(compiled.ys, engine.ys, rtol=1e-13)


@pytest.mark.parametrize("method", ADAPTIVE)
@pytest.mark.parametrize("rtol", [1e-3, 1e-7])
@pytest.mark.parametrize("backwards", [False, True])
def test_adaptive_steps_are_those_of_the_engine(method: str, rtol: float, backwards: bool) -> None:
    t0, t1 = (8.0, 0.0) if backwards else (-1.0, 9.0)
    text = "x' = y; y' = 0.8*(1 - x*x)*y - x + 0.1*cos(t)"
    compiled, engine = both(text, (0.2, 0.3), t0, t1, method=method, rtol=rtol, atol=rtol / 100)
    assert_same(compiled, engine)


@pytest.mark.parametrize("system", SYSTEMS.values(), ids=SYSTEMS)
def test_every_named_system(system: System) -> None:
    equations = parse_equations(system.equations)
    args = (system.start[0], system.t0, min(system.t1, 6.0))
    compiled = drive(orbit_steps(equations, system.parameters, *args, rtol=1e-6))
    engine = solve(equations.field(system.parameters), args[0], args[1:], rtol=1e-6, record=True)
    assert_same(compiled, engine, atol=1e-7)


def test_the_values_of_the_article() -> None:
    text = "x' = -0.1*x - y; y' = x - 0.1*y"
    exact = 2 * np.exp(-0.6) * np.array([np.cos(6), np.sin(6)])
    np.testing.assert_allclose(exact, [1.0539052477, -0.3066929520], atol=1e-10)
    for method, n_steps, error in (("euler", 15, 2.5090755), ("rk4", 15, 1.4869984e-3), ("dopri5", 60, 1.9238e-8)):
        compiled, _ = both(text, (2.0, 0.0), 0.0, 6.0, method=method, n_steps=n_steps)
        assert np.linalg.norm(compiled.ys[-1] - exact) == pytest.approx(error, rel=1e-4)
        assert compiled.steps is not None
        assert compiled.steps.nodes_y.shape == (n_steps + 1, 2)


@pytest.mark.parametrize(
    ("text", "y0", "t1", "options"),
    [
        ("x' = x*x; y' = 0", (1.0, 0.0), 2.0, {}),
        ("x' = x*x; y' = 0", (1.0, 0.0), 40.0, {"method": "rk4", "n_steps": 40}),
        ("x' = exp(x); y' = 0", (1.0, 0.0), 40.0, {"method": "euler", "n_steps": 40}),
        ("x' = -1; y' = log(x)", (1.0, 0.0), 3.0, {"method": "rk4", "n_steps": 30}),
        ("x' = -1; y' = sqrt(x)", (1.0, 0.0), 3.0, {}),
        ("x' = -1; y' = 1/x", (1.0, 0.0), 3.0, {"method": "euler", "n_steps": 3}),
        ("x' = -1; y' = x^0.5", (1.0, 0.0), 3.0, {"method": "heun", "n_steps": 7}),
        ("x' = 1/x; y' = 0", (0.0, 0.0), 1.0, {"method": "euler", "n_steps": 7}),
        ("x' = cosh(x)^9; y' = 0", (1.0, 0.0), 1.0, {"method": "dop853"}),
        ("x' = -1000*x; y' = -y", (1.0, 1.0), 10.0, {"max_steps": 50}),
        ("x' = -1000*x; y' = -y", (1.0, 1.0), 10.0, {"max_steps": 51, "method": "dop853"}),
        ("x' = sign(sin(1/t)); y' = y", (0.1, 1.0), 1.0, {"rtol": 1e-13}),
    ],
)
def test_failures_are_those_of_the_engine(text: str, y0: Any, t1: float, options: dict[str, Any]) -> None:
    compiled, engine = both(text, y0, 0.0, t1, **options)
    assert compiled.status == engine.status
    assert compiled.status != Status.OK
    assert compiled.message.split(" ")[0] == engine.message.split(" ")[0]
    assert np.isfinite(compiled.ys).all()
    assert (compiled.n_accepted, compiled.nfe) == (engine.n_accepted, engine.nfe) or compiled.n_rejected > 3
    assert compiled.ts[-1] == pytest.approx(engine.ts[-1], rel=1e-3)


def test_inner_infinities_are_no_failure() -> None:
    """As in NumPy, 1/inf is 0: a stage may pass through infinity and come back."""
    compiled, engine = both("x' = 1/exp(1000 + x); y' = -y", (0.0, 1.0), 0.0, 1.0, method="rk4", n_steps=4)
    assert compiled.status == Status.OK
    np.testing.assert_allclose(compiled.ys, engine.ys, rtol=1e-14)


@pytest.mark.parametrize(
    ("y0", "t1", "options", "message"),
    [
        ((1.0, 2.0, 3.0), 1.0, {}, "a start in the plane has two numbers"),
        ((np.nan, 2.0), 1.0, {}, "not finite"),
        ((1.0, 2.0), 0.0, {}, "t1 equals t0"),
        ((1.0, 2.0), np.inf, {}, "not finite"),
        ((1.0, 2.0), 1.0, {"rtol": -1}, "rtol"),
        ((1.0, 2.0), 1.0, {"rtol": 1e-17}, "cannot resolve below"),
        ((1.0, 2.0), 1.0, {"atol": 0}, "atol"),
        ((1.0, 2.0), 1.0, {"n_steps": 0}, "n_steps=0"),
        ((1.0, 2.0), 1.0, {"n_steps": 10**12}, "n_steps=1000000000000"),
        ((1.0, 2.0), 1.0, {"method": "rk4"}, "takes fixed steps"),
        ((1.0, 2.0), 1.0, {"method": "rk5", "n_steps": 3}, "rk5"),
    ],
)
def test_wrong_arguments_raise_at_once(y0: Any, t1: float, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        orbit_steps(parse_equations("x' = y; y' = -x"), {}, y0, 0.0, t1, **options)


def test_a_spent_budget_keeps_the_part_solved() -> None:
    run = orbit_steps(parse_equations("x' = y; y' = -x"), {}, (1.0, 0.0), 0.0, 1e6, rtol=1e-12)
    for _ in range(4):
        next(run)
    with pytest.raises(StopIteration) as stop:
        run.throw(TimeoutError())
    solution = stop.value.value
    assert solution.status == Status.TIMEOUT
    assert 0 < solution.ts[-1] < 1e6
    np.testing.assert_allclose(solution.ys[-1], [np.cos(solution.ts[-1]), -np.sin(solution.ts[-1])], atol=1e-6)


def test_long_orbits_yield_often() -> None:
    """The longest piece is bounded by work, not by a clock: the slowest equations begin with few steps too."""
    terms = ", ".join(f"sin({i}*x)" for i in range(200))
    equations = parse_equations(f"x' = y; s = min({terms}); y' = s - x")
    run = orbit_steps(equations, {}, (1.0, 0.0), 0.0, 2.0, method="dop853", rtol=1e-5)
    gaps, begun = [], thread_time()
    for _ in run:
        gaps.append(thread_time() - begun)
        begun = thread_time()
    assert len(gaps) > 3
    assert np.median(gaps) < 0.05


@pytest.mark.parametrize("options", [{"method": "euler", "n_steps": 20_000}, {"method": "dopri5", "rtol": 1e-13}])
def test_a_slow_caller_does_not_make_the_pieces_smaller(options: dict[str, Any]) -> None:
    run = orbit_steps(parse_equations("x' = y; y' = -x"), {}, (1.0, 0.0), 0.0, 200.0, **options)
    n_pieces = 1
    for _ in run:
        sleep(0.02)
        n_pieces += 1
        assert n_pieces < 100  # pieces of a step each, had the pauses counted


@given(st.floats(-2, 2), st.floats(-2, 2), st.floats(0.1, 5), st.sampled_from(ADAPTIVE), st.booleans())
@settings(max_examples=60, deadline=None)
def test_any_start(x: float, y: float, t1: float, method: str, backwards: bool) -> None:
    text = "x' = y - x*x*x/3 + atan2(x, 1 + y*y); y' = -x + 0.2*tanh(y)"
    compiled, engine = both(text, (x, y), 0.0, -t1 if backwards else t1, method=method, rtol=1e-5)
    assert abs(compiled.n_accepted - engine.n_accepted) <= 0.1 * engine.n_accepted + 2
    assert compiled.status == engine.status
    np.testing.assert_allclose(compiled.ys, engine.ys, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("compiled", [True, False])
def test_the_end_of_a_long_solve_has_nothing_left_to_do(compiled: bool) -> None:
    """What the last piece allocates measures its work: a small part of what was recorded."""
    field = PlanarField.from_equations(parse_equations("x' = y; y' = -x"), {})
    options: dict[str, Any] = {"method": "euler", "n_steps": 100_000 if compiled else 10_000}
    if compiled:
        run = field.orbit_steps((1.0, 0.0), 0.0, 1.0, **options)
    else:
        run = solve_steps(field.field, (1.0, 0.0), (0.0, 1.0), record=True, **options)
    tracemalloc.start()
    try:
        while True:
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
            next(run)
    except StopIteration as stop:
        steps, (_, peak) = stop.value.steps, tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    recorded = sum(getattr(steps, name).nbytes for name in ("t", "dt", "err_ratio", "accepted", "nodes_t", "nodes_y"))
    assert len(steps.t) == options["n_steps"]
    assert peak - before < 0.5 * recorded
