"""Gaussian processes with hyperparameters by marginal likelihood: the baseline that other models of series are held to.

Many series at once, each with its own times, values and hyperparameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from scipy.linalg import lapack

from nodeviz.engine.arrays import freeze
from nodeviz.models.marginal_likelihood import Likelihood, fit

if TYPE_CHECKING:
    from collections.abc import Generator

    import numpy.typing as npt

    from nodeviz.engine.arrays import BoolArray, FloatArray

R = TypeVar("R")

MOST = 500  # observations of one series; more are thinned evenly
_DEFAULT = np.log([0.2, 1.0, 0.5, 0.05])  # of a series without observations
_JITTER = 1e-12  # of the variance, for a covariance that is singular to the last digit; ten times that until it is not
_WORK = 5_000_000  # multiplications and additions between two yields, some milliseconds


@dataclass(frozen=True, slots=True, eq=False)
class GPPrediction:
    """What a Gaussian process says at M times; (M,) each for one series, (B, M) for several.

    Attributes
    ----------
    mean : of the function, and of observations of it
    sd : of the function
    sd_observation : of a new observation
    """

    mean: FloatArray
    sd: FloatArray
    sd_observation: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GaussianProcess:
    """An RBF kernel and a constant, observed in noise; fitted to one series, or to each of B.

    Attributes
    ----------
    t, y : (B, n) observations, 0 where there is none
    known : (B, n) whether there is one
    theta : (B, 4) natural logarithms of the kernel's length and sd, of the constant's sd and of the noise's
    log_likelihood : (B,) of the observations, in nats
    single : whether it was fitted to one series without a leading axis
    note : what was left out, in a sentence

    References
    ----------
    Rasmussen, Williams 2006, "Gaussian processes for machine learning", algorithm 2.1 and equation 5.9.
    """

    t: FloatArray
    y: FloatArray
    known: BoolArray
    theta: FloatArray
    log_likelihood: FloatArray
    single: bool
    note: str = ""

    @property
    def noise(self) -> FloatArray:
        """Sd of the noise, () for one series and (B,) for several."""
        noise: FloatArray = np.exp(self.theta[:, 3])
        return noise[0] if self.single else noise

    @classmethod
    def fit(cls, t: npt.ArrayLike, y: npt.ArrayLike) -> GaussianProcess:
        """Fit a process to a series, or to each of several, at once; see `fit_steps`."""
        return _run(cls.fit_steps(t, y))

    @classmethod
    def fit_steps(cls, t: npt.ArrayLike, y: npt.ArrayLike) -> Generator[None, None, GaussianProcess]:
        """Fit a process to a series, or to each of several, in steps of a few milliseconds.

        Parameters
        ----------
        t, y : (n,) or (B, n) times and values in the units of models: times about 0 to 1, values about 0 of spread 1.
            NaN in either where there is no observation; n may be 0. Of more than MOST, evenly chosen ones are used

        Raises
        ------
        ValueError : other shapes, or numbers that are infinite
        """
        times: FloatArray = np.asarray(t, dtype=np.float64)
        values: FloatArray = np.asarray(y, dtype=np.float64)
        if times.shape != values.shape or times.ndim not in {1, 2}:
            raise ValueError(f"t has shape {times.shape} and y {values.shape}; give (n,) or (B, n), the same for both")
        if np.isinf(times).any() or np.isinf(values).any():
            raise ValueError("t or y: infinite; leave such observations out, as NaN")
        single = times.ndim == 1
        times, values, note = _packed(np.atleast_2d(times), np.atleast_2d(values))
        known = ~np.isnan(values)
        data = Likelihood(t=np.where(known, times, 0.0), y=np.where(known, values, 0.0), known=known)
        theta, value = yield from fit(data)
        theta[~known.any(axis=1)] = _DEFAULT
        return cls(
            t=freeze(data.t),
            y=freeze(data.y),
            known=known,
            theta=freeze(theta),
            log_likelihood=freeze(-value),
            single=single,
            note=note,
        )

    def predict(self, ts: npt.ArrayLike) -> GPPrediction:
        """Return what holds at times (M,) for all series, or (B, M) for each its own; see `predict_steps`."""
        return _run(self.predict_steps(ts))

    def predict_steps(self, ts: npt.ArrayLike) -> Generator[None, None, GPPrediction]:
        """Return what holds at times (M,) for all series, or (B, M) for each its own, in steps of a few milliseconds.

        Raises
        ------
        ValueError : times of another shape
        """
        times = np.asarray(ts, dtype=np.float64)
        n_series = len(self.theta)
        if times.ndim not in {1, 2} or (times.ndim == 2 and len(times) != n_series):
            raise ValueError(f"ts has shape {times.shape}; give (M,), or (B, M) with B = {n_series} series")
        times = np.broadcast_to(times, (n_series, times.shape[-1]))
        mean, variance = (np.empty(times.shape) for _ in range(2))
        data = Likelihood(t=self.t, y=self.y, known=self.known)
        chunk = max(1, _WORK // (self.t.shape[1] + 4) ** 2)
        since = 0  # times since the last yield
        for i in range(n_series):
            factor, weights = _factor(data, self.theta, i)
            for start in range(0, times.shape[1], chunk):
                some = slice(start, start + chunk)
                to_known = self._to_known(i, times[i, some])
                mean[i, some] = to_known @ weights
                half, _ = lapack.dtrtrs(factor, to_known.T, lower=1)
                variance[i, some] = np.square(half).sum(axis=0)
                since += len(to_known)
                if since >= chunk:
                    yield
                    since = 0
        _, amplitude, constant, noise = np.exp(self.theta).T[:, :, None]
        variance = np.maximum(np.square(amplitude) + np.square(constant) - variance, 0.0)
        parts = mean, np.sqrt(variance), np.sqrt(variance + np.square(noise))
        return GPPrediction(*(freeze(part[0] if self.single else part) for part in parts))

    def _to_known(self, i: int, times: FloatArray) -> FloatArray:
        """Return the covariances (M, n) of the function of series ``i`` at times (M,) with its observations."""
        length, amplitude, constant, _ = np.exp(self.theta[i])
        apart = (times[:, None] - self.t[i]) / length
        result: FloatArray = amplitude * amplitude * np.exp(-0.5 * apart * apart)
        result += constant * constant
        result *= self.known[i]
        return result


def _run(steps: Generator[None, None, R]) -> R:
    """Return what a generator returns."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            result: R = done.value
            return result


