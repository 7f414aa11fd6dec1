"""A run that trains: it draws now and then, rests and measures, answers, and trains on when somebody asks for it."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from nodeviz.experiments.base import Reply, Update

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from nodeviz.experiments.base import Frame, Inbox, Metrics, Request, Steps

    Frames = Generator[Frame | None, None, None]
    Updates = Generator[Update | None, None, None]

P = TypeVar("P")
Q = TypeVar("Q", contravariant=True)

PICTURES = 8  # of a run that nobody looks at, besides the first one
FASTEST = 1 / 30  # seconds from one picture to the next while training
SHARE = 0.3  # of the time that pictures may take then


class Pace:
    """When the next picture may come while training goes on: 30 a second at most.

    Parameters
    ----------
    share : of the time that pictures may take at most
    """

    def __init__(self, share: float = SHARE) -> None:
        self._due, self._share = 0.0, share

    @property
    def due(self) -> bool:
        """Whether it may come now."""
        return time.perf_counter() >= self._due

    def hurry(self) -> None:
        """Let the next one come at once."""
        self._due = 0.0

    def drawn(self, started: float) -> None:
        """Count a picture that was begun at ``started`` and is done now, both by perf_counter."""
        now = time.perf_counter()
        spent = now - started
        self._due = now + max(FASTEST - spent, spent * (1 - self._share) / self._share)


class Trainees(Protocol[Q]):
    """Models in training."""

    @property
    def ready(self) -> bool:
        """Whether any of them still trains."""
        ...

    @property
    def status(self) -> str:
        """``ok``, or why none of them trains any more, as a solver would say it."""
        ...

    def stride(self) -> int:
        """Return how many training steps may come before the next yield."""
        ...

    def follow(self, live: Q, step: int) -> None:
        """Put live parameters in force at a training step."""
        ...

    def train(self, step: int, count: int) -> Generator[None, None, dict[str, float]]:
        """Take ``count`` training steps, of which ``step`` is the last one, and return scalars."""
        ...


class Screen(Protocol[Q]):
    """Draws and measures them. Its generators yield None while they work, and frames."""

    @property
    def due(self) -> bool:
        """Whether the next picture may come while training goes on."""
        ...

    def follow(self, live: Q) -> None:
        """Put live parameters in force."""
        ...

    def draw(self, step: int, steps: int, *, resting: bool) -> Frames:
        """Make a picture, if it differs from the last one."""
        ...

    def measure(self, step: int, steps: int) -> Frames:
        """Measure what is not known yet."""
        ...

    def answer(self, request: Request, step: int) -> Generator[None, None, Any]:
        """Return the answer to a request."""
        ...

    def metrics(self) -> Metrics:
        """Return the metrics of what was measured."""
        ...


class TrainingRun(Generic[P]):
    """One run: takes all its steps, is measured, and ends where nobody looks on; otherwise it lives on.

    Parameters
    ----------
    steps : training steps of one run; as many again when somebody asks to train on
    resting : whether it begins at rest, as with weights that are there to be seen
    """

    def __init__(
        self, inbox: Inbox[P], trainees: Trainees[P], screen: Screen[P], *, steps: int, resting: bool = False
    ) -> None:
        self._inbox, self._trainees, self._screen, self._steps = inbox, trainees, screen, steps
        self._live, self._free = inbox.live, math.inf
        if resting and not inbox.told:  # training goes on when somebody asks for it
            inbox.quota = 0.0
        # Somebody may have asked for it before the run began; then it counts from there.
        self._goal = inbox.goal = inbox.goal or (0 if resting else steps)
        self._every = max(1, math.ceil(self._goal / (inbox.pictures or PICTURES)))

    def run(self) -> Steps:
        """Draw, then train, answer and rest until nothing is left to do."""
        inbox, screen = self._inbox, self._screen
        yield from self._pictures(screen.draw(0, self._goal, resting=False))
        while True:
            self._free = inbox.follow_plan()
            if inbox.live is not self._live:
                self._live = inbox.live
                self._trainees.follow(self._live, inbox.step)
                screen.follow(self._live)
            yield from self._answers()
            if inbox.quota > 0 and self._trainees.ready:
                yield from self._train()
                continue
            if inbox.quota > 0:
                inbox.quota = 0.0  # nothing can train: wait for somebody to change something
            undisturbed = yield from self._rest()
            if not inbox.interactive:
                yield Update(status=self._trainees.status)
                return screen.metrics()
            if undisturbed and not inbox.waiting:  # what is not answered now would wait for the next order to wake it
                yield Update(metrics=screen.metrics(), resting=True, progress=self._done)

    def _train(self) -> Updates:
        """Take a stride off the quota, and draw if it is time.

        Its steps count from here on: what is changed while they are under way takes effect after them, and is recorded
        so.
        """
        inbox, before = self._inbox, self._inbox.step
        if before >= self._goal:  # asked to train on
            self._goal = inbox.goal = before + (self._steps if math.isinf(inbox.quota) else int(inbox.quota))
        count = int(min(self._trainees.stride(), inbox.quota, self._goal - before, self._free))
        inbox.step += count
        inbox.quota = 0.0 if inbox.step >= self._goal else inbox.quota - count
        scalars = yield from self._trainees.train(inbox.step, count)
        yield Update(scalars=scalars, progress=self._done)
        if self._screen.due if inbox.interactive else inbox.step // self._every > before // self._every:
            yield from self._pictures(self._screen.draw(inbox.step, self._goal, resting=False))

    def _rest(self) -> Generator[Update | None, None, bool]:
        """Draw and measure all there is, and answer meanwhile; return whether nothing else came between.

        Where nobody looks on only the last picture counts, which has it all.
        """
        inbox, last = self._inbox, None
        making: tuple[Callable[[], Frames], ...] = (
            lambda: self._screen.draw(inbox.step, self._goal, resting=True),
            lambda: self._screen.measure(inbox.step, self._goal),
        )
        for make in making:
            for update in self._pictures(make()):
                last = update or last
                yield update if inbox.interactive else None
                if inbox.live is not self._live or inbox.quota > 0:
                    return False
                yield from self._answers()
        if not inbox.interactive:
            yield last
        return True

    def _pictures(self, making: Frames) -> Updates:
        for frame in making:
            yield None if frame is None else Update(frame, progress=self._done)

    @property
    def _done(self) -> float:
        return self._inbox.step / self._goal if self._goal else 1.0

    def _answers(self) -> Updates:
        for request in self._inbox.requests():
            answer = yield from self._screen.answer(request, self._inbox.step)
            yield Update(replies=(Reply(request.number, answer),))
