"""``python -m tests.benchmarks.window [--seconds 60] [name ...]`` measures the window and prints one table.

Every figure comes from processes of their own. Nothing else should run meanwhile: what is measured is how late things
are. The names are flood, fast-flood, phase-flood, start, start-x11, playing, hanging, training and training-x11; all
of them by default.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).resolve().parents[2]
N_STARTS = 5
PATIENCE = 120.0  # s, beyond the time that a measurement takes by itself


@dataclass(frozen=True, slots=True)
class Row:
    """One figure; ``most`` or ``least`` is the target, where there is one."""

    what: str
    figure: float
    unit: str = ""
    most: float | None = None
    least: float | None = None

    def __str__(self) -> str:
        wanted = "" if self.most is None else f"at most {self.most:g}"
        wanted = wanted if self.least is None else f"at least {self.least:g}"
        met = "yes" if self.met else "NO"
        return f"| {self.what} | {self.figure:.4g} {self.unit} | {wanted} | {met if wanted else ''} |"

    @property
    def met(self) -> bool:
        """Whether the target is met; true where there is none."""
        return (self.most is None or self.figure <= self.most) and (self.least is None or self.figure >= self.least)


def run(module: str, *arguments: str, environment: Mapping[str, str] | None = None, limit: float) -> dict[str, Any]:
    """Run a child and return the JSON that it prints, with its exit code."""
    child = subprocess.run(
        [sys.executable, "-m", f"tests.benchmarks.{module}", *arguments],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=limit + PATIENCE,
        check=False,
    )
    lines = child.stdout.strip().splitlines()
    if not lines:
        sys.exit(f"{module}: ended with code {child.returncode} and printed no figures\n{child.stderr}")
    return {**json.loads(lines[-1]), "exit_code": child.returncode}


def flood(seconds: float, *, rate: float, panel: str, title: str) -> list[Row]:
    """Flood a panel and see what the window makes of it."""
    arguments = ("--seconds", str(seconds), "--rate", str(rate), "--panel", panel)
    seen = run("flood", *arguments, limit=seconds)
    bound = bool(rate) and panel == "flood"  # the targets are those of the flood
    rows = [
        Row("frames made", seen["frames_per_s"], "/s"),
        Row("frames drawn", seen["drawn_per_s"], "/s"),
        Row("frames dropped", seen["dropped"]),
        Row("numbers lost", seen["lost"], most=0),
        Row("memory grown", seen["grown_mb"], "MB", 20 if bound else None),
        Row("of which numbers kept", seen["of_which_numbers_mb"], "MB"),
        Row("20 ms timer late, median", seen["late_p50_ms"], "ms"),
        Row("20 ms timer late, p99", seen["late_p99_ms"], "ms", 8 if bound else None),
        Row("20 ms timer late, most", seen["late_max_ms"], "ms"),
        Row("closing", seen["close_s"], "s", 1),
        Row("exit code", seen["exit_code"], most=0),
    ]
    return [Row(f"{title}: {row.what}", row.figure, row.unit, row.most, row.least) for row in rows]


def start(*, x11: bool) -> list[Row]:
    """Start nodeviz several times and return medians of the moments."""
    if x11 and shutil.which("Xvfb") is None:
        sys.stderr.write("start-x11: left out, Xvfb is not installed\n")
        return []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nodeviz-start-")))
        platform = on_screen(stack) if x11 else {"QT_QPA_PLATFORM": "offscreen"}
        moments = [started(platform, folder, number) for number in range(N_STARTS + 1)][1:]  # the first one is cold
    where = "start, X11" if x11 else "start, offscreen"
    said = {
        "interpreter_s": "Python runs",
        "application_s": "QApplication is there",
        "imported_s": "everything is imported",
        "shown_s": "the window is built",
        "first_paint_s": "the plot is painted",
        "first_frame_s": "the first picture is painted",
    }
    return [
        Row(f"{where}: {words}", median(each[key] for each in moments), "s", 0.8 if key == "first_paint_s" else None)
        for key, words in said.items()
    ]


def started(platform: Mapping[str, str], folder: Path, number: int) -> dict[str, float]:
    """Start once, with compiled modules where a user has them and without settings of before."""
    environment = {
        **platform,
        "NODEVIZ_CONFIG_DIR": str(folder / f"config-{number}"),
        "PYTHONPYCACHEPREFIX": str(folder / "compiled"),
        "PYTHONDONTWRITEBYTECODE": "",  # empty counts as not set
        "NODEVIZ_STARTED": str(time.monotonic()),
    }
    return run("first_paint", environment=environment, limit=30)


def playing(seconds: float) -> list[Row]:
    """Play, scrub and click in Van der Pol with three solvers."""
    seen = run("playing", "--seconds", str(seconds), limit=5 * seconds)
    rows = []
    for doing in ("playing", "scrubbing"):
        figures = seen[doing]
        rows += [
            Row(f"{doing}: frames", figures["frames_per_s"], "/s", least=55),
            Row(f"{doing}: the panel draws, median", figures["draw_p50_ms"], "ms"),
            Row(f"{doing}: tick with painting, median", figures["tick_p50_ms"], "ms"),
            Row(f"{doing}: tick with painting, p99", figures["tick_p99_ms"], "ms"),
            Row(f"{doing}: 20 ms timer late, p99", figures["late_p99_ms"], "ms"),
        ]
    return [
        *rows,
        Row("a click: its start point is painted, median", seen["clicking"]["point_p50_ms"], "ms", 50),
        Row("a click: the paths from there are painted, median", seen["clicking"]["paths_p50_ms"], "ms", 50),
        Row("a click: the paths from there are painted, longest", seen["clicking"]["paths_max_ms"], "ms"),
    ]


def hanging() -> list[Row]:
    """Close while a run hangs."""
    command = [sys.executable, "-m", "tests.app.closing_app", "hangs"]
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    child = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    ended = time.monotonic()
    closing = re.search(r"closing at ([\d.]+)", child.stderr)
    if closing is None:
        sys.exit(f"hanging: the program did not close its window\n{child.stderr}")
    return [
        Row("a run hangs: from closing to the end", ended - float(closing[1]), "s", 1.5),
        Row("a run hangs: exit code", child.returncode, most=1, least=1),
    ]


def training(seconds: float, *, x11: bool) -> list[Row]:
    """Train in a window with every panel visible."""
    if x11 and shutil.which("Xvfb") is None:
        sys.stderr.write("training-x11: left out, Xvfb is not installed\n")
        return []
    with ExitStack() as stack:
        platform = on_screen(stack) if x11 else {"QT_QPA_PLATFORM": "offscreen"}
        seen = run("training", "--seconds", str(seconds), environment=platform, limit=5 * seconds)
    where = "X11" if x11 else "offscreen"
    rows = [Row(f"{where}: steps without a window", seen["headless_steps_per_s"], "/s")]
    for doing, share in (("training", 0.70), ("scrubbing", 0.45)):
        figures = seen[doing]
        rows += [
            Row(f"{where}, {doing}: share of these steps", figures["share"], least=None if x11 else share),
            Row(f"{where}, {doing}: frames", figures["frames_per_s"], "/s"),
            Row(f"{where}, {doing}: tick with painting, median", figures["tick_p50_ms"], "ms"),
            Row(f"{where}, {doing}: 20 ms timer late, p99", figures["late_p99_ms"], "ms", None if x11 else 8),
        ]
    return rows


def on_screen(stack: ExitStack) -> dict[str, str]:
    """Start a virtual screen that ends with the stack; return the environment of a program that shows itself there."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nodeviz-screen-")))
    sys.path.insert(0, str(ROOT / "packaging"))  # scripts, not a package
    from check_window import screen

    return {"QT_QPA_PLATFORM": "xcb", "DISPLAY": stack.enter_context(screen(folder))}


