from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from nodeviz.engine.integrate import Solution, solve
from nodeviz.problems.equations import EquationError, parse_equations
from nodeviz.problems.planar import FieldError, PlanarField


def drive(run: Any) -> Solution:
    """Run a generator to its end and return what it returns."""
    while True:
        try:
            next(run)
        except StopIteration as stop:
            return stop.value


def typed(text: str, **parameters: float) -> PlanarField:
    return PlanarField.from_equations(parse_equations(text), parameters)


def python_list(t: float, y: Any) -> list[float]:
    return [y[1], -math.sin(y[0]) + 0 * t]


def numpy_list(t: float, y: Any) -> list[Any]:
    return [y[1], -np.sin(y[0]) + 0 * t]


def one_constant(_t: float, y: Any) -> tuple[Any, float]:
    return y[1] * y[0], 1


def matrix(_t: float, y: Any) -> Any:
    return np.array([[0.0, 1.0], [-1.0, 0.0]]) @ y


def changes_y(_t: float, y: Any) -> Any:
    y[0], y[1] = y[1], -y[0]
    return y


def looks_at_all_columns(_t: float, y: Any) -> Any:
    return [y[0] * np.size(y), y[1]]


@pytest.mark.parametrize("f", [python_list, numpy_list, one_constant, matrix, changes_y, looks_at_all_columns])
def test_any_callable_serves_single_points_and_batches(f: Any) -> None:
    planar = PlanarField.from_callable(f)
    y = np.random.default_rng(1).normal(size=(2, 3, 4))
    expected = np.stack([np.asarray(f(0.5, c.copy()), float) for c in y.reshape(2, -1).T], axis=1).reshape(y.shape)
    np.testing.assert_allclose(planar.field(0.5, y), expected, rtol=1e-14)
    np.testing.assert_allclose(planar.field(0.5, y[:, 0, 0]), expected[:, 0, 0], rtol=1e-14)
    np.testing.assert_allclose(planar.field(np.full(4, 0.5), y[:, 0]), expected[:, 0], rtol=1e-14)
    assert planar.autonomous


def test_time_is_noticed() -> None:
    assert not PlanarField.from_callable(lambda t, y: [y[1], -y[0] + math.sin(t)]).autonomous
    assert not typed("x' = y; y' = cos(t)").autonomous
    assert typed("x' = y; y' = -x + gamma*cos(t)", gamma=0.0).autonomous
    assert not typed("x' = y; y' = -x + gamma*cos(t)", gamma=0.1).autonomous


def test_separable_fields_are_recognised() -> None:
    assert typed("x' = y; y' = -sin(x) - gamma*y", gamma=0.0).separable
    assert not typed("x' = y; y' = -sin(x) - gamma*y", gamma=1e-9).separable
    assert typed("x' = y + cos(t); y' = x - x + exp(x)").separable
    assert not typed("x' = a*x - y; y' = x", a=-0.1).separable
    assert PlanarField.from_callable(python_list).separable
    assert PlanarField.from_callable(lambda t, y: [np.exp(y[1]) * t, y[0] ** 3]).separable
    assert not PlanarField.from_callable(one_constant).separable
    assert not PlanarField.from_callable(lambda t, y: [y[1], -y[0] - t * y[1]]).separable


def test_leapfrog_is_of_order_two_only_where_the_field_is_separable() -> None:
    for planar, order in ((typed("x' = y; y' = -sin(x)"), 2), (typed("x' = y; y' = -sin(x) - y/5"), 1)):
        exact = drive(planar.orbit_steps((1.0, 0.0), 0.0, 2.0, rtol=1e-12, atol=1e-13)).ys[-1]
        errors = [
            np.abs(drive(planar.orbit_steps((1.0, 0.0), 0.0, 2.0, method="leapfrog", n_steps=n)).ys[-1] - exact).max()
            for n in (200, 400)
        ]
        assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.1)
        assert planar.separable == (order == 2)


