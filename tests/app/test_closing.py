"""However a run behaves, closing the window ends the process, and never by Qt's abort."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QMessageBox

from .closing_app import WAYS
from .conftest import wait_idle
from .windows import opened

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0  # s
ATTEMPTS = 3


def close_during(way: str) -> tuple[int, float, str]:
    """Return exit code, seconds from closing to the end of the process, and what was said on stderr."""
    command = [sys.executable, "-m", "tests.app.closing_app", way]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    ended = time.monotonic()
    closing = re.search(r"closing at ([\d.]+)", ran.stderr)
    assert closing is not None, ran.stderr
    return ran.returncode, ended - float(closing[1]), ran.stderr


@pytest.mark.parametrize("way", ["ends", "goes_on", "raises", "raises_on_closing"])
def test_closing_ends_the_process_normally(way: str) -> None:
    # What takes longer to end than the window waits is taken to hang; a busy machine makes it so, but not every time.
    for _ in range(ATTEMPTS):
        code, _, said = close_during(way)
        assert "QThread" not in said
        if code == 0:
            return
    pytest.fail(f"exit code {code}, {ATTEMPTS} times: {said}")


def test_a_run_that_hangs_is_named_and_the_process_ends_by_itself() -> None:
    code, seconds, said = close_during("hangs")
    assert code == 1, said
    assert "phase did not end within" in said
    assert "QThread" not in said
    assert seconds < 30.0  # the run hangs for 60; the benchmark measures how long it really takes


def test_an_export_that_ends_with_the_window_is_named(
    qtbot: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "long.mp4"
    with opened(qtbot, tmp_path / "settings", "phase") as window:
        wait_idle(qtbot, window)
        job = window.facades["phase"].export(str(path), seconds=60)
        qtbot.waitUntil(lambda: job.done > 0)
    assert f"export of {path}: the window was closed before it was done" in caplog.text
    assert sorted(each.name for each in tmp_path.iterdir()) == ["settings"]


def test_a_run_that_raises_while_it_is_replaced_does_not_end_the_worker(
    qtbot: Any, window: Any, caplog: pytest.LogCaptureFixture
) -> None:
    panel = window.panels["phase"]
    record = panel.record
    panel.record = dataclasses.replace(record, steps=WAYS["raises_on_closing"])
    n_steps = panel.steps_seen
    panel.start()
    qtbot.waitUntil(lambda: panel.steps_seen > n_steps)
    panel.record = record
    panel.start()
    wait_idle(qtbot, window)
    assert panel.metrics is not None
    assert "planted" in caplog.text


def test_an_error_of_another_thread_is_shown_by_the_gui_thread(qtbot: Any, window: Any) -> None:
    error = ZeroDivisionError("planted")
    thread = threading.Thread(target=sys.excepthook, args=(ZeroDivisionError, error, None))
    with qtbot.waitSignal(window.errors.caught):
        thread.start()
    thread.join()
    (box,) = (box for box in window.findChildren(QMessageBox) if box.isVisible())
    assert "planted" in box.text()
    box.close()
