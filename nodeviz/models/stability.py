"""How an ODE, or a ResNet, treats the neighbours of one path along depth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from nodeviz.engine.integrate import solve_steps

if TYPE_CHECKING:
    from collections.abc import Generator

    import numpy.typing as npt

    from nodeviz.engine.arrays import ComplexArray, FloatArray
    from nodeviz.models.depth import DepthClassifier

RTOL, ATOL, MAX_STEPS = 1e-5, 1e-7, 2000


class DifferentiableField(Protocol):
    """A vector field with its Jacobian."""

    def __call__(self, t: Any, y: Any, /) -> Any:
        """Return dy/dt, shape of ``y``."""
        ...

    def jacobian(self, t: Any, y: Any, /) -> Any:
        """Return df/dy, (D, D), at y (D,)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Stability:
    """Along one path: three numbers that are often taken for each other, and what they say.

    Attributes
    ----------
    ts : (K,) times; path : (K, D) the states there, NaN from where the solver did not get, and so all below
    eigenvalues : (K, D) of the Jacobian J = df/dh at the path
    abscissa : (K,) their largest real part: negative where neighbours in the end come closer, were J to stay
    symmetric : (K,) largest eigenvalue of the symmetric part of J: negative where the distances of all neighbours
        shrink at this moment
    flow_radius : (K,) spectral radius of the flow map's Jacobian dh(t)/dh(ts[0])
    """

    ts: FloatArray
    path: FloatArray
    eigenvalues: ComplexArray
    abscissa: FloatArray
    symmetric: FloatArray
    flow_radius: FloatArray


def model_stability_steps(
    model: DepthClassifier, x: npt.ArrayLike, ts: npt.ArrayLike
) -> Generator[None, None, Stability]:
    """Return the stability of a model along the path of one data point (2,), in float64.

    A ResNet has its own times, ``spec.ticks``. Its J is its residual's per unit of depth, of the block that comes next,
    and at the end of the last; its flow map is the product of the blocks' Jacobians I + dt J.
    """
    precise = model.astype(np.float64)
    start = precise.lift(np.asarray(x, np.float64)[None])
    if not model.spec.discrete:
        return (yield from stability_steps(precise.field, start[0], ts))
    spec, h = model.spec, start
    path, flows, jacobians = [h[0]], [np.eye(spec.dim)], []
    with np.errstate(all="ignore"):
        for i in range(spec.blocks):
            jacobians.append(precise.jacobian(i * spec.block_dt, h)[0])
            h = precise.block(i, h)
            path.append(h[0])
            flows.append(flows[-1] + spec.block_dt * jacobians[-1] @ flows[-1])
            yield
        jacobians.append(precise.jacobian(spec.t1, h)[0])
    return _stability(spec.ticks, np.array(path), np.array(jacobians), np.array(flows))


def stability_steps(field: DifferentiableField, y0: FloatArray, ts: npt.ArrayLike) -> Generator[None, None, Stability]:
    """Return the stability along the path of y0 (D,): the flow map's Jacobian M solves M' = J M with M = I at ts[0].

    References
    ----------
    Hairer, Norsett, Wanner: Solving ODEs I (1993), section I.14, equation (14.14).
    """
    times, d = np.asarray(ts, np.float64), len(y0)

    def both(t: float, state: FloatArray) -> FloatArray:
        tangents = state[d:].reshape(d, d)
        return np.concatenate([field(t, state[:d]), (field.jacobian(t, state[:d]) @ tangents).ravel()])

    start = np.concatenate([y0, np.eye(d).ravel()])
    solution = yield from solve_steps(both, start, times, rtol=RTOL, atol=ATOL, max_steps=MAX_STEPS)
    states = np.full((len(times), d + d * d), np.nan)
    n = min(len(times), len(solution.ts))
    reached = int(np.count_nonzero(solution.ts[:n] == times[:n]))
    states[:reached] = solution.ys[:reached]
    path, flows = states[:, :d], states[:, d:].reshape(-1, d, d)
    jacobians = np.full_like(flows, np.nan)
    for k in range(reached):
        jacobians[k] = field.jacobian(times[k], path[k])
    return _stability(times, path, jacobians, flows)


def _stability(ts: FloatArray, path: FloatArray, jacobians: FloatArray, flows: FloatArray) -> Stability:
    # NumPy's eigenvalues raise an error where a matrix is not finite.
    finite = np.isfinite(jacobians).all(axis=(1, 2)) & np.isfinite(flows).all(axis=(1, 2))
    n, d = path.shape
    eigenvalues = np.full((n, d), complex(np.nan, np.nan))
    symmetric, radius = (np.full(n, np.nan) for _ in range(2))
    inner, flow = jacobians[finite], flows[finite]
    eigenvalues[finite] = np.linalg.eigvals(inner)
    symmetric[finite] = np.linalg.eigvalsh((inner + np.swapaxes(inner, 1, 2)) / 2)[:, -1]
    radius[finite] = np.abs(np.linalg.eigvals(flow)).max(axis=1)
    return Stability(
        ts=ts,
        path=path,
        eigenvalues=eigenvalues,
        abscissa=eigenvalues.real.max(axis=1),
        symmetric=symmetric,
        flow_radius=radius,
    )
