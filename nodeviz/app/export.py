"""Pictures and animations of a panel in a file: one way for window, console and command line."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nodeviz import __version__
from nodeviz.app.projector import Sheet, Subject
from nodeviz.app.theme import THEMES
from nodeviz.experiments import params as declarations
from nodeviz.experiments.films import OverTime, check_over, film_of, together
from nodeviz.experiments.registry import find_experiment
from nodeviz.experiments.replays import encode_replay, is_plain
from nodeviz.experiments.run import Run, plain
from nodeviz.experiments.shoot import LARGEST, LONGEST, SIZES, SMALLEST, Shoot, make_shoot, read_size
from nodeviz.media.formats import MediaError, Options, check_options, format_of
from nodeviz.media.writer import Writer, check_target, replacing, write_still

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from nodeviz.experiments.base import Frame
    from nodeviz.experiments.films import Film, Moment
    from nodeviz.media.formats import Format

    Moments = tuple[Moment, ...]
    Exporting = Generator[tuple[int, int], None, Path]  # pictures done and in all; returns what was written

__all__ = [
    "GRID", "SIZES", "Shoot", "Subject", "check", "export_films", "export_frame", "export_frames", "export_run",
    "export_runs", "make_shoot", "note_of", "read_size", "run_of", "sheet_of", "size_of",
    "subject_of_run",
]  # fmt: skip
LONGEST_RUN = 500_000  # characters of a note: every format keeps so much, and a page is shown no slower
GRID = "grid"  # what all panels at once are called


def check(path: Path | str, shoot: Shoot, panels: int = 1) -> Format:
    """Return the format of an export that can be made, of so many panels, before anything is computed.

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
    if kind.moving and not 0 < shoot.length <= LONGEST:
        raise MediaError(f"--seconds {shoot.length:g}: outside the limits; use up to {LONGEST:g}")
    if kind.moving and shoot.pictures < 1:
        raise MediaError(f"--seconds {shoot.length:g}: less than one picture; use {1 / shoot.fps:g} or more")
    if panels > 1:
        _check_grid(shoot)
    return kind


def _check_grid(shoot: Shoot) -> None:
    """Say what cannot be of several panels at once."""
    if shoot.at is not None:
        raise MediaError(f"--at {shoot.at:g}: each panel has a time of its own; name one panel, or leave it out")
    if shoot.plot:
        raise MediaError(f"--plot {shoot.plot}: there is no plot alone of several panels; name one, or leave it out")
    if shoot.over not in {"", "time"}:
        raise MediaError(f"--over {shoot.over}: not all panels can; name one panel, or leave it out")


def export_run(run: Run, path: Path | str, shoot: Shoot) -> Exporting:
    """Run an experiment from its seed and write what it shows; otherwise as `export_runs`."""
    return export_runs([run], path, shoot)


def export_runs(runs: Sequence[Run], path: Path | str, shoot: Shoot) -> Exporting:
    """Run experiments from their seeds and write what they show, several side by side.

    Yields pictures done and in all, often while something is computed too; returns the path.

    Raises
    ------
    MediaError, ParamError : what cannot be, in one sentence; nothing is left behind
    """
    moving = check(path, shoot, panels=len(runs)).moving
    subjects = [subject_of_run(run) for run in runs]
    films = [film_of(run, shoot) if moving else OverTime(run, shoot) for run in runs]
    return (yield from export_films(subjects, films, path, shoot))


def export_frame(subject: Subject, frame: Frame, path: Path | str, shoot: Shoot) -> Exporting:
    """Write a frame that is there already; otherwise as `export_frames`."""
    return export_frames([subject], [frame], path, shoot)


def export_frames(subjects: Sequence[Subject], frames: Sequence[Frame], path: Path | str, shoot: Shoot) -> Exporting:
    """Write frames that are there already, each over its time; what goes over something else is computed for it.

    Otherwise as `export_runs`.
    """
    moving = check(path, shoot, panels=len(subjects)).moving
    films: list[Film] = []
    for subject, frame in zip(subjects, frames, strict=True):
        over = check_over(shoot.over, run_of(subject)) if moving else "time"
        films.append(OverTime(frame, shoot) if over == "time" else film_of(run_of(subject), shoot))
    return (yield from export_films(subjects, films, path, shoot))


def run_of(subject: Subject) -> Run:
    """Return a run of what a panel shows, from its seed."""
    run = Run(subject.panel, seed=subject.seed, params=subject.params)
    run.preset = subject.preset or None
    return run


