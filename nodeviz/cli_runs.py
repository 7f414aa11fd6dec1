"""What all commands have in common that run an experiment."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from nodeviz.experiments.base import Frame
    from nodeviz.experiments.run import Run


def add_run_arguments(
    command: argparse.ArgumentParser, panel: str = "as in nodeviz list", *, optional: bool = False
) -> None:
    """Add what names a run: panel, preset, parameters and seed."""
    command.add_argument("panel", metavar="PANEL", help=panel, nargs="?" if optional else None)
    command.add_argument("--preset", metavar="P", help="a preset to start from, shipped or your own")
    command.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="changes", help="repeatable")
    command.add_argument("--seed", metavar="N", help="a whole number, 0 or more; by default 0, or your preset's")


def make_run(options: argparse.Namespace, *, panel: str = "", shown: bool = False) -> Run:
    """Return the run that the options name; ``shown`` is whether it is for pictures, then as the window would begin."""
    from nodeviz.experiments.params import ParamError
    from nodeviz.experiments.registry import REGISTRY, find_experiment
    from nodeviz.experiments.run import Run

    changes: dict[str, object] = {}
    for text in options.changes:
        name, equals, value = text.partition("=")
        if not equals:
            raise ParamError(f"--set {text}: no value; write --set name=value, as in --set n_steps=30")
        changes[name.strip()] = value
    panel, preset = panel or options.panel, options.preset
    if getattr(options, "source", None) is not None:
        if preset is not None:
            raise ParamError(f"--preset {preset}: beside --from, which brings its own; leave one of them out")
        return repeated(options.source, panel, changes, seed=options.seed)
    if panel is None:
        raise ParamError(f"PANEL: none is named; use one of {', '.join(REGISTRY)}")
    if shown and preset is None and not changes:
        preset = find_experiment(panel).first_preset
    return Run(panel, preset=preset, seed=options.seed, changes=changes, shown=shown)


def repeated(source: Path, panel: str | None, changes: dict[str, object], *, seed: Any = None) -> Run:
    """Return the run that an exported file was made from, with changes on top, and from another seed if one is given.

    Raises
    ------
    ParamError : no file of nodeviz, none of that panel, or a value that cannot be
    """
    from nodeviz.experiments.params import ParamError
    from nodeviz.experiments.run import Run

    note = _note_of(source, panel)
    made_by, preset = note["panel"], note.get("preset")
    if panel not in {None, made_by}:
        raise ParamError(f"panel={panel}: {source} was made from {made_by}; leave the panel out")
    seed = note["seed"] if seed is None else seed
    run = Run(made_by, seed=seed, changes=note["params"] | changes)
    if run.experiment.trains and note.get("run") is not None:
        run = _replayed(source, run, note["run"], changes)
    run.preset = preset if isinstance(preset, str) else None
    return run


def _replayed(source: Path, run: Run, told: Any, changes: dict[str, object]) -> Run:
    """Return a run that comes to its parameters by the live changes that a note tells; ``changes`` hold throughout."""
    from nodeviz.experiments.params import ParamError
    from nodeviz.experiments.replays import decode_replay
    from nodeviz.experiments.run import Run

    if told == "long":
        raise ParamError(
            f"--from {source}: its run had more live changes than a file keeps; save the session to repeat it"
        )
    try:
        replay = decode_replay(run.params, told, changes)
    except ParamError as error:
        raise ParamError(f"--from {source}: its note is damaged ({error}); name another file") from None
    return Run(run.experiment.name, seed=run.seed, params=run.params, replay=replay)


def _note_of(source: Path, panel: str | None) -> dict[str, Any]:
    """Return what a file says of the panel that it shows, or of one of several.

    Raises
    ------
    ParamError : it says nothing, or nothing that can be read; it shows several and none of them is named
    """
    from nodeviz.experiments.params import ParamError
    from nodeviz.media.formats import MediaError
    from nodeviz.media.notes import read_note

    try:
        note = json.loads(read_note(source))
    except MediaError as error:
        raise ParamError(f"--from {error}") from None
    except (ValueError, RecursionError):
        note = None
    entries = note.get("panels") if isinstance(note, dict) else None
    told = [entry for entry in (entries if isinstance(entries, list) else [note]) if _is_whole(entry)]
    found = {entry["panel"]: entry for entry in told}
    if not found:
        raise ParamError(f"--from {source}: its note is damaged; name a file that nodeviz has exported")
    if len(found) > 1 and panel not in found:
        raise ParamError(f"--from {source}: it shows several panels; name one of them: {', '.join(found)}")
    entry: dict[str, Any] = found[panel] if panel in found else told[0]
    return entry


def _is_whole(entry: Any) -> bool:
    """Return whether part of a note tells of a run: any program may have written any text there."""
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("panel"), str)
        and isinstance(entry.get("params"), dict)
        and "seed" in entry
    )


def follow(run: Run, *, keep: bool) -> list[Frame]:
    """Step a run to its end with a progress bar on a terminal; return its frames if they are kept."""
    frames: list[Frame] = []
    from tqdm import tqdm

    form = "{desc} {percentage:3.0f} %|{bar}| {elapsed} passed, {remaining} left"
    with tqdm(
        total=1.0, desc=run.experiment.name, bar_format=form, disable=not sys.stderr.isatty(), leave=False
    ) as bar:
        try:
            for frame in run.updates():
                bar.update(run.progress - bar.n)
                if keep and frame is not None:
                    frames.append(frame)
        except Exception as error:  # noqa: BLE001 - an experiment that raises ends as exit code 1 and one sentence
            run.fail(error)
    return frames


def prepare_folder(folder: Path) -> None:
    """Make the output folder, or say why it cannot be."""
    from nodeviz.experiments.params import ParamError

    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".nodeviz-{time.time_ns()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ParamError(f"--out {folder}: {error.strerror}; name a folder that can be written") from None
