"""How well a line, or a plane, tells classes apart: a linear probe, fitted afresh wherever it is asked for."""

from __future__ import annotations

from math import log1p, nan
from typing import TYPE_CHECKING

import numpy as np

from nodeviz.problems.pieces import finish

if TYPE_CHECKING:
    from collections.abc import Generator

    import numpy.typing as npt

    from nodeviz.engine.arrays import FloatArray, IntArray

RIDGE = 1e-6  # times the number of points: keeps the weights of classes that can be separated finite
MOST_STEPS = 25  # classes that can be separated, but barely, take the most
MANY = 5e5  # products in a Newton step, some tenths of a millisecond
MANY_SCORES = 4000
SMALL = 1e-2  # change of every score, in nats, at which the fit ends: the thresholds are then set by counting


def linear_probe(states: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Return the share of points that a fitted linear classifier gets right; see `linear_probe_steps`."""
    return finish(linear_probe_steps(states, labels))


def linear_probe_steps(states: npt.ArrayLike, labels: npt.ArrayLike) -> Generator[None, None, float]:
    """Return the share of points that a fitted linear classifier gets right; the generator yields if there are many.

    Logistic regression (multinomial for more than two classes) on standardised states by damped Newton steps, after
    which the thresholds between the classes are moved to where they get most points right. The answer depends on
    nothing but the arguments, does not change under affine maps of the states up to the fit's last digits, and is never
    below the share of the largest class, which a classifier that ignores the states reaches.

    Parameters
    ----------
    states : (N, D); a row that is not finite counts as a point that is not told apart
    labels : (N,) whole numbers from 0 on

    Returns
    -------
    float in [0, 1]; NaN without a finite state

    References
    ----------
    Bishop: Pattern Recognition and Machine Learning (2006), section 4.3.4. The damping is that of Sun, Tran-Dinh,
    Math. Program. 178 (2019) 145, equation (12), under which every step lowers the loss.
    """
    points, classes = np.asarray(states, np.float64), np.asarray(labels)
    finite = np.isfinite(points).all(axis=1)
    if not finite.any():
        return nan
    found, own = np.unique(classes[finite], return_inverse=True)
    if len(found) == 1:
        return float(finite.mean())
    scores = yield from _fit(_features(points[finite]), own, len(found))
    return (yield from _best_hits(scores, own)) / len(points)


def _features(points: FloatArray) -> FloatArray:
    """Return standardised points as columns over a row of ones, (D + 1, n)."""
    features = np.ones((points.shape[1] + 1, len(points)))
    largest = np.abs(points).max(axis=0)
    # Divided first, so that the squares of huge states do not overflow.
    scaled = (points / np.where(largest > 0, largest, 1.0)).T
    scaled -= scaled.mean(axis=1, keepdims=True)
    deviation = scaled.std(axis=1, keepdims=True)
    # What does not vary but by rounding tells nothing.
    features[:-1] = scaled / np.where(deviation > 1e-13, deviation, np.inf)
    return features


def _fit(features: FloatArray, own: IntArray, n_classes: int) -> Generator[None, None, FloatArray]:
    """Return the scores (C, n) of the classes, those of class 0 being 0."""
    size, n = features.shape
    targets = (own == np.arange(1, n_classes)[:, None]).astype(np.float64)
    scores, weights = np.zeros((n_classes, n)), np.zeros((n_classes - 1, size))
    for _ in range(MOST_STEPS):
        if n * (size * (n_classes - 1)) ** 2 > MANY:
            yield
        odds = np.exp(scores - scores.max(axis=0))
        shares = odds[1:] / odds.sum(axis=0)
        slope = (shares - targets) @ features.T + RIDGE * n * weights
        step = np.linalg.solve(_hessian(features, shares), slope.ravel()).reshape(slope.shape)
        change = step @ features
        spread = float((np.maximum(change.max(axis=0), 0.0) - np.minimum(change.min(axis=0), 0.0)).max())
        if spread < SMALL:
            break
        damping = log1p(spread) / spread
        weights -= damping * step
        scores[1:] -= damping * change
        if (scores.argmax(axis=0) == own).all():
            break
    return scores


def _hessian(features: FloatArray, shares: FloatArray) -> FloatArray:
    """Return the Hessian of the loss by the weights, ((C - 1)(D + 1),) squared."""
    (k, n), size = shares.shape, len(features)
    hessian = np.empty((k, size, k, size))
    for i in range(k):
        for j in range(i, k):
            weights = shares[i] * ((i == j) - shares[j])
            hessian[i, :, j, :] = hessian[j, :, i, :] = (features * weights) @ features.T
    square = hessian.reshape(k * size, k * size)
    square[np.diag_indices_from(square)] += RIDGE * n
    return square


def _best_hits(scores: FloatArray, own: IntArray) -> Generator[None, None, int]:
    """Return how many points are right once each class's threshold has been moved to where it gains most."""
    most = int(np.bincount(own).max())
    scores = scores.copy()
    # One threshold tells two classes apart.
    for c in range(len(scores) - 1, -1 if len(scores) > 2 else 0, -1):
        if scores.size > MANY_SCORES:
            yield
        others = np.delete(scores, c, axis=0)
        # Class c takes a point where its score plus an offset passes the best of the others, offset > lead.
        lead = others.max(axis=0) - scores[c]
        rival = np.arange(len(scores))[np.arange(len(scores)) != c][others.argmax(axis=0)]
        order = np.argsort(lead, kind="stable")
        gains = ((own == c).astype(int) - (rival == own))[order]
        hits = int(np.count_nonzero(rival == own)) + np.concatenate([[0], np.cumsum(gains)])
        # Points of equal lead change sides together.
        ends = np.concatenate([[True], np.diff(lead[order]) > 0, [True]])
        best = int(np.argmax(np.where(ends, hits, -1)))
        most = max(most, int(hits[best]))
        edges = np.concatenate([[lead[order[0]] - 2.0], lead[order], [lead[order[-1]] + 2.0]])
        scores[c] += (edges[best] + edges[best + 1]) / 2
    return most
