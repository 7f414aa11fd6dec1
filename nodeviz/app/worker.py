"""The background thread: it steps the experiments of the visible panels in turn."""

from __future__ import annotations

import dataclasses
import itertools
import logging
import queue
import sys
import time
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QThread

from nodeviz.app.mailbox import Ending, Mailbox
from nodeviz.experiments.base import Replay, Request
from nodeviz.experiments.params import ParamError

if TYPE_CHECKING:
    from collections.abc import Callable

    from nodeviz.experiments.base import Experiment, Frame, Inbox, Steps

LOG = logging.getLogger("nodeviz")


PATIENCE = 0.15  # s that a run without a picture may go on while the next one waits


@dataclass(frozen=True, slots=True)
class Order:
    """A run that was asked for."""

    generation: int
    experiment: Experiment[Any]
    params: Any
    seed: int
    mailbox: Mailbox
    last: Frame | None
    heard: int
    quota: float | None = None
    replay: Replay[Any] | None = None


@dataclass(slots=True)
class Job:
    """One run of one panel, as the worker sees it; ``heard`` is the number of the newest order it received."""

    generation: int
    steps: Steps
    inbox: Inbox[Any]
    mailbox: Mailbox
    started: float
    heard: int
    trains: bool = False
    shown: bool = False
    resting: bool = False

    def wake(self, number: int) -> None:
        """Let a run that rests look into its inbox again."""
        self.heard, self.resting = number, False


