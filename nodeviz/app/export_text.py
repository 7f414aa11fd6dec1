"""An export in words: the line of the window's log, and the command and the Python that make the same file."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from nodeviz.app.export import GRID
from nodeviz.experiments import params as declarations
from nodeviz.experiments.params import ParamError, declared
from nodeviz.experiments.presets import presets
from nodeviz.experiments.registry import REGISTRY
from nodeviz.experiments.run import Run
from nodeviz.experiments.shoot import Shoot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nodeviz.app.projector import Subject

LONGEST = 100_000  # characters of one parameter that a shell takes


def changed_options(shoot: Shoot) -> dict[str, Any]:
    """Return the options that are not as they are without being named."""
    usual = Shoot()
    return {name: getattr(shoot, name) for name in declared(shoot) if getattr(shoot, name) != getattr(usual, name)}


def log_line(panel: str, path: str, shoot: Shoot, *, grid: bool = False) -> str:
    """Return the line of Python that exports what a panel shows."""
    options = changed_options(shoot) | ({"grid": True} if grid else {})
    return f"{panel}.export({_arguments(repr(path), options)})"


def python_text(subjects: Sequence[Subject], path: str, shoot: Shoot) -> str:
    """Return the Python that makes the same file in any program.

    Raises
    ------
    ParamError : it cannot be told, with the reason
    """
    panel, preset, seed, changes = _told(subjects, shoot)
    known = declared(subjects[0].params)
    options: dict[str, Any] = {"preset": preset} if preset is not None else {}
    options |= {"seed": seed} if seed is not None else {}
    if changes:
        options["params"] = {name: known[name].kind.to_json(value) for name, value in changes.items()}
    options |= changed_options(shoot)
    return f"import nodeviz\nnodeviz.export({_arguments(f'{panel!r}, {path!r}', options)})"


def command_text(subjects: Sequence[Subject], path: str, shoot: Shoot) -> str:
    """Return the command that makes the same file.

    Raises
    ------
    ParamError : it cannot be told, with the reason
    """
    panel, preset, seed, changes = _told(subjects, shoot)
    known = declared(subjects[0].params)
    words = ["nodeviz", "export", panel]
    words += ["--preset", preset] if preset is not None else []
    for name, value in changes.items():
        text = f"{name}={known[name].kind.to_text(value)}"
        if len(text) > LONGEST:
            raise ParamError(f"{name}: {len(text):,} characters are too many for a command; use Copy as Python")
        words += ["--set", text]
    words += ["--seed", str(seed)] if seed is not None else []
    words += ["--out", path]
    kinds = declared(shoot)
    for name, value in changed_options(shoot).items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            words.append(f"--{flag}={kinds[name].kind.to_text(value)}")  # one word: a number may be negative
    return shlex.join(words)


def _arguments(first: str, options: dict[str, Any]) -> str:
    return ", ".join([first, *(f"{name}={value!r}" for name, value in options.items())])


def _told(subjects: Sequence[Subject], shoot: Shoot) -> tuple[str, str | None, int | None, dict[str, Any]]:
    """Return panel, preset, seed and changes from which a headless run gets the same parameters."""
    if len(subjects) > 1:
        return _told_grid(subjects)
    subject = subjects[0]
    for name, value in ((name, getattr(subject.params, name)) for name in declared(subject.params)):
        if callable(value):
            raise ParamError(f"{name}: a function of your own stands in no command; use {subject.panel}.export(...)")
    replay = subject.replay
    if replay is not None and any(step for step, _ in replay.changes):
        raise ParamError("the run was changed while it went on, which no command tells; nodeviz run --from FILE does")
    preset = subject.preset if subject.preset in presets(subject.panel) else None
    shown = shoot.over != "training"
    began = Run(subject.panel, preset=preset, shown=shown)
    changes = changes_to(began.params, subject.params)
    if shown and preset is None and not changes:
        # Without anything named, the panel's first preset would be taken.
        name = next(iter(declared(subject.params)))
        changes = {name: getattr(subject.params, name)}
    return subject.panel, preset, subject.seed if subject.seed != began.seed else None, changes


def _told_grid(subjects: Sequence[Subject]) -> tuple[str, str | None, int | None, dict[str, Any]]:
    """Return the same for all panels at once, of which a command knows their first presets alone."""
    seeds = {subject.seed for subject in subjects}
    usual = [
        subject.preset == REGISTRY[subject.panel].first_preset
        and subject.params == Run(subject.panel, preset=subject.preset, shown=True).params
        for subject in subjects
    ]
    if [subject.panel for subject in subjects] != [*REGISTRY] or not all(usual) or len(seeds) > 1:
        raise ParamError("grid: a command shows each panel with its first preset; copy one panel at a time")
    (seed,) = seeds
    return GRID, None, seed or None, {}


def changes_to(before: Any, after: Any) -> dict[str, Any]:
    """Return the changes that lead from some parameters to others, those that would be implied otherwise included."""
    known = declared(after)
    wanted = {name: getattr(after, name) for name in known}
    changes = {name: value for name, value in wanted.items() if getattr(before, name) != value}
    for _ in known:
        made = declarations.change(before, changes) if changes else before
        missing = {name: value for name, value in wanted.items() if getattr(made, name) != value}
        if not missing:
            break
        changes |= missing
    return {name: changes[name] for name in known if name in changes}
