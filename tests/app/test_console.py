"""The console as a person uses it: what IPython gives, the log, and nothing left at the end."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from app.console_driver import LIMIT, Driver, console_in_window
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from nodeviz.app.console import Console
from nodeviz.app.interrupt import NUDGE
from nodeviz.app.theme import THEMES, Theme

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

# What Qt's offscreen platform says about what it lacks.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
def driver(qtbot: QtBot) -> Generator[Driver, None, None]:
    yield from console_in_window(qtbot)


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
    *_, echoed, _blank, prompt = driver.text().split("\n")
    assert (echoed, prompt) == ("phase.add((2, 0))", "In [1]: 1 + ")
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
    matches = {it.strip(".") for it in driver.console._kernel.find_completions(typed, len(typed))["matches"]}
    assert expected <= matches or expected <= {f"phase.{it}" for it in matches}


def test_tab_completes(driver: Driver) -> None:
    QTest.keyClicks(driver.control, "phase.n_")
    QTest.keyClick(driver.control, Qt.Key.Key_Tab)
    driver.until(lambda: driver.text().endswith("phase.n_steps"))


def test_completion_runs_no_call(driver: Driver) -> None:
    driver.run("def f(): called.append(1); return 'text'\ncalled = []")
    driver.console._kernel.find_completions("f().", 4)
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


def test_the_keyboard_goes_to_the_prompt(driver: Driver) -> None:
    driver.console.setFocus()
    assert driver.window.focusWidget() is driver.control


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


def test_nothing_is_left(qtbot: QtBot) -> None:
    import builtins

    main, streams, displays = sys.modules["__main__"], (sys.stdout, sys.stderr, builtins.input), sys.displayhook
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, NUDGE)]
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
    assert [signal.getsignal(number) for number in (signal.SIGINT, NUDGE)] == handlers
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
    console = Console({}, history=history, history_lines=2)
    qtbot.addWidget(console)
    console.show()
    qtbot.waitUntil(lambda: console._ready, timeout=LIMIT)
    return console


def test_the_last_lines_are_kept_over_sessions(qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "history.json"
    first = open_with(path, qtbot)
    for line in ("a = 1", "b = 2", "x = 'ÿ'"):
        with qtbot.waitSignal(first.executed, timeout=LIMIT):
            first.execute(line)
    first.shutdown()
    second = open_with(path, qtbot)
    QTest.keyClick(second._view._control, Qt.Key.Key_Up)
    assert second._view.input_buffer == "x = 'ÿ'"
    second.shutdown()
    assert json.loads(path.read_text(encoding="utf-8")) == ["b = 2", "x = 'ÿ'"]
    assert list(tmp_path.iterdir()) == [path]


def test_an_unwritable_history_is_only_a_warning(
    qtbot: QtBot, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    console = open_with(tmp_path / "file" / "history.json", qtbot)
    console.shutdown()
    assert "not written" in caplog.text


def test_a_history_on_a_full_disk_is_the_one_before_and_nothing_else(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "history.json"
    path.write_text('["a = 1"]')
    console = open_with(path, qtbot)
    monkeypatch.setattr(os, "fsync", fail)
    console.shutdown()
    assert "No space left" in caplog.text
    assert path.read_text() == '["a = 1"]'
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


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_the_theme_is_painted(driver: Driver, theme: Theme) -> None:
    driver.console.set_theme(theme.tokens())
    image = driver.control.viewport().grab().toImage()
    assert image.pixelColor(image.width() - 3, image.height() - 3).name() == theme.panel
    driver.run("print(1)")
