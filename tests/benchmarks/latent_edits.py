"""How soon the latent ODE answers edits; prints a table.

``python -m tests.benchmarks.latent_edits [--edits 1000] [--rate 20] [--alone] [--preset NAME]``: in a real window of
1600 x 1000, with all panels or with the latent ODE alone, a point is clicked, removed or dragged so many times a
second. What counts is how long it is from the event until an answer to these observations, or to newer ones, is
painted: by the clock, and by the processor, which is what it would be were nothing else running. No edit may be lost.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

from .playing import open_window

import numpy as np  # isort: skip - playing sets the number of threads first
from PySide6.QtCore import QEventLoop, QPoint, QPointF, Qt, QTimer  # isort: skip
from PySide6.QtTest import QTest  # isort: skip
from PySide6.QtWidgets import QApplication  # isort: skip

LIMIT_MS = 50.0
FEWEST, MOST = 6, 24  # points between which the number of them wanders
HAND = 0.015  # s from one event of a drag to the next
BESIDE = 16.0  # pixels from an observation within which a click may mean it
LEFT, SHIFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.NoModifier


class Watch:
    """Times edits from their event to the paint of an answer.

    Attributes
    ----------
    clock, processor : ms of each edit
    """

    def __init__(self, panel: Any) -> None:
        self._panel, self._begun = panel, deque[tuple[float, float]]()
        self.clock: list[float] = []
        self.processor: list[float] = []
        panel.view.channels[0].painted.connect(self._painted)

    def event(self) -> None:
        """Note that the next event comes now."""
        self._begun.append((time.perf_counter(), time.process_time()))

    def _painted(self) -> None:
        # The panel knows which edits wait; those before them are answered by what is on screen now.
        while len(self._begun) > self._panel.times.pending:
            began, used = self._begun.popleft()
            self.clock.append(1e3 * (time.perf_counter() - began))
            self.processor.append(1e3 * (time.process_time() - used))


def place(plot: Any, x: float, y: float) -> QPoint:
    """Return where a place of a plot lies in its viewport."""
    where: QPoint = plot.mapFromScene(plot.box.mapViewToScene(QPointF(x, y)))
    return where


def wait(due: float) -> None:
    """Let the window live until a time by perf_counter, in an event loop that sleeps as the application's does."""
    loop = QEventLoop()
    timer = QTimer(singleShot=True, timerType=Qt.TimerType.PreciseTimer)
    timer.timeout.connect(loop.quit)
    timer.start(max(0, round(1e3 * (due - time.perf_counter()))))
    loop.exec()


def free_place(panel: Any, plot: Any, rng: np.random.Generator) -> QPoint:
    """Return where a click adds: in what the plot shows of the times 0 to 1, and beside every observation."""
    (x0, x1), (y0, y1) = plot.box.viewRange()
    low, high, room = max(x0, 0.0), min(x1, 1.0), 0.05 * (y1 - y0)
    while True:
        x = low + rng.uniform(0.02, 0.98) * (high - low)
        y = rng.uniform(y0 + room, y1 - room)
        if panel.view.nearest(plot, QPointF(x, y))[1] > BESIDE:
            return place(plot, x, y)


def edit(panel: Any, rng: np.random.Generator, watch: Watch, due: float) -> None:
    """At a time click a point into the plot, remove the nearest one, or drag one a little: by real events."""
    wait(due - HAND)
    plot, points = panel.view.channels[0], panel.params.points
    viewport, free = plot.viewport(), free_place(panel, plot, rng)
    what = "add" if len(points) < FEWEST else "remove" if len(points) > MOST else rng.choice(["add", "remove", "drag"])
    if what == "drag":
        row = int(rng.integers(len(points)))
        start = place(plot, float(points.t[row]), float(points.y[row, 0]))
        end = start + QPoint(8, int(rng.integers(-40, 40)))
        QTest.mousePress(viewport, LEFT, pos=start)
        wait(due)
        watch.event()
        QTest.mouseMove(viewport, end)
        wait(due + HAND)
        QTest.mouseRelease(viewport, LEFT, pos=end)
        return
    wait(due)
    watch.event()
    QTest.mouseClick(viewport, LEFT, SHIFT if what == "remove" else NONE, free)


def memory() -> float:
    """Return the resident memory in MB (Linux; elsewhere the largest so far)."""
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * resource.getpagesize() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def run(panel: Any, edits: int, rate: float) -> Watch:
    """Make so many edits at a rate, and let the last ones be answered."""
    watch, rng = Watch(panel), np.random.default_rng(0)
    due = time.perf_counter() + HAND
    for _ in range(edits):
        edit(panel, rng, watch, due)
        due = max(due + 1.0 / rate, time.perf_counter())
    deadline = time.perf_counter() + 2.0
    while panel.times.pending and time.perf_counter() < deadline:
        QApplication.processEvents()
    return watch


def main() -> int:
    """Print the percentiles of all edits."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.latent_edits", description=__doc__)
    parser.add_argument("--edits", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=20.0, help="edits per second (default 20)")
    parser.add_argument("--alone", action="store_true", help="without the other panels")
    parser.add_argument("--preset", default="eight-points")
    options = parser.parse_args()
    window = open_window("latent", options.preset, {})
    panel = window.panels["latent"]
    if options.alone:
        window.show_alone("latent")
    run(panel, 40, options.rate)  # until caches, fonts and pools have their size
    before = memory()
    watch = run(panel, options.edits, options.rate)
    grown = memory() - before
    print("| by | median, ms | p90 | p99 | most | above 50 ms |\n|---|--:|--:|--:|--:|--:|")
    for by, taken in (("clock", watch.clock), ("processor", watch.processor)):
        middle, most, nearly, worst = np.quantile(taken, (0.5, 0.9, 0.99, 1.0))
        late = sum(ms > LIMIT_MS for ms in taken)
        print(f"| {by} | {middle:.0f} | {most:.0f} | {nearly:.0f} | {worst:.0f} | {late} |")
    print(f"\n{options.edits - len(watch.clock)} of {options.edits} edits lost; memory grew by {grown:.1f} MB")
    window.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
