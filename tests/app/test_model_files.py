"""Models in files: which ones are meant, and what the dialogs of a panel ask for and do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from PySide6.QtWidgets import QFileDialog

from nodeviz.app.panels.model_files import ModelFiles, file_commands, is_model, views_to_save
from nodeviz.experiments.params import ParamError

if TYPE_CHECKING:
    from pathlib import Path


class View(NamedTuple):
    name: str


VIEWS = (View("node"), View("anode"))


def test_all_models_are_meant_or_the_one_that_is_named() -> None:
    assert views_to_save(VIEWS, "model", None, "model") == list(VIEWS)
    assert views_to_save(VIEWS, "model", "anode", "model") == [VIEWS[1]]
    with pytest.raises(ParamError, match="method=anod: not on show; did you mean 'anode'"):
        views_to_save(VIEWS, "flow", "anod", "method")
    with pytest.raises(ParamError, match="no flow yet; wait"):
        views_to_save(None, "flow", None, "method")


def test_models_are_told_from_data_by_their_names(tmp_path: Path) -> None:
    assert all(map(is_model, ("a.npz", "b.JSON", str(tmp_path))))
    assert not any(map(is_model, ("a.csv", "b.png", "c")))


class Panel:
    """Stands for a panel: it has a name and attempts what it is told."""

    experiment = "flow"

    @staticmethod
    def attempt(act: Any, *arguments: Any) -> None:
        act(*arguments)


@pytest.mark.parametrize("names", [("diffusion",), ("diffusion", "likelihood")])
def test_the_dialogs_ask_for_a_file_or_a_folder(names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []
    done: list[tuple[str, str]] = []

    def answer(path: Any) -> Any:
        return lambda _, *about: asked.append(about) or path

    monkeypatch.setattr(QFileDialog, "getOpenFileName", answer(("in.npz", "")))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", answer(("out.npz", "")))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", answer("folder"))
    files = ModelFiles(
        "flow", lambda: names, lambda path: done.append(("load", path)), lambda path: done.append(("save", path))
    )
    load, save = file_commands(Panel, files)  # type: ignore[arg-type]
    assert [load.id, load.title, save.id, save.title] == [
        "load_flows_flow", "Open flows…", "save_flows_flow", "Save flows…",
    ]  # fmt: skip
    load.callback()
    save.callback()
    assert done == [("load", "in.npz"), ("save", "out.npz" if len(names) == 1 else "folder")]
    assert asked[0] == ("Open flows", "", "Flows (*.npz *.json);;All files (*)")
    assert asked[1][0] == ("Save the flow" if len(names) == 1 else "Save the flows in a folder")
    if len(names) == 1:
        assert asked[1][1] == "diffusion.npz"
