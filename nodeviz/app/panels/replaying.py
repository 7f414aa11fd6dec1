"""A run that is brought again to where it was: from its seed, by so many steps and with the changes on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nodeviz.experiments import params as declarations
from nodeviz.experiments.base import Replay
from nodeviz.experiments.params import Number, ParamError, declared

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nodeviz.app.panels.base import Panel

STEPS = Number(1, 10**9, integer=True)


def reset(
    panel: Panel[Any, Any], steps: object, goal: object | None, changes: Mapping[int, Mapping[str, object]]
) -> None:
    """Start a panel's run again, let it take training steps and make changes on the way, then halt.

    Raises
    ------
    ParamError : an experiment that does not train, steps that cannot be, or a parameter that is not live
    """
    name, params = panel.experiment, panel.params
    if not panel.record.trains:
        raise ParamError(f"steps: {name} has nothing to train; use {name}.reset()")
    count = int(STEPS.coerce("steps", steps, None))
    until = 0 if goal is None else int(STEPS.coerce("goal", goal, None))
    planned: list[tuple[int, Any]] = []
    merged: dict[str, object] = {}
    for step, values in sorted(changes.items()):
        at = int(Number(0, count, integer=True).coerce("changes", step, None))
        check_live(params, values)
        params = declarations.change(params, values)
        planned.append((at, params))
        merged |= values
    line = reset_line(name, count, goal, changes)
    before = panel.session.state(name)
    if merged:
        panel.session.change(name, merged, echo=line)
    panel.start(afresh=True, replay=Replay(begun=before.params, steps=count, goal=until, changes=tuple(planned)))
    if panel.session.state(name) is before:
        panel.session.echoed.emit(line)


def check_live(params: Any, changes: Mapping[str, object]) -> None:
    """Raise a ParamError unless all changes may be made while a run goes on."""
    known = declared(params)
    for name in changes:
        if name not in known:
            raise ParamError(f"{name}: no such parameter; {declarations.nearest(name, known)}")
        if not known[name].live:
            live = [spec.name for spec in known.values() if spec.live]
            raise ParamError(f"{name}: not live, it begins the run anew; {declarations.nearest(name, live)}")


def reset_line(panel: str, steps: int, goal: object | None, changes: Mapping[int, Mapping[str, object]]) -> str:
    """Return the line of Python that starts a run again and halts it."""
    rest = "" if goal is None else f", goal={goal}"
    rest += f", changes={ {step: dict(values) for step, values in changes.items()} }" if changes else ""
    return f"{panel}.reset({steps}{rest})"
