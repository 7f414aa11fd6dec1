"""The peers, as their manuals use them; each function returns a call to time, or None where it is not installed."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from nodeviz.engine.arrays import FloatArray


def torchdiffeq_solve(
    mu: float, y0: FloatArray, ts: FloatArray, method: str, **options: float
) -> Callable[[], Any] | None:
    """Return torchdiffeq's odeint on a (2, B) state."""
    if not (find_spec("torch") and find_spec("torchdiffeq")):
        return None
    import torch
    from torchdiffeq import odeint

    torch.set_num_threads(1)
    state, times = torch.from_numpy(y0.copy()), torch.from_numpy(ts.astype(y0.dtype))

    def field(_t: Any, y: Any) -> Any:
        x, v = y[0], y[1]
        return torch.stack([v, mu * (1 - x * x) * v - x])

    def run() -> Any:
        with torch.no_grad():
            return odeint(field, state, times, method=method, **options).numpy()

    return run


def _jax_field(mu: float) -> Callable[[Any, Any, Any], Any]:
    import jax.numpy as jnp

    def field(_t: Any, y: Any, _args: Any) -> Any:
        x, v = y[0], y[1]
        return jnp.stack([v, mu * (1 - x * x) * v - x])

    return field


def classic_rk4() -> Any:
    """Return diffrax's solver for the classic tableau of four stages."""
    import diffrax

    rk4_tableau = diffrax.ButcherTableau(
        a_lower=(np.array([0.5]), np.array([0.0, 0.5]), np.array([0.0, 0.0, 1.0])),
        b_sol=np.array([1 / 6, 1 / 3, 1 / 3, 1 / 6]),
        b_error=np.zeros(4),
        c=np.array([0.5, 0.5, 1.0]),
    )

    class Classic(diffrax.AbstractERK):
        tableau = rk4_tableau
        interpolation_cls = diffrax.ThirdOrderHermitePolynomialInterpolation.from_k

        def order(self, terms: Any) -> int:
            del terms
            return 4

    return Classic()


def diffrax_rk4(mu: float, y0: FloatArray, t1: float, n_steps: int) -> Callable[[], Any] | None:
    """Return diffrax with the classic tableau and constant steps, all kept; (T, 2, B)."""
    if not find_spec("diffrax"):
        return None
    import diffrax
    import jax

    jax.config.update("jax_enable_x64", True)
    solver, term = classic_rk4(), diffrax.ODETerm(_jax_field(mu))

    def once(y: Any) -> Any:
        solution = diffrax.diffeqsolve(
            term, solver, 0.0, t1, t1 / n_steps, y,
            saveat=diffrax.SaveAt(t0=True, steps=True), max_steps=n_steps + 1,
        )  # fmt: skip
        return solution.ys

    compiled, state = jax.jit(once), jax.device_put(y0)
    return lambda: np.asarray(compiled(state).block_until_ready())[: n_steps + 1]


def diffrax_dopri5(
    mu: float, y0: FloatArray, ts: FloatArray, rtol: float, atol: float, *, vmap: bool
) -> Callable[[], Any] | None:
    """Return diffrax's Dopri5 with one shared step, (T, 2, B), or one step size per orbit, (B, T, 2)."""
    if not find_spec("diffrax"):
        return None
    import diffrax
    import jax

    jax.config.update("jax_enable_x64", True)
    term = diffrax.ODETerm(_jax_field(mu))

    def once(y: Any) -> Any:
        solution = diffrax.diffeqsolve(
            term, diffrax.Dopri5(), float(ts[0]), float(ts[-1]), None, y,
            saveat=diffrax.SaveAt(ts=ts), max_steps=10_000,
            stepsize_controller=diffrax.PIDController(rtol=rtol, atol=atol),
        )  # fmt: skip
        return solution.ys

    compiled = jax.jit(jax.vmap(once) if vmap else once)
    state = jax.device_put(y0.T.copy() if vmap else y0)
    return lambda: np.asarray(compiled(state).block_until_ready())


def scipy_solve(
    field: Callable[[float, FloatArray], Any], y0: FloatArray, ts: FloatArray, method: str, rtol: float, atol: float
) -> Callable[[], Any]:
    """Return SciPy's solve_ivp on a flat state; (n, T)."""
    from scipy.integrate import solve_ivp

    return lambda: solve_ivp(field, (ts[0], ts[-1]), y0, method=method, t_eval=ts, rtol=rtol, atol=atol).y


def naive_rk4(field: Callable[[float, FloatArray], FloatArray], y0: FloatArray, ts: FloatArray) -> Callable[[], Any]:
    """Return the loop of every textbook, all steps kept."""

    def run() -> FloatArray:
        y, ys = y0, [y0]
        for t, dt in zip(ts[:-1].tolist(), np.diff(ts).tolist(), strict=True):
            k1 = field(t, y)
            k2 = field(t + dt / 2, y + dt / 2 * k1)
            k3 = field(t + dt / 2, y + dt / 2 * k2)
            k4 = field(t + dt, y + dt * k3)
            y = y + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
            ys.append(y)
        return np.stack(ys)

    return run
