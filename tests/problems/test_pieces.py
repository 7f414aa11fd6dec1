"""The work that a callable asks for point by point comes in pieces, and there is not too much of it."""

from __future__ import annotations

import itertools
import math
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from nodeviz.problems.cycles import limit_cycles
from nodeviz.problems.equilibria import find_equilibria, find_equilibria_steps
from nodeviz.problems.manifolds import manifolds
from nodeviz.problems.nullclines import nullclines, nullclines_steps
from nodeviz.problems.pieces import finish, in_pieces
from nodeviz.problems.planar import PlanarField

if TYPE_CHECKING:
    from collections.abc import Iterable

X_RANGE, Y_RANGE = (-4.0, 4.0), (-3.0, 3.0)


class Pendulum:
    """A field that takes single points only, counts its calls, and is as slow as told."""

    def __init__(self, seconds: float = 0.0, push: float = 0.0) -> None:
        self.calls, self._seconds, self._push = 0, seconds, push

    def __call__(self, _t: float, y: Any) -> list[float]:
        self.calls += 1
        end = perf_counter() + self._seconds
        while perf_counter() < end:
            pass
        return [float(y[1]), -math.sin(y[0]) + self._push * (1 - float(y[0]) ** 2) * float(y[1])]


def pieces(steps: Iterable[None], pendulum: Pendulum) -> list[int]:
    """Return how many calls there were before each yield, and after the last."""
    counts, before = list[int](), pendulum.calls
    for _ in steps:
        counts.append(pendulum.calls - before)
        before = pendulum.calls
    return [*counts, pendulum.calls - before]


@pytest.mark.parametrize(("work", "most"), [(nullclines_steps, 3000), (find_equilibria_steps, 2000)])
def test_a_slow_callable_is_asked_in_short_pieces_and_seldom(work: Any, most: int) -> None:
    pendulum = Pendulum(1e-4)
    planar = PlanarField.from_callable(pendulum)
    assert not planar.vectorised
    counts = pieces(work(planar, 0.0, X_RANGE, Y_RANGE), pendulum)
    # 3 ms hold 30 calls; the size of a piece follows from the one before, by whole points of a Jacobian.
    assert max(counts) <= 64
    assert sum(counts) <= most


def test_manifolds_and_cycles_come_in_short_pieces_too() -> None:
    pendulum = Pendulum(1e-4)
    planar = PlanarField.from_callable(pendulum)
    branches = manifolds(planar, 0.0, [(np.pi, 0.0)], X_RANGE, Y_RANGE)
    assert max(pieces(itertools.islice(branches, 300), pendulum)) <= 100
    pushed = Pendulum(1e-5, push=0.5)
    cycles = limit_cycles(PlanarField.from_callable(pushed), [(1.0, 0.0)], 0.0, 10.0)
    # 3 ms hold 300 calls; the Jacobians along one turn take more than a thousand.
    assert max(pieces(cycles, pushed)) <= 400


def test_a_pause_changes_nothing() -> None:
    planar = PlanarField.from_callable(Pendulum())
    found = find_equilibria(planar, 0.0, X_RANGE, Y_RANGE)
    assert [str(one.kind) for one in found] == ["saddle", "undecided", "saddle"]
    np.testing.assert_allclose([one.point for one in found], [(-np.pi, 0), (0, 0), (np.pi, 0)], atol=1e-9)
    assert finish(find_equilibria_steps(planar, 0.0, X_RANGE, Y_RANGE)) == found
    line_x, line_y = nullclines(planar, 0.0, X_RANGE, Y_RANGE)
    np.testing.assert_allclose(line_x[:, 1], 0.0, atol=1e-12)
    np.testing.assert_allclose(np.sin(line_y[np.isfinite(line_y[:, 0]), 0]), 0.0, atol=1e-12)


@pytest.mark.parametrize("shape", [(2, 0), (2, 1), (2, 7), (2, 3, 5)])
def test_pieces_are_put_together(shape: tuple[int, ...]) -> None:
    points = np.arange(math.prod(shape), dtype=float).reshape(shape)
    answer = finish(in_pieces(lambda p: np.stack([p, 2 * p]), points))
    np.testing.assert_array_equal(answer, np.stack([points, 2 * points]))
