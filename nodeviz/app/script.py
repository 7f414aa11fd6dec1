"""A session as a script: lines of the console that bring any window to the same state, frame by frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nodeviz import __version__
from nodeviz.app.panels.replaying import reset_line
from nodeviz.app.session import python_line
from nodeviz.app.session_file import differences
from nodeviz.experiments import params as declarations
from nodeviz.experiments.params import ParamError
from nodeviz.experiments.presets import presets
from nodeviz.experiments.registry import REGISTRY

if TYPE_CHECKING:
    from nodeviz.app.session_file import Document, PanelRecord
    from nodeviz.experiments.base import Replay

SEVERAL = 12  # changes on the way of a run; more of them stand in one line
TRIES = 3  # of setting values from which others follow


def script_of(document: Document) -> str:
    """Return a script that rebuilds a session in any window."""
    names = ", ".join(document.panels)
    found = ", ".join(f"panels.{name}" for name in document.panels)
    head = (
        f'"""A session of nodeviz {__version__}.\n\nRun it with `nodeviz --script FILE`, with File > Run script, or in '
        f'the console with `%run FILE`.\n"""\n\nfrom nodeviz import panels\n\n{names} = {found}\n'
    )
    return "\n".join([head, *("\n".join([*panel_lines(name, record), ""]) for name, record in document.panels.items())])


def panel_lines(name: str, record: PanelRecord) -> list[str]:
    """Return the lines that bring a panel to its state: parameters, run, cursor and view."""
    state, replay = record.state, record.replay
    shipped = presets(name)  # the user's own may be others, or gone, where the script runs
    preset = state.preset if state.preset in shipped else REGISTRY[name].first_preset
    first = declarations.change(REGISTRY[name].params(), shipped[preset].changes)
    begun = state.params if replay is None else replay.begun
    # On show first: what nobody can see does not run, and would be waited for without end.
    lines = [f"{name}.visible = {record.visible}", f"{name}.preset({preset!r})"]
    lines += [*lines_between(name, first, begun), f"{name}.seed = {state.seed}"]
    if replay is not None:
        lines += run_lines(name, replay, wait=record.visible)
        lines += lines_between(name, replay.changes[-1][1] if replay.changes else begun, state.params)
    fresh = getattr(state.params, "weights", "") == "fresh"
    waited = lines[-1].startswith(f"{name}.wait(")
    if record.visible and not waited and (replay is not None or not fresh):  # from scratch it may go on for long
        lines.append(f"{name}.wait()")
    if record.speed != 1.0:
        lines.append(f"{name}.speed = {record.speed:g}")
    lines.append(f"{name}.loop = {record.loop}")
    lines += [f"{name}.{verb}({', '.join(map(repr, arguments))})" for verb, arguments in record.views]
    if record.t is not None:
        lines.append(f"{name}.t = {record.t!r}")
    if record.folded is not None:
        lines.append(f"{name}.folded = {record.folded}")
    return lines


def lines_between(name: str, before: Any, after: Any) -> list[str]:
    """Return the lines that change parameters into others; from some values others follow, which then are set too."""
    lines: list[str] = []
    for _ in range(TRIES):
        changes: dict[str, object] = dict(differences(before, after))
        functions = [value for value in (getattr(after, key) for key in changes) if callable(value)]
        if functions:
            return [*lines, *python_line(name, after, changes).splitlines()]
        if not changes:
            return lines
        lines.append(python_line(name, after, changes))
        try:
            before = declarations.change(before, changes)
        except ParamError as error:
            return [*lines[:-1], f"# {lines[-1]}", f"# {error}"]
    return lines


def run_lines(name: str, replay: Replay[Any], *, wait: bool) -> list[str]:
    """Return the lines that train as it was trained: the same steps, with the same changes between them."""
    if not replay.steps:
        wanted = replay.changes[-1][1] if replay.changes else replay.begun
        return [*([f"{name}.wait()"] if wait else []), *lines_between(name, replay.begun, wanted)]
    goal, by_itself = replay.goal, replay.steps
    if getattr(replay.begun, "weights", "fresh") == "fresh":
        by_itself = replay.begun.steps
    given = None if goal in {0, by_itself} else goal
    waiting = [f"{name}.wait(timeout=None)"] if wait else []
    if not wait or len(replay.changes) > SEVERAL or any(step == 0 for step, _ in replay.changes):
        known = replay.begun
        changes: dict[int, dict[str, object]] = {}
        for step, after in replay.changes:
            made = differences(known, after)
            known = after
            if made:
                changes[step] = {**changes.get(step, {}), **made}
        return [reset_line(name, replay.steps, given, changes), *waiting]
    lines, known, taken = [], replay.begun, 0
    for step, after in (*replay.changes, (replay.steps, None)):
        if step > taken:
            lines.append(f"{name}.step({step - taken})" if taken else reset_line(name, step, given, {}))
            lines += waiting
            taken = step
        if after is not None:
            lines += lines_between(name, known, after)
            known = after
    return lines
