from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nodeviz.problems.equations import parse_equations
from nodeviz.problems.equilibria import Kind, classify, find_equilibria
from nodeviz.problems.planar import PlanarField
from nodeviz.problems.systems import SYSTEMS

LINEAR = {
    Kind.SADDLE: [[1, 2], [3, -1]],
    Kind.STABLE_NODE: [[-1, 1], [0, -2]],
    Kind.UNSTABLE_NODE: [[3, 1], [1, 2]],
    Kind.STABLE_SPIRAL: [[-0.1, -1], [1, -0.1]],
    Kind.UNSTABLE_SPIRAL: [[0.1, -1], [1, 0.1]],
    Kind.STABLE_STAR: [[-0.7, 0], [0, -0.7]],
    Kind.UNSTABLE_STAR: [[2, 0], [0, 2]],
    Kind.STABLE_DEGENERATE_NODE: [[-3, 1], [-1, -1]],
    Kind.UNSTABLE_DEGENERATE_NODE: [[2, 5], [0, 2]],
    Kind.CENTRE: [[1, -2], [1, -1]],
    Kind.LINE: [[1, -1], [2, -2]],
}


def typed(text: str, **parameters: float) -> PlanarField:
    return PlanarField.from_equations(parse_equations(text), parameters)


def kinds(planar: PlanarField, x_range: Any = (-4.0, 4.0), y_range: Any = (-3.0, 3.0), t: float = 0.0) -> Any:
    return [(tuple(round(v, 6) for v in e.point), str(e.kind)) for e in find_equilibria(planar, t, x_range, y_range)]


@pytest.mark.parametrize("kind", LINEAR)
def test_every_class_of_linear_systems(kind: Kind) -> None:
    (a, b), (c, d) = LINEAR[kind]
    exact = typed("x' = a*x + b*y; y' = c*x + d*y", a=a, b=b, c=c, d=d)
    near = PlanarField.from_callable(lambda _t, y: [a * y[0] + b * y[1], c * y[0] + d * y[1]])
    for planar in (exact, near):
        (found,) = find_equilibria(planar, 0.0, (-2.0, 2.0), (-2.0, 2.0))
        assert found.kind == kind
        expected = sorted(np.linalg.eigvals(np.array(LINEAR[kind], float)), key=lambda v: (v.real, v.imag))
        np.testing.assert_allclose(found.eigenvalues, expected, atol=1e-6)
    assert (found.point == pytest.approx((0, 0), abs=1e-9)) or kind == Kind.LINE


def test_the_shift_of_an_affine_system_changes_nothing() -> None:
    assert kinds(typed("x' = 1 - y; y' = x - 2")) == [((2.0, 1.0), "centre")]


def test_a_nonlinear_centre_is_undecided() -> None:
    volterra = SYSTEMS["lotka-volterra"]
    assert kinds(typed(volterra.equations, **volterra.parameters), volterra.x_range, volterra.y_range) == [
        ((0.0, 0.0), "saddle"),
        ((1.0, 1.0), "undecided"),
    ]
    pendulum = PlanarField.from_callable(lambda _t, y: [y[1], -np.sin(y[0])])
    assert kinds(pendulum) == [((-3.141593, 0.0), "saddle"), ((0.0, 0.0), "undecided"), ((3.141593, 0.0), "saddle")]


@pytest.mark.parametrize(
    ("a", "kind"), [(1.0, "unstable spiral"), (1e-3, "unstable spiral"), (0.0, "undecided"), (-2.0, "stable spiral")]
)
def test_a_point_where_the_symbolic_jacobian_is_not_a_number(a: float, kind: str) -> None:
    planar = typed("r = sqrt(x*x + y*y); x' = x*(a - r) - y; y' = y*(a - r) + x", a=a)
    (found,) = find_equilibria(planar, 0.0, (-2.0, 2.0), (-2.0, 2.0))
    assert (found.point, str(found.kind)) == ((0.0, 0.0), kind)
    np.testing.assert_allclose(found.eigenvalues, [complex(a, -1), complex(a, 1)], atol=1e-9)


def test_a_kink_has_no_linearisation() -> None:
    assert kinds(typed("x' = sqrt(x*x + y*y) - y/2; y' = x")) == []
    assert kinds(typed("x' = sign(x)*sqrt(abs(x)); y' = -y")) == []


@pytest.mark.parametrize(
    "text", ["x' = x*x; y' = -y", "x' = x^3; y' = -y", "x' = y; y' = -x^3", "x' = x*y; y' = y - x*x"]
)
def test_a_zero_eigenvalue_is_undecided(text: str) -> None:
    assert kinds(typed(text)) == [((0.0, 0.0), "undecided")]


def test_a_triple_zero_is_no_node() -> None:
    ((_, kind),) = kinds(typed("x' = (x - 1)^3; y' = y*(x - 1)^2"))
    assert kind == "undecided"
    assert kinds(typed("x' = 1e-9*x; y' = -2e-9*y")) == [((0.0, 0.0), "saddle")]


def test_a_fold_away_from_the_origin() -> None:
    ((point, kind),) = kinds(typed("x' = (x - 1)^2; y' = -y"))
    assert kind == "undecided"
    assert point == pytest.approx((1, 0), abs=1e-5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x' = 0; y' = -y", [((None, 0.0), "line of equilibria")]),
        ("x' = x - y; y' = 2*x - 2*y", [((0.0, 0.0), "line of equilibria")]),
        ("x' = x*y; y' = -x", [((0.0, None), "line of equilibria")]),
        ("x' = 0; y' = 0", [((None, None), "line of equilibria")]),
        ("x' = x*x; y' = 0*y", [((0.0, None), "line of equilibria")]),
        ("x' = y*y; y' = -x*y*y", [((None, 0.0), "line of equilibria")]),
        ("x' = (x - 1)^2; y' = y*(x - 1)^2 - x*(x - 1)^2", [((1.0, None), "line of equilibria")]),
    ],
)
def test_lines_of_equilibria_are_one(text: str, expected: Any) -> None:
    found = kinds(typed(text))
    assert [kind for _, kind in found] == [kind for _, kind in expected]
    for (point, _), (wanted, _) in zip(found, expected, strict=True):
        assert all(w is None or p == pytest.approx(w, abs=1e-6) for p, w in zip(point, wanted, strict=True))


