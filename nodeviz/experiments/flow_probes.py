"""What a frame shows of one point and of one time: a path with log p along it, and estimates of the trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nodeviz.engine.arrays import freeze
from nodeviz.engine.hutchinson import PROBES, draw_probes, estimate_variance
from nodeviz.engine.integrate import solve_steps
from nodeviz.experiments.flow_frame import FlowPath, FlowTrace, PathView, TraceView
from nodeviz.experiments.flow_picture import QUICK
from nodeviz.experiments.phase_frame import read_only
from nodeviz.models.diffusion import velocity_factor

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from nodeviz.engine.arrays import FloatArray, IntArray
    from nodeviz.models.flow import Flow

PATH_TIMES = 101  # of a path
PATH_TOLERANCE = 1e-5
PROBE_COUNTS = (1, 2, 4, 8, 16)
TRACED = 512  # points at which traces are estimated
DRAWS = 32  # estimates at each of them
LOG_PROB_POINTS = 256


def no_path(names: Sequence[str]) -> PathView:
    """Return what there is before a path was asked for."""
    none = freeze(np.zeros(0))
    flows = tuple(
        FlowPath(name=name, t=none, path=freeze(np.zeros((0, 2))), log_prob=none, speed=none) for name in names
    )
    return PathView(point=freeze(np.full(2, np.nan)), t=float("nan"), flows=flows)


def path_steps(name: str, flow: Flow, point: FloatArray, t: float) -> Generator[None, None, FlowPath]:
    """Return the path through a point (2,) at time t, from 0 to 1; the generator yields while it works."""
    ts = np.unique(np.append(np.linspace(0.0, 1.0, PATH_TIMES), t))
    states = np.full((len(ts), 3), np.nan)
    field, start = flow.density_field(), np.append(np.asarray(point, flow.dtype), 0).astype(flow.dtype)[:, None]
    for way in (ts[ts <= t][::-1], ts[ts >= t]):
        if len(way) < 2:
            continue
        found = yield from solve_steps(field, start, way, method="dopri5", rtol=PATH_TOLERANCE, atol=PATH_TOLERANCE)
        # A solve that ended early reports its last accepted time besides those that were asked for.
        n = min(len(way), len(found.ts))
        reached = int(np.count_nonzero(found.ts[:n] == way[:n]))
        states[np.searchsorted(ts, way[:reached])] = found.ys[:reached, :, 0]
    path, delta = states[:, :2], states[:, 2]
    log_prob = np.full(len(ts), np.nan)
    if np.isfinite(states[0]).all():
        log_prob = float(flow.base_log_prob(path[0][:, None])[0]) + delta - delta[0]
    speed = np.empty(len(ts))
    for k, at in enumerate(ts.tolist()):
        with np.errstate(all="ignore"):
            speed[k] = np.linalg.norm(flow(at, path[k].astype(flow.dtype)[:, None]))
    return FlowPath(
        name=name,
        t=freeze(ts),
        path=freeze(path),
        log_prob=freeze(log_prob),
        speed=freeze(speed),
    )


def no_trace(names: Sequence[str]) -> TraceView:
    """Return what there is before a trace was estimated."""
    none = freeze(np.zeros(0))
    fields = dict.fromkeys(_CURVES, none)
    flows = tuple(FlowTrace(name=name, exact=float("nan"), **fields) for name in names)
    return TraceView(t=float("nan"), probes=read_only(np.zeros(0, np.int64)), flows=flows)


_CURVES = (
    *("rademacher_mean", "rademacher_std", "rademacher_theory", "log_prob_rademacher"),
    *("gaussian_mean", "gaussian_std", "gaussian_theory", "log_prob_gaussian"),
)


def probe_counts(probes: int) -> IntArray:
    """Return the numbers of probes (J,) to try: some powers of two, and the one that training uses."""
    return read_only(np.union1d(PROBE_COUNTS, [probes]).astype(np.int64))


def trace_steps(
    name: str, flow: Flow, t: float, z0: FloatArray, held_out: FloatArray, counts: IntArray, rng: np.random.Generator
) -> Generator[None, None, FlowTrace]:
    """Return estimates of the trace at time t against the exact one; the generator yields while it works.

    Parameters
    ----------
    z0 : (N, 2) points of the source; where they are at t the traces are taken
    held_out : (M, 2) points of the target, whose log p is estimated
    counts : (J,) numbers of probes
    """
    points = z0[:TRACED]
    if t > 0.0:
        found = yield from flow.paths_steps(points, (0.0, t), **QUICK.how)
        points = found.ys[-1]
    jacobian = jacobians(flow, t, points)
    exact = np.trace(jacobian)
    curves: dict[str, FloatArray] = {}
    for kind in PROBES:
        variance = _mean(estimate_variance(jacobian, kind))
        curves[f"{kind}_theory"] = np.sqrt(variance / counts)
        means, stds = [], []
        for count in counts.tolist():
            estimates = _estimates(jacobian, kind, count, rng)
            yield
            means.append(_mean(estimates))
            stds.append(np.sqrt(_mean(np.square(estimates - exact))))
        curves[f"{kind}_mean"], curves[f"{kind}_std"] = np.array(means), np.array(stds)
        curves[f"log_prob_{kind}"] = yield from _log_prob_errors(flow, held_out[:LOG_PROB_POINTS], counts, kind, rng)
    return FlowTrace(name=name, exact=_mean(exact), **{key: freeze(curve) for key, curve in curves.items()})


def jacobians(flow: Flow, t: float, points: FloatArray) -> FloatArray:
    """Return dv/dy, (2, 2, N), at points (N, 2) and time t; points that are not finite are left out."""
    finite = points[np.isfinite(points).all(axis=1)]
    of_net = flow.net.jacobian(t, np.ascontiguousarray(finite.T))
    factor = velocity_factor(t) if flow.spec.method == "diffusion" else 1.0
    return np.asarray(factor * of_net, np.float64)


def _estimates(jacobian: FloatArray, kind: str, count: int, rng: np.random.Generator) -> FloatArray:
    """Return estimates of the trace, (DRAWS, N), each the mean over ``count`` probes v of v' J v."""
    d, _, n = jacobian.shape
    estimates = np.empty((DRAWS, n))
    for row in estimates:
        probes = draw_probes(rng, kind, count, d, n)
        row[:] = np.einsum("ikn,ijn,jkn->n", probes, jacobian, probes, optimize=True) / count
    return estimates


def _log_prob_errors(
    flow: Flow, points: FloatArray, counts: IntArray, kind: str, rng: np.random.Generator
) -> Generator[None, None, FloatArray]:
    """Return the RMS error (J,) in log p at points (M, 2) of the target from estimates with so many probes."""
    exact = (yield from flow.log_prob_steps(points, **QUICK.how)).log_prob
    errors = np.empty(len(counts))
    for j, count in enumerate(counts.tolist()):
        probes = draw_probes(rng, kind, count, flow.dim, len(points), flow.dtype)
        estimated = (yield from flow.log_prob_steps(points, trace=probes, **QUICK.how)).log_prob
        errors[j] = np.sqrt(_mean(np.square(estimated - exact)))
    return errors


def _mean(values: FloatArray) -> float:
    """Return the mean of what is finite; NaN where nothing is."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")
