"""What moves in an animation: moments of a run, one for every picture, and no Qt.

A moment is a frame and the place of the cursor in it. Pictures come one at a time, so that memory does not grow with
the length of a film.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from nodeviz.experiments.base import Frame
from nodeviz.experiments.params import ParamError, nearest
from nodeviz.experiments.shoot import OVERS

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from nodeviz.experiments.run import Run
    from nodeviz.experiments.shoot import Shoot

    Moment = tuple[Frame, float]


def check_over(over: str, run: Run) -> str:
    """Return what an animation of a run goes over: what is usual where ``over`` is empty, and there is any of it.

    Raises
    ------
    ParamError : nothing of that name, or nothing that this run does
    """
    name = run.experiment.name
    if over not in OVERS:
        raise ParamError(f"--over {over}: unknown; {nearest(over, [known for known in OVERS if known])}")
    if over == "training" and not run.experiment.trains:
        raise ParamError(f"--over training: {name} has nothing to train; use time")
    if over == "training" and getattr(run.params, "weights", "fresh") != "fresh":
        raise ParamError("--over training: weights that are there learn nothing; add --set weights=fresh")
    if over == "points" and run.experiment.arrivals is None:
        raise ParamError(f"--over points: {name} has no observations that arrive; use time")
    return over or ("time" if run.experiment.arrivals is None else "points")


class NothingShown(ParamError):
    """A run that ended without a picture: its own reason, and nothing that whoever asked for it wrote wrongly."""


class Film(Protocol):
    """What one panel shows in an animation."""

    @property
    def looks(self) -> tuple[Frame, ...]:
        """Frames of it that are known once it is prepared: so much room they all need."""
        ...

    def prepare(self) -> Iterator[None]:
        """Compute what is needed before the first moment; yield often, so that others get their turn."""
        ...

    def moments(self) -> Iterator[Moment | None]:
        """Yield a moment for each picture, and None while one is computed."""
        ...


class OverTime:
    """A frame stays, its cursor moves. The frame is the last one of a run, or one that is there already."""

    def __init__(self, shown: Run | Frame, shoot: Shoot) -> None:
        self._shown, self._shoot = shown, shoot
        self.looks: tuple[Frame, ...] = ()

    def prepare(self) -> Iterator[None]:
        """Run to the end."""
        self.looks = ((yield from last_frame(self._shown)),)

    def moments(self) -> Iterator[Moment]:
        """Yield the frame as often as there are pictures."""
        for number in range(self._shoot.pictures):
            yield self.looks[0], self._shoot.fraction(number)


class OverPoints:
    """The observations arrive one by one: for each number of them a run, whose last frame has the refined answer.

    Where a film cannot let them arrive, the frame stays and its cursor moves, unless points are what was asked for.
    """

    def __init__(self, run: Run, shoot: Shoot) -> None:
        self._run, self._shoot = run, shoot
        self._count = 0
        self.looks: tuple[Frame, ...] = ()

    def prepare(self) -> Iterator[None]:
        """Answer all of them, and none."""
        run = self._run
        every = yield from last_frame(run)
        assert run.experiment.arrivals is not None  # `check_over` has seen to it
        self._count = run.experiment.arrivals(run.inbox.live, every)
        if not self._count and self._shoot.over == "points":
            raise ParamError("--over points: there are none that could arrive by themselves; use time")
        self.looks = (every,)
        if self._count:
            self.looks = ((yield from self._answer(0)), every)

    def moments(self) -> Iterator[Moment | None]:
        """Yield the answer to those that are there at each picture."""
        shoot, every = self._shoot, self.looks[-1]
        if not self._count:
            yield from ((every, shoot.fraction(number)) for number in range(shoot.pictures))
            return
        known, answer = 0, self.looks[0]
        for number in range(shoot.pictures):
            arrived = min(int(shoot.fraction(number) * (self._count + 1)), self._count)
            if arrived != known:
                known, answer = arrived, every if arrived == self._count else (yield from self._answer(arrived))
            yield answer, 1.0

    def _answer(self, arrived: int) -> Generator[None, None, Frame]:
        """Run with so many of the observations."""
        run = self._run.again()
        run.inbox.arrived = arrived / self._count
        return (yield from last_frame(run))


class OverTraining:
    """The moments of a run that trains, evenly over its steps; the last one is that of its end."""

    looks: tuple[Frame, ...] = ()

    def __init__(self, run: Run, shoot: Shoot) -> None:
        self._run, self._shoot = run, shoot

    def prepare(self) -> Iterator[None]:
        """Nothing is known beforehand."""
        yield from ()

    def moments(self) -> Iterator[Moment | None]:
        """Yield what the models are at each picture's step."""
        run, pictures = self._run, self._shoot.pictures
        run.inbox.pictures = pictures
        given, newest = 0, None
        for frame in run.updates():
            newest = frame or newest
            due = round(run.progress * (pictures - 1))
            yield None
            # Steps may be fewer than pictures: what is on show then stays for more than one.
            while newest is not None and given < min(due, pictures - 1):
                yield newest, 1.0
                given += 1
        if newest is None:
            raise nothing_shown(run)
        while given < pictures:
            yield newest, 1.0
            given += 1


def last_frame(shown: Run | Frame) -> Generator[None, None, Frame]:
    """Run to the end and return the last frame; yield at every step.

    Raises
    ------
    NothingShown : the run has no frame, with its reason
    """
    if isinstance(shown, Frame):
        return shown
    frame = None
    for newest in shown.updates():
        frame = newest or frame
        yield
    if frame is None:
        raise nothing_shown(shown)
    return frame


def nothing_shown(run: Run) -> NothingShown:
    """Return the error of a run that has ended without a picture."""
    return NothingShown(run.message or f"panel={run.experiment.name}: the run has shown nothing")


def film_of(run: Run, shoot: Shoot) -> Film:
    """Return the film of a run.

    Raises
    ------
    ParamError : it cannot go over what is wanted
    """
    over = check_over(shoot.over, run)
    if over == "time":
        return OverTime(run, shoot)
    return OverPoints(run, shoot) if over == "points" else OverTraining(run, shoot)


def together(films: Sequence[Film]) -> Iterator[tuple[Moment, ...] | None]:
    """Yield the moments of several films side by side, for as long as all of them last; None while one is computed."""
    running = [film.moments() for film in films]
    while True:
        row: list[Moment] = []
        for film in running:
            moment = None
            while moment is None:
                try:
                    moment = next(film)
                except StopIteration:
                    return
                if moment is None:
                    yield None
            row.append(moment)
        yield tuple(row)
