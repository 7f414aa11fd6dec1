"""Videos and animated pictures by FFmpeg's encoders: H.264, VP9, AV1 and APNG."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import av.logging

from nodeviz.media.formats import CODECS, MediaError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from nodeviz.media.formats import Format, Options

BT709 = 1  # the number of its primaries, transfer function and matrix alike in ITU-T H.273
THREADS = 2


@dataclass(frozen=True, slots=True)
class _Recipe:
    """How FFmpeg is to write a format: its container, encoder, pixels and options."""

    container: str
    encoder: str
    pixels: str
    options: Mapping[str, str]
    container_options: Mapping[str, str]


class VideoEncoder:
    """Pictures into one file, in the order they come.

    Parameters
    ----------
    path : Path, of the file that is written, whatever its ending
    kind : Format, of it
    options : Options

    Raises
    ------
    MediaError : the encoder is missing
    OSError : the file cannot be written
    """

    def __init__(self, path: Path, kind: Format, options: Options) -> None:
        os.environ.setdefault("SVT_LOG", "1")  # the AV1 encoder tells the terminal its settings otherwise
        av.logging.set_level(av.logging.ERROR)
        recipe = _recipe(kind, options)
        if recipe.encoder not in av.codecs_available:
            raise MediaError(f"{recipe.encoder}: this encoder is missing; nodeviz doctor names the remedy, or use .gif")
        rate = Fraction(options.fps).limit_denominator(1001)
        self._tick = 1 / rate
        self._count = 0
        self._colour = "ITU709" if "yuv" in recipe.pixels else None
        self._container = av.open(
            str(path), "w", format=recipe.container, container_options=dict(recipe.container_options)
        )
        self._container.metadata["comment"] = options.note
        stream = self._container.add_stream(recipe.encoder, rate=rate, options=dict(recipe.options))
        assert isinstance(stream, av.VideoStream)  # each recipe names an encoder of pictures
        self._stream = stream
        self._stream.width, self._stream.height = options.size
        self._stream.pix_fmt = recipe.pixels
        context = self._stream.codec_context
        context.time_base = self._tick
        context.thread_count = THREADS
        if self._colour:
            context.color_primaries = context.color_trc = context.colorspace = BT709

    def add(self, picture: npt.NDArray[np.uint8]) -> None:
        """Write one picture (height, width, 4) of blue, green, red, alpha."""
        frame = av.VideoFrame.from_ndarray(picture, format="bgra")
        frame = frame.reformat(format=self._stream.pix_fmt, dst_colorspace=self._colour)
        frame.pts, frame.time_base = self._count, self._tick
        self._count += 1
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Write what the encoder still holds, and end the file."""
        self._container.mux(self._stream.encode(None))
        self._container.close()

    def abort(self) -> None:
        """Let go of the file, whatever state it is in."""
        self._container.close()


def _recipe(kind: Format, options: Options) -> _Recipe:
    """Return how FFmpeg is to write a format. Its constant rate factor falls as the quality rises."""
    codec = options.codec or (kind.codecs[0] if kind.codecs else kind.name)
    coarse = 100 - options.quality
    if codec == ".apng":
        return _Recipe(
            "apng", "apng", "rgba" if options.transparent else "rgb24", {"pred": "mixed"}, {"plays": str(options.loop)}
        )
    container = kind.name.removeprefix(".")
    extra = {"movflags": "+faststart"} if container == "mp4" else {}
    settings = {
        "h264": {"crf": f"{10 + 0.41 * coarse:.1f}", "preset": "veryfast", "tune": "animation"},
        "vp9": {"crf": f"{18 + 0.45 * coarse:.0f}", "b": "0", "deadline": "realtime", "cpu-used": "6", "row-mt": "1"},
        "av1": {"crf": f"{22 + 0.41 * coarse:.0f}", "preset": "9"},
    }[codec]
    return _Recipe(container, CODECS[codec], "yuv420p", settings, extra)
