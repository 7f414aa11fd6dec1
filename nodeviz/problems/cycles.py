"""Limit cycles that orbits run into, forwards or backwards in time: seen on a return map and made exact by Newton."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nodeviz.engine.integrate import Solution, Status
from nodeviz.problems.smooth import smooth_orbit

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    import numpy.typing as npt

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.problems.planar import PlanarField

_PIECES = (1500, 3000, 6000, 12000)  # steps followed before each look for returns
_NEWTON = 12
_CLOSED = 1e-10  # of the extent: the orbit has come back to where it began
_NEAR = 0.1  # of the extent: a return farther off is another branch of the orbit
_CENTRE = 1e-5  # of all the stretching on the way: contracting less than this, the neighbours are closed as well
_KNOWN = 1e-3  # of the extent: an orbit this near to a cycle ends on it
_POINTS = 1000  # about, of an orbit to be drawn
_GONE = 1e6  # of the first extent: the orbit escapes


@dataclass(frozen=True, slots=True)
class LimitCycle:
    """An isolated closed orbit.

    Attributes
    ----------
    period : units of time, exact to 1e-9 of itself where rounding allows
    point : (x, y) on it, the rightmost
    orbit : (K, 2) once around from ``point`` in the direction of time, closed
    stable : whether neighbouring orbits approach it in forward time
    multiplier : the factor by which one turn forwards changes a small deviation
    """

    period: float
    point: tuple[float, float]
    orbit: FloatArray
    stable: bool
    multiplier: float


@dataclass(frozen=True, slots=True)
class _Section:
    """A line across the orbit: its base point, the direction in which it is crossed, the orbit's size and turn time."""

    base: FloatArray
    normal: FloatArray
    extent: float
    time: float

    @property
    def along(self) -> FloatArray:
        """Unit vector along the line."""
        return np.array([-self.normal[1], self.normal[0]])

    def crossing(self, ts: FloatArray, ys: FloatArray) -> int | None:
        """Return the index of the node before the first near crossing at least a third of a turn later."""
        ahead = (ys - self.base) @ self.normal
        offset = (ys - self.base) @ self.along
        up = (ahead[:-1] < 0) & (ahead[1:] >= 0) & (np.abs(ts[1:] - ts[0]) > 0.3 * self.time)
        weight = ahead[:-1] / np.where(up, ahead[:-1] - ahead[1:], 1.0)
        there = offset[:-1] + weight * (offset[1:] - offset[:-1])
        hits = np.flatnonzero(up & (np.abs(there) <= 2 * _NEAR * self.extent))
        return int(hits[0]) if hits.size else None


@dataclass(frozen=True, slots=True)
class _Turn:
    """One turn from the section and back: where it ends on it, after how long, and what it does to deviations.

    ``growth`` is the integral of div f over the turn, ``stretching`` that of its modulus; ``slope`` the derivative of
    the return map.
    """

    offset: float
    time: float
    slope: float
    growth: float
    stretching: float


def limit_cycles(
    planar: PlanarField, starts: Iterable[npt.ArrayLike], t0: float, t1: float
) -> Generator[None, None, list[LimitCycle]]:
    """Return, by ``yield from``, the limit cycles into which orbits run; yields every few milliseconds.

    Closed orbits that fill a region, as around a centre, are no limit cycles. A field that depends on time has none.

    Parameters
    ----------
    starts : points (x, y), followed forwards and backwards
    t0, t1 : the span the starts are shown for; a cycle may take 100 times as long
    """
    found: list[LimitCycle] = []
    for start in starts if planar.autonomous else ():
        for span in (abs(t1 - t0), -abs(t1 - t0)):
            cycle = yield from _follow(planar, np.asarray(start, dtype=float), t0, span, found)
            if cycle is not None:
                found.append(cycle)
    return sorted(found, key=lambda cycle: cycle.period)


