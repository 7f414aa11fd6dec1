"""Code in the GUI thread that never ends, and the person who ends it; the application in the middle of its work."""

from __future__ import annotations

import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from app.console_driver import Driver, console_in_window
from PySide6.QtCore import QEvent, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QTextEdit, QWidget

from nodeviz.app.interrupt import wait_loop

if TYPE_CHECKING:
    from collections.abc import Generator

    from pytestqt.qtbot import QtBot

# What Qt's offscreen platform says about what it lacks.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
def driver(qtbot: QtBot) -> Generator[Driver, None, None]:
    yield from console_in_window(qtbot)


ENDLESS = {
    "loop": "while True: pass",
    "calls": "def f(): return 1\nwhile True: f()",
    "catches errors": "while True:\n    try: 1 / 0\n    except Exception: pass",
    "sleep": "time.sleep(1000)",
    "await": "import asyncio\nawait asyncio.sleep(1000)",
    "loop in a coroutine": "async def f():\n    while True: pass\nawait f()",
    "loop in a task": "import asyncio\nasync def f():\n    while True: pass\nawait asyncio.gather(f(), f())",
    "print": "while True: print('x')",
    "comprehension": "[None for _ in iter(int, 1)]",
    "timeit": "%timeit while True: pass",
    "local event loop": "wait_loop(lambda: False)",
}


@pytest.mark.parametrize("code", ENDLESS.values(), ids=ENDLESS)
def test_ctrl_c_ends_endless_code(driver: Driver, code: str) -> None:
    driver.later(driver.press_ctrl_c)
    shown = driver.run(code)
    assert "KeyboardInterrupt" in shown
    assert "raise KeyboardInterrupt" not in shown
    assert not driver.console.running
    assert driver.run("6 * 7").startswith("Out[2]: 42")


@pytest.mark.parametrize("code", [ENDLESS["loop"], ENDLESS["await"], ENDLESS["local event loop"]])
def test_the_stop_button_ends_endless_code(driver: Driver, code: str) -> None:
    button = driver.console._stop
    assert not button.isVisible()
    driver.later(lambda: QTest.mouseClick(button, Qt.MouseButton.LeftButton))
    driver.run(code)
    assert not button.isVisible()
    assert driver.run("6 * 7").startswith("Out[2]: 42")


def test_keys_of_the_window_system_arrive_too(driver: Driver) -> None:
    def press() -> None:
        handle = driver.window.windowHandle()
        QTest.keyClick(handle, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)

    driver.control.setFocus()
    driver.later(press)
    assert "KeyboardInterrupt" in driver.run("while True: pass")


def test_a_signal_from_the_terminal_ends_the_code(driver: Driver) -> None:
    timer = threading.Timer(0.3, signal.raise_signal, [signal.SIGINT])
    timer.start()
    assert "KeyboardInterrupt" in driver.run("while True: pass")
    timer.join()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_copies_a_selection(driver: Driver) -> None:
    driver.later(driver.control.selectAll, 200)
    driver.later(driver.press_ctrl_c, 400)
    driver.later(driver.console.interrupt, 700)
    clipboard = QApplication.clipboard()
    clipboard.setText("")
    driver.run("mark = 'copied'\nwhile True: pass")
    assert "mark = 'copied'" in clipboard.text()


def test_other_input_is_dropped_while_code_runs(driver: Driver) -> None:
    field = QLineEdit()
    driver.window.layout().addWidget(field)
    driver.later(lambda: QTest.keyClicks(field, "lost"))
    driver.later(driver.console.interrupt, 500)
    driver.run("while True: pass")
    assert field.text() == ""
    QTest.keyClicks(field, "kept")
    assert field.text() == "kept"


def test_the_window_lives_while_code_runs(driver: Driver) -> None:
    beats: list[bool] = []

    def beat() -> None:
        beats.append(driver.console.running)
        if beats.count(True) == 4:
            driver.console.interrupt()

    timer = QTimer(driver.window)
    timer.timeout.connect(beat)
    timer.start(10)
    assert "KeyboardInterrupt" in driver.run("while True: pass")
    timer.stop()
    assert beats.count(True) >= 4


def test_interrupt_without_running_code_does_nothing(driver: Driver) -> None:
    driver.console.interrupt()
    assert driver.run("1").startswith("Out[1]: 1")


def test_a_swallowed_interrupt_can_be_repeated(driver: Driver) -> None:
    driver.later(driver.press_ctrl_c, 200)
    driver.later(driver.press_ctrl_c, 600)
    driver.run(
        "n = 0\nwhile n < 2:\n    try:\n        while True: time.sleep(0.01)\n    except KeyboardInterrupt: n += 1"
    )
    assert driver.run("n").startswith("Out[2]: 2")


