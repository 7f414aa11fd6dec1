"""GIF, written frame by frame: one palette for all as long as it serves, and only what changed in each frame."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np
from PIL import GifImagePlugin, Image

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from nodeviz.media.formats import Options

    Picture = npt.NDArray[np.uint8]

COLOURS = 255  # the last of a GIF's 256 stands for what stays as it was
KEPT = 255
OFF = 6.0  # mean distance of colours, of 255, beyond which a frame gets a palette of its own
THIN = 4  # every so many pixels a side are looked at for that


class GifEncoder:
    """Pictures into one GIF; Pillow compresses, and no more than two frames are held.

    Neighbours that are equal become one frame that stays longer. Delays are hundredths of a second, spread so that the
    whole lasts exactly what it should.

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
        self._palette: Image.Image | None = None
        self._own = False  # whether the frame before had a palette of its own
        self._shown: Picture | None = None
        self._pending: tuple[Picture, tuple[int, int], bytes | None] | None = None
        self._since = self._count = 0

    def add(self, picture: Picture) -> None:
        """Write one picture (height, width, 4) of blue, green, red, alpha."""
        image = Image.fromarray(np.ascontiguousarray(picture[..., 2::-1]))
        if self._palette is None:
            self._palette = image.quantize(COLOURS, dither=Image.Dither.NONE)
            self._file.write(_header(self._options, _table(self._palette)))
        indexed = image.quantize(palette=self._palette, dither=Image.Dither.NONE)
        table = None
        if _distance(image, indexed) > OFF:
            indexed = image.quantize(COLOURS, dither=Image.Dither.NONE)
            table = _table(indexed)
        self._put(np.asarray(indexed), table)
        self._count += 1

    def _put(self, now: Picture, table: bytes | None) -> None:
        """Keep a frame until it is known how long it stays: only what differs from the frame before."""
        before, self._shown = self._shown, now
        alone = before is None or table is not None or self._own
        if not alone:
            assert before is not None
            changed = now != before
            if not changed.any():
                return
            rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
            part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            self._flush()
            self._pending = (np.where(changed, now, KEPT)[part].astype(np.uint8), (int(columns[0]), int(rows[0])), None)
            return
        self._flush()
        self._own = table is not None
        self._pending = (now, (0, 0), table)

    def _flush(self) -> None:
        """Write the frame kept, shown from its own time until now."""
        if self._pending is None:
            return
        indices, (left, top), table = self._pending
        delay = _hundredths(self._count, self._options.fps) - _hundredths(self._since, self._options.fps)
        height, width = indices.shape
        control = struct.pack(
            "<BBBBHBB", 0x21, 0xF9, 4, 0b0000_0101, delay, KEPT, 0
        )  # left as it is; with a kept colour
        packed = 0x87 if table is not None else 0
        self._file.write(control + struct.pack("<BHHHHB", 0x2C, left, top, width, height, packed) + (table or b""))
        self._file.write(_compressed(indices))
        self._pending = None
        self._since = self._count

    def close(self) -> None:
        """Write the last frame and end the file."""
        self._flush()
        self._file.write(b";")
        self._file.close()

    def abort(self) -> None:
        """Let go of the file."""
        self._file.close()


def _hundredths(frame: int, fps: float) -> int:
    return round(100 * frame / fps)


def _table(image: Image.Image) -> bytes:
    """Return 256 colours as bytes."""
    colours = bytes(image.getpalette() or [])
    return colours[:768].ljust(768, b"\0")


def _distance(image: Image.Image, indexed: Image.Image) -> float:
    """Return the mean distance of the colours, where the worst tenth of the pixels counts alone."""
    true = np.asarray(image)[::THIN, ::THIN].astype(np.int16)
    got = np.asarray(indexed.convert("RGB"))[::THIN, ::THIN]
    off = np.abs(true - got).max(-1).ravel()
    worst = max(1, len(off) // 10)
    return float(np.partition(off, -worst)[-worst:].mean())


def _header(options: Options, table: bytes) -> bytes:
    """Return what comes before the first frame: size, palette, endless repetition, and the note as a comment."""
    width, height = options.size
    header = b"GIF89a" + struct.pack("<HHBBB", width, height, 0xF7, 0, 0) + table
    header += b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00"
    note = options.note.encode()
    blocks = b"".join(bytes([len(part)]) + part for part in (note[i : i + 255] for i in range(0, len(note), 255)))
    return header + (b"\x21\xfe" + blocks + b"\0" if note else b"")


def _compressed(indices: Picture) -> bytes:
    """Return the pixels as Pillow compresses them, without the headers that it puts before them."""
    image = Image.fromarray(indices)
    image.putpalette(bytes(768))
    data = GifImagePlugin.getdata(image, (0, 0), include_color_table=False)
    # The first pieces are its own descriptor; the pixels begin with the number of bits of a colour.
    whole = b"".join(data)
    return whole[_descriptor(whole) :]


def _descriptor(whole: bytes) -> int:
    """Return how long the headers of a frame are."""
    place = 0
    while whole[place] == 0x21:  # extensions, each a chain of blocks
        place += 2
        while whole[place]:
            place += 1 + whole[place]
        place += 1
    packed = whole[place + 9]
    return place + 10 + (3 << ((packed & 7) + 1) if packed & 0x80 else 0)
