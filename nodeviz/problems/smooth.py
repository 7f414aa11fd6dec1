"""Orbits as smooth curves: the cubic Hermite interpolant between the accepted points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Generator

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.engine.integrate import Solution
    from nodeviz.problems.planar import PlanarField

_BETWEEN = 4  # points drawn per step


def smooth_orbit(planar: PlanarField, solution: Solution) -> Generator[None, None, FloatArray]:
    """Return, by ``yield from``, the recorded orbit of an autonomous field as points (M, 2), its nodes among them."""
    steps = solution.steps
    if steps is None:
        raise ValueError("record=False: a solution without its steps has no curve; solve with record=True")
    ts, ys = steps.nodes_t, steps.nodes_y
    if len(ts) < 2:
        return ys
    slopes = (yield from planar.field_steps(float(ts[0]), ys.T)).T
    s = np.arange(_BETWEEN)[:, None] / _BETWEEN  # (S, 1), against pieces (P, 1, 2)
    y0, y1 = ys[:-1, None], ys[1:, None]
    dt = np.diff(ts)[:, None, None]
    f0, f1 = dt * slopes[:-1, None], dt * slopes[1:, None]
    curve = y0 + s * (f0 + s * (3 * (y1 - y0) - 2 * f0 - f1 + s * (2 * (y0 - y1) + f0 + f1)))
    return np.concatenate([curve.reshape(-1, 2), ys[-1:]])
