"""A test experiment that floods frames into a real window; run as a process it prints one line of JSON.

``python -m tests.benchmarks.flood [--seconds 60] [--rate 1000] [--panel flood]``, rate 0 as fast as it can. The panel
``flood`` is one experiment, one panel and one line in the registry; ``phase`` floods the phase panel with pictures.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import math
import os
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402 - reads the number of threads when it is imported

from nodeviz.engine.arrays import FloatArray, freeze  # noqa: E402
from nodeviz.experiments import presets, registry  # noqa: E402
from nodeviz.experiments.base import Experiment, Frame, Inbox, Steps, Update  # noqa: E402
from nodeviz.experiments.params import param  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WARM_UP = 5.0  # s, until caches, fonts and pools have their size
N_POINTS = 500  # of the curve in every frame
MB = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class FloodParams:
    """Parameters of the flood."""

    rate: float = param(1000.0, label="Frames per second", lo=0, hi=1e6, help="0: as fast as it can")


@dataclass(frozen=True, slots=True, kw_only=True)
class FloodFrame(Frame):
    """A curve, (N,) each, and its number."""

    number: int
    x: FloatArray
    y: FloatArray


def flood(params: FloodParams, rng: np.random.Generator, inbox: Inbox[FloodParams]) -> Steps:
    """Yield a noisy wave for ever."""
    del inbox
    x = freeze(np.linspace(0.0, 2 * np.pi, N_POINTS))
    for number in paced(params.rate):
        y = np.sin(x + 1e-3 * number) + rng.normal(0.0, 0.05, N_POINTS)
        yield Update(FloodFrame(number=number, x=x, y=freeze(y)), scalars={"number": float(number)})
    return {}


def paced(rate: float) -> Iterator[int]:
    """Count for ever, ``rate`` numbers per second at most; a pause longer than a tenth of a second is not caught up."""
    due, number = time.perf_counter(), 0
    while True:
        if rate:
            ahead = due - time.perf_counter()
            if ahead > 0:
                time.sleep(ahead)
            due = max(due, time.perf_counter() - 0.1) + 1.0 / rate
        yield number
        number += 1


FLOOD: Experiment[FloodParams] = Experiment(
    name="flood",
    title="Flood",
    sentence="Frames without end.",
    steps=flood,
    params=FloodParams,
    metrics=MappingProxyType({}),
    first_preset="",
)


def flooded_phase(rate: float) -> Callable[..., Steps]:
    """Return the phase experiment's first picture, then the same with paths that tremble, for ever."""
    from nodeviz.experiments.phase import phase

    def steps(params: Any, rng: np.random.Generator, inbox: Inbox[Any]) -> Steps:
        picture: Any = None
        for update in phase(params, rng, inbox):
            picture = update.frame if update is not None and update.frame is not None else picture
            yield None
        for number in paced(rate):
            y = freeze(picture.paths.y * (1.0 + 0.01 * np.sin(0.01 * number)))
            frame = dataclasses.replace(picture, paths=dataclasses.replace(picture.paths, y=y))
            yield Update(frame, scalars={"number": float(number)})
        return {}

    return steps


# What follows runs in a process of its own, with a window.


def open_window(panel: str, rate: float) -> Any:
    """Return a real main window whose panel is flooded."""
    # Before the app imports them, and that panel alone. The flood's panel has no presets.
    registry.REGISTRY = MappingProxyType({panel: FLOOD if panel == "flood" else registry.REGISTRY[panel]})
    of_the_package = presets.presets
    presets.presets = lambda name: {} if name == "flood" else of_the_package(name)  # type: ignore[assignment]
    from nodeviz.app import main_window
    from nodeviz.app.application import make_application
    from nodeviz.app.settings import SettingsStore

    make_application()
    if panel == "flood":
        main_window.panel_of = lambda experiment: flood_panel()  # noqa: ARG005 - the only one there is
    window = main_window.MainWindow(SettingsStore(Path(tempfile.mkdtemp(prefix="nodeviz-flood-"))))
    if panel == "phase":
        record = window.panels["phase"].record
        window.panels["phase"].record = dataclasses.replace(record, steps=flooded_phase(rate))
    else:
        window.session.change("flood", {"rate": rate})
    window.begin(panel, None)
    window.show()
    return window


def flood_panel() -> type[Any]:
    """Return the panel of the flood."""
    from nodeviz.app.panels.base import Panel
    from nodeviz.app.plots import Plot, pen

    class FloodPanel(Panel[FloodParams, FloodFrame]):
        """One plot with one curve."""

        experiment = "flood"

        def build(self) -> None:
            self.plot = self.add_plot(Plot("x", "y", name="Wave"))
            self.line = self.plot.curve()
            self.plot.when_themed(lambda theme: self.line.setPen(pen(theme.accent)))
            self.plot.grow("wave", np.array([0.0, 2 * np.pi]), np.array([-1.3, 1.3]))
            self.stage.addWidget(self.plot)

        def draw(self, frame: FloodFrame, fraction: float) -> None:
            del fraction
            self.line.setData(frame.x, frame.y)

        def caption(self, frame: FloodFrame, fraction: float) -> str:
            del fraction
            return f"frame {frame.number}"

    return FloodPanel


