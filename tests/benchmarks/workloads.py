"""The workloads of the speed targets, one function each: its contenders, its check, its targets.

Another row of the table is another function here, named in WORKLOADS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.engine.integrate import solve
from nodeviz.problems.compiled import orbit_steps
from nodeviz.problems.equations import parse_equations

from . import fields, peers
from .classifier_steps import adjoint_step, discrete_step
from .flow_steps import likelihood_step, matching_step
from .harness import OURS, Workload, present
from .latent_steps import elbo_step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def _starts(n: int, dtype: Any) -> Any:
    return np.random.default_rng(0).uniform(-4, 4, (2, n)).astype(dtype)


def fixed_steps(dtype: Any, n: int = 10_000, n_steps: int = 400) -> Workload:
    """W1: classic RK4 over a batch of Van der Pol orbits, every step kept."""
    mu, y0, ts = 1.5, _starts(n, dtype), np.linspace(0.0, 10.0, n_steps + 1)
    field, single = fields.VanDerPol(mu, dtype), np.dtype(dtype) == np.float32
    contenders = {
        OURS: lambda: solve(field, y0, ts, method="rk4", n_steps=n_steps).ys,
        "torchdiffeq": peers.torchdiffeq_solve(mu, y0, ts, "rk4"),
        "diffrax": peers.diffrax_rk4(mu, y0, 10.0, n_steps),
        "naive NumPy": peers.naive_rk4(fields.plain_van_der_pol(mu), y0, ts),
    }
    return Workload(
        name="W1",
        title=f"classic RK4, {n:,} orbits, {n_steps} steps, all kept, {np.dtype(dtype).name}",
        contenders=present(contenders),
        answer=lambda _name, ys: ys[-1],
        # torchdiffeq's rk4 is the 3/8 rule: another method of the same order and cost.
        tolerance=1e-2 if single else 1e-4,
        targets={"torchdiffeq": 3.0} if single else {"torchdiffeq": 3.0, "diffrax": 1.0},
    )


def shared_steps(n: int = 1_000, t1: float = 20.0) -> Workload:
    """W2a: adaptive dopri5, one step size for the whole batch."""
    mu, y0, ts = 5.0, _starts(n, np.float64), np.linspace(0.0, t1, 201)
    field = fields.VanDerPol(mu, np.float64)
    contenders = {
        OURS: lambda: solve(field, y0, ts, rtol=1e-6, atol=1e-9).ys,
        "torchdiffeq": peers.torchdiffeq_solve(mu, y0, ts, "dopri5", rtol=1e-6, atol=1e-9),
        "diffrax": peers.diffrax_dopri5(mu, y0, ts, 1e-6, 1e-9, vmap=False),
        "SciPy RK45": peers.scipy_solve(fields.flat_van_der_pol(mu), y0.ravel(), ts, "RK45", 1e-6, 1e-9),
    }
    return Workload(
        name="W2a",
        title=f"dopri5, {n:,} orbits, one shared step, rtol 1e-6",
        contenders=present(contenders),
        answer=lambda name, ys: ys[:, -1].reshape(2, -1) if name == "SciPy RK45" else ys[-1],
        tolerance=1e-1,  # the fast flanks turn an error of 1e-6 in time into one of 1e-3 in v
        targets={"torchdiffeq": 12.0, "SciPy RK45": 1.6},
    )


def own_steps(n: int = 1_000, t1: float = 20.0) -> Workload:
    """W2b: adaptive dopri5, every orbit with its own step size."""
    mu, y0, ts = 5.0, _starts(n, np.float64), np.linspace(0.0, t1, 201)
    field = fields.VanDerPol(mu, np.float64)
    contenders = {
        OURS: lambda: solve(field, y0, ts, rtol=1e-6, atol=1e-9, per_sample=True).ys,
        "diffrax": peers.diffrax_dopri5(mu, y0, ts, 1e-6, 1e-9, vmap=True),
    }
    return Workload(
        name="W2b",
        title=f"dopri5, {n:,} orbits, own steps, rtol 1e-6",
        contenders=present(contenders),
        answer=lambda name, ys: ys[:, -1].T if name == "diffrax" else ys[-1],
        tolerance=1e-1,
        targets={"diffrax": 1.3},
    )


def typed_orbit() -> Workload:
    """W6: one orbit of the spiral, typed as equations, every step recorded."""
    equations = parse_equations("x' = -a*x - y; y' = x - a*y")
    ts = np.array([0.0, 20.0])

    def ours() -> Any:
        run = orbit_steps(equations, {"a": 0.1}, (2.0, 0.0), 0.0, 20.0, rtol=1e-8, atol=1e-10, record=True)
        while True:
            try:
                next(run)
            except StopIteration as stop:
                return stop.value.ys[-1]

    def typed(_t: float, y: Any) -> list[Any]:
        return [-0.1 * y[0] - y[1], y[0] - 0.1 * y[1]]

    def engine(_t: float, y: Any) -> Any:
        return np.array(typed(_t, y))

    start = np.array([2.0, 0.0])
    return Workload(
        name="W6",
        title="one spiral typed as equations, T=20, dopri5, rtol 1e-8",
        contenders={
            OURS: ours,
            "nodeviz on arrays": lambda: solve(engine, start, ts, rtol=1e-8, atol=1e-10, record=True).ys[-1],
            "SciPy RK45": peers.scipy_solve(typed, start, ts, "RK45", 1e-8, 1e-10),
            "SciPy LSODA": peers.scipy_solve(typed, start, ts, "LSODA", 1e-8, 1e-10),
        },
        answer=lambda name, ys: ys[:, -1] if name.startswith("SciPy") else ys,
        tolerance=1e-5,
        targets={"SciPy RK45": 15.0, "SciPy LSODA": 1.0},
    )


WORKLOADS: Mapping[str, Callable[[], Workload]] = {
    "W1-float32": lambda: fixed_steps(np.float32),
    "W1-float64": lambda: fixed_steps(np.float64),
    "W2a": shared_steps,
    "W2b": own_steps,
    "W3a-d2": lambda: discrete_step(2, "backprop", {"torchdiffeq": 2.2, "diffrax": 3.0}),
    "W3a-d5": lambda: discrete_step(5, "backprop", {"torchdiffeq": 2.2, "diffrax": 3.0}),
    "W3a-d2-checkpoint": lambda: discrete_step(2, "checkpoint", {"torchdiffeq": 1.8}),
    "W3a-d5-checkpoint": lambda: discrete_step(5, "checkpoint", {"torchdiffeq": 1.8}),
    "W3b-d2": lambda: adjoint_step(2),
    "W3b-d5": lambda: adjoint_step(5),
    "W3-2000": lambda: discrete_step(2, "checkpoint", {"torchdiffeq": 3.0}, n_steps=2000),
    "W4": likelihood_step,
    "W4-matching": matching_step,
    "W5": elbo_step,
    "W6": typed_orbit,
}
