"""What a long export will take, from a few of its pictures, for those who have no window to look at."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from nodeviz.app.export import sheet_of, subject_of_run
from nodeviz.app.export_estimate import Trial, apart, reckon, sample_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nodeviz.app.export_estimate import Estimate
    from nodeviz.experiments.run import Run
    from nodeviz.experiments.shoot import Shoot
    from nodeviz.media.formats import Format

SAMPLES = 6  # pictures


def estimate_runs(runs: Sequence[Run], shoot: Shoot, kind: Format) -> Estimate:
    """Return about what an animation of runs takes, without their computing; the runs themselves are left alone.

    Raises
    ------
    MediaError : the encoder cannot do it
    """
    frames = [next(iter(run.again())) for run in runs]
    sheet = sheet_of([subject_of_run(run) for run in runs], replace(shoot, size=sample_size(shoot.size)))
    try:
        pictures = []
        sheet.look_at(frames)
        began = time.perf_counter()
        for number in range(SAMPLES):
            fraction = shoot.fraction(min(shoot.pictures - 1, shoot.pictures // 2 + number * apart(shoot, kind)))
            sheet.draw_all([(frame, fraction) for frame in frames])
            pictures.append(sheet.picture())
        painting = (time.perf_counter() - began) / SAMPLES
    finally:
        sheet.close()
    trial = Trial(kind, shoot, pictures)
    trial.wait()
    if trial.error is not None:
        raise trial.error
    assert trial.result is not None  # it has ended well
    return reckon(shoot, kind, trial.result, drawing=0.0, painting=painting, begin=0.0)
