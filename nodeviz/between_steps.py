"""Ctrl+C, and being asked to end, while pictures are drawn: heard between two steps."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

T = TypeVar("T")
S = TypeVar("S")
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def drain(steps: Generator[S, None, T], tell: Callable[[S], object] = lambda step: None) -> T:  # noqa: ARG005
    """Run a generator to its end and return what it returns; tell of each step.

    Raises
    ------
    KeyboardInterrupt, SystemExit : somebody wanted it to end; it has been closed by then
    """
    try:
        with heard_between() as listen:
            while True:
                try:
                    step = next(steps)
                except StopIteration as end:
                    result: T = end.value
                    return result
                tell(step)
                listen()
    finally:
        steps.close()


@contextmanager
def heard_between() -> Iterator[Callable[[], None]]:
    """Give a function that raises what a signal asked for since: raised inside of Qt's drawing it would crash it."""
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    heard: list[int] = []

    def listen() -> None:
        if heard:
            raise KeyboardInterrupt if heard[0] == signal.SIGINT else SystemExit(128 + heard[0])

    before = {number: signal.signal(number, lambda caught, _: heard.append(caught)) for number in SIGNALS}
    try:
        yield listen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
