"""The kinds of parameters: how values are read from text or Python, checked, and written again."""

from __future__ import annotations

import contextlib
import difflib
import math
import operator
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, cast


class ParamError(ValueError):
    """A value that cannot be used. Its message names argument, value, limit and remedy in one sentence."""

    def _render_traceback_(self) -> list[str]:
        # IPython's hook: in the console the sentence says it all, where forty lines of nodeviz's own code would not.
        return [f"ParamError: {self}"]


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
        number = read_whole(name, value) if self.integer else read_number(name, value)
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
    """One of a few names, each with the title that a form shows; ``notes`` has a sentence for some of them."""

    choices: Mapping[str, str]
    accepts_callable: bool = False
    notes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

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
class PathText(Text):
    """The path of a file or folder, kept whole, so that it means the same wherever a run is repeated; or a word.

    Parameters
    ----------
    words : that stand for something else than a path; without any, an empty text stands for no file
    """

    words: tuple[str, ...] = ()

    def coerce(self, name: str, value: object, current: Any) -> str:
        """Accept a path, and return it from the root on."""
        text = Text.coerce(self, name, str(value) if isinstance(value, os.PathLike) else value, current)
        if text in self.words or not (text or self.words):
            return text
        if not text:
            raise ParamError(f"{name}=: names nothing; use {', '.join(self.words)} or a path")
        return str(Path(text).expanduser().absolute())


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

    ``suggestions`` maps the plain entries to the titles that a form offers; ``plain`` finds the one an entry builds on;
    entries of the same ``meaning`` count once. Where ``least`` is 0 there may be none, written ``none`` or as nothing.
    """

    read: Callable[[str, str], str]
    plain: Callable[[str], str]
    suggestions: Mapping[str, str]
    most: int
    meaning: Callable[[str], object] = str
    least: int = 1

    def coerce(self, name: str, value: object, current: Any) -> tuple[str, ...]:
        """Accept text or a sequence of texts; an entry given twice is kept once, as first written."""
        del current
        if not self.least and (value is None or str(value).strip().lower() == "none"):
            return ()
        entries = [self.read(name, str(part).strip()) for part in parts(value) if str(part).strip()]
        first: dict[object, str] = {}
        for entry in entries:
            first.setdefault(self.meaning(entry), entry)
        unique = tuple(first.values())
        if not self.least <= len(unique) <= self.most:
            example = ", ".join(list(self.suggestions)[:2])
            raise ParamError(f"{name}: {len(unique)} entries; use {self.least} to {self.most}, as in {example}")
        return unique

    def to_text(self, value: tuple[str, ...]) -> str:
        """Return the entries with commas between."""
        return ", ".join(value) or "none"

    def to_json(self, value: tuple[str, ...]) -> list[str]:
        """Return a list."""
        return list(value)

    def limits(self) -> str:
        """Return the plain entries."""
        none = "" if self.least else "none, or "
        return f"{none}1 to {self.most} of {', '.join(self.suggestions)}"


def read_whole(name: str, value: object) -> int:
    """Return an integer from a number or its text, every digit of it: a float would round it beyond 2**53."""
    with contextlib.suppress(TypeError, ValueError):
        if isinstance(value, str):
            return int(value.strip().replace("−", "-"))
        if not isinstance(value, bool):
            return operator.index(cast("Any", value))
    number = read_number(name, value)
    if number != int(number):
        raise ParamError(f"{name}={shown(value)}: not a whole number; use {int(number)} or {int(number) + 1}")
    return int(number)


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
    """Return the shortest text that reads back as the same number: 15, 1e6, 1234567, 0.1."""
    if isinstance(number, int):
        return str(number) if abs(number) < 1e16 else f"{number:g}"
    text = repr(float(number)).removesuffix(".0")
    brief = f"{number:g}"
    if float(brief) == number and len(text) > 6:
        text = brief
    return re.sub(r"e([+-])0*", lambda sign: "e-" if sign[1] == "-" else "e", text)


def shown(value: object) -> str:
    """Return a value as a short text for a sentence."""
    try:
        text = value if isinstance(value, str) else repr(value)
    except ValueError:  # Python refuses to write integers of more than 4300 digits
        text = f"a number of {cast('int', value).bit_length()} bits"
    return text if len(text) <= 40 else f"{text[:37]}..."


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the remedy for an unknown name: the nearest known one, or all of them."""
    names = list(known)
    close = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"use one of {', '.join(names)}"
