"""The command palette in a real window: found by a few letters, done by the keyboard alone."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from nodeviz.app.fuzzy import match, respelled
from nodeviz.app.palette import Palette
from nodeviz.app.palette_entries import entries, ranked
from nodeviz.app.settings import MAX_RECENT, SettingsStore

from .windows import opened

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

CTRL_SHIFT = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def lines(window: Any) -> list[str]:
    """The log of actions, those of commands among them."""
    said: list[str] = []
    window.session.echoed.connect(said.append)
    echo = window.commands._echo
    window.commands._echo = lambda line: (said.append(line), echo(line))
    return said


@pytest.fixture
def palette(window: Any) -> Generator[Palette, None, None]:
    """The palette, opened by its keys while the plane has the focus."""
    window.activateWindow()
    window.panels["phase"].plots[0].setFocus()
    QTest.keyClick(window.panels["phase"].plots[0], Qt.Key.Key_P, CTRL_SHIFT)
    made = window.findChild(Palette)
    assert made is not None
    assert made.isVisible()
    yield made
    if made.isVisible():
        made.close()


def titles(palette: Palette) -> list[str]:
    return [entry.title for entry, _ in palette.model.rows]


def press(palette: Palette, key: Qt.Key) -> None:
    QTest.keyClick(palette.line, key)


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("lr", "Set learning rate"),
        ("learn", "Set learning rate"),
        ("set learning rate", "Set learning rate"),
        ("rate learning", "Set learning rate"),
        ("pop", "Play or pause"),
        ("lt", "Light theme"),
        ("reset lay", "Reset layout"),
        ("exp", "Export phase portrait…"),
        ("un", "Undo"),
    ],
)
def test_beginnings_of_words_and_initials_come_first(typed: str, first: str) -> None:
    known = (
        "Set learning rate", "Set solvers", "Light theme", "Play or pause", "Train or stop", "Undo", "Reset layout",
        "Export phase portrait…", "Set all levels rarely", "Turn limit cycles off", "Fold the controls",
    )  # fmt: skip
    scores = {title: fit.score for title in known if (fit := match(typed, title)) is not None}
    assert max(scores, key=lambda title: scores[title]) == first


def test_a_match_names_the_letters_and_a_word_that_is_nowhere_excludes() -> None:
    fit = match("lr", "Set learning rate")
    assert fit is not None
    assert fit.places == (4, 13)
    assert match("learning zzz", "Set learning rate") is None
    aside, inside = match("classifier", "Steps", "Depth classifier"), match("classifier", "Show classifier")
    assert aside is not None
    assert inside is not None
    assert aside.score < inside.score
    assert respelled("lerning raet", ["Set learning rate"]) == "learning rate"


def test_everything_is_offered_and_badly_spelled_words_are_found(window: Any) -> None:
    found = entries(window)
    names = {entry.id for entry in found}
    shown = [command for command in window.commands if command.id != "palette"]
    assert {command.id for command in shown} <= names
    assert {"phase.n_steps", "phase.seed", "phase.upper", "phase.parameters['decay']", "phase.show_field"} <= names
    assert all(entry.where for entry in found)
    best, _ = ranked(found, "van der pool")[0]
    assert best.title == "Van der Pol's limit cycle"
    assert best.where == "Presets › Phase portrait"


def test_a_parameter_is_set_in_the_same_line(window: Any, palette: Palette, lines: list[str]) -> None:
    QTest.keyClicks(palette.line, "set steps")
    assert titles(palette)[0] == "Set steps"
    press(palette, Qt.Key.Key_Return)
    assert palette.line.text() == "15"
    assert "1 to 1000000" in palette.hint.text()
    QTest.keyClicks(palette.line, "0")  # the value is selected, and typed over
    press(palette, Qt.Key.Key_Return)
    assert palette.isVisible()
    assert "n_steps=0: below the limit 1" in palette.hint.text()
    assert window.panels["phase"].params.n_steps == 15
    palette.line.selectAll()
    QTest.keyClicks(palette.line, "40")
    press(palette, Qt.Key.Key_Return)
    assert not palette.isVisible()
    assert window.panels["phase"].params.n_steps == 40
    assert lines == ["phase.n_steps = 40"]


def test_choices_are_listed_and_filtered(window: Any, palette: Palette, lines: list[str]) -> None:
    QTest.keyClicks(palette.line, "set system")
    press(palette, Qt.Key.Key_Return)
    assert titles(palette)[0] == "Spiral"  # the one in force
    QTest.keyClicks(palette.line, "vdp")
    press(palette, Qt.Key.Key_Return)
    assert window.panels["phase"].params.system == "van-der-pol"
    assert lines == ["phase.system = 'van-der-pol'"]


def test_a_number_of_the_equations_and_a_flag_and_the_seed(window: Any, palette: Palette, lines: list[str]) -> None:
    QTest.keyClicks(palette.line, "set decay")
    press(palette, Qt.Key.Key_Return)
    QTest.keyClicks(palette.line, "0.3")
    press(palette, Qt.Key.Key_Return)
    for typed in ("direction field", "set seed"):
        window.commands.run("palette")
        QTest.keyClicks(palette.line, typed)
        press(palette, Qt.Key.Key_Return)
    QTest.keyClicks(palette.line, "7")
    press(palette, Qt.Key.Key_Return)
    assert lines == ["phase.parameters['decay'] = 0.3", "phase.show_field = False", "phase.seed = 7"]


def test_the_keys_move_close_and_give_the_focus_back(window: Any, palette: Palette) -> None:
    plane = window.panels["phase"].plots[0]
    QTest.keyClicks(palette.line, "set")

    def row() -> int:
        return palette.rows.currentIndex().row()

    assert row() == 0
    press(palette, Qt.Key.Key_Down)
    assert row() == 1
    press(palette, Qt.Key.Key_Up)
    press(palette, Qt.Key.Key_Up)
    assert row() == len(palette.model.rows) - 1
    press(palette, Qt.Key.Key_PageUp)
    assert row() < len(palette.model.rows) - 1
    palette.line.setText("set steps")
    press(palette, Qt.Key.Key_Return)
    press(palette, Qt.Key.Key_Escape)  # back to the list, as it was
    assert palette.line.text() == "set steps"
    press(palette, Qt.Key.Key_Escape)
    assert not palette.isVisible()
    assert QApplication.focusWidget() is plane
    palette.open()
    window.panels["phase"].playbar.button.setFocus()
    assert not palette.isVisible()


def test_a_command_is_done_as_from_its_menu(window: Any, palette: Palette, lines: list[str]) -> None:
    before = window.theme_name
    QTest.keyClicks(palette.line, "light th")
    press(palette, Qt.Key.Key_Return)
    assert window.theme_name != before
    assert lines == ["commands.light_theme()"]
    palette.open()
    assert titles(palette)[0] == "Light theme"  # chosen last, offered first
    assert palette.model.rows[0][0].side == "Ctrl+T"
    assert palette.model.rows[0][0].where == "View"
    QTest.keyClicks(palette.line, "undo")
    press(palette, Qt.Key.Key_Return)
    assert palette.isVisible()  # there is nothing to undo yet
    assert "nothing to do" in palette.hint.text()


def test_a_click_does_it_too(qtbot: Any, window: Any, palette: Palette) -> None:
    QTest.keyClicks(palette.line, "saddle")
    place = palette.rows.visualRect(palette.model.index(0)).center()
    qtbot.mouseClick(palette.rows.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert window.panels["phase"].params.system == "saddle"
    assert not palette.isVisible()


def test_what_was_chosen_is_remembered(qtbot: Any, tmp_path: Path) -> None:
    with opened(qtbot, tmp_path, "phase") as window:
        for name in ("reset_layout", "light_theme"):
            window.commands.run("palette")
            palette = window.findChild(Palette)
            palette.line.setText(name)
            press(palette, Qt.Key.Key_Return)
        assert window.settings.recent == ("light_theme", "reset_layout")
    settings, complaint = SettingsStore(tmp_path).load()
    assert (settings.recent, complaint) == (("light_theme", "reset_layout"), "")
    assert len(settings.recent) <= MAX_RECENT


def test_it_opens_at_once(window: Any) -> None:
    window.commands.run("palette")
    palette = window.findChild(Palette)
    palette.close()
    times = []
    for _ in range(5):
        begun = time.process_time()
        palette.open()
        palette.repaint()
        times.append(time.process_time() - begun)
        palette.close()
    assert min(times) < 0.05  # s
