"""How smoothly the phase panel plays, scrubs and answers clicks; run as a process it prints one line of JSON.

``python -m tests.benchmarks.playing [--seconds 5] [--preset van-der-pol] [--solvers "euler, rk4, dopri5"]``
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402 - reads the number of threads when it is imported
from PySide6.QtCore import QPoint, QPointF, Qt, QTimer  # noqa: E402
from PySide6.QtTest import QTest  # noqa: E402
from PySide6.QtWidgets import QApplication  # noqa: E402

from .flood import Lateness, pass_time  # noqa: E402

N_CLICKS = 12


def open_window(panel: str, preset: str, changes: dict[str, object]) -> Any:
    """Return a real window with a preset of a panel and changes on top, all runs at rest and drawn."""
    from nodeviz.app.application import make_application
    from nodeviz.app.main_window import MainWindow
    from nodeviz.app.render import settle
    from nodeviz.app.settings import SettingsStore

    make_application()
    window = MainWindow(SettingsStore(Path(tempfile.mkdtemp(prefix="nodeviz-playing-"))))
    window.begin(panel, preset)
    if changes:
        window.session.change(panel, changes)
    window.resize(1600, 1000)
    window.show()
    settle(window)
    return window


class Painting:
    """Notes how long each tick took, from its beginning to the end of the last plot's paint.

    Attributes
    ----------
    ticks : s per tick that drew
    draws : s of these in the panel's own drawing, before Qt paints
    """

    def __init__(self, panel: Any) -> None:
        self.ticks: list[float] = []
        self.draws: list[float] = []
        self._began = 0.0
        self._redraw = panel.redraw
        panel.redraw = self._timed_redraw
        for plot in panel.plots:
            after_paint(plot, self._painted)

    def _timed_redraw(self, **how: Any) -> None:
        self._began = time.perf_counter()
        self._redraw(**how)
        self.draws.append(time.perf_counter() - self._began)
        self.ticks.append(self.draws[-1])

    def _painted(self) -> None:
        if self.ticks:
            self.ticks[-1] = time.perf_counter() - self._began

    def clear(self) -> None:
        """Forget what was noted."""
        self.ticks.clear()
        self.draws.clear()

    def summary(self, seconds: float) -> dict[str, float]:
        """Return frames per second and, in ms, median and 99th percentile of a tick with its painting."""
        return {
            "frames_per_s": len(self.ticks) / seconds,
            "draw_p50_ms": median(self.draws) * 1e3,
            "tick_p50_ms": median(self.ticks) * 1e3,
            "tick_p99_ms": float(np.percentile(self.ticks, 99)) * 1e3,
        }


def after_paint(plot: Any, call: Callable[[], None]) -> None:
    """Call something after each paint of a plot."""
    paint = plot.paintEvent

    def paint_event(event: Any) -> None:
        paint(event)
        call()

    plot.paintEvent = paint_event


def play(window: Any, panel: Any, painting: Painting, seconds: float) -> dict[str, float]:
    """Play in a loop and return the figures."""
    panel.playbar.loop.setChecked(True)
    panel.do("play")
    pass_time(0.5)
    figures = watch(window, painting, seconds)
    panel.do("pause")
    return figures


def scrub(window: Any, panel: Any, painting: Painting, seconds: float) -> dict[str, float]:
    """Hold the handle of the play bar, move it 60 times a second, and return the figures."""
    handle = panel.playbar.scrub
    middle, width = handle.height() // 2, handle.width()
    QTest.mousePress(handle, Qt.MouseButton.LeftButton, pos=QPoint(width // 2, middle))
    began = time.perf_counter()

    def move() -> None:
        share = 0.5 + 0.45 * math.sin(2.0 * (time.perf_counter() - began))
        QTest.mouseMove(handle, QPoint(round(share * width), middle))

    hand = QTimer(window)
    hand.setTimerType(Qt.TimerType.PreciseTimer)
    hand.timeout.connect(move)
    hand.start(16)
    pass_time(0.5)
    figures = watch(window, painting, seconds)
    hand.stop()
    QTest.mouseRelease(handle, Qt.MouseButton.LeftButton, pos=QPoint(width // 2, middle))
    return figures


def watch(window: Any, painting: Painting, seconds: float) -> dict[str, float]:
    """Let the window live for some seconds and return what was noted."""
    late = Lateness(window)
    painting.clear()
    late.start()
    began = time.perf_counter()
    pass_time(seconds)
    passed = time.perf_counter() - began
    late.timer.stop()
    return {**painting.summary(passed), **late.summary()}


def answer_times(panel: Any, x: float, y: float) -> tuple[float, float]:
    """Click into the plane; return the seconds until a paint shows the new start point, and the paths from there."""
    plane = panel.plane
    place = plane.mapFromScene(plane.box.mapViewToScene(QPointF(x, y)))
    wanted = len(panel.params.start) + 1
    painted: dict[str, float] = {}
    paint = plane.paintEvent

    def note() -> None:
        if len(plane._starts.data) == wanted:
            painted.setdefault("point", time.perf_counter())
        if panel.frame is not None and len(panel.frame.paths.start) == wanted and not panel._dirty:
            painted.setdefault("paths", time.perf_counter())

    after_paint(plane, note)
    began = time.perf_counter()
    QTest.mouseClick(plane.viewport(), Qt.MouseButton.LeftButton, pos=place)
    while "paths" not in painted and time.perf_counter() < began + 5.0:
        QApplication.processEvents()
        time.sleep(1e-4)  # gives the worker the interpreter, as an idle event loop does
    plane.paintEvent = paint
    return painted.get("point", math.inf) - began, painted.get("paths", math.inf) - began


def clicks(window: Any, panel: Any) -> dict[str, float]:
    """Click in several places, each a start point that is removed again; return the times until the answers."""
    from nodeviz.app.render import settle

    (x0, x1), (y0, y1) = panel.params.x_range, panel.params.y_range
    points, paths = [], []
    for share in np.linspace(0.2, 0.8, N_CLICKS):
        # At any moment between two ticks, as people click, and too far apart to be a double click.
        pass_time(QApplication.doubleClickInterval() / 1000 + 0.05 * float(share))
        point, path = answer_times(panel, x0 + share * (x1 - x0), y0 + (0.85 - 0.7 * share) * (y1 - y0))
        points.append(point)
        paths.append(path)
        panel.remove_start(len(panel.params.start) - 1)
        settle(window)
    return {"point_p50_ms": median(points) * 1e3, "paths_p50_ms": median(paths) * 1e3, "paths_max_ms": max(paths) * 1e3}


def main() -> int:
    """Play, scrub, click; print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.playing", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each")
    parser.add_argument("--preset", default="van-der-pol")
    parser.add_argument("--solvers", default="euler, rk4, dopri5", help="empty: the preset's own")
    options = parser.parse_args()
    window = open_window("phase", options.preset, {"solvers": options.solvers} if options.solvers else {})
    panel = window.panels["phase"]
    painting = Painting(panel)
    figures = {
        "playing": play(window, panel, painting, options.seconds),
        "scrubbing": scrub(window, panel, painting, options.seconds),
        "clicking": clicks(window, panel),
    }
    print(json.dumps(figures))
    window.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
