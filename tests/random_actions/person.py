"""A person in front of the window, who does anything at all by real events of mouse and keys."""

from __future__ import annotations

import time
from collections import Counter, deque
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QInputMethodEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QCheckBox,
    QComboBox,
    QDialog,
    QLineEdit,
    QMenu,
    QPlainTextEdit,
    QSlider,
    QToolButton,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOT_FOR_HIM = {"quit", "reset_everything", "interrupt"}  # they end the window, or need the program around it
NONSENSE = (
    "",
    "0",
    "-1",
    "1e999",
    "nan",
    "x",
    "1,5",
    "7",
    "0.3",
    "100",
    "x' = y; y' = -x",
    "x' = ",
    "(1, 2)",
    "ü☃" * 9,
)
LINES = (
    "1 / 0",
    "phase.n_steps = 31",
    "phase.add((1, 1))",
    "latent.add(0.3, 1.2)",
    "classifier.preset()",
    "flow.frame is None",
    "panels.phase.parameters",
    "latent.nope",
    "phase.t = 1e9",
    "classifier.learning_rate = 0.003",
    "commands.undo()",
    "x = (",
)
KEYS = (
    "Space",
    "Home",
    "End",
    "Left",
    "Right",
    "Up",
    "Down",
    "T",
    "Period",
    "Delete",
    "Escape",
    "Tab",
    "Plus",
    "Minus",
)
NONE, SHIFT, CONTROL = (
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
)
LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
WORKING = 60.0  # s that a run may take to answer at the end, on a busy machine


