"""Unexpected errors: one dialog for those of slots, events, threads and the console, with a report to copy."""

from __future__ import annotations

import dataclasses
import threading
from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMessageBox, QPushButton, QTextEdit

from nodeviz import __version__
from nodeviz.app.report import LINES, LONGEST, ActionLog, report

from .conftest import wait_idle

if TYPE_CHECKING:
    from nodeviz.experiments.base import Steps


def boxes(window: Any) -> list[QMessageBox]:
    return [box for box in window.findChildren(QMessageBox) if box.isVisible()]


def raise_planted() -> None:
    raise ZeroDivisionError("planted")


class Raising(QObject):
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        del watched
        if event.type() == QEvent.Type.KeyPress:
            raise ZeroDivisionError("planted")
        return False


@pytest.fixture
def caught(qtbot: Any, window: Any) -> Any:
    """Return a function that does something, and returns the one dialog that it led to."""

    def one(act: Any) -> QMessageBox:
        with qtbot.waitSignal(window.errors.caught, timeout=30_000):
            act()
        qtbot.waitUntil(lambda: len(boxes(window)) == 1)
        (box,) = boxes(window)
        assert "planted" in box.text()
        assert "ZeroDivisionError" in box.detailedText()
        return box

    return one


def test_an_error_in_a_slot_is_shown_with_a_report_that_says_what_was_done(window: Any, caught: Any) -> None:
    window.session.try_change("phase", {"t1": 7.5})
    box = caught(lambda: QTimer.singleShot(0, raise_planted))
    copy = next(button for button in box.findChildren(QPushButton) if button.text() == "Copy details")
    QTest.mouseClick(copy, Qt.MouseButton.LeftButton)
    assert box.isVisible()  # copying does not close it
    text = QGuiApplication.clipboard().text()
    assert text == box.detailedText()
    for part in ("raise_planted", f"nodeviz {__version__}", "PySide6-Essentials 6", "numpy 2", "phase.t1 = 7.5"):
        assert part in text
    assert all(edit.accessibleName() for edit in box.findChildren(QTextEdit))
    QTest.keyClick(box, Qt.Key.Key_Escape)
    assert not boxes(window)


def test_an_error_in_an_event_handler_is_shown(window: Any, caught: Any) -> None:
    watcher = Raising()
    plot = window.panels["phase"].plots[0]
    plot.installEventFilter(watcher)
    press = QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_A, Qt.KeyboardModifier.NoModifier, "a")
    caught(lambda: QCoreApplication.postEvent(plot, press)).close()  # as the system's come, by the event loop
    plot.removeEventFilter(watcher)


def test_an_error_in_a_thread_of_pythons_is_shown_and_names_the_thread(caught: Any) -> None:
    thread = threading.Thread(target=raise_planted, name="the reader")
    box = caught(thread.start)
    thread.join()
    assert "It ended the thread the reader." in box.detailedText()
    box.close()


def test_an_order_that_raises_is_shown_and_the_worker_goes_on(qtbot: Any, window: Any, caught: Any) -> None:
    caught(lambda: window.worker._orders.put(raise_planted)).close()
    window.panels["phase"].start()
    wait_idle(qtbot, window)
    assert window.panels["phase"].metrics is not None


def test_a_run_that_cannot_even_begin_ends_with_a_sentence(qtbot: Any, window: Any) -> None:
    def cannot(*_: Any) -> Steps:
        raise ZeroDivisionError("planted")

    panel = window.panels["phase"]
    record = panel.record
    panel.record = dataclasses.replace(record, steps=cannot)
    panel.start()
    qtbot.waitUntil(lambda: not panel.running)
    assert panel.message.text.text()
    assert not boxes(window)
    panel.record = record
    panel.start()
    wait_idle(qtbot, window)
    assert panel.metrics is not None


def test_hundreds_of_errors_are_one_dialog_that_counts_them(qtbot: Any, window: Any, caught: Any) -> None:
    box = caught(lambda: QTimer.singleShot(0, raise_planted))
    for _ in range(199):
        QTimer.singleShot(0, raise_planted)
    qtbot.waitUntil(lambda: "199 more" in box.informativeText())
    assert len(boxes(window)) == 1
    box.close()
    with qtbot.waitSignal(window.errors.caught):  # the same again, as from a timer: it is known
        QTimer.singleShot(0, raise_planted)
    assert not boxes(window)


def test_another_error_after_the_first_was_closed_is_shown(qtbot: Any, window: Any, caught: Any) -> None:
    caught(lambda: QTimer.singleShot(0, raise_planted)).close()

    def raise_another() -> None:
        raise LookupError("<b>" + "long " * 500)

    with qtbot.waitSignal(window.errors.caught):
        QTimer.singleShot(0, raise_another)
    (box,) = boxes(window)
    assert box.text().startswith("LookupError: <b>long")
    assert box.textFormat() == Qt.TextFormat.PlainText
    assert len(box.text()) < 300
    assert box.height() < 400
    box.close()


def test_errors_typed_in_the_console_stay_there_and_those_of_its_threads_are_shown(
    qtbot: Any, window: Any, caught: Any
) -> None:
    window.commands.run("console")
    ran: list[str] = []
    window.console.executed.connect(ran.append)
    window.console.execute("1 / 0")
    window.console.execute("ended = 1")
    qtbot.waitUntil(lambda: bool(ran))
    assert "ZeroDivisionError" in window.console._view._control.toPlainText()
    assert not boxes(window)
    started = "import threading; threading.Thread(target=lambda: [].planted).start()"
    with qtbot.waitSignal(window.errors.caught, timeout=30_000):
        window.console.execute(started)
    qtbot.waitUntil(lambda: len(boxes(window)) == 1)
    boxes(window)[0].close()
    box = caught(lambda: QTimer.singleShot(0, raise_planted))  # the hook is still the window's
    box.close()


def test_the_log_of_actions_keeps_the_newest_lines_and_shortens_the_long_ones() -> None:
    log, heard = ActionLog(), []
    log.listen(heard.append)
    for number in range(3 * LINES):
        log.note(f"phase.t1 = {number}")
    log.note("phase.set_data(" + "1," * 10_000)
    assert len(log.lines) == LINES
    assert len(heard) == 3 * LINES + 1
    assert max(map(len, log.lines)) <= LONGEST + 4
    text = report("what", log.lines)
    assert f"phase.t1 = {3 * LINES - 1}" in text
    assert "phase.t1 = 1\n" not in text
