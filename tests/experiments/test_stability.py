"""Stability regions: the limits on the axes, the boundary, and the largest stable step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nodeviz.engine.integrate import solve
from nodeviz.engine.methods import METHODS
from nodeviz.experiments.stability import limit, stability_curves, stable_steps

if TYPE_CHECKING:
    from nodeviz.engine.arrays import ComplexArray, FloatArray

# corrections.md, stability limits.
REAL = {"euler": 2.0, "kutta3": 2.5127, "bosh3": 2.5127, "rk4": 2.7853, "rk38": 2.7853, "dopri5": 3.3066}
IMAGINARY = {"kutta3": 1.7321, "bosh3": 1.7321, "rk4": 2.8284, "rk38": 2.8284}


def curves(methods: list[str]) -> FloatArray:
    steps = stability_curves(methods)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


def stable_step(method: str, eigenvalues: ComplexArray) -> float:
    steps = stable_steps([method], eigenvalues)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return float(end.value[0])


@pytest.mark.parametrize(("method", "expected"), REAL.items())
def test_limits_on_the_negative_real_axis(method: str, expected: float) -> None:
    assert limit(method, -1.0) == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize(("method", "expected"), IMAGINARY.items())
def test_limits_on_the_imaginary_axis(method: str, expected: float) -> None:
    assert limit(method, 1j) == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize("method", ["euler", "midpoint", "heun"])
def test_no_oscillation_is_stable_for_these(method: str) -> None:
    assert limit(method, 1j) == 0.0


@pytest.mark.parametrize("method", ["backward-euler", "trapezoid", "radau"])
def test_implicit_methods_are_stable_without_end(method: str) -> None:
    assert limit(method, -1.0) == limit(method, 1j) == math.inf
    assert math.isnan(stable_step(method, np.array([[-1e6, -1.0]], complex)))


@pytest.mark.parametrize("method", [name for name in METHODS if METHODS[name].stability_function is not None])
def test_the_boundary_is_where_the_modulus_is_one(method: str) -> None:
    boundary = curves([method])
    points = boundary[0][np.isfinite(boundary[0]).all(axis=1)]
    assert len(points) > 10
    function = METHODS[method].stability_function
    assert function is not None
    z = points[:, 0] + 1j * points[:, 1]
    # How far the points are from the curve, by one step of Newton; they lie on the lines of a grid of 0.1.
    rate = np.abs((function(z + 1e-6) - function(z)) / 1e-6 / function(z))
    assert np.max(np.abs(np.log(np.abs(function(z)))) / rate) < 0.05


def test_curves_of_several_methods_are_padded_to_the_longest() -> None:
    both = curves(["euler", "leapfrog", "dop853"])
    assert both.shape[0] == 3
    assert np.isnan(both[1]).all()  # leapfrog has no stability function
    assert not both.flags.writeable
    alone = curves(["euler"])
    np.testing.assert_array_equal(both[0][: len(alone[0])], alone[0])


@pytest.mark.parametrize("decay", [0.1, 0.02, 0.01, 1e-4])
def test_euler_on_the_spiral(decay: float) -> None:
    # |1 + dt (-decay + i)| = 1 at dt = 2 decay / (1 + decay^2).
    limit_dt = 2 * decay / (1 + decay**2)
    assert stable_step("euler", np.array([[-decay + 1j, -decay - 1j]])) == pytest.approx(limit_dt, rel=1e-5)


def test_a_method_without_stability_function_has_no_limit() -> None:
    assert math.isnan(limit("leapfrog", -1.0))
    assert math.isnan(stable_step("leapfrog", np.array([[-1.0, -1.0]], complex)))


@pytest.mark.parametrize(
    "eigenvalues",
    [
        [[-1.0, -2.0], [-1.5, -2.0]],  # not linear
        [[1.0, -2.0], [1.0, -2.0]],  # grows itself
        [[0.0, -2.0], [0.0, -2.0]],
        [[np.nan, np.nan]],  # nothing reached
        [[1j, -1j], [1j, -1j]],
    ],
    ids=["nonlinear", "saddle", "line", "padding", "centre"],
)
def test_no_step_is_named_where_none_tells(eigenvalues: list[list[complex]]) -> None:
    assert math.isnan(stable_step("euler", np.array(eigenvalues, complex)))


def test_padding_is_left_out() -> None:
    values = np.array([[-1.0, -4.0], [-1.0, -4.0], [np.nan, np.nan]], complex)
    assert stable_step("euler", values) == pytest.approx(0.5)


@given(
    st.sampled_from(["euler", "heun", "kutta3", "rk4", "dopri5", "tsit5"]),
    st.floats(-3.0, -0.05),
    st.floats(0.0, 3.0),
)
def test_a_step_below_the_limit_decays_and_one_above_grows(method: str, real: float, imaginary: float) -> None:
    value = complex(real, imaginary)
    longest = stable_step(method, np.array([[value, value.conjugate()]]))
    assume(math.isfinite(longest))
    matrix = np.array([[real, -imaginary], [imaginary, real]])

    def growth(dt: float) -> float:
        solution = solve(lambda _t, y: matrix @ y, np.array([1.0, 0.0]), [0.0, dt], method=method, n_steps=1)
        return float(np.linalg.norm(solution.ys[-1]))

    assert growth(longest * (1 - 1e-3)) < 1.0
    assert growth(longest * (1 + 1e-3)) > 1.0
