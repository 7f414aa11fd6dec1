"""The background thread: it steps the experiments of the visible panels in turn."""

from __future__ import annotations

import logging
import queue
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QThread

from nodeviz.app.mailbox import Ending, Mailbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from nodeviz.experiments.base import Experiment, Frame, Inbox, Request, Steps

LOG = logging.getLogger("nodeviz")


@dataclass(slots=True)
class Job:
    """One run of one panel, as the worker sees it."""

    generation: int
    steps: Steps
    inbox: Inbox[Any]
    mailbox: Mailbox


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
        self._hidden: set[str] = set()
        self._paused: dict[str, int | None] = {}
        self._closing = False
        self.stepping = ""

    # Called on the GUI thread.

    def start_run(
        self, panel: str, experiment: Experiment[Any], params: Any, seed: int, mailbox: Mailbox, last: Frame | None
    ) -> int:
        """Replace the panel's run by a fresh one and return its generation."""
        generation = mailbox.renew()
        self._orders.put(lambda: self._begin(panel, generation, experiment, params, seed, mailbox, last))
        return generation

    def set_live(self, panel: str, params: Any) -> None:
        """Put live parameters in force at the run's next step."""
        self._orders.put(lambda: self._with_job(panel, lambda job: job.inbox.set_live(params)))

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
            ready = self._ready()
            self._take_orders(block=not ready)
            for panel in self._in_turn(ready):
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

    def _begin(
        self,
        panel: str,
        generation: int,
        experiment: Experiment[Any],
        params: Any,
        seed: int,
        mailbox: Mailbox,
        last: Frame | None,
    ) -> None:
        if panel in self._jobs:
            _close(self._jobs.pop(panel).steps)
        steps, inbox = experiment.start(params, seed, last)
        self._jobs[panel] = Job(generation, steps, inbox, mailbox)

    def _with_job(self, panel: str, act: Callable[[Job], None]) -> None:
        if panel in self._jobs:
            act(self._jobs[panel])

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
        except Exception as error:  # noqa: BLE001 - whatever an experiment raises ends that run only, and is shown
            sentence = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            self._end(panel, job, Ending(sentence=sentence, details=traceback.format_exc()))
        else:
            job.inbox.step += 1
            job.mailbox.put(job.generation, update)
        self.stepping = ""

    def _end(self, panel: str, job: Job, ending: Ending) -> None:
        job.mailbox.close(job.generation, ending)
        del self._jobs[panel]


def _close(steps: Steps) -> None:
    """End a run that nobody waits for any more; what it raises in its last moment must not end the worker."""
    try:
        steps.close()
    except Exception:
        LOG.exception("a run raised while it was being ended")
