"""How a run came to where it is, as JSON: what an exported file keeps, so that it can be repeated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from nodeviz.experiments.base import Replay
from nodeviz.experiments.params import Number, ParamError, change, declared, to_json

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

P = TypeVar("P")

STEP = Number(0, 10**9, integer=True)


def is_plain(params: Any, replay: Replay[Any]) -> bool:
    """Return whether a run from these parameters and nothing else comes to the same place."""
    whole = replay.steps in {0, getattr(params, "steps", 0)}
    return replay.begun == params and not replay.changes and whole


def encode_replay(params: Any, replay: Replay[Any]) -> dict[str, Any]:
    """Return a run as the values that differ: at its beginning from those in force, and from change to change."""
    told, known = [], replay.begun
    for step, after in replay.changes:
        told.append([step, _differences(known, after)])
        known = after
    begun = _differences(params, replay.begun)
    return {"begun": begun, "steps": replay.steps, "goal": replay.goal, "changes": told}


def _differences(before: Any, after: Any) -> dict[str, Any]:
    names = [name for name in declared(after) if getattr(before, name) != getattr(after, name)]
    return {name: declared(after)[name].kind.to_json(getattr(after, name)) for name in names}


def decode_replay(params: P, data: Any, fixed: Collection[str] = ()) -> Replay[P]:
    """Return the run that `encode_replay` has told.

    Parameters
    ----------
    params : those in force at its end
    data : any JSON
    fixed : names whose values stay as they are in ``params`` from beginning to end

    Raises
    ------
    ParamError : it cannot be read
    """
    try:
        values = to_json(params) | _free(data["begun"], fixed)
        begun, changes = change(type(params)(), values), []
        for step, after in data["changes"]:
            values |= _free(after, fixed)
            changes.append((int(STEP.coerce("changes", step, None)), change(type(params)(), values)))
        steps, goal = (int(STEP.coerce(part, data[part], None)) for part in ("steps", "goal"))
    except (ParamError, TypeError, ValueError, KeyError, AttributeError):
        raise ParamError("run: it cannot be read") from None
    places = [step for step, _ in changes]
    if places != sorted(places):
        raise ParamError("run: its changes are not in the order of their steps")
    return Replay(begun=begun, steps=steps, goal=goal, changes=tuple(changes))


def _free(values: Mapping[str, Any], fixed: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in fixed}
