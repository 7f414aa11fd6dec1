from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from engine.problems_for_tests import pendulum, spiral, van_der_pol
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeviz.engine.controllers import PI_CONTROLLER
from nodeviz.engine.integrate import Status, solve

STARTS = np.random.default_rng(3).uniform(-3, 3, (2, 9))
NAMES = ["bosh3", "dopri5", "tsit5", "dop853"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("span", [(0.0, 8.0), (8.0, 0.0)])
def test_every_column_is_solved_as_if_alone(name: str, span: tuple[float, float]) -> None:
    ts = np.linspace(*span, 33)
    field = van_der_pol(2.0) if span[0] < span[1] else pendulum  # backwards Van der Pol runs away
    together = solve(field, STARTS, ts, method=name, per_sample=True)
    assert together.ok
    assert together.ys.shape == (33, 2, 9)
    for j in range(STARTS.shape[1]):
        alone = solve(field, STARTS[:, j], ts, method=name)
        np.testing.assert_allclose(together.ys[:, :, j], alone.ys, rtol=1e-8, atol=1e-10)
        assert together.n_accepted[j] == alone.n_accepted
        assert together.n_rejected[j] == alone.n_rejected
        if name != "dop853":  # whose interpolant costs evaluations for the whole batch
            assert together.nfe[j] == alone.nfe


def test_another_controller_is_used_alike() -> None:
    together = solve(van_der_pol(2.0), STARTS, (0, 8), per_sample=True, controller=PI_CONTROLLER)
    alone = [solve(van_der_pol(2.0), STARTS[:, j], (0, 8), controller=PI_CONTROLLER).n_accepted for j in range(9)]
    assert together.n_accepted.tolist() == alone
    assert alone != [solve(van_der_pol(2.0), STARTS[:, j], (0, 8)).n_accepted for j in range(9)]


def test_the_field_gets_a_time_for_every_column_and_finished_columns_leave() -> None:
    sizes = []

    def field(t: Any, y: np.ndarray) -> np.ndarray:
        assert t.shape == y.shape[1:]
        sizes.append(len(t))
        return np.stack([y[1], np.cos(t) - y[0] * y[0] * y[0]])

    solution = solve(field, STARTS, (0, 5), per_sample=True)
    assert solution.ok
    assert sizes[0] == 9
    assert sizes[-1] < 9
    assert sizes == sorted(sizes, reverse=True)


def test_one_bad_column_does_not_take_the_others_along() -> None:
    y0 = np.array([[0.1, 1.0, 0.2, 2.0]])
    solution = solve(lambda _t, y: y * y, y0, np.linspace(0, 2, 5), per_sample=True)
    assert [status is Status.OK for status in solution.status] == [True, False, True, False]
    assert not solution.ok
    np.testing.assert_allclose(solution.ys[-1, 0, [0, 2]], y0[0, [0, 2]] / (1 - 2 * y0[0, [0, 2]]), rtol=1e-5)
    assert np.isnan(solution.ys[-1, 0, [1, 3]]).all()
    np.testing.assert_allclose(solution.ys[1, 0, 1], 2.0, rtol=1e-5)
    assert solution.message.startswith("2 of 4 columns did not arrive; the first: ")
    assert "of column 1" in solution.message


def test_a_stiff_batch_ends_with_a_reason() -> None:
    y0 = np.array([[2.0, 0.0], [0.0, 0.0]])
    solution = solve(van_der_pol(1000.0), y0, (0, 2000), per_sample=True, max_steps=300)
    assert solution.status.tolist() == [Status.MAX_STEPS, Status.OK]  # the second rests at the equilibrium
    assert solution.n_accepted[0] + solution.n_rejected[0] == 300
    assert "max_steps=300" in solution.message
    assert "of column 0" in solution.message


def test_own_steps_see_the_point_that_a_shared_norm_hides() -> None:
    # Ninety-nine points at rest and one that is not: the shared RMS norm divides its error by ten.
    y0 = np.zeros((2, 100))
    y0[0, 50] = 2.0
    exact = solve(van_der_pol(5.0), y0[:, 50], (0, 20), method="dop853", rtol=1e-12, atol=1e-12).ys[-1]
    shared = solve(van_der_pol(5.0), y0, (0, 20), rtol=1e-3, atol=1e-6).ys[-1, :, 50]
    own = solve(van_der_pol(5.0), y0, (0, 20), rtol=1e-3, atol=1e-6, per_sample=True).ys[-1, :, 50]
    assert np.abs(own - exact).max() < 0.5 * np.abs(shared - exact).max()


def test_float32_stays() -> None:
    solution = solve(spiral, STARTS.astype(np.float32), (0, 3), per_sample=True, rtol=1e-4)
    assert solution.ys.dtype == np.float32
    assert solution.ok


@settings(max_examples=20)
@given(
    starts=st.lists(st.tuples(st.floats(-3, 3), st.floats(-3, 3)), min_size=1, max_size=6),
    inner=st.lists(st.floats(0.0, 3.0), max_size=12),
    forward=st.booleans(),
)
def test_reports_at_any_times(starts: list[tuple[float, float]], inner: list[float], forward: bool) -> None:
    ts = np.array([0.0, *sorted(inner), 3.0]) * (1 if forward else -1)
    y0 = np.array(starts).T.copy()
    together = solve(van_der_pol(1.0), y0, ts, per_sample=True)
    if together.ok:
        for j in range(len(starts)):
            alone = solve(van_der_pol(1.0), y0[:, j], ts)
            np.testing.assert_allclose(together.ys[:, :, j], alone.ys, rtol=1e-5, atol=1e-6)
