"""The nouns of every experiment: frames, updates, the inbox and the record that registers it."""

from __future__ import annotations

import dataclasses
import math
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

P = TypeVar("P")

Metrics = dict[str, Any]
Scalars = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A picture's worth of read-only arrays and scalars, complete in itself.

    Fields are arrays, numbers, texts, frozen dataclasses of these, or tuples of such dataclasses.
    """


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a request, with the request's number."""

    number: int
    answer: Any


@dataclass(frozen=True, slots=True)
class Update:
    """What an experiment yields: a picture if there is a new one, numbers that must not get lost, and answers.

    ``progress`` is the share of the run that is done, 0 to 1, None where it is the same as before. An experiment that
    trains may be ``resting``: it has nothing to do until its inbox changes, and its ``metrics`` so far may come with
    that. ``message`` is one sentence on what went wrong although the run goes on or ends as it should, ``note`` one on
    what is worth knowing though all is well; they are for those who see no frames. ``status`` says in one word how a
    run failed that has metrics nevertheless.
    """

    frame: Frame | None = None
    scalars: Scalars = field(default_factory=dict)
    replies: tuple[Reply, ...] = ()
    progress: float | None = None
    metrics: Metrics | None = None
    resting: bool = False
    message: str = ""
    note: str = ""
    status: str = "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay(Generic[P]):
    """How a run came to where it is: enough to bring it there again from its seed.

    Attributes
    ----------
    begun : the parameters it started with
    steps : training steps that were taken
    goal : the training step at which it is complete; 0 for the experiment's own
    changes : training steps and the live parameters that took effect at them, in that order
    """

    begun: P
    steps: int = 0
    goal: int = 0
    changes: tuple[tuple[int, P], ...] = ()

    def changed(self, params: P) -> Replay[P]:
        """Return what leads to the same place and then to other live parameters."""
        return dataclasses.replace(self, changes=(*self.changes, (self.steps, params)))


@dataclass(frozen=True, slots=True)
class Request:
    """A typed question or edit. An edit carries the whole new data, so the newest of a kind replaces those before."""

    number: int
    kind: str
    payload: Any


