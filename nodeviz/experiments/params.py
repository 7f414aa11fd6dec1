"""One declaration per parameter: limits, texts, coercion and help all come from ``param``.

An experiment declares a frozen keyword-only dataclass whose fields are made with `param`. Its form rows, console
attributes, command-line flags, preset keys, JSON and undo steps are derived from that declaration, so nothing is
written twice.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol, TypeVar, cast


class ParamError(ValueError):
    """A value that cannot be used. Its message names argument, value, limit and remedy in one sentence."""


class Kind(Protocol):
    """How the values of a parameter are read, written and checked."""

    def coerce(self, name: str, value: object, current: Any) -> Any:
        """Return the value to store, from text or from Python; ``current`` is the value it replaces."""
        ...

    def to_text(self, value: Any) -> str:
        """Return the text that `coerce` reads back as ``value``."""
        ...

    def to_json(self, value: Any) -> Any:
        """Return the value as JSON."""
        ...

    def limits(self) -> str:
        """Return the limits in words, for help texts."""
        ...


@dataclass(frozen=True, slots=True)
class Number:
    """A finite number between ``lo`` and ``hi``; whole when ``integer``."""

    lo: float
    hi: float
    integer: bool = False
    log: bool = False

    def coerce(self, name: str, value: object, current: Any) -> float:
        """Accept a number, or its text with a decimal point or (where no point stands) a decimal comma."""
        del current
        number = read_number(name, value)
        if self.integer:
            if number != int(number):
                raise ParamError(f"{name}={shown(value)}: not a whole number; use {int(number)} or {int(number) + 1}")
            number = int(number)
        if number < self.lo:
            raise ParamError(f"{name}={shown(value)}: below the limit {short(self.lo)}; use {short(self.lo)} or more")
        if number > self.hi:
            raise ParamError(f"{name}={shown(value)}: above the limit {short(self.hi)}; use {short(self.hi)} or less")
        return number

    def to_text(self, value: float) -> str:
        """Return the shortest text that reads back exactly."""
        return short(value)

    def to_json(self, value: float) -> float:
        """Return the number itself."""
        return value

    def limits(self) -> str:
        """Return ``lo to hi``."""
        whole = "whole number, " if self.integer else ""
        return f"{whole}{short(self.lo)} to {short(self.hi)}"


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    def coerce(self, name: str, value: object, current: Any) -> bool:
        """Accept a bool, 0 or 1, or one of true/false, yes/no, on/off."""
        del current
        if isinstance(value, bool):
            return value
        text = str(value).strip().lower()
        if text in {"true", "yes", "on", "1"}:
            return True
        if text in {"false", "no", "off", "0"}:
            return False
        raise ParamError(f"{name}={shown(value)}: neither true nor false; use true or false")

    def to_text(self, value: bool) -> str:
        """Return ``true`` or ``false``."""
        return "true" if value else "false"

    def to_json(self, value: bool) -> bool:
        """Return the flag itself."""
        return value

    def limits(self) -> str:
        """Return the two choices."""
        return "true or false"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few names, each with the title that a form shows."""

    choices: Mapping[str, str]
    accepts_callable: bool = False

    def coerce(self, name: str, value: object, current: Any) -> Any:
        """Accept a name; a callable too where the declaration allows one."""
        del current
        if self.accepts_callable and callable(value):
            return value
        text = str(value).strip()
        if text not in self.choices:
            raise ParamError(f"{name}={shown(value)}: unknown; {nearest(text, self.choices)}")
        return text

    def to_text(self, value: Any) -> str:
        """Return the name, or the name of the callable."""
        return value if isinstance(value, str) else f"python:{getattr(value, '__name__', type(value).__name__)}"

    def to_json(self, value: Any) -> str:
        """Return the name, or the name of the callable."""
        return self.to_text(value)

    def limits(self) -> str:
        """Return the names."""
        names = ", ".join(self.choices)
        return f"one of {names}, or any callable" if self.accepts_callable else f"one of {names}"


