"""The flow experiment: what it measures, that it repeats itself, and how it lives while somebody looks on."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import numpy as np
import pytest

from nodeviz.experiments import flow_measures, flow_probes, flow_screen, flow_training
from nodeviz.experiments.base import flatten
from nodeviz.experiments.flow import FLOW
from nodeviz.experiments.flow_data import make_data
from nodeviz.experiments.flow_picture import TIMES
from nodeviz.experiments.run import plain, stack_frames
from nodeviz.models.flow import Flow, FlowSpec
from nodeviz.models.flow_training import PLANS
from nodeviz.problems.sources import SOURCES

from .flow_runs import finish, params_of, untimed, watch

METHODS = list(PLANS)
MEASURES = {
    *("mean_log_prob", "mass", "inversion_error", "nfe", "path_energy", "wasserstein2", "wasserstein2_floor"),
    *("trace", "seconds_per_step"),
}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure with fewer points: what is tested here does not depend on how many."""
    for module, name, value in (
        (flow_measures, "FRESH", 500),
        (flow_measures, "INVERTED", 100),
        (flow_measures, "MASS_CELLS", 48),
        (flow_training, "TRANSPORTED", 64),
        (flow_screen, "CELLS", 16),
        (flow_screen, "CELLS_TRAINING", 8),
        (flow_probes, "TRACED", 64),
        (flow_probes, "DRAWS", 8),
        (flow_screen, "LOG_PROB_POINTS", 32),
    ):
        monkeypatch.setattr(module, name, value)


def solved(steps: Any) -> Any:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


# What it measures.


@pytest.mark.parametrize("method", METHODS)
def test_the_metrics_are_those_that_are_promised_and_all_of_them_are_known(method: str) -> None:
    done = finish(method=method, steps=6)
    metrics = plain(done.metrics)
    assert set(metrics) == {*MEASURES, "entropy_bound", "compare"} == set(FLOW.metrics)
    assert metrics["compare"] is None
    assert metrics["entropy_bound"] == pytest.approx(-2.832, abs=1e-3)
    for name in MEASURES - {"trace"}:
        assert math.isfinite(metrics[name]), name
    assert set(metrics["trace"]) == {"exact", "mean", "std", "probes"}
    assert all(map(math.isfinite, metrics["trace"].values()))
    assert metrics["mass"] == pytest.approx(1.0, abs=0.02)
    assert metrics["inversion_error"] < 1e-3
    assert metrics["mean_log_prob"] < metrics["entropy_bound"]
    assert 0 < metrics["seconds_per_step"] < 1
    assert done.frames[-1].flows[0].name == method
    json.dumps(metrics, allow_nan=False)


def test_where_the_bound_is_not_known_it_is_null() -> None:
    points = np.random.default_rng(0).normal(size=(40, 2))
    done = finish(points=points, steps=3)
    assert plain(done.metrics)["entropy_bound"] is None
    assert done.frames[-1].target.name == "points"
    assert "exceeds" not in done.frames[-1].words


def test_two_methods_have_their_own_numbers_of_steps_and_end_together() -> None:
    done = finish(method="flow-matching", compare="likelihood", steps=50)
    first, second = done.frames[-1].flows
    assert (first.name, first.step, first.steps) == ("flow-matching", 50, 50)
    assert (second.name, second.step, second.steps) == ("likelihood", second.steps, second.steps)
    assert second.steps == round(50 * PLANS["likelihood"].steps / PLANS["flow-matching"].steps)
    assert done.metrics["compare"]["method"] == "likelihood"
    assert set(done.metrics["compare"]) == MEASURES | {"method"}
    assert done.history["likelihood.step"][-1] == second.steps
    # Meanwhile each had done about the same share of its steps.
    for frame in done.frames:
        shares = [view.step / view.steps for view in frame.flows]
        assert abs(shares[0] - shares[1]) <= 1 / second.steps


