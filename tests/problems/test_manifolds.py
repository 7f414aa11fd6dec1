from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from nodeviz.problems.equations import parse_equations
from nodeviz.problems.manifolds import manifolds
from nodeviz.problems.planar import PlanarField

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray


def typed(text: str, **parameters: float) -> PlanarField:
    return PlanarField.from_equations(parse_equations(text), parameters)


def drive(run: Any) -> Any:
    while True:
        try:
            next(run)
        except StopIteration as stop:
            return stop.value


def lines_of(curve: FloatArray) -> list[FloatArray]:
    breaks = np.flatnonzero(np.isnan(curve[:, 0]))
    return [line[np.isfinite(line[:, 0])] for line in np.split(curve, breaks)] if len(curve) else []


def test_manifolds_of_a_linear_saddle_are_its_eigenvectors() -> None:
    stable, unstable = drive(manifolds(typed("x' = y; y' = x"), 0.0, [(0, 0)], (-2.0, 2.0), (-2.0, 2.0)))
    np.testing.assert_allclose(stable[:, 0], -stable[:, 1], atol=1e-8)
    np.testing.assert_allclose(unstable[:, 0], unstable[:, 1], atol=1e-8)
    for curve in (stable, unstable):
        assert len(lines_of(curve)) == 2
        assert np.nanmin(curve[:, 0]) < -2
        assert np.nanmax(curve[:, 0]) > 2
        for line in lines_of(curve):
            np.testing.assert_array_equal(line[0], [0, 0])


def test_the_start_is_exact_to_second_order() -> None:
    """x' = x, y' = -y + x^2 has the unstable manifold y = x^2/3."""
    _, unstable = drive(manifolds(typed("x' = x; y' = -y + x*x"), 0.0, [(0, 0)], (-2.0, 2.0), (-2.0, 2.0)))
    first = np.abs(unstable[:, 0]) < 0.01
    assert first.sum() > 4
    np.testing.assert_allclose(unstable[first, 1], unstable[first, 0] ** 2 / 3, atol=1e-8)
    np.testing.assert_allclose(unstable[:, 1], unstable[:, 0] ** 2 / 3, atol=1e-5)


def test_separatrices_of_the_pendulum_end_in_the_next_saddle() -> None:
    saddles = [(-math.pi, 0), (math.pi, 0)]
    stable, unstable = drive(manifolds(typed("x' = y; y' = -sin(x)"), 0.0, saddles, (-4.0, 4.0), (-3.0, 3.0)))
    for curve in (stable, unstable):
        energy = curve[:, 1] ** 2 / 2 - np.cos(curve[:, 0])
        np.testing.assert_allclose(energy[np.isfinite(energy)], 1.0, atol=2e-4)
        ends = np.array([line[-1] for line in lines_of(curve)])
        inside = ends[np.abs(ends[:, 0]) < 3.5]
        assert len(inside) == 2
        np.testing.assert_allclose(np.abs(inside), [[math.pi, 0]] * 2, atol=1e-3)


def test_manifolds_of_callables() -> None:
    planar = PlanarField.from_callable(lambda _t, y: [math.sinh(y[1]), math.sinh(y[0])])
    stable, unstable = drive(manifolds(planar, 0.0, [(0.0, 0.0)], (-2.0, 2.0), (-2.0, 2.0)))
    np.testing.assert_allclose(unstable[:, 0], unstable[:, 1], atol=1e-5)
    np.testing.assert_allclose(stable[:, 0], -stable[:, 1], atol=1e-5)


def test_manifolds_wind_onto_attractors_and_stop() -> None:
    planar = typed("x' = y; y' = x - x^3 - 0.15*y")
    _, unstable = drive(manifolds(planar, 0.0, [(0, 0)], (-2.0, 2.0), (-1.5, 1.5)))
    ends = np.array([line[-1] for line in lines_of(unstable)])
    np.testing.assert_allclose(ends[np.argsort(ends[:, 0])], [[-1, 0], [1, 0]], atol=1e-3)
    around = typed("x' = y; y' = (1 - x*x)*y + x*(1 - 0.05*x*x)")
    for curve in drive(manifolds(around, 0.0, [(0, 0)], (-4.0, 4.0), (-4.0, 4.0))):
        assert np.isfinite(curve).sum() > 10
        assert len(curve) < 200_000


@pytest.mark.parametrize("text", ["x' = y/(1 - y); y' = x", "x' = y; y' = x*exp(50*x*x)"])
def test_poles_and_blow_up_end_the_curve(text: str) -> None:
    planar = typed(text)
    for curve in drive(manifolds(planar, 0.0, [(0.0, 0.0)], (-2.0, 2.0), (-2.0, 2.0))):
        assert np.isfinite(curve[~np.isnan(curve[:, 0])]).all()


def test_no_saddles_or_time_give_nothing() -> None:
    assert [curve.shape for curve in drive(manifolds(typed("x' = y; y' = x"), 0.0, [], (-1, 1), (-1, 1)))] == [
        (0, 2)
    ] * 2
    forced = typed("x' = y; y' = x + cos(t)")
    assert [curve.shape for curve in drive(manifolds(forced, 0.0, [(0, 0)], (-1, 1), (-1, 1)))] == [(0, 2)] * 2
