"""The phase experiment: reference values, failures that stay inside their solver, complete frames, what is kept."""

from __future__ import annotations

import dataclasses
import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeviz.engine.methods import METHODS
from nodeviz.experiments import phase, phase_paths, phase_portrait
from nodeviz.experiments.base import flatten
from nodeviz.experiments.params import ParamError, change
from nodeviz.experiments.phase import PHASE
from nodeviz.experiments.phase_frame import PhaseFrame
from nodeviz.experiments.phase_params import PhaseParams
from nodeviz.experiments.run import plain

if TYPE_CHECKING:
    from nodeviz.experiments.base import Metrics

FIXED_EXPLICIT = [method.name for method in METHODS.values() if method.tableau is not None and method.tableau.explicit]


def finish(last: PhaseFrame | None = None, /, **changes: Any) -> tuple[list[PhaseFrame], Metrics]:
    """Return all frames of a run and its metrics."""
    steps, _ = PHASE.start(change(PhaseParams(), changes), 0, last)
    frames: list[PhaseFrame] = []
    while True:
        try:
            update = next(steps)
        except StopIteration as end:
            return frames, end.value
        if update is not None and update.frame is not None:
            assert isinstance(update.frame, PhaseFrame)
            frames.append(update.frame)


def watch(last: PhaseFrame | None = None, /, **changes: Any) -> tuple[list[PhaseFrame], list[float]]:
    """Return all frames of a run that somebody looks at, and the seconds from each yield to the next."""
    steps, _ = PHASE.start(change(PhaseParams(), changes), 0, last, interactive=True)
    frames: list[PhaseFrame] = []
    gaps: list[float] = []
    while True:
        # Time of this thread: a busy machine must not make a pause of what was none.
        started = time.thread_time()
        update = next(steps, False)
        gaps.append(time.thread_time() - started)
        if update is False:
            return frames, gaps
        if update is not None and update.frame is not None:
            assert isinstance(update.frame, PhaseFrame)
            frames.append(update.frame)


def first_frame(**changes: object) -> PhaseFrame:
    """Return the first picture, without the studies that take longer."""
    steps, _ = PHASE.start(change(PhaseParams(), changes), 0)
    for update in steps:
        if update is not None and update.frame is not None:
            steps.close()
            assert isinstance(update.frame, PhaseFrame)
            return update.frame
    raise AssertionError("no frame")


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
    # The principal error of tsit5 is so small that at 1e-11, where rounding begins, the next order still shows.
    slack = 0.2 if method == "tsit5" else 0.1
    (entry,) = metrics["solvers"].values()
    assert entry["observed_order"] == pytest.approx(METHODS[method].order, abs=slack)


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


def rotate(t: float, y: Any) -> list[float]:
    """A field that takes one point only."""
    del t
    return [float(y[1]), -float(y[0])]


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


def test_a_stiff_problem_given_to_an_explicit_method_ends_with_a_reason() -> None:
    # 1e6 of decay against a span of 10: an explicit method needs five million steps.
    changes = {"equations": "x' = -k*(x - cos(t)); y' = -y", "parameters": "k=1000000", "start": "2,1", "t1": 10}
    started = time.monotonic()
    paths = first_frame(**changes, solvers="rk4:100, dopri5, radau:1e-6").paths
    assert time.monotonic() - started < 20.0
    assert paths.status[0, 0] == "nonfinite"
    assert paths.status[1, 0] in {"max_steps", "timeout"}
    assert paths.status[2, 0] == "ok"
    for s in (0, 1):
        assert paths.message[s, 0]
    assert paths.final_error[2, 0] < 1e-4
    assert (paths.reference_method, paths.reference_rtol) == ("radau", 1e-12)
    assert "dop853 does not get there" in paths.reference_message


def test_a_million_steps() -> None:
    frame = first_frame(n_steps=10**6, solvers="euler")
    paths = frame.paths
    assert paths.n_accepted[0, 0] == 10**6
    assert paths.status[0, 0] == "ok"
    assert paths.final_error[0, 0] == pytest.approx(2.5090755 * 15 / 10**6, rel=0.5)
    assert paths.t.shape[2] <= 4000  # a frame keeps what can be seen
    assert (paths.t[0, 0, 0], paths.t[0, 0, -1]) == (0.0, 6.0)


# Frames.


def arrays(frame: PhaseFrame) -> dict[str, Any]:
    return {name: value for name, value in flatten(frame) if isinstance(value, np.ndarray)}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"system": "van-der-pol"},
        {"system": "pendulum", "show_past": True},
        {"system": rotate},
        {"equations": "x' = 1; y' = t", "solvers": "radau, leapfrog"},
        {"equations": "x' = sqrt(-1 - x*x); y' = 1"},
    ],
    ids=["spiral", "cycles", "past", "callable", "forced", "nan"],
)
def test_every_array_of_every_frame_is_read_only_and_complete(changes: dict[str, object]) -> None:
    frames, _ = finish(**changes)
    for frame in frames:
        for name, value in arrays(frame).items():
            assert not value.flags.writeable, name
        check_shapes(frame)
    assert frames[-1].portrait.manifolds_current
    assert frames[-1].portrait.cycles_current
    assert frames[-1].studies.complete
    with pytest.raises(dataclasses.FrozenInstanceError):
        frames[-1].t0 = 1.0  # type: ignore[misc]