def test_what_is_drawn_is_what_the_weights_of_the_frame_give() -> None:
    frame = finish(method="ot-flow-matching", steps=40).frames[-1]
    view = frame.flows[0]
    flow = Flow(FlowSpec.from_json(json.loads(view.spec_json)), parameters=view.parameters.copy())
    paths = solved(flow.paths_steps(view.samples[0], TIMES, method="rk4", n_steps=20))
    np.testing.assert_allclose(view.samples, paths.ys, atol=1e-5)
    assert view.samples.shape == (len(TIMES), 2000, 2)
    assert (view.density_step, view.measured_step, view.step) == (40, 40, 40)
    assert view.density_known.all()
    assert view.density_mass == pytest.approx(np.ones(len(TIMES)), abs=0.05)
    k, cells = 30, view.density.shape[1]
    x0, x1, y0, y1 = frame.target.view
    i, j = 11, 5
    centre = np.array([[x0 + (j + 0.5) * (x1 - x0) / cells, y0 + (i + 0.5) * (y1 - y0) / cells]])
    exact = solved(flow.log_prob_steps(centre, t=float(frame.t[k]), method="rk4", n_steps=40)).log_prob[0]
    assert view.density[k, i, j] == pytest.approx(exact, abs=0.02)
    np.testing.assert_allclose(
        view.density[0].ravel(), SOURCES["gaussian"].log_prob(centres(frame.target.view, cells)), rtol=1e-5
    )


def centres(view: Any, cells: int) -> Any:
    x0, x1, y0, y1 = view
    inside = (np.arange(cells) + 0.5) / cells
    x, y = np.meshgrid(x0 + (x1 - x0) * inside, y0 + (y1 - y0) * inside)
    return np.stack([x.ravel(), y.ravel()], axis=-1)


def test_frames_are_complete_read_only_and_stack() -> None:
    done = finish(compare="diffusion", sampler="sde", steps=9)
    for frame in done.frames:
        for name, value in flatten(frame):
            if isinstance(value, np.ndarray):
                assert not value.flags.writeable, name
                assert value.dtype != object, name
    arrays = stack_frames(list(done.frames))
    assert len(arrays["flows.1.samples"]) == len(done.frames)
    steps = [frame.step for frame in done.frames]
    assert (steps[0], steps[-1], steps) == (0, 9, sorted(steps))
    with pytest.raises(dataclasses.FrozenInstanceError):
        done.frames[0].step = 1  # type: ignore[misc]


def test_the_loss_and_the_likelihood_are_followed() -> None:
    history = finish(steps=80).history
    assert history["flow-matching.step"][-1] == 80
    assert len(history["flow-matching.loss"]) == len(history["flow-matching.step"])
    rough, steps = history["flow-matching.mean_log_prob"], history["flow-matching.mean_log_prob_step"]
    assert len(rough) == len(steps) <= flow_training.ROUGH_TIMES
    assert steps[-1] == 80
    assert np.isfinite(rough).all()


def test_training_makes_the_likelihood_better() -> None:
    history = finish(method="likelihood", steps=40, hidden=16).history
    assert history["likelihood.loss"][-1] < history["likelihood.loss"][0] - 0.2
    assert history["likelihood.mean_log_prob"][-1] > history["likelihood.mean_log_prob"][0] + 0.2


# It repeats itself.


def test_the_same_seed_gives_the_same_to_the_last_digit_and_another_one_does_not() -> None:
    first, second, other = finish(3, compare="diffusion"), finish(3, compare="diffusion"), finish(4)
    assert untimed(first.metrics) == untimed(second.metrics)
    assert first.history == second.history
    assert first.history["flow-matching.loss"] != other.history["flow-matching.loss"]


def test_a_flow_does_not_know_what_trains_beside_it() -> None:
    alone, beside = finish(method="diffusion"), finish(method="diffusion", compare="ot-flow-matching")
    assert {**untimed(beside.metrics), "compare": None} == untimed(alone.metrics)
    assert alone.history["diffusion.loss"] == beside.history["diffusion.loss"]


def test_somebody_who_looks_on_changes_nothing() -> None:
    seen, alone = watch(5), finish(5)
    seen.rest()
    assert untimed(seen.metrics) == untimed(alone.metrics)
    assert seen.history == alone.history


@pytest.mark.parametrize("name", ["lr", "points"])
def test_live_changes_replay_at_the_steps_they_are_recorded_with(name: str) -> None:
    value: Any = {"lr": 0.02, "points": np.random.default_rng(1).normal(size=(30, 2))}[name]
    run = watch(steps=200)
    run.until(lambda: run.inbox.step >= 20)
    run.change(**{name: value})
    run.rest()
    ((recorded, kind, params),) = run.inbox.record
    assert kind == "live"
    again = watch(steps=200)
    while not again.next():
        if again.inbox.step == recorded and again.inbox.live is not params:
            again.inbox.set_live(params)
    assert again.history == run.history
    assert untimed(again.metrics) == untimed(run.metrics)


