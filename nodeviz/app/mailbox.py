"""What crosses from the worker to a panel: the newest picture, every number, and how the run stands."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nodeviz.experiments.base import Frame, Metrics, Reply, Scalars, Update


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended: with its metrics, or with the sentence and details of what it raised."""

    metrics: Metrics | None = None
    sentence: str = ""
    details: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Everything that came since the last look into a mailbox.

    ``heard`` is the number of the newest order the run had received; ``resting`` whether it had nothing to do then.
    """

    generation: int
    frame: Frame | None
    scalars: list[Scalars]
    replies: list[Reply]
    progress: float | None
    ending: Ending | None
    dropped: int
    steps: int
    metrics: Metrics | None = None
    resting: bool = False
    heard: int = 0


@dataclass(slots=True)
class _Slot:
    """The unread contents of a mailbox."""

    frame: Frame | None = None
    scalars: list[Scalars] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    progress: float | None = None
    ending: Ending | None = None
    dropped: int = 0
    steps: int = 0
    metrics: Metrics | None = None
    resting: bool = False
    heard: int = 0


class Mailbox:
    """One panel's mailbox. Pictures: newest wins, and the dropped ones are counted. Numbers and answers: none lost.

    What an older generation of the run still delivers is discarded on arrival.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._slot = _Slot()
        self.generation = 0

    def begin(self, generation: int) -> None:
        """Begin a new generation (worker thread). Of the one before only an unread picture stays, until the next.

        While something is dragged runs follow each other faster than the screen is drawn.
        """
        with self._lock:
            self.generation = generation
            self._slot = _Slot(frame=self._slot.frame)

    def put(self, generation: int, update: Update | None, heard: int = 0) -> None:
        """Deliver one step of a run that has received the orders up to number ``heard`` (worker thread)."""
        with self._lock:
            if generation != self.generation:
                return
            slot = self._slot
            slot.steps += 1
            slot.heard, slot.resting = heard, update is not None and update.resting
            if update is None:
                return
            if update.frame is not None:
                slot.dropped += slot.frame is not None
                slot.frame = update.frame
            if update.scalars:
                slot.scalars.append(update.scalars)
            slot.replies.extend(update.replies)
            slot.progress = slot.progress if update.progress is None else update.progress
            slot.metrics = update.metrics or slot.metrics

    def close(self, generation: int, ending: Ending) -> None:
        """Deliver the end of a run (worker thread)."""
        with self._lock:
            if generation == self.generation:
                self._slot.ending = ending

    def take(self) -> Delivery | None:
        """Return and forget what is unread, or None where nothing came (GUI thread)."""
        with self._lock:
            slot = self._slot
            if not slot.steps and slot.ending is None and slot.frame is None:
                return None
            self._slot = _Slot()
            return Delivery(
                self.generation,
                slot.frame,
                slot.scalars,
                slot.replies,
                slot.progress,
                slot.ending,
                slot.dropped,
                slot.steps,
                slot.metrics,
                slot.resting,
                slot.heard,
            )
