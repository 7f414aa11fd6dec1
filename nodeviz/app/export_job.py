"""Exports that go on while the window works: a slice of each between two pictures of the clock."""

from __future__ import annotations

import dataclasses
import os
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Literal

from PySide6.QtCore import QObject, QTimer, Signal

from nodeviz.app.export import check, export_films, run_of, size_of
from nodeviz.app.export_background import BackgroundFilm, close_films
from nodeviz.app.projector import Subject
from nodeviz.experiments.films import OverTime, check_over, film_of
from nodeviz.experiments.params import ParamError
from nodeviz.experiments.run import Run
from nodeviz.media.formats import MediaError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nodeviz.app.panels.base import Panel
    from nodeviz.app.session import Session
    from nodeviz.experiments.films import Film
    from nodeviz.experiments.shoot import Shoot

    Panels = Sequence[Panel[Any, Any]]

SLICE = 0.012  # s of drawing before the window gets its turn
REST = 4  # ms between two slices while nothing can be drawn
MEMORY = 40  # pictures that the time left is reckoned from

Ending = Literal["", "done", "failed", "cancelled"]


class Exports(QObject):
    """The exports of a window that go on."""

    added = Signal(object)
    ended = Signal(object)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.jobs: list[ExportJob] = []
        self._panels: Panels = ()  # all of the window

    @classmethod
    def of(cls, session: Session) -> Exports:
        """Return the one of a session."""
        return session.findChild(cls) or cls(session)

    def know(self, panels: Panels) -> None:
        """Learn which panels the window has."""
        self._panels = tuple(panels)

    @property
    def panels(self) -> Panels:
        """Those that are on show, as docks that were not closed: what all panels in one picture are."""
        docks = [panel.parentWidget() for panel in self._panels]
        return tuple(panel for panel, dock in zip(self._panels, docks, strict=True) if dock and not dock.isHidden())

    @property
    def running(self) -> list[ExportJob]:
        """Those that go on."""
        return [job for job in self.jobs if job.running]

    def add(self, job: ExportJob) -> None:
        """Take part in an export."""
        self.jobs.append(job)
        job.ended.connect(lambda: self._end(job))
        self.added.emit(job)

    def _end(self, job: ExportJob) -> None:
        self.jobs.remove(job)
        self.ended.emit(job)

    def writes(self, path: Path | str) -> bool:
        """Return whether one that goes on writes to a place."""
        place = os.path.realpath(path)  # one file has many names: relative, with dots, behind a link
        return any(os.path.realpath(job.path) == place for job in self.running)


class ExportJob(QObject):
    """Writes what panels show now; the first one says how it ended.

    Parameters
    ----------
    panel : whose newest frame is written
    path : str or Path, as in `nodeviz.app.export`
    shoot : Shoot
    grid : all panels of one picture, in their order; none for the panel alone

    Raises
    ------
    MediaError, ParamError : what cannot be, in one sentence
    """

    progressed = Signal(int, int)
    ended = Signal(str)

    def __init__(self, panel: Panel[Any, Any], path: Path | str, shoot: Shoot, grid: Panels = ()) -> None:
        panels = list(grid) or [panel]
        kind = check(path, shoot, panels=len(panels))
        exports = Exports.of(panel.session)
        if exports.writes(path):
            raise ParamError(f"--out {path}: another export writes it just now; name another file, or cancel that one")
        self._films: list[Film] = [film_now(each, shoot, moving=kind.moving) for each in panels]
        super().__init__(panel)
        self.path, self.shoot = str(path), shoot
        self.name = self.path.rstrip("/").rpartition("/")[2]
        self.done, self.count = 0, shoot.pictures if kind.moving else 1
        self.ending: Ending = ""
        self.sentence = ""
        self.panel, self._exports = panel, exports
        self._steps = export_films([subject_of(each) for each in panels], self._films, path, shoot)
        self._stepping = self._cancelled = False
        self._began = time.perf_counter()
        self._times: deque[tuple[int, float]] = deque(maxlen=MEMORY)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._go_on)
        self._timer.start(0)
        exports.add(self)

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return not self.ending

    @property
    def seconds_left(self) -> float | None:
        """How long it will take from now on, None while nothing tells."""
        if len(self._times) < 2:
            return None
        (first, began), (last, ended) = self._times[0], self._times[-1]
        since = time.perf_counter() - ended
        left = (self.count - last) * (ended - began) / max(1, last - first)
        return max(0.0, left - min(since, left / 2))

    def cancel(self) -> None:
        """Give up; nothing is left behind."""
        if not self.running:
            return
        self._cancelled = True
        if not self._stepping:  # else it is under way, and will see
            self._stop()

    def _stop(self) -> None:
        try:
            self._steps.close()
        finally:  # whatever taking away what there is of it may raise
            self._end("cancelled", "Export cancelled; nothing was written.")

    def _go_on(self) -> None:
        if self._stepping:
            return  # a step lets the window take its turn, and this may be it
        self._stepping = True
        try:
            self._step()
        except StopIteration as end:
            seconds = time.perf_counter() - self._began
            size = size_of(end.value) / 1e6
            self._end("done", f"Exported {end.value.name} ({size:.2f} MB) in {seconds:.1f} s.")
        except (MediaError, ParamError) as error:
            self._end("failed", str(error).removeprefix("--out "))  # a window has no such option
        except Exception as error:
            self._end("failed", f"The export of {self.name} failed ({type(error).__name__}: {error}).")
            raise
        finally:
            self._stepping = False
        if self._cancelled and self.running:
            self._stop()

    def _step(self) -> None:
        """Draw for a while; less where others export too, and no longer than there is anything to draw."""
        until = time.perf_counter() + SLICE / max(1, len(self._exports.running))
        moved = True
        while moved and not self._cancelled and time.perf_counter() < until:
            done, count = next(self._steps)
            moved = done != self.done
            if moved:
                self._times.append((done, time.perf_counter()))
                self.done, self.count = done, count
                self.progressed.emit(done, count)
        self._timer.setInterval(0 if moved else REST)

    def _end(self, ending: Ending, sentence: str) -> None:
        self._timer.stop()
        close_films(self._films)
        self.ending, self.sentence = ending, sentence
        self.panel.show_message(sentence)
        self.ended.emit(sentence)
        self.deleteLater()


def subject_of(panel: Panel[Any, Any]) -> Subject:
    """Return what a panel's frames were computed from."""
    state = panel.session.state(panel.experiment)
    return Subject(panel.experiment, state.params, state.seed, state.preset, panel.account())


def film_now(panel: Panel[Any, Any], shoot: Shoot, *, moving: bool = True) -> Film:
    """Return the film of what a panel shows now; what must be computed for it is computed in the background.

    Raises
    ------
    ParamError : there is nothing to show yet, or it cannot go over what is wanted
    """
    if panel.frame is None:
        raise ParamError(f"export: {panel.experiment} has nothing to show yet; wait for its first picture")
    run = again(panel)
    over = check_over(shoot.over, run) if moving else "time"
    return OverTime(panel.frame, shoot) if over == "time" else BackgroundFilm(film_of(run, shoot))


def again(panel: Panel[Any, Any]) -> Run:
    """Return a panel's run from its seed, with the changes that it saw while it went on put in at the same steps."""
    subject = subject_of(panel)
    if subject.replay is None:
        return run_of(subject)
    replay = dataclasses.replace(subject.replay, steps=0)
    run = Run(subject.panel, seed=subject.seed, params=subject.params, replay=replay)
    run.preset = subject.preset or None
    return run