class Inbox(Generic[P]):
    """What happens while an experiment runs, read by it between yields, on the thread that steps it.

    Parameters
    ----------
    params : the parameters the run started with
    last_frame : the newest frame of the panel's run before; its parts may be kept where nothing they depend on changed
    interactive : whether somebody looks on: then pictures come before all is there, and what no plot shows is left out

    Attributes
    ----------
    live : the parameters in force; only those declared live ever differ from the run's own
    quota : training steps that an experiment may still take: without limit, none after stop(), n after step(n); it
        takes one off for each; ``told`` is whether somebody has set it
    step : steps done, counted by whoever drives the run; an experiment that trains counts its training steps itself
    goal : the training step at which a run that trains is complete; 0 leaves that to it, and until it says so
    pictures : how many a run that trains is to show evenly over its steps; 0 leaves that to it
    arrived : the share of the observations that is there yet, of an experiment with ``arrivals``
    record : (step, kind, payload) of every live change and request that took effect
    replayed : what the run was given to take again, None without; so whoever runs it once more can give it that too
    """

    def __init__(self, params: P, last_frame: Frame | None = None, *, interactive: bool = False) -> None:
        self.live = self._begun = params
        self.last_frame = last_frame
        self.interactive = interactive
        self.quota = math.inf
        self.told = False
        self.step = 0
        self.goal = 0
        self.pictures = 0
        self.arrived = 1.0
        self.record: list[tuple[int, str, Any]] = []
        self.replayed: Replay[P] | None = None
        self._requests: dict[str, Request] = {}
        self._replay: Replay[P] | None = None  # while it goes on
        self._planned: deque[tuple[int, P]] = deque()

    def set_live(self, params: P) -> None:
        """Put new live parameters in force, and record the step at which they took effect.

        While a run is replayed they take effect at its end, where they were changed from; one that was halted on the
        way goes on from there.
        """
        if self._replay is not None and self.quota > 0:
            self._planned.append((self._replay.steps, params))
        else:
            self._replay, self._planned = None, deque()
            self._put(params)

    def _put(self, params: P) -> None:
        self.live = params
        self._note("live", params)

    def replay(self, replay: Replay[P]) -> None:
        """Let a run that was started with what it began with take the same steps and changes again, then halt."""
        if replay.steps:
            self.allow(replay.steps)
        self.replayed = replay
        self.goal, self._replay, self._planned = replay.goal, replay, deque(replay.changes)

    def follow_plan(self) -> float:
        """Put in force what a replay planned for this step; return how many steps may come until the next change."""
        while self._planned and self._planned[0][0] <= self.step:
            self._put(self._planned.popleft()[1])
        if self._planned:
            return self._planned[0][0] - self.step
        if self._replay is not None and self.step >= self._replay.steps:
            self._replay = None
        return math.inf

    def account(self) -> Replay[P]:
        """Return how the run came to where it is; while it is replayed, where that leads. Any thread may ask."""
        replay, planned = self._replay, tuple(self._planned)
        if replay is not None and self.quota > 0:
            return dataclasses.replace(replay, changes=(*self._changes(), *planned))
        changes = self._changes()  # before the steps: none of them is later than these
        return Replay(begun=self._begun, steps=self.step, goal=self.goal, changes=changes)

    def _changes(self) -> tuple[tuple[int, P], ...]:
        return tuple((step, params) for step, kind, params in tuple(self.record) if kind == "live")

    def allow(self, steps: float) -> None:
        """Set the quota of training steps."""
        self.quota, self.told = steps, True

    def put(self, request: Request) -> None:
        """Add a request; the newest of its kind replaces one that was not read yet."""
        self._requests[request.kind] = request

    @property
    def waiting(self) -> bool:
        """Whether a request has not been read yet."""
        return bool(self._requests)

    def requests(self) -> tuple[Request, ...]:
        """Return the unread requests, oldest first, and record the step at which they took effect."""
        taken = tuple(sorted(self._requests.values(), key=lambda request: request.number))
        self._requests.clear()
        for request in taken:
            self._note(request.kind, request.payload)
        return taken

    def _note(self, kind: str, payload: Any) -> None:
        """Record what took effect; at one and the same step the newest of a kind is all that counts."""
        entry = (self.step, kind, payload)
        for place in range(len(self.record) - 1, -1, -1):
            if self.record[place][0] != self.step:
                break
            if self.record[place][1] == kind:
                self.record[place] = entry
                return
        self.record.append(entry)


Steps = Generator[Update | None, None, Metrics]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained(Generic[P]):
    """A run that has come to its end, for whoever keeps what was trained."""

    params: P
    seed: int
    frame: Frame
    history: Mapping[str, list[float]]
    metrics: Metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment(Generic[P]):
    """What the registry knows about an experiment; command line, console, export and window all start from here.

    One that ``trains`` lives on after its last training step while somebody looks on: it rests, answers requests, and
    trains on when its inbox has a quota again. ``save`` writes what a run has trained to a file or folder and returns
    the files. ``headless`` holds values that a run without a window takes in place of those of its preset: weights that
    ship are for the first look. ``arrivals`` tells of an experiment with observations how many of them may arrive one
    by one in a film that ends with a frame: where there are any, that is what moves by default.
    """

    name: str
    title: str
    sentence: str
    steps: Callable[[P, np.random.Generator, Inbox[P]], Steps]
    params: type[P]
    metrics: Mapping[str, str]
    first_preset: str
    trains: bool = False
    save: Callable[[Trained[P], Path], list[Path]] | None = None
    headless: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    arrivals: Callable[[P, Any], int] | None = None

    def start(
        self, params: P, seed: int, last_frame: Frame | None = None, *, interactive: bool = False
    ) -> tuple[Steps, Inbox[P]]:
        """Return the generator of a fresh run and its inbox."""
        inbox = Inbox(params, last_frame, interactive=interactive)
        return self.steps(params, np.random.default_rng(seed), inbox), inbox


def flatten(frame: object, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted name and value of every field of a frame, the nested ones included."""
    for entry in dataclasses.fields(frame):  # type: ignore[arg-type]
        value = getattr(frame, entry.name)
        if dataclasses.is_dataclass(value):
            yield from flatten(value, f"{prefix}{entry.name}.")
        elif isinstance(value, tuple) and value and dataclasses.is_dataclass(value[0]):
            for number, part in enumerate(value):
                yield from flatten(part, f"{prefix}{entry.name}.{number}.")
        else:
            yield f"{prefix}{entry.name}", value
