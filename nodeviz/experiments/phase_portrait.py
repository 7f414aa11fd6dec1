"""The portrait of the field itself: directions, nullclines, equilibria, manifolds, limit cycles."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING

import numpy as np

from nodeviz.engine.arrays import FloatArray, freeze
from nodeviz.experiments.budget import at_most
from nodeviz.experiments.params import declared
from nodeviz.experiments.phase_frame import Portrait, read_only
from nodeviz.problems.cycles import limit_cycles
from nodeviz.problems.equilibria import find_equilibria_steps
from nodeviz.problems.manifolds import manifolds
from nodeviz.problems.nullclines import nullclines_steps

if TYPE_CHECKING:
    from collections.abc import Generator

    from nodeviz.experiments.phase_params import PhaseParams
    from nodeviz.problems.planar import PlanarField

SECONDS = 3.0  # of computing, for the manifolds and again for the limit cycles
QUICK_SECONDS = 1.0  # of computing, each for the arrows, the nullclines and the equilibria
ARROWS, LOOPED_ARROWS = 22, 14  # along the shorter side of the view; where the field is asked point by point
NOTHING = freeze(np.empty((0, 2)))


def key_of(params: PhaseParams, names: tuple[str, ...]) -> str:
    """Return a text that differs whenever one of the named parameters does."""
    known = declared(params)
    return " | ".join(known[name].kind.to_text(getattr(params, name)) for name in names)


def drawn_ranges(params: PhaseParams) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the ranges to draw: with equal aspect a plot shows more than the view, whatever its shape."""
    (x0, x1), (y0, y1) = params.x_range, params.y_range
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    half_x, half_y = (x1 - x0) / 2, (y1 - y0) / 2
    wide, high = max(half_x, 3.0 * half_y), max(half_y, 1.5 * half_x)
    return (x - wide, x + wide), (y - high, y + high)


def quick(planar: PlanarField, params: PhaseParams, last: Portrait | None) -> Generator[None, None, Portrait]:
    """Return what a first picture needs; all of the last portrait where nothing it depends on changed.

    A callable may read what has changed without a word, so that nothing of it is kept.
    """
    key = key_of(params, ("equations", "parameters", "x_range", "y_range", "t0"))
    cycles_key = key_of(params, ("equations", "parameters", "t0", "t1", "start"))
    if last is not None and not callable(params.system) and (last.system, last.key) == (params.system, key):
        if last.cycles_key == cycles_key:
            return last
        return dataclasses.replace(last, cycles_key=cycles_key, cycles_current=False)
    x_range, y_range = drawn_ranges(params)
    at, direction, speed = yield from directions(planar, params)
    lines = yield from at_most(QUICK_SECONDS, nullclines_steps(planar, params.t0, x_range, y_range))
    rest = yield from at_most(QUICK_SECONDS, find_equilibria_steps(planar, params.t0, params.x_range, params.y_range))
    nullcline_x, nullcline_y = lines or (NOTHING, NOTHING)
    found = rest or []
    late = [name for name, result in (("nullclines", lines), ("equilibria", rest)) if result is None]
    note = f"{' and '.join(late)} take longer than {QUICK_SECONDS:g} s and are left out" if late else ""
    return Portrait(
        system=params.system,
        key=key,
        t=params.t0,
        autonomous=planar.autonomous,
        at=at,
        direction=direction,
        speed=speed,
        nullcline_x=freeze(nullcline_x),
        nullcline_y=freeze(nullcline_y),
        equilibria=freeze(np.array([one.point for one in found], float).reshape(-1, 2)),
        eigenvalues=read_only(np.array([one.eigenvalues for one in found], complex).reshape(-1, 2)),
        kinds=read_only(np.array([one.kind for one in found], dtype=str)),
        # Shown paler until they are recomputed: they would flicker under a moving slider otherwise.
        stable=last.stable if last else NOTHING,
        unstable=last.unstable if last else NOTHING,
        cycles=last.cycles if last else NOTHING,
        cycle_points=NOTHING,
        periods=freeze(np.empty(0)),
        cycle_stable=read_only(np.empty(0, bool)),
        manifolds_current=False,
        cycles_current=False,
        cycles_key=cycles_key,
        field_note=note,
    )