# It lives on while somebody looks.


def test_it_rests_when_the_steps_are_done_and_trains_on_when_asked() -> None:
    run = watch(steps=6)
    run.rest()
    assert (run.inbox.step, run.inbox.quota, run.frame.step, run.frame.steps) == (6, 0, 6, 6)
    pictures = len(run.frames)
    run.rest()  # woken for nothing
    assert len(run.frames) == pictures
    run.allow()
    run.rest()
    assert (run.inbox.step, run.frame.step, run.frame.flows[0].step) == (12, 12, 12)
    run.allow(1)
    run.rest()
    assert run.inbox.step == 13


def test_the_first_picture_comes_before_the_first_step_with_the_density_at_the_cursor() -> None:
    run = watch()
    run.until(lambda: bool(run.frames))
    view = run.frame.flows[0]
    assert (run.inbox.step, view.step, view.measured_step) == (0, 0, -1)
    assert view.density_known.tolist() == [False] * (len(TIMES) - 1) + [True]
    assert math.isnan(view.mean_log_prob)
    assert run.frame.words == ""


def test_while_it_trains_what_no_plot_shows_is_left_out() -> None:
    run = watch(steps=10**6, show_density=False)
    run.until(lambda: bool(run.frames) and run.frame.step > 0)
    view = run.frame.flows[0]
    assert view.samples.shape[1] == 500
    assert view.grid.size == view.velocity.size == 0
    assert not view.density_known.any()
    run.change(show_grid=True, show_velocity=True, show_contours=True, lower="trace")
    n = len(run.frames)
    run.until(lambda: len(run.frames) > n)
    view = run.frame.flows[0]
    assert view.grid.shape[0] == view.velocity.shape[0] == len(TIMES)
    assert view.density_known.sum() == 1
    assert run.frame.trace.t == 1.0


def test_a_density_is_answered_at_any_time_and_filled_from_there() -> None:
    run = watch(steps=5)
    run.until(lambda: run.frame.step == 5 if run.frames else False)
    run.ask(7, "density", (0.35, 16))
    run.until(lambda: 7 in run.replies)
    answer = run.replies[7]
    assert (answer.t, answer.resolution, answer.step) == (0.35, 16, 5)
    assert answer.flows[0].log_prob.shape == (16, 16)
    run.rest()
    k = 14
    assert run.frame.t[k] == pytest.approx(0.35)
    np.testing.assert_array_equal(run.frame.flows[0].density[k], answer.flows[0].log_prob)
    assert answer.flows[0].mass == run.frame.flows[0].density_mass[k]
    run.ask(8, "density", (0.3333, 20))
    run.until(lambda: 8 in run.replies)
    assert run.replies[8].flows[0].log_prob.shape == (20, 20)
    run.ask(9, "density", (7.0, 1))
    run.until(lambda: 9 in run.replies)
    assert (run.replies[9].t, run.replies[9].resolution) == (1.0, 2)


def test_pictures_have_the_density_where_the_cursor_was_said_to_be() -> None:
    run = watch(steps=10**6)
    run.until(lambda: bool(run.frames) and run.frame.step > 0)
    run.ask(4, "cursor", 0.5)
    run.until(lambda: 4 in run.replies)
    assert run.replies[4] is None
    run.until(lambda: bool(run.frame.flows[0].density_known[20]))
    assert run.frame.flows[0].density_known.sum() == 1


def test_finer_densities_come_when_all_coarse_ones_are_there() -> None:
    run = watch(steps=2, resolution="128", hidden=4)
    run.rest()
    assert run.frame.flows[0].density.shape == (len(TIMES), 32, 32)
    assert {frame.flows[0].density.shape[1] for frame in run.frames} == {8, 16, 32}
    run.change(resolution="64")
    run.rest()
    assert run.frame.flows[0].density.shape[1] == 16


