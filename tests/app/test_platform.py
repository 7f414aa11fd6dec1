"""The facts about Qt that nodeviz is built on; each test fails where the fact no longer holds."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pyqtgraph as pg
import pytest
from PySide6.QtCore import QObject, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QWidget

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent
    from pytestqt.qtbot import QtBot

CALLS = 1_000


class Painted(QWidget):
    """A widget whose virtual method, called by Qt, returns None."""

    n_paints = 0

    def paintEvent(self, _: QPaintEvent) -> None:
        """Count, and call what plots call."""
        self.n_paints += 1
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.drawLine(0, 0, 10, 10)
        painter.end()


def test_qt_calls_keep_the_counts_of_none_and_true(qtbot: QtBot) -> None:
    """PySide6 6.12.0 loses one reference at each such call on Python 3.11, and the process aborts."""
    widget = Painted()
    qtbot.addWidget(widget)
    image = QImage(20, 20, QImage.Format.Format_RGB32)
    widget.render(image)
    before = [sys.getrefcount(value) for value in (None, True, False)]
    for _ in range(CALLS):
        widget.render(image)
        widget.setEnabled(True)
        assert widget.isEnabled() is True
        assert widget.parent() is None
    after = [sys.getrefcount(value) for value in (None, True, False)]
    assert widget.n_paints > CALLS
    changes = [abs(new - old) for old, new in zip(before, after, strict=True)]
    assert max(changes) < CALLS // 4, "immortal from Python 3.12 on; noise is a few"


class Sender(QObject):
    """Something with a signal."""

    sent = Signal()


def test_a_slot_that_raises_reaches_the_hook_and_does_not_abort(qtbot: QtBot) -> None:
    def fail() -> None:
        raise ValueError("from a slot")

    sender = Sender()
    sender.sent.connect(fail)
    with qtbot.captureExceptions() as caught:
        sender.sent.emit()
        QTimer.singleShot(0, fail)
        qtbot.waitUntil(lambda: len(caught) == 2)
    assert [str(value) for _, value, _ in caught] == ["from a slot", "from a slot"]


def test_clicks_go_to_the_viewport_of_a_plot(qtbot: QtBot) -> None:
    plot = pg.PlotWidget()
    qtbot.addWidget(plot)
    plot.resize(300, 200)
    plot.show()
    qtbot.waitExposed(plot)
    clicks: list[object] = []
    plot.scene().sigMouseClicked.connect(clicks.append)
    centre = QPoint(150, 100)
    qtbot.mouseClick(plot, Qt.MouseButton.LeftButton, pos=centre)
    assert not clicks, "the plot widget itself delivers nothing"
    qtbot.mouseClick(plot.viewport(), Qt.MouseButton.LeftButton, pos=centre)
    assert len(clicks) == 1


def test_a_thread_still_running_at_exit_aborts_the_process() -> None:
    code = """
from PySide6.QtCore import QCoreApplication, QThread
class Endless(QThread):
    def run(self):
        self.sleep(60)
app = QCoreApplication([])
thread = Endless()
thread.start()
while not thread.isRunning():
    pass
del thread
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=50)
    assert done.returncode != 0
    assert "Destroyed while thread" in done.stderr


def test_an_exception_in_a_thread_ends_it_like_any_other() -> None:
    """Which is why the worker catches everything itself."""
    code = """
import sys
from PySide6.QtCore import QCoreApplication, QThread
class Failing(QThread):
    def run(self):
        raise ValueError("lost")
app = QCoreApplication([])
thread = Failing()
thread.finished.connect(lambda: print("finished"))
thread.finished.connect(app.quit)
thread.start()
app.exec()
thread.wait()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=50)
    assert (done.returncode, done.stdout.strip()) == (0, "finished")


def test_the_application_shortens_the_switch_interval() -> None:
    """With Python's own 5 ms a training thread makes the window's timers late by up to 137 ms."""
    code = """
import sys
from nodeviz.app.application import make_application
application = make_application()
print(sys.getswitchinterval())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) == pytest.approx(1e-4)
