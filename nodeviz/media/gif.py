"""GIF, written frame by frame: one palette for as long as it serves, and only what changed in each frame."""

from __future__ import annotations

import struct
from collections import deque
from typing import TYPE_CHECKING

import numpy as np
from PIL import GifImagePlugin, Image

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from nodeviz.media.formats import Options

    Picture = npt.NDArray[np.uint8]
    BoolPicture = npt.NDArray[np.bool_]

NEAREST = Image.Resampling.NEAREST
COLOURS = 255  # the last of a GIF's 256 stands for what stays as it was, or is see-through
KEPT = 255
OFF = 6.0  # mean distance of colours, of 255, beyond which another palette is made
WORSE = 1.3  # how much farther that distance must be than it was with a palette just made, which may be no better
THIN = 4  # every so many pixels a side are looked at for that
WITNESSES = 4  # pictures that a palette is made from: those that the ones before did not serve
SOLID = 96  # alpha from which a pixel is drawn: a GIF knows no more than there and not there
STAYS, CLEARED = 0b0000_0101, 0b0000_1001  # what becomes of a frame when the next one comes, and that 255 is no colour


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
        self._witnesses: deque[Image.Image] = deque(maxlen=WITNESSES)
        self._most = OFF
        self._table: bytes | None = None  # of the palette in force, where it is not the first one
        self._shown: Picture | None = None
        self._pending: tuple[Picture, tuple[int, int], bytes | None] | None = None
        self._since = self._count = 0

    def add(self, picture: Picture) -> None:
        """Write one picture (height, width, 4) of blue, green, red, alpha."""
        image = Image.fromarray(np.ascontiguousarray(picture[..., 2::-1]))
        first = self._palette is None
        palette = self._palette or self._make_palette(image)
        indexed = image.quantize(palette=palette, dither=Image.Dither.NONE)
        anew = _distance(image, indexed) > self._most and not first
        if anew:
            palette = self._make_palette(image)
            indexed = image.quantize(palette=palette, dither=Image.Dither.NONE)
            self._table = _table(palette)
            self._most = max(OFF, WORSE * _distance(image, indexed))
        if first:
            self._file.write(_header(self._options, _table(palette)))
        if self._options.transparent:
            self._put_clear(np.where(picture[..., 3] < SOLID, KEPT, np.asarray(indexed)).astype(np.uint8))
        else:
            self._put(np.asarray(indexed), anew=anew)
        self._count += 1

    def _make_palette(self, image: Image.Image) -> Image.Image:
        """Return a palette of a picture, and of those before that needed one of their own."""
        self._witnesses.append(image.resize((image.width, max(1, image.height // 2)), NEAREST))
        every = Image.new("RGB", (image.width, sum(witness.height for witness in self._witnesses)))
        top = 0
        for witness in self._witnesses:
            every.paste(witness, (0, top))
            top += witness.height
        self._palette = every.quantize(COLOURS, dither=Image.Dither.NONE)
        return self._palette

    def _put(self, now: Picture, *, anew: bool) -> None:
        """Keep a frame until it is known how long it stays: only what differs from the frame before."""
        before, self._shown = self._shown, now
        if before is None or anew:  # the same number is another colour now
            self._flush()
            self._pending = (now, (0, 0), self._table)
            return
        changed = now != before
        if changed.any():
            part, corner = box(changed)
            self._flush()
            self._pending = (np.where(changed, now, KEPT)[part].astype(np.uint8), corner, self._table)

    def _put_clear(self, now: Picture) -> None:
        """Keep a frame on no ground, which is cleared away before the next one: all that is there of it."""
        before, self._shown = self._shown, now
        if before is not None and np.array_equal(before, now):
            return
        there = now != KEPT
        part, corner = box(there) if there.any() else (np.s_[:1, :1], (0, 0))
        self._flush()
        self._pending = (np.ascontiguousarray(now[part]), corner, self._table)

    def _flush(self) -> None:
        """Write the frame kept, shown from its own time until now."""
        if self._pending is None:
            return
        indices, (left, top), table = self._pending
        delay = _hundredths(self._count, self._options.fps) - _hundredths(self._since, self._options.fps)
        height, width = indices.shape
        fate = CLEARED if self._options.transparent else STAYS
        control = struct.pack("<BBBBHBB", 0x21, 0xF9, 4, fate, delay, KEPT, 0)
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


def box(where: BoolPicture) -> tuple[tuple[slice, slice], tuple[int, int]]:
    """Return the part that has all that is true, as slices, and its left upper corner."""
    rows, columns = np.flatnonzero(where.any(1)), np.flatnonzero(where.any(0))
    part = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
    return part, (int(columns[0]), int(rows[0]))


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
    """Return what comes before the first frame: size, palette, how often it plays, and the note as a comment."""
    width, height = options.size
    header = b"GIF89a" + struct.pack("<HHBBB", width, height, 0xF7, 0, 0) + table
    if options.loop != 1:  # what plays once says nothing; others say how often they begin again, 0 for ever
        again = max(0, options.loop - 1)
        header += b"\x21\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<HB", again, 0)
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
