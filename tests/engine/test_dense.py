from __future__ import annotations

import numpy as np
import pytest
from engine.problems_for_tests import Counted, spiral, spiral_exact
from hypothesis import given
from hypothesis import strategies as st

from nodeviz.engine.dense import Piece, hermite
from nodeviz.engine.integrate import Status, solve
from nodeviz.engine.methods import METHODS

NAMES = list(METHODS)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("span", [(0.0, 3.0), (3.0, 0.0)])
def test_dense_output_goes_through_the_nodes(name: str, span: tuple[float, float]) -> None:
    solution = solve(spiral, (2, 0), span, method=name, n_steps=12, dense=True, record=True)
    assert solution.steps is not None
    assert solution.dense is not None
    np.testing.assert_allclose(solution.dense(solution.steps.nodes_t), solution.steps.nodes_y, rtol=1e-13, atol=1e-14)
    # From the left of each node as well, where the piece before it ends.
    before = solution.steps.nodes_t[1:] - 1e-13 * np.sign(span[1] - span[0])
    np.testing.assert_allclose(solution.dense(before), solution.steps.nodes_y[1:], atol=1e-11)


DENSE_ORDER = {"bosh3": 3, "rk4": 3, "kutta3": 3, "dopri5": 4, "tsit5": 3, "dop853": 7, "radau": 3, "midpoint": 2}


@pytest.mark.parametrize(("name", "order"), DENSE_ORDER.items())
def test_dense_output_has_its_order_between_the_nodes(name: str, order: int) -> None:
    def error(n: int) -> float:
        dense = solve(spiral, (2, 0), (0, 6), method=name, n_steps=n, dense=True).dense
        assert dense is not None
        t = np.linspace(0, 6, 601)
        return float(np.abs(dense(t) - spiral_exact(t)).max())

    n = 8 if order == 7 else 24
    slope = np.log2(error(n) / error(2 * n))
    # Between the nodes the error is that of the step where that is larger, and at most one order better.
    assert order - 0.2 < slope < order + 1.3


@pytest.mark.parametrize("name", ["rk4", "dopri5", "dop853", "radau"])
def test_reports_between_the_steps_agree_with_dense_output(name: str) -> None:
    ts = np.concatenate([[0.0], np.sort(np.random.default_rng(1).uniform(0, 6, 50)), [6.0]])
    solution = solve(spiral, (2, 0), ts, method=name, dense=True, **({"n_steps": 20} if name == "rk4" else {}))
    assert solution.dense is not None
    np.testing.assert_allclose(solution.ys, solution.dense(ts), rtol=1e-12, atol=1e-13)


def test_reports_do_not_set_the_steps() -> None:
    few = solve(spiral, (2, 0), (0, 6))
    many = solve(spiral, (2, 0), np.linspace(0, 6, 1000))
    assert (few.n_accepted, few.nfe) == (many.n_accepted, many.nfe)
    np.testing.assert_array_equal(few.ys[-1], many.ys[-1])


def test_reports_at_the_steps_cost_nothing() -> None:
    assert solve(spiral, (2, 0), np.linspace(0, 6, 16), method="rk4", n_steps=15).nfe == 60
    # Between the steps the interpolant needs the slope at their ends, which the next step begins with.
    assert solve(spiral, (2, 0), np.linspace(0, 6, 100), method="rk4", n_steps=15).nfe == 61


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dense", [False, True])
def test_nfe_counts_every_call(name: str, dense: bool) -> None:
    field = Counted(spiral)
    steps = {} if METHODS[name].adaptive else {"n_steps": 20}
    solution = solve(field, (2, 0), np.linspace(0, 3, 77), method=name, dense=dense, **steps)
    assert solution.nfe == field.calls


def test_batch_and_shapes() -> None:
    y0 = np.array([[2.0, 1.0, 0.5], [0.0, 1.0, -1.0]])
    solution = solve(spiral, y0, np.linspace(0, 6, 7), dense=True)
    assert solution.dense is not None
    assert solution.ys.shape == (7, 2, 3)
    assert solution.dense(1.5).shape == (2, 3)
    assert solution.dense([1.5, 2.5]).shape == (2, 2, 3)
    for j in range(3):
        np.testing.assert_allclose(solution.ys[-1, :, j], spiral_exact(6.0, tuple(y0[:, j])), atol=1e-5)


def test_outside_the_part_solved_is_refused() -> None:
    dense = solve(spiral, (2, 0), (0, 6), dense=True).dense
    assert dense is not None
    with pytest.raises(ValueError, match=r"t=6\.5: outside the part solved; take times from 0\.0 to 6\.0"):
        dense(6.5)


def test_dense_output_of_a_failed_solve_covers_the_part_solved() -> None:
    solution = solve(lambda _t, y: y * y, [1.0], (0, 2), dense=True)
    assert solution.status is not Status.OK
    assert solution.dense is not None
    assert solution.dense(0.5)[0] == pytest.approx(2.0, rel=1e-5)
    np.testing.assert_array_equal(solution.dense(solution.ts[-1]), solution.ys[-1])


@given(
    coefficients=st.lists(st.floats(-10, 10), min_size=4, max_size=4),
    t=st.floats(-5, 5),
    dt=st.sampled_from([-2.0, -0.1, 0.3, 4.0]),
    x=st.floats(0, 1),
)
def test_hermite_reproduces_cubics(coefficients: list[float], t: float, dt: float, x: float) -> None:
    cubic = np.polynomial.Polynomial(coefficients)
    slope = cubic.deriv()
    ends, slopes = cubic(np.array([0.0, 1.0])), slope(np.array([0.0, 1.0]))
    piece = Piece(t, dt, hermite(*(np.array([v]) for v in (*ends, *slopes))))
    np.testing.assert_allclose(piece(t + x * dt), [cubic(x)], atol=1e-11)
