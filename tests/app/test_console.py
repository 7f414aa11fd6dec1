"""The console as a person uses it: real keys and clicks, code that never ends, and nothing left at the end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtCore import QEvent, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QVBoxLayout, QWidget

from nodeviz.app.console import Console
from nodeviz.app.interrupt import wait_loop

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

DARK = {
    "ground": "#14171c",
    "panel": "#1b1f26",
    "hairline": "#32363c",
    "text": "#e6e8eb",
    "quiet": "#9aa3ad",
    "accent": "#6ea8fe",
}
LIGHT = {
    "ground": "#f3f2ee",
    "panel": "#fdfcfa",
    "hairline": "#e4e3e1",
    "text": "#1c2026",
    "quiet": "#68707a",
    "accent": "#2563c9",
}
LIMIT = 10_000  # ms; reached only where something hangs

# What Qt's offscreen platform says about what it lacks.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


class Facade:
    """A panel: its attributes, their help and its names are found while running."""

    def __init__(self) -> None:
        self.__dict__["values"] = {"n_steps": 15, "rtol": 1e-6}

    def __getattr__(self, name: str) -> float:
        try:
            return self.__dict__["values"][name]
        except KeyError:
            raise AttributeError(f"{name}: unknown") from None

    def __dir__(self) -> list[str]:
        return [*self.__dict__["values"], "parameters", "add"]

    @property
    def __custom_documentations__(self) -> dict[str, str]:
        return {name: f"Help of {name}, 1 to 1,000." for name in self.__dict__["values"]}

    @property
    def parameters(self) -> dict[str, float]:
        """Numbers of the equations."""
        return {"mu": 1.5, "gamma": 2.0}

    def add(self, point: tuple[float, float]) -> None:
        """Add a start point."""


class Driver:
    """A console and the person in front of it."""

    def __init__(self, console: Console, window: QWidget, qtbot: QtBot) -> None:
        self.console, self.window, self.qtbot = console, window, qtbot

    @property
    def control(self) -> Any:
        return self.console._view._control

    def text(self) -> str:
        return self.control.toPlainText()

    def output(self) -> str:
        """Return what stands after the last input, without the new prompt."""
        *_, before, _prompt = ["", *self.text().rsplit("In [", 2)]
        return before.split("\n", 1)[1]

    def until(self, condition: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(condition, timeout=LIMIT)

    def run(self, code: str) -> str:
        """Run code as a command and return its output."""
        with self.qtbot.waitSignal(self.console._kernel.finished, timeout=LIMIT):
            self.console.execute(code)
        self.until(lambda: self.console._ready)
        return self.output()

    def type(self, line: str) -> None:
        """Type a line and Enter."""
        QTest.keyClicks(self.control, line)
        QTest.keyClick(self.control, Qt.Key.Key_Return)

    def later(self, act: Callable[[], object], milliseconds: int = 300) -> None:
        QTimer.singleShot(milliseconds, self.console, act)

    def press_ctrl_c(self) -> None:
        QTest.keyClick(self.control, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)


@pytest.fixture
def facade() -> Facade:
    return Facade()


@pytest.fixture
def driver(qtbot: QtBot, facade: Facade) -> Generator[Driver, None, None]:
    window = QWidget()
    qtbot.addWidget(window)
    console = Console({"phase": facade, "time": time, "wait_loop": wait_loop}, parent=window)
    QVBoxLayout(window).addWidget(console)
    window.resize(800, 400)
    with qtbot.waitExposed(window):
        window.show()
    driver = Driver(console, window, qtbot)
    driver.until(lambda: console._ready)
    yield driver
    console.shutdown()


# Loading and the log


def test_nothing_is_loaded_before_the_first_show() -> None:
    code = (
        "import sys; from PySide6.QtWidgets import QApplication; app = QApplication([]);"
        "from nodeviz.app.console import Console; console = Console({}); console.echo('x'); console.shutdown();"
        "sys.exit(sum(name in sys.modules for name in ('qtconsole', 'IPython', 'ipykernel', 'zmq')))"
    )
    assert subprocess.run([sys.executable, "-W", "error", "-c", code], check=False).returncode == 0


def test_the_banner_names_the_objects(driver: Driver) -> None:
    assert driver.text().startswith("phase, time, wait_loop\n")
    assert "upyter" not in driver.text()


def test_echoed_lines_wait_for_the_console_and_are_bounded(qtbot: QtBot) -> None:
    console = Console({})
    qtbot.addWidget(console)
    for number in range(1_005):
        console.echo(f"phase.n_steps = {number}")
    console.show()
    qtbot.waitUntil(lambda: console._ready, timeout=LIMIT)
    text = console._view._control.toPlainText()
    assert "n_steps = 1004\n" in text
    assert len(console._lines) == 0
    console.shutdown()


def test_an_echo_stands_above_the_prompt_and_keeps_what_is_typed(driver: Driver) -> None:
    QTest.keyClicks(driver.control, "1 + ")
    driver.console.echo("phase.add((2, 0))")
    assert driver.text().endswith("phase.add((2, 0))\n\nIn [1]: 1 + ") or driver.text().endswith(
        "phase.add((2, 0))\nIn [1]: 1 + "
    )
    driver.type("2")
    driver.until(lambda: "Out[1]: 3" in driver.text())


def test_a_command_is_its_own_line_in_the_log(driver: Driver) -> None:
    driver.console._kernel.shell.user_ns["echo"] = driver.console.echo
    driver.run("echo('not repeated')")
    assert driver.text().count("not repeated") == 1


def test_executed_tells_what_ran_to_its_end(driver: Driver) -> None:
    ran: list[str] = []
    driver.console.executed.connect(ran.append)
    driver.run("a = 1")
    driver.run("1 / 0")
    driver.run("b = (")
    assert ran == ["a = 1"]


def test_commands_wait_for_each_other_and_a_draft_stays(driver: Driver) -> None:
    QTest.keyClicks(driver.control, "draft")
    for number in range(3):
        driver.console.execute(f"x{number} = {number}")
    driver.until(lambda: "In [4]" in driver.text())
    assert driver.run("(x0, x1, x2)") == "Out[4]: (0, 1, 2)\n\n"
    assert driver.console._view.input_buffer == "draft"


# What IPython gives


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("phase.", {"n_steps", "rtol", "parameters", "add"}),
        ("phase.n", {"phase.n_steps"}),
        ("phase.parameters.", {"keys", "items"}),
        ('phase.parameters["', {"mu", "gamma"}),
        ("pha", {"phase"}),
    ],
)
def test_completion(driver: Driver, typed: str, expected: set[str]) -> None:
    matches = {it.strip(".") for it in driver.console._kernel._complete(typed, len(typed))["matches"]}
    assert expected <= matches or expected <= {f"phase.{it}" for it in matches}


def test_tab_completes(driver: Driver) -> None:
    QTest.keyClicks(driver.control, "phase.n_")
    QTest.keyClick(driver.control, Qt.Key.Key_Tab)
    driver.until(lambda: driver.text().endswith("phase.n_steps"))


def test_completion_runs_no_call(driver: Driver) -> None:
    driver.run("def f(): called.append(1); return 'text'\ncalled = []")
    driver.console._kernel._complete("f().", 4)
    assert driver.run("called").startswith("Out[2]: []")


def test_question_mark_shows_the_help_of_a_parameter(driver: Driver) -> None:
    help_text = driver.run("phase.n_steps?")
    assert "Help of n_steps, 1 to 1,000." in help_text
    assert "15" in help_text
    assert "int(x" not in help_text
    assert "Add a start point." in driver.run("phase.add?")


def test_a_call_tip_appears_at_a_parenthesis(driver: Driver) -> None:
    QTest.keyClicks(driver.control, "phase.add(")
    driver.until(driver.console._view._call_tip_widget.isVisible)
    assert "Add a start point." in driver.console._view._call_tip_widget.text()


def test_the_up_key_recalls(driver: Driver) -> None:
    driver.type("12345")
    driver.until(lambda: "In [2]" in driver.text())
    QTest.keyClick(driver.control, Qt.Key.Key_Up)
    assert driver.console._view.input_buffer == "12345"


def test_a_traceback_is_shown(driver: Driver) -> None:
    shown = driver.run("def f(x):\n    return 1 / x\nf(0)")
    assert "----> 2     return 1 / x" in shown
    assert "ZeroDivisionError: division by zero" in shown
    assert "nodeviz" not in shown


def test_output_keeps_its_order(driver: Driver) -> None:
    shown = driver.run("import sys\nprint('one')\nprint('two', file=sys.stderr)\nprint('three')\n4")
    assert shown.index("one") < shown.index("three") < shown.index("Out[1]: 4")
    assert "two" in shown


def test_output_is_sent_while_the_code_runs(driver: Driver) -> None:
    seen: list[bool] = []
    driver.later(lambda: seen.append("early\n" in driver.text()))
    driver.run("print('early'); time.sleep(0.6)")
    assert seen == [True]


def test_output_of_a_thread_arrives(driver: Driver) -> None:
    driver.run("import threading")
    shown = driver.run("t = threading.Thread(target=print, args=('aside',)); t.start(); t.join()")
    assert shown == "aside\n\n"


def test_await_at_top_level(driver: Driver) -> None:
    assert "Out[1]: 7" in driver.run("import asyncio\nawait asyncio.sleep(0.02, 7)")
    assert "Out[2]: 3" in driver.run("asyncio.run(asyncio.sleep(0, 3))")
    assert "Out[3]: 8" in driver.run("await asyncio.sleep(0.02, 8)")


def test_input_reads_a_line(driver: Driver) -> None:
    driver.later(lambda: driver.type("Ada"))
    assert "hello Ada" in driver.run("print('hello', input('who? '))")


def test_input_can_be_interrupted(driver: Driver) -> None:
    driver.later(driver.press_ctrl_c)
    assert "KeyboardInterrupt" in driver.run("input('who? ')")
    driver.run("a = 1")


def test_the_debugger_answers(driver: Driver) -> None:
    driver.run("def f(x):\n    return 1 / x\nf(0)")
    driver.later(lambda: driver.type("x + 41"), 300)
    driver.later(lambda: driver.type("q"), 900)
    shown = driver.run("%debug")
    assert "ipdb> x + 41\n41" in shown


def test_exit_asks_to_hide_the_dock(driver: Driver) -> None:
    with driver.qtbot.waitSignals([driver.console.exit_requested] * 2, timeout=LIMIT):
        driver.type("exit")
        driver.until(lambda: driver.text().endswith("In [2]: "))
        driver.type("quit()")
    driver.until(lambda: driver.text().endswith("In [3]: "))


# Interrupting


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
    driver.later(lambda: QTest.mouseClick(button, Qt.MouseButton.LeftButton), 400)
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
    beats: list[float] = []
    timer = QTimer(driver.window)
    timer.timeout.connect(lambda: beats.append(time.monotonic()))
    timer.start(10)
    driver.later(driver.console.interrupt, 600)
    driver.run("while True: pass")
    timer.stop()
    assert len(beats) >= 4


def test_interrupt_without_running_code_does_nothing(driver: Driver) -> None:
    driver.console.interrupt()
    assert driver.run("1").startswith("Out[1]: 1")


def test_a_swallowed_interrupt_can_be_repeated(driver: Driver) -> None:
    driver.later(driver.press_ctrl_c, 200)
    driver.later(driver.press_ctrl_c, 600)
    driver.run("n = 0\nwhile n < 2:\n    try:\n        while True: time.sleep(0.01)\n    except KeyboardInterrupt: n += 1")
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
    driver.later(driver.press_ctrl_c, 300)
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


def test_shutdown_during_code_ends_it(driver: Driver) -> None:
    driver.later(driver.console.shutdown)
    driver.console.execute("while True: pass")
    driver.until(lambda: driver.console._kernel is None)


def test_nothing_is_left(qtbot: QtBot) -> None:
    import builtins

    main, streams, displays = sys.modules["__main__"], (sys.stdout, sys.stderr, builtins.input), sys.displayhook
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGURG)]
    threads = set(threading.enumerate())
    window = Console({})
    qtbot.addWidget(window)
    window.show()
    qtbot.waitUntil(lambda: window._ready, timeout=LIMIT)
    with qtbot.waitSignal(window.executed, timeout=LIMIT):
        window.execute("import asyncio\ntask = asyncio.create_task(asyncio.sleep(100))\nawait asyncio.sleep(0)")
    window.shutdown()
    window.shutdown()
    assert sys.modules["__main__"] is main
    assert (sys.stdout, sys.stderr, builtins.input) == streams
    assert sys.displayhook is displays
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGURG)] == handlers
    assert set(threading.enumerate()) == threads
    assert not hasattr(builtins, "__IPYTHON__")
    window.show()  # after the shutdown it stays empty
    assert window._kernel is None


def test_a_second_console_after_the_first(qtbot: QtBot) -> None:
    for _ in range(2):
        console = Console({"a": 1})
        qtbot.addWidget(console)
        console.show()
        with qtbot.waitSignal(console.executed, timeout=LIMIT):
            console.execute("a")
        qtbot.waitUntil(lambda console=console: "Out[1]: 1" in console._view._control.toPlainText(), timeout=LIMIT)
        console.shutdown()


# History over sessions


def open_with(history: Path, qtbot: QtBot) -> Console:
    console = Console({}, history=history)
    qtbot.addWidget(console)
    console.show()
    qtbot.waitUntil(lambda: console._ready, timeout=LIMIT)
    return console


def test_history_is_kept_over_sessions(qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "history.json"
    first = open_with(path, qtbot)
    with qtbot.waitSignal(first.executed, timeout=LIMIT):
        first.execute("x = 'ÿ'")
    first.shutdown()
    second = open_with(path, qtbot)
    QTest.keyClick(second._view._control, Qt.Key.Key_Up)
    assert second._view.input_buffer == "x = 'ÿ'"
    second.shutdown()
    assert json.loads(path.read_text(encoding="utf-8")) == ["x = 'ÿ'"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [b'["a", ', b"\xff\xfe", b'{"a": 1}', b"[1, null]"])
def test_a_broken_history_is_an_empty_one(
    qtbot: QtBot, tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "history.json"
    path.write_bytes(content)
    console = open_with(path, qtbot)
    assert console._view.earlier_lines() == []
    console.shutdown()
    assert all("starting with none" in record.message for record in caplog.records)


# Themes


@pytest.mark.parametrize("tokens", [DARK, LIGHT], ids=["dark", "light"])
def test_the_theme_is_painted(driver: Driver, tokens: dict[str, str]) -> None:
    driver.console.set_theme(tokens)
    image = driver.control.viewport().grab().toImage()
    assert image.pixelColor(image.width() - 3, image.height() - 3).name() == tokens["panel"]
    driver.run("print(1)")


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
    assert "Out[1]: False" in driver.run("wait_loop(lambda: False, timeout=0.4)")
    timer.stop()
    assert len(painted) >= 4
