"""Events: zeros of a function of (t, y), located on the interpolant of the step in which the sign changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nodeviz.engine.solution import EventHits

if TYPE_CHECKING:
    from collections.abc import Callable

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.engine.dense import Piece


@dataclass(frozen=True, slots=True)
class Event:
    """A function whose zeros are wanted.

    Parameters
    ----------
    function : (t, y) -> float; y is (D,) or (D, B), as the vector field gets it
    terminal : whether the solve ends at the first zero
    direction : 1 for rising values only, -1 for falling ones, 0 for both; "rising" in the direction of the solve
    """

    function: Callable[[float, FloatArray], Any]
    terminal: bool = False
    direction: Literal[-1, 0, 1] = 0


def check_events(events: Any) -> tuple[Event, ...]:
    """Return the events of a solve; a plain function stands for Event(function).

    Raises
    ------
    ValueError : not a sequence, or something in it is no function of (t, y)
    """
    if isinstance(events, Event) or callable(events) or not isinstance(events, Iterable):
        raise ValueError(f"events={events!r}: not a sequence; give a list such as [Event(function, terminal=True)]")
    checked = tuple(event if isinstance(event, Event) else Event(event) for event in events)
    for i, event in enumerate(checked):
        if not callable(event.function):
            raise ValueError(f"events[{i}]={event.function!r}: not a function; give f(t, y) -> float or an Event")
        if event.direction not in (-1, 0, 1):
            raise ValueError(f"events[{i}]: direction={event.direction!r}; give 1 (rising), -1 (falling) or 0 (both)")
    return checked


class EventLocator:
    """Watches the events of one solve and collects their zeros."""

    def __init__(self, events: tuple[Event, ...], t0: float, y0: FloatArray) -> None:
        self.events = events
        self.shape = y0.shape
        self._values = [_value(event, t0, y0) for event in self.events]
        self._ts: list[list[float]] = [[] for _ in events]
        self._ys: list[list[FloatArray]] = [[] for _ in events]

    def after_step(self, t_new: float, y_new: FloatArray, piece: Callable[[], Piece]) -> float | None:
        """Look for zeros in the step that ended at t_new; return the time of a terminal one.

        ``piece`` is called only when a sign has changed, since some interpolants cost evaluations.
        """
        before, self._values = self._values, [_value(event, t_new, y_new) for event in self.events]
        crossed = [i for i, event in enumerate(self.events) if _crosses(before[i], self._values[i], event.direction)]
        if not crossed:
            return None
        path = piece()
        found = sorted((self._locate(i, path, before[i], t_new), i) for i in crossed)
        if path.dt < 0:
            found.reverse()
        for t, i in found:
            self._ts[i].append(t)
            self._ys[i].append(y_new.copy() if t == t_new else path(t).reshape(self.shape))
            if self.events[i].terminal:
                return t
        return None

    def _locate(self, i: int, path: Piece, value0: float, t_new: float) -> float:
        function = self.events[i].function
        if self._values[i] == 0.0:
            return t_new
        return find_root(lambda t: float(function(t, path(t).reshape(self.shape))), path.t, t_new, value0)

    def hits(self) -> tuple[EventHits, ...]:
        """Return the zeros found so far."""
        return tuple(
            EventHits(np.array(ts, dtype=float), np.array(ys).reshape(len(ts), *self.shape))
            for ts, ys in zip(self._ts, self._ys, strict=True)
        )


def find_root(function: Callable[[float], float], a: float, b: float, fa: float) -> float:
    """Return a zero between a and b to the last bit or so: the Illinois method, kept honest by bisection.

    ``fa`` is the value at a; the value at b has the other sign.
    """
    fb = function(b)
    if fa * fb > 0.0:
        # The interpolant ends a rounding error away from the node, where the sign was seen.
        return b
    for i in range(200):
        if abs(b - a) <= 4e-16 * max(abs(a), abs(b)) or fb == 0.0:
            break
        t = b - fb * (b - a) / (fb - fa) if i % 4 != 3 else 0.5 * (a + b)
        if not min(a, b) < t < max(a, b):
            t = 0.5 * (a + b)
        value = function(t)
        if value * fb <= 0.0:
            a, fa = b, fb
        else:
            fa *= 0.5
        b, fb = t, value
    return b


def _value(event: Event, t: float, y: FloatArray) -> float:
    value = np.asarray(event.function(t, y), dtype=float)
    if value.size != 1:
        raise ValueError(
            f"events: a function returned {value.size} values; return one number (of a batch, e.g. the least)"
        )
    return float(value.reshape(()))


def _crosses(before: float, after: float, direction: int) -> bool:
    rising = before < 0.0 <= after
    falling = before > 0.0 >= after
    return (rising and direction >= 0) or (falling and direction <= 0)
