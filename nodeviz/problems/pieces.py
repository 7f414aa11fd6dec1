"""Work in pieces of a few milliseconds: generators that yield None between them and return the answer."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from nodeviz.engine.arrays import FloatArray

_BUDGET = 3e-3  # seconds between two yields

T = TypeVar("T")


def finish(steps: Generator[None, None, T]) -> T:
    """Drive a generator to its end, without pauses, and return its answer."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]


def in_pieces(function: Callable[[FloatArray], FloatArray], points: FloatArray) -> Generator[None, None, FloatArray]:
    """Return function(points), asked for a few points at a time.

    Parameters
    ----------
    function : takes (2, K), returns (..., K)
    points : (2, ...)
    """
    answers: list[FloatArray] = []
    flat, begin, n = points.reshape(2, -1), 0, 4
    while begin < flat.shape[1] or not answers:
        started = perf_counter()
        answers.append(np.asarray(function(flat[:, begin : begin + n])))
        begin += n
        # At most twice as many: the next ones may be slower.
        n = max(1, min(2 * n, int(n * _BUDGET / max(perf_counter() - started, 1e-9))))
        yield
    answer = np.concatenate(answers, axis=-1)
    return answer.reshape(*answer.shape[:-1], *points.shape[1:])
