"""One timer for all panels: it polls the mailboxes and lets each panel draw what changed."""

from __future__ import annotations

import logging
import time
from collections import deque
from typing import Protocol

from PySide6.QtCore import QObject, Qt, QTimer, Signal

LOG = logging.getLogger("nodeviz")


class Ticking(Protocol):
    """What the clock wants of a panel."""

    def tick(self, now: float) -> bool:
        """Draw what changed; return whether anything was drawn."""
        ...

    def fail(self, error: Exception) -> None:
        """Show why it could not draw, and do not try that frame again."""
        ...

    def wants_smooth(self) -> bool:
        """Whether something moves that a person follows with the eye: playing, dragging, scrubbing."""
        ...


def tick_one(panel: Ticking, now: float) -> bool:
    """Let one panel draw, and return whether it did; one that cannot must not stop the others, and is told."""
    try:
        return panel.tick(now)
    except Exception as error:
        LOG.exception("a panel could not draw")
        panel.fail(error)
        return False


class Clock(QObject):
    """Ticks at 60 per second while something is played, dragged or scrubbed, and at 30 otherwise.

    Painting holds the interpreter lock, so every needless frame slows the training down.
    """

    SMOOTH_MS, CALM_MS = 16, 33
    ticked = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._panels: list[Ticking] = []
        self._drawn: deque[float] = deque(maxlen=120)
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.tick)

    def add(self, panel: Ticking) -> None:
        """Let a panel tick with the others."""
        self._panels.append(panel)

    def start(self) -> None:
        """Begin to tick."""
        self._timer.start(self.CALM_MS)

    def stop(self) -> None:
        """Stop ticking."""
        self._timer.stop()

    def tick(self) -> None:
        """Let every panel draw, then choose the pace of the next tick."""
        now = time.perf_counter()
        if any([tick_one(panel, now) for panel in self._panels]):
            self._drawn.append(now)
        pace = self.SMOOTH_MS if any(panel.wants_smooth() for panel in self._panels) else self.CALM_MS
        if self._timer.isActive() and self._timer.interval() != pace:
            self._timer.start(pace)
        self.ticked.emit()

    def frames_per_second(self) -> float:
        """Return how many ticks of the last second drew something."""
        now = time.perf_counter()
        return float(sum(now - drawn < 1.0 for drawn in self._drawn))
