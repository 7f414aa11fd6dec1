"""The fixture that fails a test for what it leaves behind, tried on tests that do and tests that do not."""

from __future__ import annotations

from pathlib import Path

import pytest

PREFACE = """
import threading
import time
import pytest
from PySide6.QtCore import QThread, QTimer
from PySide6.QtWidgets import QApplication, QLabel, QWidget

class Worker(QThread):
    def run(self):
        while not self.isInterruptionRequested():
            time.sleep(0.001)

class Panel(QWidget):
    pass

kept = []
"""

LEAVING = {
    "thread": (
        "kept.append(Worker()); kept[-1].start()",
        "*the QThread Worker, started at *test_leaving.py:*in test_*",
    ),
    "python thread": (
        "kept.append(threading.Event()); threading.Thread(target=kept[-1].wait, name='waiter', daemon=True).start()",
        "*the thread waiter, started at *test_leaving.py:*in test_*",
    ),
    "timer": (
        "kept.append(QTimer()); kept[-1].start(1234)",
        "*an active QTimer (1234 ms), started at *test_leaving.py:*in test_*",
    ),
    "panel": ("kept.append(Panel()); kept[-1].setObjectName('phase')", "*the window Panel 'phase'*"),
    "window": (
        "kept.append(QLabel('x')); kept[-1].setWindowTitle('Forgotten'); kept[-1].show()",
        "*QLabel 'Forgotten'*",
    ),
}


@pytest.fixture
def inner(pytester: pytest.Pytester) -> pytest.Pytester:
    """Return a pytester whose tests have the fixture."""
    pytester.makeconftest(Path(__file__).with_name("conftest.py").read_text(encoding="utf-8"))
    pytester.makeini("[pytest]\nqt_api = pyside6\n")
    return pytester


def test_what_is_left_is_named(inner: pytest.Pytester) -> None:
    tests = [f"def test_{number}(qapp):\n    {statement}\n" for number, (statement, _) in enumerate(LEAVING.values())]
    inner.makepyfile(test_leaving="\n".join([PREFACE, *tests, "def test_next(qapp):\n    pass\n"]))
    result = inner.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=len(LEAVING) + 1, errors=len(LEAVING))
    result.stdout.fnmatch_lines([sentence for _, sentence in LEAVING.values()])


def test_tidy_tests_pass(inner: pytest.Pytester) -> None:
    inner.makepyfile(
        PREFACE
        + """
def test_thread(qapp):
    worker = Worker()
    worker.start()
    worker.requestInterruption()
    assert worker.wait(5000)

def test_python_thread():
    thread = threading.Thread(target=time.sleep, args=(0.05,))
    thread.start()

def test_timer(qapp):
    timer = QTimer()
    timer.start(10)
    timer.stop()
    owner = QWidget()
    QTimer(owner).start(10)

def test_widgets(qtbot):
    widget = Panel()
    qtbot.addWidget(widget)
    widget.show()
    cycle = QLabel("collected")
    cycle.me = cycle
    QLabel("a child", widget)
"""
    )
    inner.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=4)


def test_a_failed_test_is_not_blamed_twice(inner: pytest.Pytester) -> None:
    inner.makepyfile(PREFACE + "\ndef test_it(qapp):\n    panel = Panel()\n    assert panel.isVisible()\n")
    inner.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(failed=1)
