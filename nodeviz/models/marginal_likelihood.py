"""The marginal likelihood of Gaussian processes, its gradient, and the hyperparameters at which it is highest.

Many series at once, with hyperparameters of their own each. Every function that works is a generator: it yields every
few milliseconds, and returns its result.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, pi
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import lapack

if TYPE_CHECKING:
    from collections.abc import Generator

    from nodeviz.engine.arrays import BoolArray, FloatArray, IntArray

    Search = Generator[None, None, tuple[FloatArray, FloatArray]]

# Natural logarithms of: length of the RBF kernel, sd of what it describes, sd of the constant, sd of the noise. In the
# units of models, times from 0 to 1 and values of spread about 1, the limits hold whatever can be told from data.
LOWEST = np.log([0.01, 0.01, 0.01, 0.001])
HIGHEST = np.log([10.0, 10.0, 10.0, 1.0])
_LENGTHS = np.log([0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 2.0])  # where the search begins: the best of these ...
_NOISES = np.log([0.01, 0.05, 0.2, 0.6])  # ... times these, as parts of the spread
_STARTS = 5
_ITERATIONS = 80
_HALVINGS = 12
_FLAT = 1e-3  # nats per unit of a logarithm: below, no step changes a prediction visibly
_LONGEST = 2.0  # step of a logarithm
_WORK = 3_000_000  # multiplications and additions between two yields, some milliseconds
_LOG_2PI = log(2.0 * pi)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Likelihood:
    """The data of B series, up to n observations each, and the negative logarithm of their marginal likelihood.

    Attributes
    ----------
    t, y : (B, n) times and values, 0 where there is none
    known : (B, n) bool, whether there is one
    """

    t: FloatArray
    y: FloatArray
    known: BoolArray

    def covariance(self, theta: FloatArray, of: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return the RBF kernels without their scale, and the covariances of observations, (P, n, n) each.

        Parameters
        ----------
        theta : (P, 4) logarithms
        of : (P,) which series each belongs to
        """
        length, amplitude, constant, noise = np.exp(theta).T
        t, known = self.t[of] / length[:, None], self.known[of]
        apart = t[:, :, None] - t[:, None, :]
        both = (known[:, :, None] & known[:, None, :]).astype(np.float64)
        rbf = np.exp(-0.5 * apart * apart) * both
        covariance = np.square(amplitude)[:, None, None] * rbf + np.square(constant)[:, None, None] * both
        diagonal = np.einsum("pii->pi", covariance)
        # Observations that are not there are independent of all and have the value 0: they change nothing.
        diagonal += np.where(known, np.square(noise)[:, None], 1.0)
        return rbf, covariance

    def value(self, theta: FloatArray, of: IntArray) -> Generator[None, None, FloatArray]:
        """Return the negative log marginal likelihoods (P,) in nats; infinite where a covariance is singular."""
        result = np.empty(len(of))
        for rows in self._pieces(len(of)):
            _, covariance = self.covariance(theta[rows], of[rows])
            yield
            for p, matrix, y in zip(range(rows.start, rows.stop), covariance, self.y[of[rows]], strict=True):
                result[p] = _solve(matrix, y)[2]
            yield
        result += self._constants(of)
        return result

    def value_and_gradient(self, theta: FloatArray, of: IntArray) -> Search:
        """Return the negative log marginal likelihoods (P,) and their gradients (P, 4) by the logarithms."""
        values, gradients = np.empty(len(of)), np.zeros((len(of), 4))
        for rows in self._pieces(len(of)):
            rbf, covariance = self.covariance(theta[rows], of[rows])
            yield
            inverse, weights = np.empty_like(covariance), np.empty(covariance.shape[:2])
            for p, (matrix, y) in enumerate(zip(covariance, self.y[of[rows]], strict=True)):
                factor, weights[p], values[rows.start + p] = _solve(matrix, y)
                if len(y) > 200:
                    yield
                inverse[p] = lapack.dpotri(factor, lower=1, overwrite_c=1)[0]
            yield
            gradients[rows] = self._gradient(theta[rows], of[rows], rbf, inverse, weights)
            yield
        gradients[~np.isfinite(values)] = 0.0
        values += self._constants(of)
        return values, gradients

    def _constants(self, of: IntArray) -> FloatArray:
        counts: FloatArray = 0.5 * _LOG_2PI * self.known[of].sum(axis=1)
        return counts

    def _gradient(
        self, theta: FloatArray, of: IntArray, rbf: FloatArray, inverse: FloatArray, weights: FloatArray
    ) -> FloatArray:
        """Return tr((K^-1 - w w') dK) / 2 for each parameter; of the inverse only the lower triangle is there."""
        length, amplitude, constant, noise = np.exp(theta).T
        known = self.known[of].astype(np.float64)
        diagonal = np.vecdot(np.einsum("pii->pi", inverse), known)
        # Twice the lower triangle has the diagonal twice.
        times = self.t[of] / length[:, None]
        apart = times[:, :, None] - times[:, None, :]
        bent = rbf * apart * apart
        by_length = np.vecdot(inverse, bent).sum(axis=1) - 0.5 * _form(bent, weights)
        by_amplitude = 2.0 * np.vecdot(inverse, rbf).sum(axis=1) - diagonal - _form(rbf, weights)
        by_constant = 2.0 * _form(inverse, known) - diagonal - np.square(weights.sum(axis=1))
        by_noise = diagonal - np.vecdot(weights, weights)
        result = np.stack([by_length, by_amplitude, by_constant, by_noise], axis=1)
        result *= np.square(np.stack([amplitude, amplitude, constant, noise], axis=1))
        return result

    def _pieces(self, n_problems: int) -> list[slice]:
        n = max(1, self.t.shape[1])
        step = max(1, min(_WORK // n**3, _WORK // (40 * n**2)))
        return [slice(start, min(start + step, n_problems)) for start in range(0, n_problems, step)]


def _solve(covariance: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray, float]:
    """Return the lower Cholesky factor, K^-1 y, and y' K^-1 y / 2 + log det K / 2, infinite where K is singular."""
    factor, failed = lapack.dpotrf(covariance.T, lower=1)
    if failed:
        return np.eye(len(y), order="F"), np.zeros_like(y), np.inf
    weights, _ = lapack.dpotrs(factor, y, lower=1)
    return factor, weights, 0.5 * float(y @ weights) + float(np.log(factor.diagonal()).sum())


def _times(matrix: FloatArray, vector: FloatArray) -> FloatArray:
    """Return M v for each of P matrices (P, n, n) and vectors (P, n)."""
    product: FloatArray = (matrix @ vector[:, :, None])[:, :, 0]
    return product


def _form(matrix: FloatArray, vector: FloatArray) -> FloatArray:
    """Return v' M v for each of P matrices (P, n, n) and vectors (P, n)."""
    product: FloatArray = np.vecdot(_times(matrix, vector), vector)
    return product


def fit(data: Likelihood) -> Search:
    """Return hyperparameters (B, 4), logarithms, at which the likelihood of each series is highest, and its value (B,).

    A grid of lengths and noises shows where to begin; quasi-Newton steps (BFGS with limits) go on from the best ones.
    """
    n_series = len(data.t)
    starts = yield from _starts(data)
    of = np.repeat(np.arange(n_series), _STARTS)
    theta, value = yield from _minimize(data, starts.reshape(-1, 4), of)
    value = value.reshape(n_series, _STARTS)
    best = value.argmin(axis=1)
    every = np.arange(n_series)
    return theta.reshape(n_series, _STARTS, 4)[every, best], value[every, best]


def _starts(data: Likelihood) -> Generator[None, None, FloatArray]:
    """Return where to begin (B, _STARTS, 4): the lengths whose likelihood is best, each with its best noise."""
    n_series, count = len(data.t), np.maximum(1, data.known.sum(axis=1))
    mean = data.y.sum(axis=1) / count
    spread = np.sqrt((np.square(data.y - mean[:, None]) * data.known).sum(axis=1) / count)
    size = np.log(np.maximum(spread, 1e-3))
    grid = np.empty((n_series, len(_LENGTHS), len(_NOISES), 4))
    grid[..., 0] = _LENGTHS[:, None]
    grid[..., 1] = size[:, None, None]
    grid[..., 2] = np.log(np.maximum(np.abs(mean), 0.1 * np.exp(size)))[:, None, None]
    grid[..., 3] = size[:, None, None] + _NOISES
    grid = np.clip(grid, LOWEST, HIGHEST)
    of = np.repeat(np.arange(n_series), len(_LENGTHS) * len(_NOISES))
    value = (yield from data.value(grid.reshape(-1, 4), of)).reshape(grid.shape[:3])
    noise = value.argmin(axis=2)
    lengths = value.min(axis=2).argsort(axis=1, kind="stable")[:, :_STARTS]
    series = np.arange(n_series)[:, None]
    starts: FloatArray = grid[series, lengths, noise[series, lengths]]
    return starts


def _minimize(data: Likelihood, theta: FloatArray, of: IntArray) -> Search:
    """Return the minima (P, 4) that are reached from P beginnings, within the limits, and their values (P,)."""
    theta = theta.copy()
    value, gradient = yield from data.value_and_gradient(theta, of)
    hessian = np.tile(np.eye(4), (len(of), 1, 1))  # as far as known
    left = np.arange(len(of))
    for iteration in range(_ITERATIONS):
        free = _free(theta[left], gradient[left])
        left, free = (kept[(np.abs(gradient[left]) * free).max(axis=1) > _FLAT] for kept in (left, free))
        if not len(left):
            break
        step = _direction(hessian[left], gradient[left], free, longest=_LONGEST if iteration else 0.25 * _LONGEST)
        new, new_value, new_gradient = yield from _line_search(
            data, theta[left], value[left], gradient[left], step, of[left]
        )
        moved, turned = new - theta[left], new_gradient - gradient[left]
        hessian[left] = _updated(hessian[left], moved, turned, first=iteration == 0)
        gained = value[left] - new_value
        theta[left], value[left], gradient[left] = new, new_value, new_gradient
        # Where not even a tiny step helped there is nothing more to gain.
        left = left[gained > 1e-9 * (1.0 + np.abs(new_value))]
    return theta, value


def _free(theta: FloatArray, gradient: FloatArray) -> BoolArray:
    """Return which parameters (P, 4) may move downhill: those not held by a limit."""
    result: BoolArray = ~(((theta <= LOWEST) & (gradient > 0)) | ((theta >= HIGHEST) & (gradient < 0)))
    return result


def _direction(hessian: FloatArray, gradient: FloatArray, free: BoolArray, *, longest: float) -> FloatArray:
    """Return the steps (P, 4) to the minima of the quadratic models, with what is not free held where it is."""
    slope = np.where(free, gradient, 0.0)
    both = free[:, :, None] & free[:, None, :]
    step = -np.linalg.solve(np.where(both, hessian, np.eye(4)), slope[:, :, None])[:, :, 0]
    size = np.abs(step).max(axis=1, keepdims=True)
    step *= np.minimum(1.0, longest / np.maximum(size, 1e-300))
    return step


def _line_search(
    data: Likelihood, theta: FloatArray, value: FloatArray, gradient: FloatArray, step: FloatArray, of: IntArray
) -> Generator[None, None, tuple[FloatArray, FloatArray, FloatArray]]:
    """Return places, values and gradients after steps that are halved until each leads downhill enough."""
    new, new_value, new_gradient = theta.copy(), value.copy(), gradient.copy()
    tried = np.arange(len(of))
    for k in range(_HALVINGS):
        trial = np.clip(theta[tried] + 0.5**k * step[tried], LOWEST, HIGHEST)
        f, g = yield from data.value_and_gradient(trial, of[tried])
        enough = f <= value[tried] + 1e-4 * np.vecdot(gradient[tried], trial - theta[tried])
        done = tried[enough]
        new[done], new_value[done], new_gradient[done] = trial[enough], f[enough], g[enough]
        tried = tried[~enough]
        if not len(tried):
            break
    return new, new_value, new_gradient


def _updated(hessian: FloatArray, moved: FloatArray, turned: FloatArray, *, first: bool) -> FloatArray:
    """Return the Hessians (P, 4, 4) after the BFGS update, where it keeps them positive definite."""
    along = np.vecdot(moved, turned)
    sound = (along > 1e-10 * np.linalg.norm(moved, axis=1) * np.linalg.norm(turned, axis=1))[:, None, None]
    along = np.where(sound[:, 0, 0], along, 1.0)
    if first:
        # The size that the curvature has along the first step; Nocedal and Wright 2006, equation 6.20.
        hessian = np.where(sound, (np.vecdot(turned, turned) / along)[:, None, None] * hessian, hessian)
    bent = _times(hessian, moved)
    stiff = np.maximum(np.vecdot(moved, bent), 1e-300)[:, None, None]
    new = hessian - _outer(bent) / stiff + _outer(turned) / along[:, None, None]
    return np.where(sound, new, hessian)


def _outer(vector: FloatArray) -> FloatArray:
    """Return v v' for each of P vectors (P, n)."""
    product: FloatArray = vector[:, :, None] * vector[:, None, :]
    return product
