"""What can be written: every format with its endings, codecs and limits, and the options of one export."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["video", "animation", "folder", "still"]


class MediaError(ValueError):
    """An export that cannot be: one sentence that names what, its value, the limit and the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A file format.

    Attributes
    ----------
    name, title : as in the table, and for people
    kind : a video, an animated picture, a folder of pictures or a still
    codecs : of a video, the default first
    transparent : whether it can keep the ground see-through
    most_fps : frames a second it can tell apart
    """

    name: str
    title: str
    kind: Kind
    codecs: tuple[str, ...] = ()
    transparent: bool = False
    most_fps: float = 240.0

    @property
    def moving(self) -> bool:
        """Whether it holds more than one picture."""
        return self.kind != "still"


# A GIF counts time in hundredths of a second, and players slow down what is shorter than two of them.
FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        ".mp4": Format(name=".mp4", title="MP4", kind="video", codecs=("h264", "av1")),
        ".webm": Format(name=".webm", title="WebM", kind="video", codecs=("vp9", "av1")),
        ".gif": Format(name=".gif", title="GIF", kind="animation", transparent=True, most_fps=50.0),
        ".apng": Format(name=".apng", title="APNG", kind="animation", transparent=True),
        ".webp": Format(name=".webp", title="WebP", kind="animation", transparent=True),
        "folder": Format(name="folder", title="Folder of PNGs", kind="folder", transparent=True),
        ".png": Format(name=".png", title="PNG", kind="still", transparent=True),
        ".svg": Format(name=".svg", title="SVG", kind="still", transparent=True),
        ".pdf": Format(name=".pdf", title="PDF", kind="still", transparent=True),
    }
)
CODECS: Mapping[str, str] = MappingProxyType({"h264": "libx264", "vp9": "libvpx-vp9", "av1": "libsvtav1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How pictures become a file.

    Attributes
    ----------
    size : width and height in pixels; even numbers for a video
    fps : frames per second
    quality : 1 to 100; of a video or WebP, the others lose nothing but colours (GIF)
    codec : of a video, one of its format's; empty for the usual one
    transparent : whether the ground stays see-through
    loop : how often an animated picture plays, 0 for ever; of a GIF, APNG or WebP
    note : text that is kept in the file, for ``nodeviz run --from FILE``
    count : pictures that are expected, 0 where nobody knows: the numbers of a folder's files are all as wide
    """

    size: tuple[int, int]
    fps: float = 30.0
    quality: int = 80
    codec: str = ""
    transparent: bool = False
    loop: int = 0
    note: str = ""
    count: int = 0


def format_of(path: Path | str) -> Format:
    """Return the format that a path asks for: by its ending, or a folder where the path ends in a slash or is one.

    Raises
    ------
    MediaError : an ending that nothing is written for
    """
    ending = Path(path).suffix.lower()
    if str(path).endswith("/") or Path(path).is_dir():
        return FORMATS["folder"]
    if ending not in FORMATS:
        known = ", ".join(name for name in FORMATS if name != "folder")
        raise MediaError(
            f"--out {path}: {ending or 'no ending'} is not a format; use {known}, or a folder with a / at its end"
        )
    return FORMATS[ending]


def check_options(path: Path | str, options: Options) -> Format:
    """Return the format of an export, or say what it cannot do.

    Raises
    ------
    MediaError : what is asked for is beyond the format
    """
    kind = format_of(path)
    width, height = options.size
    if kind.kind == "video" and (width % 2 or height % 2):
        even = f"{width + width % 2}x{height + height % 2}"
        raise MediaError(f"--size {width}x{height}: {kind.title} needs even numbers; use {even}")
    if kind.moving and not 0 < options.fps <= kind.most_fps:
        raise MediaError(f"--fps {options.fps:g}: outside of what {kind.title} can do; use 1 to {kind.most_fps:g}")
    if options.codec and options.codec not in kind.codecs:
        use = f"use {' or '.join(kind.codecs)}" if kind.codecs else "leave it out"
        raise MediaError(f"--codec {options.codec}: not for {kind.title}; {use}")
    if options.transparent and not kind.transparent:
        able = ", ".join(name for name, entry in FORMATS.items() if entry.transparent)
        raise MediaError(f"--transparent: {kind.title} has no see-through ground; use {able}")
    return kind
