"""Where a training step is cut into pieces, so that nobody waits long: by estimates, the same on any machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nodeviz.engine.methods import find_method

if TYPE_CHECKING:
    from nodeviz.models.spec import ModelSpec

PIECE = 0.02
"""Seconds that a piece may take, about; what takes less is not cut."""

LEAST = 16  # columns of one piece: with fewer, reading the weights would be all that it does
SHORT = 0.005  # seconds of one step of the solver, where also the way through depth is cut
ADAPTIVE_STEPS = 20  # that an adaptive solver is taken to need

# Seconds of one evaluation there and back, measured on one core with float32: calls, per weight and column, per unit
# and column, per weight; and of all that a step does with each weight besides, the optimiser above all.
_CALLS, _PRODUCT, _UNIT, _WEIGHT, _UPDATE = 2e-5, 1.2e-10, 1e-9, 5e-10, 5e-9


@dataclass(frozen=True, slots=True)
class Cut:
    """How much of a training step comes at once.

    Attributes
    ----------
    columns : points at most
    steps : steps of the solver, or blocks, at most
    """

    columns: int
    steps: int


def evaluation_seconds(spec: ModelSpec, columns: int) -> float:
    """Return about how long one evaluation of a model's network takes, there and back."""
    weights, units = spec.n_net_parameters, sum(spec.widths)
    return _CALLS + columns * (weights * _PRODUCT + units * _UNIT) + weights * _WEIGHT


def cut_of(spec: ModelSpec, batch: int, *, method: str, n_steps: int | None, gradient: str) -> Cut:
    """Return how a training step is cut: not at all if it is short, else by columns, and by depth where it must be.

    Parameters
    ----------
    method, n_steps, gradient : as for `Trainer`; a ResNet has its blocks in place of steps
    """
    stages = evaluations_per_step(spec, method, gradient)
    count = stages * (spec.blocks if spec.discrete else n_steps or ADAPTIVE_STEPS)
    whole = count * evaluation_seconds(spec, min(batch, LEAST)) <= PIECE
    columns = _columns(spec, batch, PIECE / count if whole else SHORT / stages)
    return Cut(columns, max(1, int(PIECE / (stages * evaluation_seconds(spec, columns)))))


def evaluations_per_step(spec: ModelSpec, method: str, gradient: str) -> int:
    """Return how many evaluations of the network a step of the solver takes, or a block."""
    if spec.discrete:
        return 1
    return (find_method(method).evaluations_per_step or 1) * (2 if gradient == "reversible" else 1)


def _columns(spec: ModelSpec, batch: int, seconds: float) -> int:
    """Return how many columns, LEAST or more, an evaluation can have that takes so many seconds."""
    fixed = evaluation_seconds(spec, 0)
    most = int((seconds - fixed) / (evaluation_seconds(spec, 1) - fixed))
    return min(batch, max(LEAST, most))


def longest_piece(spec: ModelSpec, batch: int, method: str, gradient: str) -> float:
    """Return about how many seconds the longest piece of a training step takes, however it is cut."""
    one = evaluations_per_step(spec, method, gradient) * evaluation_seconds(spec, min(batch, LEAST))
    return max(one, spec.n_parameters * _UPDATE)
