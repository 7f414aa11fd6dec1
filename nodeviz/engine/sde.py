"""Stochastic differential equations dy = f(t, y) dt + g(t, y) dW with independent noise in every component."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from nodeviz.engine import checks
from nodeviz.engine.norms import all_finite, worst_index
from nodeviz.engine.solution import Status
from nodeviz.engine.steppers import writer

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    import numpy.typing as npt

    from nodeviz.engine.arrays import FloatArray, VectorField

YIELD_AFTER = 1e-3
"""Seconds of stepping between two yields, as for an ODE."""

MAX_STEPS = 1_000_000


class NormalSource(Protocol):
    """What draws the increments: a Generator, or something that replays a path in its way."""

    def standard_normal(self, *, dtype: Any, out: Any) -> Any:
        """Fill ``out`` with independent draws from N(0, 1)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SdeSolution:
    """Paths of an SDE, or the part of them that was solved.

    Attributes
    ----------
    ts : (T,) times reported; a solve that ended early ends with the last one it reached
    ys : (T, D) or (T, D, B) states there
    status, message : ``ok``, or ``nonfinite`` and in a sentence where, in which component, and what may help
    n_steps : steps taken, each with one evaluation of f and one of g
    """

    ts: FloatArray
    ys: FloatArray
    status: Status
    message: str
    n_steps: int

    @property
    def ok(self) -> bool:
        """Whether the end was reached."""
        return self.status == Status.OK


def euler_maruyama(
    drift: VectorField,
    diffusion: Callable[[float, FloatArray], Any],
    y0: npt.ArrayLike,
    ts: npt.ArrayLike,
    rng: NormalSource,
    *,
    n_steps: int,
) -> SdeSolution:
    """Solve dy = f dt + g dW by y += f dt + g sqrt(abs(dt)) xi, in the sense of Ito, backwards if ts falls.

    Strong order 1/2, or 1 where g does not depend on y, and weak order 1.

    Parameters
    ----------
    drift : f(t, y) -> array of the shape of y; may offer ``into(t, y, out)``
    diffusion : g(t, y) -> float, or an array that broadcasts to the shape of y
    y0 : (D,) or (D, B) for a batch of paths, state first; integers become float64, float32 stays
    ts : (T,) times to report, t0 first; every one of them is the end of a step
    rng : Generator
    n_steps : over the whole span, each part between two reports having its share of them, rounded up

    Raises
    ------
    ValueError : an argument is wrong, in one sentence with the limit and the remedy

    References
    ----------
    Kloeden, Platen: Numerical Solution of Stochastic Differential Equations (1992), sections 10.2 and 14.1.
    """
    run = euler_maruyama_steps(drift, diffusion, y0, ts, rng, n_steps=n_steps)
    while True:
        try:
            next(run)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]


def euler_maruyama_steps(
    drift: VectorField,
    diffusion: Callable[[float, FloatArray], Any],
    y0: npt.ArrayLike,
    ts: npt.ArrayLike,
    rng: NormalSource,
    *,
    n_steps: int,
) -> Generator[None, None, SdeSolution]:
    """Return a generator that yields after few steps and returns the paths. Arguments as for `euler_maruyama`.

    Wrong arguments raise at once, before the first ``next``.
    """
    state, times = checks.check_state(y0), checks.check_times(ts)
    count = checks.check_count("n_steps", n_steps, MAX_STEPS)
    with np.errstate(all="ignore"):
        checks.first_slope(drift, float(times[0]), state)
        _check_diffusion(diffusion, float(times[0]), state)
    return _walk(drift, diffusion, state, times, rng, abs(float(times[-1] - times[0])) / count)


def _check_diffusion(diffusion: Callable[[float, FloatArray], Any], t: float, y: FloatArray) -> None:
    shape = np.shape(diffusion(t, y.copy()))
    try:
        fits = np.broadcast_shapes(shape, y.shape) == y.shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"diffusion returned shape {shape}; it must return a number, or broadcast to y0's, {y.shape}")


def _walk(
    drift: VectorField,
    diffusion: Callable[[float, FloatArray], Any],
    y: FloatArray,
    times: FloatArray,
    rng: NormalSource,
    longest: float,
) -> Generator[None, None, SdeSolution]:
    """Take the steps, none longer than ``longest``, and report."""
    evaluate, rate, noise = writer(drift), np.empty_like(y), np.empty_like(y)
    ys = np.empty((len(times), *y.shape), y.dtype)
    ys[0], taken, pause = y, 0, perf_counter() + YIELD_AFTER
    for place, (begin, end) in enumerate(zip(times[:-1].tolist(), times[1:].tolist(), strict=True), start=1):
        # A share that is whole but for rounding is whole.
        n = max(1, ceil(abs(end - begin) / longest * (1 - 1e-12))) if end != begin else 0
        for i in range(n):
            dt, t = (end - begin) / n, begin + (end - begin) * i / n
            with np.errstate(all="ignore"):
                rng.standard_normal(dtype=y.dtype, out=noise)
                evaluate(t, y, rate)
                noise *= diffusion(t, y)
                noise *= sqrt(abs(dt))
                rate *= dt
                y += rate
                y += noise
                finite = all_finite(y.reshape(-1))
            taken += 1
            if not finite:
                return SdeSolution(
                    ts=times[:place], ys=ys[:place], status=Status.NONFINITE, message=_reason(t, dt, y), n_steps=taken
                )
            if perf_counter() >= pause:
                yield
                pause = perf_counter() + YIELD_AFTER
        ys[place] = y
    return SdeSolution(ts=times, ys=ys, status=Status.OK, message="", n_steps=taken)


def _reason(t: float, dt: float, y: FloatArray) -> str:
    place = np.unravel_index(worst_index(y.reshape(-1)), y.shape)
    which = f"component {place[0]}" + (f" of column {place[1]}" if y.ndim == 2 else "")
    return f"{which} is not finite after the step from t={t:.6g} with dt={dt:.3g}; use more steps"