def check_shapes(frame: PhaseFrame) -> None:
    """Check what the classes of the frame document."""
    paths, portrait, studies = frame.paths, frame.portrait, frame.studies
    n_solvers, n_starts, n_nodes = paths.t.shape
    for name, shape in {
        "entries": (n_solvers,),
        "methods": (n_solvers,),
        "start": (n_starts, 2),
        "y": (n_solvers, n_starts, n_nodes, 2),
        "dt": (n_solvers, n_starts, n_nodes),
        "error": (n_solvers, n_starts, n_nodes),
        "eigenvalues": (n_solvers, n_starts, n_nodes, 2),
        "nfe": (n_solvers, n_starts),
        "status": (n_solvers, n_starts),
        "message": (n_solvers, n_starts),
        "final_error": (n_solvers, n_starts),
    }.items():
        assert getattr(paths, name).shape == shape, name
    assert paths.attempt_t.shape == paths.attempt_dt.shape == paths.attempt_accepted.shape
    assert paths.attempt_t.shape[0] == n_solvers
    assert paths.reference_y.shape == (*paths.reference_t.shape, 2)
    assert len(paths.past_y) == n_starts
    # Padding comes last, and where there is a time there is a state.
    padded = np.isnan(paths.t)
    assert (np.diff(padded.astype(int), axis=2) >= 0).all()
    assert not padded[..., 0].any()
    assert np.isnan(paths.y[padded]).all()
    assert np.isfinite(paths.y[~padded]).all()
    n_rest, n_cycles = len(portrait.equilibria), len(portrait.periods)
    assert portrait.eigenvalues.shape == (n_rest, 2)
    assert portrait.kinds.shape == (n_rest,)
    assert portrait.cycle_points.shape == (n_cycles, 2)
    assert portrait.cycle_stable.shape == (n_cycles,)
    assert portrait.at.shape == portrait.direction.shape == (len(portrait.speed), 2)
    assert np.linalg.norm(portrait.direction, axis=1) == pytest.approx(np.ones(len(portrait.direction)))
    assert studies.order_dt.shape == studies.order_error.shape
    assert studies.slope.shape == frame.stable_dt.shape == (n_solvers,)
    assert frame.stability.shape[0] == n_solvers


def test_the_step_that_leads_to_a_node_and_the_record_of_attempts_agree() -> None:
    paths = first_frame(system="van-der-pol", start="2,0", solvers="dopri5:1e-3").paths
    assert paths.n_rejected[0, 0] > 0
    accepted = paths.attempt_accepted[0] == 1
    assert (~accepted).sum() == paths.n_rejected[0, 0]
    assert paths.attempt_dt[0][accepted] == pytest.approx(paths.dt[0, 0, 1:])
    assert paths.attempt_t[0][accepted] == pytest.approx(paths.t[0, 0, :-1])


def test_steps_are_those_taken_where_not_all_nodes_are_kept() -> None:
    paths = first_frame(solvers="euler:40000").paths
    assert paths.t.shape[2] < 40000
    assert paths.dt[0, 0, 1:] == pytest.approx(np.full(paths.t.shape[2] - 1, 6 / 40000), rel=1e-6)


def test_eigenvalues_along_the_path_are_those_of_the_jacobian() -> None:
    paths = first_frame(system="van-der-pol", start="2,0.5", solvers="rk4:200").paths
    x, y = paths.y[0, 0, 7]
    jacobian = np.array([[0.0, 1.0], [-2 * x * y - 1, 1 - x * x]])
    assert sorted(paths.eigenvalues[0, 0, 7], key=abs) == pytest.approx(sorted(np.linalg.eigvals(jacobian), key=abs))


def test_the_first_picture_comes_before_manifolds_cycles_and_studies() -> None:
    frames, _ = finish(system="pendulum", start="1,0")
    assert not frames[0].portrait.cycles_current
    assert not frames[0].studies.complete
    assert frames[0].paths.status[0, 0] == "ok"
    assert len(frames[-1].portrait.stable) > 0


# What is kept.


def test_the_portrait_is_kept_where_nothing_it_depends_on_changed() -> None:
    (*_, first), _ = finish(solvers="euler")
    frames, _ = finish(first, solvers="rk4, dopri5", n_steps=40)
    assert all(frame.portrait is first.portrait for frame in frames)
    assert frames[0].stability is not first.stability
    (*_, again), _ = finish(first, solvers="euler", n_steps=99)
    assert again.stability is first.stability