def test_differences_approach_the_symbolic_jacobian() -> None:
    exact = typed("x' = x*y + sin(y); y' = exp(x/3) - y*y*y")
    near = PlanarField.from_callable(lambda _t, y: [y[0] * y[1] + np.sin(y[1]), np.exp(y[0] / 3) - y[1] ** 3])
    y = np.random.default_rng(2).normal(size=(2, 5)) * 3
    np.testing.assert_allclose(near.jacobian(0.0, y), exact.jacobian(0.0, y), rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(near.jacobian(0.0, y[:, 0]), exact.jacobian(0.0, y[:, 0]), rtol=1e-8, atol=1e-8)


def test_affine_fields_are_recognised() -> None:
    assert typed("x' = a*x + y - 3; y' = t*x", a=2.0).is_affine(1.0)
    assert typed("x' = x + b*x*x; y' = y", b=0.0).is_affine(0.0)
    assert not typed("x' = x + b*x*x; y' = y", b=1e-3).is_affine(0.0)
    assert not typed("x' = y; y' = -sin(x)").is_affine(0.0)
    assert not typed("x' = log(x); y' = y").is_affine(0.0)
    assert PlanarField.from_callable(matrix).is_affine(0.0)
    assert not PlanarField.from_callable(python_list).is_affine(0.0)


def test_poles_of_a_callable_are_nan() -> None:
    planar = PlanarField.from_callable(lambda _t, y: [math.log(float(y[0])), 1 / float(y[1])])
    rates = planar.field(0.0, np.array([[1.0, -1.0, 1.0], [1.0, 1.0, 0.0]]))
    np.testing.assert_array_equal(rates[:, 0], [0.0, 1.0])
    assert np.isnan(rates[:, 1:]).all()


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (3, "system=3: not callable; give a function f(t, y)"),
        (lambda _t: [1, 2], "failed at t=0, y=(0.31, 0.83) with TypeError"),
        (lambda _t, _y: 1.0, "returned shape () for y of shape (2,)"),
        (lambda _t, _y: [1, 2, 3], "returned shape (3,)"),
        (lambda _t, _y: None, "it must return"),
        (lambda _t, _y: ["a", "b"], "returned ['a', 'b']; it must return two numbers"),
        (lambda _t, _y: 1 / 0, "with ZeroDivisionError: division by zero"),
        (lambda _t, y: y[5], "with IndexError"),
    ],
)
def test_what_cannot_serve_is_refused_in_one_sentence(f: Any, message: str) -> None:
    with pytest.raises(FieldError) as caught:
        PlanarField.from_callable(f)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_callable_that_fails_later_says_where() -> None:
    def f(t: float, y: Any) -> Any:
        return [y[0], {}["missing"] if t > 1 else y[1]]

    with pytest.raises(FieldError, match=r"failed at t=1\.26"):
        PlanarField.from_callable(f, span=(0.0, 2.0))
    assert PlanarField.from_callable(f, span=(0.0, 1.0)).autonomous


@pytest.mark.parametrize("span", [(0.0, 2.0), (2.5, 0.5), (-4.0, -3.0), (0.1, 0.7)])
def test_a_callable_is_never_asked_outside_the_span(span: tuple[float, float]) -> None:
    asked = []

    def f(t: float, y: Any) -> Any:
        asked.append(t)
        return [y[1], -y[0]]

    assert PlanarField.from_callable(f, span=span).autonomous
    assert (min(asked), max(asked)) == (min(span), max(span))


def test_time_is_noticed_though_it_tells_late() -> None:
    late = "x' = y; y' = -x + gamma*max(0, min(1, t - 20))"
    assert not typed(late, gamma=0.5).autonomous
    assert typed(late, gamma=0.0).autonomous
    assert typed("x' = y; y' = -x + a*b*exp(t) + sin(a*t)", a=0.0, b=3.0).autonomous
    assert not typed("x' = y; y' = -x + a/t", a=0.0).autonomous  # 0/0 at t = 0
    by_function = PlanarField.from_callable(lambda t, y: [y[1], -y[0] + 0.5 * max(0, t - 20)], span=(0.0, 40.0))
    assert not by_function.autonomous


@pytest.mark.parametrize("method", ["dopri5", "rk4"])
def test_orbits_are_those_of_the_engine(method: str) -> None:
    n_steps = 40 if method == "rk4" else None
    by_text = typed("x' = y; y' = mu*(1 - x*x)*y - x", mu=1.0)
    by_function = PlanarField.from_callable(lambda _t, y: [y[1], (1 - y[0] * y[0]) * y[1] - y[0]])
    expected = solve(by_text.field, [2.0, 0.0], [0.0, 5.0], method=method, n_steps=n_steps, record=True)
    for planar in (by_text, by_function):
        solution = drive(planar.orbit_steps((2.0, 0.0), 0.0, 5.0, method=method, n_steps=n_steps))
        assert (solution.nfe, solution.n_accepted) == (expected.nfe, expected.n_accepted)
        assert solution.steps is not None
        assert expected.steps is not None
        np.testing.assert_allclose(solution.steps.nodes_y, expected.steps.nodes_y, atol=1e-7)


def test_equations_want_their_parameters() -> None:
    with pytest.raises(EquationError, match="mu has no value"):
        typed("x' = mu*y; y' = -x")