@dataclass(frozen=True, slots=True)
class Text:
    """Free text; what it must say is checked by the experiment's own `check`."""

    longest: int = 2000
    lines: bool = False

    def coerce(self, name: str, value: object, current: Any) -> str:
        """Accept text up to the longest length."""
        del current
        if not isinstance(value, str):
            raise ParamError(f"{name}={shown(value)}: not text; use a string of at most {self.longest} characters")
        if len(value) > self.longest:
            raise ParamError(f"{name}: {len(value)} characters, above the limit {self.longest}; shorten it")
        return value.strip()

    def to_text(self, value: str) -> str:
        """Return the text itself."""
        return value

    def to_json(self, value: str) -> str:
        """Return the text itself."""
        return value

    def limits(self) -> str:
        """Return the longest length."""
        return f"text, at most {self.longest} characters"


@dataclass(frozen=True, slots=True)
class NumberMap:
    """Named numbers, written ``mu=1.5, a=2``. A change names only the keys it sets; the others keep their values."""

    lo: float
    hi: float

    def coerce(self, name: str, value: object, current: Any) -> Mapping[str, float]:
        """Merge the given keys into the current ones."""
        merged = dict(cast("Mapping[str, float]", current))
        for key, number in self._pairs(name, value):
            if key not in merged:
                known = nearest(key, merged) if merged else "this system has no parameters"
                raise ParamError(f"{name}: {key!r} is not a parameter of this system; {known}")
            merged[key] = Number(self.lo, self.hi).coerce(f"{name}[{key!r}]", number, merged[key])
        return MappingProxyType(merged)

    @staticmethod
    def _pairs(name: str, value: object) -> list[tuple[str, object]]:
        if isinstance(value, Mapping):
            return [(str(key), number) for key, number in value.items()]
        pairs: list[tuple[str, object]] = []
        for part in str(value).replace(";", ",").split(","):
            if not part.strip():
                continue
            key, equals, number = part.partition("=")
            if not equals:
                raise ParamError(
                    f"{name}={shown(value)}: {part.strip()!r} has no value; write name=number, as in mu=1.5"
                )
            pairs.append((key.strip(), number.strip()))
        return pairs

    def to_text(self, value: Mapping[str, float]) -> str:
        """Return ``key=value, ...``."""
        return ", ".join(f"{key}={short(number)}" for key, number in value.items())

    def to_json(self, value: Mapping[str, float]) -> dict[str, float]:
        """Return a plain dictionary."""
        return dict(value)

    def limits(self) -> str:
        """Return the form and the limits of each number."""
        return f"name=number, ...; each {short(self.lo)} to {short(self.hi)}"


@dataclass(frozen=True, slots=True)
class Points:
    """Points of the plane, written ``2,0; 1,1``."""

    most: int
    limit: float

    def coerce(self, name: str, value: object, current: Any) -> tuple[tuple[float, float], ...]:
        """Accept text, one pair, or any sequence of pairs."""
        del current
        rows: list[Any]
        if isinstance(value, str):
            rows = [part.split(",") for part in value.split(";") if part.strip()]
        else:
            rows = list(value) if isinstance(value, Iterable) else [value]
            if rows and not isinstance(rows[0], Iterable):
                rows = [rows]
        if not 1 <= len(rows) <= self.most:
            raise ParamError(f"{name}: {len(rows)} points; use 1 to {self.most}, as in 2,0; 1,1")
        return tuple(self._point(name, row) for row in rows)

    def _point(self, name: str, row: Any) -> tuple[float, float]:
        entries = list(row) if isinstance(row, Iterable) else [row]
        if len(entries) != 2:
            text = ",".join(str(entry).strip() for entry in entries)
            raise ParamError(f"{name}={text}: {len(entries)} numbers where a point has 2; write x,y as in 2,0")
        number = Number(-self.limit, self.limit)
        return number.coerce(name, entries[0], None), number.coerce(name, entries[1], None)

    def to_text(self, value: tuple[tuple[float, float], ...]) -> str:
        """Return ``x,y; x,y``."""
        return "; ".join(f"{short(x)},{short(y)}" for x, y in value)

    def to_json(self, value: tuple[tuple[float, float], ...]) -> list[list[float]]:
        """Return a list of pairs."""
        return [list(point) for point in value]

    def limits(self) -> str:
        """Return the form and the number of points."""
        return f"x,y; x,y; ... (1 to {self.most} points)"