def _follow(
    planar: PlanarField, start: FloatArray, t: float, span: float, known: list[LimitCycle]
) -> Generator[None, None, LimitCycle | None]:
    """Follow one orbit until a new limit cycle is found, or it rests, escapes, never returns or is closed itself."""
    first = 0.0
    for n_steps in _PIECES:
        # The steps end a piece, not the time, unless the orbit comes to rest.
        solution = yield from planar.orbit_steps(start, t, t + 100 * span, rtol=1e-7, atol=1e-10, max_steps=n_steps)
        ts, ys = _nodes(solution)
        first = first or float(np.ptp(ys, axis=0).max())
        ended = solution.status not in (Status.OK, Status.MAX_STEPS) or np.abs(ys).max() > _GONE * (1.0 + first)
        at_rest = np.ptp(ys[len(ys) // 2 :], axis=0).max() <= 1e-5 * first
        if ended or at_rest:
            return None
        section = _section(planar, ts, ys, span)
        if section is not None:
            if any(_distance(section.base, cycle.orbit) <= _KNOWN * section.extent for cycle in known):
                return None
            cycle, closed = yield from _close(planar, section, t, span)
            if cycle is not None and not any(_same(cycle, other) for other in known):
                return cycle
            if closed:
                return None
        start = ys[-1]
        yield
    return None


def _section(planar: PlanarField, ts: FloatArray, ys: FloatArray, span: float) -> _Section | None:
    """Return a section through the last near return of an orbit, None if it never returns near itself."""
    for begin in (len(ys) // 2, 0):
        time, orbit = ts[begin:], ys[begin:]
        extent = float(np.ptp(orbit, axis=0).max())
        normal = _direction(planar, float(ts[0]), orbit[0], span)
        ahead = (orbit - orbit[0]) @ normal
        offset = (orbit - orbit[0]) @ np.array([-normal[1], normal[0]])
        up = (ahead[:-1] < 0) & (ahead[1:] >= 0) & (np.abs(offset[1:]) <= _NEAR * extent)
        hits = np.flatnonzero(up)
        if hits.size and np.isfinite(normal).all():
            last, previous = hits[-1] + 1, hits[-2] + 1 if hits.size > 1 else 0
            turn = slice(previous, last + 1)
            return _Section(
                base=orbit[last],
                normal=_direction(planar, float(ts[0]), orbit[last], span),
                extent=float(np.ptp(orbit[turn], axis=0).max()),
                time=abs(float(time[last] - time[previous])),
            )
    return None


def _close(
    planar: PlanarField, section: _Section, t: float, span: float
) -> Generator[None, None, tuple[LimitCycle | None, bool]]:
    """Find the fixed point of the return map by Newton; the second answer says that the orbit itself is closed."""
    offset = 0.0
    for iteration in range(_NEWTON):
        turn = yield from _turn(planar, section, offset, t, span)
        if turn is None:
            return None, False
        gap = turn.offset - offset
        if abs(gap) <= _CLOSED * section.extent:
            if abs(turn.growth) <= _CENTRE * max(turn.stretching, 1e-3):
                return None, iteration == 0
            if turn.growth > 0:  # it repels in the direction followed: this orbit is not bound for it
                return None, False
            cycle = yield from _cycle(planar, section, offset, t, np.copysign(turn.time, span), turn.growth)
            return cycle, True
        if abs(1.0 - turn.slope) < _CENTRE:
            return None, False
        offset += gap / (1.0 - turn.slope)
        if not abs(offset) <= 0.5 * section.extent:
            return None, False
        yield
    return None, False


def _turn(
    planar: PlanarField, section: _Section, offset: float, t: float, span: float
) -> Generator[None, None, _Turn | None]:
    """Integrate once around from a point of the section, to rounding; None where the orbit does not come back."""
    start = section.base + offset * section.along
    end = t + np.copysign(3 * section.time, span)
    scale = section.extent
    solution = yield from planar.orbit_steps(start, t, end, method="dop853", rtol=1e-12, atol=1e-13 * scale)
    ts, ys = _nodes(solution)
    before = section.crossing(ts, ys)
    if before is None:
        return None
    time, point = yield from _land(planar, section, ts[before : before + 2], ys[before : before + 2])
    ts, ys = np.append(ts[: before + 1], time), np.concatenate([ys[: before + 1], point[None]])
    growth, stretching = yield from _divergence(planar, t, ts, ys)
    first, last = (abs(np.asarray(planar.field(t, y)) @ section.normal) for y in (start, point))
    if not last > 0.0:
        return None
    slope = float(first / last * np.exp(growth))
    return _Turn(float((point - section.base) @ section.along), abs(time - t), slope, growth, stretching)


def _land(
    planar: PlanarField, section: _Section, ts: FloatArray, ys: FloatArray
) -> Generator[None, None, tuple[float, FloatArray]]:
    """Return when and where the orbit crosses the section between two nodes, by secants over single steps."""
    t0, t1 = ts.tolist()
    low, high = ((y - section.base) @ section.normal for y in ys)
    a, b, fa, fb, point = t0, t1, low, high, ys[1]
    for _ in range(10):
        if fb == fa or abs(fb) <= 1e-15 * section.extent:
            break
        guess = float(np.clip(b - fb * (b - a) / (fb - fa), min(t0, t1), max(t0, t1)))
        if guess in (t0, b):
            break
        step = yield from planar.orbit_steps(ys[0], t0, guess, method="dop853", n_steps=1)
        point = step.ys[-1]
        a, fa, b, fb = b, fb, guess, (point - section.base) @ section.normal
    return b, point


def _divergence(
    planar: PlanarField, t: float, ts: FloatArray, ys: FloatArray
) -> Generator[None, None, tuple[float, float]]:
    """Return the integrals of div f and of its modulus along an orbit, by Simpson's rule on Hermite midpoints."""
    dt = np.diff(ts)
    slopes = (yield from planar.field_steps(t, ys.T)).T
    middles = (ys[:-1] + ys[1:]) / 2 + dt[:, None] / 8 * (slopes[:-1] - slopes[1:])
    at_nodes = np.trace((yield from planar.jacobian_steps(t, ys.T)))
    at_middles = np.trace((yield from planar.jacobian_steps(t, middles.T)))
    pieces = dt / 6 * (at_nodes[:-1] + 4 * at_middles + at_nodes[1:])
    return float(pieces.sum()), float(np.abs(pieces).sum())


def _cycle(
    planar: PlanarField, section: _Section, offset: float, t: float, period: float, growth: float
) -> Generator[None, None, LimitCycle]:
    """Return the limit cycle through a point of the section, drawn once around."""
    start = section.base + offset * section.along
    solution = yield from planar.orbit_steps(
        start, t, t + period, method="dopri5", rtol=1e-10, atol=1e-10 * section.extent
    )
    orbit = (yield from smooth_orbit(planar, solution))[:: 1 if period > 0 else -1]
    rightmost = int(orbit[:-1, 0].argmax())
    orbit = np.concatenate([orbit[rightmost:-1], orbit[: rightmost + 1]])
    forward = growth if period > 0 else -growth
    x, y = orbit[0].tolist()
    orbit = _thinned(orbit)
    multiplier = math.exp(forward) if forward < 700 else math.inf
    return LimitCycle(float(abs(period)), (x, y), orbit, forward < 0, multiplier)


def _thinned(orbit: FloatArray) -> FloatArray:
    """Return about _POINTS points of a curve, evenly along its length, with both ends."""
    length = np.append(0.0, np.hypot(*np.diff(orbit, axis=0).T).cumsum())
    _, first = np.unique(np.floor(_POINTS * length[:-1] / length[-1]), return_index=True)
    return np.asarray(orbit[np.append(first, len(orbit) - 1)])


def _nodes(solution: Solution) -> tuple[FloatArray, FloatArray]:
    assert solution.steps is not None  # orbit_steps records by default
    return solution.steps.nodes_t, solution.steps.nodes_y


def _direction(planar: PlanarField, t: float, point: FloatArray, span: float) -> FloatArray:
    """Return the unit vector in which the orbit leaves a point; NaN at an equilibrium."""
    rate = np.copysign(1.0, span) * np.asarray(planar.field(t, point))
    with np.errstate(all="ignore"):
        return np.asarray(rate / np.hypot(*rate))


def _distance(point: FloatArray, line: FloatArray) -> float:
    """Return the distance from a point to a polyline."""
    a, way = line[:-1], np.diff(line, axis=0)
    squares = np.maximum((way**2).sum(axis=1), 1e-300)
    s = np.clip(((point - a) * way).sum(axis=1) / squares, 0.0, 1.0)
    return float(np.hypot(*(a + s[:, None] * way - point).T).min())


def _same(a: LimitCycle, b: LimitCycle) -> bool:
    extent = float(np.ptp(a.orbit, axis=0).max())
    return abs(a.period - b.period) <= 1e-6 * a.period and _distance(np.array(a.point), b.orbit) <= _KNOWN * extent