def directions(
    planar: PlanarField, params: PhaseParams
) -> Generator[None, None, tuple[FloatArray, FloatArray, FloatArray]]:
    """Return places (N, 2), unit directions (N, 2) and speeds (N,) on a grid over everything that may be in sight.

    A field that is asked point by point gets fewer arrows, and for so many seconds only, from the middle outwards.
    """
    x_range, y_range = drawn_ranges(params)
    arrows = ARROWS if planar.vectorised else LOOPED_ARROWS
    spacing = min(params.x_range[1] - params.x_range[0], params.y_range[1] - params.y_range[0]) / arrows
    # One grid for all windows: it is laid from the origin, so that arrows stay where they are while the view moves.
    xs, ys = (np.arange(np.ceil(lo / spacing), np.floor(hi / spacing) + 1) * spacing for lo, hi in (x_range, y_range))
    points = np.stack([axis.ravel() for axis in np.meshgrid(xs, ys)])
    slopes = np.full_like(points, np.nan)
    middle = np.mean([x_range, y_range], axis=1, keepdims=True)
    order = np.argsort(np.hypot(*(points - middle)), kind="stable")
    spent = 0.0
    for part in np.array_split(order, 1 if planar.vectorised else len(order)):
        started = time.perf_counter()
        slopes[:, part] = planar.field(params.t0, points[:, part])
        spent += time.perf_counter() - started
        yield
        if spent > QUICK_SECONDS:
            break
    with np.errstate(all="ignore"):
        speed = np.hypot(slopes[0], slopes[1])
        unit = (slopes / speed).T
    good = np.isfinite(unit).all(axis=1)
    return freeze(points.T[good]), freeze(unit[good]), freeze(speed[good])


def deepen(planar: PlanarField, params: PhaseParams, portrait: Portrait) -> Generator[Portrait | None, None, None]:
    """Yield the portrait again with manifolds, then with limit cycles; None while the work goes on."""
    if not portrait.manifolds_current:
        portrait = yield from _with_manifolds(planar, params, portrait)
        yield portrait
    if not portrait.cycles_current:
        yield (yield from _with_cycles(planar, params, portrait))


def _with_manifolds(planar: PlanarField, params: PhaseParams, portrait: Portrait) -> Generator[None, None, Portrait]:
    saddles = [point for point, kind in zip(portrait.equilibria, portrait.kinds, strict=True) if kind == "saddle"]
    x_range, y_range = drawn_ranges(params)
    lines = yield from at_most(SECONDS, manifolds(planar, params.t0, saddles, x_range, y_range))
    stable, unstable = lines or (NOTHING, NOTHING)
    late = f"the manifolds of {len(saddles)} saddles take longer than {SECONDS:g} s and are left out"
    return dataclasses.replace(
        portrait,
        stable=freeze(stable),
        unstable=freeze(unstable),
        manifolds_current=True,
        manifolds_note="" if lines else late,
    )


def _with_cycles(planar: PlanarField, params: PhaseParams, portrait: Portrait) -> Generator[None, None, Portrait]:
    cycles = yield from at_most(SECONDS, limit_cycles(planar, params.start, params.t0, params.t1))
    late = f"the search for limit cycles takes longer than {SECONDS:g} s and was stopped"
    found = cycles or []
    broken = [np.vstack([cycle.orbit, [[np.nan, np.nan]]]) for cycle in found]
    return dataclasses.replace(
        portrait,
        cycles=freeze(np.vstack(broken)) if broken else NOTHING,
        cycle_points=freeze(np.array([cycle.point for cycle in found], float).reshape(-1, 2)),
        periods=freeze(np.array([cycle.period for cycle in found], float)),
        cycle_stable=read_only(np.array([cycle.stable for cycle in found], bool)),
        cycles_current=True,
        cycles_note=late if cycles is None else "",
    )
