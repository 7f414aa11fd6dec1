"""The parameters of the classifier: what follows from a change, what is refused, and in which words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeviz.engine.layers import ACTIVATIONS
from nodeviz.experiments.classifier_costs import LIMIT, LONGEST, longest_of, memory_of
from nodeviz.experiments.classifier_models import OWN_FIELDS, make_model, spec_of, trained_on
from nodeviz.experiments.classifier_params import MAKES_MODELS, SHOWS, ClassifierParams
from nodeviz.experiments.params import ParamError, change, declared, to_json
from nodeviz.models.files import save_model
from nodeviz.models.spec import KINDS, READOUTS, RESIDUALS
from nodeviz.problems.datasets import DATASETS

if TYPE_CHECKING:
    from pathlib import Path

THREE = "0,0,0; 1,1,1; 2,0,2; 2,2,1"


def changed(**changes: Any) -> ClassifierParams:
    return change(ClassifierParams(), changes)


def refusal(params: ClassifierParams | None = None, **changes: Any) -> str:
    with pytest.raises(ParamError) as caught:
        change(params or ClassifierParams(), changes)
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


def test_every_choice_of_a_model_can_be_chosen() -> None:
    known = declared(ClassifierParams)
    choices = {name: tuple(spec.kind.choices) for name, spec in known.items() if hasattr(spec.kind, "choices")}
    assert set(choices["activation"]) == set(ACTIVATIONS)
    assert (choices["readout"], choices["residual"]) == (READOUTS, RESIDUALS)
    assert set(choices["dataset"]) == set(DATASETS)
    assert tuple(OWN_FIELDS) == KINDS
    assert set(known) > MAKES_MODELS | SHOWS


def test_a_spec_has_what_its_model_makes_use_of_and_defaults_for_the_rest() -> None:
    params = changed(hidden=5, augment=4, blocks=3, readout="first-two", shared=True, residual="1", timed=True, t1=2)
    node, anode, resnet = (spec_of(params, name) for name in ("node", "anode", "resnet"))
    assert (node.hidden, node.timed, node.t1, node.augment, node.blocks) == (5, True, 2.0, 1, 10)
    assert (anode.augment, anode.readout, anode.shared) == (4, "first-two", False)
    assert (resnet.blocks, resnet.shared, resnet.residual, resnet.readout) == (3, True, "1", "all")


# Data.


def test_another_data_set_takes_given_points_and_a_file_away(tmp_path: Path) -> None:
    assert len(change(changed(points=THREE), {"dataset": "circles"}).points) == 0
    params = change(changed(csv=str(points_file(tmp_path))), {"dataset": "circles"})
    assert params.csv == ""
    assert len(change(changed(points=THREE), {"csv": str(points_file(tmp_path))}).points) == 0
    assert change(changed(csv=str(points_file(tmp_path))), {"points": THREE}).csv == ""


def points_file(folder: Path) -> Path:
    path = folder / "three.csv"
    path.write_text("x,y,label\n0,0,a\n1,1,b\n2,0,c\n0,2,a\n", "utf-8")
    return path


def test_points_bring_the_number_of_their_classes(tmp_path: Path) -> None:
    assert changed(points=THREE).classes == 3
    assert changed(csv=str(points_file(tmp_path))).classes == 3
    assert changed(points="0,0,0; 1,1,0").classes == 2
    assert change(changed(points=THREE), {"points": ""}).classes == 2
    assert changed(points=THREE, classes=4).classes == 4


def test_a_data_set_keeps_the_number_of_classes_as_far_as_it_has_them() -> None:
    four = changed(dataset="gaussians", classes=4)
    assert change(four, {"dataset": "spirals"}).classes == 4
    assert change(four, {"dataset": "moons"}).classes == 2
    assert "moons has 2 only" in refusal(dataset="moons", classes=3)
    assert refusal(points=THREE, classes=2) == "classes=2: the points have 3; use 3 or more"


# Weights.


def test_weights_become_fresh_with_what_they_were_made_for() -> None:
    shipped = changed(weights="shipped")
    for name, value in (
        *(("hidden", 16), ("models", "node"), ("activation", "tanh"), ("augment", 2), ("t1", 2), ("dataset", "moons")),
        *(("noise", 0.1), ("points", THREE)),
    ):
        assert change(shipped, {name: value}).weights == "fresh", name
    for name, value in (("lr", 0.1), ("steps", 10), ("points", "0,0,0; 1,1,1"), ("batch", 8), ("n_points", 99)):
        assert change(shipped, {name: value}).weights == "shipped", name


def test_shipped_weights_that_do_not_exist_are_refused_with_a_remedy() -> None:
    assert refusal(weights="shipped", hidden=31) == (
        "weights=shipped: none ship for node, anode of this size on disc-annulus; "
        "use weights=fresh, or start from a preset and keep its models and data"
    )


def test_a_model_file_brings_its_model(tmp_path: Path) -> None:
    made = changed(models="anode", hidden=7, layers=1, activation="tanh", augment=3, timed=True, readout="first-two")
    file = tmp_path / "model.npz"
    save_model(file, make_model(made, "anode", 5))
    params = changed(weights=str(file))
    assert spec_of(params, "anode") == spec_of(made, "anode")
    assert params.models == ("anode",)
    assert (make_model(params, "anode", 0).parameters == make_model(made, "anode", 5).parameters).all()
    assert change(params, {"hidden": 8}).weights == "fresh"
    assert change(params, {"dataset": "circles"}).weights == str(file)


@pytest.mark.parametrize("known", [True, False])
def test_a_model_file_brings_its_data_set_where_the_other_has_not_as_many_classes(tmp_path: Path, known: bool) -> None:
    made = changed(models="node", dataset="spirals", classes=4, hidden=5)
    file = tmp_path / "node.npz"
    save_model(file, make_model(made, "node", 5), {"data": trained_on(made)} if known else {})
    if known:
        params = change(changed(dataset="moons"), {"weights": file})
        assert (params.dataset, params.classes) == ("spirals", 4)
    else:
        with pytest.raises(ParamError, match="classes=4: moons has 2 only"):
            change(changed(dataset="moons"), {"weights": str(file)})
    stays = change(changed(dataset="gaussians"), {"weights": str(file)})
    assert (stays.dataset, stays.classes) == ("gaussians", 4)
    assert "moons has 2 only" in refusal(dataset="moons", weights=str(file))
    assert len(change(changed(points=THREE), {"weights": str(file)}).points) == 4


@pytest.mark.parametrize("text", ["", "  "])
def test_weights_that_name_nothing_are_refused(text: str) -> None:
    assert refusal(weights=text) == "weights=: names nothing; use fresh, shipped or a path"


def test_paths_are_kept_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    points_file(tmp_path)
    save_model(tmp_path / "node.npz", make_model(changed(models="node", classes=3, dataset="gaussians"), "node", 1))
    monkeypatch.chdir(tmp_path)
    params = changed(csv=points_file(tmp_path).name, weights="node.npz")
    assert (params.csv, params.weights) == (str(points_file(tmp_path)), str(tmp_path / "node.npz"))
    monkeypatch.chdir(tmp_path.parent)
    assert change(ClassifierParams(), {"csv": params.csv, "weights": params.weights}) == params
    assert (changed(csv="").csv, changed(weights=" fresh ").weights) == ("", "fresh")


def test_a_folder_brings_all_its_models(tmp_path: Path) -> None:
    for name in ("resnet", "anode"):
        save_model(tmp_path / f"{name}.json", make_model(changed(models=name, hidden=6), name, 1))
    params = changed(weights=str(tmp_path))
    assert (params.models, params.hidden) == (("resnet", "anode"), 6)


def test_model_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "node.npz"
    save_model(file, make_model(changed(models="node"), "node", 1))
    assert refusal(weights=str(file), hidden=8) == f"hidden=8: {file} has 32; use 32, or weights=fresh"
    assert refusal(weights=str(file), models="anode") == f"models=anode: {file} has none; use models=node"
    assert refusal(weights=str(file), points=THREE) == (
        "classes=2: the points have 3; use weights=fresh, or points of fewer"
    )
    save_model(tmp_path / "other.npz", make_model(changed(models="node", hidden=9), "node", 1))
    assert "more than one node" in refusal(weights=str(tmp_path))
    (tmp_path / "other.npz").unlink()
    save_model(tmp_path / "anode.npz", make_model(changed(models="anode", hidden=9), "anode", 1))
    assert refusal(weights=str(tmp_path)) == (
        f"weights={tmp_path}: its models differ in hidden, 32 and 9; choose one file"
    )


def test_model_files_that_cannot_be_used_are_refused_in_one_sentence(tmp_path: Path) -> None:
    good = tmp_path / "good.npz"
    model = make_model(changed(models="node"), "node", 1)
    save_model(good, model)
    cut = tmp_path / "cut.npz"
    cut.write_bytes(good.read_bytes()[:3000])
    assert "cut.npz" in refusal(weights=str(cut))
    text = tmp_path / "nan.json"
    save_model(text, model)
    lines = text.read_text("utf-8").replace(str(float(str(model.parameters[0]))), "NaN", 1)
    text.write_text(lines, "utf-8")
    assert "nan.json" in refusal(weights=str(text))
    short = tmp_path / "short.json"
    short.write_text(lines.replace('"hidden": 32', '"hidden": 31').replace("NaN", "0"), "utf-8")
    assert "short.json: parameters of shape (1221,)" in refusal(weights=str(short))
    assert "cannot be opened" in refusal(weights=str(tmp_path / "missing.npz"))
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "no model file in this folder" in refusal(weights=str(empty))


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "node.npz"
    params = changed(models="node", hidden=4)
    for seed in (1, 2):
        save_model(file, make_model(params, "node", seed))
        found = make_model(changed(weights=str(file)), "node", 0)
        assert (found.parameters == make_model(params, "node", seed).parameters).all()


# Memory.


def test_hidden_units_out_of_bounds_are_refused_with_the_figure() -> None:
    assert refusal(hidden=0) == "hidden=0: below the limit 1; use 1 or more"
    sentence = refusal(hidden=10**5)
    assert sentence.startswith("hidden=100000: training would take about 1,6")
    assert "GB of memory, above the limit 1 GB; use " in sentence
    most = int(sentence.rsplit("use ", 1)[1].split()[0])
    assert memory_of(changed(hidden=most)) <= LIMIT
    assert refusal(hidden=most + most // 10).endswith(f"{most} or less")


def test_pieces_that_hold_up_everything_are_refused_with_the_figure() -> None:
    sentence = refusal(hidden=3000, models="node")
    assert sentence.startswith("hidden=3000: a piece of a training step would take about ")
    assert " ms, above the limit 40 ms; use " in sentence
    most = int(sentence.rsplit("use ", 1)[1].split()[0])
    assert 1000 < most < 3000
    assert longest_of(changed(hidden=most, models="node")) <= LONGEST
    assert refusal(models="resnet", blocks=200, hidden=250).startswith("hidden=250: a piece of a training step")


def test_long_ways_and_large_batches_are_cut_and_not_refused() -> None:
    for changes in ({"n_steps": 10_000, "batch": 100}, {"batch": 100_000}, {"n_steps": 10_000, "batch": 100_000}):
        assert memory_of(changed(**changes)) <= LIMIT


@given(
    st.sampled_from(["node", "anode", "resnet", "node, anode"]),
    st.integers(1, 10**6),
    st.integers(1, 6),
    st.integers(1, 10**4),
    st.integers(1, 10**5),
)
def test_a_refusal_names_a_value_that_would_do(models: str, hidden: int, layers: int, n_steps: int, batch: int) -> None:
    changes = {"models": models, "hidden": hidden, "layers": layers, "n_steps": n_steps, "batch": batch}
    try:
        params = changed(**changes)
        assert memory_of(params) <= LIMIT
        assert longest_of(params) <= LONGEST
    except ParamError as error:
        name, _, rest = str(error).partition("=")
        assert name in changes
        largest = int(rest.rsplit(" or less", 1)[0].rsplit("=", 1)[-1].rsplit(" ", 1)[-1])
        assert 1 <= largest < int(changes[name])


def test_the_estimate_is_about_what_training_takes() -> None:
    import tracemalloc

    from nodeviz.experiments.classifier_training import Lockstep

    for changes in (
        {"hidden": 600, "models": "node", "batch": 32},
        {"n_steps": 400, "models": "anode", "batch": 256},
        {"models": "resnet", "blocks": 100, "hidden": 120},
        {"n_steps": 2000, "models": "node", "batch": 200, "gradient": "checkpoint"},
        {"models": "node", "hidden": 1000},
    ):
        params = changed(n_points=300, **changes)
        tracemalloc.start()
        lockstep = Lockstep(params, np.random.default_rng(0))
        for _ in lockstep.train(1, 1):
            pass
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert 0.4 < memory_of(params) / peak < 2.5, (changes, memory_of(params), peak)


def test_values_survive_json(tmp_path: Path) -> None:
    params = changed(points=THREE, weights="fresh", models="resnet, anode", lr=3e-4)
    assert change(ClassifierParams(), to_json(params)) == params
    params = changed(csv=str(points_file(tmp_path)))
    assert change(ClassifierParams(), to_json(params)) == params
