"""How long it takes from an edit to its answer on screen."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from nodeviz.app.panels.latent_points import Shown
    from nodeviz.engine.arrays import FloatArray
    from nodeviz.problems.series import Series

KEPT = 500  # edits


class Edit(NamedTuple):
    """An edit that was made: when, by perf_counter, and what it made of the observations."""

    began: float
    points: Series


class EditTimes:
    """Every edit is timed until its own answer, or a newer one, is painted."""

    def __init__(self) -> None:
        self._waiting: deque[Edit] = deque()
        self._answered: list[tuple[float, float]] = []  # when they began, and the milliseconds they were computed in
        self._current = False  # whether what is on show is the answer to the last edit
        self.computed: deque[float] = deque(maxlen=KEPT)
        self.drawn: deque[float] = deque(maxlen=KEPT)

    @property
    def pending(self) -> int:
        """How many edits have no answer on screen yet."""
        return len(self._waiting) + len(self._answered)

    @property
    def waiting(self) -> bool:
        """Whether there are any."""
        return self.pending > 0

    @property
    def last(self) -> float:
        """Milliseconds of the last edit, NaN before the first and where something else is on show by now."""
        return self.drawn[-1] if self.drawn and self._current else float("nan")

    def begin(self, points: Series, now: float) -> None:
        """Take the time of an edit."""
        self._waiting.append(Edit(now, points))

    def answer(self, shown: Shown, milliseconds: float) -> bool:
        """Take the observations of an answer that is being drawn; return whether any edit was waiting for it."""
        place = next((k for k in reversed(range(len(self._waiting))) if shown.is_of(self._waiting[k].points)), -1)
        for _ in range(place + 1):
            self._answered.append((self._waiting.popleft().began, milliseconds))
        return place >= 0

    def paint(self, now: float) -> bool:
        """Note that what was drawn is on screen; return whether that was an answer."""
        painted, self._answered = self._answered, []
        for began, milliseconds in painted:
            self.computed.append(milliseconds)
            self.drawn.append(1e3 * (now - began))
            self._current = True
        return bool(painted)

    def outdate(self) -> None:
        """Say of no edit how long it took until there is the next one: other data are shown, or seen in another way."""
        self._current = False

    def forget(self) -> None:
        """Wait for nothing any more, as where a run ended."""
        self._waiting.clear()
        self._answered = []

    def arrays(self) -> tuple[FloatArray, FloatArray]:
        """Return the milliseconds until each answer was computed, and until it was on screen."""
        return np.array(self.computed, float), np.array(self.drawn, float)
