"""The parameters of a flow: what follows from a change, and what does not go together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from nodeviz.experiments.flow_params import FlowParams
from nodeviz.experiments.params import ParamError, change
from nodeviz.models.flow_training import PLANS

if TYPE_CHECKING:
    from pathlib import Path


def changed(**changes: object) -> FlowParams:
    return change(FlowParams(), changes)


def picture(folder: Path, name: str = "spot.png") -> Path:
    """Write a picture with a dark spot, and return where."""
    pixels = np.full((40, 60), 250, np.uint8)
    pixels[10:30, 20:30] = 5
    Image.fromarray(pixels).save(folder / name)
    return folder / name


def table(folder: Path, text: str) -> Path:
    (folder / "points.csv").write_text(text)
    return folder / "points.csv"


def test_the_defaults_are_those_of_the_issue() -> None:
    params = FlowParams()
    assert (params.target, params.method, params.source) == ("eight-gaussians", "flow-matching", "gaussian")
    assert (params.hidden, params.layers, params.trace, params.weights) == (64, 2, "exact", "fresh")
    assert changed() == params


@pytest.mark.parametrize("method", PLANS)
def test_a_method_brings_its_steps_and_learning_rate_unless_they_are_given(method: str) -> None:
    params = changed(method=method)
    assert (params.steps, params.lr) == (PLANS[method].steps, PLANS[method].lr)
    assert changed(method=method, steps=7).steps == 7
    assert change(change(params, {"steps": 7}), {"hidden": 32}).steps == 7


def test_a_file_or_a_word_selects_its_target(tmp_path: Path) -> None:
    assert changed(path=str(picture(tmp_path))).target == "image"
    rows = "\n".join(f"{i},{i * i}" for i in range(20))
    assert changed(path=str(table(tmp_path, rows))).target == "csv"
    assert changed(word="ode").target == "text"
    assert changed(word="ode", target="moons").target == "moons"


def test_another_target_takes_the_place_of_given_points() -> None:
    points = np.random.default_rng(0).normal(size=(30, 2))
    given = changed(points=points)
    assert len(given.points) == 30
    assert len(change(given, {"target": "moons"}).points) == 0
    assert len(change(given, {"target": given.target}).points) == 0
    assert len(change(given, {"hidden": 32}).points) == 30


def test_a_method_beside_itself_is_refused_and_a_new_method_makes_room() -> None:
    with pytest.raises(ParamError, match="compare=flow-matching: the same as method"):
        changed(compare="flow-matching")
    both = changed(compare="diffusion")
    assert change(both, {"method": "diffusion"}).compare == "none"


def test_a_diffusion_starts_from_noise() -> None:
    for other in ({"method": "diffusion"}, {"compare": "diffusion"}):
        assert change(changed(source="uniform"), other).source == "gaussian"
        with pytest.raises(
            ParamError, match="source=uniform: a diffusion starts from the noise it ends in; use gaussi"
        ):
            changed(**other, source="uniform")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"probes": 0}, "probes=0: below the limit 1; use 1 or more"),
        ({"target": "image"}, "path is empty: target=image needs one"),
        ({"target": "csv"}, "path is empty: target=csv needs one"),
        ({"word": " "}, "word"),
        ({"word": "\u0378"}, "word: no font here has a glyph for"),
        ({"target": "moon"}, "target=moon: unknown; did you mean 'moons'"),
        ({"path": "nowhere.png"}, "nowhere.png: cannot be opened"),
        ({"path": "nowhere.csv"}, "nowhere.csv"),
        ({"points": [[1, 1]] * 20}, "points: .* is the same for nearly all points"),
        ({"points": [[1, 1], [2, 2]]}, "points: 2 points, below the limit 10"),
        ({"weights": "nowhere.npz"}, "weights: nowhere.npz: cannot be opened"),
        ({"weights": "shipped", "hidden": 7}, "weights=shipped: none for flow-matching from gaussian with 2 hidden"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(ParamError, match=sentence) as caught:
        changed(**changes)
    assert "\n" not in str(caught.value)


def test_bad_files_are_refused_in_one_sentence(tmp_path: Path) -> None:
    Image.new("RGB", (30, 30), (90, 20, 60)).save(tmp_path / "plain.png")
    with pytest.raises(ParamError, match=r"plain\.png: one colour throughout"):
        changed(path=str(tmp_path / "plain.png"))
    (tmp_path / "text.png").write_text("no picture at all")
    with pytest.raises(ParamError, match=r"text\.png: no picture, or a broken one"):
        changed(path=str(tmp_path / "text.png"))
    with pytest.raises(ParamError, match=r"points\.csv: 2 points to use, below the limit 10"):
        changed(path=str(table(tmp_path, "1,2\n3,4\n")))


def test_a_picture_in_cmyk_is_taken(tmp_path: Path) -> None:
    path = picture(tmp_path)
    Image.open(path).convert("CMYK").save(tmp_path / "print.jpg", quality=95)
    assert changed(path=str(tmp_path / "print.jpg")).target == "image"


def test_what_weights_were_made_for_decides_whether_they_stay() -> None:
    shipped = changed(weights="shipped")
    assert change(shipped, {"lr": 1e-3}).weights == "shipped"
    assert change(shipped, {"show_grid": True}).weights == "shipped"
    for other in ({"hidden": 32}, {"target": "moons"}, {"method": "likelihood"}, {"source": "uniform"}):
        assert change(shipped, other).weights == "fresh"
