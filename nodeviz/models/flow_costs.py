"""How long a training step of a flow takes, and how it is cut into pieces: by estimates, the same on any machine."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from nodeviz.engine.methods import find_method

if TYPE_CHECKING:
    from nodeviz.models.flow import FlowSpec

LONGEST = 0.04  # seconds of a piece of a training step; what takes less is not cut
PIECE = 0.025  # and of the pieces of what is cut: they come one after the other
LEAST = 16  # points of a piece: with fewer, reading the weights would be all that it does
ADAPTIVE_STEPS = 20  # that an adaptive solver is taken to need, there and back

# Seconds, measured on one core with float32: of one evaluation and its pull-back, per weight and point, per unit and
# point, per weight, and the calls; of all that a step does with each weight besides; of a pair.
_PRODUCT, _UNIT, _WEIGHT, _CALLS, _UPDATE, _PAIR = 7e-11, 1e-9, 2e-9, 3e-5, 5e-9, 1.2e-6
_CLOSED_FORM = 1.7  # points of the field alone that one with its trace costs
_TANGENT = 1.4  # and what the field and each tangent cost where there is no closed form


def piece_of(spec: FlowSpec, batch: int, *, method: str, n_steps: int | None, trace: str, probes: int) -> int:
    """Return how many points of a batch to take at once, so that no piece takes longer than LONGEST if it can be.

    Parameters
    ----------
    method, n_steps, trace, probes : as for `FlowTrainer`
    """
    whole = step_seconds(spec, batch, method=method, n_steps=n_steps, trace=trace, probes=probes)
    return batch if whole <= LONGEST else min(batch, max(LEAST, batch // ceil(whole / PIECE)))


def step_seconds(spec: FlowSpec, points: int, *, method: str, n_steps: int | None, trace: str, probes: int) -> float:
    """Return about how many seconds a training step with so many points takes; parameters are those of `piece_of`."""
    weights, units = spec.n_parameters, sum(spec.widths)
    columns, count = float(points), 1
    if spec.method == "likelihood":
        columns *= _trace_factor(spec, trace, probes)
        count = (find_method(method).evaluations_per_step or 1) * (n_steps or ADAPTIVE_STEPS)
    evaluation = count * (_CALLS + weights * _WEIGHT + columns * (weights * _PRODUCT + units * _UNIT))
    pairs = points * _PAIR if spec.method == "ot-flow-matching" else 0.0
    return evaluation + pairs + weights * _UPDATE


def _trace_factor(spec: FlowSpec, trace: str, probes: int) -> float:
    if trace == "exact" and spec.layers == 2:
        return _CLOSED_FORM
    return _TANGENT * (1 + (2 if trace == "exact" else probes))
