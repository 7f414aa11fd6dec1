"""Exports onto a disk that is full: a small file system of their own, or a limit on the size of files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
ROOM = 160_000  # bytes, of the small disk
# In a process of its own: a limit on the size of files binds all of it.
EXPORT = """
import json, resource, signal, sys
import numpy as np
from pathlib import Path
from nodeviz.media.formats import MediaError, Options
from nodeviz.media.writer import Writer, write_still
target, limit = sys.argv[1], int(sys.argv[2])
if limit:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
rng = np.random.default_rng(0)
options = Options(size=(320, 180), fps=10.0, quality=95)
def noise():
    return rng.integers(0, 256, (180, 320, 4), np.uint8)
try:
    if target.endswith((".png", "still")):
        write_still(Path(target), noise(), options)
    else:
        with Writer(Path(target), options, folder=target.endswith("/")) as writer:
            for _ in range(60):
                writer.add(noise())
except MediaError as error:
    print(json.dumps(str(error)))
else:
    print(json.dumps(""))
"""
# Drawings of lines are made by the panel itself; everything is imported before the limit binds.
DRAWING = """
import resource, sys
from nodeviz import cli
from nodeviz.app import application, export
target, limit = sys.argv[1], int(sys.argv[2])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
sys.exit(cli.main(["export", "phase", "--preset", "spiral", "--out", target]))
"""


def exported(target: str, limit: int) -> str:
    """Export noise, which no encoder makes small, and return the sentence that says why it failed."""
    child = subprocess.run(
        [sys.executable, "-c", EXPORT, target, str(limit)],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    told: str = json.loads(child.stdout.splitlines()[-1])
    return told


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A folder with little room, and the limit that files need where it could not be made a disk of its own.

    A small file system in memory where that is permitted; elsewhere a limit on the size of each file stands in for it.
    """
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "nodeviz-test", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    try:
        yield folder, 0 if mounted else ROOM
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.gif", "a.apng", "a.webp", "frames/", "a.png"])
def test_a_full_disk_is_said_with_its_room_and_nothing_is_left(small_disk: tuple[Path, int], name: str) -> None:
    folder, limit = small_disk
    if limit and name == "frames/":
        limit = 4_000  # of each file, for want of a small disk
    if limit and name == "a.png":
        limit = 40_000
    sentence = exported(f"{folder}/{name}", limit)
    assert sentence.startswith(f"--out {folder}/{name.rstrip('/')}: ")
    assert ("MB are free" in sentence) or (limit > 0 and "larger than files may be here" in sentence)
    assert "\n" not in sentence
    assert not list(folder.iterdir())


@pytest.mark.parametrize("name", ["a.mp4", "a.gif", "a.webp"])
def test_a_file_larger_than_allowed_is_said_and_nothing_is_left(tmp_path: Path, name: str) -> None:
    sentence = exported(f"{tmp_path}/{name}", ROOM)
    assert "larger than files may be here" in sentence
    assert not list(tmp_path.iterdir())


def test_an_earlier_file_survives_a_full_disk(small_disk: tuple[Path, int]) -> None:
    folder, limit = small_disk
    (folder / "a.gif").write_bytes(b"earlier")
    assert exported(f"{folder}/a.gif", limit)
    assert [entry.name for entry in folder.iterdir()] == ["a.gif"]
    assert (folder / "a.gif").read_bytes() == b"earlier"


@pytest.mark.parametrize("ending", [".svg", ".pdf"])
def test_a_drawing_that_finds_the_disk_full_is_said_and_the_earlier_one_survives(
    small_disk: tuple[Path, int], ending: str
) -> None:
    folder, limit = small_disk
    target, ballast = folder / f"a{ending}", folder / "ballast"
    target.write_bytes(b"earlier")
    if not limit:
        ballast.write_bytes(bytes(ROOM - 20_000))
    made = subprocess.run(
        [sys.executable, "-c", DRAWING, str(target), str(4_000 if limit else 0)],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    sentence = made.stderr.splitlines()[-1]
    assert made.returncode == 1  # what was asked for was good
    assert sentence.startswith(f"nodeviz: --out {target}: ")
    assert ("MB are free" in sentence) or (limit > 0 and "larger than files may be here" in sentence)
    assert target.read_bytes() == b"earlier"
    assert {entry.name for entry in folder.iterdir()} <= {target.name, ballast.name}
