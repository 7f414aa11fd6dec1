"""Densities of a flow on a lattice: solved back to the source, cell by cell, and kept for every time of a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nodeviz.engine.arrays import freeze

if TYPE_CHECKING:
    from collections.abc import Generator

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.experiments.solvers import Solver
    from nodeviz.models.flow import Flow


class Lattice(NamedTuple):
    """A density on a lattice: log p (R, R), NaN where the way back failed, its mass, and the share that failed."""

    log_prob: FloatArray
    mass: float
    lost: float


def cell_centres(view: FloatArray, n: int) -> FloatArray:
    """Return the centres of n x n cells of x0, x1, y0, y1 as (n * n, 2), row by row from low y to high y."""
    x0, x1, y0, y1 = view
    inside = (np.arange(n) + 0.5) / n
    x, y = np.meshgrid(x0 + (x1 - x0) * inside, y0 + (y1 - y0) * inside)
    return np.stack([x.ravel(), y.ravel()], axis=-1)


def lattice_steps(flow: Flow, view: FloatArray, t: float, n: int, solver: Solver) -> Generator[None, None, Lattice]:
    """Return the density at time t on n x n cells; the generator yields while it works."""
    found = yield from flow.log_prob_steps(cell_centres(view, n), t=t, **solver.how)
    x0, x1, y0, y1 = view
    with np.errstate(
        over="ignore"
    ):  # where a field blows up the density may be beyond all bounds, and the mass says so
        mass = float(np.nansum(np.exp(found.log_prob)) * (x1 - x0) * (y1 - y0) / n**2)
    lost = float(np.isnan(found.log_prob).mean())
    return Lattice(found.log_prob.reshape(n, n).astype(np.float32), mass, lost)


class Densities:
    """Densities of one flow at all times of a frame, filled one by one.

    Parameters
    ----------
    t : (K,) the times
    resolution : R, cells a side
    key : all that the densities depend on besides; step : training step of the weights
    """

    def __init__(self, t: FloatArray, resolution: int, key: tuple[object, ...], step: int) -> None:
        self.resolution, self.key, self.step = resolution, key, step
        self._t = t
        self._log_prob = np.full((len(t), resolution, resolution), np.nan, np.float32)
        self._known = np.zeros(len(t), bool)
        self._mass = np.full(len(t), np.nan)
        self._lost = np.full(len(t), np.nan)
        self._fields: dict[str, Any] | None = None

    @property
    def state(self) -> tuple[object, ...]:
        """All that decides what there is."""
        return self.resolution, self.key, int(self._known.sum())

    def nearest(self, t: float) -> int:
        """Return the number of the time that is nearest."""
        return int(np.abs(self._t - t).argmin())

    def index(self, t: float) -> int | None:
        """Return the number of a time, or None where it is none of a frame's."""
        k = self.nearest(t)
        return k if abs(float(self._t[k]) - t) < 1e-6 else None

    def missing(self, cursor: float) -> int | None:
        """Return the number of the time nearest to the cursor whose density is not there, or None."""
        left = np.flatnonzero(~self._known)
        return int(left[np.abs(self._t[left] - cursor).argmin()]) if len(left) else None

    def fill(self, k: int, flow: Flow, view: FloatArray, solver: Solver) -> Generator[None, None, Lattice]:
        """Return the density at time number k; the generator yields while it works, and keeps what it found."""
        if not self._known[k]:
            found = yield from lattice_steps(flow, view, float(self._t[k]), self.resolution, solver)
            self._log_prob[k], self._mass[k], self._lost[k] = found
            self._known[k], self._fields = True, None
        return Lattice(self._log_prob[k].copy(), float(self._mass[k]), float(self._lost[k]))

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of a `FlowView`; the same arrays for as long as nothing is added."""
        if self._fields is None:
            self._fields = {
                "density": freeze(self._log_prob),
                "density_known": freeze(self._known),
                "density_mass": freeze(self._mass),
                "density_lost": freeze(self._lost),
                "density_step": self.step,
            }
        return self._fields