class Person:
    """Somebody in front of a window.

    Parameters
    ----------
    window : the main window, shown
    rng : chooses
    folder : all files go here

    Attributes
    ----------
    troubles : what should never happen, with its details
    done : the last things done, in words
    """

    def __init__(self, window: Any, rng: np.random.Generator, folder: Path) -> None:
        self.window, self.rng, self.folder = window, rng, folder
        self.troubles: list[str] = []
        self.done: deque[str] = deque(maxlen=25)
        self.counts: Counter[str] = Counter()
        self.seconds: Counter[str] = Counter()
        window.errors.caught.connect(lambda details: self.troubles.append(details))
        for name, panel in window.panels.items():
            self._listen(name, panel)
        # Menus and dialogs that wait for an answer run loops of their own, in which only timers are called.
        self._attend = QTimer(window, interval=30)
        self._attend.timeout.connect(self._answer)
        self._attend.start()
        self._kinds: dict[str, tuple[Callable[[], str], int]] = {
            "slide": (self.slide, 12),
            "choose": (self.choose, 8),
            "check": (self.check, 6),
            "type": (self.type, 10),
            "press": (self.press, 12),
            "click": (self.click, 12),
            "drag": (self.drag, 12),
            "wheel": (self.wheel, 8),
            "hover": (self.hover, 4),
            "key": (self.key, 10),
            "command": (self.command, 12),
            "preset": (self.preset, 4),
            "undo": (self.undo, 8),
            "dock": (self.dock, 3),
            "console": (self.console, 4),
            "export": (self.export, 1),
            "look around": (self.look_around, 3),
        }

    def _listen(self, name: str, panel: Any) -> None:
        show = panel.show_message

        def listen(sentence: str, details: str = "") -> None:
            if details:  # a refusal has none
                self.troubles.append(f"{name}: {sentence}\n{details}")
            show(sentence, details)

        panel.show_message = listen

    def leave(self) -> None:
        """Close what is open, and go."""
        self._attend.stop()
        self._tidy()

    def act(self) -> None:
        """Do one thing."""
        names = list(self._kinds)
        weights = np.array([self._kinds[name][1] for name in names], float)
        name = names[self.rng.choice(len(names), p=weights / weights.sum())]
        began = time.perf_counter()
        self.done.append(name)
        said = self._kinds[name][0]()
        self.done[-1] = f"{name}: {said}"
        self.counts[name] += 1
        QTest.qWait(int(self.rng.choice([1, 5, 20])))
        self.seconds[name] += time.perf_counter() - began
        if self.rng.random() < 0.5:
            self._tidy()
        if not any(panel.isVisible() for panel in self.window.panels.values()):
            self.done.append("reset_layout")
            self.window.commands.run("reset_layout")

    # What he finds.

    def _one(self, found: list[Any]) -> Any:
        return found[self.rng.integers(len(found))] if found else None

    def _panel(self) -> Any:
        return self._one([panel for panel in self.window.panels.values() if panel.isVisible()])

    def _widget(self, *kinds: type) -> Any:
        """Return a widget of a panel, or of a dialog where one is open, that can be seen and used."""
        dialogs = [it for it in QApplication.topLevelWidgets() if isinstance(it, QDialog) and it.isVisible()]
        place = self._one(dialogs) if dialogs and self.rng.random() < 0.5 else self._panel()
        places = [place] if place in dialogs else [place, place.header]
        found = [it for each in places for kind in kinds for it in each.findChildren(kind)]
        return self._one([it for it in found if it.isVisible() and it.isEnabled() and not it.visibleRegion().isEmpty()])

    def _plot(self) -> Any:
        plots = [plot for plot in self._panel().plots if plot.isVisible()]
        return self._one(plots)

    def _somewhere(self, widget: Any) -> QPoint:
        return QPoint(int(self.rng.integers(max(1, widget.width()))), int(self.rng.integers(max(1, widget.height()))))

    def _name(self, widget: Any) -> str:
        return f"{type(widget).__name__} {widget.accessibleName() or widget.objectName() or widget.toolTip()!r}"

    # What he does.

    def slide(self) -> str:
        slider = self._widget(QSlider)
        if slider is None:
            return "no slider"
        start, end = self._somewhere(slider), self._somewhere(slider)
        QTest.mousePress(slider, LEFT, NONE, start)
        for share in (0.3, 0.6, 1.0):
            QTest.mouseMove(slider, start + (end - start) * share)
            QTest.qWait(5)
        QTest.mouseRelease(slider, LEFT, NONE, end)
        return self._name(slider)

    def choose(self) -> str:
        combo = self._widget(QComboBox)
        if combo is None:
            return "no choice"
        QTest.mouseClick(combo, LEFT)
        view = combo.view()
        if view.isVisible():
            for _ in range(self.rng.integers(4)):
                QTest.keyClick(view, self._one([Qt.Key.Key_Down, Qt.Key.Key_Up]))
            QTest.keyClick(view, self._one([Qt.Key.Key_Return, Qt.Key.Key_Return, Qt.Key.Key_Escape]))
        return f"{self._name(combo)} {combo.currentText()}"

    def check(self) -> str:
        box = self._widget(QCheckBox)
        if box is None:
            return "no check box"
        QTest.mouseClick(box, LEFT, NONE, QPoint(8, box.height() // 2))
        return self._name(box)

    def type(self) -> str:
        entry = self._widget(QLineEdit, QPlainTextEdit)
        if entry is None:
            return "no entry"
        QTest.mouseClick(entry, LEFT, NONE, QPoint(4, 4))
        QTest.keyClick(entry, Qt.Key.Key_A, CONTROL)
        text = str(self._one([*NONSENSE, f"{self.rng.normal():.3g}", str(self.rng.integers(1, 60))]))
        if text.isascii():
            QTest.keyClicks(entry, text)
        else:  # QTest's keys end with Latin 1
            composed = QInputMethodEvent()
            composed.setCommitString(text)
            QApplication.sendEvent(entry, composed)
        last = self._one([Qt.Key.Key_Return, Qt.Key.Key_Return, Qt.Key.Key_Tab, Qt.Key.Key_Escape])
        # In a dialog that is no panel's, Return would do what it is for: write a file over and over, start anew.
        if entry.window() is not self.window and last == Qt.Key.Key_Return:
            last = Qt.Key.Key_Tab
        QTest.keyClick(entry, last)
        return f"{self._name(entry)} {text!r}"

    def press(self) -> str:
        button = self._widget(QToolButton, QAbstractButton)
        if button is None or button.window() is not self.window:
            return "no button"
        words = self._name(button)
        QTest.mouseClick(button, LEFT)
        return words

    def click(self) -> str:
        plot = self._plot()
        place, keys = self._somewhere(plot.viewport()), self._one([NONE, NONE, SHIFT, CONTROL])
        button = RIGHT if self.rng.random() < 0.1 else LEFT
        if self.rng.random() < 0.15:
            QTest.mouseDClick(plot.viewport(), button, keys, place)
        QTest.mouseClick(plot.viewport(), button, keys, place)
        return f"{plot.name} {place.toTuple()} {keys} {button}"

    def drag(self) -> str:
        plot = self._plot()
        start, end = self._somewhere(plot.viewport()), self._somewhere(plot.viewport())
        keys = self._one([NONE, NONE, SHIFT])
        QTest.mousePress(plot.viewport(), LEFT, keys, start)
        for share in (0.1, 0.4, 0.7, 1.0):
            QTest.mouseMove(plot.viewport(), start + (end - start) * share)
            QTest.qWait(12)
        QTest.mouseRelease(plot.viewport(), LEFT, keys, end)
        return f"{plot.name} {start.toTuple()} to {end.toTuple()} {keys}"

    def wheel(self) -> str:
        plot = self._plot()
        place, turn = self._somewhere(plot.viewport()), int(self._one([120, -120, 240]))
        there = QPointF(plot.viewport().mapToGlobal(place))
        still = Qt.ScrollPhase.NoScrollPhase
        none = Qt.MouseButton.NoButton
        event = QWheelEvent(QPointF(place), there, QPoint(), QPoint(0, turn), none, NONE, still, False)
        QApplication.sendEvent(plot.viewport(), event)
        return f"{plot.name} {place.toTuple()} {turn}"

    def hover(self) -> str:
        plot = self._plot()
        for _ in range(3):
            QTest.mouseMove(plot.viewport(), self._somewhere(plot.viewport()))
            QTest.qWait(3)
        return plot.name

    def key(self) -> str:
        plot = self._plot()
        plot.setFocus()
        name = self._one(list(KEYS))
        keys = self._one([NONE, NONE, SHIFT])
        QTest.keyClick(plot, Qt.Key[f"Key_{name}"], keys)
        return f"{plot.name} {name} {keys}"

    def command(self) -> str:
        names = [it.id for it in self.window.commands if it.id not in NOT_FOR_HIM and not it.id.startswith("preset_")]
        name = self._one(names)
        if self.window.commands.action(name).isEnabled():
            self.window.commands.action(name).trigger()
        return str(name)

    def preset(self) -> str:
        name = self._one([it.id for it in self.window.commands if it.id.startswith("preset_")])
        self.window.commands.action(name).trigger()
        return str(name)

    def undo(self) -> str:
        redo = bool(self.rng.random() < 0.4)
        QTest.keyClick(self.window, Qt.Key.Key_Z, CONTROL | SHIFT if redo else CONTROL)
        return "redo" if redo else "undo"

    def dock(self) -> str:
        name, dock = self._one(list(self.window.docks.items()))
        what = self._one(["float", "close", "show", "raise"])
        if what == "float":
            dock.setFloating(not dock.isFloating())
        elif what == "raise":
            dock.raise_()
        else:
            dock.setVisible(what == "show")
        return f"{name} {what}"

    def console(self) -> str:
        line = str(self._one(list(LINES)))
        if self.window.console.running:
            return "busy"
        self.window.docks["console"].show()
        self.window.console.execute(line)
        return line

    def export(self) -> str:
        panel = self._panel()
        ending = self._one([".png", ".png", ".svg", ".gif"])
        still = ending != ".gif"
        file = self.folder / f"export{self.rng.integers(4)}{ending}"
        options: dict[str, Any] = {"size": (160, 90)} | ({"at": 0.5} if still else {"seconds": 0.5, "fps": 6})
        try:
            self.window.facades[panel.experiment].export(str(file), **options)
        except ValueError as error:  # said to him in one sentence
            return str(error)
        return file.name

    def look_around(self) -> str:
        width, height = int(self.rng.integers(700, 1900)), int(self.rng.integers(500, 1100))
        self.window.resize(width, height)
        return f"{width} x {height}"

    # What interrupts him.

    def _answer(self) -> None:
        """Choose something from a menu that is open, and turn down a dialog that waits."""
        menu = QApplication.activePopupWidget()
        if isinstance(menu, QMenu):
            for _ in range(self.rng.integers(5)):
                QTest.keyClick(menu, Qt.Key.Key_Down)
            QTest.keyClick(menu, Qt.Key.Key_Return if self.rng.random() < 0.7 else Qt.Key.Key_Escape)
            return
        dialog = QApplication.activeModalWidget()
        if isinstance(dialog, QDialog):
            dialog.reject()

    def _tidy(self) -> None:
        """Close dialogs, with Escape as a person would, and menus."""
        for widget in QApplication.topLevelWidgets():
            if isinstance(widget, QDialog | QMenu) and widget.isVisible():
                QTest.keyClick(widget, Qt.Key.Key_Escape)
                if widget.isVisible():
                    widget.close()

    # What must hold in the end.

    def check_runs(self) -> None:
        """Start each panel on a preset of its own and see that a picture comes; name those that give none."""
        self._tidy()
        self.window.commands.run("reset_layout")
        presets = [it.id for it in self.window.commands if it.id.startswith("preset_")]
        panels = self.window.panels
        for name, panel in panels.items():
            self.window.commands.run(next(it for it in presets if it.startswith(f"preset_{name}_")))
            panel.frame = None
            panel.start()
        if _wait(lambda: all(panel.frame is not None for panel in panels.values())):
            blank = [name for name, panel in panels.items() if panel.frame is None]
            self.troubles.append(f"{', '.join(blank)}: no picture within {WORKING:g} s")


def _wait(until: Callable[[], bool]) -> bool:
    """Wait for something and return whether that was in vain."""
    deadline = time.monotonic() + WORKING
    while not until():
        if time.monotonic() > deadline:
            return True
        QTest.qWait(20)
    return False
