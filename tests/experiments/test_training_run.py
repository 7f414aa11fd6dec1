"""Runs that train, with trainees and a screen that only count: quotas, rest, answers, pictures."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import pytest

from nodeviz.experiments import training_run
from nodeviz.experiments.base import Frame, Inbox, Request, Update
from nodeviz.experiments.training_run import FASTEST, Pace, TrainingRun

if TYPE_CHECKING:
    from collections.abc import Generator

    from nodeviz.experiments.base import Metrics


class Trainees:
    """Counts the training steps that it is told to take."""

    def __init__(self, stride: int = 4) -> None:
        self.ready, self.status = True, "ok"
        self.strides: list[tuple[int, int]] = []
        self.lives: list[tuple[object, int]] = []
        self._stride = stride

    def stride(self) -> int:
        return self._stride

    def follow(self, live: object, step: int) -> None:
        self.lives.append((live, step))
        self.ready = True

    def train(self, step: int, count: int) -> Generator[None, None, dict[str, float]]:
        self.strides.append((step, count))
        yield
        return {"loss": 1.0 / step}


class Screen:
    """Shows an empty frame for everything it is asked to draw, and takes three pieces to measure."""

    def __init__(self) -> None:
        self.due = True
        self.drawn: list[tuple[int, int, bool]] = []
        self.measured = 0
        self.idle = False  # nothing is left to draw and to measure

    def follow(self, live: object) -> None:
        del live

    def draw(self, step: int, steps: int, *, resting: bool) -> Generator[Frame | None, None, None]:
        if self.idle:
            return
        yield None
        self.drawn.append((step, steps, resting))
        yield Frame()

    def measure(self, step: int, steps: int) -> Generator[Frame | None, None, None]:
        del step, steps
        for _ in range(0 if self.idle else 3):
            yield None
            self.measured += 1

    def answer(self, request: Request, step: int) -> Generator[None, None, Any]:
        yield
        return request.payload, step

    def metrics(self) -> dict[str, Any]:
        return {"measured": self.measured}


class Driven:
    """A run with its inbox, stepped as the worker does."""

    def __init__(self, *, steps: int = 10, stride: int = 4, interactive: bool = True, resting: bool = False) -> None:
        self.inbox: Inbox[object] = Inbox("first", interactive=interactive)
        self.trainees, self.screen = Trainees(stride), Screen()
        self.run = TrainingRun(self.inbox, self.trainees, self.screen, steps=steps, resting=resting).run()

    def to_the_end(self) -> tuple[list[Update | None], Metrics]:
        """Step until the run ends, and return what it yielded and its metrics."""
        updates: list[Update | None] = []
        while True:
            try:
                updates.append(next(self.run))
            except StopIteration as end:
                return updates, end.value

    def until_rest(self) -> list[Update]:
        """Step until the run rests, and return what it delivered."""
        updates: list[Update] = []
        for update in self.run:
            updates += [update] if update is not None else []
            if update is not None and update.resting:
                return updates
        raise AssertionError("the run ended")


def test_a_run_that_nobody_looks_at_takes_all_its_steps_and_ends_with_its_metrics() -> None:
    driven = Driven(interactive=False, steps=10)
    updates, metrics = driven.to_the_end()
    assert metrics == {"measured": 3}
    assert driven.trainees.strides == [(4, 4), (8, 4), (10, 2)]
    assert driven.inbox.step == 10
    assert [update.scalars for update in updates if update is not None and update.scalars] == [
        {"loss": 1 / 4},
        {"loss": 1 / 8},
        {"loss": 1 / 10},
    ]
    assert driven.screen.drawn[0] == (0, 10, False)
    assert driven.screen.drawn[-1] == (10, 10, True)
    assert not any(update is not None and update.resting for update in updates)


def test_a_run_in_which_nothing_trains_any_more_ends_with_metrics_and_says_why() -> None:
    driven = Driven(interactive=False)
    driven.trainees.ready, driven.trainees.status = False, "nonfinite"
    updates, metrics = driven.to_the_end()
    assert metrics == {"measured": 3}
    assert [update.status for update in updates if update is not None][-1] == "nonfinite"


def test_pictures_of_a_run_that_nobody_looks_at_are_few_whatever_the_stride() -> None:
    driven = Driven(interactive=False, steps=1000, stride=3)
    driven.to_the_end()
    training = [step for step, _, resting in driven.screen.drawn if not resting]
    assert len(training) == 1 + training_run.PICTURES
    assert all(abs(step - k * 125) < 3 for k, step in enumerate(training))


def test_a_run_rests_with_its_metrics_and_trains_as_many_steps_again() -> None:
    driven = Driven(steps=10)
    updates = driven.until_rest()
    assert driven.inbox.step == 10
    assert driven.inbox.quota == 0
    assert updates[-1].metrics == {"measured": 3}
    assert updates[-1].progress == 1.0
    driven.inbox.quota = math.inf
    driven.until_rest()
    assert driven.inbox.step == 20
    assert driven.screen.drawn[-1] == (20, 20, True)


@pytest.mark.parametrize("n", [1, 3, 4, 9])
def test_step_n_takes_exactly_n(n: int) -> None:
    driven = Driven(steps=100)
    driven.inbox.quota = n
    driven.until_rest()
    assert driven.inbox.step == n
    assert driven.screen.drawn[-1] == (n, 100, True)
    driven.inbox.quota = n
    driven.until_rest()
    assert driven.inbox.step == 2 * n


def test_single_steps_beyond_the_end_set_a_goal_of_their_own() -> None:
    driven = Driven(steps=4)
    driven.until_rest()
    driven.inbox.quota = 3
    driven.until_rest()
    assert driven.screen.drawn[-1] == (7, 7, True)


def test_a_stop_takes_effect_after_the_stride_under_way() -> None:
    driven = Driven(steps=100)
    for update in driven.run:
        if update is not None and update.scalars:
            driven.inbox.quota = 0
            break
    driven.until_rest()
    assert driven.inbox.step == 4


def test_weights_that_are_there_are_shown_and_rest() -> None:
    driven = Driven(steps=10, resting=True)
    updates = driven.until_rest()
    assert driven.inbox.step == 0
    assert updates[0].frame is not None
    assert updates[-1].metrics == {"measured": 3}
    driven.inbox.quota = math.inf
    driven.until_rest()
    assert driven.inbox.step == 10


def test_a_question_is_answered_between_pieces_of_a_measure_that_goes_on() -> None:
    driven = Driven(steps=4)
    for update in driven.run:
        if driven.screen.measured == 1:
            assert update is None
            break
    driven.inbox.put(Request(7, "density", (0.5, 64)))
    updates = driven.until_rest()
    assert [reply.number for update in updates for reply in update.replies] == [7]
    assert updates[0].replies[0].answer == ((0.5, 64), 4)
    assert driven.screen.measured == 3


def test_a_question_that_comes_with_the_last_answer_is_not_left_lying() -> None:
    driven = Driven(steps=4)
    driven.until_rest()
    driven.screen.idle = True
    driven.inbox.put(Request(1, "density", "first"))
    for update in driven.run:
        if update is not None and update.replies:
            break
    driven.inbox.put(Request(2, "density", "second"))
    updates = driven.until_rest()
    assert [reply.number for update in updates for reply in update.replies] == [2]


def test_a_question_to_a_run_that_trains_goes_first() -> None:
    driven = Driven(steps=100)
    while not driven.trainees.strides:
        next(driven.run)
    driven.inbox.put(Request(3, "path", "here"))
    taken = len(driven.trainees.strides)
    for update in driven.run:
        if update is not None and update.replies:
            break
    assert len(driven.trainees.strides) == taken
    assert driven.inbox.record == [(4, "path", "here")]


def test_a_live_change_ends_a_measure_and_is_followed() -> None:
    driven = Driven(steps=4)
    while driven.screen.measured < 1:
        next(driven.run)
    driven.inbox.set_live("second")
    driven.until_rest()
    assert driven.trainees.lives == [("second", 4)]
    assert driven.screen.measured == 1 + 3


def test_when_nothing_can_train_the_run_rests_until_something_changes() -> None:
    driven = Driven(steps=100)
    driven.trainees.ready = False
    driven.until_rest()
    assert (driven.inbox.step, driven.inbox.quota) == (0, 0)
    driven.inbox.set_live("second")
    driven.inbox.quota = 4
    driven.until_rest()
    assert driven.inbox.step == 4


def test_pictures_come_at_a_pace() -> None:
    pace = Pace()
    assert pace.due
    started = time.perf_counter()
    pace.drawn(started)  # took no time: the next one in a thirtieth of a second
    assert pace._due - started >= FASTEST - 1e-9
    pace.hurry()
    assert pace.due
    started = time.perf_counter() - 0.3  # took 0.3 s at least: 0.7 s without one
    pace.drawn(started)
    done = time.perf_counter()
    assert 1.0 - 1e-9 <= pace._due - started <= (done - started) / 0.3 + 1e-9
    pace = Pace(share=0.1)
    pace.drawn(started)
    assert pace._due - started >= 3.0 - 1e-9
