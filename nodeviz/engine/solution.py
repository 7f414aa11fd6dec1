"""What a solve returns: times, states, a typed status, counts and, on request, every step."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable

    from nodeviz.engine.arrays import BoolArray, FloatArray, IntArray


class Status(StrEnum):
    """How a solve ended. Anything but ``ok`` and ``event`` is a failure, with the part solved kept."""

    OK = "ok"
    EVENT = "event"
    MAX_STEPS = "max_steps"
    DT_UNDERFLOW = "dt_underflow"
    NONFINITE = "nonfinite"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class StepRecord:
    """Every attempted step, M of them, and the K + 1 accepted points.

    Attributes
    ----------
    t : (M,) start of the step
    dt : (M,) its size, negative backwards in time
    err_ratio : (M,) its error in units of the tolerance; NaN with fixed steps
    accepted : (M,)
    nodes_t : (K + 1,) accepted times, the start included
    nodes_y : (K + 1, D) or (K + 1, D, B)
    """

    t: FloatArray
    dt: FloatArray
    err_ratio: FloatArray
    accepted: BoolArray
    nodes_t: FloatArray
    nodes_y: FloatArray


@dataclass(frozen=True, slots=True)
class EventHits:
    """Where one event function crossed zero: times (M,), states (M, D) or (M, D, B)."""

    ts: FloatArray
    ys: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """The answer of a solve, or the part of it that was solved.

    Attributes
    ----------
    ts : (T,) times reported. A solve that ended early ends with the last accepted time (with per_sample: all of ts)
    ys : (T, D) or (T, D, B) states there; with per_sample NaN where a column did not get
    status, message : how it ended and, if not well, where, in which component, why, and what may help.
        With per_sample status is a (B,) object array of Status
    nfe : evaluations of the vector field, those for the first step and for differenced Jacobians included; (B,) with
        per_sample
    n_accepted, n_rejected : steps; (B,) with per_sample
    steps : every attempted step, with record=True
    dense : t -> y anywhere in the part solved, with dense=True; t float gives (D[, B]), (M,) gives (M, D[, B])
    events : the crossings found, one entry per event function
    """

    ts: FloatArray
    ys: FloatArray
    status: Status | npt.NDArray[np.object_]
    message: str
    nfe: int | IntArray
    n_accepted: int | IntArray
    n_rejected: int | IntArray
    steps: StepRecord | None = None
    dense: Callable[[Any], FloatArray] | None = None
    events: tuple[EventHits, ...] = field(default=())

    @property
    def ok(self) -> bool:
        """Whether the solve did what was asked: every column reached the end or a terminal event."""
        return bool(np.all((np.asarray(self.status) == Status.OK) | (np.asarray(self.status) == Status.EVENT)))
