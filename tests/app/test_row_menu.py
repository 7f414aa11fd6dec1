"""What a right click or the menu key offers on every control."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtGui import QContextMenuEvent, QGuiApplication
from PySide6.QtWidgets import QApplication, QLabel, QMenu, QWidget

from .conftest import wait_idle
from .windows import opened

if TYPE_CHECKING:
    from pathlib import Path

    from PySide6.QtCore import QPoint

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

MOUSE, KEYBOARD = QContextMenuEvent.Reason.Mouse, QContextMenuEvent.Reason.Keyboard


@pytest.fixture
def panel(window: Any) -> Any:
    panel = window.panels["phase"]
    panel.fold(on=False)
    panel.form.show_more(on=True)
    return panel


@pytest.fixture
def lines(window: Any) -> list[str]:
    said: list[str] = []
    window.session.echoed.connect(said.append)
    return said


def menu_of(widget: QWidget, reason: QContextMenuEvent.Reason = MOUSE, place: QPoint | None = None) -> QMenu:
    """Ask a widget for its menu, as Qt does after a right click or the menu key."""
    place = place or widget.rect().center()
    QApplication.sendEvent(widget, QContextMenuEvent(reason, place, widget.mapToGlobal(place)))
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    return menu


def texts(menu: QMenu) -> dict[str, str]:
    """Return the entries with the quiet text beside each."""
    return dict(action.text().partition("\t")[::2] for action in menu.actions() if action.text())


def choose(menu: QMenu, title: str) -> None:
    action = next(action for action in menu.actions() if action.text().partition("\t")[0] == title)
    action.trigger()
    menu.close()


def copied(widget: QWidget, reason: QContextMenuEvent.Reason = MOUSE) -> str:
    choose(menu_of(widget, reason), "Copy console line")
    return QGuiApplication.clipboard().text()


def test_every_row_copies_the_line_that_sets_it(window: Any, panel: Any) -> None:
    rows = panel.form.rows
    window.session.change("phase", {"n_steps": 32})
    assert copied(rows["n_steps"].slider) == "phase.n_steps = 32"
    assert copied(rows["n_steps"].entry) == "phase.n_steps = 32"
    assert copied(rows["n_steps"].slider, KEYBOARD) == "phase.n_steps = 32"
    assert copied(rows["system"].combo) == "phase.system = 'spiral'"
    assert copied(rows["show_field"].check) == "phase.show_field = True"
    assert copied(rows["solvers"].checks["rk4"]) == "phase.solvers = ['euler', 'rk4']"
    assert copied(rows["solvers"].entry) == "phase.solvers = ['euler', 'rk4']"
    assert copied(rows["start"].entry) == "phase.start = [[2.0, 0.0]]"
    assert copied(rows["parameters"]._rows["decay"].slider) == "phase.parameters['decay'] = 0.1"
    assert copied(rows["parameters"]._rows["decay"].entry) == "phase.parameters['decay'] = 0.1"
    assert copied(rows["equations"].edit.viewport()).startswith("phase.equations = ")
    for name, row in rows.items():
        menu = menu_of(row)
        assert list(texts(menu))[:1] == ["Copy console line"], name
        assert list(texts(menu))[-1] == "Help", name
        menu.close()


def test_the_copied_line_does_it_again(window: Any, panel: Any) -> None:
    window.session.change("phase", {"t1": 4.5, "parameters": {"decay": 0.2}})
    lines = [copied(panel.form.rows["t1"].slider), copied(panel.form.rows["parameters"]._rows["decay"].slider)]
    state = window.session.state("phase")
    window.session.load_preset("phase", "spiral")
    for line in lines:
        exec(line, {"phase": window.facades["phase"]})
    assert window.session.state("phase") == state


def test_a_line_of_text_keeps_its_own_menu(panel: Any) -> None:
    for widget in (panel.form.rows["t1"].entry, panel.form.rows["equations"].edit.viewport()):
        menu = menu_of(widget)
        assert {"&Undo", "&Copy", "&Paste", "Select All", "Copy console line", "Help"} <= set(texts(menu))
        menu.close()


def test_reset_to_default_and_to_the_presets_value(window: Any, panel: Any, lines: list[str]) -> None:
    window.session.load_preset("phase", "euler-limit")
    slider = panel.form.rows["n_steps"].slider
    brought = panel.params.n_steps
    assert brought != 15
    menu = menu_of(slider)
    resets = [action for action in menu.actions() if action.text().startswith("Reset")]
    assert [action.text() for action in resets] == ["Reset to default\t15", f"Reset to preset's value\t{brought}"]
    assert [action.isEnabled() for action in resets] == [True, False]  # it has the preset's value already
    choose(menu, "Reset to default")
    assert panel.params.n_steps == 15
    choose(menu_of(slider), "Reset to preset's value")
    assert panel.params.n_steps == brought
    assert lines[1:] == ["phase.n_steps = 15", f"phase.n_steps = {brought}"]
    window.session.undo_stack.undo()
    assert panel.params.n_steps == 15


def test_the_default_is_that_of_the_system_in_force(window: Any, panel: Any) -> None:
    window.session.change("phase", {"system": "van-der-pol"})
    (mu, *_) = panel.params.parameters
    before = panel.params.parameters[mu]
    window.session.change("phase", {"parameters": {mu: before + 1.0}})
    choose(menu_of(panel.form.rows["parameters"]._rows[mu].slider), "Reset to default")
    assert panel.params.parameters[mu] == before
    window.session.change("phase", {"equations": "x' = y; y' = -zeta*x"})
    menu = menu_of(panel.form.rows["parameters"]._rows["zeta"].slider)  # made up by the user: it has none
    assert "Reset to default" not in texts(menu)
    menu.close()


def test_help_says_limits_and_default(panel: Any) -> None:
    choose(menu_of(panel.form.rows["n_steps"].slider, KEYBOARD), "Help")
    card = QApplication.activePopupWidget()
    assert isinstance(card, QLabel)
    words = card.text()
    for part in ("Steps", "Steps of every fixed-step solver", "1 to 1000000", "15", "phase.n_steps = 15"):
        assert part in words
    free = panel.screen().availableGeometry()
    assert free.contains(card.geometry())
    card.close()


def test_a_row_without_effect_still_explains_itself(panel: Any) -> None:
    panel.form.disable(frozenset({"atol"}))
    row = panel.form.rows["atol"]
    assert not row.isEnabled()
    menu = menu_of(panel.form, place=row.mapTo(panel.form, row.rect().center()))
    assert texts(menu)["Copy console line"].startswith("phase.atol = ")
    menu.close()


def test_instruments_and_the_play_bar(panel: Any, lines: list[str]) -> None:
    bar = panel.playbar
    assert copied(panel.instruments["upper"].menu) == "phase.upper = 'stability'"
    assert copied(bar.button) == "phase.play()"
    assert copied(bar.scrub) == "phase.t = 6"
    assert copied(bar.restart) == "phase.t = 0"
    assert copied(bar.loop) == "phase.loop = False"
    bar.set_speed(4)
    assert copied(bar.pace, KEYBOARD) == "phase.speed = 4"
    choose(menu_of(bar.pace), "Reset to default")
    assert bar.speed == 1
    assert lines == ["phase.speed = 1"]


def test_the_run_bar(qtbot: Any, tmp_path: Path) -> None:
    with opened(qtbot, tmp_path, "latent") as window:
        wait_idle(qtbot, window)
        bar, session = window.panels["latent"].runbar, window.session
        session.set_seed("latent", 3)
        qtbot.waitUntil(lambda: bar.seed_shown == 3)
        assert copied(bar.seed) == "latent.seed = 3"
        assert copied(bar.train) == f"latent.{'stop' if bar.training else 'train'}()"
        assert copied(bar.step) == "latent.step(1)"
        choose(menu_of(bar.seed), "Reset to default")
        assert session.state("latent").seed == 0
