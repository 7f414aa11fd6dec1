"""The command ``nodeviz export``."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nodeviz.cli_runs import make_run, prepare_folder

if TYPE_CHECKING:
    import argparse

    from nodeviz.app.export import Shoot


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add what an export is to be like."""
    command.add_argument(
        "--out", metavar="FILE", required=True,
        help=".mp4 .webm .gif .apng .webp, a folder/ of PNGs, or a still: .png .svg .pdf",
    )  # fmt: skip
    command.add_argument("--size", default="1280x720", metavar="WxH", help="or 720p 1080p 4k square slide column")
    command.add_argument("--fps", type=float, default=30.0, metavar="N", help="pictures a second")
    command.add_argument("--seconds", type=float, default=8.0, metavar="S", help="how long an animation lasts")
    command.add_argument("--at", type=float, metavar="TIME", help="the panel's t that a still shows; its end without")
    command.add_argument("--over", default="time", metavar="WHAT", help="what moves: time, or training")
    command.add_argument("--there-and-back", action="store_true", help="let time run to its end and back again")
    command.add_argument("--theme", default="dark", metavar="NAME", help="dark or light")
    command.add_argument("--plot", type=int, default=0, metavar="N", help="one plot alone, counted from 1")
    command.add_argument("--no-title", action="store_false", dest="title", help="without the line above")
    command.add_argument("--no-caption", action="store_false", dest="caption", help="without the words below")
    command.add_argument("--transparent", action="store_true", help="without a ground, where the format can")
    command.add_argument("--quality", type=int, default=80, metavar="N", help="1 to 100, of a video or WebP")
    command.add_argument("--codec", default="", metavar="NAME", help="h264 or av1 in .mp4, vp9 or av1 in .webm")


def export_panel(options: argparse.Namespace) -> int:
    """Draw a panel offscreen into a file, or each panel's first preset into a folder."""
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
        if options.panel != "all":
            write(options, options.panel, options.out, shoot)
            return 0
        folder = Path(options.out)
        prepare_folder(folder)
        for panel in REGISTRY:
            write(options, panel, folder / f"{panel}.png", shoot)
            moving = replace(shoot, size=(800, 450), fps=15.0, seconds=6.0, there_and_back=True)
            write(options, panel, folder / f"{panel}.gif", moving)
    except MediaError as error:
        raise ParamError(str(error)) from None
    finally:
        del application
    return 0


def shoot_of(options: argparse.Namespace) -> Shoot:
    """Return what is wanted of the export."""
    from nodeviz.app.export import Shoot, read_size

    return Shoot(
        size=read_size(options.size), fps=options.fps, seconds=options.seconds, at=options.at, over=options.over,
        there_and_back=options.there_and_back, theme=options.theme, plot=options.plot, title=options.title,
        caption=options.caption, transparent=options.transparent, quality=options.quality, codec=options.codec,
    )  # fmt: skip


def write(options: argparse.Namespace, panel: str, out: str | Path, shoot: Shoot) -> None:
    """Run one panel and write what it shows, with progress on a terminal."""
    from tqdm import tqdm

    from nodeviz.app.export import check, export_run, size_of

    check(out, shoot)
    run = make_run(options, panel=panel, shown=shoot.over == "time")
    steps = export_run(run, out, shoot)
    with tqdm(total=1, desc=panel, unit="picture", disable=not sys.stderr.isatty(), leave=False) as bar:
        while True:
            try:
                bar.n, bar.total = next(steps)
            except StopIteration as end:
                path: Path = end.value
                break
            bar.refresh()
    print(f"wrote {path} ({size_of(path) / 1e6:.2f} MB)")
    if run.said:
        print(f"nodeviz: {run.said}", file=sys.stderr)
