"""The command ``nodeviz export``."""

from __future__ import annotations

import sys
from dataclasses import fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from nodeviz.between_steps import drain
from nodeviz.cli_runs import make_run, prepare_folder
from nodeviz.experiments.shoot import MANY, Shoot

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from nodeviz.experiments.run import Run
    from nodeviz.media.formats import Format

GALLERY: Mapping[str, Any] = MappingProxyType({"size": (800, 450), "fps": 15.0, "seconds": 6.0})  # unless named
METAVARS = {"size": "WxH", "seconds": "S", "at": "TIME", "over": "WHAT", "theme": "NAME", "codec": "NAME"}


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add what an export is to be like: each option as `nodeviz.experiments.shoot` declares it."""
    command.add_argument(
        "--out", metavar="FILE", required=True,
        help=".mp4 .webm .gif .apng .webp, a folder/ of PNGs, or a still: .png .svg .pdf; of all, the folder for a PNG "
        "and a GIF of each panel, there and back, 800x450 at 15 a second for 6 s where nothing else is said",
    )  # fmt: skip
    for entry in fields(Shoot):
        told, name = entry.metadata["param"], entry.name.replace("_", "-")
        text = told["help"].rstrip(".")
        text = f"{told['label']}: {text[0].lower()}{text[1:]}"
        if told["default"] is True:
            command.add_argument(f"--no-{name}", action="store_false", dest=entry.name, help=f"without {text}")
        elif told["default"] is False:
            command.add_argument(f"--{name}", action="store_true", help=text)
        else:
            usual = told["kind"].to_text(told["default"])
            text = f"{text} (default {usual})" if usual else text
            command.add_argument(f"--{name}", dest=entry.name, metavar=METAVARS.get(entry.name, "N"), help=text)


def export_panel(options: argparse.Namespace) -> int:
    """Draw a panel offscreen into a file, or each panel's first preset into a folder."""
    from nodeviz.experiments.films import NothingShown
    from nodeviz.experiments.params import ParamError
    from nodeviz.experiments.registry import REGISTRY
    from nodeviz.media.formats import MediaError

    try:
        from nodeviz.app.application import make_offscreen_application
    except ImportError as error:
        raise ParamError(f"the libraries that draw do not load ({error}); run nodeviz doctor for the remedy") from None
    application = make_offscreen_application()
    try:
        shoot = shoot_of(options)
        if options.panel in {"all", "grid"} and (options.preset is not None or options.changes):
            raise ParamError(f"PANEL {options.panel}: presets and parameters are those of one panel; name it")
        if options.panel == "all":
            write_gallery(options, shoot)
        else:
            write(options, [*REGISTRY] if options.panel == "grid" else [options.panel], options.out, shoot)
    except (MediaError, NothingShown) as error:  # what was asked for was good, and has failed
        print(f"nodeviz: {error}", file=sys.stderr)
        return 1
    finally:
        del application
    return 0


def write_gallery(options: argparse.Namespace, shoot: Shoot) -> None:
    """Write a PNG and a GIF of each panel's first preset into a folder, once all of them are found good."""
    from nodeviz.experiments.registry import REGISTRY

    usual = {name: value for name, value in GALLERY.items() if getattr(options, name) is None}
    moving = replace(shoot, there_and_back=True, **usual)
    folder = Path(options.out)
    prepare_folder(folder)
    targets = [
        (panel, folder / f"{panel}{ending}", what)
        for panel in REGISTRY
        for ending, what in ((".png", shoot), (".gif", moving))
    ]
    for _, path, what in targets:
        checked(path, what, panels=len(REGISTRY))  # one set of options serves them all, as those of a grid
    for panel, path, what in targets:
        write(options, [panel], path, what)


def checked(out: str | Path, shoot: Shoot, panels: int) -> Format:
    """Return the format of an export that can be made.

    Raises
    ------
    ParamError : what cannot be
    """
    from nodeviz.app.export import check
    from nodeviz.experiments.params import ParamError
    from nodeviz.media.formats import MediaError

    try:
        return check(out, shoot, panels=panels)
    except MediaError as error:
        raise ParamError(str(error)) from None


def shoot_of(options: argparse.Namespace) -> Shoot:
    """Return what is wanted of the export."""
    from nodeviz.experiments.shoot import make_shoot

    given = {entry.name: getattr(options, entry.name) for entry in fields(Shoot)}
    return make_shoot({name: value for name, value in given.items() if value is not None})


def wanted(runs: Sequence[Run], shoot: Shoot, kind: Format) -> bool:
    """Say what very many pictures take; on a terminal, ask whether they are wanted."""
    from nodeviz.app.export_trial import estimate_runs

    print(f"nodeviz: {estimate_runs(runs, shoot, kind).words()}", file=sys.stderr)
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    print("Go on? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def write(options: argparse.Namespace, panels: list[str], out: str | Path, shoot: Shoot) -> None:
    """Run panels and write what they show, with progress on a terminal."""
    from tqdm import tqdm

    from nodeviz.app.export import export_runs, size_of
    from nodeviz.experiments.params import ParamError

    kind = checked(out, shoot, panels=len(panels))
    runs = [make_run(options, panel=panel, shown=shoot.over != "training") for panel in panels]
    if kind.moving and shoot.pictures > MANY and not wanted(runs, shoot, kind):
        raise ParamError("nothing was written; use fewer --seconds or a lower --fps")
    steps = export_runs(runs, out, shoot)
    name = panels[0] if len(panels) == 1 else options.panel
    with tqdm(total=1, desc=name, unit="picture", disable=not sys.stderr.isatty(), leave=False) as bar:

        def tell(step: tuple[int, int]) -> None:
            bar.n, bar.total = step
            bar.update(0)

        path = drain(steps, tell)
    print(f"wrote {path} ({size_of(path) / 1e6:.2f} MB)")
    for run in runs:
        if run.said:
            print(f"nodeviz: {run.said}", file=sys.stderr)
