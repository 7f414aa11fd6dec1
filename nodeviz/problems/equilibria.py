"""Equilibria in view: found by Newton's method from everywhere at once, and classified by their linearisation."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from nodeviz.problems.pieces import finish

if TYPE_CHECKING:
    from collections.abc import Generator

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.problems.planar import PlanarField

SEEDS = 20  # starts of Newton's method per side of the view
LOOPED_SEEDS = 6  # for a field that must be asked point by point
_NEWTON, _LOOPED_NEWTON = 60, 25  # iterations at most; towards double zeros each one halves the distance
_SAME = 1e-5  # of the view's diagonal: equilibria this near are one


class Kind(StrEnum):
    """The classes of equilibria. ``undecided``: the linearisation does not tell."""

    SADDLE = "saddle"
    STABLE_NODE = "stable node"
    UNSTABLE_NODE = "unstable node"
    STABLE_SPIRAL = "stable spiral"
    UNSTABLE_SPIRAL = "unstable spiral"
    STABLE_STAR = "stable star"
    UNSTABLE_STAR = "unstable star"
    STABLE_DEGENERATE_NODE = "stable degenerate node"
    UNSTABLE_DEGENERATE_NODE = "unstable degenerate node"
    CENTRE = "centre"
    LINE = "line of equilibria"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Equilibrium:
    """A point where the field vanishes.

    Attributes
    ----------
    point : (x, y); of a line of equilibria, the one nearest to the middle of the view
    eigenvalues : of the Jacobian there, by real, then imaginary part
    kind : its class
    """

    point: tuple[float, float]
    eigenvalues: tuple[complex, complex]
    kind: Kind


def find_equilibria(
    planar: PlanarField, t: float, x_range: tuple[float, float], y_range: tuple[float, float]
) -> list[Equilibrium]:
    """Return the equilibria in view, from left to right; those of a field that depends on time are frozen at t.

    Two that are nearer to each other than 1e-5 of the view's diagonal count as one.
    """
    return finish(find_equilibria_steps(planar, t, x_range, y_range))


def find_equilibria_steps(
    planar: PlanarField, t: float, x_range: tuple[float, float], y_range: tuple[float, float]
) -> Generator[None, None, list[Equilibrium]]:
    """Return what ``find_equilibria`` returns, yielding every few milliseconds."""
    low, high = np.array([x_range, y_range], dtype=float).T
    seeds, usual = yield from _seeds(planar, t, low, high)
    view = _View(low, high, usual)
    points = yield from newton(planar, t, seeds, view)
    with np.errstate(all="ignore"):
        slack = 1e-9 * view.size
        points = points[:, np.all((low - slack <= points.T) & (high + slack >= points.T), axis=1)]
        points = _distinct(points, view.diagonal)
    if not points.size:
        return []
    jacobians = np.moveaxis(np.array((yield from planar.jacobian_steps(t, points))), -1, 0)
    good = np.isfinite(jacobians).all(axis=(1, 2))
    points, jacobians = points[:, good], jacobians[good]
    # Beside the rates in view a rounding error, beside nothing but itself it would look like a node.
    jacobians[np.abs(jacobians).max(axis=(1, 2)) <= 1e-12 * usual.max() / view.diagonal] = 0.0
    affine, exact = (yield from planar.is_affine_steps(t)), planar.exact_at(t, points).tolist()
    kinds = [classify(one, affine=affine, exact=known) for one, known in zip(jacobians, exact, strict=True)]
    singular = [i for i, one in enumerate(jacobians) if _is_singular(one, affine, exact[i])]
    keep = yield from _merge_lines(planar, t, points, kinds, singular, view)
    return [_equilibrium(points[:, i], jacobians[i], kinds[i], view.diagonal) for i in keep]


@dataclass(frozen=True, slots=True)
class _View:
    """The part of the plane that is searched: its corners (2,), and the rates (2, 1) that are usual in it."""

    low: FloatArray
    high: FloatArray
    usual: FloatArray

    @property
    def size(self) -> FloatArray:
        return self.high - self.low

    @property
    def diagonal(self) -> float:
        return float(np.hypot(*self.size))


def classify(jacobian: FloatArray, *, affine: bool, exact: bool = True) -> Kind:
    """Return the class of an equilibrium with this Jacobian, (2, 2).

    Parameters
    ----------
    affine : the field is its linearisation, so that a centre is one and a zero eigenvalue means a line of equilibria
    exact : the Jacobian is exact to rounding; if not, it comes from differences and the tolerances are wider
    """
    jacobian = np.asarray(jacobian, dtype=float)
    (a, b), (c, d) = jacobian.tolist()
    if _is_singular(jacobian, affine, exact):
        return Kind.LINE if affine else Kind.UNDECIDED
    first, second = _eigenvalues(a, b, c, d)
    norm = max(abs(a), abs(b), abs(c), abs(d))
    if abs(first.imag) > 0 and not _repeated(a, b, c, d, exact):
        if abs(first.real) <= (1e-9 if exact else 1e-6) * abs(first.imag):
            return Kind.CENTRE if affine else Kind.UNDECIDED
        return Kind.STABLE_SPIRAL if first.real < 0 else Kind.UNSTABLE_SPIRAL
    if first.real * second.real < 0:
        return Kind.SADDLE
    stable = first.real < 0
    if not _repeated(a, b, c, d, exact):
        return Kind.STABLE_NODE if stable else Kind.UNSTABLE_NODE
    middle = (a + d) / 2
    if max(abs(a - middle), abs(b), abs(c)) <= (1e-12 if exact else 1e-4) * norm:
        return Kind.STABLE_STAR if stable else Kind.UNSTABLE_STAR
    return Kind.STABLE_DEGENERATE_NODE if stable else Kind.UNSTABLE_DEGENERATE_NODE


def newton(planar: PlanarField, t: float, seeds: FloatArray, view: _View) -> Generator[None, None, FloatArray]:
    """Return where Newton's method ends at a zero of the field, (2, K), from seeds (2, N); some end nowhere.

    Where the Jacobian is singular the shortest step is taken, so that on a line of equilibria every seed finds its own.
    No step is longer than half the view, and a rate is zero when it is small beside those that are usual there.
    """
    points, scale = seeds.copy(), view.diagonal
    step = np.full_like(points, np.inf)
    active = np.arange(points.shape[1])
    for _ in range(_NEWTON if planar.vectorised else _LOOPED_NEWTON):
        rate = yield from planar.field_steps(t, points[:, active])
        jacobian = yield from planar.jacobian_steps(t, points[:, active])
        with np.errstate(all="ignore"):
            move = newton_step(rate, jacobian)
            moved = np.hypot(*move)
            move *= np.minimum(1.0, 0.5 * scale / np.maximum(moved, 1e-300))
            moved = np.hypot(*move)
            points[:, active] += move
            step[:, active] = move
            near = np.all(np.abs(points[:, active].T) < 1e3 * scale + 1e3, axis=1)
        active = active[(moved > 1e-15 * scale) & near]
        if not active.size:
            break
    rate = np.abs((yield from planar.field_steps(t, points)))
    with np.errstate(all="ignore"):
        usual = np.where(np.isfinite(view.usual) & (view.usual > 0), view.usual, 1.0)
        small = np.all(rate <= 1e-7 * usual, axis=0) & (np.hypot(*step) <= 1e-6 * scale)
    return points[:, small & np.isfinite(points).all(axis=0)]


def newton_step(rate: FloatArray, jacobian: FloatArray) -> FloatArray:
    """Return Newton's step -J^+ f for f (2, N) and J (2, 2, N).

    J^+ is the inverse, or the pseudoinverse where J is singular.
    """
    (a, b), (c, d) = jacobian
    f, g = rate
    determinant, squares = a * d - b * c, a * a + b * b + c * c + d * d
    regular = np.abs(determinant) > 1e-13 * squares
    inverse = np.where(regular, 1.0 / determinant, 0.0)
    pseudo = np.where(regular | (squares == 0), 0.0, 1.0 / squares)
    return np.stack(
        [
            -(d * f - b * g) * inverse - (a * f + c * g) * pseudo,
            -(a * g - c * f) * inverse - (b * f + d * g) * pseudo,
        ]
    )


def _seeds(
    planar: PlanarField, t: float, low: FloatArray, high: FloatArray
) -> Generator[None, None, tuple[FloatArray, FloatArray]]:
    """Return starts for Newton's method, and the usual rates (2, 1) in view.

    The starts are a grid, and the cells in which both rates change sign, of a finer one.
    """
    n = SEEDS if planar.vectorised else LOOPED_SEEDS
    # Off the centre, where symmetric systems have singular Jacobians.
    spans = list(zip(low.tolist(), high.tolist(), strict=True))
    grid = np.stack(np.meshgrid(*(np.linspace(lo, hi, n) + 1e-3 * (hi - lo) / n for lo, hi in spans)))
    nodes = np.stack(np.meshgrid(*(np.linspace(lo, hi, 3 * n) for lo, hi in spans)))
    rates = yield from planar.field_steps(t, nodes)
    with np.errstate(all="ignore"):
        positive, usual = rates > 0, np.median(np.abs(rates).reshape(2, -1), axis=1, keepdims=True)
    corners = np.stack([positive[:, :-1, :-1], positive[:, :-1, 1:], positive[:, 1:, :-1], positive[:, 1:, 1:]])
    mixed = (corners.any(axis=0) & ~corners.all(axis=0)).all(axis=0)
    centres = (nodes[:, :-1, :-1] + nodes[:, 1:, 1:]) / 2
    return np.concatenate([grid.reshape(2, -1), centres[:, mixed]], axis=1), usual


def _distinct(points: FloatArray, diagonal: float) -> FloatArray:
    """Return the points (2, K) without repetitions, from left to right, then from below."""
    kept: list[FloatArray] = []
    rest = points[:, np.lexsort((points[1], points[0]))]
    while rest.shape[1]:
        near = np.hypot(*(rest - rest[:, :1])) <= _SAME * diagonal
        kept.append(np.median(rest[:, near], axis=1))
        rest = rest[:, ~near]
    return np.stack(kept, axis=1) if kept else np.empty((2, 0))


def _merge_lines(
    planar: PlanarField, t: float, points: FloatArray, kinds: list[Kind], singular: list[int], view: _View
) -> Generator[None, None, list[int]]:
    """Return the indices to keep: all isolated equilibria and one for each line; mark the latter in ``kinds``."""
    keep = [i for i in range(len(kinds)) if i not in singular]
    centre = (view.low + view.high) / 2
    while singular:
        line = _connected(points, singular, 0.15 * view.diagonal)
        singular = [i for i in singular if i not in line]
        if len(line) > 2 and (yield from _between_are_equilibria(planar, t, points[:, line], view)):
            nearest = min(line, key=lambda i: float(np.hypot(*((points[:, i] - centre) / view.size))))
            kinds[nearest] = Kind.LINE
            keep.append(nearest)
        else:
            keep += line
    return sorted(keep)


def _connected(points: FloatArray, members: list[int], reach: float) -> list[int]:
    """Return the members that the first one reaches by steps no longer than ``reach``."""
    found, rest = [members[0]], np.array(members[1:], dtype=int)
    for i in found:
        near = np.hypot(*(points[:, rest] - points[:, i : i + 1])) <= reach
        found += rest[near].tolist()
        rest = rest[~near]
    return sorted(found)


def _between_are_equilibria(
    planar: PlanarField, t: float, points: FloatArray, view: _View
) -> Generator[None, None, bool]:
    """Return whether between neighbouring points there are further equilibria, which makes them a line."""
    gaps = np.hypot(*(points[:, :, None] - points[:, None, :]))
    np.fill_diagonal(gaps, np.inf)
    nearest = gaps.argmin(axis=1)
    middle, gap = (points + points[:, nearest]) / 2, gaps.min(axis=1)
    hits = 0
    for i in range(min(8, points.shape[1])):
        found = yield from newton(planar, t, middle[:, i : i + 1], view)
        hits += bool(found.size) and bool(np.hypot(*(found[:, 0] - middle[:, i])) < 0.3 * gap[i])
    return 2 * hits > min(8, int(points.shape[1]))


def _equilibrium(point: FloatArray, jacobian: FloatArray, kind: Kind, scale: float) -> Equilibrium:
    (a, b), (c, d) = jacobian.tolist()
    first, second = sorted(_eigenvalues(a, b, c, d), key=lambda value: (value.real, value.imag))
    x, y = (np.where(np.abs(point) < 1e-14 * scale, 0.0, point) + 0.0).tolist()  # + 0.0 turns -0.0 into 0.0
    return Equilibrium((x, y), (first + 0.0, second + 0.0), kind)


def _eigenvalues(a: float, b: float, c: float, d: float) -> tuple[complex, complex]:
    """Return the eigenvalues of [[a, b], [c, d]], the small one of two real ones without cancellation."""
    middle, half = (a + d) / 2, (a - d) / 2
    square = half * half + b * c
    if square < 0:
        root = complex(0.0, float(np.sqrt(-square)))
        return middle + root, middle - root
    large = middle + float(np.copysign(np.sqrt(square), middle))
    return complex(large), complex((a * d - b * c) / large if large else 0.0)


def _is_singular(jacobian: FloatArray, affine: bool, exact: bool) -> bool:
    """Return whether an eigenvalue is zero, as far as the Jacobian's accuracy lets one tell.

    A singular equilibrium of a nonlinear field is itself found to half the digits only, and of two zero eigenvalues
    rounding leaves its square root.
    """
    near, both = (1e-12, 1e-12) if affine and exact else (1e-7, 3e-4) if exact else (1e-5, 1e-3)
    (a, b), (c, d) = jacobian.tolist()
    sizes = sorted(abs(value) for value in _eigenvalues(a, b, c, d))
    norm = max(abs(a), abs(b), abs(c), abs(d))
    return sizes[1] <= both * norm or sizes[0] <= near * sizes[1]


def _repeated(a: float, b: float, c: float, d: float, exact: bool) -> bool:
    """Return whether both eigenvalues are the same, as far as the Jacobian's accuracy lets one tell.

    Half their difference is the root of a square that vanishes. Rounding the entries changes it by eps times ``size``
    times the entries in it; the eigenvalues themselves are rounded too.
    """
    half, size = (a - d) / 2, max(abs(a), abs(b), abs(c), abs(d))
    square = abs(half * half + b * c)
    if not exact:
        return square <= 1e-8 * size * size
    return square <= 1e-14 * size * (2 * abs(half) + abs(b) + abs(c)) or square <= (1e-12 * size) ** 2