MEASUREMENTS: Mapping[str, Callable[[float], list[Row]]] = MappingProxyType(
    {
        "flood": lambda seconds: flood(seconds, rate=1000, panel="flood", title="1 kHz"),
        "fast-flood": lambda seconds: flood(seconds, rate=0, panel="flood", title="as fast as it can"),
        "phase-flood": lambda seconds: flood(seconds, rate=1000, panel="phase", title="1 kHz into the phase panel"),
        "start": lambda seconds: start(x11=False),  # noqa: ARG005
        "start-x11": lambda seconds: start(x11=True),  # noqa: ARG005
        "playing": lambda seconds: playing(min(10.0, seconds)),
        "hanging": lambda seconds: hanging(),  # noqa: ARG005
        "training": lambda seconds: training(min(10.0, seconds), x11=False),
        "training-x11": lambda seconds: training(min(10.0, seconds), x11=True),
    }
)


def main() -> int:
    """Take the measurements and print the table; exit code 1 where a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.window", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(MEASUREMENTS)}; all by default")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each flood (default 60)")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in MEASUREMENTS]
    if unknown or not options.seconds >= 1:
        parser.error(f"unknown measurement {unknown[0]!r}" if unknown else f"seconds={options.seconds:g}: at least 1")
    rows: list[Row] = []
    for name in options.names or MEASUREMENTS:
        print(f"{name} ...", file=sys.stderr)
        rows += MEASUREMENTS[name](options.seconds)
    print("| what | figure | target | met |\n|---|--:|---|---|")
    print("\n".join(map(str, rows)))
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
