"""The background thread: it steps the experiments of the visible panels in turn."""

from __future__ import annotations

import dataclasses
import itertools
import logging
import queue
import time
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QThread

from nodeviz.app.mailbox import Ending, Mailbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from nodeviz.experiments.base import Experiment, Frame, Inbox, Request, Steps

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


@dataclass(slots=True)
class Job:
    """One run of one panel, as the worker sees it."""

    generation: int
    steps: Steps
    inbox: Inbox[Any]
    mailbox: Mailbox
    started: float
    shown: bool = False


class Worker(QThread):
    """Steps generators in turn; everything that the GUI thread asks arrives through one queue, in order.

    A step ends at the experiment's next ``yield``, which comes after 10 ms at most: that is how soon a run can be
    replaced, paused or answered. A run that raises ends alone; the others go on.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("nodeviz worker")
        self._orders: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._jobs: dict[str, Job] = {}
        self._next: dict[str, Order] = {}
        self._numbers = itertools.count(1)
        self._hidden: set[str] = set()
        self._paused: dict[str, int | None] = {}
        self._closing = False
        self.stepping = ""

    # Called on the GUI thread.

    def start_run(
        self, panel: str, experiment: Experiment[Any], params: Any, seed: int, mailbox: Mailbox, last: Frame | None
    ) -> int:
        """Replace the panel's run by a fresh one and return its generation.

        The run under way goes on to its first picture, for 0.15 s at most: a drag that replaced every run before it had
        anything to show would show nothing at all. Of the runs that wait meanwhile only the newest is begun.
        """
        order = Order(next(self._numbers), experiment, params, seed, mailbox, last)
        self._orders.put(lambda: self._order(panel, order))
        return order.generation

    def set_live(self, panel: str, params: Any) -> None:
        """Put live parameters in force at the run's next step."""
        self._orders.put(lambda: self._set_live(panel, params))

    def ask(self, panel: str, request: Request) -> None:
        """Put a request into the run's inbox."""
        self._orders.put(lambda: self._with_job(panel, lambda job: job.inbox.put(request)))

    def set_visible(self, panel: str, *, visible: bool) -> None:
        """Step a panel's run only while somebody can see it."""
        self._orders.put(lambda: self._hidden.discard(panel) if visible else self._hidden.add(panel))

    def pause(self, panel: str, steps: int | None = None) -> None:
        """Halt a panel's run at once, or after so many more steps."""
        self._orders.put(lambda: self._paused.__setitem__(panel, steps or 0))

    def resume(self, panel: str) -> None:
        """Let a halted run go on."""
        self._orders.put(lambda: self._resume(panel))

    def close(self, wait: float) -> str:
        """End all runs; return the name of one that did not end within ``wait`` seconds, or an empty text."""
        self._orders.put(lambda: setattr(self, "_closing", True))
        return "" if self.wait(int(wait * 1000)) else (self.stepping or "worker")

    # Called on the worker's own thread.

    def run(self) -> None:
        """Take orders, step each job once, repeat; sleep while there is nothing to step."""
        while not self._closing:
            self._take_orders(block=not self._ready())
            self._begin_next()
            for panel in self._in_turn(self._ready()):
                self._step(panel)
        for job in self._jobs.values():
            _close(job.steps)

    def _ready(self) -> list[str]:
        return [name for name in self._jobs if name not in self._hidden and self._paused.get(name, 1) != 0]

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
        self._paused.pop(panel, None)  # here, not when it begins: it may be halted before

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
        steps, inbox = order.experiment.start(order.params, order.seed, order.last, interactive=True)
        order.mailbox.begin(order.generation)
        self._jobs[panel] = Job(order.generation, steps, inbox, order.mailbox, time.monotonic())

    def _with_job(self, panel: str, act: Callable[[Job], None]) -> None:
        if panel in self._jobs:
            act(self._jobs[panel])

    def _set_live(self, panel: str, params: Any) -> None:
        if panel in self._next:
            self._next[panel] = dataclasses.replace(self._next[panel], params=params)
        self._with_job(panel, lambda job: job.inbox.set_live(params))

    def _resume(self, panel: str) -> None:
        self._paused.pop(panel, None)

    def _step(self, panel: str) -> None:
        job = self._jobs.get(panel)
        if job is None:
            return
        self.stepping = panel
        left = self._paused.get(panel)
        if left:
            self._paused[panel] = left - 1
        try:
            update = next(job.steps)
        except StopIteration as end:
            self._end(panel, job, Ending(metrics=end.value))
        except BaseException as error:  # noqa: BLE001 - whatever it raises, SystemExit too, ends that run only
            sentence = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            self._end(panel, job, Ending(sentence=sentence, details=traceback.format_exc()))
        else:
            job.inbox.step += 1
            job.shown = job.shown or (update is not None and update.frame is not None)
            job.mailbox.put(job.generation, update)
        self.stepping = ""

    def _end(self, panel: str, job: Job, ending: Ending) -> None:
        job.mailbox.close(job.generation, ending)
        del self._jobs[panel]


def _close(steps: Steps) -> None:
    """End a run that nobody waits for any more; what it raises in its last moment must not end the worker."""
    try:
        steps.close()
    except BaseException:
        LOG.exception("a run raised while it was being ended")
