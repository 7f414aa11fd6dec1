"""Shortcuts that the user changes: in the dialog and the console, kept in the settings, shown wherever keys stand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QTextBrowser

from nodeviz.app.palette_entries import entries
from nodeviz.app.settings import Settings, SettingsStore
from nodeviz.app.shortcuts import ShortcutDialog
from nodeviz.experiments.params import ParamError

from .windows import opened

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def dialog(window: Any) -> Generator[ShortcutDialog, None, None]:
    window.commands.run("keyboard_shortcuts")
    made = window.findChild(ShortcutDialog)
    assert made is not None
    assert made.isVisible()
    yield made
    made.close()


@pytest.fixture
def lines(window: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The log of commands."""
    said: list[str] = []
    monkeypatch.setattr(window.commands, "_echo", said.append)
    return said


def choose(dialog: ShortcutDialog, text: str) -> str:
    """Filter, and return the title of the row that is chosen then."""
    dialog.filter.clear()
    QTest.keyClicks(dialog.filter, text)
    return dialog._row.title


def to_front(qtbot: Any, window: Any, dialog: ShortcutDialog) -> None:
    dialog.hide()  # else the platform of the tests leaves it in front
    window.activateWindow()
    qtbot.waitUntil(lambda: QApplication.activeWindow() is window)


def shown(dialog: ShortcutDialog) -> list[str]:
    count = range(dialog.table.rowCount())
    return [dialog.table.item(row, 0).text() for row in count if not dialog.table.isRowHidden(row)]


def test_another_key_is_pressed_and_works_at_once(
    qtbot: Any, window: Any, dialog: ShortcutDialog, lines: list[str]
) -> None:
    assert choose(dialog, "light theme") == "Light theme"
    assert shown(dialog) == ["Light theme"]
    dialog.edit.setFocus()
    QTest.keyClick(dialog.edit, Qt.Key.Key_J, CTRL)
    assert lines == ["commands.rebind('light_theme', 'Ctrl+J')"]
    assert window.commands.action("light_theme").shortcut().toString() == "Ctrl+J"
    assert dialog.table.item(dialog.table.currentRow(), 2).text() == "Ctrl+J"
    before = window.theme_name
    to_front(qtbot, window, dialog)
    QTest.keyClick(window, Qt.Key.Key_T, CTRL)
    assert window.theme_name == before
    QTest.keyClick(window, Qt.Key.Key_J, CTRL)
    assert window.theme_name != before
    dialog.show()
    QTest.mouseClick(dialog.reset, Qt.MouseButton.LeftButton)
    assert window.commands.shortcut("light_theme") == "Ctrl+T"
    assert window.settings.shortcuts == {}


def test_a_key_inside_plots_is_changed(qtbot: Any, window: Any, dialog: ShortcutDialog) -> None:
    panel = window.panels["phase"]
    assert choose(dialog, "play or pause") == "Play or pause"
    QTest.keyClick(dialog.edit, Qt.Key.Key_K)
    to_front(qtbot, window, dialog)
    plane = panel.plots[0]
    plane.setFocus()
    QTest.keyClick(plane, Qt.Key.Key_Space)
    assert not panel.playbar.playing
    QTest.keyClick(plane, Qt.Key.Key_K)
    assert panel.playbar.playing
    assert panel.playbar.button.toolTip() == "Play or pause (K)"
    assert panel.playbar.button.accessibleName() == "Play or pause"
    QTest.keyClick(plane, Qt.Key.Key_K)
    dialog.show()
    QTest.mouseClick(dialog.clear, Qt.MouseButton.LeftButton)
    assert panel.playbar.button.toolTip() == "Play or pause"
    QTest.mouseClick(dialog.reset_all, Qt.MouseButton.LeftButton)
    assert panel.playbar.button.toolTip() == "Play or pause (Space)"
    to_front(qtbot, window, dialog)
    plane.setFocus()
    QTest.keyClick(plane, Qt.Key.Key_Space)
    assert panel.playbar.playing
    panel.playbar.play(on=False)


def test_a_conflict_is_named_and_the_key_can_be_taken(window: Any, dialog: ShortcutDialog, lines: list[str]) -> None:
    choose(dialog, "reset layout")
    QTest.keyClick(dialog.edit, Qt.Key.Key_T, CTRL)
    assert "Ctrl+T belongs to “Light theme” (View)" in dialog.message.text()
    assert dialog.take.isVisible()
    assert lines == []  # nothing has changed yet
    QTest.mouseClick(dialog.take, Qt.MouseButton.LeftButton)
    assert (window.commands.shortcut("reset_layout"), window.commands.shortcut("light_theme")) == ("Ctrl+T", "")
    assert lines == ["commands.rebind('light_theme', '')", "commands.rebind('reset_layout', 'Ctrl+T')"]
    assert not dialog.take.isVisible()
    choose(dialog, "light theme")
    QTest.mouseClick(dialog.reset, Qt.MouseButton.LeftButton)  # its own key belongs to another by now
    assert "Ctrl+T belongs to “Reset layout”" in dialog.message.text()
    QTest.mouseClick(dialog.reset_all, Qt.MouseButton.LeftButton)
    assert lines[-1] == "commands.reset_shortcuts()"
    assert window.commands.changed_shortcuts() == {}


