"""Trained flows in files: what the command writes, what ships, and that both are the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from nodeviz.cli import main
from nodeviz.experiments.flow_models import methods_of, shipped_folders, spec_of, trained_on
from nodeviz.experiments.flow_params import FlowParams
from nodeviz.experiments.params import ParamError, change
from nodeviz.experiments.presets import presets
from nodeviz.experiments.run import Run
from nodeviz.models.files import FLOWS, load

from .training_runs import check_beginning

if TYPE_CHECKING:
    from pathlib import Path

SMALL = ["--set", "steps=12", "--set", "hidden=4", "--set", "batch=16"]


def train(*arguments: str) -> int:
    return main(["train", "flow", *arguments, *SMALL])


@pytest.mark.usefixtures("fewer_points")
def test_train_writes_every_flow_with_its_story(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "flows"
    assert train("--seed", "5", "--set", "compare=likelihood", "--out", str(folder)) == 0
    names = ["flow-matching.npz", "likelihood.npz"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert capsys.readouterr().out.splitlines() == [f"wrote {folder / name}" for name in names]
    flow, story = load(folder / "likelihood.npz", FLOWS)
    assert (flow.spec.method, flow.spec.hidden) == ("likelihood", 4)
    assert story["data"] == {"target": "eight-gaussians", "word": ""}
    assert (story["seed"], story["params"]["method"], story["params"]["steps"]) == (5, "flow-matching", 12)
    assert story["log"]["step"][-1] == 1  # its share of the steps
    assert "seconds_per_step" not in story["metrics"]
    run = Run("flow", seed=5, changes={"steps": 12, "hidden": 4, "batch": 16})
    matching = load(folder / "flow-matching.npz", FLOWS)[1]
    assert matching["metrics"]["mean_log_prob"] == run.metrics["mean_log_prob"]


@pytest.mark.usefixtures("fewer_points")
def test_the_same_run_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        assert train("--out", str(tmp_path / name)) == 0
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.usefixtures("fewer_points")
def test_what_was_trained_can_be_run_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "moons.json"
    assert train("--set", "target=moons", "--set", "source=uniform", "--out", str(file)) == 0
    story = load(file, FLOWS)[1]
    capsys.readouterr()
    assert main(["run", "flow", "--set", f"weights={file}", "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    chosen = {name: summary["params"][name] for name in ("target", "source", "method", "hidden")}
    assert chosen == {"target": "moons", "source": "uniform", "method": "flow-matching", "hidden": 4}
    found = summary["metrics"]
    assert found["seconds_per_step"] is None  # nothing was trained
    assert found["mean_log_prob"] == pytest.approx(story["metrics"]["mean_log_prob"])
    assert found["wasserstein2"] == pytest.approx(story["metrics"]["wasserstein2"])


@pytest.mark.usefixtures("fewer_points")
def test_weights_of_a_table_fit_no_target(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(30, 2))
    (tmp_path / "points.csv").write_text("\n".join(f"{x},{y}" for x, y in rows))
    assert train("--set", f"path={tmp_path / 'points.csv'}", "--out", str(tmp_path / "own.npz")) == 0
    assert "data" not in load(tmp_path / "own.npz", FLOWS)[1]
    params = change(FlowParams(), {"weights": str(tmp_path / "own.npz"), "target": "moons"})
    assert (params.target, params.hidden) == ("moons", 4)


@pytest.mark.usefixtures("fewer_points")
def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    assert train("--out", str(tmp_path / "small.npz")) == 0
    with pytest.raises(ParamError, match="none for flow-matching from gaussian with 2 hidden layers of 9 tanh units"):
        change(FlowParams(), {"weights": str(tmp_path / "small.npz"), "hidden": 9})


@pytest.mark.usefixtures("fewer_points")
def test_a_training_that_fails_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train("--set", "lr=1e6", "--set", "method=likelihood", "--out", str(tmp_path / "flows")) == 1
    assert not (tmp_path / "flows").exists()
    err = capsys.readouterr().err
    assert "likelihood: Training step" in err
    assert err.rstrip().endswith("Nothing was written.")


# What ships.


@pytest.mark.parametrize("name", list(presets("flow")))
def test_every_preset_finds_its_weights_and_shows_them_before_any_step(name: str) -> None:
    params = change(FlowParams(), presets("flow")[name].changes)
    assert params.weights == "shipped"
    run = Run("flow", preset=name, changes={"weights": "shipped"})
    first = next(iter(run))
    assert [view.name for view in first.flows] == list(methods_of(params))
    assert run.inbox.step == 0


@pytest.mark.parametrize("folder", shipped_folders(), ids=lambda path: path.name)
def test_shipped_weights_belong_to_the_preset_of_their_name(folder: Path) -> None:
    params = change(FlowParams(), presets("flow")[folder.name].changes)
    assert sorted(path.stem for path in folder.iterdir()) == sorted(methods_of(params))
    for path in folder.iterdir():
        flow, story = load(path, FLOWS)
        assert flow.spec == spec_of(params, path.stem)
        assert story["data"] == trained_on(params)
        assert (story["params"]["steps"], story["params"]["lr"]) == (params.steps, params.lr)
        assert path.stat().st_size < 100_000


@pytest.mark.usefixtures("coarse")
@pytest.mark.parametrize("folder", shipped_folders(), ids=lambda path: path.name)
def test_shipped_weights_are_those_that_their_preset_trains(folder: Path) -> None:
    # nodeviz train flow --preset NAME --out resources/weights/flow/NAME
    check_beginning("flow", folder.name, {path.stem: load(path, FLOWS)[1] for path in folder.iterdir()})
