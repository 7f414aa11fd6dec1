"""What the user does is one line of Python that does it again: played back in a second window, everything is equal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from nodeviz.app.commands import ConsoleCommands
from nodeviz.experiments.base import flatten
from nodeviz.experiments.params import declared
from nodeviz.experiments.phase_params import PhaseParams

from .conftest import wait_idle
from .windows import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from nodeviz.experiments.phase_frame import PhaseFrame


@pytest.fixture
def lines(window: Any) -> list[str]:
    """The log of actions, as the console gets it."""
    said: list[str] = []
    echo = window.console.echo
    window.console.echo = lambda line: (said.append(line), echo(line))
    return said


@pytest.fixture
def other(qtbot: Any, tmp_path: Any) -> Generator[Any, None, None]:
    """A second window, as at the first start."""
    with opened(qtbot, tmp_path / "other", "phase") as made:
        wait_idle(qtbot, made)
        yield made


class Hand:
    """A person at the phase panel, who does things at random."""

    def __init__(self, window: Any, rng: np.random.Generator) -> None:
        self.window, self.panel, self.rng = window, window.panels["phase"], rng
        self.viewport = self.panel.plane.viewport()

    def anywhere(self) -> QPoint:
        return self.at(float(self.rng.uniform(-2, 2)), float(self.rng.uniform(-1.5, 1.5)))

    def at(self, x: float, y: float) -> QPoint:
        box = self.panel.plane.box
        return self.panel.plane.mapFromScene(box.mapViewToScene(QPointF(x, y)))  # type: ignore[no-any-return]

    def settle(self) -> None:
        self.panel.session.end_drag()
        QTest.qWait(1)

    def click(self) -> None:
        QTest.mouseClick(self.viewport, Qt.MouseButton.LeftButton, pos=self.anywhere())

    def shift_click(self) -> None:
        starts = self.panel.params.start
        place = self.at(*starts[int(self.rng.integers(len(starts)))])
        QTest.mouseClick(self.viewport, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier, place)

    def drag_from(self, start: QPoint) -> None:
        end = start + QPoint(*self.rng.integers(-60, 60, 2).tolist())
        QTest.mousePress(self.viewport, Qt.MouseButton.LeftButton, pos=start)
        for share in np.linspace(0, 1, 5)[1:]:
            QTest.mouseMove(self.viewport, start + (end - start) * float(share))
            QTest.qWait(12)
        QTest.mouseRelease(self.viewport, Qt.MouseButton.LeftButton, pos=end)
        QTest.qWait(12)

    def drag_a_start(self) -> None:
        self.drag_from(self.at(*self.panel.params.start[0]))

    def drag_the_plane(self) -> None:
        self.drag_from(self.anywhere())

    def turn_the_wheel(self) -> None:
        place = self.anywhere()
        turn = QPoint(0, int(self.rng.choice([-120, 120])))
        event = QWheelEvent(
            QPointF(place), QPointF(self.viewport.mapToGlobal(place)), QPoint(), turn, Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(self.viewport, event)

    def slide(self) -> None:
        slider = self.panel.form.rows[str(self.rng.choice(["n_steps", "t1", "rtol"]))].slider
        slider.setSliderDown(True)
        for step in range(1, 4):
            slider.setValue(slider.value() + step * int(self.rng.integers(-40, 40)))
        slider.setSliderDown(False)

    def press_a_key_on_a_slider(self) -> None:
        QTest.keyClick(self.panel.form.rows["n_steps"].slider, Qt.Key.Key_Right)

    def slide_a_number_of_the_equations(self) -> None:
        rows = list(self.panel.form.rows["parameters"]._rows.values())
        if rows:
            slider = rows[int(self.rng.integers(len(rows)))].slider
            QTest.keyClick(slider, Qt.Key.Key_Right)
            QTest.keyClick(slider, Qt.Key.Key_PageUp)

    def type_a_number(self) -> None:
        entry = self.panel.form.rows["n_steps"].entry
        entry.setFocus()
        entry.selectAll()
        QTest.keyClicks(entry, str(int(self.rng.integers(-2, 60))))  # some of them are refused
        QTest.keyClick(entry, Qt.Key.Key_Return)
        QTest.keyClick(entry, Qt.Key.Key_Escape)

    def choose_a_system(self) -> None:
        combo = self.panel.form.rows["system"].combo
        index = int(self.rng.integers(combo.count() - 1))
        combo.setCurrentIndex(index)
        combo.activated.emit(index)

    def tick(self) -> None:
        boxes = [row.check for row in self.panel.form.rows.values() if hasattr(row, "check")]
        boxes += list(self.panel.form.rows["solvers"].checks.values())
        boxes[int(self.rng.integers(len(boxes)))].click()

    def type_equations(self) -> None:
        edit = self.panel.form.rows["equations"].edit
        edit.setFocus()
        edit.selectAll()
        QTest.keyClicks(edit, str(self.rng.choice(["x' = y; y' = -k*x", "x' = a*x - y; y' = x", "x' = foo(x)"])))
        QTest.keyClick(edit, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)

    def choose_a_preset(self) -> None:
        name = str(self.rng.choice(["hopf", "saddle", "van-der-pol", "linear-transient", "spiral"]))
        self.window.commands.action(f"preset_phase_{name.replace('-', '_')}").trigger()

    def choose_an_instrument(self) -> None:
        menu = self.panel.instruments["lower"].menu
        self.panel.instruments["lower"].chosen.emit(menu.itemData(int(self.rng.integers(menu.count()))))

    def undo(self) -> None:
        self.window.commands.action("undo").trigger()

    def redo(self) -> None:
        self.window.commands.action("redo").trigger()

    def fold(self) -> None:
        self.panel.header.fold_button.click()
        self.panel.header.fold_button.click()

    def play(self) -> None:
        QTest.keyClick(self.panel.plane, Qt.Key.Key_Space)
        QTest.qWait(20)
        QTest.keyClick(self.panel.plane, Qt.Key.Key_Space)

    def scrub(self) -> None:
        scrub = self.panel.playbar.scrub
        place = QPoint(int(self.rng.integers(10, scrub.width() - 10)), scrub.height() // 2)
        QTest.mouseClick(scrub, Qt.MouseButton.LeftButton, pos=place)

    def actions(self) -> list[Callable[[], None]]:
        return [
            self.click, self.click, self.shift_click, self.drag_a_start, self.drag_the_plane, self.turn_the_wheel,
            self.slide, self.press_a_key_on_a_slider, self.slide_a_number_of_the_equations, self.type_a_number,
            self.choose_a_system, self.tick, self.tick, self.type_equations, self.choose_a_preset,
            self.choose_an_instrument, self.undo, self.redo, self.fold, self.play, self.scrub,
        ]  # fmt: skip


def same_frames(a: PhaseFrame, b: PhaseFrame) -> None:
    left, right = dict(flatten(a)), dict(flatten(b))
    for name, value in left.items():
        if name != "studies.work_ms":  # the time it took
            np.testing.assert_array_equal(np.asarray(value), np.asarray(right[name]), err_msg=name)


@pytest.mark.parametrize("seed", range(4))
def test_the_lines_of_what_was_done_replay_it_exactly(
    qtbot: Any, window: Any, other: Any, lines: list[str], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    hand = Hand(window, rng)
    deck = hand.actions()
    for index in rng.permutation(len(deck)):
        deck[index]()
    hand.settle()
    window.panels["phase"].playbar.play(on=False)
    wait_idle(qtbot, window)
    assert len(lines) > 12
    names = {**other.facades, "commands": ConsoleCommands(other.commands), "np": np}
    for line in lines:
        exec(line, names)
    other.panels["phase"].playbar.play(on=False)
    wait_idle(qtbot, other)
    done, replayed = (each.session.state("phase") for each in (window, other))
    differences = {
        name: (getattr(done.params, name), getattr(replayed.params, name))
        for name in declared(PhaseParams)
        if getattr(done.params, name) != getattr(replayed.params, name)
    }
    assert differences == {}, "\n".join(lines)
    assert replayed == done
    same_frames(other.panels["phase"].frame, window.panels["phase"].frame)
    assert other.session.undo_stack.count() == window.session.undo_stack.count()
