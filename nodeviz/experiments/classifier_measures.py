"""How well a model does, measured while training rests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.engine.arrays import freeze
from nodeviz.engine.losses import LOSSES
from nodeviz.experiments.classifier_picture import depths, probes
from nodeviz.models.measures import (
    accuracy_by_steps,
    dense_error_steps,
    input_grid,
    max_stretch,
    nfe_per_sample_steps,
    nfe_steps,
)

if TYPE_CHECKING:
    from collections.abc import Generator

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.experiments.classifier_data import Data
    from nodeviz.experiments.solvers import Solver
    from nodeviz.models.depth import DepthClassifier

    Measures = Generator[None, None, dict[str, Any]]

FRESH, PIECE = 100_000, 10_000  # fresh points in all, and drawn at a time
TOGETHER = 2_000  # training points at most that share the steps in which evaluations are counted
PROBED = 5_000  # training points that the probe sees at most
STRETCHED = 81  # lines each way of the grid whose edges are measured
MAP = 32  # cells of the map of evaluations each way
SOLVER_STEPS = (1, 2, 3, 4, 6, 8, 10, 14, 20, 30, 50)


def quick_measures(model: DepthClassifier, data: Data, solver: Solver, loss: str) -> Measures:
    """Return the fields of a `ModelView` that take some ten milliseconds: accuracies, loss, evaluations, stretch.

    The solver here and in `slow_measures` is the one that the model is trained with, whichever is shown.
    """
    logits = yield from model.logits_steps(data.train, **solver.how)
    found: dict[str, Any] = {
        "train_accuracy": float(np.mean(model.labels_of(logits) == data.train_labels)),
        "test_accuracy": float("nan"),
        "loss": LOSSES[loss].evaluate(logits.T, data.train_labels, None)[0],
    }
    yield
    if len(data.test):
        found["test_accuracy"] = 1.0 - (yield from dense_error_steps(model, data.test, data.test_labels, **solver.how))
    found["nfe"] = yield from nfe_steps(model, data.train[:TOGETHER])
    grid, ends = input_grid(data.view.view.tolist(), STRETCHED), np.array([0.0, model.spec.t1])
    paths = yield from model.paths_steps(grid.reshape(-1, 2), ends, **solver.how)
    found["max_stretch"] = max_stretch(grid, paths[-1].reshape(STRETCHED, STRETCHED, -1))
    return found


def probe_measures(model: DepthClassifier, data: Data, solver: Solver) -> Measures:
    """Return what a linear probe makes of the training points along depth, as solved by the solver shown."""
    t = depths(model, solver)
    states = yield from model.paths_steps(data.train[:PROBED], t, **solver.how)
    return (yield from probes(t, states, data.train_labels[:PROBED]))


def slow_measures(model: DepthClassifier, data: Data, solver: Solver, fresh_seed: int) -> Measures:
    """Return the fields of a `ModelView` that take longer: evaluations point by point, error on fresh points.

    However wide the model, the error is that of all FRESH points: with 512 hidden units that takes most of a minute,
    in pieces that give way to whatever else there is to do.
    """
    nfe_points = yield from nfe_per_sample_steps(model, data.view.points)
    nfe_map: FloatArray = np.zeros((0, 0))
    if not model.spec.discrete:
        grid = input_grid(data.view.view.tolist(), MAP)
        nfe_map = (yield from nfe_per_sample_steps(model, grid.reshape(-1, 2))).reshape(MAP, MAP)
    return {
        "nfe_points": freeze(nfe_points),
        "nfe_map": freeze(nfe_map),
        "dense_error": (yield from _dense_error(model, data, solver, fresh_seed)),
    }


def _dense_error(model: DepthClassifier, data: Data, solver: Solver, fresh_seed: int) -> Generator[None, None, float]:
    if data.fresh is None:
        return float("nan")
    rng, wrong = np.random.default_rng(fresh_seed), 0.0
    for _ in range(FRESH // PIECE):
        X, labels = data.fresh(PIECE, rng)
        yield
        wrong += yield from dense_error_steps(model, X, labels, **solver.how)
    return wrong * PIECE / FRESH


def solver_measures(model: DepthClassifier, data: Data, method: str) -> Measures:
    """Return the fields of a `ModelView` that say how the accuracy depends on the number of steps of a method."""
    X, labels = data.train[:PROBED], data.train_labels[:PROBED]
    accuracy = yield from accuracy_by_steps(model, X, labels, method, SOLVER_STEPS)
    return {"solver_steps": freeze(SOLVER_STEPS), "solver_accuracy": freeze(accuracy)}
