"""The log-density of points under a flow, by the solve back to where its base density is known.

Along a path, d(log p)/dt = -tr(df/dy), so log p(t) = log p(t0) + delta_log_prob. Euler's map has another determinant
than this integral: both are of the order of the solver, and the mass of the density tells when steps are too large.

References
----------
Chen et al. 2018, arXiv:1806.07366, theorem 1. Tested against a Gaussian under a linear field.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.engine.augmented import AugmentedField, AugmentedTape, BlendedField
from nodeviz.engine.checks import check_state
from nodeviz.engine.integrate import MAX_STEPS, solve_steps
from nodeviz.engine.methods import find_method
from nodeviz.engine.solution import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    import numpy.typing as npt

    from nodeviz.engine.arrays import FloatArray, IntArray
    from nodeviz.engine.solution import Solution

    DensityField = AugmentedField | BlendedField
    BaseLogProb = Callable[[FloatArray], FloatArray]

__all__ = ["AugmentedField", "AugmentedTape", "BlendedField", "LogProb", "log_prob", "log_prob_steps"]

CHUNK = 1024
"""Columns solved together: few enough for the cache and for short steps, enough to keep the products quick."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogProb:
    """The density at points, and what the way back found.

    Attributes
    ----------
    log_prob : (B,) nats; NaN for a point that was lost
    z0 : (D, B) where each point comes from, at t0; NaN for a point that was lost
    nfe : (B,) evaluations spent on each point
    status, message : ``ok``, or how the first solve that lost points ended and, in a sentence, how many and why
    """

    log_prob: FloatArray
    z0: FloatArray
    nfe: IntArray
    status: Status
    message: str

    @property
    def ok(self) -> bool:
        """Whether no point was lost."""
        return self.status == Status.OK


def log_prob(
    field: DensityField,
    base_log_prob: BaseLogProb,
    x: npt.ArrayLike,
    *,
    t: float = 1.0,
    t0: float = 0.0,
    method: str = "dopri5",
    n_steps: int | None = None,
    rtol: float = 1e-5,
    atol: float = 1e-5,
    per_sample: bool = False,
    max_steps: int = MAX_STEPS,
    chunk: int = CHUNK,
) -> LogProb:
    """Return the log-density at time t of what is distributed by ``base_log_prob`` at t0.

    Parameters
    ----------
    field : AugmentedField or BlendedField
    base_log_prob : log-density at t0, nats: (D, B) -> (B,)
    x : (D, B) points
    t, t0 : the solve runs from t back to t0; t may equal t0
    method, n_steps, rtol, atol, per_sample, max_steps : as for `integrate.solve`
    chunk : points solved together, which share their steps unless per_sample

    Raises
    ------
    ValueError : an argument is wrong. A solve that fails is no error: points it lost are NaN and the status says why
    """
    run = log_prob_steps(
        field, base_log_prob, x, t=t, t0=t0, method=method, n_steps=n_steps, rtol=rtol, atol=atol,
        per_sample=per_sample, max_steps=max_steps, chunk=chunk,
    )  # fmt: skip
    while True:
        try:
            next(run)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]


def log_prob_steps(
    field: DensityField,
    base_log_prob: BaseLogProb,
    x: npt.ArrayLike,
    *,
    t: float = 1.0,
    t0: float = 0.0,
    method: str = "dopri5",
    n_steps: int | None = None,
    rtol: float = 1e-5,
    atol: float = 1e-5,
    per_sample: bool = False,
    max_steps: int = MAX_STEPS,
    chunk: int = CHUNK,
) -> Generator[None, None, LogProb]:
    """Return a generator that yields after each step, or few, and returns the LogProb. Arguments as for `log_prob`.

    Wrong arguments raise at once, before the first ``next``.
    """
    points = check_state(x, "x").astype(field.dtype)
    if points.ndim != 2 or len(points) != field.dim:
        raise ValueError(f"x has shape {points.shape}; this field wants points ({field.dim}, B)")
    if chunk < 1:
        raise ValueError(f"chunk={chunk}: below the limit 1; use 1 or more")
    if per_sample and not field.shared:
        raise ValueError("per_sample=True: columns leave, but each has its own probes; give probes (D, K, 1)")
    options: dict[str, Any] = {
        "method": method, "n_steps": n_steps, "rtol": rtol, "atol": atol, "max_steps": max_steps
    }  # fmt: skip
    # Wrong arguments shall be said even where there is nothing to solve: the first column tells.
    span = (t, t0 if t0 != t else t + 1.0)
    solve_steps(field.columns(slice(0, 1)), field.augment(points[:, :1]), span, per_sample=per_sample, **options)
    return _in_chunks(_Way(t, t0, options, per_sample), field, base_log_prob, points, chunk)


