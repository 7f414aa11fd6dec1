"""What goes wrong in training stays in its model: the last good weights remain, and a sentence says what to do."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from nodeviz.experiments.classifier_files import save_models
from nodeviz.experiments.classifier_screen import unsolved
from nodeviz.experiments.run import Run, plain
from nodeviz.problems.labelled import MOST_POINTS

from .classifier_runs import SMALL, finish, watch

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.usefixtures("fewer_points")


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_huge_learning_rate_leaves_the_last_finite_model_and_one_sentence(activation: str, optimizer: str) -> None:
    done = finish(lr=1e6, activation=activation, optimizer=optimizer, models="resnet, node, anode", steps=30)
    for view in done.frames[-1].models:
        assert view.diverged, view.name
        assert "lr=1e+06" in view.message
        assert "stay; lower" in view.message
        assert view.message.endswith(".")
        assert np.isfinite(view.parameters).all()
        assert np.isfinite(view.states).all()
        assert np.isfinite(view.loss)
        assert f"{view.name}: {view.message}" in done.message
    assert plain(done.metrics)["models"]["node"]["loss"] < 1e4
    # No number is lost: one per step, and those of steps that were not taken say so.
    assert len(done.history["node.loss"]) <= 30
    assert np.isnan(done.history["node.loss"][-1])


def test_one_model_that_fails_does_not_stop_the_others() -> None:
    # Blocks with a full residual take the learning rate worse than a flow of a tenth of their depth.
    done = finish(lr=0.1, optimizer="sgd", momentum=0.0, models="resnet, node", blocks=100, residual="1", steps=40)
    resnet, node = done.frames[-1].models
    assert (resnet.diverged, node.diverged) == (True, False)
    assert node.message == ""
    assert len(done.history["node.loss"]) == 40
    assert np.isfinite(done.history["node.loss"]).all()
    assert done.message.startswith("resnet: Training step")


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"lr": 1e6}, "nonfinite"),
        ({"lr": 0.3, "solver": "bosh3", "rtol": 1e-6, "models": "node", "steps": 400, "hidden": 16}, "max_steps"),
        (
            {
                **{"lr": 0.1, "optimizer": "sgd", "momentum": 0, "steps": 10},
                **{"models": "resnet, node", "blocks": 100, "residual": "1"},
            },
            "ok",
        ),
    ],
    ids=["all ran off", "the solver gave up", "one of two"],
)
def test_a_run_says_whether_all_its_models_stopped(changes: dict[str, object], status: str) -> None:
    run = Run("classifier", changes=SMALL | changes)
    summary = run.summary()
    assert summary["status"] == run.status == status
    assert "Training step" in summary["message"]
    assert 0 <= summary["metrics"]["models"]["node"]["train_accuracy"] <= 1


def test_a_run_that_trained_nothing_says_so(tmp_path: Path) -> None:
    done = Run("classifier", changes=SMALL | {"models": "node"})
    view: Any = list(done)[-1]
    (path,) = save_models(view.models, tmp_path / "node.npz", {"node": {}})
    run = Run("classifier", changes=SMALL | {"weights": str(path), "steps": 50})
    summary = run.summary()
    assert (summary["status"], run.message) == ("ok", "")
    assert "nothing was trained" in summary["message"]


def test_a_note_on_the_points_is_part_of_the_summary(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text("".join(f"{k % 7},{k % 5},{k % 2}\n" for k in range(MOST_POINTS + 1)), "utf-8")
    run = Run("classifier", changes=SMALL | {"models": "node", "steps": 1, "csv": str(path)})
    assert "only the first 100000 rows used" in run.summary()["message"]
    assert run.status == "ok"


def test_a_smaller_rate_lets_it_train_on() -> None:
    run = watch(lr=1e6, steps=40)
    run.rest()
    assert all(view.diverged for view in run.frame.models)
    stopped = run.inbox.step
    assert stopped < 40
    run.change(lr=1e-3)
    run.allow()
    run.rest()
    assert run.inbox.step == 40
    assert not any(view.diverged or view.message for view in run.frame.models)
    assert np.isfinite(run.history["node.loss"][stopped + 1 :]).all()


def test_a_solver_that_fails_in_mid_training_is_caught() -> None:
    # The tolerance can be met at first; the field grows until 300 steps are not enough.
    done = finish(solver="bosh3", rtol=1e-6, lr=0.3, models="node", steps=400, hidden=16)
    (view,) = done.frames[-1].models
    assert view.diverged
    assert view.message.count(".") >= 1
    assert np.isfinite(view.parameters).all()
    assert len(done.history["node.loss"]) > 3


def test_a_solver_that_does_not_get_through_depth_is_said_to_do_so() -> None:
    (view,) = finish(models="node", steps=1).frames[-1].models
    states = view.states.copy()
    states[7:, 3] = np.nan
    lost = dataclasses.replace(view, states=states)
    assert unsolved(view) == ""
    assert unsolved(lost) == (
        f"rk4 leaves all bounds beyond t={view.t[6]:g}; take more steps, or train with a lower lr."
    )
    adaptive = dataclasses.replace(lost, depth_method="dopri5", depth_steps=0)
    assert unsolved(adaptive).startswith("dopri5 leaves all bounds beyond t=0.3; choose another solver")


def test_gradients_that_are_clipped_survive_what_others_do_not() -> None:
    wild = finish(lr=30.0, optimizer="sgd", models="node", steps=30)
    tamed = finish(lr=30.0, optimizer="sgd", models="node", steps=30, clip=1e-3)
    assert wild.frames[-1].models[0].diverged
    assert not tamed.frames[-1].models[0].diverged


@pytest.mark.parametrize("points", ["0,0,0", "0,0,0; 0,0,0", "0,0,0; 1e6,-1e6,1", "0,0,1; 0,0,0"])
def test_the_smallest_and_the_oddest_sets_of_points_train(points: str) -> None:
    done = finish(points=points, models="resnet, anode", steps=5)
    for view in done.frames[-1].models:
        assert np.isfinite(view.states).all()
        assert 0 <= view.train_accuracy <= 1
    assert plain(done.metrics)["models"]["anode"]["dense_error"] is None


def test_all_classes_but_one_may_be_empty() -> None:
    done = finish(points="0,0,0; 1,1,0; 2,0,0", classes=4, models="node", steps=5)
    assert done.frames[-1].models[0].train_accuracy >= 0
    assert done.frames[-1].data.classes == 4
