"""Honest measures of a depth classifier; each that can take long is a generator that yields while it works."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nodeviz.models.probe import linear_probes_steps

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    import numpy.typing as npt

    from nodeviz.engine.arrays import FloatArray, IntArray
    from nodeviz.models.depth import DepthClassifier

NFE_METHOD, NFE_TOLERANCE = "dopri5", 1e-3  # what evaluations are counted with; rtol and atol alike
NFE_CHUNKS = 4  # pieces of points that one step may hold


def input_grid(view: Sequence[float], n: int) -> FloatArray:
    """Return an even grid (n, n, 2) over x0, x1, y0, y1; row i at the i-th y from below, column j at the j-th x."""
    x0, x1, y0, y1 = view
    return np.stack(np.meshgrid(np.linspace(x0, x1, n), np.linspace(y0, y1, n)), axis=-1)


def max_stretch(before: npt.ArrayLike, after: npt.ArrayLike) -> float:
    """Return the largest ratio of a deformed grid edge to its original.

    Parameters
    ----------
    before, after : (G, H, D0) and (G, H, D) places of the same grid points

    Returns
    -------
    float; NaN where a place is not finite
    """
    original, deformed = np.asarray(before, np.float64), np.asarray(after, np.float64)
    ratios = []
    with np.errstate(over="ignore", invalid="ignore"):
        for axis in (0, 1):
            length = np.linalg.norm(np.diff(original, axis=axis), axis=-1)
            ratios.append((np.linalg.norm(np.diff(deformed, axis=axis), axis=-1) / length).max())
    largest = float(np.max(ratios))
    return largest if np.isfinite(largest) else float("nan")


def probe_steps(states: FloatArray, labels: IntArray) -> Generator[None, None, FloatArray]:
    """Return the accuracy (K,) of a linear probe fitted at each depth of states (K, N, D)."""
    return (yield from linear_probes_steps(states, labels))


def dense_error_steps(
    model: DepthClassifier,
    X: FloatArray,
    labels: IntArray,
    *,
    method: str = "rk4",
    n_steps: int | None = None,
    rtol: float = 1e-3,
) -> Generator[None, None, float]:
    """Return the share of any number of points (N, 2) that the model gets wrong; one where its solver fails is wrong.

    ``method``, ``n_steps`` and ``rtol`` are those of `DepthClassifier.paths_steps`.
    """
    found = yield from model.predict_steps(X, method=method, n_steps=n_steps, rtol=rtol)
    return float(np.mean(found != labels))


def accuracy_by_steps(
    model: DepthClassifier, X: FloatArray, labels: IntArray, method: str, counts: Sequence[int]
) -> Generator[None, None, FloatArray]:
    """Return the accuracy (Q,) on points (N, 2) when the ODE is solved with so many steps of another method.

    A ResNet has its own number of blocks whatever ``counts`` says: its accuracy is the same for all of them.
    """
    if model.spec.discrete:
        return np.full(len(counts), 1.0 - (yield from dense_error_steps(model, X, labels)))
    accuracy = np.empty(len(counts))
    for i, n_steps in enumerate(counts):
        accuracy[i] = 1.0 - (yield from dense_error_steps(model, X, labels, method=method, n_steps=n_steps))
    return accuracy


def nfe_steps(model: DepthClassifier, X: npt.ArrayLike) -> Generator[None, None, float]:
    """Return the evaluations of the field that dopri5 at rtol = atol = 1e-3 needs with one step for all points (N, 2).

    Those of the first step's guess are included. A ResNet evaluates each of its blocks once. NaN where the solver does
    not get to the end. Of a very wide model the first points only are solved, since a step cannot be cut into pieces.
    """
    if model.spec.discrete:
        return float(model.spec.blocks)
    states = model.lift(np.asarray(X)[: NFE_CHUNKS * model.chunk])
    solution = yield from model.solve_steps(states, [0.0, model.spec.t1], method=NFE_METHOD, rtol=NFE_TOLERANCE)
    return float(solution.nfe) if solution.ok else float("nan")


def nfe_per_sample_steps(model: DepthClassifier, X: npt.ArrayLike) -> Generator[None, None, FloatArray]:
    """Return the evaluations (N,) that each point (N, 2) needs when it has its own step size; else as `nfe_steps`."""
    points = np.asarray(X)
    if model.spec.discrete:
        return np.full(len(points), float(model.spec.blocks))
    nfe = np.full(len(points), np.nan)
    for begin in range(0, len(points), model.chunk):
        piece = slice(begin, begin + model.chunk)
        solution = yield from model.solve_steps(
            model.lift(points[piece]),
            [0.0, model.spec.t1],
            method=NFE_METHOD,
            rtol=NFE_TOLERANCE,
            per_sample=True,
        )
        # A point that did not arrive has no number.
        nfe[piece] = np.where(solution.status == "ok", solution.nfe, np.nan)
        yield
    return nfe
