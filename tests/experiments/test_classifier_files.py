"""Trained classifiers in files: what the command writes, what ships, and that both are the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from nodeviz.cli import main
from nodeviz.experiments.classifier_models import shipped_folders, spec_of, trained_on
from nodeviz.experiments.classifier_params import ClassifierParams
from nodeviz.experiments.params import change
from nodeviz.experiments.presets import presets
from nodeviz.experiments.run import Run
from nodeviz.models.files import CLASSIFIERS, load

from .training_runs import check_beginning

if TYPE_CHECKING:
    from pathlib import Path

SMALL = ["--set", "steps=6", "--set", "n_points=60", "--set", "hidden=4"]


def train(*arguments: str) -> int:
    return main(["train", "classifier", *SMALL, *arguments])


def test_train_writes_every_model_with_its_story(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "models"
    assert train("--seed", "5", "--out", str(folder)) == 0
    assert sorted(path.name for path in folder.iterdir()) == ["anode.npz", "node.npz"]
    assert capsys.readouterr().out.splitlines() == [f"wrote {folder / 'node.npz'}", f"wrote {folder / 'anode.npz'}"]
    model, story = load(folder / "anode.npz", CLASSIFIERS)
    assert (model.spec.kind, model.spec.hidden) == ("anode", 4)
    assert story["data"] == {"dataset": "disc-annulus", "classes": 2, "noise": 0.0}
    assert (story["seed"], story["params"]["lr"], story["params"]["steps"]) == (5, 1e-3, 6)
    assert story["log"]["step"] == [1, 2, 3, 4, 5, 6]
    assert "seconds_per_step" not in story["metrics"]
    run = Run("classifier", seed=5, changes={"steps": 6, "n_points": 60, "hidden": 4})
    assert story["metrics"]["test_accuracy"] == run.metrics["models"]["anode"]["test_accuracy"]


def test_the_same_run_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert train("--out", str(tmp_path / name)) == 0
    for name in ("node.npz", "anode.npz"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_what_was_trained_can_be_run_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "node.json"
    assert train("--set", "models=node", "--out", str(file)) == 0
    story = load(file, CLASSIFIERS)[1]
    capsys.readouterr()
    assert main(["run", "classifier", "--set", f"weights={file}", "--set", "n_points=60", "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["params"]["models"] == ["node"]
    assert summary["params"]["hidden"] == 4
    found = summary["metrics"]["models"]["node"]
    assert found["seconds_per_step"] is None  # nothing was trained
    assert {key: value for key, value in found.items() if key != "seconds_per_step"} == story["metrics"]


def test_several_models_go_beside_each_other_where_one_file_is_named(tmp_path: Path) -> None:
    assert train("--out", str(tmp_path / "both.npz")) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["both-anode.npz", "both-node.npz"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "phase", "--out", "x"], "panel=phase: it has no models to train; use nodeviz run phase"),
        (
            ["train", "classifier", "--set", "weights=shipped", "--out", "x"],
            "weights=shipped: nothing would be trained",
        ),
        (["train", "classifier", "--out", "/proc/none/x"], "--out /proc/none: "),
        (["train", "classifier", "--set", "hidden=0", "--out", "x"], "hidden=0: below the limit 1"),
    ],
)
def test_what_cannot_be_trained_is_refused(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"nodeviz: {words}")
    assert err.count("\n") == 1


def test_a_training_that_fails_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train("--set", "lr=1e6", "--out", str(tmp_path / "models")) == 1
    assert not (tmp_path / "models").exists()
    err = capsys.readouterr().err
    assert "node: Training step" in err
    assert err.rstrip().endswith("Nothing was written.")


def test_a_headless_run_that_diverged_says_so_and_keeps_its_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "classifier", *SMALL, "--set", "lr=1e6", "--json"]) == 1
    captured = capsys.readouterr()
    summary = json.loads(captured.out)
    assert summary["status"] == "nonfinite"
    assert "node: Training step" in summary["message"]
    assert summary["message"] in captured.err
    assert summary["metrics"]["models"]["node"]["loss"] is not None


# What ships.


@pytest.mark.parametrize("name", list(presets("classifier")))
def test_every_preset_finds_its_weights(name: str) -> None:
    changes = presets("classifier")[name].changes
    params = change(ClassifierParams(), changes)
    assert params.weights == "shipped"
    run = Run("classifier", preset=name, changes={"weights": "shipped"})
    first = next(iter(run))
    assert [model.name for model in first.models] == list(params.models)
    assert run.inbox.step == 0


@pytest.mark.parametrize("folder", shipped_folders(), ids=lambda path: path.name)
def test_shipped_weights_belong_to_the_preset_of_their_name(folder: Path) -> None:
    params = change(ClassifierParams(), presets("classifier")[folder.name].changes)
    assert sorted(path.stem for path in folder.iterdir()) == sorted(params.models)
    for path in folder.iterdir():
        model, story = load(path, CLASSIFIERS)
        assert model.spec == spec_of(params, path.stem)
        assert story["data"] == trained_on(params)
        assert (story["params"]["steps"], story["params"]["lr"]) == (params.steps, params.lr)
        assert path.stat().st_size < 100_000


@pytest.mark.parametrize("folder", shipped_folders(), ids=lambda path: path.name)
def test_shipped_weights_are_those_that_their_preset_trains(folder: Path) -> None:
    # nodeviz train classifier --preset NAME --out resources/weights/classifier/NAME
    check_beginning("classifier", folder.name, {path.stem: load(path, CLASSIFIERS)[1] for path in folder.iterdir()})


@pytest.mark.slow
def test_the_command_trains_them_to_the_end(tmp_path: Path) -> None:
    (folder,) = (folder for folder in shipped_folders() if folder.name == "circles")
    assert main(["train", "classifier", "--preset", folder.name, "--out", str(tmp_path)]) == 0
    for path in folder.iterdir():
        model, story = load(path, CLASSIFIERS)
        again, retold = load(tmp_path / path.name, CLASSIFIERS)
        # Another machine's BLAS adds in another order, and training enlarges the difference.
        for what in ("train_accuracy", "test_accuracy"):
            assert retold["metrics"][what] == pytest.approx(story["metrics"][what], abs=0.05)
        assert np.corrcoef(model.parameters, again.parameters)[0, 1] > 0.8


def test_a_preset_trains_from_scratch_where_there_is_no_window() -> None:
    run = Run("classifier", preset="circles", seed=3, changes={"steps": 3, "n_points": 100})
    assert run.params.weights == "fresh"
    assert len(list(run)) > 1
    assert len(run.history["node.loss"]) == 3
