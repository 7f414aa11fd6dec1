"""What a flow's frame shows at one training step: samples on their way, the deformed grid, the field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.engine.arrays import freeze
from nodeviz.engine.sde import euler_maruyama_steps
from nodeviz.experiments.flow_costs import trained_solver
from nodeviz.experiments.flow_density import cell_centres
from nodeviz.experiments.solvers import Solver
from nodeviz.models.diffusion import reverse_drift, reverse_noise
from nodeviz.models.measures import input_grid

if TYPE_CHECKING:
    from collections.abc import Generator

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.experiments.flow_params import FlowParams
    from nodeviz.models.flow import Flow

TIMES = freeze(np.linspace(0.0, 1.0, 41))
SAMPLES, SAMPLES_TRAINING = 2000, 500  # points that flow, and those while training goes on
GRID = 25  # lines of the deformed grid each way
VELOCITY = 20  # places of the field each way
SDE_STEPS = 200  # of the reverse SDE
QUICK = Solver("bosh3", None, 3e-3)
"""Of densities: nearer to the exact ones than dopri5 at 1e-3 for all flows that ship, in three quarters of the time,
since so loose a tolerance gains from a low order. The mass is then within 0.002 of what it should be.
"""


def sample_solver(params: FlowParams) -> Solver:
    """Return the solver of the samples and the grid."""
    if params.sample_solver == "trained":
        return trained_solver(params)
    return Solver.of(params.sample_solver, params.sample_steps, params.sample_rtol)


def density_solver(params: FlowParams) -> Solver:
    """Return the solver of the densities."""
    return QUICK if params.sample_solver == "trained" else sample_solver(params)


def picture_steps(
    flow: Flow, view: FloatArray, z0: FloatArray, solver: Solver, *, grid: bool, field: bool
) -> Generator[None, None, dict[str, Any]]:
    """Return the fields of a `FlowView` that change with every training step; the generator yields while it works.

    Parameters
    ----------
    view : (4,) x0, x1, y0, y1
    z0 : (N, 2) points of the source
    grid, field : whether the deformed grid and the velocities are wanted; otherwise there are none
    """
    n, lines = len(z0), GRID if grid else 0
    starts = np.concatenate([z0, input_grid(view.tolist(), lines).reshape(-1, 2)]) if grid else z0
    found = yield from flow.paths_steps(starts, TIMES, **solver.how)
    velocity = np.zeros((len(TIMES), 0, 0, 2), np.float32)
    if field:
        velocity = yield from velocity_steps(flow, view)
    return {
        "parameters": freeze(flow.parameters),
        "samples": freeze(found.ys[:, :n]),
        "grid": freeze(found.ys[:, n:].reshape(len(TIMES), lines, lines, 2)),
        "velocity": freeze(velocity),
        "sample_method": solver.method,
        "sample_steps": solver.n_steps or 0,
        "sample_rtol": solver.rtol,
        "sample_nfe": found.nfe,
    }


def velocity_steps(flow: Flow, view: FloatArray) -> Generator[None, None, FloatArray]:
    """Return the field at the centres of cells, (K, V, V, 2); the generator yields while it works."""
    places = cell_centres(view, VELOCITY)
    velocity = np.empty((len(TIMES), *places.shape), np.float32)
    for k, t in enumerate(TIMES.tolist()):
        with np.errstate(all="ignore"):
            velocity[k] = flow.velocity(t, places)
        if k % 8 == 0:
            yield
    return velocity.reshape(len(TIMES), VELOCITY, VELOCITY, 2)


def diffused_steps(flow: Flow, z0: FloatArray, seed: int) -> Generator[None, None, FloatArray]:
    """Return where the reverse SDE of a diffusion takes points (N, 2) of the source, (K, N, 2), NaN where it fails.

    The generator yields while it works.
    """
    found = yield from euler_maruyama_steps(
        lambda t, y: reverse_drift(t, y, flow(t, y)),
        lambda t, _: reverse_noise(t),
        np.ascontiguousarray(z0.T),
        TIMES,
        np.random.default_rng(seed),
        n_steps=SDE_STEPS,
    )
    ys = np.full((len(TIMES), *z0.shape), np.nan, np.float32)
    ys[: len(found.ys)] = np.swapaxes(found.ys, 1, 2)
    return freeze(ys)