class Lateness:
    """How late a precise timer of 20 ms fires on the GUI thread, in ms, against the schedule that Qt keeps for it."""

    INTERVAL = 0.020  # s

    def __init__(self, parent: Any) -> None:
        from PySide6.QtCore import Qt, QTimer

        self.values: list[float] = []
        self._due = 0.0
        self.timer = QTimer(parent)
        self.timer.setTimerType(Qt.TimerType.PreciseTimer)
        self.timer.setInterval(round(self.INTERVAL * 1e3))
        self.timer.timeout.connect(self._fired)

    def start(self) -> None:
        """Begin to measure."""
        self.values.clear()
        self.timer.start()
        self._due = time.perf_counter() + self.INTERVAL

    def _fired(self) -> None:
        now = time.perf_counter()
        self._due = min(self._due, now)
        self.values.append((now - self._due) * 1e3)
        # Qt keeps the schedule after a late one, but begins a new one where the next has been missed already.
        self._due = (self._due if self._due + self.INTERVAL > now else now) + self.INTERVAL

    def summary(self) -> dict[str, float]:
        """Return median, 99th percentile and maximum."""
        p50, p99, most = np.percentile(self.values, [50, 99, 100])
        return {"late_p50_ms": float(p50), "late_p99_ms": float(p99), "late_max_ms": float(most)}


def count_calls(owner: Any, name: str) -> list[float]:
    """Let an object note when a method of it begins; return the growing list of times."""
    times: list[float] = []
    original = getattr(owner, name)

    def counted(*arguments: Any, **options: Any) -> Any:
        times.append(time.perf_counter())
        return original(*arguments, **options)

    setattr(owner, name, counted)
    return times


def resident_memory() -> int:
    """Return the bytes of this process that are in memory now (Linux), or their maximum elsewhere."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        scale = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


def pass_time(seconds: float) -> None:
    """Let the window live for some seconds, by the event loop that it has as a program."""
    from PySide6.QtCore import QEventLoop, QTimer

    loop = QEventLoop()
    QTimer.singleShot(round(seconds * 1000), loop.quit)
    loop.exec()


def measure(window: Any, panel: Any, seconds: float, warm_up: float) -> dict[str, float]:
    """Flood for some seconds and return what was seen."""
    pass_time(warm_up)
    drawn, ticks = count_calls(panel, "redraw"), []
    window.clock.ticked.connect(lambda: ticks.append(None))
    late = Lateness(window)
    memory, numbers, dropped = resident_memory(), len(panel.history["number"]), panel.dropped
    began = time.perf_counter()
    late.start()
    pass_time(seconds)
    passed = time.perf_counter() - began
    late.timer.stop()
    grown, n_new = resident_memory() - memory, len(panel.history["number"]) - numbers
    kept = n_new * panel.history["number"].itemsize
    return {
        "seconds": passed,
        "frames_per_s": n_new / passed,
        "drawn_per_s": len(drawn) / passed,
        "ticks_per_s": len(ticks) / passed,
        "dropped": panel.dropped - dropped,
        "grown_mb": grown / MB,
        "of_which_numbers_mb": kept / MB,
        **late.summary(),
    }


def count_losses(window: Any, panel: Any) -> int:
    """Halt the flood, take what is under way, and return how many numbers never arrived or came out of order."""
    window.worker.allow(panel.experiment, 0)
    pass_time(0.5)
    numbers = panel.history["number"]
    missing = round(numbers[-1]) + 1 - len(numbers)
    return missing + sum(later <= earlier for earlier, later in itertools.pairwise(numbers))


def main() -> int:
    """Flood a window, close it, and print the figures; the exit code is the window's own."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.flood", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--warm-up", type=float, default=WARM_UP)
    parser.add_argument("--rate", type=float, default=1000.0, help="frames per second; 0: as fast as it can")
    parser.add_argument("--panel", choices=("flood", "phase"), default="flood")
    options = parser.parse_args()
    window = open_window(options.panel, options.rate)
    panel = window.panels[options.panel]
    figures = measure(window, panel, options.seconds, options.warm_up)
    figures["lost"] = count_losses(window, panel)
    window.worker.allow(panel.experiment, math.inf)  # closed in the middle of the flood
    pass_time(0.2)
    began = time.perf_counter()
    window.close()
    figures["close_s"] = time.perf_counter() - began
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
