"""``python -m tests.benchmarks exports [name ...]`` exports each format and prints one table.

Every row is a process of its own. Pictures a second are those of drawing, encoding and ending the file, without the
computing of what is seen; every file is decoded again by another reader. Nothing else should run meanwhile: seconds of
the processor, which other work changes little, stand beside.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 1800.0  # s, of one export
NEAR = 3.0  # mean difference of colours, of 255, that a lossy format may make
MEMORY = 50.0  # MB that a film of 600 s may take more than one of 6 s


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One export: a file of a panel, with what is asked of it."""

    file: str
    panel: str = "classifier"
    size: tuple[int, int] = (1280, 720)
    fps: float = 30.0
    seconds: float = 8.0
    codec: str = ""
    least: float = 0.0  # pictures a second
    longest: float = 0.0  # s
    largest: float = 0.0  # MB


SMALL = (320, 180)
ROWS: Mapping[str, Row] = MappingProxyType(
    {
        "h264": Row(file="a.mp4", least=40.0),
        "h264-1080p": Row(file="a.mp4", size=(1920, 1080), least=20.0),
        "vp9": Row(file="a.webm"),
        "av1": Row(file="a.mp4", codec="av1"),
        "gif": Row(file="a.gif", size=(800, 450), fps=15.0, seconds=10.0, longest=15.0, largest=12.0),
        "apng": Row(file="a.apng"),
        "webp": Row(file="a.webp"),
        "folder": Row(file="frames/"),
        "grid": Row(file="a.mp4", panel="grid"),
    }
)
LENGTHS: Mapping[str, str] = MappingProxyType(
    {
        "memory-h264": "a.mp4",
        "memory-vp9": "a.webm",
        "memory-gif": "a.gif",
        "memory-apng": "a.apng",
        "memory-webp": "a.webp",
    }
)


def export(row: Row) -> dict[str, Any]:
    """Export one row in this process, read it again, and return the figures."""
    from media.another_reader import read

    from nodeviz.app.application import make_offscreen_application
    from nodeviz.app.export import GRID, Shoot, Subject, export_frames, size_of
    from nodeviz.experiments.registry import REGISTRY
    from nodeviz.experiments.run import Run

    application = make_offscreen_application()
    names = list(REGISTRY) if row.panel == GRID else [row.panel]
    runs = [Run(name, preset=REGISTRY[name].first_preset, shown=True) for name in names]
    frames = [list(run)[-1] for run in runs]
    subjects = [Subject(run.experiment.name, run.params, 0, run.preset or "") for run in runs]
    shoot = Shoot(size=row.size, fps=row.fps, seconds=row.seconds, codec=row.codec, over="time")
    with tempfile.TemporaryDirectory() as folder:
        target = f"{folder}/{row.file}"
        began, spent = time.perf_counter(), time.process_time()
        for _ in export_frames(subjects, frames, target, shoot):
            pass
        seconds, spent = time.perf_counter() - began, time.process_time() - spent
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        path = Path(target)
        found, size = read(path), size_of(path) / 1e6
    off = max(
        _difference(subjects, frames, shoot, share, picture)
        for share, picture in ((0.0, found.first), (1.0, found.last))
    )
    del application
    merges = path.suffix in {".gif", ".apng"}
    right = found.size == row.size and (found.count == shoot.pictures or (merges and found.count <= shoot.pictures))
    right = right and not abs(found.seconds - row.seconds) > 0.02 and off < NEAR
    return {
        "pictures": shoot.pictures, "seconds": seconds, "processor": spent, "megabytes": size, "peak": peak,
        "count": found.count, "off": off, "right": right,
    }  # fmt: skip


def _difference(subjects: Any, frames: Any, shoot: Any, share: float, picture: Any) -> float:
    """Return how far a decoded picture is from what is drawn, as the mean difference of colours."""
    import numpy as np

    from nodeviz.app.export import sheet_of

    sheet = sheet_of(subjects, shoot)
    try:
        sheet.draw_all([(frame, share) for frame in frames])
        return float(np.abs(sheet.picture()[..., 2::-1].astype(int) - picture).mean())
    finally:
        sheet.close()


def measured(row: Row) -> dict[str, Any]:
    """Export a row in a process of its own."""
    told = json.dumps({name: getattr(row, name) for name in Row.__slots__})
    child = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", "exports", "--one", told],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}, capture_output=True, text=True,
        timeout=PATIENCE, check=False,
    )  # fmt: skip
    if child.returncode:
        sys.exit(f"{row.file}: ended with code {child.returncode}\n{child.stderr}")
    figures: dict[str, Any] = json.loads(child.stdout.strip().splitlines()[-1])
    return figures


def line(name: str, row: Row, seen: Mapping[str, Any]) -> str:
    """Return a row of the table."""
    rate = seen["pictures"] / seen["seconds"]
    wanted = {
        f"{row.least:g}/s or more": not row.least or rate >= row.least,
        f"{row.longest:g} s or less": not row.longest or seen["seconds"] <= row.longest,
        f"{row.largest:g} MB or less": not row.largest or seen["megabytes"] <= row.largest,
    }
    asked = [text for text in wanted if not text.startswith("0 ") and not text.startswith("0/")]
    met = ("yes" if all(wanted.values()) else "NO") if asked else ""
    right = f"{'yes' if seen['right'] else 'NO'}: {seen['count']} pictures, first and last off by {seen['off']:.2f}"
    return (
        f"| {name} | {row.size[0]}x{row.size[1]} | {rate:.0f} | {seen['seconds']:.1f} | {seen['processor']:.1f} | "
        f"{seen['megabytes']:.2f} | {right} | {', '.join(asked)} | {met} |"
    )


def memory(name: str, file: str) -> str:
    """Return a row about what a long film takes in memory beyond a short one."""
    short, long = (measured(Row(file=file, size=SMALL, fps=10.0, seconds=seconds))["peak"] for seconds in (6.0, 600.0))
    met = "yes" if long - short <= MEMORY else "NO"
    return f"| {name} | {short:.0f} MB | {long:.0f} MB | {long - short:+.0f} MB | {MEMORY:g} MB or less | {met} |"


def main(arguments: list[str]) -> int:
    """Measure the rows named, all by default."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks exports", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join((*ROWS, *LENGTHS))}; all by default")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one:
        told = json.loads(options.one)
        print(json.dumps(export(Row(**{**told, "size": tuple(told["size"])}))))
        return 0
    unknown = [name for name in options.names if name not in {*ROWS, *LENGTHS}]
    if unknown:
        parser.error(f"unknown export {unknown[0]!r}")
    rows = [name for name in options.names or ROWS if name in ROWS]
    lengths = [name for name in options.names or LENGTHS if name in LENGTHS]
    if rows:
        print("| export | size | pictures/s | s | s of the processor | MB | decoded as drawn | target | met |")
        print("|---|---|--:|--:|--:|--:|---|---|---|")
    for name in rows:
        print(line(name, ROWS[name], measured(ROWS[name])), flush=True)
    if lengths:
        print("\n| 320x180 at 10/s | 6 s | 600 s | more | target | met |\n|---|--:|--:|--:|---|---|")
    for name in lengths:
        print(memory(name, LENGTHS[name]), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