class Worker(QThread):
    """Steps generators in turn; everything that the GUI thread asks arrives through one queue, in order.

    A step ends at the experiment's next ``yield``, which comes after 10 ms at most: that is how soon a run can be
    replaced, halted or answered. A run that raises ends alone; the others go on. Orders are numbered, and every
    delivery says which one the run had received by then.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("nodeviz worker")
        self._orders: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._jobs: dict[str, Job] = {}
        self._next: dict[str, Order] = {}
        self._numbers = itertools.count(1)
        self._hidden: set[str] = set()
        self._left: dict[str, float] = {}  # steps that an experiment which does not train may still take
        self._closing = False
        self.stepping = ""

    # Called on the GUI thread.

    def start_run(
        self,
        panel: str,
        experiment: Experiment[Any],
        params: Any,
        seed: int,
        mailbox: Mailbox,
        last: Frame | None,
        replay: Replay[Any] | None = None,
    ) -> int:
        """Replace the panel's run by a fresh one and return its generation.

        The run under way goes on to its first picture, for 0.15 s at most: a drag that replaced every run before it had
        anything to show would show nothing at all. Of the runs that wait meanwhile only the newest is begun. One that
        comes with a ``replay`` takes the steps and changes of that, then halts.
        """
        number = next(self._numbers)
        order = Order(number, experiment, params, seed, mailbox, last, number, replay=replay)
        self._orders.put(lambda: self._order(panel, order))
        return number

    def set_live(self, panel: str, params: Any) -> int:
        """Put live parameters in force at the run's next step; return the order's number."""
        number = next(self._numbers)
        self._orders.put(lambda: self._set_live(panel, params, number))
        return number

    def ask(self, panel: str, kind: str, payload: Any) -> int:
        """Put a request into the run's inbox; return its number, which the reply will carry."""
        number = next(self._numbers)
        self._orders.put(lambda: self._ask(panel, Request(number, kind, payload)))
        return number

    def set_visible(self, panel: str, *, visible: bool) -> None:
        """Step a panel's run only while somebody can see it."""
        self._orders.put(lambda: self._hidden.discard(panel) if visible else self._hidden.add(panel))

    def allow(self, panel: str, steps: float) -> int:
        """Let a panel's run take so many more steps: 0 halts it, infinity lets it go on; return the order's number.

        Of an experiment that trains these are training steps: it goes on to answer, and to draw what changed.
        """
        number = next(self._numbers)
        self._orders.put(lambda: self._allow(panel, steps, number))
        return number

    def account(self, panel: str, generation: int) -> Replay[Any] | None:
        """Return how a run came to where it is; None where it has not begun yet, or has nothing to tell."""
        job = self._jobs.get(panel)
        if job is None or job.generation != generation or not job.trains:
            return None
        return job.inbox.account()

    def close(self, wait: float) -> str:
        """End all runs; return the name of one that did not end within ``wait`` seconds, or an empty text."""
        self._orders.put(lambda: setattr(self, "_closing", True))
        return "" if self.wait(int(wait * 1000)) else (self.stepping or "worker")

    # Called on the worker's own thread.

    def run(self) -> None:
        """Take orders, step each job once, repeat; sleep while there is nothing to step."""
        while not self._closing:
            try:
                self._turn()
            except Exception:  # noqa: BLE001 - a thread that ends would leave every panel waiting
                sys.excepthook(*sys.exc_info())
        for job in self._jobs.values():
            _close(job.steps)

    def _turn(self) -> None:
        self._take_orders(block=not self._ready())
        self._begin_next()
        for panel in self._in_turn(self._ready()):
            self._step(panel)

    def _ready(self) -> list[str]:
        return [
            name
            for name, job in self._jobs.items()
            if name not in self._hidden and not job.resting and self._left.get(name, 1) > 0
        ]

    def _in_turn(self, ready: list[str]) -> list[str]:
        # Somebody waits for the answer to a request; background training can wait.
        asked = [name for name in ready if name in self._jobs and self._jobs[name].inbox.waiting]
        return asked or ready

    def _take_orders(self, *, block: bool) -> None:
        try:
            self._orders.get(block=block)()
            while True:
                self._orders.get_nowait()()
        except queue.Empty:
            return

    def _order(self, panel: str, order: Order) -> None:
        self._next[panel] = order
        self._left.pop(panel, None)  # here, not when it begins: it may be halted before

    def _begin_next(self) -> None:
        now = time.monotonic()
        for panel, order in list(self._next.items()):
            job = self._jobs.get(panel)
            if job is None or job.shown or now - job.started > PATIENCE or panel not in self._ready():
                del self._next[panel]
                self._begin(panel, order)

    def _begin(self, panel: str, order: Order) -> None:
        if panel in self._jobs:
            _close(self._jobs.pop(panel).steps)
        begun = order.params if order.replay is None else order.replay.begun
        order.mailbox.begin(order.generation)
        try:
            steps, inbox = order.experiment.start(begun, order.seed, order.last, interactive=True)
        except Exception as error:  # noqa: BLE001 - whatever it raises ends that run only
            order.mailbox.close(order.generation, _failed(error))
            return
        if order.replay is not None:
            inbox.replay(order.replay)
        if order.quota is not None:
            inbox.allow(order.quota)
        trains = order.experiment.trains
        self._jobs[panel] = Job(order.generation, steps, inbox, order.mailbox, time.monotonic(), order.heard, trains)

    def _set_live(self, panel: str, params: Any, number: int) -> None:
        if panel in self._next:
            order = dataclasses.replace(self._next[panel], params=params, heard=number)
            self._next[panel] = dataclasses.replace(order, replay=order.replay and order.replay.changed(params))
        if panel in self._jobs:
            self._jobs[panel].inbox.set_live(params)
            self._jobs[panel].wake(number)

    def _ask(self, panel: str, request: Request) -> None:
        if panel in self._jobs:
            self._jobs[panel].inbox.put(request)
            self._jobs[panel].wake(request.number)

    def _allow(self, panel: str, steps: float, number: int) -> None:
        waiting, job = self._next.get(panel), self._jobs.get(panel)
        if waiting is not None and waiting.experiment.trains:
            self._next[panel] = dataclasses.replace(waiting, quota=steps, heard=number)
        elif job is not None and job.trains:
            job.inbox.allow(steps)
            job.wake(number)
        else:
            self._left[panel] = steps

    def _step(self, panel: str) -> None:
        job = self._jobs.get(panel)
        if job is None:
            return
        self.stepping = panel
        if panel in self._left:
            self._left[panel] -= 1
        try:
            update = next(job.steps)
        except StopIteration as end:
            self._end(panel, job, Ending(metrics=end.value))
        except BaseException as error:  # noqa: BLE001 - whatever it raises, SystemExit too, ends that run only
            self._end(panel, job, _failed(error))
        else:
            if not job.trains:
                job.inbox.step += 1
            job.shown = job.shown or (update is not None and update.frame is not None)
            job.resting = update is not None and update.resting
            job.mailbox.put(job.generation, update, job.heard)
        self.stepping = ""

    def _end(self, panel: str, job: Job, ending: Ending) -> None:
        job.mailbox.close(job.generation, ending)
        del self._jobs[panel]


def _failed(error: BaseException) -> Ending:
    """Return the ending of a run that raised; what it refuses, such as a file without numbers, is said plainly."""
    if isinstance(error, ParamError):
        return Ending(sentence=str(error))
    sentence = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return Ending(sentence=sentence, details="".join(traceback.format_exception(error)))


def _close(steps: Steps) -> None:
    """End a run that nobody waits for any more; what it raises in its last moment must not end the worker."""
    try:
        steps.close()
    except BaseException:
        LOG.exception("a run raised while it was being ended")
