"""How well a flow does: likelihood, inversion, straightness, distance from the target; all yield while they work."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.engine.integrate import solve_steps
from nodeviz.models.flow import CHUNK

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    import numpy.typing as npt

    from nodeviz.engine.arrays import FloatArray, IntArray
    from nodeviz.models.flow import Flow
    from nodeviz.problems.targets import Target

NFE_METHOD, NFE_TOLERANCE = "dopri5", 1e-5  # what evaluations are counted with; rtol and atol alike
_KNOWN = 256  # points whose true density is computed at a time, in some milliseconds even for the pinwheel
REFERENCE_TOLERANCE = 1e-8  # in float64, of what other tolerances are compared with


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """The log-likelihood of points that training never saw.

    Attributes
    ----------
    mean, error : in nats, and its standard error; NaN where no point arrived
    lost : share of the points that did not get back to the source and do not count
    message : why, in a sentence; empty where none was lost
    """

    mean: float
    error: float
    lost: float
    message: str


def held_out_steps(
    flow: Flow,
    target: Target,
    points: FloatArray,
    *,
    method: str = "rk4",
    n_steps: int | None = 20,
    rtol: float = 1e-4,
) -> Generator[None, None, HeldOut]:
    """Return the mean log-likelihood of points (N, 2) of the target.

    Where the target's density and entropy are known, it is the bound plus the mean of log q - log p, with the same
    expectation as the mean of log q: how much the points happen to be in dense places drops out, and with it most of
    the error.

    ``method``, ``n_steps`` and ``rtol`` are as for `Flow.log_prob_steps`.
    """
    found = yield from flow.log_prob_steps(points, method=method, n_steps=n_steps, rtol=rtol)
    arrived = np.isfinite(found.log_prob)
    log_prob, shift = found.log_prob[arrived], 0.0
    if not log_prob.size:
        return HeldOut(mean=nan, error=nan, lost=1.0, message=found.message)
    if target.entropy_bound is not None:
        shift, here = target.entropy_bound, points[arrived]
        for begin in range(0, len(here), _KNOWN):
            piece = slice(begin, begin + _KNOWN)
            log_prob[piece] -= target.log_prob(here[piece])
            yield
    error = float(log_prob.std()) / np.sqrt(len(log_prob))
    lost = 1.0 - float(arrived.mean())
    return HeldOut(mean=shift + float(log_prob.mean()), error=float(error), lost=lost, message=found.message)


def inversion_error_steps(
    flow: Flow,
    points: npt.ArrayLike,
    *,
    method: str = "rk4",
    n_steps: int | None = 20,
    rtol: float = 1e-4,
) -> Generator[None, None, float]:
    """Return the RMS distance of points (N, 2) from where they come back to, from t = 1 to 0 and to 1 again.

    ``method``, ``n_steps`` and ``rtol`` are as for `Flow.log_prob_steps`. NaN where a point does not come back.
    """
    options: dict[str, Any] = {"method": method, "n_steps": n_steps, "rtol": rtol}
    back = yield from flow.paths_steps(points, (1.0, 0.0), **options)
    if not np.isfinite(back.ys).all():
        return nan
    again = yield from flow.paths_steps(back.ys[-1], (0.0, 1.0), **options)
    return rms_distance(again.ys[-1], np.asarray(points))


def rms_distance(x: FloatArray, y: FloatArray) -> float:
    """Return the root of the mean squared distance of x_i from y_i, (N, 2) each."""
    with np.errstate(all="ignore"):
        return float(np.sqrt(np.square(np.subtract(x, y, dtype=np.float64)).sum(axis=1).mean()))


def nfe_steps(flow: Flow, z0: FloatArray) -> Generator[None, None, float]:
    """Return the evaluations that dopri5 at rtol = atol = 1e-5 takes to carry points (N, 2) from t = 0 to 1.

    They share their steps, so that the answer is that of the hardest of them. At most 1,024 points count. NaN where the
    solver does not arrive.
    """
    found = yield from flow.paths_steps(z0[:CHUNK], (0.0, 1.0), method=NFE_METHOD, n_steps=None, rtol=NFE_TOLERANCE)
    return float(found.nfe) if np.isfinite(found.ys).all() else nan


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerances:
    """What a tolerance buys: evaluations of dopri5, and the RMS distance of its samples from exact ones, (Q,) each."""

    rtol: FloatArray
    nfe: IntArray
    error: FloatArray


def tolerances_steps(flow: Flow, z0: FloatArray, rtols: Sequence[float]) -> Generator[None, None, Tolerances]:
    """Return evaluations and errors of dopri5 at rtol = atol for points (N, 2) from t = 0 to 1, at most 1,024 of them.

    A float32 solves no better than to about 1e-6, whatever its tolerance.
    """
    starts = z0[:CHUNK]
    exact = yield from flow.astype(np.float64).paths_steps(
        starts, (0.0, 1.0), method="dop853", n_steps=None, rtol=REFERENCE_TOLERANCE
    )
    nfe, error = np.zeros(len(rtols), int), np.full(len(rtols), nan)
    for i, rtol in enumerate(rtols):
        found = yield from flow.paths_steps(starts, (0.0, 1.0), method=NFE_METHOD, n_steps=None, rtol=rtol)
        nfe[i], error[i] = found.nfe, rms_distance(found.ys[-1], exact.ys[-1])
    return Tolerances(rtol=np.array(rtols, dtype=np.float64), nfe=nfe, error=error)


def path_energy_steps(flow: Flow, z0: FloatArray, n_steps: int = 40) -> Generator[None, None, float]:
    """Return the path energy, E of the integral of |v|^2 over t from 0 to 1, along the paths of points z0 (N, 2).

    It is the least squared Wasserstein distance from source to target where all paths are straight and none crosses
    another. RK4 in ``n_steps`` steps, an even number, and Simpson's rule over their nodes.
    """
    ts = np.linspace(0.0, 1.0, n_steps + 1)
    weights = np.full(len(ts), 2.0)
    weights[1::2], weights[[0, -1]] = 4.0, 1.0
    energy = np.zeros(len(z0))
    for begin in range(0, len(z0), flow.chunk):
        piece = slice(begin, begin + flow.chunk)
        y0 = np.ascontiguousarray(z0[piece].T, flow.dtype)
        found = yield from solve_steps(flow, y0, ts, method="rk4", n_steps=n_steps)
        if not found.ok:
            return nan
        for t, y, weight in zip(ts.tolist(), found.ys, weights, strict=True):
            energy[piece] += weight * np.square(flow(t, y), dtype=np.float64).sum(axis=0)
        yield
    return float(energy.mean()) / (3.0 * n_steps)


def normalised_path_energy(path_energy: float, square_distance: float) -> float:
    """Return |path energy - W2^2| / W2^2, W2^2 the squared 2-Wasserstein distance of source and target; 0 is straight.

    References
    ----------
    Tong et al. 2023, arXiv:2302.00482, section 5.1.
    """
    return abs(path_energy - square_distance) / square_distance if square_distance > 0.0 else nan
