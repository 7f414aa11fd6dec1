"""Animated WebP, written frame by frame: Pillow compresses, and no more than two pictures are held."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from nodeviz.media.gif import box

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

    from nodeviz.media.formats import Options

    Picture = npt.NDArray[np.uint8]

ANIMATED, NOTED, CLEAR = 0b0000_0010, 0b0000_0100, 0b0001_0000  # what the header says that there is
REPLACES = 0b0000_0010  # a frame takes the place of what is under it, and stays
EFFORT = 2  # of 6, that the compression takes
PIXELS = (b"ALPH", b"VP8 ", b"VP8L")  # chunks of a still picture that a frame has too


class WebpEncoder:
    """Pictures into one WebP: of each only the part that differs from the one before.

    Parameters
    ----------
    path : Path, of the file that is written
    options : Options

    Raises
    ------
    OSError : the file cannot be written
    """

    def __init__(self, path: Path, options: Options) -> None:
        self._options = options
        self._file = path.open("wb")
        self._shown: Picture | None = None
        self._count = 0
        width, height = options.size
        flags = ANIMATED | (NOTED if options.note else 0) | (CLEAR if options.transparent else 0)
        self._file.write(b"RIFF\0\0\0\0WEBP")
        self._chunk(b"VP8X", struct.pack("<I", flags) + _three(width - 1) + _three(height - 1))
        self._chunk(b"ANIM", struct.pack("<IH", 0, options.loop))

    def add(self, picture: Picture) -> None:
        """Write one picture (height, width, 4) of blue, green, red, alpha."""
        before, self._shown = self._shown, picture
        rows, columns = slice(0, picture.shape[0]), slice(0, picture.shape[1])
        if before is not None:
            changed = (picture.view(np.uint32) != before.view(np.uint32))[..., 0]
            rows, columns = box(changed)[0] if changed.any() else (slice(0, 2), slice(0, 2))
        left, top = columns.start & ~1, rows.start & ~1  # places are counted in steps of two
        part = picture[top : rows.stop, left : columns.stop, [2, 1, 0, 3] if self._options.transparent else [2, 1, 0]]
        height, width = part.shape[:2]
        ends = [round(1000 * number / self._options.fps) for number in (self._count, self._count + 1)]
        place = _three(left // 2) + _three(top // 2) + _three(width - 1) + _three(height - 1)
        about = place + _three(ends[1] - ends[0]) + bytes([REPLACES])
        self._chunk(b"ANMF", about + self._compressed(np.ascontiguousarray(part)))
        self._count += 1

    def _compressed(self, part: Picture) -> bytes:
        still = io.BytesIO()
        Image.fromarray(part).save(still, "WEBP", quality=self._options.quality, method=EFFORT)
        return b"".join(_chunk(name, data) for name, data in _chunks(still.getvalue()) if name in PIXELS)

    def _chunk(self, name: bytes, data: bytes) -> None:
        self._file.write(_chunk(name, data))

    def close(self) -> None:
        """Write the note and the size of the whole, and end the file."""
        if self._options.note:
            self._chunk(b"XMP ", self._options.note.encode())
        size = self._file.tell()
        self._file.seek(4)
        self._file.write(struct.pack("<I", size - 8))
        self._file.close()

    def abort(self) -> None:
        """Let go of the file."""
        self._file.close()


def _three(number: int) -> bytes:
    return struct.pack("<I", number)[:3]


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def _chunks(still: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and content of each part of a still WebP."""
    place = 12
    while place + 8 <= len(still):
        (size,) = struct.unpack("<I", still[place + 4 : place + 8])
        yield still[place : place + 4], still[place + 8 : place + 8 + size]
        place += 8 + size + size % 2
