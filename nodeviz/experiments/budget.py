"""Time budgets for work that is itself a generator."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Generator

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


def within(seconds: float, steps: Generator[None, None, T]) -> Generator[None, None, T]:
    """Let a solve go on for so many seconds of its own time; then it ends with what it has and the status ``timeout``.

    Only time spent inside the solve counts, so that a busy neighbour between its steps does not end it. The solve is
    told by a TimeoutError thrown in at its ``yield``; it returns its solution as it stands.
    """
    spent = 0.0
    started = time.perf_counter()
    try:
        next(steps)
        while True:
            spent += time.perf_counter() - started
            yield
            started = time.perf_counter()
            if spent > seconds:
                steps.throw(TimeoutError(f"stopped after {seconds:g} s of computing"))
                raise RuntimeError("a solve went on after its TimeoutError")
            next(steps)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
