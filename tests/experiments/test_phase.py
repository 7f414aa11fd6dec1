"""The phase experiment: reference values, callable systems, failures that stay inside their solver."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeviz.engine.methods import METHODS
from nodeviz.experiments.params import ParamError, change
from nodeviz.experiments.phase_params import PhaseParams
from nodeviz.experiments.run import plain

from .phase_runs import finish, first_frame, rotate, same

FIXED_EXPLICIT = [method.name for method in METHODS.values() if method.tableau is not None and method.tableau.explicit]


def error_of(**changes: object) -> float:
    return float(first_frame(**changes).paths.final_error[0, 0])


# Reference values: corrections.md, rows 1 and 2, and its list of reference values.


def test_the_spiral_at_15_steps() -> None:
    _, metrics = finish(solvers="euler, rk4")
    euler, rk4 = metrics["solvers"]["euler"], metrics["solvers"]["rk4"]
    assert metrics["reference"]["y_final"] == pytest.approx([1.0539052519, -0.3066929534], abs=1e-9)
    assert euler["final_error"] == pytest.approx(2.5090755, rel=1e-7)
    assert np.linalg.norm(euler["y_final"]) == pytest.approx(3.6018870, rel=1e-7)
    assert rk4["final_error"] == pytest.approx(1.4869984e-3, rel=1e-7)
    assert (euler["nfe"], rk4["nfe"]) == (15, 60)
    assert metrics["equilibria"][0]["kind"] == "stable spiral"
    assert metrics["limit_cycles"] == []


def test_the_spiral_at_60_steps() -> None:
    assert error_of(solvers="rk4:60") == pytest.approx(5.6729e-6, rel=1e-4)
    assert error_of(solvers="dopri5:60") == pytest.approx(1.9238e-8, rel=1e-4)


def test_at_equal_work_every_fixed_step_solver_gets_the_evaluations_of_rk4() -> None:
    paths = first_frame(solvers="euler, heun, kutta3, rk4", work="evaluations").paths
    assert paths.nfe[:, 0].tolist() == [60, 60, 60, 60]
    assert paths.final_error[0, 0] == pytest.approx(0.390, abs=5e-4)
    assert paths.final_error[3, 0] == pytest.approx(1.49e-3, abs=5e-6)


@pytest.mark.parametrize(
    ("system", "solver"),
    [("spiral", "backward-euler"), ("spiral", "trapezoid"), ("van-der-pol", "backward-euler"), ("hopf", "trapezoid")],
)
def test_at_equal_work_an_implicit_solver_gets_about_as_many(system: str, solver: str) -> None:
    paths = first_frame(system=system, work="evaluations", start="1,0.5", solvers=f"rk4, {solver}").paths
    assert paths.nfe[1, 0] == pytest.approx(paths.nfe[0, 0], rel=0.05)
    assert paths.status[1, 0] == "ok"
    assert paths.remark.tolist() == ["", ""]


def test_work_that_cannot_be_equal_is_said_to_be_so() -> None:
    _, metrics = finish(solvers="rk4, backward-euler", n_steps=1, work="evaluations")
    assert metrics["solvers"]["rk4"]["remark"] == ""
    entry = metrics["solvers"]["backward-euler"]
    assert entry["remark"] == f"it takes {entry['nfe']} evaluations where equal work would be 4"
    # Long steps of the trapezoidal rule have no solution here, and short ones take more.
    paths = first_frame(system="van-der-pol", solvers="trapezoid", work="evaluations", start="1,0.5").paths
    assert (paths.status[0, 0], paths.message[0, 0]) == ("ok", "")
    assert "where equal work would be 600" in paths.remark[0]


def test_a_symplectic_method_on_a_field_that_is_not_separable_is_remarked() -> None:
    paths = first_frame(solvers="leapfrog, symplectic-euler, rk4").paths
    assert "leapfrog has order 1 here" in paths.remark[0]
    assert "not separable" in paths.remark[1]
    assert paths.remark[2] == ""
    assert paths.status[:, 0].tolist() == ["ok", "ok", "ok"]
    assert first_frame(system="pendulum", parameters={"damping": 0}, solvers="leapfrog").paths.remark.tolist() == [""]


def test_no_error_is_smaller_than_the_reference_can_tell() -> None:
    _, metrics = finish(solvers="dop853:1e-12")
    assert metrics["reference"]["method"] == "dop853"
    assert metrics["solvers"]["dop853:1e-12"]["final_error"] >= metrics["reference"]["rtol"]


def test_equal_work_leaves_steps_and_tolerances_of_their_own_alone() -> None:
    paths = first_frame(solvers="euler:7, dopri5:1e-4", work="evaluations").paths
    alone = first_frame(solvers="euler:7, dopri5:1e-4").paths
    assert paths.nfe.tolist() == alone.nfe.tolist()
    assert paths.n_accepted[0, 0] == 7


@pytest.mark.parametrize(
    ("dt", "errors"), [(0.4, (2.51, 5.89, 20.9, 221.0)), (0.05, (0.18, 0.21, 0.15, 0.04))], ids=["0.4", "0.05"]
)
def test_eulers_error_need_not_grow_in_time(dt: float, errors: tuple[float, ...]) -> None:
    for t1, expected in zip((6, 12, 24, 48), errors, strict=True):
        found = error_of(solvers="euler", t1=t1, n_steps=round(t1 / dt))
        assert found == pytest.approx(expected, rel=2e-3 if dt == 0.4 else 0.05)


def test_euler_is_stable_on_the_spiral_exactly_below_its_limit() -> None:
    frame = first_frame(solvers="euler")
    assert frame.stable_dt[0] == pytest.approx(0.19802, abs=5e-6)
    for t1, grows in ((0.1979 * 500, False), (0.1982 * 500, True)):
        paths = first_frame(solvers="euler:500", t1=t1).paths
        assert (np.linalg.norm(paths.y[0, 0, -1]) > 2.0) is np.bool_(grows)


@pytest.mark.parametrize(("mu", "period"), [(1.0, 6.6632868593231), (5.0, 11.6122306677196)])
def test_periods_of_van_der_pol(mu: float, period: float) -> None:
    _, metrics = finish(system="van-der-pol", parameters={"mu": mu}, solvers="rk4", start="1,0")
    (cycle,) = metrics["limit_cycles"]
    assert cycle["period"] == pytest.approx(period, rel=1e-6)


@pytest.mark.parametrize("method", FIXED_EXPLICIT)
def test_the_observed_order_on_the_spiral_is_the_order(method: str) -> None:
    _, metrics = finish(solvers=f"{method}:15")
    (entry,) = metrics["solvers"].values()
    assert entry["observed_order"] == pytest.approx(METHODS[method].order, abs=0.1)


# Times and starts.


def test_backwards_in_time() -> None:
    (*_, frame), metrics = finish(t0=6, t1=0, solvers="rk4, dopri5:1e-9, radau:1e-6")
    assert metrics["reference"]["y_final"] == pytest.approx(
        2 * math.exp(0.6) * np.array([math.cos(6), -math.sin(6)]), rel=1e-10
    )
    for entry in metrics["solvers"].values():
        assert entry["status"] == "ok"
        assert 0 < entry["final_error"] < 0.01
    t = frame.paths.t[0, 0][np.isfinite(frame.paths.t[0, 0])]
    assert (t[0], t[-1]) == (6.0, 0.0)
    assert (np.diff(t) < 0).all()
    assert (frame.paths.reference_t[0, 0], frame.paths.reference_t[0, -1]) == (6.0, 0.0)


def test_backwards_and_forwards_are_the_same_orbit() -> None:
    ahead = first_frame(show_past=True, t0=0, t1=4).paths
    behind = first_frame(t0=0, t1=-4).paths
    assert ahead.past_y == pytest.approx(behind.reference_y, abs=1e-10)


@pytest.mark.parametrize("t0", [0.0, 2.5, -7.0])
def test_an_autonomous_field_does_not_know_when_it_is(t0: float) -> None:
    paths = first_frame(t0=t0, t1=t0 + 6).paths
    assert paths.final_error[:, 0] == pytest.approx([2.5090755, 1.4869984e-3], rel=1e-6)


def test_every_start_is_solved_and_the_first_stands_in_front() -> None:
    (*_, frame), metrics = finish(start="2,0; 1,1; -3,2", solvers="rk4, dopri5")
    assert frame.paths.y.shape[1] == 3
    for s, entry in enumerate(metrics["solvers"].values()):
        assert len(entry["starts"]) == 3
        assert {name: entry[name] for name in entry["starts"][0]} == entry["starts"][0]
        assert entry["nfe"] == frame.paths.nfe[s, 0]
        for p, start in enumerate(((2, 0), (1, 1), (-3, 2))):
            assert frame.paths.y[s, p, 0].tolist() == list(start)
            assert entry["starts"][p]["y_final"] == pytest.approx(frame.paths.reference_y[p, -1], abs=0.01)
    # nfe counts one start: the same with and without the others.
    _, alone = finish(start="2,0", solvers="rk4, dopri5")
    for name, entry in alone["solvers"].items():
        assert entry["nfe"] == metrics["solvers"][name]["nfe"]


def test_a_field_that_depends_on_time() -> None:
    # x' = cos t, y' = 1: known in closed form, and quadrature for every method.
    (*_, frame), metrics = finish(equations="x' = cos(t)\ny' = 1", start="0,0", t0=1, t1=4, solvers="rk4:50, dopri5")
    assert not frame.portrait.autonomous
    assert frame.portrait.t == 1.0
    assert metrics["reference"]["y_final"] == pytest.approx([math.sin(4) - math.sin(1), 3.0], abs=1e-11)
    assert metrics["solvers"]["dopri5"]["final_error"] < 1e-5
    assert metrics["limit_cycles"] == []
    # The arrows are those of the field frozen at t0.
    assert frame.portrait.direction == pytest.approx(
        np.broadcast_to(np.array([math.cos(1), 1.0]) / math.hypot(math.cos(1), 1.0), frame.portrait.direction.shape)
    )


# Systems from Python.


def test_a_callable_for_single_points_and_one_for_batches_agree() -> None:
    one, _ = finish(system=rotate, start="1,0", solvers="rk4, dopri5")
    many, _ = finish(system=lambda _t, y: np.stack([y[1], -y[0]]), start="1,0", solvers="rk4, dopri5")
    typed, _ = finish(equations="x' = y; y' = -x", start="1,0", solvers="rk4, dopri5")
    for *_, frame in (one, many):
        assert frame.paths.y == pytest.approx(typed[-1].paths.y, abs=1e-9, nan_ok=True)
        assert frame.portrait.kinds.tolist() == ["centre"]
        assert frame.portrait.equilibria == pytest.approx(np.zeros((1, 2)), abs=1e-9)


def test_choosing_a_callable_takes_the_equations_away() -> None:
    params = change(PhaseParams(), {"system": rotate})
    assert (params.equations, dict(params.parameters)) == ("", {})
    assert params.start == PhaseParams().start


@pytest.mark.parametrize(
    ("field", "words"),
    [
        (lambda _t, y: y[0], ["must return"]),
        (lambda _t, _y: [1, 2, 3], ["shape (3,)", "must return [dx/dt, dy/dt]"]),
        (lambda _t, _y: "no", ["must return two numbers"]),
        (lambda _t, _y: None, ["must return"]),
        (lambda _t, y: y[7], ["failed at t=0", "IndexError"]),
        (lambda y: y, ["failed", "TypeError"]),
    ],
    ids=["scalar", "three", "text", "none", "raises", "signature"],
)
def test_a_callable_that_cannot_serve_is_refused_with_a_sentence(field: Any, words: list[str]) -> None:
    with pytest.raises(ParamError) as caught:
        change(PhaseParams(), {"system": field})
    sentence = str(caught.value)
    assert sentence.startswith("system: ")
    assert "\n" not in sentence
    for word in words:
        assert word in sentence


def test_a_callable_is_tried_when_it_is_chosen_and_not_at_every_other_change() -> None:
    times: list[float] = []

    def field(t: float, y: Any) -> Any:
        times.append(t)
        return [y[1], -y[0]]

    params = change(PhaseParams(), {"system": field, "t0": 2, "t1": 5})
    assert times
    assert 2 <= min(times) <= max(times) <= 5
    times.clear()
    change(change(params, {"n_steps": 20}), {"start": "1,1"})
    assert not times


def test_solvers_that_mean_the_same_count_once() -> None:
    assert change(PhaseParams(), {"solvers": "RK4, rk4, dopri5:1e-6, dopri5:1E-6, rk4:60"}).solvers == (
        "RK4",
        "dopri5:1e-6",
        "rk4:60",
    )


def test_a_callable_that_is_nan_somewhere_ends_there() -> None:
    def field(t: float, y: Any) -> list[float]:
        del t
        return [1.0, math.sqrt(y[1]) - 2.0]  # a ValueError below y = 0

    (*_, frame), metrics = finish(system=field, start="0,1; 0,9", solvers="rk4:100, dopri5", t1=6)
    assert metrics["solvers"]["rk4:100"]["status"] == "nonfinite"
    assert metrics["solvers"]["rk4:100"]["message"]
    assert metrics["solvers"]["rk4:100"]["starts"][1]["status"] == "ok"
    assert np.isfinite(frame.paths.y[np.isfinite(frame.paths.t)]).all()


# Failures stay where they are.


def test_a_blow_up_is_cut_at_the_last_finite_point_while_the_others_run_on() -> None:
    # x' = x^2 from 1 is infinite at t = 1; from 0 it stays at rest.
    changes = {"equations": "x' = x*x; y' = -y", "start": "1,1; 0,1", "t1": 3, "n_steps": 30}
    (*_, frame), metrics = finish(**changes, solvers="euler, rk4, dopri5")
    paths = frame.paths
    for s, entry in enumerate(metrics["solvers"].values()):
        assert entry["status"] in {"nonfinite", "dt_underflow", "max_steps"}
        assert entry["message"].count("\n") == 0
        assert "radau" in entry["message"]
        assert entry["starts"][1]["status"] == "ok"
        assert entry["starts"][1]["message"] == ""
        assert entry["starts"][1]["y_final"][1] == pytest.approx(math.exp(-3), abs=0.03)
        reached = np.isfinite(paths.t[s, 0])
        assert np.isfinite(paths.y[s, 0][reached]).all()
        assert entry["y_final"].tolist() == paths.y[s, 0][reached][-1].tolist()
        assert math.isnan(entry["final_error"])
    assert plain(metrics["solvers"]["euler"]["final_error"]) is None
    assert paths.reference_message


@pytest.mark.usefixtures("computing_time")
def test_a_stiff_problem_given_to_an_explicit_method_ends_with_a_reason() -> None:
    # 1e6 of decay against a span of 10: an explicit method needs five million steps.
    changes = {"equations": "x' = -k*(x - cos(t)); y' = -y", "parameters": "k=1000000", "start": "2,1", "t1": 10}
    started = time.thread_time()
    paths = first_frame(**changes, solvers="rk4:100, dopri5, radau:1e-6").paths
    assert time.thread_time() - started < 20.0
    assert paths.status[0, 0] == "nonfinite"
    assert paths.status[1, 0] in {"max_steps", "timeout"}
    assert paths.status[2, 0] == "ok"
    for s in (0, 1):
        assert paths.message[s, 0]
    assert paths.final_error[2, 0] < 1e-4
    assert (paths.reference_method, paths.reference_rtol) == ("radau", 1e-12)
    assert "dop853 does not get there" in paths.reference_message


@pytest.mark.usefixtures("computing_time")
def test_a_million_steps() -> None:
    frame = first_frame(n_steps=10**6, solvers="euler")
    paths = frame.paths
    assert paths.n_accepted[0, 0] == 10**6
    assert paths.status[0, 0] == "ok"
    assert paths.final_error[0, 0] == pytest.approx(2.5090755 * 15 / 10**6, rel=0.5)
    assert paths.t.shape[2] <= 4000  # a frame keeps what can be seen
    assert (paths.t[0, 0, 0], paths.t[0, 0, -1]) == (0.0, 6.0)


# Determinism.


@pytest.mark.parametrize("system", ["van-der-pol", "pendulum"])
def test_the_same_parameters_give_the_same_to_the_last_digit(system: str) -> None:
    changes = {"system": system, "start": "2,0.5", "t1": 8, "solvers": "euler, dopri5, radau:1e-4"}
    (*_, first), metrics = finish(**changes)
    (*_, second), again = finish(**changes)
    same(first, second)
    assert plain(metrics) == plain(again)


@settings(max_examples=15)
@given(
    st.lists(st.tuples(st.floats(-4, 4), st.floats(-3, 3)), min_size=1, max_size=3),
    st.sampled_from(["euler", "rk4", "dopri5", "heun:40", "dop853:1e-6", "symplectic-euler"]),
    st.floats(-8, 8).filter(lambda t: abs(t) > 1e-3),
    st.integers(1, 200),
)
def test_the_spiral_is_its_closed_form(starts: list[tuple[float, float]], solver: str, t1: float, n_steps: int) -> None:
    paths = first_frame(start=starts, solvers=solver, t1=t1, n_steps=n_steps).paths
    z = np.array([complex(*start) for start in starts])[:, None] * np.exp((-0.1 + 1j) * paths.reference_t)
    exact = np.stack([z.real, z.imag], axis=2)
    assert paths.reference_y == pytest.approx(exact, abs=1e-10 * (1 + np.abs(exact).max()))
    # An error is the distance between what is drawn.
    assert paths.final_error[0] == pytest.approx(
        np.linalg.norm(last_states(paths.y[0]) - exact[:, -1], axis=1), abs=1e-9, nan_ok=True
    )


def last_states(y: Any) -> Any:
    return np.array([path[np.flatnonzero(np.isfinite(path[:, 0]))[-1]] for path in y])
