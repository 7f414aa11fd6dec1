"""What a person does to the flow with mouse and keys is lines of Python that do it again."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from nodeviz.app.facade import PanelFacade
from nodeviz.experiments.params import declared

from .flow_panels import a_panel, at, drag, lines_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

LEFT, SHIFT = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier
TOGGLES = ("show_density", "show_contours", "show_samples", "show_trails", "show_target", "show_velocity", "show_grid")


@pytest.fixture
def panels(qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> Generator[list[Any], None, None]:
    """Two panels alike: one for a person, one for the lines that this gives."""
    with ExitStack() as stack:
        yield [stack.enter_context(contextmanager(a_panel)(qtbot, monkeypatch)) for _ in range(2)]


class Hand:
    """A person at the flow panel, who does things at random."""

    def __init__(self, panel: Any, rng: np.random.Generator) -> None:
        self.panel, self.rng = panel, rng

    def place(self) -> tuple[float, float]:
        x, y = self.rng.uniform(-2.5, 2.5, 2).tolist()
        return x, y

    def toggle(self) -> None:
        check = self.panel.form.rows[str(self.rng.choice(TOGGLES))].check
        QTest.mouseClick(check, LEFT, pos=QPoint(8, check.height() // 2))

    def choose(self) -> None:
        name = str(self.rng.choice(["target", "source", "method", "compare"]))
        choices = list(declared(self.panel.params)[name].kind.choices)
        self.panel.session.try_change("flow", {name: str(self.rng.choice(choices[:6]))})

    def instrument(self) -> None:
        menu = self.panel.instruments[str(self.rng.choice(["upper", "lower"]))].menu
        menu.setCurrentIndex(int(self.rng.integers(menu.count())))
        menu.activated.emit(menu.currentIndex())

    def look_at_a_point(self) -> None:
        QTest.mouseClick(self.panel.planes[0].viewport(), LEFT, pos=at(self.panel, *self.place()))

    def move_the_cursor(self) -> None:
        scrub = self.panel.playbar.scrub
        share = int(self.rng.uniform(0.1, 0.9) * scrub.width())
        QTest.mousePress(scrub, LEFT, pos=QPoint(share, scrub.height() // 2))
        QTest.mouseRelease(scrub, LEFT, pos=QPoint(share, scrub.height() // 2))

    def turn_round(self) -> None:
        QTest.mouseClick(self.panel.playbar.back, LEFT)

    def paint(self) -> None:
        self.panel.put_brush(on=True)
        drag(self.panel, [self.place() for _ in range(int(self.rng.integers(2, 5)))])
        self.panel.put_brush(on=False)
        self.panel.put_time(1.0)  # where the brush put it; the command of the window that takes the brush would say so

    def erase(self) -> None:
        self.panel.put_brush(on=True)
        drag(self.panel, [self.place(), self.place()], SHIFT)
        self.panel.put_brush(on=False)
        self.panel.put_time(1.0)

    def another_seed(self) -> None:
        QTest.mouseClick(self.panel.runbar.seed, LEFT)

    def act(self) -> None:
        acts: list[Callable[[], None]] = [
            *(self.toggle, self.choose, self.instrument, self.look_at_a_point, self.move_the_cursor),
            *(self.turn_round, self.paint, self.erase, self.another_seed),
        ]
        acts[int(self.rng.integers(len(acts)))]()
        QTest.qWait(5)


@pytest.mark.parametrize("seed", range(3))
def test_the_lines_of_what_was_done_do_it_again(panels: list[Any], seed: int) -> None:
    panel, other = panels
    said = lines_of(panel)
    hand = Hand(panel, np.random.default_rng(seed))
    for _ in range(16):
        hand.act()
    names = {"flow": PanelFacade(other), "commands": SimpleNamespace()}
    for line in said:
        exec(line, names)
    assert len(said) >= 10
    mine, theirs = (each.session.state("flow") for each in panels)
    differing = {
        name: (getattr(mine.params, name), getattr(theirs.params, name))
        for name in declared(mine.params)
        if getattr(mine.params, name) != getattr(theirs.params, name)
    }
    assert not differing, said
    assert theirs == mine
    assert other.playbar.fraction == pytest.approx(panel.playbar.fraction, abs=1e-3)
    assert other.playbar.back.isChecked() == panel.playbar.back.isChecked()
    assert other._pin == pytest.approx(panel._pin) if panel._pin else other._pin is None
