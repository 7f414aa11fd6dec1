"""Model files: what is written is read again, and what is damaged is refused in one sentence."""

from __future__ import annotations

import io
import json
import os
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeviz.models.depth import DepthClassifier
from nodeviz.models.files import CLASSIFIERS, ModelFileError, load, save_model
from nodeviz.models.spec import ModelSpec

if TYPE_CHECKING:
    from pathlib import Path

SUFFIXES = ("npz", "json")


def make(**fields: Any) -> DepthClassifier:
    return DepthClassifier.init(ModelSpec(hidden=3, **fields), np.random.default_rng(0))


def refused(path: Path) -> str:
    """The sentence with which a file is refused."""
    with pytest.raises(ModelFileError) as error:
        load(path, CLASSIFIERS)
    sentence = str(error.value)
    assert path.name in sentence
    assert "\n" not in sentence
    return sentence


def edited(path: Path, model: DepthClassifier, **changes: Any) -> Path:
    """Write a model's JSON with other values at the top level; None takes a key out."""
    save_model(path, model)
    data = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in data.items() if value is not None}))
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("kind", ["resnet", "node", "anode"])
def test_what_is_saved_is_loaded(tmp_path: Path, suffix: str, kind: str) -> None:
    model, path = make(kind=kind, classes=3, t1=1.5), tmp_path / f"model.{suffix}"
    extra = {"dataset": "moons", "step": 940, "loss": 0.1 + 0.2}
    save_model(path, model, extra)
    loaded, found = load(path, CLASSIFIERS)
    assert loaded.spec == model.spec
    assert found == extra
    assert loaded.parameters.dtype == np.float32
    np.testing.assert_array_equal(loaded.parameters, model.parameters)
    loaded.parameters[:] = 0.0  # it can be trained on
    assert os.listdir(tmp_path) == [path.name]


def test_a_name_without_suffix_and_a_model_in_double_precision(tmp_path: Path) -> None:
    model = make().astype(np.float64)
    save_model(tmp_path / "model", model)
    np.testing.assert_array_equal(
        load(tmp_path / "model", CLASSIFIERS)[0].parameters, model.parameters.astype(np.float32)
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"model.{suffix}"
    save_model(path, make())
    whole = path.read_bytes()
    for length in [0, 1, 2, 3, 10, *range(20, len(whole), 37), len(whole) - 1]:
        path.write_bytes(whole[:length])
        assert "choose" in refused(path)


@given(place=st.floats(0.0, 1.0, exclude_max=True), bit=st.integers(0, 7), suffix=st.sampled_from(SUFFIXES))
@settings(max_examples=150)
def test_a_flipped_bit_never_gives_a_broken_model(
    tmp_path_factory: pytest.TempPathFactory, place: float, bit: int, suffix: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"flipped.{suffix}"
    save_model(path, make())
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1 << bit
    path.write_bytes(content)
    try:
        model, _ = load(path, CLASSIFIERS)
    except ModelFileError:
        return
    assert np.isfinite(model.parameters).all()
    assert model.parameters.shape == (model.spec.n_parameters,)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300])
def test_values_that_are_not_finite_are_refused(tmp_path: Path, value: float) -> None:
    model = make()
    numbers = [float(number) for number in model.parameters]
    numbers[5] = value
    assert "parameters[5]=" in refused(edited(tmp_path / "model.json", model, parameters=numbers))
    spoilt = tmp_path / "spoilt.npz"
    save_model(spoilt, model)
    with np.load(spoilt) as arrays:
        np.savez(spoilt, header=arrays["header"], parameters=np.array(numbers))
    assert "not finite" in refused(spoilt)
    model.parameters[3] = np.nan
    with pytest.raises(ModelFileError, match="not finite; train it anew"):
        save_model(tmp_path / "other.npz", model)
    assert not (tmp_path / "other.npz").exists()


def test_parameters_of_another_shape_are_refused(tmp_path: Path) -> None:
    model = make()
    sentence = refused(edited(tmp_path / "model.json", model, parameters=[0.5] * 7))
    assert "parameters of shape (7,) where the model it describes has (32,)" in sentence
    nested = [[float(number)] for number in model.parameters]
    assert "shape (32, 1)" in refused(edited(tmp_path / "model.json", model, parameters=nested))
    huge = {**model.spec.to_json(), "hidden": 10**6, "layers": 16}
    assert "(15000022000005,)" not in refused(edited(tmp_path / "model.json", model, spec={"hidden": 0}))
    assert "(32,)" in refused(edited(tmp_path / "model.json", model, spec=huge))


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"format": "other"}, "not a model of nodeviz's classifier"),
        ({"format": None}, "not a model of nodeviz's classifier"),
        ({"version": 2}, "from another version"),
        ({"spec": None}, "mapping"),
        ({"spec": {"kind": "transformer"}}, "kind='transformer'"),
        ({"spec": {"hidden": "many"}}, "hidden='many'"),
        ({"spec": {"depth": 3}}, "depth: no field"),
        ({"parameters": None}, "no list of numbers"),
        ({"parameters": "abc"}, "no list of numbers"),
        ({"parameters": [[1.0], [2.0, 3.0]]}, "no list of numbers"),
        ({"parameters": [True, False]}, "no list of numbers"),
    ],
)
def test_what_is_no_model_is_refused(tmp_path: Path, changes: dict[str, Any], part: str) -> None:
    assert part in refused(edited(tmp_path / "model.json", make(), **changes))


@pytest.mark.parametrize("content", [b"x,y\n1,2\n", b"[1, 2]", b"\xff\xfe\x00", b"null", b"[" * 100_000])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "points.csv"
    path.write_bytes(content)
    assert "choose a file" in refused(path)


def test_other_archives_are_refused_without_unpacking_them(tmp_path: Path) -> None:
    path = tmp_path / "other.npz"
    np.savez(path, a=np.zeros(3))
    assert "not a model" in refused(path)
    np.savez(path, header=np.array([{"a": 1}], dtype=object), parameters=np.zeros(3))
    assert "damaged" in refused(path)  # pickled
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("header.npy", "parameters.npy"):
            with archive.open(name, "w", force_zip64=True) as member:
                for _ in range(140):
                    member.write(b"\0" * 2**20)
    path.write_bytes(bomb.getvalue())
    assert "not a model" in refused(path)


def test_files_that_cannot_be_opened_or_written(tmp_path: Path) -> None:
    assert "cannot be opened" in refused(tmp_path / "none.npz")
    assert "cannot be opened" in refused(tmp_path)
    with pytest.raises(ModelFileError, match="cannot be written"):
        save_model(tmp_path / "no folder" / "model.npz", make())
    with pytest.raises(ModelFileError, match="extra is not JSON"):
        save_model(tmp_path / "model.npz", make(), {"loss": float("nan")})
    assert os.listdir(tmp_path) == []


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, model = tmp_path / "model.npz", make()
    save_model(path, model)
    before = path.read_bytes()

    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(ModelFileError, match="No space left"):
        save_model(path, model, {"step": 1})
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["model.npz"]