def _factor(data: Likelihood, theta: FloatArray, i: int) -> tuple[FloatArray, FloatArray]:
    """Return the lower Cholesky factor of the covariance of series ``i``, and its inverse times the observations."""
    _, covariance = data.covariance(theta[i : i + 1], np.array([i]))
    matrix = covariance[0]
    jitter = 0.0
    while True:
        factor, failed = lapack.dpotrf(matrix + jitter * np.eye(len(matrix)), lower=1)
        if not failed:
            break
        jitter = 10.0 * jitter or _JITTER * float(np.exp(2.0 * theta[i, 1:3]).sum())
    weights, _ = lapack.dpotrs(factor, data.y[i], lower=1)
    return factor, weights


def _packed(t: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray, str]:
    """Return times and values (B, m) with the known ones first, evenly thinned, m from 1 to what it must be."""
    known = ~(np.isnan(t) | np.isnan(y))
    counts = known.sum(axis=1)
    most = min(max(int(counts.max(initial=0)), 1), MOST)  # one, if only to be missing: LAPACK knows no empty matrix
    times, values = (np.full((len(t), most), np.nan) for _ in range(2))
    for i, row in enumerate(known):
        chosen = np.flatnonzero(row)
        if len(chosen) > MOST:
            chosen = chosen[np.rint(np.linspace(0, len(chosen) - 1, MOST)).astype(np.int64)]
        times[i, : len(chosen)], values[i, : len(chosen)] = t[i, chosen], y[i, chosen]
    note = f"The Gaussian process uses {MOST} of {counts.max()} observations, evenly chosen."
    return times, values, note if counts.max(initial=0) > MOST else ""
