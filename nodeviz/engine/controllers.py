"""Step-size control: accept a step or not, and propose the next one. Pure functions of the error ratio."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

if TYPE_CHECKING:
    from nodeviz.engine.arrays import BoolArray, FloatArray

Memory = tuple[float, float]
"""Error ratios of the last two accepted steps, newest first; 1 where there was none."""

FRESH: Memory = (1.0, 1.0)


class Controller(Protocol):
    """Decides on a step from ``err_ratio``, its error in units of the tolerance.

    ``factor`` works on floats and ``factors`` on (B,) arrays; both return what multiplies dt, a rejected step's being
    below 1. A step is accepted when its ratio is at most 1. The driver keeps the memory, and only of accepted steps;
    ``remembers`` says whether any is needed.
    """

    @property
    def remembers(self) -> bool:
        """Whether the factors depend on the memory."""
        ...

    def factor(self, err_ratio: float, memory: Memory, order: int) -> float:
        """Return the factor for dt; ``order`` is the order of the error estimate plus one."""
        ...

    def factors(self, err_ratio: FloatArray, memory: tuple[FloatArray, FloatArray], order: int) -> FloatArray:
        """Return the factors for a batch of steps, shape (B,)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PIDController:
    """dt_new = dt * safety * e1^(-beta1/k) e2^(-beta2/k) e3^(-beta3/k), between the two limits.

    e1 is the newest error ratio, e2 and e3 those of the accepted steps before, k the order of the estimate plus one. A
    rejected step uses the integral part alone, e1^(-1/k), since its e1 says nothing about a trend.

    References
    ----------
    Soderlind, ACM Trans. Math. Softw. 29 (2003) 1: digital filters in adaptive time-stepping.
    """

    beta1: float = 1.0
    beta2: float = 0.0
    beta3: float = 0.0
    safety: float = 0.9
    min_factor: float = 0.2
    max_factor: float = 10.0

    @property
    def remembers(self) -> bool:
        """Whether the ratios of earlier steps matter."""
        return self.beta2 != 0.0 or self.beta3 != 0.0

    def factor(self, err_ratio: float, memory: Memory, order: int) -> float:
        """Return the factor for dt; zero error gives the largest, an infinite or NaN one the smallest."""
        if not isfinite(err_ratio):
            return self.min_factor
        if err_ratio == 0.0:
            return self.max_factor
        if err_ratio > 1.0:
            return max(self.min_factor, self.safety * float(err_ratio ** (-1.0 / order)))
        factor = self.safety * float(err_ratio ** (-self.beta1 / order))
        if self.remembers:
            factor *= float(memory[0] ** (-self.beta2 / order) * memory[1] ** (-self.beta3 / order))
        return min(self.max_factor, max(self.min_factor, factor))

    def factors(self, err_ratio: FloatArray, memory: tuple[FloatArray, FloatArray], order: int) -> FloatArray:
        """Return ``factor`` of every column, shape (B,)."""
        # The floor stands for zero error: far below what any limit lets through.
        e1 = np.maximum(err_ratio, 1e-30)
        factor = e1 ** (-self.beta1 / order)
        if self.remembers:
            factor *= memory[0] ** (-self.beta2 / order) * memory[1] ** (-self.beta3 / order)
        if self.beta1 != 1.0 or self.remembers:
            factor = np.where(err_ratio > 1.0, e1 ** (-1.0 / order), factor)
        factor *= self.safety
        # minimum before maximum: fmax then turns a NaN into the smallest factor.
        return np.asarray(np.fmax(np.minimum(factor, self.max_factor), self.min_factor))


I_CONTROLLER = PIDController()
PI_CONTROLLER = PIDController(beta1=0.7, beta2=-0.4)
PID_CONTROLLER = PIDController(beta1=0.49, beta2=-0.34, beta3=0.10)


def remember(memory: Memory, err_ratio: float) -> Memory:
    """Return the memory after an accepted step; the floor keeps one perfect step from dominating the next."""
    return max(err_ratio, 1e-4), memory[0]


def remember_where(
    accepted: BoolArray, memory: tuple[FloatArray, FloatArray], err_ratio: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return ``remember`` for the accepted columns; the others keep theirs."""
    newest = np.where(accepted, np.maximum(err_ratio, 1e-4), memory[0])
    return newest, np.where(accepted, memory[0], memory[1])


class Decision(NamedTuple):
    """What follows from one attempted step: whether it counts, the next dt, and whether dt has become too small."""

    accepted: bool
    dt_next: float
    memory: Memory
    underflow: bool = False


def decide(
    controller: Controller, err_ratio: float, dt: float, memory: Memory, *, order: int, dt_min: float
) -> Decision:
    """Judge one step of size dt (> 0, whatever the direction of time).

    A rejected step is tried again at ``dt_min`` before the solve gives up with ``underflow``.
    """
    dt_next = max(dt_min, dt * controller.factor(err_ratio, memory, order))
    if err_ratio <= 1.0:
        return Decision(True, dt_next, remember(memory, err_ratio))
    return Decision(False, dt_next, memory, underflow=dt <= dt_min)
