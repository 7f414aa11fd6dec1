"""The whole window with all its panels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QDialog, QTextBrowser

from .conftest import wait_idle
from .windows import opened

if TYPE_CHECKING:
    from pathlib import Path


def test_every_panel_shows_its_first_preset_and_comes_to_rest(qtbot: Any, tmp_path: Path) -> None:
    with opened(qtbot, tmp_path) as window:
        wait_idle(qtbot, window)
        for name, panel in window.panels.items():
            assert panel.isVisible(), name
            assert panel.frame is not None, name
            assert panel.metrics is not None, name
            assert panel.message.isHidden(), (name, panel.message.text.text())


def test_the_help_says_what_the_mouse_does_in_every_panel(qtbot: Any, tmp_path: Path) -> None:
    with opened(qtbot, tmp_path) as window:
        window.commands.run("shortcuts")
        (page,) = (page for page in window.findChildren(QDialog) if page.isVisible())
        words = page.findChild(QTextBrowser).toPlainText()
        for panel in window.panels.values():
            for gesture, what in panel.gestures.items():
                assert f"{panel.record.title}: {gesture}" in words
                assert what in words
        assert "Ctrl+Q" in words
        assert page.width() < window.width()
        assert page.height() < window.height()
        page.close()


def test_the_status_line_says_what_runs_in_whole_words(qtbot: Any, tmp_path: Path) -> None:
    with opened(qtbot, tmp_path) as window:
        window.clock.stop()
        window.echo("latent.set([" + "0.123, " * 100 + "])")
        for panel in window.panels.values():
            panel.running = True
        for width in (1280, 1600):
            window.resize(width, 800)
            window.show_rates()
            qtbot.wait(20)
            words = window.engine_words
            assert words.width() >= words.fontMetrics().horizontalAdvance(words.text())
            assert words.text().startswith("4 panels running")
            assert "latent ODE" in words.toolTip()
        for panel in list(window.panels.values())[1:]:
            panel.running = False
        window.show_rates()
        assert words.text().startswith("phase portrait ")
