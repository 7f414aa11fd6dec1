"""What moves in an animation: moments of a run, one for every picture, and no Qt.

A moment is a frame and the place of the cursor in it. Pictures come one at a time, so that memory does not grow with
the length of a film.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from nodeviz.experiments.params import ParamError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nodeviz.experiments.base import Frame
    from nodeviz.experiments.run import Run

    Moment = tuple[Frame, float]

OVERS: Mapping[str, str] = MappingProxyType(
    {"time": "the cursor goes through the panel's own time", "training": "the models learn, seen at the end of time"}
)


def check_over(over: str, run: Run) -> str:
    """Return what an animation of a run goes over.

    Raises
    ------
    ParamError : nothing of that name, or nothing that this run does
    """
    if over not in OVERS:
        raise ParamError(f"--over {over}: unknown; {nearest(over, OVERS)}")
    if over == "training" and not run.experiment.trains:
        raise ParamError(f"--over training: {run.experiment.name} has nothing to train; use time")
    if over == "training" and getattr(run.params, "weights", "fresh") != "fresh":
        raise ParamError("--over training: weights that are there learn nothing; add --set weights=fresh")
    return over


def over_time(frame: Frame, pictures: int, *, there_and_back: bool = False) -> Iterator[Moment]:
    """Yield a frame as often as there are pictures, while its cursor goes from start to end, and back if wanted."""
    for number in range(pictures):
        share = number / max(1, pictures - 1)
        yield frame, 1.0 - abs(2.0 * share - 1.0) if there_and_back else share


def last_frame(run: Run) -> Frame:
    """Run to the end and return the last frame.

    Raises
    ------
    ParamError : the run has no frame, with its reason
    """
    frame = None
    for newest in run.updates():
        frame = newest or frame
    if frame is None:
        raise ParamError(run.message or f"panel={run.experiment.name}: the run has shown nothing")
    return frame


def over_training(run: Run, pictures: int) -> Iterator[Moment]:
    """Yield as many moments of a run that trains, evenly over its steps; the last one is that of its end."""
    run.inbox.pictures = pictures
    given, newest = 0, None
    for frame in run.updates():
        newest = frame or newest
        due = round(run.progress * (pictures - 1))
        # Steps may be fewer than pictures: what is on show then stays for more than one.
        while newest is not None and given < min(due, pictures - 1):
            yield newest, 1.0
            given += 1
    while newest is not None and given < pictures:
        yield newest, 1.0
        given += 1
