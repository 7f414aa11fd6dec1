"""What goes wrong stays in its flow: the last good weights remain, the mass tells, and a sentence says what to do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from nodeviz.experiments import flow_measures, flow_screen, flow_training
from nodeviz.experiments.run import plain
from nodeviz.models.files import FLOWS, save_model
from nodeviz.models.flow import Flow, FlowSpec
from nodeviz.models.flow_training import PLANS

from .flow_runs import finish, watch

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure with fewer points: what is tested here does not depend on how many."""
    for module, name, value in (
        (flow_measures, "FRESH", 300),
        (flow_measures, "INVERTED", 50),
        (flow_training, "TRANSPORTED", 32),
        (flow_screen, "CELLS", 12),
        (flow_screen, "LOG_PROB_POINTS", 16),
    ):
        monkeypatch.setattr(module, name, value)


@pytest.mark.parametrize("method", PLANS)
def test_a_huge_learning_rate_leaves_the_last_finite_flow_and_one_sentence(method: str) -> None:
    done = finish(lr=1e6, method=method, steps=200)
    view = done.frames[-1].flows[0]
    assert view.diverged
    assert "lr=1e+06" in view.message
    assert "stay; lower" in view.message
    assert view.message.endswith(".")
    assert np.isfinite(view.parameters).all()
    assert f"{method}: {view.message}" in done.message
    json.dumps(plain(done.metrics), allow_nan=False)
    assert np.isnan(done.history[f"{method}.loss"][-1])
    assert done.status == "nonfinite"


def test_one_flow_that_fails_does_not_stop_the_other() -> None:
    done = finish(method="likelihood", compare="flow-matching", lr=1e6, steps=8)
    assert done.frames[-1].flows[0].diverged
    # Its own rate is half as large: still far too large to learn, and still a flow of its own.
    assert done.history["flow-matching.step"][-1] > 8


def test_a_smaller_rate_lets_it_train_on() -> None:
    run = watch(lr=1e6, steps=300)
    run.rest()
    assert run.frame.flows[0].diverged
    stopped = run.inbox.step
    assert stopped < 300
    run.change(lr=1e-3)
    run.allow()
    run.rest()
    assert run.inbox.step == 300
    assert not run.frame.flows[0].diverged
    assert run.frame.flows[0].message == ""


def test_a_solver_that_fails_in_mid_training_is_caught() -> None:
    done = finish(method="likelihood", solver="bosh3", rtol=1e-4, lr=1.0, steps=60, hidden=16)
    view = done.frames[-1].flows[0]
    assert view.diverged
    assert np.isfinite(view.parameters).all()
    assert len(done.history["likelihood.loss"]) > 1


def saved(folder: Path, change: Any) -> str:
    """Write a flow with changed weights, and return where."""
    flow = Flow.init(FlowSpec(hidden=8), np.random.default_rng(0))
    change(flow.net.layers)
    save_model(folder / "flow.npz", flow, {}, FLOWS)
    return str(folder / "flow.npz")


def test_a_density_that_leaves_the_view_shows_in_the_mass_and_in_a_sentence(tmp_path: Path) -> None:
    def shift(layers: Any) -> None:
        layers[-1].weight[:] = 0.0
        layers[-1].bias[:] = (4.5, 0.0)  # to the edge of the plane shown

    view = finish(weights=saved(tmp_path, shift)).frames[-1].flows[0]
    assert view.mass == pytest.approx(0.5, abs=0.01)
    assert view.lost == 0.0
    assert view.message.startswith("The plane shown holds 50.")
    assert "the rest lies outside of it" in view.message
    assert view.density_mass[0] == pytest.approx(1.0, abs=0.01)


def test_a_field_that_blows_up_in_reverse_is_said_to_do_so(tmp_path: Path) -> None:
    def blow_up(layers: Any) -> None:
        layers[-1].weight[:] = 2e38
        layers[-1].bias[:] = 2e38

    done = finish(weights=saved(tmp_path, blow_up))
    view = done.frames[-1].flows[0]
    assert not view.diverged  # it was not trained
    assert view.lost == 1.0
    assert view.mass == 0.0
    assert view.message.endswith(".")
    metrics = plain(done.metrics)
    assert metrics["mean_log_prob"] is None
    assert metrics["inversion_error"] is None
    json.dumps(metrics, allow_nan=False)


def test_a_field_too_fast_for_its_solver_is_told_by_the_mass(tmp_path: Path) -> None:
    def hurry(layers: Any) -> None:
        layers[-1].weight[:] = 7.0 * np.random.default_rng(0).standard_normal(layers[-1].weight.shape)

    view = finish(weights=saved(tmp_path, hurry), solver="euler", n_steps=3).frames[-1].flows[0]
    assert abs(view.mass - 1.0) > 0.05
    assert "more steps" in view.message


def test_paths_and_traces_of_a_field_that_blows_up_are_answered(tmp_path: Path) -> None:
    def blow_up(layers: Any) -> None:
        layers[-1].weight[:] = 2e38

    run = watch(weights=saved(tmp_path, blow_up))
    run.ask(1, "path", (0.0, 0.0, 0.5))
    run.ask(2, "trace", 0.5)
    run.ask(3, "density", (0.5, 12))
    run.rest()
    assert set(run.replies) == {1, 2, 3}
    assert np.isnan(run.replies[1].flows[0].log_prob).any()
    assert run.replies[3].flows[0].lost == 1.0


def test_points_far_out_are_left_out_of_a_table(tmp_path: Path) -> None:
    rows = [f"{i % 7},{i % 5}" for i in range(60)] + ["1e9,3", "2,-1e9"]
    (tmp_path / "far.csv").write_text("\n".join(rows))
    target = finish(path=str(tmp_path / "far.csv"), steps=2).frames[-1].target
    assert target.name == "csv"
    assert len(target.given) == 60
    assert "2 points far from all others left out" in target.note
