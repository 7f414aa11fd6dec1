"""A console in a window, and the person in front of it: shared by the tests of the console."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QVBoxLayout, QWidget

from nodeviz.app.console import Console
from nodeviz.app.interrupt import wait_loop

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from pytestqt.qtbot import QtBot

LIMIT = 30_000  # ms; reached only where something hangs


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

    def later(self, act: Callable[[], object], milliseconds: int = 100) -> None:
        """Do something so long after code began to run, however late that is."""
        if self.console.running:
            QTimer.singleShot(milliseconds, self.console, act)
        else:
            QTimer.singleShot(5, self.console, lambda: self.later(act, milliseconds))

    def press_ctrl_c(self) -> None:
        QTest.keyClick(self.control, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)


def console_in_window(qtbot: QtBot) -> Generator[Driver, None, None]:
    """Yield the driver of a console that shows its first prompt; for a fixture."""
    window = QWidget()
    qtbot.addWidget(window)
    console = Console({"phase": Facade(), "time": time, "wait_loop": wait_loop}, parent=window)
    QVBoxLayout(window).addWidget(console)
    window.resize(800, 400)
    with qtbot.waitExposed(window):
        window.show()
    window.activateWindow()
    console.setFocus()
    driver = Driver(console, window, qtbot)
    driver.until(lambda: console._ready)
    yield driver
    console.shutdown()
