"""Runs of the phase experiment to their end, for its tests."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.experiments.base import flatten
from nodeviz.experiments.params import change
from nodeviz.experiments.phase import PHASE
from nodeviz.experiments.phase_frame import PhaseFrame
from nodeviz.experiments.phase_params import PhaseParams

if TYPE_CHECKING:
    from nodeviz.experiments.base import Metrics


def finish(last: PhaseFrame | None = None, /, **changes: Any) -> tuple[list[PhaseFrame], Metrics]:
    """Return all frames of a run and its metrics."""
    steps, _ = PHASE.start(change(PhaseParams(), changes), 0, last)
    frames: list[PhaseFrame] = []
    while True:
        try:
            update = next(steps)
        except StopIteration as end:
            return frames, end.value
        if update is not None and update.frame is not None:
            assert isinstance(update.frame, PhaseFrame)
            frames.append(update.frame)


def watch(last: PhaseFrame | None = None, /, **changes: Any) -> tuple[list[PhaseFrame], list[float]]:
    """Return all frames of a run that somebody looks at, and the seconds from each yield to the next."""
    steps, _ = PHASE.start(change(PhaseParams(), changes), 0, last, interactive=True)
    frames: list[PhaseFrame] = []
    gaps: list[float] = []
    while True:
        # Time of this thread: a busy machine must not make a pause of what was none.
        started = time.thread_time()
        update = next(steps, False)
        gaps.append(time.thread_time() - started)
        if update is False:
            return frames, gaps
        if update is not None and update.frame is not None:
            assert isinstance(update.frame, PhaseFrame)
            frames.append(update.frame)


def first_frame(**changes: object) -> PhaseFrame:
    """Return the first picture, without the studies that take longer."""
    steps, _ = PHASE.start(change(PhaseParams(), changes), 0)
    for update in steps:
        if update is not None and update.frame is not None:
            steps.close()
            assert isinstance(update.frame, PhaseFrame)
            return update.frame
    raise AssertionError("no frame")


def rotate(t: float, y: Any) -> list[float]:
    """A field that takes one point only."""
    del t
    return [float(y[1]), -float(y[0])]


def same(a: PhaseFrame, b: PhaseFrame) -> None:
    """Check that two frames hold the same, times spent aside."""
    left, right = dict(flatten(a)), dict(flatten(b))
    assert left.keys() == right.keys()
    for name, value in left.items():
        if name == "studies.work_ms":
            continue
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, right[name], err_msg=name)
        else:
            assert value == right[name], name
