"""Targets that cannot be written and encoders that fail: one sentence, nothing left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from nodeviz.media import writer as writers
from nodeviz.media.formats import FORMATS, MediaError, Options
from nodeviz.media.video import VideoEncoder
from nodeviz.media.writer import Writer, temporary_name

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE = (160, 90)
MOVING = [name for name, kind in FORMATS.items() if kind.moving and name != "folder"]


def pictures(path: Path, count: int = 12, odd: int = -1) -> Path:
    """Write pictures, of which number ``odd`` has another shape."""
    rng = np.random.default_rng(0)
    with Writer(path, Options(size=SIZE, fps=10.0)) as writer:
        for number in range(count):
            shape = (45, 80, 3) if number == odd else (90, 160, 4)
            writer.add(rng.integers(0, 256, shape, np.uint8))
    return path


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder that nobody can write to: a read-only file system where that is permitted, else by its permissions."""
    folder = tmp_path / "locked"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "ro,size=64k", "nodeviz-test", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    folder.chmod(0o555) if not mounted else None
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True) if mounted else folder.chmod(0o755)


def test_a_read_only_folder_is_said_before_anything_is_drawn(read_only: Path) -> None:
    with pytest.raises(MediaError, match=r"cannot be written; name another one"):
        pictures(read_only / "a.mp4")


def test_a_file_that_another_program_has_open_is_replaced_and_stays_whole_for_it(tmp_path: Path) -> None:
    path = pictures(tmp_path / "a.gif", 2)
    with path.open("rb") as reader:
        first = reader.read(100)
        pictures(path, 8)
        reader.seek(0)
        assert reader.read(100) == first
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.gif"]


def test_a_file_that_another_program_does_not_let_go_of_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"held")

    def held(*_: object) -> None:  # as Windows refuses it
        raise PermissionError(13, "The process cannot access the file because it is being used by another process")

    monkeypatch.setattr(writers.os, "replace", held)
    with pytest.raises(MediaError, match="used by another process; nothing was written"):
        pictures(path)
    assert path.read_bytes() == b"held"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.mp4"]


@pytest.mark.parametrize("ending", MOVING)
def test_an_encoder_that_dies_in_the_middle_says_so_and_leaves_nothing(tmp_path: Path, ending: str) -> None:
    with pytest.raises(MediaError, match=r"its encoder failed") as caught:
        pictures(tmp_path / f"a{ending}", 30, odd=7)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("ending", "codec"), [(".mp4", "libx264"), (".webm", "libvpx-vp9"), (".apng", "apng")])
def test_a_missing_codec_is_named_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, codec: str
) -> None:
    monkeypatch.setattr(av, "codecs_available", av.codecs_available - {codec})
    with pytest.raises(MediaError, match=rf"^{codec}: this encoder is missing; .* use \.gif"):
        pictures(tmp_path / f"a{ending}")
    assert not list(tmp_path.iterdir())


def test_an_encoder_that_cannot_begin_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ValueError("no such preset")

    monkeypatch.setattr(VideoEncoder, "__init__", broken)
    with pytest.raises(MediaError, match="its encoder cannot begin"):
        pictures(tmp_path / "a.mp4")
    assert not list(tmp_path.iterdir())


def test_a_process_that_is_killed_leaves_no_file_of_the_name(tmp_path: Path) -> None:
    code = (
        "import os, numpy as np\nfrom pathlib import Path\nfrom nodeviz.media.formats import Options\n"
        "from nodeviz.media.writer import Writer\n"
        f"writer = Writer(Path({str(tmp_path / 'a.gif')!r}), Options(size=(160, 90)))\n"
        "writer.add(np.zeros((90, 160, 4), np.uint8))\nos.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert not (tmp_path / "a.gif").exists()
    pictures(tmp_path / "a.gif")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.gif"]  # what the dead one left is swept away


def test_only_what_dead_exports_of_this_host_have_left_is_swept_away(tmp_path: Path) -> None:
    mine = temporary_name(tmp_path / "a.gif")
    here, _, rest = mine.name.rpartition(f".{os.getpid()}.")
    dead = 99_999_999  # no process has such a number
    left = tmp_path / f"{here}.{dead}.{rest}"
    elsewhere = tmp_path / f".a.gif.another-host.{dead}.tmp"
    for path in (left, elsewhere):
        path.touch()
    pictures(tmp_path / "a.gif")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted([elsewhere.name, "a.gif"])


def test_a_folder_that_cannot_be_listed_takes_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(_: Path) -> Iterator[Path]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", unreadable)
    assert pictures(tmp_path / "a.gif").is_file()


def test_what_cannot_be_taken_away_hinders_no_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def held(*_: object, **__: object) -> None:  # as another program that has it open
        raise PermissionError(13, "Permission denied")

    writer = Writer(tmp_path / "a.gif", Options(size=(160, 90)))
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", held)
        writer.discard()
    assert not (tmp_path / "a.gif").exists()
