"""One declaration per parameter: limits, texts, coercion and help all come from ``param``.

An experiment declares a frozen keyword-only dataclass whose fields are made with `param`. Its form rows, console
attributes, command-line flags, preset keys, JSON and undo steps are derived from that declaration, so nothing is
written twice.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar, cast

from nodeviz.experiments.kinds import (
    Choice,
    Flag,
    Interval,
    Kind,
    Names,
    Number,
    NumberMap,
    ParamError,
    PathText,
    Points,
    Text,
    nearest,
    read_number,
    read_whole,
    short,
    shown,
)
from nodeviz.experiments.labelled_kind import Labelled

__all__ = [
    "Choice",
    "Flag",
    "Interval",
    "Kind",
    "Labelled",
    "Names",
    "Number",
    "NumberMap",
    "Param",
    "ParamError",
    "PathText",
    "Points",
    "Text",
    "change",
    "declared",
    "nearest",
    "needs_restart",
    "param",
    "read_number",
    "read_whole",
    "short",
    "shown",
    "to_json",
]


@dataclass(frozen=True, slots=True)
class Param:
    """Everything that is declared about one parameter."""

    name: str
    default: Any
    kind: Kind
    label: str
    unit: str = ""
    help: str = ""
    live: bool = False
    more: bool = False

    def describe(self) -> str:
        """Return the help text: what it is, its limits and its default."""
        unit = f" [{self.unit}]" if self.unit else ""
        default = self.kind.to_text(self.default)
        live = " Takes effect without a restart." if self.live else ""
        return f"{self.label}{unit}: {self.help} Limits: {self.kind.limits()}. Default: {default}.{live}"


def param(
    default: Any,
    *,
    label: str,
    lo: float | None = None,
    hi: float | None = None,
    log: bool = False,
    choices: Mapping[str, str] | None = None,
    kind: Kind | None = None,
    unit: str = "",
    help: str = "",
    live: bool = False,
    more: bool = False,
) -> Any:
    """Declare a parameter: the field of a frozen keyword-only dataclass.

    Parameters
    ----------
    default : the value it starts with
    label : what a form row is called
    lo, hi : float, limits of a number, both included
    log : bool, whether its slider is logarithmic
    choices : mapping from the names to their titles
    kind : how other values are read; numbers, flags, texts and choices need none
    unit : str, the unit in words or symbols
    help : str, one or two sentences for tooltip and console
    live : bool, whether a change takes effect without restarting the run
    more : bool, whether the form keeps it under "More"
    """
    if kind is None:
        kind = _kind_of(default, lo, hi, log=log, choices=choices)
    metadata = {
        "param": {
            "default": default,
            "kind": kind,
            "label": label,
            "unit": unit,
            "help": help,
            "live": live,
            "more": more,
        }
    }
    if isinstance(default, Mapping):  # dataclasses take a mapping for a mutable default, read-only or not
        return dataclasses.field(default_factory=lambda: default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def _kind_of(default: Any, lo: float | None, hi: float | None, *, log: bool, choices: Mapping[str, str] | None) -> Kind:
    if choices is not None:
        return Choice(choices)
    if isinstance(default, bool):
        return Flag()
    if isinstance(default, int | float):
        if lo is None or hi is None:
            raise TypeError(f"default={default}: a number is declared with its limits; give lo and hi")
        return Number(lo, hi, integer=isinstance(default, int), log=log)
    return Text()


P = TypeVar("P")


def declared(params: Any) -> Mapping[str, Param]:
    """Return the declarations of a parameter class, or of one of its objects, by name and in order."""
    return MappingProxyType(
        {
            field.name: Param(name=field.name, **field.metadata["param"])
            for field in dataclasses.fields(params)
            if "param" in field.metadata
        }
    )


def change(params: P, changes: Mapping[str, object]) -> P:
    """Return ``params`` with the changes made, everything that follows from them, and all of it checked.

    A class may define ``implied(changes) -> dict`` for the values that follow from a change (another system brings its
    own start points), and ``check(changes) -> None`` for what the changed fields must satisfy together.

    Raises
    ------
    ParamError : an unknown name, a value outside its limits, values that do not fit together; ``params`` stays as it is
    """
    known = declared(params)
    for name in changes:
        if name not in known:
            raise ParamError(f"{name}: no such parameter; {nearest(name, known)}")
    implied = cast("dict[str, object]", params.implied(changes)) if hasattr(params, "implied") else {}
    base = dataclasses.replace(cast("Any", params), **implied)
    coerced = {name: known[name].kind.coerce(name, value, getattr(base, name)) for name, value in changes.items()}
    changed = dataclasses.replace(base, **coerced)
    if hasattr(changed, "check"):
        changed.check(changes)
    return cast("P", changed)


def needs_restart(before: Any, params: Any) -> bool:
    """Whether a run goes from its seed again where its parameters have changed so: more than live ones have."""
    for spec in declared(params).values():
        old, new = getattr(before, spec.name), getattr(params, spec.name)
        # The same callable may mean something else by now.
        if not spec.live and (old != new or callable(new)):
            return True
    return False


def to_json(params: Any) -> dict[str, Any]:
    """Return all values as JSON, in declared order."""
    return {name: spec.kind.to_json(getattr(params, name)) for name, spec in declared(params).items()}
