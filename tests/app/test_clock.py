"""The clock: its pace, the newest frame, panels nobody sees, and how a click is answered."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

import pytest
from benchmarks.flood import FLOOD, FloodFrame, FloodParams, flood, flooded_phase
from benchmarks.playing import after_paint, answer_times
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from nodeviz.app.clock import Clock
from nodeviz.app.mailbox import Mailbox
from nodeviz.experiments.base import Inbox, Update

from .conftest import wait_idle

if TYPE_CHECKING:
    from collections.abc import Iterator


class Stub:
    """A panel for the clock: it draws while there is something to draw, and wants smoothness when told to."""

    def __init__(self, n_pictures: int = 0) -> None:
        self.n_pictures, self.smooth, self.n_ticks = n_pictures, False, 0

    def tick(self, now: float) -> bool:
        del now
        self.n_ticks += 1
        self.n_pictures -= 1
        return self.n_pictures >= 0

    def wants_smooth(self) -> bool:
        return self.smooth


@pytest.fixture
def clock(qtbot: Any) -> Iterator[Clock]:
    owner = QWidget()
    qtbot.addWidget(owner)
    made = Clock(owner)
    yield made
    made.stop()


def interval(clock: Clock) -> int:
    return clock._timer.interval()


def test_the_pace_follows_what_a_person_follows_with_the_eye(clock: Clock) -> None:
    still, moving = Stub(), Stub()
    clock.add(still)
    clock.add(moving)
    clock.start()
    clock.tick()
    assert interval(clock) == 33
    moving.smooth = True
    clock.tick()
    assert interval(clock) == 16
    moving.smooth = False
    clock.tick()
    assert interval(clock) == 33


def test_a_stopped_clock_stays_stopped(clock: Clock) -> None:
    panel = Stub()
    panel.smooth = True
    clock.add(panel)
    clock.start()
    clock.stop()
    clock.tick()
    assert not clock._timer.isActive()


def test_every_panel_ticks_whatever_the_others_do(clock: Clock) -> None:
    busy, idle = Stub(n_pictures=5), Stub()
    clock.add(busy)
    clock.add(idle)
    for _ in range(3):
        clock.tick()
    assert (busy.n_ticks, idle.n_ticks) == (3, 3)


def test_frames_per_second_count_ticks_that_drew(clock: Clock) -> None:
    clock.add(Stub(n_pictures=4))
    clock.add(Stub(n_pictures=2))
    for _ in range(10):
        clock.tick()
    assert clock.frames_per_second() == 4


def test_the_newest_frame_wins_and_no_number_is_lost(clock: Clock) -> None:
    mailbox, drawn, numbers = Mailbox(), [], []

    class Reader(Stub):
        def tick(self, now: float) -> bool:
            del now
            delivery = mailbox.take()
            if delivery is None:
                return False
            drawn.append(delivery.frame.number)
            numbers.extend(scalars["number"] for scalars in delivery.scalars)
            return True

    clock.add(Reader())
    generation = 1
    mailbox.begin(generation)
    steps, _ = FLOOD.start(FloodParams(rate=0), seed=0)
    for burst in (1, 7, 3):
        for _ in range(burst):
            mailbox.put(generation, next(steps))
        clock.tick()
    clock.tick()
    assert drawn == [0, 7, 10]
    assert numbers == list(range(11))


def test_the_floods_frames_are_complete_and_read_only() -> None:
    import numpy as np

    update = next(flood(FloodParams(rate=0), np.random.default_rng(0), Inbox(FloodParams())))
    assert isinstance(update, Update)
    assert isinstance(update.frame, FloodFrame)
    assert not update.frame.y.flags.writeable


@pytest.fixture
def flooded(window: Any) -> Any:
    """The phase panel while an endless run fills its mailbox."""
    panel = window.panels["phase"]
    panel.record = dataclasses.replace(panel.record, steps=flooded_phase(500.0))
    panel.start()
    QTest.qWait(200)
    return panel


def test_a_hidden_panel_is_neither_stepped_nor_drawn(qtbot: Any, window: Any, flooded: Any) -> None:
    paints: list[int] = []
    after_paint(flooded.plane, lambda: paints.append(flooded.steps_seen))
    qtbot.waitUntil(lambda: len(paints) > 2)
    window.docks["phase"].hide()
    QTest.qWait(100)  # what was under way arrives
    n_steps, n_paints = flooded.steps_seen, len(paints)
    assert not flooded.wants_smooth()
    QTest.qWait(200)
    assert flooded.steps_seen == n_steps
    assert len(paints) == n_paints
    window.docks["phase"].show()
    qtbot.waitUntil(lambda: flooded.steps_seen > n_steps and len(paints) > n_paints)


def test_a_panel_draws_only_what_changed(qtbot: Any, window: Any) -> None:
    panel = window.panels["phase"]
    wait_idle(qtbot, window)
    n_redrawn: list[float] = []
    redraw = panel.redraw
    panel.redraw = lambda **how: (n_redrawn.append(time.perf_counter()), redraw(**how))
    QTest.qWait(200)
    assert n_redrawn == []
    panel.playbar.put(0.5)
    qtbot.waitUntil(lambda: len(n_redrawn) == 1)
    QTest.qWait(100)
    assert len(n_redrawn) == 1


def test_playing_sets_the_pace(qtbot: Any, window: Any) -> None:
    panel = window.panels["phase"]
    assert interval(window.clock) == 33
    panel.playbar.loop.setChecked(True)
    panel.do("play")
    qtbot.waitUntil(lambda: interval(window.clock) == 16)
    panel.do("pause")
    qtbot.waitUntil(lambda: interval(window.clock) == 33)


def test_a_click_is_answered_by_the_paths_from_there(qtbot: Any, window: Any, record_property: Any) -> None:
    panel = window.panels["phase"]
    point, paths = answer_times(panel, -1.0, 1.0)
    record_property("click to point, ms", point * 1e3)
    record_property("click to paths, ms", paths * 1e3)
    assert point <= paths < 5.0  # that it is answered at all; the benchmark measures how soon
    assert panel.frame.paths.start[1] == pytest.approx((-1.0, 1.0), abs=0.05)
    wait_idle(qtbot, window)