@dataclass(frozen=True, slots=True)
class Interval:
    """Two increasing numbers, written ``-4,4``."""

    limit: float

    def coerce(self, name: str, value: object, current: Any) -> tuple[float, float]:
        """Accept text or a pair."""
        del current
        entries = parts(value)
        if len(entries) != 2:
            raise ParamError(f"{name}={shown(value)}: not two numbers; write lowest,highest as in -4,4")
        number = Number(-self.limit, self.limit)
        lo, hi = (number.coerce(name, entry, None) for entry in entries)
        if not hi - lo > 1e-9 * max(1.0, abs(lo), abs(hi)):
            raise ParamError(
                f"{name}={short(lo)},{short(hi)}: the second number must be larger; write lowest,highest as in -4,4"
            )
        return lo, hi

    def to_text(self, value: tuple[float, float]) -> str:
        """Return ``lowest,highest``."""
        return f"{short(value[0])},{short(value[1])}"

    def to_json(self, value: tuple[float, float]) -> list[float]:
        """Return a pair."""
        return list(value)

    def limits(self) -> str:
        """Return the form."""
        return f"lowest,highest within ±{short(self.limit)}"


@dataclass(frozen=True, slots=True)
class Names:
    """A list of entries, written ``euler, rk4:60``; ``read`` checks and tidies each of them.

    ``suggestions`` maps the plain entries to the titles that a form offers; ``plain`` finds the one an entry builds on.
    """

    read: Callable[[str, str], str]
    plain: Callable[[str], str]
    suggestions: Mapping[str, str]
    most: int

    def coerce(self, name: str, value: object, current: Any) -> tuple[str, ...]:
        """Accept text or a sequence of texts; an entry given twice is kept once."""
        del current
        entries = [self.read(name, str(part).strip()) for part in parts(value) if str(part).strip()]
        unique = tuple(dict.fromkeys(entries))
        if not 1 <= len(unique) <= self.most:
            raise ParamError(
                f"{name}: {len(unique)} entries; use 1 to {self.most}, as in {', '.join(list(self.suggestions)[:2])}"
            )
        return unique

    def to_text(self, value: tuple[str, ...]) -> str:
        """Return the entries with commas between."""
        return ", ".join(value)

    def to_json(self, value: tuple[str, ...]) -> list[str]:
        """Return a list."""
        return list(value)

    def limits(self) -> str:
        """Return the plain entries."""
        return f"1 to {self.most} of {', '.join(self.suggestions)}"


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
    own start points), and ``check() -> None`` for what fields must satisfy together.

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
        changed.check()
    return cast("P", changed)


def to_json(params: Any) -> dict[str, Any]:
    """Return all values as JSON, in declared order."""
    return {name: spec.kind.to_json(getattr(params, name)) for name, spec in declared(params).items()}


def read_number(name: str, value: object) -> float:
    """Return a finite float from a number or its text, whatever the locale's decimal mark."""
    try:
        if isinstance(value, str):
            text = value.strip().replace("−", "-")
            number = float(text.replace(",", ".") if text.count(",") == 1 and "." not in text else text)
        elif isinstance(value, bool):
            raise TypeError
        else:
            # Whole numbers first: float(10**400) overflows where the limit should speak.
            number = (
                float(min(max(operator.index(value), -(10**300)), 10**300))
                if hasattr(value, "__index__")
                else float(cast("Any", value))
            )
    except (TypeError, ValueError):
        raise ParamError(f"{name}={shown(value)}: not a number; write it like 1.5 or 2e-3") from None
    if not math.isfinite(number):
        raise ParamError(f"{name}={shown(value)}: not a finite number; write it like 1.5 or 2e-3")
    return number


def parts(value: object) -> list[Any]:
    """Return the entries of a list, or of its text with commas or semicolons between."""
    if isinstance(value, str):
        return list(value.replace(";", ",").split(","))
    return list(value) if isinstance(value, Iterable) else [value]


def short(number: float) -> str:
    """Return the shortest text that reads back as the same number."""
    if isinstance(number, int) or (float(number).is_integer() and abs(number) < 1e6):
        return str(int(number)) if abs(number) < 1e16 else f"{number:g}"
    return repr(float(number)).replace("e-0", "e-").replace("e+0", "e")


def shown(value: object) -> str:
    """Return a value as a short text for a sentence."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the remedy for an unknown name: the nearest known one, or all of them."""
    names = list(known)
    close = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"use one of {', '.join(names)}"