def test_a_circle_of_equilibria_around_a_centre() -> None:
    found = kinds(typed("g = 1 - x*x - y*y; x' = y*g; y' = -x*g"))
    assert sorted(kind for _, kind in found) == ["line of equilibria", "undecided"]
    assert math.hypot(*next(point for point, kind in found if kind == "line of equilibria")) == pytest.approx(
        1, abs=1e-4
    )


def test_isolated_singular_equilibria_are_no_line() -> None:
    found = kinds(typed("x' = sin(x)^2; y' = -y"))
    assert [kind for _, kind in found] == ["undecided"] * 3


def test_many_equilibria_and_only_those_in_view() -> None:
    planar = typed("x' = sin(3*x); y' = sin(3*y)")
    found = kinds(planar)
    assert len(found) == 7 * 5
    assert len(kinds(planar, (0.5, 4.0))) == 3 * 5
    assert found == sorted(found)
    assert {kind for _, kind in found} == {"saddle", "stable star", "unstable star"}


def test_two_close_ones_are_told_apart() -> None:
    assert kinds(typed("x' = x*(x - 0.001); y' = -y")) == [((0.0, 0.0), "stable node"), ((0.001, 0.0), "saddle")]


@pytest.mark.parametrize(
    "text", ["x' = 1; y' = y", "x' = 1/x; y' = y", "x' = log(-1 - x*x); y' = x", "x' = exp(-x)*y; y' = exp(-x)"]
)
def test_poles_infinity_and_nothing_are_no_equilibria(text: str) -> None:
    assert kinds(typed(text)) == []


def test_poles_beside_equilibria() -> None:
    found = find_equilibria(typed("x' = tan(x) - y; y' = x - 1/y"), 0.0, (-4.0, 4.0), (-3.0, 3.0))
    assert len(found) == 4
    for one in found:
        x, y = one.point
        assert math.tan(x) == pytest.approx(y, abs=1e-9)
        assert x == pytest.approx(1 / y, abs=1e-9)


def test_time_is_frozen() -> None:
    assert kinds(typed("x' = x - t; y' = -y"), t=2.0) == [((2.0, 0.0), "saddle")]


def test_brusselator_and_van_der_pol() -> None:
    for name, point in (("brusselator", (1.0, 3.0)), ("van-der-pol", (0.0, 0.0)), ("hopf", (0.0, 0.0))):
        system = SYSTEMS[name]
        planar = typed(system.equations, **system.parameters)
        assert kinds(planar, system.x_range, system.y_range) == [(point, "unstable spiral")]


numbers = st.floats(-3, 3).map(lambda value: round(value, 3))


@pytest.mark.parametrize("gap", [1e-7, -1e-9, 1e-11])
def test_eigenvalues_that_differ_a_little_differ(gap: float) -> None:
    assert classify(np.diag([-1.0, -1.0 - gap]), affine=True) == Kind.STABLE_NODE
    assert classify(np.array([[1.0, 1.0], [gap * gap, 1.0]]), affine=True) == (
        Kind.UNSTABLE_NODE if gap * gap > 3e-14 else Kind.UNSTABLE_DEGENERATE_NODE
    )
    assert classify(np.array([[2.0, abs(gap)], [0.0, 2.0]]), affine=True) == Kind.UNSTABLE_DEGENERATE_NODE
    assert classify(np.diag([-1.0, -1.0 - gap]), affine=True, exact=False) == Kind.STABLE_STAR


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(0.1, 3))
@settings(max_examples=200, deadline=None)
def test_rounding_does_not_split_a_double_eigenvalue(angle: float, value: float, shear: float) -> None:
    assume(abs(value) > 1e-2)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    side = "stable" if value < 0 else "unstable"
    for off, what in ((0.0, "star"), (shear, "degenerate node")):
        assert classify(turn @ [[value, off], [0.0, value]] @ turn.T, affine=True) == f"{side} {what}"


@given(numbers, numbers, numbers, numbers)
@settings(max_examples=300, deadline=None)
def test_classes_agree_with_the_eigenvalues(a: float, b: float, c: float, d: float) -> None:
    matrix = np.array([[a, b], [c, d]])
    values = np.linalg.eigvals(matrix)
    # Rounded to three digits, a matrix is at a border exactly or far from it.
    square, determinant = round((a - d) ** 2 + 4 * b * c, 9), round(a * d - b * c, 9)
    assume(np.abs(matrix).max() > 0.1)
    kind = classify(matrix, affine=True)
    if determinant == 0:
        assert kind == Kind.LINE
    elif square == 0:
        what = "star" if b == c == 0 else "degenerate node"
        assert kind == f"{'stable' if a + d < 0 else 'unstable'} {what}"
    elif square < 0 and round(a + d, 9) == 0:
        assert kind == Kind.CENTRE
        assert classify(matrix, affine=False) == Kind.UNDECIDED
    elif square < 0:
        assert kind == ("stable spiral" if values.real.max() < 0 else "unstable spiral")
    elif determinant < 0:
        assert kind == Kind.SADDLE
    else:
        assert kind == ("stable node" if values.real.max() < 0 else "unstable node")