@pytest.mark.parametrize(
    "changes", [{"parameters": {"decay": 0.2}}, {"x_range": "-3,3"}, {"t1": 5}, {"start": "1,1"}, {"t0": 1}]
)
def test_the_portrait_is_made_again_where_it_may_differ(changes: dict[str, object]) -> None:
    (*_, first), _ = finish(solvers="euler")
    (*_, again), _ = finish(first, solvers="euler", **changes)
    (*_, fresh), _ = finish(solvers="euler", **changes)
    assert again.portrait is not first.portrait
    same(again, fresh)


def test_two_callables_of_one_name_are_two_fields() -> None:
    def make(sign: float) -> Any:
        return lambda _t, y: [sign * y[1], -y[0]]

    (*_, first), _ = finish(system=make(1.0), solvers="euler", n_steps=4)
    (*_, again), _ = finish(first, system=make(-1.0), solvers="euler", n_steps=4)
    assert first.portrait.kinds.tolist() == ["centre"]
    assert again.portrait.kinds.tolist() == ["saddle"]


def test_a_callable_is_asked_again_since_it_may_read_what_has_changed() -> None:
    sign = [1.0]

    def field(t: float, y: Any) -> Any:
        del t
        return [sign[0] * y[1], -y[0]]

    (*_, first), _ = finish(system=field, solvers="euler", n_steps=4)
    sign[0] = -1.0
    (*_, again), _ = finish(first, system=field, solvers="euler", n_steps=4)
    assert first.portrait.kinds.tolist() == ["centre"]
    assert again.portrait.kinds.tolist() == ["saddle"]


# Somebody looks on.


def test_studies_are_made_where_an_instrument_shows_them_and_then_kept() -> None:
    (*_, without), _ = watch(upper="stability", lower="error")
    assert not without.studies.complete
    (*_, shown), _ = watch(without, upper="order", lower="error")
    assert shown.studies.complete
    assert shown.studies.slope[0] == pytest.approx(1.0, abs=0.1)
    frames, _ = watch(shown, upper="order", lower="numbers", n_steps=20)  # nothing that they depend on
    assert all(frame.studies is shown.studies for frame in frames)
    frames, _ = watch(shown, upper="order", parameters={"decay": 0.2})
    assert not frames[0].studies.complete
    assert frames[-1].studies.complete


def test_a_headless_run_makes_the_studies_whatever_is_shown() -> None:
    _, metrics = finish(upper="stability", lower="error")
    assert metrics["solvers"]["euler"]["observed_order"] == pytest.approx(1.0, abs=0.1)


def test_a_slow_field_is_stopped_and_the_starts_come_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(t: float, y: Any) -> list[float]:
        del t
        time.sleep(2e-3)
        return [float(y[1]), -float(y[0])]

    for module, seconds in ((phase_portrait, "QUICK_SECONDS"), (phase_portrait, "SECONDS"), (phase, "EARLY")):
        monkeypatch.setattr(module, seconds, 0.1)
    monkeypatch.setattr(phase_paths, "START_SECONDS", 0.3)
    monkeypatch.setattr(phase_paths, "RACE_SECONDS", 0.8)
    starts = [(float(x), 1.0) for x in range(6)]
    frames, _ = watch(system=slow, start=starts, solvers="euler, rk4, dopri5, radau", n_steps=30)
    counts = [len(frame.paths.start) for frame in frames]
    assert counts[0] < counts[-1] == 6
    assert {frame.paths.n_starts for frame in frames} == {6}
    for frame in frames:
        check_shapes(frame)
    last = frames[-1].paths
    assert "timeout" in last.status
    stopped = last.status == "timeout"
    assert all("the time budget is spent" in text for text in last.message[stopped])
    assert "left out" in frames[-1].portrait.field_note


def test_the_worker_gets_to_answer_while_sixty_four_starts_race_eight_solvers() -> None:
    starts = np.random.default_rng(0).uniform(-3, 3, (64, 2)).tolist()
    solvers = "euler, heun, rk4, dopri5, tsit5, dop853, radau:1e-4, leapfrog"
    frames, gaps = watch(system="van-der-pol", start=starts, solvers=solvers, t1=5, n_steps=40)
    assert frames[-1].paths.status.shape == (8, 64)
    assert (frames[-1].paths.status == "ok").all()
    assert np.quantile(gaps, 0.99) < 0.02
    assert len(gaps) > 2000


# Determinism.


def same(a: PhaseFrame, b: PhaseFrame) -> None:
    """Check that two frames hold the same, times spent aside."""
    left, right = dict(flatten(a)), dict(flatten(b))
    assert left.keys() == right.keys()
    for name, value in left.items():
        if name == "studies.work_ms":
            continue
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, right[name], err_msg=name)
        else:
            assert value == right[name], name


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
