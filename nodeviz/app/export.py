"""Pictures and animations of a panel in a file: one way for window, console and command line."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nodeviz import __version__
from nodeviz.app.projector import Projector
from nodeviz.app.theme import THEMES
from nodeviz.experiments import params as declarations
from nodeviz.experiments.films import check_over, last_frame, over_time, over_training
from nodeviz.experiments.params import ParamError
from nodeviz.experiments.run import plain
from nodeviz.media.formats import MediaError, Options, check_options
from nodeviz.media.writer import Writer, check_target, replacing, write_still

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from nodeviz.experiments.base import Frame
    from nodeviz.experiments.films import Moment
    from nodeviz.experiments.run import Run
    from nodeviz.media.formats import Format

SMALLEST, LARGEST = 64, 8192  # pixels of width and height
LONGEST = 3600.0  # s


@dataclass(frozen=True, slots=True, kw_only=True)
class Shoot:
    """What is wanted of an export.

    Attributes
    ----------
    size : width and height in pixels
    fps, seconds : of an animation, which has ``round(fps * seconds)`` pictures
    at : the panel's own time that a still shows; None for its end
    over : ``time``, or ``training``
    there_and_back : whether the time runs to its end and back again
    theme : ``dark`` or ``light``
    plot : the number of one plot that is drawn alone, from 1; 0 for the whole panel
    title, caption : whether the line above and the words below are drawn
    transparent, quality, codec : as in `nodeviz.media.formats.Options`
    """

    size: tuple[int, int] = (1280, 720)
    fps: float = 30.0
    seconds: float = 8.0
    at: float | None = None
    over: str = "time"
    there_and_back: bool = False
    theme: str = "dark"
    plot: int = 0
    title: bool = True
    caption: bool = True
    transparent: bool = False
    quality: int = 80
    codec: str = ""

    @property
    def pictures(self) -> int:
        """How many pictures an animation has."""
        return round(self.fps * self.seconds)


def check(path: Path | str, shoot: Shoot) -> Format:
    """Return the format of an export that can be made, before anything is computed.

    Raises
    ------
    MediaError : what cannot be, in one sentence
    """
    width, height = shoot.size
    if not (SMALLEST <= width <= LARGEST and SMALLEST <= height <= LARGEST):
        raise MediaError(f"--size {width}x{height}: outside the limits; use {SMALLEST} to {LARGEST} pixels a side")
    if not 1 <= shoot.quality <= 100:
        raise MediaError(f"--quality {shoot.quality}: outside the limits; use 1 to 100")
    if shoot.theme not in THEMES:
        raise MediaError(f"--theme {shoot.theme}: there is none of that name; use {' or '.join(THEMES)}")
    kind = check_options(path, _options(shoot, ""))
    check_target(Path(path), kind)
    if shoot.at is not None and kind.moving:
        raise MediaError(f"--at {shoot.at:g}: a moment is for a still; use .png, .svg or .pdf, or leave it out")
    if kind.moving and not 0 < shoot.seconds <= LONGEST:
        raise MediaError(f"--seconds {shoot.seconds:g}: outside the limits; use up to {LONGEST:g}")
    if kind.moving and shoot.pictures < 1:
        raise MediaError(f"--seconds {shoot.seconds:g}: less than one picture; use {1 / shoot.fps:g} or more")
    return kind


def export_run(run: Run, path: Path | str, shoot: Shoot) -> Generator[tuple[int, int], None, Path]:
    """Run an experiment from its seed and write what it shows; yields pictures done and in all, returns the path.

    Raises
    ------
    MediaError, ParamError : what cannot be, in one sentence; nothing is left behind
    """
    kind = check(path, shoot)
    check_over(shoot.over, run)
    moments: Iterator[Moment]
    if shoot.over == "training":
        moments = over_training(run, max(1, shoot.pictures if kind.moving else 1))
    else:
        frame = last_frame(run)
        moments = over_time(frame, shoot.pictures, there_and_back=shoot.there_and_back)
    subject = Subject(run.experiment.name, run.params, run.seed, run.preset or "")
    if kind.moving:
        return (yield from _animate(subject, moments, path, shoot))
    frame = [moment for moment, _ in moments][-1] if shoot.over == "training" else frame
    yield 0, 1
    return _still(subject, frame, path, shoot)


def export_frame(
    subject: Subject, frame: Frame, path: Path | str, shoot: Shoot
) -> Generator[tuple[int, int], None, Path]:
    """Write a frame that is there already, over its time; otherwise as `export_run`."""
    if check(path, shoot).moving:
        moments = over_time(frame, shoot.pictures, there_and_back=shoot.there_and_back)
        return (yield from _animate(subject, moments, path, shoot))
    yield 0, 1
    return _still(subject, frame, path, shoot)


def export_moments(
    subject: Subject, moments: Iterator[Moment], path: Path | str, shoot: Shoot
) -> Generator[tuple[int, int], None, Path]:
    """Write moments that come from elsewhere; nothing waits in it, so that a window can work between two pictures.

    While the encoder is behind, or ends the file, the same number of pictures is yielded again and again. A still shows
    the last of the moments. Otherwise as `export_run`.
    """
    if check(path, shoot).moving:
        return (yield from _animate(subject, moments, path, shoot, waits=False))
    frame = None
    for frame, _ in moments:  # noqa: B007 - the last one is wanted
        yield 0, 1
    if frame is None:
        raise ParamError(f"panel={subject.panel}: there is nothing to show yet; wait for its first picture")
    return _still(subject, frame, path, shoot)


@dataclass(frozen=True, slots=True)
class Subject:
    """What frames were computed from: panel, parameters, seed and preset."""

    panel: str
    params: Any
    seed: int = 0
    preset: str = ""

    def note(self, shoot: Shoot) -> str:
        """Return the text that a file keeps, for ``nodeviz run --from FILE``."""
        told = {
            "nodeviz": __version__,
            "panel": self.panel,
            "preset": self.preset or None,
            "params": plain(declarations.to_json(self.params)),
            "seed": self.seed,
            "over": shoot.over,
        }
        return json.dumps(told, allow_nan=False)

    def projector(self, shoot: Shoot) -> Projector:
        """Return the panel that draws the frames."""
        return Projector(
            self.panel, self.params, seed=self.seed, preset=self.preset, size=shoot.size, theme=shoot.theme,
            title=shoot.title, caption=shoot.caption, plot=shoot.plot, transparent=shoot.transparent,
        )  # fmt: skip


def _animate(
    subject: Subject, moments: Iterator[Moment], path: Path | str, shoot: Shoot, *, waits: bool = True
) -> Generator[tuple[int, int], None, Path]:
    """Draw one picture after the other while the encoder works beside it; `export_moments` says what waits."""
    target = Path(path)
    if str(path).endswith("/"):
        target.mkdir(exist_ok=True)
    projector = subject.projector(shoot)
    try:
        with Writer(target, _options(shoot, subject.note(shoot))) as writer:
            for number, (frame, fraction) in enumerate(moments, start=1):
                projector.draw(frame, fraction)
                while not waits and writer.full:
                    yield number - 1, shoot.pictures
                writer.add(projector.picture())
                yield number, shoot.pictures
            while not waits and writer.encoding:
                if not writer.full:
                    writer.add_end()
                yield shoot.pictures, shoot.pictures
    finally:
        projector.close()
    return target


def _still(subject: Subject, frame: Frame, path: Path | str, shoot: Shoot) -> Path:
    """Draw one moment into a PNG, SVG or PDF."""
    target, note = Path(path), subject.note(shoot)
    projector = subject.projector(shoot)
    try:
        projector.draw(frame, 1.0)
        if shoot.at is not None:
            projector.draw(frame, projector.fraction_at(shoot.at))
        if target.suffix.lower() == ".png":
            write_still(target, projector.picture(), _options(shoot, note))
        else:
            with replacing(target) as temporary:
                (projector.write_svg if target.suffix.lower() == ".svg" else projector.write_pdf)(temporary, note)
    finally:
        projector.close()
    return target


def _options(shoot: Shoot, note: str) -> Options:
    return Options(
        size=shoot.size,
        fps=shoot.fps,
        quality=shoot.quality,
        codec=shoot.codec,
        transparent=shoot.transparent,
        note=note,
    )


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    return sum(file.stat().st_size for file in path.iterdir()) if path.is_dir() else path.stat().st_size


def make_shoot(options: Mapping[str, Any]) -> Shoot:
    """Return what options by name ask for; a size may be a pair or a text.

    Raises
    ------
    ParamError : an option that does not exist, or a size that is none
    """
    known = [entry.name for entry in fields(Shoot)]
    for name in options:
        if name not in known:
            raise ParamError(f"{name}: no option of an export; {declarations.nearest(name, known)}")
    chosen = dict(options)
    if "size" in chosen:
        size = chosen["size"]
        chosen["size"] = read_size(size if isinstance(size, str) else "x".join(map(str, size)))
    return Shoot(**chosen)


def read_size(text: str) -> tuple[int, int]:
    """Return the size that a text like ``1280x720``, or a name like ``1080p``, asks for.

    Raises
    ------
    ParamError : it is neither
    """
    if text.lower() in SIZES:
        return SIZES[text.lower()]
    width, cross, height = text.lower().partition("x")
    if not (cross and width.strip().isdecimal() and height.strip().isdecimal()):
        raise ParamError(f"--size {text}: not a size; use WIDTHxHEIGHT, or one of {', '.join(SIZES)}")
    return int(width), int(height)


# A slide has the shape of a projector, a column is 3.5 inches of paper at 300 dots each.
SIZES = {
    "720p": (1280, 720),
    "1080p": (1920, 1080),
    "4k": (3840, 2160),
    "square": (1080, 1080),
    "slide": (1600, 1200),
    "column": (1050, 750),
}
