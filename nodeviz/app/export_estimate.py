"""How long an export will take and how large it will be, from a few of its pictures: about, and said so."""

from __future__ import annotations

import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nodeviz.app.export import size_of
from nodeviz.media.formats import MediaError, Options
from nodeviz.media.writer import Writer, write_still

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from nodeviz.experiments.shoot import Shoot
    from nodeviz.media.formats import Format

    Picture = npt.NDArray[np.uint8]

PIXELS = 960 * 540  # of a sample at most: more would hold up the window
GROWTH = 0.8  # bytes grow with this power of the pixels: lines are longer, and grounds as empty as before
STEPS = 400  # of a film: where there are more pictures than that, neighbours hardly differ, and tell nothing
LEAST = 30.0  # bytes of a picture that is as the one before
SLOWER = 1.15  # the window has other things to do as well


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What an export will take.

    Attributes
    ----------
    pictures : exact; seconds, bytes : about
    """

    pictures: int
    seconds: float
    bytes: float

    def words(self) -> str:
        """Return it as one line."""
        many = "1 picture" if self.pictures == 1 else f"{self.pictures:,} pictures"
        return f"{many}, {about_time(self.seconds)}, {about_size(self.bytes)}"


def about_time(seconds: float) -> str:
    """Return a duration as somebody says it who does not know it exactly."""
    for unit, name in ((86_400.0, "days"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 1.5 * unit:
            return f"about {_two_digits(seconds / unit)} {name}"
    return "about 1 s" if seconds < 1.5 else f"about {_two_digits(seconds)} s"


def about_size(size: float) -> str:
    """Return a number of bytes as somebody says it who does not know it exactly."""
    for unit, name in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if size >= 0.95 * unit:
            return f"about {_two_digits(size / unit)} {name}"
    return f"about {_two_digits(max(1.0, size / 1e3))} kB"


def _two_digits(value: float) -> str:
    text = f"{value:.2g}"
    return f"{float(text):,.0f}" if "e" in text or value >= 10 else text


def sample_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return the size of a sample: the same shape, even numbers, and no more pixels than are quick to draw."""
    width, height = size
    share = min(1.0, (PIXELS / (width * height)) ** 0.5)
    if share == 1.0:
        return size
    return max(64, 2 * round(share * width / 2)), max(64, 2 * round(share * height / 2))


@dataclass(frozen=True, slots=True)
class Encoded:
    """What encoding a sample told: bytes of its first picture and of each that follows, and seconds for each."""

    first: float
    more: float
    seconds: float


def apart(shoot: Shoot, kind: Format) -> int:
    """Return how many pictures lie from one of a sample to the next."""
    return 1 if kind.kind == "folder" else max(1, shoot.pictures // STEPS)


class Stopped(Exception):
    """Nobody wants to know any more."""


class Trial:
    """Encodes sample pictures on a thread of its own, into a folder that is gone afterwards.

    Parameters
    ----------
    kind, shoot : what is wanted; pictures : some that follow each other
    """

    def __init__(self, kind: Format, shoot: Shoot, pictures: Sequence[Picture]) -> None:
        height, width = pictures[0].shape[:2]
        self._kind, self._pictures = kind, pictures
        self._options = Options(
            size=(width, height),
            fps=shoot.fps,
            quality=shoot.quality,
            codec=shoot.codec,
            transparent=shoot.transparent,
            note="",
        )
        self.result: Encoded | None = None
        self.error: MediaError | None = None
        self._unwanted = threading.Event()
        self._thread = threading.Thread(target=self._encode, name="nodeviz sample", daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return not self._thread.is_alive()

    def wait(self) -> None:
        """Wait until it has ended."""
        self._thread.join()

    def stop(self) -> None:
        """Let it end after the picture under way, and do not wait for it."""
        self._unwanted.set()

    def _encode(self) -> None:
        try:
            with suppress(Stopped), tempfile.TemporaryDirectory(prefix="nodeviz-") as folder:
                self.result = self._measure(Path(folder))
        except MediaError as error:
            self.error = error
        except OSError as error:  # no room for a sample: the export itself will say where there is none
            self.error = MediaError(f"--out: a sample cannot be written ({error.strerror or error})")

    def _measure(self, folder: Path) -> Encoded:
        count = len(self._pictures)
        # An encoder spends its first pictures on getting better: those tell nothing about the others.
        few = 1 + (count - 1) // 3 if self._kind.moving else 1
        began = time.perf_counter()
        first = self._write(folder, "first", few)
        if count == 1 or not self._kind.moving:
            return Encoded(first, first, time.perf_counter() - began)
        between = time.perf_counter()
        more = max(0.0, self._write(folder, "all", count) - first) / (count - few)
        ended = time.perf_counter()
        # What it takes to begin is in both, and so in neither.
        seconds = max(0.0, (ended - between) - (between - began)) / (count - few)
        return Encoded(max(1.0, first - more * (few - 1)), more, seconds)

    def _write(self, folder: Path, name: str, count: int) -> float:
        path = folder / (name if self._kind.kind == "folder" else name + self._kind.name)
        if not self._kind.moving:
            write_still(path, self._pictures[0], replace(self._options))
            return float(size_of(path))
        with Writer(path, self._options, folder=self._kind.kind == "folder") as writer:
            for picture in self._pictures[:count]:
                if self._unwanted.is_set():
                    raise Stopped
                writer.add(picture)
        return float(size_of(path))


def reckon(shoot: Shoot, kind: Format, encoded: Encoded, *, drawing: float, painting: float, begin: float) -> Estimate:
    """Return the estimate of a whole export.

    Parameters
    ----------
    drawing, painting : seconds of a sample picture for what moves, and for its pixels
    begin : seconds before the first picture, computing included
    """
    width, height = sample_size(shoot.size)
    larger = shoot.size[0] * shoot.size[1] / (width * height)
    pictures = shoot.pictures if kind.moving else 1
    each = max(drawing + painting * larger, encoded.seconds * larger)
    more = larger**GROWTH * encoded.more / apart(shoot, kind) + LEAST
    return Estimate(
        pictures=pictures,
        seconds=begin + SLOWER * each * pictures,
        bytes=larger**GROWTH * encoded.first + more * (pictures - 1),
    )
