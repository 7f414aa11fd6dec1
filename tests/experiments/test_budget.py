"""The watch that counts what generators take between their yields."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from nodeviz.experiments.budget import Stopwatch

if TYPE_CHECKING:
    from collections.abc import Generator


def work(pieces: int) -> Generator[None, None, str]:
    for _ in range(pieces):
        time.sleep(0.005)
        yield
    return "done"


def test_only_the_generator_own_time_counts() -> None:
    watch, steps = Stopwatch(), work(3)
    timed, answer = watch.of(steps), ""
    while not answer:
        try:
            next(timed)
        except StopIteration as end:
            answer = end.value
        time.sleep(0.03)
    assert answer == "done"
    assert 0.015 <= watch.seconds < 0.1


def test_it_counts_on_with_the_next_one_and_after_one_that_is_given_up() -> None:
    watch = Stopwatch()
    first = watch.of(work(5))
    next(first)
    first.close()
    before = watch.seconds
    assert before >= 0.005
    assert list(watch.of(work(2))) == [None, None]
    assert watch.seconds >= before + 0.01
