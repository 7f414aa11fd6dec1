"""Runs of an experiment that trains, for its tests: to the end, or as a window steps them."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import pytest

from nodeviz.experiments.base import Frame, Request, Update
from nodeviz.experiments.params import change
from nodeviz.experiments.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from nodeviz.experiments.base import Experiment, Metrics

F = TypeVar("F", bound=Frame)


@dataclass
class Finished(Generic[F]):
    """What a run gave until it ended."""

    metrics: Metrics
    frames: list[F]
    history: dict[str, list[float]]
    message: str
    status: str = "ok"


def to_the_end(experiment: Experiment[Any], params: Any, seed: int) -> Finished[Any]:
    """Run headless to the end."""
    steps, _ = experiment.start(params, seed)
    done: Finished[Any] = Finished({}, [], {}, "")
    while True:
        try:
            update = next(steps)
        except StopIteration as end:
            done.metrics = end.value
            return done
        if update is None:
            continue
        if update.frame is not None:
            done.frames.append(update.frame)
        for name, value in update.scalars.items():
            done.history.setdefault(name, []).append(value)
        done.message = update.message or done.message
        done.status = update.status if done.status == "ok" else done.status


def check_beginning(panel: str, preset: str, stories: Mapping[str, Mapping[str, Any]]) -> None:
    """Check that a preset, trained from fresh weights, begins with the losses in the logs of its files.

    ``stories`` is what stands beside the weights, by the name of the model. Another machine's BLAS adds in another
    order, and training enlarges the difference: two losses of each log are early enough.
    """
    logs = {name: [story["log"][key][:2] for key in ("step", "loss")] for name, story in stories.items()}
    run = Run(panel, preset=preset, seed=next(iter(stories.values()))["seed"])
    assert run.params.weights == "fresh"
    for _ in run.updates():
        found = {name: _losses(run.history, name) for name in logs}
        if all(found[name].keys() >= set(steps) for name, (steps, _) in logs.items()):
            break
    for name, (steps, wanted) in logs.items():
        assert [found[name].get(step) for step in steps] == pytest.approx(wanted, rel=0.02), name


def _losses(history: Mapping[str, Sequence[float]], name: str) -> dict[float, float]:
    """Return the losses of a model by the training step, of those that are kept."""
    losses = history.get(f"{name}.loss", ())
    steps = history.get(f"{name}.step", range(1, len(losses) + 1))
    return dict(zip(steps, losses, strict=True))


@dataclass
class Watched(Generic[F]):
    """A run as the window's worker steps it: it rests, and is woken by orders."""

    experiment: Experiment[Any]
    params: Any
    seed: int = 0
    frames: list[F] = field(default_factory=list)
    history: dict[str, list[float]] = field(default_factory=dict)
    replies: dict[int, Any] = field(default_factory=dict)
    metrics: Metrics | None = None
    gaps: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.steps, self.inbox = self.experiment.start(self.params, self.seed, interactive=True)

    @property
    def frame(self) -> F:
        """The newest picture."""
        return self.frames[-1]

    def next(self) -> bool:
        """Step once; return whether the run rests."""
        # Time of this thread: a busy machine must not make a pause of what was none.
        started = time.thread_time()
        update = next(self.steps) or Update()
        self.gaps.append(1000 * (time.thread_time() - started))
        if update.frame is not None:
            self.frames.append(update.frame)  # type: ignore[arg-type]
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
