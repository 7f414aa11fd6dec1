"""Reads exported films with programs that had no part in writing them: Pillow, and an FFmpeg of its own."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import imageio_ffmpeg
import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What another reader finds in a film.

    Attributes
    ----------
    size : width and height; count : of pictures; seconds : that they last, nan of a folder
    first, last : (height, width, 3) red, green, blue
    """

    size: tuple[int, int]
    count: int
    seconds: float
    first: Picture
    last: Picture

    @property
    def rate(self) -> float:
        """Pictures a second; of a GIF or APNG, whose equal neighbours are one, fewer than were exported."""
        return self.count / self.seconds


def read(path: Path) -> Read:
    """Decode a whole film."""
    if path.is_dir():
        files = sorted(path.glob("frame-*.png"))
        first, last = (_plain(file) for file in (files[0], files[-1]))
        return Read(size=(first.shape[1], first.shape[0]), count=len(files), seconds=np.nan, first=first, last=last)
    return _read_video(path) if path.suffix in {".mp4", ".webm"} else _read_animation(path)


def _plain(path: Path) -> Picture:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def _read_video(path: Path) -> Read:
    program = imageio_ffmpeg.get_ffmpeg_exe()
    about = subprocess.run([program, "-hide_banner", "-i", path], capture_output=True, text=True, check=False).stderr
    stream = re.search(r"Stream .* Video: .*?, (\d+)x(\d+).*?, ([\d.]+) fps", about)
    assert stream is not None, about
    width, height, rate = int(stream[1]), int(stream[2]), float(stream[3])
    first, last, count = b"", b"", 0
    command = [program, "-v", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as reading:
        assert reading.stdout is not None
        while picture := reading.stdout.read(3 * width * height):
            first, last, count = first or picture, picture, count + 1
    assert reading.returncode == 0
    made = [np.frombuffer(picture, np.uint8).reshape(height, width, 3) for picture in (first, last)]
    return Read(size=(width, height), count=count, seconds=count / rate, first=made[0], last=made[1])


def _read_animation(path: Path) -> Read:
    with Image.open(path) as image:
        count, seconds = getattr(image, "n_frames", 1), 0.0
        made = []
        for number in range(count):
            image.seek(number)
            image.load()
            seconds += image.info.get("duration", 0.0) / 1000
            if number in {0, count - 1}:
                made.append(np.asarray(image.convert("RGB")))
        return Read(size=image.size, count=count, seconds=seconds, first=made[0], last=made[-1])
