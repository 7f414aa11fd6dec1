"""A crash is shown at the next start, once; a reset puts all aside; a safe start reads and writes nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from PySide6.QtWidgets import QApplication

from nodeviz.app import crash_log
from nodeviz.app.crash_log import ACTIONS_BYTES, KEPT, MAX_BYTES, CrashLog, collect
from nodeviz.app.reset import NAMED, ResetError, remembered, reset
from nodeviz.app.trouble import RESET, TextDialog
from nodeviz.experiments.own_presets import save_own

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120.0  # s
DEATH = "Fatal Python error: Segmentation fault\n\nCurrent thread 0x1 (most recent call first):\n"


def start(folder: Path, act: str, *arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    """Run the program with its settings in a folder; return its exit code, what it printed, and what it complained."""
    command = [sys.executable, "-m", "tests.app.trouble_app", act, *arguments]
    environment = {**os.environ, "NODEVIZ_CONFIG_DIR": str(folder)}
    ran = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    lines = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
    return ran.returncode, lines, ran.stderr


def seen(folder: Path, *arguments: str) -> dict[str, Any]:
    """Return what a start shows."""
    code, (shown,), complaint = start(folder, "look", *arguments)
    assert code == 0, complaint
    return shown


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("way", "said"), [("crash", "Segmentation fault"), ("abort", "Aborted")])
def test_a_crash_is_shown_at_the_next_start_and_once(tmp_path: Path, way: str, said: str) -> None:
    code, _, _ = start(tmp_path, way)
    assert code < 0
    first = seen(tmp_path)
    assert first["dialogs"] == ["nodeviz crashed the last time"]
    assert said in first["text"]
    assert f"in {way}" in first["text"]  # the function that died
    assert "nodeviz 0" in first["text"]
    if way == "crash":
        assert "phase.t1 = 7.5" in first["text"]  # what was done before
    assert seen(tmp_path)["dialogs"] == []
    assert len(list((tmp_path / "log").iterdir())) == 1  # the log is kept, that of clean runs is not


def test_nothing_is_shown_after_a_clean_end_nor_after_being_killed(tmp_path: Path) -> None:
    assert seen(tmp_path)["dialogs"] == []
    code, _, _ = start(tmp_path, "leave")
    assert code == 9
    assert seen(tmp_path)["dialogs"] == []
    assert list((tmp_path / "log").iterdir()) == []


def test_a_safe_start_reads_and_writes_nothing(tmp_path: Path) -> None:
    assert start(tmp_path, "change")[0] == 0
    usual = seen(tmp_path)
    assert (usual["theme"], usual["t1"]) == ("light", 7.5)
    before = files(tmp_path)
    safe = seen(tmp_path, "--safe-mode")
    assert "safe mode" in safe["title"]
    assert safe["theme"] == "dark"
    assert safe["t1"] != 7.5
    assert start(tmp_path, "change", "--safe-mode")[0] == 0
    assert files(tmp_path) == before
    assert seen(tmp_path)["t1"] == 7.5


def test_a_safe_start_knows_no_preset_of_the_users_and_says_so(tmp_path: Path) -> None:
    save_own("phase", "Mine", "", {"t1": 7.5}, folder=tmp_path)
    assert seen(tmp_path, "--panel", "phase", "--preset", "Mine")["t1"] == 7.5
    code, shown, complaint = start(tmp_path, "look", "--safe-mode", "--panel", "phase", "--preset", "Mine")
    assert (code, shown) == (2, [])
    assert complaint.startswith("nodeviz: preset=Mine: unknown for phase")
    assert complaint.count("\n") == 1


def test_a_safe_start_shows_the_crash_before_it(tmp_path: Path) -> None:
    start(tmp_path, "crash")
    assert seen(tmp_path, "--safe-mode")["dialogs"] == ["nodeviz crashed the last time"]


def test_help_reset_everything_names_what_goes_keeps_a_backup_and_starts_again(tmp_path: Path) -> None:
    code, (asked, again), complaint = start(tmp_path, "reset")
    assert code == 0, complaint
    assert "settings: theme, layout of the window" in asked["named"]
    assert again["theme"] == "dark"
    assert again["t1"] != 7.5
    (backup,) = (path for path in tmp_path.iterdir() if path.name.startswith("backup-"))
    assert str(backup) in again["said"]
    assert json.loads((backup / "settings.json").read_text())["theme"] == "light"


def test_reset_on_the_command_line_puts_everything_aside_and_says_where(tmp_path: Path) -> None:
    assert start(tmp_path, "change")[0] == 0
    before = (tmp_path / "settings.json").read_bytes()
    command = [sys.executable, "-m", "nodeviz", "--reset"]
    environment = {**os.environ, "NODEVIZ_CONFIG_DIR": str(tmp_path)}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    (backup,) = (path for path in tmp_path.iterdir() if path.name.startswith("backup-"))
    assert ran.stdout.endswith(f"kept in {backup}\n")
    assert "settings: theme, layout of the window" in ran.stdout
    assert (backup / "settings.json").read_bytes() == before
    assert not (tmp_path / "settings.json").exists()
    again = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert "nothing is remembered" in again.stdout


def test_an_open_window_is_not_reset_behind_its_back(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text("{}")
    with CrashLog(tmp_path / "log"):
        command = [sys.executable, "-m", "nodeviz", "--reset"]
        environment = {**os.environ, "NODEVIZ_CONFIG_DIR": str(tmp_path)}
        ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "close it, then reset" in ran.stderr
    assert (tmp_path / "settings.json").exists()


def test_a_crash_is_not_told_again_by_the_window_after_a_reset(tmp_path: Path) -> None:
    start(tmp_path, "crash")
    code, (_, again), complaint = start(tmp_path, "reset")
    assert code == 0, complaint
    assert again["dialogs"] == []


def test_help_reset_everything_leaves_another_window_its_files(
    tmp_path: Path, window: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NODEVIZ_CONFIG_DIR", str(tmp_path))
    closing = patch.object(window, "close", return_value=False)
    window.commands.run("reset_everything")
    (dialog,) = (each for each in window.findChildren(TextDialog) if each.objectName() == "reset")
    (button,) = (each for each in dialog.buttons.buttons() if each.text() == "Reset and start again")
    other = CrashLog(tmp_path / "log")
    other.path = other.folder / "running-0.log"  # as of another process
    with CrashLog(tmp_path / "log"), other, closing as close:
        button.click()
        assert not close.called
        assert dialog.isVisible()
        assert "another nodeviz is open; close it" in dialog.sentence.text()
    with CrashLog(tmp_path / "log"), closing as close:  # its own is no other
        button.click()
        assert close.called
    QApplication.instance().setProperty(RESET, None)


def test_the_log_of_a_run_that_goes_on_is_left_alone(tmp_path: Path) -> None:
    with CrashLog(tmp_path) as log:
        log.path.write_text(DEATH)
        assert collect(tmp_path) == ""
        assert log.path.exists()
        assert crash_log.running(tmp_path)
    assert not crash_log.running(tmp_path)


def test_logs_are_few_and_small(tmp_path: Path) -> None:
    for number in range(3 * KEPT):
        path = tmp_path / f"running-{number}.log"
        path.write_text(f"number {number}\n{DEATH}" + "x" * 2 * MAX_BYTES)
        os.utime(path, (number, number))
    assert collect(tmp_path).startswith(f"number {3 * KEPT - 1}\n")
    kept = list(tmp_path.iterdir())
    assert len(kept) == KEPT
    assert all(path.stat().st_size == MAX_BYTES for path in kept)
    assert collect(tmp_path) == ""


def test_the_actions_in_the_log_are_the_newest(tmp_path: Path) -> None:
    with CrashLog(tmp_path) as log:
        for number in range(5_000):
            log.note(f"phase.t1 = {number}")
        text = log.path.read_text()
    assert len(text) < ACTIONS_BYTES + 5_000
    assert text.endswith("phase.t1 = 4999\n")
    assert "Python 3" in text


def test_a_folder_that_cannot_be_written_keeps_nothing_from_starting(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("a file where the folder should be")
    with CrashLog(tmp_path / "log") as log:
        log.note("phase.t1 = 1")
        assert log.crash == ""


def test_what_is_remembered_is_named(tmp_path: Path) -> None:
    (tmp_path / "presets").mkdir()
    for number in range(NAMED + 2):
        (tmp_path / "presets" / f"mine {number}.json").write_text("{}")
    (tmp_path / "settings.json").write_text("{}")
    (tmp_path / "settings.damaged.bak").write_text("{}")
    (tmp_path / "something.new").write_text("{}")
    (tmp_path / "log").mkdir()
    words = "\n".join(thing.words for thing in remembered(tmp_path))
    assert "presets of your own: mine 0, mine 1" in words
    assert "and 2 more" in words
    assert "something.new" in words
    assert "settings.damaged.bak" in words
    assert "log" not in words
    first, second = reset(tmp_path), None
    (tmp_path / "settings.json").write_text("{}")
    second = reset(tmp_path)  # in the same second
    assert first is not None
    assert second is not None
    assert first != second
    assert (first / "presets" / "mine 0.json").exists()
    assert reset(tmp_path) is None


def test_what_cannot_be_moved_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text("{}")
    rename = os.rename

    def renamed(source: Path, target: Path) -> None:
        if source.name == "b.json" and "backup-" not in str(source):
            raise PermissionError(13, "Permission denied")
        rename(source, target)

    monkeypatch.setattr(os, "rename", renamed)
    with pytest.raises(ResetError, match=r"cannot be reset \(Permission denied\)"):
        reset(tmp_path)
    assert (tmp_path / "a.json").exists()
    assert (tmp_path / "b.json").exists()
