"""Frames of the flow that look like real ones, made by a closed form and without training anything.

Between the Gaussian source and eight Gaussians z goes to (1 - t + s t) z + t m for one of the centres m, drawn at
random: at each time the points are a mixture of eight Gaussians, whose density is known.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from nodeviz.experiments.flow_frame import (
    DensityAnswer,
    DensityView,
    FlowFrame,
    FlowPath,
    FlowTrace,
    FlowView,
    PathView,
    TargetView,
    TraceView,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nodeviz.engine.arrays import FloatArray

TIMES = np.linspace(0.0, 1.0, 41)
VIEW = np.array([-4.5, 4.5, -4.5, 4.5])
ANGLES = 2 * np.pi * np.arange(8) / 8
CENTRES = 2.83 * np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)
SPREAD = 0.35
BOUND = -2.828


def cells(n: int) -> FloatArray:
    inside = VIEW[0] + (VIEW[1] - VIEW[0]) * (np.arange(n) + 0.5) / n
    return np.stack(np.meshgrid(inside, inside), axis=-1)


def log_density(points: FloatArray, t: float) -> FloatArray:
    width = 1 - t + SPREAD * t
    away = np.square(points[..., None, :] - t * CENTRES).sum(axis=-1) / (2 * width**2)
    return np.log(np.exp(-away).mean(axis=-1) + 1e-300) - np.log(2 * np.pi * width**2)


def make_target(name: str = "eight-gaussians", note: str = "Eight of them on a circle.") -> TargetView:
    rng = np.random.default_rng(5)
    points = CENTRES[rng.integers(0, 8, 2000)] + SPREAD * rng.standard_normal((2000, 2))
    return TargetView(
        name=name,
        title="Eight Gaussians",
        source="gaussian",
        points=points,
        given=np.empty((0, 2)),
        centre=np.zeros(2),
        scale=np.ones(2),
        view=VIEW,
        entropy_bound=BOUND,
        note=note,
    )


def make_flow(name: str, *, n: int, resolution: int, known: Sequence[int] | None, step: int, seed: int) -> FlowView:
    rng = np.random.default_rng(seed)
    z, centres = rng.standard_normal((n, 2)), CENTRES[rng.integers(0, 8, n)]
    t = TIMES[:, None, None]
    density_known = np.ones(len(TIMES), bool)
    if known is not None:
        density_known = np.isin(np.arange(len(TIMES)), known)
    lattice = cells(resolution)
    density = np.full((len(TIMES), resolution, resolution), np.nan, np.float32)
    for k in np.flatnonzero(density_known):
        density[k] = log_density(lattice, float(TIMES[k]))
    mass = np.nansum(np.exp(density), axis=(1, 2)) * (VIEW[1] - VIEW[0]) ** 2 / resolution**2
    grid = np.stack(np.meshgrid(np.linspace(-4, 4, 25), np.linspace(-4, 4, 25)), axis=-1)
    places = cells(20)
    measured = step > 0
    good = 0.014 if name != "diffusion" else 0.05
    return FlowView(
        name=name,
        spec_json=json.dumps({"method": name, "source": "gaussian", "hidden": 4, "layers": 1, "activation": "tanh"}),
        parameters=np.linspace(-1, 1, 26).astype(np.float32),
        n_parameters=26,
        step=step,
        steps=2000,
        samples=((1 - t + SPREAD * t) * z + t * centres).astype(np.float32),
        grid=(grid * (1 - 0.4 * TIMES[:, None, None, None])).astype(np.float32),
        velocity=np.tile((0.3 * places)[None], (len(TIMES), 1, 1, 1)).astype(np.float32),
        sample_method="rk4",
        sample_steps=20,
        sample_rtol=1e-4,
        sample_nfe=80,
        density=density,
        density_known=density_known,
        density_mass=np.where(density_known, mass, np.nan),
        density_lost=np.where(density_known, 0.0, np.nan),
        density_step=step,
        mean_log_prob=BOUND - good if measured else np.nan,
        log_prob_error=0.004 if measured else np.nan,
        mass=0.9996 if measured else np.nan,
        lost=0.0,
        inversion_error=3e-7 if measured else np.nan,
        nfe=38.0 if measured else np.nan,
        path_energy=0.6 if measured else np.nan,
        wasserstein2=0.31 if measured else np.nan,
        wasserstein2_floor=0.29 if measured else np.nan,
        tolerance_rtol=np.logspace(-1, -6, 6) if measured else np.empty(0),
        tolerance_nfe=np.array([14, 20, 32, 50, 74, 110]) if measured else np.empty(0, int),
        tolerance_error=np.logspace(-1, -6, 6) if measured else np.empty(0),
        seconds_per_step=1.8e-4,
        train_seconds=1.8e-4 * step,
        diverged=False,
        message="",
        measured_step=step if measured else -1,
    )


def make_path(point: tuple[float, float], t: float, names: Sequence[str]) -> PathView:
    """Return paths on straight lines from the middle through a point."""
    where = np.array(point)

    def one(name: str) -> FlowPath:
        way = where * (0.2 + 0.8 * TIMES[:, None]) / (0.2 + 0.8 * t)
        log_prob = np.array([log_density(place, now) for place, now in zip(way, TIMES, strict=True)])
        return FlowPath(name=name, t=TIMES, path=way, log_prob=log_prob, speed=np.full(len(TIMES), 1.3))

    return PathView(point=where, t=t, flows=tuple(map(one, names)))


def no_path(names: Sequence[str]) -> PathView:
    nothing = np.empty(0)
    flows = tuple(
        FlowPath(name=name, t=nothing, path=np.empty((0, 2)), log_prob=nothing, speed=nothing) for name in names
    )
    return PathView(point=np.full(2, np.nan), t=np.nan, flows=flows)


def make_trace(t: float, names: Sequence[str]) -> TraceView:
    probes = np.array([1, 2, 4, 8, 16])
    spread = 2.2 / np.sqrt(probes)

    def one(name: str) -> FlowTrace:
        return FlowTrace(
            name=name,
            exact=0.65,
            rademacher_mean=np.full(5, 0.66),
            rademacher_std=spread,
            rademacher_theory=spread,
            gaussian_mean=np.full(5, 0.64),
            gaussian_std=1.6 * spread,
            gaussian_theory=1.6 * spread,
            log_prob_rademacher=0.5 * spread,
            log_prob_gaussian=0.8 * spread,
        )

    return TraceView(t=t, probes=probes, flows=tuple(map(one, names)))


def make_frame(
    names: Sequence[str] = ("flow-matching",),
    *,
    n: int = 2000,
    resolution: int = 64,
    known: Sequence[int] | None = None,
    step: int = 2000,
    path: PathView | None = None,
    trace_at: float = 1.0,
    target: TargetView | None = None,
    seed: int = 0,
) -> FlowFrame:
    flows = tuple(
        make_flow(name, n=n, resolution=resolution, known=known, step=step, seed=seed + number)
        for number, name in enumerate(names)
    )
    return FlowFrame(
        step=step,
        steps=2000,
        t=TIMES,
        target=target or make_target(),
        flows=flows,
        path=path or no_path(names),
        trace=make_trace(trace_at, names),
        words="Held-out log-likelihood in nats: flow matching −2.842. Its paths are bent or uneven.",
    )


def make_answer(t: float, names: Sequence[str] = ("flow-matching",), resolution: int = 64) -> DensityAnswer:
    log_prob = log_density(cells(resolution), t).astype(np.float32)
    flows = tuple(DensityView(name=name, log_prob=log_prob, mass=0.9995, lost=0.0) for name in names)
    return DensityAnswer(t=t, resolution=resolution, step=2000, flows=flows)


def make_history(names: Sequence[str] = ("flow-matching",), reports: int = 400) -> dict[str, list[float]]:
    rng = np.random.default_rng(1)
    at = np.arange(1, reports + 1) * 2000 / reports
    history: dict[str, list[float]] = {}
    for name in names:
        history[f"{name}.step"] = at.tolist()
        history[f"{name}.loss"] = (1.2 + 2 * np.exp(-at / 300) + 0.1 * rng.standard_normal(reports)).tolist()
        history[f"{name}.mean_log_prob_step"] = at[9::10].tolist()
        history[f"{name}.mean_log_prob"] = (BOUND - 0.02 - np.exp(-at[9::10] / 400)).tolist()
    return history