def test_keys_of_the_controls_are_refused(window: Any, dialog: ShortcutDialog, lines: list[str]) -> None:
    choose(dialog, "reset layout")
    QTest.keyClick(dialog.edit, Qt.Key.Key_Left)
    assert "Left belongs to the controls" in dialog.message.text()
    assert window.commands.shortcut("reset_layout") == ""
    assert lines == []


@pytest.mark.parametrize(
    ("keys", "reason"),
    [("Ctrl+T", "'Light theme'"), ("hello", "not one key"), ("Ctrl+K, Ctrl+C", "not one key"), (5, "not a shortcut")],
)
def test_the_console_refuses_with_a_reason(window: Any, keys: Any, reason: str) -> None:
    with pytest.raises(ParamError, match=reason):
        window.commands.rebind("undo", keys)
    with pytest.raises(ParamError, match="did you mean 'undo'"):
        window.commands.rebind("undoo", "Ctrl+U")
    assert window.commands.shortcut("undo") == "Ctrl+Z"


def test_no_two_commands_come_with_the_same_key(qtbot: Any, tmp_path: Path) -> None:
    with opened(qtbot, tmp_path) as window:
        table = window.commands
        shared = {command.id: table.conflicts(command.id, table.shortcut(command.id)) for command in table}
        assert {name: [other.id for other in others] for name, others in shared.items() if others} == {}


def test_panels_share_what_means_the_same(qtbot: Any, tmp_path: Path) -> None:
    with opened(qtbot, tmp_path, "phase", "latent") as window:
        window.commands.run("keyboard_shortcuts")
        dialog = window.findChild(ShortcutDialog)
        choose(dialog, "play or pause")
        assert shown(dialog) == ["Play or pause"]
        assert dialog._row.names == ("play_phase", "play_latent")
        QTest.keyClick(dialog.edit, Qt.Key.Key_P, CTRL)
        assert window.commands.shortcut("play_phase") == window.commands.shortcut("play_latent") == "Ctrl+P"
        dialog.close()


def test_tooltips_of_the_run_bar_and_the_brush_name_their_keys(qtbot: Any, tmp_path: Path) -> None:
    with opened(qtbot, tmp_path, "classifier") as window:
        panel = window.panels["classifier"]
        assert panel.runbar.train.toolTip() == "Train, or stop training (T)"
        window.commands.rebind("brush_classifier", "P")
        window.commands.rebind("train_classifier", "")
        assert panel.brush_button.toolTip() == "Paint and erase points (P)"
        assert panel.brush_button.accessibleName() == "Paint and erase points"
        assert panel.brush.done.toolTip() == "Put the brush away (P)"
        assert panel.runbar.train.toolTip() == "Train, or stop training"


def test_they_are_kept_and_shown_everywhere(qtbot: Any, tmp_path: Path) -> None:
    with opened(qtbot, tmp_path, "phase") as window:
        window.commands.rebind("undo", "Ctrl+U")
        window.commands.rebind("play_phase", "K")
    with opened(qtbot, tmp_path, "phase") as window:
        assert window.commands.shortcut("undo") == "Ctrl+U"
        assert window.panels["phase"].playbar.button.toolTip() == "Play or pause (K)"
        sides = {entry.id: entry.side for entry in entries(window)}
        assert (sides["undo"], sides["play_phase"]) == ("Ctrl+U", "K")
        window.commands.run("shortcuts")
        (page,) = (page for page in window.findChildren(QDialog) if page.isVisible())
        words = page.findChild(QTextBrowser).toPlainText()
        assert "Ctrl+U" in words
        assert "Ctrl+Z" not in words
        page.close()


def test_two_commands_change_places_and_what_is_damaged_is_left_out(qtbot: Any, tmp_path: Path) -> None:
    swapped = {"undo": "Ctrl+Shift+Z", "redo": "Ctrl+Z", "gone": "Ctrl+G", "reset_layout": "no key", "about": "Ctrl+T"}
    SettingsStore(tmp_path).save(Settings(shortcuts=swapped))
    with opened(qtbot, tmp_path, "phase") as window:
        table = window.commands
        assert (table.shortcut("undo"), table.shortcut("redo")) == ("Ctrl+Shift+Z", "Ctrl+Z")
        assert table.shortcut("reset_layout") == ""
        assert table.shortcut("about") == ""  # its key belongs to another
        table.rebind("quit", "Ctrl+W")
        assert window.settings.shortcuts["gone"] == "Ctrl+G"  # perhaps of a panel that is not there today


@pytest.mark.parametrize("value", [["undo"], {"undo": 5}, {"undo": "x" * 500}, "undo"])
def test_damaged_shortcuts_in_the_file_do_no_harm(tmp_path: Path, value: Any) -> None:
    store = SettingsStore(tmp_path)
    store.save(Settings(console_history=77))
    data = json.loads(store.path.read_text("utf-8"))
    store.path.write_text(json.dumps(data | {"shortcuts": value, "recent": value}), "utf-8")
    settings, complaint = SettingsStore(tmp_path).load()
    assert settings.shortcuts == {}
    assert settings.console_history == 77
    assert "shortcuts" in complaint
