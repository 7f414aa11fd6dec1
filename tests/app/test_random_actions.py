"""Anything at all with all panels, by real events: a short while in this process, long in one of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from app.windows import opened
from random_actions.play import flat, play

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", "not accepted by receiving widget")


@pytest.fixture(autouse=True)
def _own_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HOME", "NODEVIZ_CONFIG_DIR", "NODEVIZ_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))


def test_a_few_actions_on_all_panels(qtbot: Any, tmp_path: Path) -> None:
    with opened(qtbot, tmp_path / "settings") as window:
        wrong = play(window, actions=40, seed=11, folder=tmp_path / "files", tell=lambda _words: None)
    assert not wrong, "\n\n".join(wrong)


@pytest.mark.slow
def test_hundreds_of_actions_with_flat_memory() -> None:
    # `python -m tests.random_actions --actions 1000` takes a minute and a half, which all tests together cannot spare.
    command = [sys.executable, "-W", "error", "-m", "tests.random_actions", "--actions", "400", "--seed", "1"]
    done = subprocess.run(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, done.stdout[-8000:]


def test_memory_that_grows_is_seen() -> None:
    assert flat([300.0, 380, 400, 420, 410, 415, 425, 405, 420, 415]) == ""
    assert "grew by" in flat([300.0 + 20 * number for number in range(20)])
    assert flat([300.0, 900.0]) == ""  # too few to tell