@dataclass(frozen=True, slots=True)
class _Way:
    """The way back from t to t0."""

    t: float
    t0: float
    options: dict[str, Any]
    per_sample: bool

    def go(self, field: DensityField, state: FloatArray) -> Generator[None, None, _End]:
        """Solve from state, (rows, B). When a shared step fails for some columns, the others get there without them."""
        if self.t == self.t0:
            return _End(state, np.zeros(state.shape[1], int), Status.OK, "")
        first = _End.of((yield from self._solve(field, state, self.per_sample)))
        if first.status in (Status.OK, Status.TIMEOUT) or self.per_sample:
            return first
        method = find_method(self.options["method"])
        if self.options["n_steps"] is not None or not method.adaptive:
            guard = _Guard(field, state.shape[1])
            again = _End.of((yield from self._solve(guard, state, False)))
            again.state[:, guard.lost] = np.nan
        elif field.shared and not method.implicit:
            again = _End.of((yield from self._solve(field, state, True)))
        else:
            return first
        return _End(again.state, again.nfe + first.nfe, first.status, first.message)

    def _solve(self, field: Any, state: FloatArray, per_sample: bool) -> Generator[None, None, Solution]:
        return (yield from solve_steps(field, state, (self.t, self.t0), per_sample=per_sample, **self.options))


@dataclass(frozen=True, slots=True)
class _End:
    """Where columns came to: states (rows, B), NaN for those lost, evaluations (B,), and how it ended."""

    state: FloatArray
    nfe: IntArray
    status: Status
    message: str

    @classmethod
    def of(cls, solution: Solution) -> _End:
        """Read a solution; one that stopped early for all has lost all."""
        state = solution.ys[-1]
        failures = [
            Status(status) for status in np.atleast_1d(np.asarray(solution.status, object)) if status != Status.OK
        ]
        status = failures[0] if failures else Status.OK
        if failures and not isinstance(solution.status, np.ndarray):
            state = np.full_like(state, np.nan)
        return cls(state, np.full(state.shape[1], solution.nfe), status, solution.message)


class _Guard:
    """A field that holds columns which run away, and notes them as lost, so that the others are solved."""

    LIMIT = 1e15  # beyond any point of interest, and its square still a float32

    def __init__(self, field: DensityField, batch: int) -> None:
        self._field, self.lost = field, np.zeros(batch, bool)

    def __call__(self, t: Any, y: FloatArray) -> FloatArray:
        rates = self._field(t, y)
        # A comparison with NaN is false.
        fine = (np.abs(rates) < self.LIMIT).all(axis=0) & (np.abs(y) < self.LIMIT).all(axis=0)
        self.lost |= ~fine
        rates[:, self.lost] = 0.0
        return rates


def _in_chunks(
    way: _Way, field: DensityField, base_log_prob: BaseLogProb, points: FloatArray, chunk: int
) -> Generator[None, None, LogProb]:
    d, n = points.shape
    ends, nfe = np.full((d + 1, n), np.nan), np.zeros(n, int)
    status, message = Status.OK, ""
    for begin in range(0, n, chunk):
        part = slice(begin, begin + chunk)
        end = yield from way.go(field.columns(part), field.augment(points[:, part]))
        ends[:, part], nfe[part] = end.state[: d + 1], end.nfe
        if status == Status.OK and not np.isfinite(end.state).all():
            status, message = end.status, end.message
        if status == Status.TIMEOUT:
            break
        yield
    lost = ~np.isfinite(ends).all(axis=0)
    ends[:, lost] = np.nan
    density = np.full(n, np.nan)
    with np.errstate(all="ignore"):  # what came from beyond all bounds has a density of 0, or none
        density[~lost] = base_log_prob(ends[:d, ~lost]) - ends[d, ~lost]
    if status != Status.OK:
        message = f"{lost.sum():,} of {n:,} points were lost on the way from t={way.t:g} to {way.t0:g}: {message}"
    return LogProb(log_prob=density, z0=ends[:d], nfe=nfe, status=status, message=message)
