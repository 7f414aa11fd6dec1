"""What a classifier's frame shows of a model at one training step: paths, grid, regions, probe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.engine.arrays import freeze
from nodeviz.engine.methods import METHODS
from nodeviz.experiments.solvers import Solver
from nodeviz.models.measures import input_grid, probe_steps
from nodeviz.models.probe import linear_probe_steps

if TYPE_CHECKING:
    from collections.abc import Generator

    from nodeviz.engine.arrays import FloatArray, IntArray
    from nodeviz.experiments.classifier_frame import DataView
    from nodeviz.experiments.classifier_params import ClassifierParams
    from nodeviz.models.depth import DepthClassifier

GRID = 25  # lines of the deformed grid each way
REGIONS = 64  # cells of the regions each way
DEPTHS = 20  # depths at least, and twice as many at most
NO_REGIONS = freeze(np.zeros((0, 0), np.float32))


def trained_solver(params: ClassifierParams) -> Solver:
    """Return the solver that training uses."""
    return Solver.of(params.solver, params.n_steps, params.rtol)


def depth_solver(params: ClassifierParams) -> Solver:
    """Return the solver of what is shown."""
    if params.depth_solver == "trained":
        return trained_solver(params)
    return Solver.of(params.depth_solver, params.depth_steps, params.depth_rtol)


def depths(model: DepthClassifier, solver: Solver) -> FloatArray:
    """Return the depths (K,) to show: the steps of the solver where they are few, and places between them."""
    if model.spec.discrete:
        return model.spec.ticks
    n = solver.n_steps
    count = n * -(-DEPTHS // n) if n is not None and n <= 2 * DEPTHS else 2 * DEPTHS
    return np.linspace(0.0, model.spec.t1, count + 1)


def picture_steps(
    model: DepthClassifier, view: DataView, solver: Solver, *, regions: bool, probe: bool, whole: bool = True
) -> Generator[None, None, dict[str, Any]]:
    """Return the fields of a `ModelView` that change with every training step; the generator yields while it works.

    A picture that is not ``whole`` has every second depth.
    """
    t, n = depths(model, solver), len(view.points)
    if not (whole or model.spec.discrete or len(t) % 2 == 0):
        t = t[::2]
    both = np.concatenate([view.points, input_grid(view.view.tolist(), GRID).reshape(-1, 2)])
    paths, nfe = yield from model.flow_and_count_steps(model.lift(both), t, **solver.how)
    stages = METHODS[solver.method].evaluations_per_step
    if solver.n_steps is not None and stages is not None and not model.spec.discrete:
        nfe = stages * solver.n_steps  # what drawing between the steps takes on top does not count
    states, grid = paths[:, :n], paths[:, n:].reshape(len(t), GRID, GRID, -1)
    yield
    axes, centre = principal_axes(states)
    layer = model.readout.layers[0]
    weights = np.zeros((model.spec.outputs, model.spec.dim), np.float32)
    weights[:, : model.spec.seen] = layer.weight
    picture = {
        "parameters": freeze(model.parameters),
        "t": freeze(t),
        "states": freeze(states),
        "grid": freeze(grid),
        "readout_weights": freeze(weights),
        "readout_bias": freeze(layer.bias),
        "regions": NO_REGIONS,
        "axes": freeze(axes),
        "centre": freeze(centre),
        "depth_method": "" if model.spec.discrete else solver.method,
        "depth_steps": model.spec.blocks if model.spec.discrete else solver.n_steps or 0,
        "depth_rtol": solver.rtol,
        "depth_nfe": nfe,
    }
    if regions:
        picture["regions"] = yield from region_steps(model, view.view, solver)
    if probe:
        some = np.unique([*range(0, len(t), 2), len(t) - 1])  # the rest comes when training rests
        picture |= yield from probes(t[some], states[some], view.labels)
    return picture


def probes(t: FloatArray, states: FloatArray, labels: IntArray) -> Generator[None, None, dict[str, Any]]:
    """Return the accuracy of a linear probe at each depth, and at the end from the first two dimensions alone."""
    accuracy = yield from probe_steps(states, labels)
    first_two = accuracy[-1] if states.shape[2] == 2 else (yield from linear_probe_steps(states[-1, :, :2], labels))
    return {"probe_t": freeze(t), "probe_accuracy": freeze(accuracy), "first_two_accuracy": float(first_two)}


def principal_axes(states: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the three principal axes (D, 3) of states (K, N, D), largest first, and their mean (D,).

    The largest component of each axis is positive, so that it does not turn round from one picture to the next.
    """
    flat = states.reshape(-1, states.shape[2]).astype(np.float64)
    flat = flat[np.isfinite(flat).all(axis=1)]
    centre = flat.mean(axis=0) if len(flat) else np.zeros(states.shape[2])
    away = flat - centre
    vectors = np.linalg.eigh(away.T @ away)[1][:, ::-1][:, :3]
    vectors = vectors * np.where(vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])] < 0, -1.0, 1.0)
    axes = np.zeros((states.shape[2], 3), np.float32)
    axes[:, : vectors.shape[1]] = vectors
    return axes, centre.astype(np.float32)


def region_steps(model: DepthClassifier, view: FloatArray, solver: Solver) -> Generator[None, None, FloatArray]:
    """Return the predicted class over the plane as the whole part, and how sure it is as the fraction (R, R)."""
    logits = yield from model.logits_steps(input_grid(view.tolist(), REGIONS).reshape(-1, 2), **solver.how)
    shares = model.probabilities_of(logits)
    labels = model.labels_of(logits)
    even = 1.0 / shares.shape[1]
    sure = np.clip((shares.max(axis=1) - even) / (1.0 - even), 0.0, 0.999)
    known = np.where(labels < 0, np.nan, labels + sure)
    return freeze(known.reshape(REGIONS, REGIONS).astype(np.float32))
