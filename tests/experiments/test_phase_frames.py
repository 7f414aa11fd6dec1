"""Frames of the phase experiment: complete, read-only, in order; what is kept from run to run; who looks on."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from nodeviz.experiments import phase, phase_paths, phase_portrait
from nodeviz.experiments.base import flatten

from .phase_runs import finish, first_frame, rotate, same, watch

if TYPE_CHECKING:
    from nodeviz.experiments.phase_frame import PhaseFrame

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


@pytest.mark.usefixtures("computing_time")
def test_the_worker_gets_to_answer_while_sixty_four_starts_race_eight_solvers() -> None:
    starts = np.random.default_rng(0).uniform(-3, 3, (64, 2)).tolist()
    solvers = "euler, heun, rk4, dopri5, tsit5, dop853, radau:1e-4, leapfrog"
    frames, gaps = watch(system="van-der-pol", start=starts, solvers=solvers, t1=5, n_steps=40)
    assert frames[-1].paths.status.shape == (8, 64)
    assert (frames[-1].paths.status == "ok").all()
    assert np.quantile(gaps, 0.99) < 0.02
    assert len(gaps) > 2000
