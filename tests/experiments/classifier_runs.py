"""Runs of the classifier for its tests: to the end, or as a window steps them."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nodeviz.experiments.base import Request, Update
from nodeviz.experiments.classifier import CLASSIFIER
from nodeviz.experiments.classifier_frame import ClassifierFrame
from nodeviz.experiments.classifier_params import ClassifierParams
from nodeviz.experiments.params import change

if TYPE_CHECKING:
    from collections.abc import Callable

    from nodeviz.experiments.base import Metrics

SMALL = {"n_points": 200, "steps": 12, "hidden": 8, "batch": 32}


@dataclass
class Finished:
    """What a run gave until it ended."""

    metrics: Metrics
    frames: list[ClassifierFrame]
    history: dict[str, list[float]]
    message: str


def finish(seed: int = 0, **changes: Any) -> Finished:
    """Run a small classifier headless to its end."""
    steps, _ = CLASSIFIER.start(change(ClassifierParams(), SMALL | changes), seed)
    done = Finished({}, [], {}, "")
    while True:
        try:
            update = next(steps)
        except StopIteration as end:
            done.metrics = end.value
            return done
        if update is None:
            continue
        if update.frame is not None:
            assert isinstance(update.frame, ClassifierFrame)
            done.frames.append(update.frame)
        for name, value in update.scalars.items():
            done.history.setdefault(name, []).append(value)
        done.message = update.message or done.message


@dataclass
class Watched:
    """A run as the window's worker steps it: it rests, and is woken by orders."""

    params: ClassifierParams
    seed: int = 0
    frames: list[ClassifierFrame] = field(default_factory=list)
    history: dict[str, list[float]] = field(default_factory=dict)
    replies: dict[int, Any] = field(default_factory=dict)
    metrics: Metrics | None = None
    gaps: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.steps, self.inbox = CLASSIFIER.start(self.params, self.seed, interactive=True)

    @property
    def frame(self) -> ClassifierFrame:
        """The newest picture."""
        return self.frames[-1]

    def next(self) -> bool:
        """Step once; return whether the run rests."""
        # Time of this thread: a busy machine must not make a pause of what was none.
        started = time.thread_time()
        update = next(self.steps) or Update()
        self.gaps.append(1000 * (time.thread_time() - started))
        if update.frame is not None:
            assert isinstance(update.frame, ClassifierFrame)
            self.frames.append(update.frame)
        for name, value in update.scalars.items():
            self.history.setdefault(name, []).append(value)
        self.replies |= {reply.number: reply.answer for reply in update.replies}
        self.metrics = update.metrics or self.metrics
        return update.resting

    def rest(self) -> None:
        """Step until the run rests."""
        while not self.next():
            pass

    def until(self, reached: Callable[[], bool]) -> None:
        """Step until something has happened."""
        while not reached():
            assert not self.next(), "it rests, and it has not happened"

    def change(self, **changes: Any) -> None:
        """Put live parameters in force."""
        self.params = change(self.params, changes)
        self.inbox.set_live(self.params)

    def allow(self, steps: float = math.inf) -> None:
        """Let it take so many training steps."""
        self.inbox.quota = steps

    def ask(self, number: int, kind: str, payload: Any) -> None:
        """Put a question into its inbox."""
        self.inbox.put(Request(number, kind, payload))


def watch(seed: int = 0, **changes: Any) -> Watched:
    """Start a small classifier that somebody looks at."""
    return Watched(change(ClassifierParams(), SMALL | changes), seed)
