"""Time budgets for work that is itself a generator."""

from __future__ import annotations

import contextlib
import inspect
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

T = TypeVar("T")


def at_most(seconds: float, steps: Generator[None, None, T]) -> Generator[None, None, T | None]:
    """Let any work go on for so many seconds of its own time; None where it was not done by then."""
    spent = 0.0
    while True:
        started = time.perf_counter()
        try:
            next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        spent += time.perf_counter() - started
        if spent > seconds:
            steps.close()
            return None
        yield


class Stopwatch:
    """Seconds that generators take between their yields."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def of(self, steps: Generator[None, None, T]) -> Generator[None, None, T]:
        """Count what a generator takes, whatever is done between its steps."""
        while True:
            started = time.perf_counter()
            try:
                next(steps)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            finally:
                self.seconds += time.perf_counter() - started
            yield


class Pool:
    """Seconds of computing that many solves share."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._spent = 0.0

    @property
    def left(self) -> float:
        """The seconds that are left; never below 0."""
        return max(0.0, self.seconds - self._spent)

    @property
    def empty(self) -> bool:
        """Whether nothing is left."""
        return self._spent > self.seconds

    @contextlib.contextmanager
    def spend(self) -> Iterator[None]:
        """Count the time of a piece of work that is no solve."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self._spent += time.perf_counter() - started

    def within(self, seconds: float, steps: Generator[None, None, T]) -> Generator[None, None, T]:
        """Let a solve go on for so many seconds of its own time, or until the pool is empty.

        Then it ends with what it has and the status ``timeout``. Only time spent inside the solve counts, so that a
        busy neighbour between its steps does not end it. The solve is told by a TimeoutError thrown in at its
        ``yield``; it returns its solution as it stands.
        """
        before = self._spent
        while True:
            try:
                with self.spend():
                    if self.empty or self._spent - before > seconds:
                        _end(steps)
                    next(steps)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            yield


def _end(steps: Generator[None, None, object]) -> None:
    """Raise StopIteration with what a solve has."""
    if inspect.getgeneratorstate(steps) == inspect.GEN_CREATED:
        next(steps)  # one that has not begun has nothing yet
    steps.throw(TimeoutError)
    raise RuntimeError("a solve went on after its TimeoutError")


def within(seconds: float, steps: Generator[None, None, T]) -> Generator[None, None, T]:
    """Let one solve go on for so many seconds of its own time, as `Pool.within` does."""
    return Pool(seconds).within(seconds, steps)
