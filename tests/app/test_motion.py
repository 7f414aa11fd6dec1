"""Reduced motion: nothing moves by itself; what is asked for plays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from nodeviz.app import motion
from nodeviz.app.settings import Settings, SettingsStore

from .windows import opened

if TYPE_CHECKING:
    from pathlib import Path


def test_reduced_motion_is_a_switch_that_is_remembered(qtbot: Any, tmp_path: Path) -> None:
    with opened(qtbot, tmp_path, "phase") as window:
        flashes = QApplication.styleHints().cursorFlashTime()
        assert not motion.reduced()
        assert window.isAnimated()
        window.commands.action("reduced_motion").trigger()
        assert motion.reduced()
        assert window.commands.action("reduced_motion").isChecked()
        assert not window.isAnimated()
        assert not QApplication.isEffectEnabled(Qt.UIEffect.UI_AnimateCombo)
        assert QApplication.styleHints().cursorFlashTime() == 0
        assert window.errors.actions.lines[-1] == "commands.reduced_motion()"
    assert SettingsStore(tmp_path).load()[0].motion == "reduced"
    with opened(qtbot, tmp_path, "phase") as window:
        assert motion.reduced()
        bar = window.panels["phase"].playbar
        window.panels["phase"].do("play")  # on demand
        place = bar.fraction
        qtbot.waitUntil(lambda: bar.fraction > place)
        window.commands.run("reduced_motion")
        assert not motion.reduced()
        assert QApplication.styleHints().cursorFlashTime() == flashes


def test_nothing_plays_by_itself(qtbot: Any, tmp_path: Path) -> None:
    with opened(qtbot, tmp_path, "phase", preset="van-der-pol") as window:
        assert not window.panels["phase"].playbar.playing


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("kdeglobals", "[KDE]\nAnimationDurationFactor=0\n", True),
        ("kdeglobals", "[KDE]\nAnimationDurationFactor=0.5\n", False),
        ("kdeglobals", "no settings at all\n", False),
        ("kdeglobals", "[General]\nx=1\n[General]\nx=%2\n", False),
        ("gtk-3.0/settings.ini", "[Settings]\ngtk-enable-animations=0\n", True),
        ("gtk-4.0/settings.ini", "[Settings]\ngtk-enable-animations=false\n", True),
        ("gtk-3.0/settings.ini", "[Settings]\ngtk-enable-animations=1\n", False),
    ],
)
def test_the_desktops_files_are_understood(tmp_path: Path, name: str, text: str, wanted: bool) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    assert motion.file_reduces(tmp_path) is wanted


def test_the_system_decides_until_the_user_does(qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(motion, "system_reduces", lambda: True)
    with opened(qtbot, tmp_path, "phase") as window:
        assert motion.reduced()
        window.commands.run("reduced_motion")
        assert window.settings.motion == "full"
        assert not motion.reduced()


def test_a_motion_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="use one of system, full, reduced"):
        Settings(motion="slow")  # type: ignore[arg-type]
