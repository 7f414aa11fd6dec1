from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeviz.problems.contours import contour_lines, separated
from nodeviz.problems.equations import parse_equations
from nodeviz.problems.nullclines import nullclines
from nodeviz.problems.planar import PlanarField
from nodeviz.problems.systems import SYSTEMS, System

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray


def typed(text: str, **parameters: float) -> PlanarField:
    return PlanarField.from_equations(parse_equations(text), parameters)


def lines_of(curve: FloatArray) -> list[FloatArray]:
    breaks = np.flatnonzero(np.isnan(curve[:, 0]))
    return [line[np.isfinite(line[:, 0])] for line in np.split(curve, breaks)] if len(curve) else []


def both(text: str) -> tuple[FloatArray, FloatArray]:
    return nullclines(typed(text), 0.0, (-4.0, 4.0), (-3.0, 3.0))


@pytest.mark.parametrize("system", SYSTEMS.values(), ids=SYSTEMS)
def test_rates_vanish_on_the_nullclines_of_every_system(system: System) -> None:
    planar = typed(system.equations, **system.parameters)
    curves = nullclines(planar, 0.0, system.x_range, system.y_range)
    for i, curve in enumerate(curves):
        assert len(curve) > 10
        for line in lines_of(curve):
            assert np.abs(planar.field(0.0, line.T)[i]).max() < 1e-9


def test_all_branches_are_found() -> None:
    """x' = (x - 1)(x + 2) y has three lines, y' = 1 - x^2 - y^2 a closed one."""
    lines, circle = both("x' = (x - 1)*(x + 2)*y; y' = 1 - x*x - y*y")
    values = sorted(lines_of(lines), key=lambda line: float(np.ptp(line[:, 0])))
    # Where lines cross, they may be joined differently; together they are still the three.
    points = np.concatenate(values)
    on = np.stack([points[:, 0] - 1, points[:, 0] + 2, points[:, 1]])
    assert np.abs(on).min(axis=0).max() < 1e-12
    assert all((np.abs(row) < 1e-12).sum() > 100 for row in on)
    (ring,) = lines_of(circle)
    np.testing.assert_array_equal(ring[0], ring[-1])
    np.testing.assert_allclose(np.hypot(*ring.T), 1.0, rtol=1e-12)
    assert np.hypot(*np.diff(ring, axis=0).T).sum() == pytest.approx(2 * math.pi, rel=1e-3)


def test_poles_and_jumps_are_no_nullclines() -> None:
    by_tan, by_pole = both("x' = tan(x); y' = 1/(y - 0.5)")
    assert sorted(round(line[:, 0].mean(), 9) for line in lines_of(by_tan)) == [
        -round(math.pi, 9),
        0,
        round(math.pi, 9),
    ]
    assert len(by_pole) == 0
    assert len(both("x' = sign(x); y' = 1")[0]) == 0
    uneven, _ = both("x' = 1/(x - 0.501) + 1e-3; y' = 1")
    assert len(uneven) == 0


def test_regions_without_a_value_are_left_out() -> None:
    half, nothing = both("x' = y*sqrt(x); y' = log(-1 - x*x)")
    (line,) = lines_of(half)
    assert line[:, 0].min() >= 0
    assert line[:, 0].min() < 0.1
    assert len(nothing) == 0


def test_nullclines_without_a_change_of_sign() -> None:
    double, ring = both("x' = (x - y)^2; y' = -(x*x + y*y - 1)^2")
    assert np.ptp(lines_of(double)[0][:, 0]) > 5.5
    np.testing.assert_allclose(double[:, 0], double[:, 1], atol=1e-6)
    np.testing.assert_allclose(np.hypot(*lines_of(ring)[0].T), 1.0, atol=1e-6)


def test_a_rate_that_is_zero_everywhere_or_nowhere_has_none() -> None:
    assert [len(curve) for curve in both("x' = 0; y' = 1 + x*x")] == [0, 0]


def test_nullclines_of_callables() -> None:
    for f in (lambda _t, y: [y[1], 1 - y[0] * y[0]], lambda _t, y: [float(y[1]), 1 - math.pow(y[0], 2)]):
        curves = nullclines(PlanarField.from_callable(f), 0.0, (-4.0, 4.0), (-3.0, 3.0))
        assert np.nanmax(np.abs(curves[0][:, 1])) < 1e-12
        assert np.nanmax(np.abs(np.abs(curves[1][:, 0]) - 1)) < 1e-9
        assert len(lines_of(curves[1])) == 2


def test_time_is_frozen() -> None:
    planar = typed("x' = y - t; y' = x")
    assert nullclines(planar, 2.0, (-4.0, 4.0), (-3.0, 3.0))[0][:, 1] == pytest.approx(2.0)


def test_saddle_cells_are_cut_by_the_sign_of_their_mean() -> None:
    grid = np.array([[1.0, -1.0], [-1.0, 3.0]])
    lines = lines_of(contour_lines(np.array([0.0, 1.0]), np.array([0.0, 1.0]), grid))
    assert len(lines) == 2
    for line in lines:  # bottom right and top left corner are cut off, the positive ones connected
        assert abs(np.diff(line.sum(axis=1))[0]) < 1.0
        assert (line[:, 0] > line[:, 1]).all() or (line[:, 0] < line[:, 1]).all()


def test_nothing_gives_nothing() -> None:
    assert separated([]).shape == (0, 2)
    assert contour_lines(np.arange(3.0), np.arange(4.0), np.full((4, 3), np.nan)).shape == (0, 2)


@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(0.3, 2), st.integers(20, 60), st.integers(20, 60))
@settings(max_examples=50, deadline=None)
def test_any_circle_is_one_closed_line(x: float, y: float, radius: float, nx: int, ny: int) -> None:
    xs, ys = np.linspace(-4, 4, nx), np.linspace(-4, 4, ny)
    values = np.hypot(xs[None] - x, ys[:, None] - y) - radius
    (line,) = lines_of(contour_lines(xs, ys, values))
    np.testing.assert_array_equal(line[0], line[-1])
    cell = max(xs[1] - xs[0], ys[1] - ys[0])
    np.testing.assert_allclose(np.hypot(line[:, 0] - x, line[:, 1] - y), radius, atol=cell * cell / radius)
