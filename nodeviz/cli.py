"""The command line: argument parsing and printing, nothing else.

Exit codes: 0 done, 1 the run failed, 2 bad usage (one line on stderr), 130 on Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any, NoReturn

from nodeviz import __version__, cli_export
from nodeviz.cli_runs import add_run_arguments, follow, make_run, prepare_folder

COMMANDS = ("list", "run", "train", "export", "doctor")


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one line, and where help is."""
        from nodeviz.experiments.kinds import nearest

        unknown = re.search(r"invalid choice: (['\"])(.*)\1 \(choose", message)
        if unknown:  # only commands are chosen from a list
            message = f"{unknown[2]}: no such command; {nearest(unknown[2], COMMANDS)}"
        self.exit(2, f"nodeviz: {message}; see {self.prog} --help\n")


def main(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    options = parser().parse_args(arguments)
    try:
        from nodeviz.experiments.params import ParamError

        try:
            code = int(options.command(options))
            if sys.stdout is not None:
                sys.stdout.flush()  # here, and not at the end of the process, it is heard that nobody reads
            return code
        except ParamError as error:
            print(f"nodeviz: {error}", file=sys.stderr)
            return 2
    except KeyboardInterrupt:
        print("nodeviz: interrupted; nothing was written", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of a pipe went away (`nodeviz list | head`): nobody is left to tell.
        sys.stderr.close()
        return 0


def parser() -> Parser:
    """Return the parser of all commands."""
    top = Parser(prog="nodeviz", description="See, touch and measure ODE solvers and continuous-depth deep learning.")
    top.add_argument("--version", action="version", version=f"nodeviz {__version__}")
    top.add_argument("--panel", help="the panel that opens in front")
    top.add_argument("--preset", help="a preset of that panel")
    top.add_argument("--script", type=Path, metavar="FILE", help="run a script, as one of a saved session")
    top.add_argument("--attach", action="store_true", help="let your own scripts drive the window: nodeviz.connect()")
    top.add_argument("--safe-mode", action="store_true", help="start as the first time; nothing is read or remembered")
    top.add_argument("--reset", action="store_true", help="forget all that is remembered, with a backup, and end")
    top.set_defaults(command=open_window)
    commands = top.add_subparsers(title="commands", metavar="", parser_class=Parser)

    listing = commands.add_parser("list", help="panels, presets, parameters with limits and defaults, metrics")
    listing.add_argument("--json", action="store_true", help="print JSON")
    listing.set_defaults(command=list_panels)

    run = commands.add_parser("run", help="run a panel's experiment without a window")
    add_run_arguments(run, optional=True)
    run.add_argument("--from", type=Path, metavar="FILE", dest="source", help="repeat the run of an exported file")
    run.add_argument("--out", type=Path, metavar="DIR", help="write summary.json and frames.npz there")
    run.add_argument("--json", action="store_true", help="print summary.json and nothing else")
    run.set_defaults(command=run_panel)

    train = commands.add_parser("train", help="train a panel's models from scratch and keep them")
    add_run_arguments(train)
    train.add_argument("--out", type=Path, metavar="PATH", required=True, help="a file (.npz, .json), or a folder")
    train.set_defaults(command=train_panel)

    export = commands.add_parser("export", help="write a picture or an animation of a panel")
    add_run_arguments(export, panel="as in nodeviz list; grid for all in one picture, all for a gallery")
    cli_export.add_arguments(export)
    export.set_defaults(command=cli_export.export_panel)

    doctor = commands.add_parser("doctor", help="versions, platform, missing system libraries and how to install them")
    doctor.set_defaults(command=examine)
    return top


def run_panel(options: argparse.Namespace) -> int:
    """Run headless; print the summary or write it with the frames."""
    run = make_run(options)
    if options.out is not None:
        prepare_folder(options.out)
    frames = follow(run, keep=options.out is not None)
    summary = json.dumps(run.summary(), indent=None if options.json else 2, allow_nan=False)
    written = options.out is not None and run.status != "failed"
    if written:
        from nodeviz.experiments.run import write_run

        try:
            write_run(options.out, summary, frames)
        except OSError as error:
            print(f"nodeviz: --out {options.out}: {error.strerror}; nothing was written", file=sys.stderr)
            return 1
    if options.json or not written:
        print(summary)
    else:
        print(f"wrote {options.out / 'summary.json'} and {options.out / 'frames.npz'} ({len(frames)} frames)")
    if run.said:
        print(f"nodeviz: {run.said}", file=sys.stderr)
    return 0 if run.status == "ok" else 1


def train_panel(options: argparse.Namespace) -> int:
    """Train headless, and write the models with their training logs and what was measured."""
    from nodeviz.experiments.base import Trained
    from nodeviz.experiments.params import ParamError
    from nodeviz.experiments.registry import find_experiment
    from nodeviz.experiments.run import plain

    save = find_experiment(options.panel).save
    if save is None:
        raise ParamError(f"panel={options.panel}: it has no models to train; use nodeviz run {options.panel}")
    options.changes.insert(0, "weights=fresh")
    run = make_run(options)
    if getattr(run.params, "weights", "fresh") != "fresh":
        raise ParamError(f"weights={run.params.weights}: nothing would be trained; leave it out")
    prepare_folder(options.out.parent)
    frames = follow(run, keep=True)
    if run.message:
        print(f"nodeviz: {run.message} Nothing was written.", file=sys.stderr)
        return 1
    metrics = plain(run.metrics)
    trained = Trained(params=run.params, seed=run.seed, frame=frames[-1], history=run.history, metrics=metrics)
    for path in save(trained, options.out):
        print(f"wrote {path}")
    if run.note:
        print(f"nodeviz: {run.note}", file=sys.stderr)
    return 0


def list_panels(options: argparse.Namespace) -> int:
    """Print what exists."""
    described = describe()
    if options.json:
        print(json.dumps(described, indent=2, allow_nan=False))
        return 0
    for name, panel in described.items():
        print(f"{name}: {panel['title']}. {panel['sentence']}")
        print("  presets")
        for preset, entry in panel["presets"].items():
            print(f"    {preset:24s} {entry['sentence']}")
        print("  parameters (nodeviz run, --set name=value)")
        for parameter, entry in panel["params"].items():
            print(f"    {parameter:12s} {entry['help']} [{entry['limits']}; default {entry['default_text']}]")
            for choice, note in entry["notes"].items():
                print(f"      {choice:16s} {note}")
        print("  metrics (nodeviz run --json)")
        for metric, sentence in panel["metrics"].items():
            print(f"    {metric:16s} {sentence}")
    return 0


def describe() -> dict[str, Any]:
    """Return every panel with its presets, parameters and metrics, as JSON."""
    from nodeviz.experiments.params import declared
    from nodeviz.experiments.presets import presets
    from nodeviz.experiments.registry import REGISTRY

    return {
        name: {
            "title": experiment.title,
            "sentence": experiment.sentence,
            "presets": {
                preset.name: {"title": preset.title, "sentence": preset.sentence, "params": dict(preset.changes)}
                for preset in presets(name).values()
            },
            "params": {
                spec.name: {
                    "label": spec.label,
                    "help": spec.help,
                    "unit": spec.unit,
                    "limits": spec.kind.limits(),
                    "default": spec.kind.to_json(spec.default),
                    "default_text": spec.kind.to_text(spec.default),
                    "live": spec.live,
                    "notes": dict(getattr(spec.kind, "notes", {})),
                }
                for spec in declared(experiment.params).values()
            },
            "metrics": dict(experiment.metrics),
        }
        for name, experiment in REGISTRY.items()
    }


def examine(options: argparse.Namespace) -> int:
    """Print the doctor's report."""
    del options
    from nodeviz import doctor

    text, well = doctor.report()
    print(text)
    return 0 if well else 1


def open_window(options: argparse.Namespace) -> int:
    """Open the window, or say in one sentence why there is none and what works without it."""
    if options.reset:
        return reset_everything()
    from nodeviz.experiments.params import ParamError
    from nodeviz.experiments.registry import REGISTRY, find_experiment

    panel = options.panel or next(iter(REGISTRY))
    find_experiment(panel)
    try:
        from nodeviz.app import application
    except ImportError as error:
        raise ParamError(f"the window's libraries do not load ({error}); run nodeviz doctor for the remedy") from None
    if options.script is not None and not options.script.is_file():
        raise ParamError(f"--script {options.script}: there is no such file; name a Python script")
    return application.main(
        panel=panel, preset=options.preset, safe=options.safe_mode, attach=options.attach, script=options.script
    )


def reset_everything() -> int:
    """Put all that the window remembers into a backup, and name it."""
    from nodeviz.app import crash_log
    from nodeviz.app.reset import ResetError, remembered, reset
    from nodeviz.config_path import config_folder

    folder = config_folder()
    if crash_log.running():
        print("nodeviz: it is open and would save again; close it, then reset", file=sys.stderr)
        return 1
    things = remembered(folder)
    try:
        backup = reset(folder)
    except ResetError as error:
        print(f"nodeviz: {error}", file=sys.stderr)
        return 1
    if backup is None:
        print(f"nothing is remembered in {folder}")
        return 0
    print("\n".join(["reset, with a backup:", *(f"  {thing.words}" for thing in things), f"kept in {backup}"]))
    return 0