def test_a_path_is_answered_and_kept_in_the_frame() -> None:
    run = watch(steps=200, compare="diffusion")
    run.until(lambda: run.inbox.step > 0)
    run.ask(3, "path", (1.0, -0.5, 0.5))
    run.until(lambda: 3 in run.replies)
    answer = run.replies[3]
    assert answer.point.tolist() == [1.0, -0.5]
    assert [path.name for path in answer.flows] == ["flow-matching", "diffusion"]
    run.rest()
    path = run.frame.path.flows[0]
    k = int(np.abs(path.t - 0.5).argmin())
    np.testing.assert_allclose(path.path[k], [1.0, -0.5], atol=1e-5)
    assert not np.array_equal(path.path, answer.flows[0].path)  # the weights have changed meanwhile
    assert [kind for _, kind, _ in run.inbox.record] == ["path"]


def test_a_path_without_a_time_passes_at_the_cursor() -> None:
    run = watch(steps=3)
    run.ask(1, "density", (0.25, 8))
    run.ask(2, "path", (0.5, 0.5))
    run.until(lambda: 2 in run.replies)
    assert run.replies[2].t == 0.25


def test_the_trace_follows_the_cursor_only_where_a_plot_shows_it() -> None:
    run = watch(steps=3, upper="loss", lower="mass")
    run.rest()
    run.ask(1, "density", (0.25, 8))
    run.rest()
    assert run.frame.trace.t == 1.0
    run.change(lower="trace")
    run.rest()
    assert run.frame.trace.t == 0.25


def test_the_trace_is_answered_at_the_time_asked_for() -> None:
    run = watch(steps=5, probes=3)
    run.rest()
    assert run.frame.trace.t == 1.0
    run.ask(4, "trace", 0.25)
    run.rest()
    assert run.replies[4].t == run.frame.trace.t == 0.25
    assert run.frame.trace.probes.tolist() == [1, 2, 3, 4, 8, 16]


def test_what_is_not_known_is_answered_with_nothing() -> None:
    run = watch(steps=2)
    run.ask(1, "weather", None)
    run.until(lambda: 1 in run.replies)
    assert run.replies[1] is None


def test_another_solver_shows_other_samples_of_the_same_weights() -> None:
    run = watch(steps=30)
    run.rest()
    before = run.frame.flows[0]
    run.change(sample_solver="euler", sample_steps=3)
    run.rest()
    after = run.frame.flows[0]
    assert (after.sample_method, after.sample_steps) == ("euler", 3)
    assert np.abs(after.samples[-1] - before.samples[-1]).max() > 1e-3
    assert not np.array_equal(after.density[20], before.density[20])
    np.testing.assert_array_equal(after.parameters, before.parameters)
    assert after.mean_log_prob == before.mean_log_prob
    assert run.inbox.step == 30


def test_points_given_while_it_trains_become_the_target() -> None:
    run = watch(steps=200)
    run.until(lambda: run.inbox.step > 5)
    points = np.random.default_rng(2).uniform(-2, 2, (40, 2))
    run.change(points=points)
    run.rest()
    assert run.inbox.step == 200
    target = run.frame.target
    assert (target.name, target.given.shape) == ("points", (40, 2))
    np.testing.assert_allclose(target.given, points)  # they stay where they were painted
    assert run.metrics is not None
    assert math.isnan(run.metrics["entropy_bound"])
    run.change(points="")
    run.rest()
    assert run.frame.target.name == "eight-gaussians"
    assert math.isfinite(run.metrics["entropy_bound"])


def test_painted_points_that_lie_close_together_stay_and_far_ones_come_into_the_view() -> None:
    near, far = np.random.default_rng(2).uniform(1.0, 1.5, (40, 2)), np.random.default_rng(2).uniform(5, 9, (40, 2))
    np.testing.assert_array_equal(make_data(params_of(points=near, fit_points=False), 0).view.given, near)
    for points, fit in ((near, True), (far, False)):
        assert np.abs(make_data(params_of(points=points, fit_points=fit), 0).view.given).max() == pytest.approx(4.0)
    run = watch(steps=3, points=near, fit_points=False)
    run.rest()
    run.change(fit_points=True)
    run.rest()
    assert np.abs(run.frame.target.given).max() == pytest.approx(4.0)


def test_points_in_units_of_their_own_are_brought_to_the_plane_and_the_units_are_kept() -> None:
    points = np.random.default_rng(2).normal([500.0, -3e4], [20.0, 30.0], (60, 2))
    target = finish(points=points, steps=2).frames[-1].target
    assert np.abs(target.given).max() == pytest.approx(4.0)
    np.testing.assert_allclose(target.centre + target.scale * target.given, points)
    assert "the plane shows" in target.note
