"""How well a line, or a plane, tells classes apart: a linear probe, fitted afresh wherever it is asked for."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING

import numpy as np

from nodeviz.problems.pieces import finish

if TYPE_CHECKING:
    from collections.abc import Generator

    import numpy.typing as npt

    from nodeviz.engine.arrays import FloatArray, IntArray

RIDGE = 1e-6  # times the number of points: keeps the weights of classes that can be separated finite
MOST_STEPS = 25  # classes that can be separated, but barely, take the most
MANY = 2e5  # products in a Newton step, some tenths of a millisecond
MANY_SCORES = 10_000
TOGETHER = 10_000  # points of sets that are fitted side by side: more of them do not fit into the fast memory
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
    return float((yield from linear_probes_steps(np.asarray(states)[None], labels))[0])


def linear_probes_steps(states: npt.ArrayLike, labels: npt.ArrayLike) -> Generator[None, None, FloatArray]:
    """Return the shares (K,) of K sets of states (K, N, D), each as `linear_probe_steps` returns it.

    Sets of few points are fitted side by side: NumPy takes hardly longer for ten of them than for one.
    """
    points, classes = np.asarray(states, np.float64), np.asarray(labels)
    finite = np.asarray(np.isfinite(points).all(axis=2))
    shares = np.empty(len(points))
    most, end = max(1, TOGETHER // max(1, points.shape[1])), 0
    while end < len(points):
        begin, end = end, end + 1
        while end < min(len(points), begin + most) and (finite[end] == finite[begin]).all():
            end += 1
        if begin:
            yield
        own = finite[begin]
        shares[begin:end] = (yield from _hits(points[begin:end, own], classes[own])) / max(1, len(own))
    return shares


def _hits(points: FloatArray, classes: IntArray) -> Generator[None, None, FloatArray]:
    """Return how many points (B, n, D) a probe of each set gets right, (B,); NaN where there are none."""
    if not len(classes):
        return np.full(len(points), nan)
    found, own = np.unique(classes, return_inverse=True)
    if len(found) == 1:
        return np.full(len(points), float(len(own)))
    scores = yield from _fit(_features(points), own, len(found))
    return (yield from _best_hits(scores, own)).astype(float)


def _features(points: FloatArray) -> FloatArray:
    """Return standardised points (B, n, D) as columns over a row of ones, (B, D + 1, n)."""
    sets, n, dims = points.shape
    features = np.ones((sets, dims + 1, n))
    largest = np.abs(points).max(axis=1, keepdims=True)
    # Divided first, so that the squares of huge states do not overflow.
    scaled = (points / np.where(largest > 0, largest, 1.0)).transpose(0, 2, 1)
    scaled = scaled - scaled.mean(axis=2, keepdims=True)
    deviation = scaled.std(axis=2, keepdims=True)
    # What does not vary but by rounding tells nothing.
    features[:, :-1] = scaled / np.where(deviation > 1e-13, deviation, np.inf)
    return features


def _fit(features: FloatArray, own: IntArray, n_classes: int) -> Generator[None, None, FloatArray]:
    """Return the scores (B, C, n) of the classes, those of class 0 being 0; a set that is fitted waits for the others.

    Parameters
    ----------
    features : (B, D + 1, n); own : (n,) the classes, 0 to C - 1
    """
    sets, size, n = features.shape
    targets = (own == np.arange(1, n_classes)[:, None]).astype(np.float64)
    fitted = np.zeros((sets, n_classes, n))
    scores, weights, going = fitted.copy(), np.zeros((sets, n_classes - 1, size)), np.arange(sets)
    for _ in range(MOST_STEPS):
        if features.size * size * (n_classes - 1) ** 2 > MANY:
            yield
        odds = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares = odds[:, 1:] / odds.sum(axis=1, keepdims=True)
        slope = (shares - targets) @ features.transpose(0, 2, 1) + RIDGE * n * weights
        step = np.linalg.solve(_hessian(features, shares), slope.reshape(len(slope), -1, 1)).reshape(slope.shape)
        change = step @ features
        spread = (np.maximum(change.max(axis=1), 0.0) - np.minimum(change.min(axis=1), 0.0)).max(axis=1)
        moving = spread >= SMALL
        damping = np.where(moving, np.log1p(spread) / np.where(moving, spread, 1.0), 0.0)[:, None, None]
        weights -= damping * step
        scores[:, 1:] -= damping * change
        moving &= (scores.argmax(axis=1) != own).any(axis=1)
        if not moving.all():
            fitted[going[~moving]] = scores[~moving]
            features, weights, scores, going = features[moving], weights[moving], scores[moving], going[moving]
            if not len(going):
                return fitted
    fitted[going] = scores
    return fitted


def _hessian(features: FloatArray, shares: FloatArray) -> FloatArray:
    """Return the Hessians (B, (C - 1)(D + 1), (C - 1)(D + 1)) of the loss by the weights."""
    (sets, k, n), size = shares.shape, features.shape[1]
    hessian = np.empty((sets, k, size, k, size))
    for i in range(k):
        for j in range(i, k):
            weights = shares[:, i] * ((i == j) - shares[:, j])
            block = (features * weights[:, None]) @ features.transpose(0, 2, 1)
            hessian[:, i, :, j, :] = hessian[:, j, :, i, :] = block
    square = hessian.reshape(sets, k * size, k * size)
    square[:, np.arange(k * size), np.arange(k * size)] += RIDGE * n
    return square


def _best_hits(scores: FloatArray, own: IntArray) -> Generator[None, None, IntArray]:
    """Return how many points are right (B,) once each class's threshold has been moved to where it gains most.

    Parameters
    ----------
    scores : (B, C, n); own : (n,) the classes, 0 to C - 1
    """
    sets, n_classes, _ = scores.shape
    most, scores, each = np.full(sets, np.bincount(own).max()), scores.copy(), np.arange(sets)
    true = np.ones((sets, 1), bool)
    # One threshold tells two classes apart.
    for c in range(n_classes - 1, -1 if n_classes > 2 else 0, -1):
        if scores.size > MANY_SCORES:
            yield
        others = np.delete(scores, c, axis=1)
        # Class c takes a point where its score plus an offset passes the best of the others, offset > lead.
        lead = others.max(axis=1) - scores[:, c]
        rival = np.delete(np.arange(n_classes), c)[others.argmax(axis=1)]
        order = np.argsort(lead, axis=1, kind="stable")
        lead = np.take_along_axis(lead, order, axis=1)
        gains = np.take_along_axis((own == c).astype(int) - (rival == own), order, axis=1)
        hits = np.zeros((sets, len(own) + 1), int)
        np.cumsum(gains, axis=1, out=hits[:, 1:])
        hits += np.count_nonzero(rival == own, axis=1)[:, None]
        # Points of equal lead change sides together.
        ends = np.concatenate([true, np.diff(lead) > 0, true], axis=1)
        best = np.argmax(np.where(ends, hits, -1), axis=1)
        most = np.maximum(most, hits[each, best])
        edges = np.concatenate([lead[:, :1] - 2.0, lead, lead[:, -1:] + 2.0], axis=1)
        scores[:, c] += ((edges[each, best] + edges[each, best + 1]) / 2)[:, None]
    return most