# The application in the middle of its work


def guarded(source: str, **names: object) -> dict[str, Any]:
    """Return functions that count as the application's own."""
    scope: dict[str, Any] = {"__name__": "nodeviz.app.made_up_for_a_test", "time": time, **names}
    exec(source, scope)
    return scope


def test_the_application_is_never_interrupted_in_the_middle(driver: Driver) -> None:
    # A change has two parts; a turn or an interrupt between them would be seen as a torn pair.
    scope = guarded(
        "pair = [0, 0]\n"
        "def change():\n"
        "    pair[0] += 1\n"
        "    time.sleep(0.003)\n"
        "    for _ in range(2000): pass\n"
        "    pair[1] += 1\n"
    )
    driver.console._kernel.shell.user_ns["change"] = scope["change"]
    torn: list[bool] = []
    timer = QTimer(driver.window)
    timer.timeout.connect(lambda: torn.append(scope["pair"][0] != scope["pair"][1]))
    timer.start(5)
    driver.later(driver.press_ctrl_c, 700)
    shown = driver.run("while True: change()")
    timer.stop()
    assert "KeyboardInterrupt" in shown
    assert scope["pair"][0] == scope["pair"][1] > 10
    assert len(torn) > 3
    assert not any(torn)
    assert sys.gettrace() is None


def test_an_endless_callback_of_the_application_can_be_ended(driver: Driver) -> None:
    scope = guarded("def call(f): return f()\n")
    driver.console._kernel.shell.user_ns["call"] = scope["call"]
    driver.later(driver.press_ctrl_c)
    assert "KeyboardInterrupt" in driver.run("def f():\n    while True: pass\ncall(f)")


def test_closing_the_window_ends_the_code_and_then_closes(driver: Driver) -> None:
    still_open: list[bool] = []

    def close() -> None:
        driver.window.windowHandle().close()
        still_open.append(driver.window.isVisible())

    driver.later(close)
    driver.run("while True: pass")
    driver.until(lambda: not driver.window.isVisible())
    assert still_open == [True]


def test_the_end_may_come_while_the_prompt_is_shown(driver: Driver) -> None:
    end = driver.console.shutdown
    driver.console._kernel.shell.user_ns["end"] = lambda: QTimer.singleShot(0, driver.window, end)
    driver.console.execute("end()")
    driver.until(lambda: driver.console._kernel is None)
    driver.until(lambda: not driver.console.findChildren(QTextEdit))


def test_errors_of_the_application_go_to_its_own_hook(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[type[BaseException]] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, _error, _at: seen.append(kind))
    driver.later(lambda: 1 / 0)
    assert "ZeroDivisionError" not in driver.run("time.sleep(0.6)")
    assert seen == [ZeroDivisionError]


def test_shutdown_during_code_ends_it(driver: Driver) -> None:
    driver.later(driver.console.shutdown)
    driver.console.execute("while True: pass")
    driver.until(lambda: driver.console._kernel is None)


# The local event loop


def test_wait_loop_in_a_script(qtbot: QtBot) -> None:
    ticks: list[int] = []
    assert wait_loop(lambda: len(ticks) >= 3, timeout=10, tick=lambda: ticks.append(1))
    assert not wait_loop(lambda: False, timeout=0.05)
    field = QLineEdit()
    qtbot.addWidget(field)
    field.show()
    QTimer.singleShot(20, field, lambda: QTest.keyClicks(field, "lost"))
    wait_loop(lambda: False, timeout=0.1)
    assert field.text() == ""


@pytest.mark.usefixtures("qapp")
def test_wait_loop_in_a_script_ends_by_a_signal() -> None:
    timer = threading.Timer(0.1, signal.raise_signal, [signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        wait_loop(lambda: False, timeout=10)
    timer.join()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("qapp")
def test_wait_loop_lets_the_condition_raise() -> None:
    with pytest.raises(ZeroDivisionError):
        wait_loop(lambda: 1 / 0 > 0)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_wait_loop_inside_a_command_paints_and_returns(driver: Driver) -> None:
    painted: list[int] = []

    class Picture(QWidget):
        def paintEvent(self, _event: QEvent) -> None:
            painted.append(1)

    picture = Picture(driver.window)
    picture.setGeometry(0, 0, 20, 20)
    picture.show()
    timer = QTimer(driver.window)
    timer.timeout.connect(picture.update)
    timer.start(10)
    driver.console._kernel.shell.user_ns["painted"] = painted
    assert "Out[1]: True" in driver.run("wait_loop(lambda: len(painted) >= 4, timeout=20)")
    assert "Out[2]: False" in driver.run("wait_loop(lambda: False, timeout=0.05)")
    timer.stop()
