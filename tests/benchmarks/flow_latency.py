"""How soon the densities of flows follow the cursor; prints a table.

``python -m tests.benchmarks.flow_latency [--preset NAME ...] [--times 12]``: in a window of 1600 x 1000 whose runs rest
the cursor jumps to times that were never computed. What counts is how long it is until the density of that very time is
painted, by the clock and by the processor: the latter is what it would be were nothing else running. Then it plays and
is scrubbed over the densities that are kept.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from statistics import median
from typing import Any

from .playing import Painting, after_paint, open_window, play, scrub

import numpy as np  # isort: skip - playing sets the number of threads first
from PySide6.QtWidgets import QApplication  # isort: skip

PRESETS = ("eight-gaussians", "spirals", "moons-by-diffusion", "straight-paths", "matching-and-diffusion")
LIMITS = {64: 80.0, 128: 300.0}  # ms
PATIENCE = 5.0  # s


def answer_times(panel: Any, t: float) -> tuple[float, float]:
    """Put the cursor to a time; return the ms until its density is painted, by the clock and by the processor."""
    plane, painted = panel.planes[0], []
    paint = plane.paintEvent

    def note() -> None:
        if panel.view.exact(t):  # what comes is drawn in the same tick
            painted.append((time.perf_counter(), time.process_time()))

    after_paint(plane, note)
    began, used = time.perf_counter(), time.process_time()
    panel.put_time(t)
    while not painted and time.perf_counter() < began + PATIENCE:
        QApplication.processEvents()
        time.sleep(1e-3)  # gives the worker the interpreter, as an idle event loop does
    plane.paintEvent = paint
    by_clock, by_processor = painted[0] if painted else (math.inf, math.inf)
    return 1e3 * (by_clock - began), 1e3 * (by_processor - used)


def jumps(window: Any, panel: Any, cells: int, times: int) -> list[tuple[float, float]]:
    """Return `answer_times` after each of some jumps of the cursor, to times from 0 to 1 in any order."""
    from nodeviz.app.render import settle

    window.session.change("flow", {"resolution": str(cells)})
    settle(window)
    places = (np.arange(times) + 0.37) / times  # none of them is among the times of a frame
    found = []
    for t in np.random.default_rng(0).permutation(places).tolist():
        found.append(answer_times(panel, t))
        settle(window)
    return found


def row(preset: str, times: int, seconds: float) -> str:
    """Return what one preset takes, as a row of Markdown."""
    window = open_window("flow", preset, {})
    panel = window.panels["flow"]
    fields = [preset]
    for cells, limit in LIMITS.items():
        found = jumps(window, panel, cells, times)
        by_clock, by_processor = zip(*found, strict=True)
        late = sum(taken > limit for taken in by_processor)
        fields += [f"{median(by_clock):.0f}", f"{median(by_processor):.0f}", f"{max(by_processor):.0f}", f"{late}"]
    painting = Painting(panel)
    for figures in (play(window, panel, painting, seconds), scrub(window, panel, painting, seconds)):
        fields.append(f"{figures['frames_per_s']:.0f}")
    window.close()
    window.deleteLater()
    QApplication.processEvents()
    return f"| {' | '.join(fields)} |"


def main() -> int:
    """Measure the presets asked for and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.flow_latency", description=__doc__)
    parser.add_argument("--preset", action="append", help=f"may be given again; by default {', '.join(PRESETS)}")
    parser.add_argument("--times", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=3.0, help="of playing and of scrubbing")
    options = parser.parse_args()
    heads = [f"{cells} x {cells}: {what}" for cells in LIMITS for what in ("clock", "processor", "most", "late")]
    print(f"| preset | {' | '.join(heads)} | playing, frames/s | scrubbing |\n|---|{'--:|' * (len(heads) + 2)}")
    for preset in options.preset or PRESETS:
        print(row(preset, options.times, options.seconds), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
