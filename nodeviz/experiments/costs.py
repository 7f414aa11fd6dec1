"""Whose fault it is that a run would take too much, and what would do."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any, TypeVar

from nodeviz.experiments.params import ParamError, declared, short

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

P = TypeVar("P")


def too_much(params: P, names: Sequence[str], fits: Callable[[P], bool], why: str) -> ParamError:
    """Return the error that names the parameter to blame and its largest value that fits.

    Parameters
    ----------
    names : whole numbers that may be to blame, the likeliest first; the first one whose default would make the rest fit
        is, else the first of all
    fits : whether parameters would do
    why : what the run would take, and the limit
    """
    known = declared(params)
    name = next((name for name in names if fits(_with(params, name, known[name].default))), names[0])
    largest = _largest(params, name, fits)
    return ParamError(f"{name}={short(getattr(params, name))}: {why}; use {short(largest)} or less")


def _largest(params: P, name: str, fits: Callable[[P], bool]) -> int:
    """Return the largest value that fits, to two digits; 1 at least."""
    good, too_large = 1, int(getattr(params, name))
    while too_large - good > 1:
        middle = (good + too_large) // 2
        if fits(_with(params, name, middle)):
            good = middle
        else:
            too_large = middle
    unit = int(10 ** max(0, math.floor(math.log10(good)) - 1))
    return good // unit * unit


def _with(params: P, name: str, value: Any) -> P:
    changed: P = dataclasses.replace(params, **{name: value})  # type: ignore[type-var]
    return changed
