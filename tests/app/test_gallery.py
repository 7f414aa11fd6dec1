"""The gallery of presets, and the user's own: saved, loaded, renamed, deleted, and damaged files that do no harm."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QInputDialog, QMenu, QMessageBox
from shiboken6 import isValid
from tqdm import tqdm

from nodeviz.app.gallery import Gallery
from nodeviz.app.palette_entries import entries
from nodeviz.app.thumbnails import SIZE, preset_picture
from nodeviz.app.user_presets import SaveDialog
from nodeviz.cli import main
from nodeviz.experiments.own_presets import MAX_BYTES, file_name, own_presets, presets_folder, read_name, save_own
from nodeviz.experiments.params import ParamError
from nodeviz.experiments.presets import find_preset, presets
from nodeviz.experiments.registry import REGISTRY
from nodeviz.experiments.run import Run

from .windows import opened

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def lines(window: Any) -> list[str]:
    said: list[str] = []
    window.session.echoed.connect(said.append)
    return said


@pytest.fixture
def gallery(window: Any) -> Generator[Gallery, None, None]:
    yield from _gallery(window)


def _gallery(window: Any) -> Generator[Gallery, None, None]:
    window.commands.run("gallery")
    made = next(each for each in window.findChildren(Gallery) if each.isVisible())
    yield made
    if isValid(made):
        made.close()


def titles(gallery: Gallery) -> list[str]:
    return [item.preset.title for item in gallery.model.items]


def save(window: Any, name: str, sentence: str = "") -> SaveDialog:
    """Save by the dialog, as the user does."""
    window.commands.run("save_preset_phase")
    dialog = next(each for each in window.findChildren(SaveDialog) if each.isVisible())
    QTest.keyClicks(dialog.name, name)
    QTest.keyClicks(dialog.sentence, sentence)
    QTest.mouseClick(dialog.buttons.button(dialog.buttons.StandardButton.Save), LEFT)
    return dialog


def menu_titles(window: Any) -> list[str]:
    menu = window.menuBar().findChild(QMenu, "Presets").findChild(QMenu, "Phase portrait")
    return [action.text() for action in menu.actions() if action.text()]


@pytest.mark.parametrize(("panel", "name"), [(panel, name) for panel in REGISTRY for name in presets(panel)])
def test_every_preset_has_its_picture(panel: str, name: str) -> None:
    path = preset_picture(panel, name)
    picture = QImage(str(path))
    assert picture.size() == SIZE, f"{path}: run python -m nodeviz.app.thumbnails"
    colours = {picture.pixel(x, y) for x in range(0, 320, 4) for y in range(0, 200, 4)}
    assert len(colours) > 20
    assert path.stat().st_size < 40_000


def test_no_picture_is_without_a_preset_and_all_are_small() -> None:
    folder = preset_picture("phase", "spiral").parent.parent
    there = {(path.parent.name, path.stem) for path in folder.glob("*/*")}
    assert there == {(panel, name) for panel in REGISTRY for name in presets(panel)}
    assert sum(path.stat().st_size for path in folder.glob("*/*")) < 1_500_000


def test_all_shipped_presets_are_shown_and_filtered(gallery: Gallery) -> None:
    assert titles(gallery) == [preset.title for preset in presets("phase").values()]
    assert not gallery.grab().toImage().isNull()
    QTest.keyClicks(gallery.filter, "limit CYCLE")
    assert "Van der Pol's limit cycle" in titles(gallery)
    assert len(titles(gallery)) < 5
    gallery.filter.setText("no such words")
    assert titles(gallery) == []
    assert "Nothing fits" in gallery.hint.text()
    gallery.filter.clear()
    gallery.choice.setCurrentIndex(gallery.choice.findText("Yours"))
    assert "None of yours yet" in gallery.hint.text()


def test_a_click_loads(qtbot: Any, window: Any, gallery: Gallery, lines: list[str]) -> None:
    QTest.keyClicks(gallery.filter, "van der pol")
    place = gallery.cards.visualRect(gallery.model.index(0)).center()
    qtbot.mouseClick(gallery.cards.viewport(), LEFT, pos=place)
    assert window.panels["phase"].params.system == "van-der-pol"
    assert lines == ["phase.preset('van-der-pol')"]
    assert not gallery.isVisible()


def test_the_keys_load_and_panels_are_chosen(qtbot: Any, tmp_path: Path) -> None:
    with opened(qtbot, tmp_path, "phase", "latent") as window:
        window.docks["latent"].hide()
        for gallery in _gallery(window):
            gallery.choice.setCurrentIndex(gallery.choice.findData("latent"))
            assert titles(gallery) == [preset.title for preset in presets("latent").values()]
            QTest.keyClicks(gallery.filter, "nile")
            QTest.keyClick(gallery.filter, Qt.Key.Key_Down)
            QTest.keyClick(gallery.cards, Qt.Key.Key_Return)
            assert not gallery.isVisible()
        assert window.session.state("latent").preset == "nile"
        assert window.docks["latent"].isVisible()


def test_an_own_preset_is_saved_shown_and_loaded(
    qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    with opened(qtbot, tmp_path, "phase") as window:
        window.session.change("phase", {"n_steps": 21, "system": "hopf"})
        window.session.set_seed("phase", 9)
        state, said = window.session.state("phase"), []
        window.session.echoed.connect(said.append)
        dialog = save(window, "  My Hopf ", "See it turn.")
        assert not dialog.isVisible()
        assert said == ["phase.save_preset('My Hopf', 'See it turn.')"]
        assert menu_titles(window)[-1] == "My Hopf"
    picture = QImage(str(tmp_path / "presets" / "phase" / "my-hopf.png"))
    assert picture.size() == SIZE
    with opened(qtbot, tmp_path, "phase") as window:  # after another start
        assert menu_titles(window)[-1] == "My Hopf"
        window.session.load_preset("phase", "spiral")
        assert any(entry.title == "My Hopf" for entry in entries(window))
        for gallery in _gallery(window):
            assert titles(gallery)[0] == "My Hopf"
            assert gallery.model.items[0].picture is not None
            QTest.keyClick(gallery.cards, Qt.Key.Key_Return)
        loaded = window.session.state("phase")
        assert (loaded.params, loaded.seed, loaded.preset) == (state.params, 9, "My Hopf")
        facade = window.facades["phase"]
        assert facade.preset()["My Hopf"] == "See it turn."
        window.session.load_preset("phase", "spiral")
        facade.preset("My Hopf")
        assert window.session.state("phase") == loaded
        window.session.undo_stack.undo()
        assert window.session.state("phase").preset == "spiral"
    monkeypatch.setenv("NODEVIZ_CONFIG_DIR", str(tmp_path))
    monkeypatch.setattr(tqdm, "monitor_interval", 0)  # its thread outlives the bar
    assert main(["run", "phase", "--preset", "My Hopf", "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["preset"], summary["seed"], summary["params"]["system"]) == ("My Hopf", 9, "hopf")
    assert Run("phase", preset="My Hopf", seed=4).seed == 4
    assert Run("phase", preset="spiral").seed == 0


def test_names_are_checked_while_they_are_typed(window: Any) -> None:
    window.facades["phase"].save_preset("Mine")
    window.commands.run("save_preset_phase")
    dialog = window.findChild(SaveDialog)
    button = dialog.buttons.button(dialog.buttons.StandardButton.Save)
    assert not button.isEnabled()
    QTest.keyClicks(dialog.name, "spiral")
    assert not button.isEnabled()
    assert "a preset that ships has it" in dialog.message.text()
    dialog.name.setText("mine")
    assert (button.text(), button.isEnabled()) == ("Replace", True)
    QTest.keyClick(dialog.name, Qt.Key.Key_Return)
    assert not dialog.isVisible()
    assert list(own_presets("phase", window.session.folder)) == ["mine"]


def test_keys_of_own_presets_outlast_what_happens_to_others(window: Any) -> None:
    facade, table = window.facades["phase"], window.commands
    facade.save_preset("First")
    table.rebind("own_preset_phase_first", "Ctrl+Alt+1")
    for act in (
        lambda: facade.save_preset("Other"),
        lambda: facade.rename_preset("Other", "Another"),
        lambda: facade.delete_preset("Another"),
        lambda: facade.save_preset("First", replace=True),
    ):
        act()
        assert table.shortcut("own_preset_phase_first") == "Ctrl+Alt+1"
        assert table.action("own_preset_phase_first").shortcut().toString() == "Ctrl+Alt+1"
    assert window.settings.shortcuts == {"own_preset_phase_first": "Ctrl+Alt+1"}


def test_it_is_renamed_and_deleted(window: Any, lines: list[str]) -> None:
    window.facades["phase"].save_preset("First")
    for gallery in _gallery(window):
        place = gallery.cards.visualRect(gallery.model.index(0)).center()
        gallery.cards.customContextMenuRequested.emit(place)
        menu = QApplication.activePopupWidget()
        assert [action.text() for action in menu.actions()] == ["Load", "Rename...", "Delete..."]
        menu.actions()[1].trigger()
        menu.close()
        box = gallery.findChild(QInputDialog)
        box.setTextValue("Second")
        box.accept()
        assert titles(gallery)[0] == "Second"
        assert menu_titles(window)[-1] == "Second"
        assert gallery.model.items[0].picture is not None
        gallery.cards.setFocus()
        QTest.keyClick(gallery.cards, Qt.Key.Key_Delete)
        asked = gallery.findChild(QMessageBox)
        assert "'Second'" in asked.text()
        next(button for button in asked.buttons() if button.text() == "Delete").click()
        assert "Second" not in titles(gallery)
        QTest.keyClick(gallery.cards, Qt.Key.Key_Delete)  # one that ships stays
        assert titles(gallery) == [preset.title for preset in presets("phase").values()]
    assert lines == [
        "phase.save_preset('First')",
        "phase.rename_preset('First', 'Second')",
        "phase.delete_preset('Second')",
    ]
    assert "Second" not in menu_titles(window)
    assert list(presets_folder("phase", window.session.folder).iterdir()) == []


def test_a_function_of_python_is_not_kept(window: Any) -> None:
    window.facades["phase"].system = lambda _, y: [y[1], -y[0]]
    with pytest.raises(ParamError, match="system: a function of Python cannot be kept"):
        window.facades["phase"].save_preset("Mine")


DAMAGE: list[Any] = [
    b"", b"{", b"\xff\xfe", b"[1]", b"null", {"version": 2}, {"version": "1"}, {"panel": "latent"}, {"name": "Other"},
    {"name": 5}, {"name": ""}, {"params": [1]}, {"sentence": None}, {"sentence": "x" * 1000}, {"seed": -1},
    {"seed": 1.5}, {"seed": True}, {"seed": 2**60}, b"[" * 100_000, b" " * (MAX_BYTES + 1),
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE, ids=range(len(DAMAGE)))
def test_damaged_and_newer_files_are_left_out(tmp_path: Path, damage: Any) -> None:
    save_own("phase", "Good", "", {"n_steps": 3}, folder=tmp_path)
    save_own("phase", "Mine", "", {"n_steps": 3}, folder=tmp_path)
    path = presets_folder("phase", tmp_path) / "mine.json"
    text = damage if isinstance(damage, bytes) else json.dumps(json.loads(path.read_text("utf-8")) | damage).encode()
    path.write_bytes(text)
    assert list(own_presets("phase", tmp_path)) == ["Good"]
    assert path.read_bytes() == text
    with pytest.raises(ParamError, match="preset=Mine: unknown for phase"):
        find_preset("phase", "Mine", tmp_path)


def test_a_preset_behind_a_link_is_written_where_the_link_points(tmp_path: Path) -> None:
    path = presets_folder("phase", tmp_path) / "mine.json"
    elsewhere = tmp_path / "elsewhere.json"
    path.parent.mkdir(parents=True)
    path.symlink_to(elsewhere)
    save_own("phase", "Mine", "", {"n_steps": 3}, folder=tmp_path, replace=True)
    assert path.is_symlink()
    assert json.loads(elsewhere.read_text())["params"] == {"n_steps": 3}


def test_what_cannot_be_used_any_more_is_said(window: Any) -> None:
    refused: list[str] = []
    window.session.refused.connect(lambda _, sentence: refused.append(sentence))
    save_own("phase", "Old", "", {"n_steps": 33, "gone": 1}, folder=window.session.folder)
    window.facades["phase"].preset("Old")
    assert window.panels["phase"].params.n_steps == 33
    assert len(refused) == 1
    assert "gone" in refused[0]


@pytest.mark.parametrize(
    ("name", "reason"),
    [("", "0 characters"), ("x" * 61, "61 characters"), ("...", "no letter"), (5, "not text"), ("Spiral", "ships")],
)
def test_names_that_cannot_be(name: Any, reason: str) -> None:
    with pytest.raises(ParamError, match=reason):
        read_name("phase", name)


def test_names_become_files_within_the_folder(tmp_path: Path) -> None:
    assert file_name("../../Éa b!") == "éa-b"
    made = save_own("phase", "../../up", "", {}, folder=tmp_path)
    assert made.name == "../../up"
    assert [path.name for path in presets_folder("phase", tmp_path).iterdir()] == ["up.json"]
    with pytest.raises(ParamError, match="of yours of that name"):
        save_own("phase", "UP", "", {}, folder=tmp_path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "presets").write_text("a file in its place")
    with pytest.raises(ParamError, match="cannot be written"):
        save_own("phase", "Mine", "", {}, folder=tmp_path)
    assert own_presets("phase", tmp_path) == {}