def subject_of_run(run: Run) -> Subject:
    """Return what the frames of a run are computed from."""
    return Subject(run.experiment.name, run.params, run.seed, run.preset or "", run.inbox.replayed)


def note_of(subjects: Sequence[Subject], shoot: Shoot) -> str:
    """Return the text that a file keeps, for ``nodeviz run --from FILE``."""
    told = [
        {
            "panel": subject.panel,
            "preset": subject.preset or None,
            "params": plain(declarations.to_json(subject.params)),
            "seed": subject.seed,
            **_told_run(subject, shoot),
        }
        for subject in subjects
    ]
    what: dict[str, Any] = told[0] if len(told) == 1 else {"panel": GRID, "panels": told}
    return json.dumps({"nodeviz": __version__, **what, "over": shoot.over}, allow_nan=False)


def _told_run(subject: Subject, shoot: Shoot) -> dict[str, Any]:
    """Return what a note says of a run that its parameters alone do not repeat; "long" where that is too much."""
    replay = subject.replay
    if replay is None or not find_experiment(subject.panel).trains:
        return {}
    if shoot.over == "training":
        replay = dataclasses.replace(replay, steps=0)  # a film of it goes on to the end
    if is_plain(subject.params, replay):
        return {}
    told = plain(encode_replay(subject.params, replay))
    return {"run": told if len(json.dumps(told)) <= LONGEST_RUN else "long"}


def sheet_of(subjects: Sequence[Subject], shoot: Shoot) -> Sheet:
    """Return the panels that draw the frames."""
    return Sheet(
        subjects, size=shoot.size, theme=shoot.theme, title=shoot.title, caption=shoot.caption, plot=shoot.plot,
        transparent=shoot.transparent,
    )  # fmt: skip


def export_films(subjects: Sequence[Subject], films: Sequence[Film], path: Path | str, shoot: Shoot) -> Exporting:
    """Write films of what a check found well; compute what must be there before the first picture, then draw."""
    for film in films:
        for _ in film.prepare():
            yield 0, shoot.pictures
    sheet = sheet_of(subjects, shoot)
    try:
        yield 0, shoot.pictures  # making it took a while, and so will its first pictures
        for frames in zip(*(film.looks for film in films), strict=False):
            sheet.look_at(frames)
        if format_of(path).moving:
            return (yield from _animate(sheet, together(films), path, shoot, note_of(subjects, shoot)))
        yield 0, 1
        moments = [(film.looks[-1], 1.0) for film in films]
        return _still(sheet, moments, Path(path), shoot, note_of(subjects, shoot))
    finally:
        sheet.close()


def _animate(sheet: Sheet, rows: Iterator[Moments | None], path: Path | str, shoot: Shoot, note: str) -> Exporting:
    """Draw one picture after the other while the encoder works beside it."""
    target, done, options = Path(path), 0, dataclasses.replace(_options(shoot, note), count=shoot.pictures)
    # A folder that did not exist is the export's own: made by its name with a slash.
    with Writer(target, options, folder=str(path).endswith("/")) as writer:
        for moments in rows:
            if moments is not None:
                sheet.draw_all(moments)
                picture = sheet.picture()
                while not writer.ready():  # a window has other things to do than to wait
                    yield done, shoot.pictures
                writer.add(picture)
                done += 1
            yield done, shoot.pictures
        while not writer.ready():
            yield done, shoot.pictures
        writer.add_end()
        while not writer.ended():
            yield done, shoot.pictures
    return target


def _still(sheet: Sheet, moments: Sequence[Moment], target: Path, shoot: Shoot, note: str) -> Path:
    """Draw one moment into a PNG, SVG or PDF."""
    sheet.draw_all(moments)
    if shoot.at is not None:
        sheet.draw_all([(moments[0][0], sheet.fraction_at(shoot.at))])
    if target.suffix.lower() == ".png":
        write_still(target, sheet.picture(), _options(shoot, note))
        return target
    drawing = (sheet.svg if target.suffix.lower() == ".svg" else sheet.pdf)(note)
    with replacing(target) as temporary:
        temporary.write_bytes(drawing)  # by Python, which raises on a full disk: Qt's own writers leave a cut file
    return target


def _options(shoot: Shoot, note: str) -> Options:
    return Options(
        size=shoot.size,
        fps=shoot.fps,
        quality=shoot.quality,
        codec=shoot.codec,
        transparent=shoot.transparent,
        loop=shoot.loop,
        note=note,
    )


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    return sum(file.stat().st_size for file in path.iterdir()) if path.is_dir() else path.stat().st_size
