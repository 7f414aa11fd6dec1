"""The classifier experiment: what it measures, that it repeats itself, and how it lives while somebody looks on."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from nodeviz.engine.losses import LOSSES
from nodeviz.experiments.base import flatten
from nodeviz.experiments.classifier import CLASSIFIER
from nodeviz.experiments.classifier_data import make_data
from nodeviz.experiments.classifier_params import ClassifierParams
from nodeviz.experiments.params import change
from nodeviz.experiments.run import plain, stack_frames
from nodeviz.models.depth import DepthClassifier
from nodeviz.models.spec import ModelSpec
from nodeviz.problems import pieces

from .classifier_runs import SMALL, finish, watch

if TYPE_CHECKING:
    from .training_runs import Watched

pytestmark = pytest.mark.usefixtures("fewer_points")

MEASURES = {
    *("train_accuracy", "test_accuracy", "dense_error", "loss", "nfe", "nfe_per_sample", "max_stretch"),
    *("probe_accuracy", "n_parameters", "seconds_per_step"),
}


def untimed(metrics: Any) -> Any:
    """Return metrics as JSON without the times, which differ from run to run."""
    return {
        name: {key: value for key, value in entry.items() if key != "seconds_per_step"}
        for name, entry in plain(metrics)["models"].items()
    }


def weights(run: Watched[Any]) -> list[np.ndarray]:
    return [model.parameters for model in run.frame.models]


# What it measures.


def test_the_metrics_are_those_that_are_promised_and_all_of_them_are_known() -> None:
    metrics = finish(models="resnet, node, anode").metrics
    assert list(metrics) == ["models"]
    assert list(metrics["models"]) == ["resnet", "node", "anode"]
    for entry in plain(metrics)["models"].values():
        assert set(entry) == MEASURES
        assert set(entry["nfe_per_sample"]) == {"min", "mean", "max"}
        for name in MEASURES - {"probe_accuracy", "nfe_per_sample"}:
            assert math.isfinite(entry[name]), name
        assert entry["nfe_per_sample"]["min"] <= entry["nfe_per_sample"]["mean"] <= entry["nfe_per_sample"]["max"]
        assert entry["probe_accuracy"][0][0] == 0.0
        assert entry["probe_accuracy"][-1][0] == 1.0
        assert 0 < entry["seconds_per_step"] < 1
    json.dumps(plain(metrics), allow_nan=False)


def test_what_is_measured_is_what_the_weights_of_the_frame_give() -> None:
    done = finish(models="anode", steps=60)
    view, entry = done.frames[-1].models[0], done.metrics["models"]["anode"]
    spec = ModelSpec.from_json(json.loads(view.spec_json))
    model = DepthClassifier(spec, parameters=view.parameters.copy())
    data = make_data(change(ClassifierParams(), SMALL), 0)
    logits = solved(model.logits_steps(data.train, n_steps=10))
    assert entry["train_accuracy"] == np.mean((logits[:, 0] > 0) == data.train_labels)
    assert entry["loss"] == LOSSES["bce"].evaluate(logits.T, data.train_labels, None)[0]
    held = solved(model.logits_steps(data.test, n_steps=10))
    assert entry["test_accuracy"] == pytest.approx(np.mean((held[:, 0] > 0) == data.test_labels))
    assert entry["n_parameters"] == len(view.parameters) == spec.n_parameters
    # States, grid and readout of the frame belong to the same weights.
    states = solved(model.paths_steps(done.frames[-1].data.points, view.t, n_steps=10))
    assert view.states == pytest.approx(states, abs=1e-5)
    ends = view.states[-1] @ view.readout_weights.T + view.readout_bias
    assert ends == pytest.approx(model.logits_of(view.states[-1]), abs=1e-4)
    assert view.grid[0, 0, 0, :2] == pytest.approx(done.frames[-1].data.view[[0, 2]])
    assert view.grid[0, -1, 0, :2] == pytest.approx(done.frames[-1].data.view[[0, 3]])


def solved(steps: Any) -> Any:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def test_regions_hold_the_class_and_how_sure_it_is() -> None:
    view = (
        finish(models="anode", dataset="gaussians", classes=4, loss="softmax", lr=0.01, steps=150).frames[-1].models[0]
    )
    classes, sure = np.divmod(view.regions, 1)
    assert set(np.unique(classes)) == {0.0, 1.0, 2.0, 3.0}
    assert 0 <= sure.min() < 0.3 < sure.max() < 1
    # The clouds lie upper right, upper left, lower left and lower right, a third of the way from the middle.
    lo, hi = len(classes) // 3, 2 * len(classes) // 3
    assert [classes[hi, hi], classes[hi, lo], classes[lo, lo], classes[lo, hi]] == [0, 1, 2, 3]


def test_a_resnet_has_its_blocks_for_depths() -> None:
    view = finish(models="resnet", blocks=7).frames[-1].models[0]
    assert view.t == pytest.approx(np.arange(8) / 7)
    assert (view.discrete, view.nfe, view.depth_nfe) == (True, 7.0, 7)
    assert view.nfe_map.size == 0
    assert np.ptp(view.solver_accuracy) == 0


def test_frames_are_complete_read_only_and_stack() -> None:
    done = finish(models="resnet, anode", steps=9)
    for frame in done.frames:
        for name, value in flatten(frame):
            if isinstance(value, np.ndarray):
                assert not value.flags.writeable, name
                assert value.dtype != object, name
    arrays = stack_frames(list(done.frames))
    assert len(arrays["models.1.states"]) == len(done.frames)
    assert done.frames[0].step == 0
    assert [frame.step for frame in done.frames] == sorted(frame.step for frame in done.frames)
    assert done.frames[-1].step == 9


def test_every_training_step_reports_its_loss() -> None:
    history = finish(models="node, anode", steps=41).history
    assert len(history["node.loss"]) == len(history["anode.accuracy"]) == 41
    assert history["node.nfe_step"] == [1.0, 20.0, 40.0]
    assert len(history["node.nfe"]) == 3


# It repeats itself.


def test_the_same_seed_gives_the_same_to_the_last_digit_and_another_one_does_not() -> None:
    first, second, other = finish(3), finish(3), finish(4)
    assert untimed(first.metrics) == untimed(second.metrics)
    assert first.history == second.history
    assert first.history["node.loss"] != other.history["node.loss"]


def test_a_model_does_not_know_what_trains_beside_it() -> None:
    alone, beside = finish(models="anode"), finish(models="resnet, node, anode")
    assert untimed(alone.metrics)["anode"] == untimed(beside.metrics)["anode"]
    assert alone.history["anode.loss"] == beside.history["anode.loss"]


def test_somebody_who_looks_on_changes_nothing() -> None:
    seen, alone = watch(5), finish(5)
    seen.rest()
    assert untimed(seen.metrics) == untimed(alone.metrics)
    assert seen.history == alone.history


def test_pictures_of_training_have_every_second_depth_where_somebody_waits_for_it() -> None:
    seen, alone = watch(models="resnet, node"), finish(models="resnet, node")
    seen.rest()
    blocks, depths = (len(model.t) for model in seen.frame.models)
    assert [len(model.t) for model in seen.frames[0].models] == [blocks, (depths + 1) // 2]
    np.testing.assert_array_equal(seen.frames[0].models[1].t, seen.frame.models[1].t[::2])
    assert {len(frame.models[1].t) for frame in alone.frames} == {depths}


@pytest.mark.parametrize("name", ["lr", "weight_decay", "points"])
def test_live_changes_replay_at_the_steps_they_are_recorded_with(name: str) -> None:
    value: Any = {"lr": 0.02, "weight_decay": 0.5, "points": "0,0,0; 1,1,1; 1,0,1; 0.2,0,0; 0,0.3,0"}[name]
    run = watch(steps=20, models="node, anode")
    run.until(lambda: run.inbox.step == 7)
    # In the middle of a step: between the two models.
    run.change(**{name: value})
    run.rest()
    ((recorded, kind, params),) = run.inbox.record
    assert (recorded, kind) == (7, "live")
    again = watch(steps=20, models="node, anode")
    while not again.next():
        if again.inbox.step == recorded and again.inbox.live is not params and len(again.history["node.loss"]) == 7:
            again.inbox.set_live(params)
    assert again.history == run.history
    assert untimed(again.metrics) == untimed(run.metrics)
    plainly = watch(steps=20, models="node, anode")
    plainly.rest()
    assert plainly.history["node.loss"][:7] == run.history["node.loss"][:7]
    assert plainly.history["node.loss"][8:] != run.history["node.loss"][8:]


# It lives on while somebody looks.


def test_it_rests_when_the_steps_are_done_and_trains_on_when_asked() -> None:
    run = watch(steps=6)
    run.rest()
    assert (run.inbox.step, run.inbox.quota, run.frame.step, run.frame.steps) == (6, 0, 6, 6)
    before, pictures = untimed(run.metrics), len(run.frames)
    run.rest()  # woken for nothing
    assert len(run.frames) == pictures
    assert untimed(run.metrics) == before
    run.allow()
    run.rest()
    assert (run.inbox.step, run.frame.step, run.frame.steps) == (12, 12, 12)
    run.allow(3)
    run.rest()
    assert (run.inbox.step, run.frame.steps) == (15, 15)
    assert len(run.history["node.loss"]) == 15


def test_stopping_keeps_the_weights_and_stepping_takes_as_many_steps() -> None:
    run = watch(steps=500)
    run.until(lambda: run.inbox.step == 5)
    run.allow(0)
    run.rest()
    assert (run.inbox.step, run.frame.step, run.frame.steps) == (5, 5, 500)
    assert run.frame.models[0].measured_step == 5
    at_rest = weights(run)
    run.allow(2)
    run.rest()
    assert run.inbox.step == 7
    assert all((a != b).any() for a, b in zip(at_rest, weights(run), strict=True))


def test_measuring_gives_way_to_training_and_is_done_later() -> None:
    run = watch(steps=100)
    run.until(lambda: run.inbox.step == 3)
    run.allow(0)
    run.until(lambda: run.frame.models[0].measured_step == 3)
    run.allow(1)
    run.rest()
    assert run.inbox.step == 4
    assert [model.measured_step for model in run.frame.models] == [4, 4]
    assert math.isfinite(run.frame.models[0].dense_error)


def test_measures_are_never_said_to_be_of_other_data() -> None:
    run = watch(steps=500)
    run.until(lambda: run.inbox.step == 5)
    run.allow(0)
    run.rest()
    assert math.isfinite(run.frame.models[0].dense_error)
    run.allow()
    run.change(points=([[0, 0], [1, 1], [1, 0], [0.2, 0]] * 10, [0, 1, 1, 0] * 10))
    n = len(run.frames)
    run.until(lambda: len(run.frames) > n)
    assert run.inbox.step > 5
    for model in run.frame.models:
        assert np.isnan([model.dense_error, model.train_accuracy, model.nfe, model.max_stretch]).all()
        assert (len(model.nfe_points), len(model.nfe_map), len(model.solver_steps), model.measured_step) == (
            0,
            0,
            0,
            -1,
        )
    run.allow(0)
    run.rest()
    assert math.isnan(run.frame.models[0].dense_error)
    assert run.frame.models[0].nfe_points.shape == (len(run.frame.data.points),)


def test_measures_in_a_frame_are_all_of_one_step() -> None:
    run = watch(steps=500)
    run.until(lambda: run.inbox.step == 5)
    run.allow(0)
    run.rest()
    before = run.frame.models
    run.allow(2)
    n = len(run.frames)
    run.rest()
    seen = [frame.models for frame in run.frames[n:]]
    assert {models[0].measured_step for models in seen} == {5, 7}
    for models in seen:
        for old, new in zip(before, models, strict=True):
            if new.measured_step == 5:
                assert (new.loss, new.dense_error) == (old.loss, old.dense_error)
                assert new.nfe_map is old.nfe_map
            else:
                assert new.loss != old.loss
                assert new.nfe_map is not old.nfe_map
    assert any(math.isnan(models[0].dense_error) for models in seen)
    assert math.isfinite(seen[-1][0].dense_error)


def test_a_measure_that_was_cut_short_leaves_no_trace() -> None:
    run = watch(steps=500, models="node, anode")
    run.until(lambda: run.inbox.step == 5)
    run.allow(0)
    run.rest()
    before = run.frame.models
    run.allow(1)
    run.until(lambda: run.frame.step == 6)
    for _ in range(3):  # into the measures of the first model
        run.next()
    run.allow()
    n = len(run.frames)
    run.until(lambda: len(run.frames) > n)
    assert [model.measured_step for model in run.frame.models] == [5, 5]
    assert [model.loss for model in run.frame.models] == [model.loss for model in before]


def test_accuracy_by_steps_of_another_method_goes_with_the_method() -> None:
    run = watch(steps=500)
    run.until(lambda: run.inbox.step == 2)
    run.allow(0)
    run.rest()
    assert len(run.frame.models[0].solver_steps) > 0
    run.allow()
    run.change(depth_solver="euler", depth_steps=3)
    run.until(lambda: run.frame.models[0].depth_method == "euler")
    assert len(run.frame.models[0].solver_steps) == 0
    assert math.isfinite(run.frame.models[0].dense_error)


def test_the_first_picture_comes_before_the_first_step() -> None:
    run = watch()
    run.until(lambda: bool(run.frames))
    assert (run.inbox.step, run.frame.step) == (0, 0)
    assert run.frame.models[0].states.shape[1] == 200
    assert run.frame.models[0].measured_step == -1
    assert math.isnan(run.frame.models[0].train_accuracy)


def test_what_no_plot_shows_is_left_out_while_it_trains_and_comes_when_it_is_wanted() -> None:
    run = watch(steps=10**6)
    run.until(lambda: bool(run.frames) and run.frame.step > 0)
    assert run.frame.models[0].regions.shape == (0, 0)
    assert len(run.frame.stability.models[0].t) == 0
    run.change(plane="input", upper="stability")
    n = len(run.frames)
    run.until(lambda: len(run.frames) > n)
    assert run.frame.models[0].regions.shape == (64, 64)
    assert len(run.frame.stability.models[0].t) > 0


def test_another_solver_shows_other_paths_with_the_same_weights() -> None:
    run = watch(steps=30, models="node, resnet")
    run.rest()
    before = run.frame.models
    run.change(depth_solver="euler", depth_steps=2)
    run.rest()
    after = run.frame.models
    assert (after[0].depth_method, after[0].depth_steps, after[0].depth_nfe) == ("euler", 2, 2)
    assert np.abs(after[0].states[-1] - before[0].states[-1]).max() > 1e-4
    assert after[1].states == pytest.approx(before[1].states)  # a ResNet has its blocks, whatever the solver
    for old, new in zip(before, after, strict=True):
        assert (old.parameters == new.parameters).all()
        assert (old.train_accuracy, old.dense_error) == (new.train_accuracy, new.dense_error)
    run.change(depth_solver="dopri5", depth_rtol=1e-5)
    run.rest()
    assert run.frame.models[0].depth_steps == 0
    view = run.frame.models[0]
    assert view.depth_nfe > 12
    # It is that of the solve that is drawn, points and grid in the same steps.
    model = DepthClassifier(ModelSpec.from_json(json.loads(view.spec_json)), parameters=view.parameters)
    both = np.concatenate([run.frame.data.points, view.grid[0, ..., :2].reshape(-1, 2)])
    solution = pieces.finish(model.solve_steps(model.lift(both), view.t, method="dopri5", rtol=1e-5))
    assert view.depth_nfe == solution.nfe
    assert run.inbox.step == 30


def test_a_question_is_answered_while_it_trains_and_the_frame_keeps_the_answer() -> None:
    run = watch(steps=200, models="resnet, anode")
    run.until(lambda: run.inbox.step == 2)
    run.ask(11, "stability", (0.3, -0.2))
    run.until(lambda: 11 in run.replies)
    assert run.inbox.step <= 3
    answer = run.replies[11]
    assert answer.point.tolist() == [0.3, -0.2]
    assert [model.name for model in answer.models] == ["resnet", "anode"]
    for model in answer.models:
        assert model.path[0, :2].tolist() == [0.3, -0.2]
        assert model.flow_radius[0] == pytest.approx(1.0)
        assert model.abscissa == pytest.approx(model.eigenvalues.real.max(axis=1))
        assert (model.abscissa <= model.symmetric + 1e-9).all()
    run.rest()
    assert run.frame.stability.point.tolist() == [0.3, -0.2]
    assert run.inbox.record == [(2, "stability", (0.3, -0.2))]


def test_painting_while_it_trains_goes_on_with_the_new_points() -> None:
    run = watch(steps=60)
    run.until(lambda: run.inbox.step == 10)
    data = run.frame.data
    X = np.concatenate([data.given, [[1.7, 1.7]] * 3])
    labels = np.concatenate([data.given_labels, [0] * 3])
    run.change(points=(X, labels))
    run.rest()
    assert run.inbox.step == 60
    after = run.frame.data
    assert after.painted
    assert (after.n_train + after.n_test, after.n_train > after.n_test) == (203, True)
    assert after.given[-3:].tolist() == [[1.7, 1.7]] * 3
    assert plain(run.metrics)["models"]["node"]["dense_error"] is None
    run.change(points="")
    run.rest()
    assert not run.frame.data.painted
    assert run.frame.data.given == pytest.approx(data.given)


def test_weights_that_are_there_to_be_seen_rest_until_somebody_trains() -> None:
    run = watch(models="node, anode", dataset="circles", hidden=32, weights="shipped", steps=5)
    run.rest()
    assert (run.inbox.step, run.frame.step) == (0, 0)
    assert all(model.train_accuracy > 0.98 for model in run.frame.models)
    assert run.metrics is not None
    run.allow()
    run.rest()
    assert run.inbox.step == 5


def test_nothing_takes_longer_than_it_may() -> None:
    for attempt in range(3):
        run = watch(attempt, n_points=2000, hidden=32, batch=64, steps=80, models="resnet, node, anode")
        run.until(lambda run=run: run.inbox.step == 40)
        run.change(plane="input", upper="stability", depth_solver="dop853")
        run.rest()
        if np.quantile(run.gaps, 0.99) < 10 and max(run.gaps) < 40:
            return
    pytest.fail(f"the longest steps took {np.sort(run.gaps)[-5:].round(1)} ms")


def test_every_metric_is_documented() -> None:
    assert set(finish(steps=1).metrics) == set(CLASSIFIER.metrics)
    for name in MEASURES:
        assert name in CLASSIFIER.metrics["models"] or name in ("train_accuracy", "test_accuracy", "loss")


def test_the_default_parameters_are_those_of_the_study() -> None:
    defaults = dataclasses.asdict(ClassifierParams())
    expected = {
        **{"dataset": "disc-annulus", "models": ("node", "anode"), "augment": 1, "hidden": 32, "layers": 2},
        **{"activation": "relu", "solver": "rk4", "n_steps": 10, "loss": "bce", "optimizer": "adam", "lr": 1e-3},
        **{"batch": 64, "steps": 940, "noise": 0.0, "n_points": 2000, "csv": "", "weights": "fresh"},
    }
    assert {name: defaults[name] for name in expected} == expected
