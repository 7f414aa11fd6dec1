"""What the phase portrait shows at one moment.

S solvers, P start points, K nodes of the longest path (shorter ones are padded with NaN), E equilibria, C limit cycles.
Curves that consist of many pieces are one (M, 2) array with rows of NaN between the pieces.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from nodeviz.experiments.base import Frame

if TYPE_CHECKING:
    from nodeviz.engine.arrays import BoolArray, FloatArray, IntArray

TextArray = npt.NDArray[np.str_]
Eigenvalues = npt.NDArray[np.complexfloating[Any, Any]]
A = TypeVar("A", bound=npt.NDArray[Any])


def read_only(array: A) -> A:
    """Return an array of any type that nobody else holds, closed to writing."""
    array.flags.writeable = False
    return array


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Solver paths from every start, and how far they are from the reference.

    Attributes
    ----------
    entries, methods : (S,) as written, and the method of each
    start : (P, 2); n_starts : how many there will be, P once all are solved
    t : (S, P, K) node times; y : (S, P, K, 2) node states; dt : (S, P, K) the step that leads to a node
    error : (S, P, K) Euclidean distance from the reference at the same time, no smaller than the reference can tell
    eigenvalues : (S, P, K, 2) of the Jacobian at the nodes
    nfe, n_accepted, n_rejected : (S, P)
    final_error, max_error : (S, P), at t1 and the largest over all steps
    status, message : (S, P); remark : (S,) what one should know about solves that went well, from the first start
    attempt_t, attempt_dt : (S, A) every attempted step from the first start; attempt_accepted : (S, A), 1, 0 or NaN
    reference_t, reference_y : (P, R), (P, R, 2), evenly over their steps; past_y : (P, Q, 2) backwards from the starts
    reference_method, reference_rtol, reference_message : of the first start's reference; the message says what is
        unusual about it
    """

    entries: TextArray
    methods: TextArray
    start: FloatArray
    n_starts: int
    t: FloatArray
    y: FloatArray
    dt: FloatArray
    error: FloatArray
    eigenvalues: Eigenvalues
    nfe: IntArray
    n_accepted: IntArray
    n_rejected: IntArray
    final_error: FloatArray
    max_error: FloatArray
    status: TextArray
    message: TextArray
    remark: TextArray
    attempt_t: FloatArray
    attempt_dt: FloatArray
    attempt_accepted: FloatArray
    reference_t: FloatArray
    reference_y: FloatArray
    reference_method: str
    reference_rtol: float
    reference_message: str
    past_y: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Portrait:
    """What the vector field itself looks like; a field that depends on time is frozen at ``t``.

    Attributes
    ----------
    system : the system it belongs to, by name or itself; key : everything else it depends on, as a text
    cycles_key : what the limit cycles depend on
    autonomous : whether time does not matter
    at, direction : (N, 2) places of the arrows and unit vectors; speed : (N,)
    nullcline_x, nullcline_y : (M, 2) where x' = 0, and where y' = 0
    equilibria : (E, 2); eigenvalues : (E, 2); kinds : (E,)
    stable, unstable : (M, 2) manifolds of the saddles
    cycles : (M, 2); cycle_points : (C, 2); periods : (C,); cycle_stable : (C,)
    manifolds_current, cycles_current : whether they belong to these parameters, or still to the ones before
    field_note, manifolds_note, cycles_note : what could not be found in the time it may take, in words
    """

    system: object
    key: str
    t: float
    autonomous: bool
    at: FloatArray
    direction: FloatArray
    speed: FloatArray
    nullcline_x: FloatArray
    nullcline_y: FloatArray
    equilibria: FloatArray
    eigenvalues: Eigenvalues
    kinds: TextArray
    stable: FloatArray
    unstable: FloatArray
    cycles: FloatArray
    cycle_points: FloatArray
    periods: FloatArray
    cycle_stable: BoolArray
    cycles_key: str
    manifolds_current: bool
    cycles_current: bool
    field_note: str = ""
    manifolds_note: str = ""
    cycles_note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Studies:
    """What takes many solves: how the error falls with the step, with the evaluations and with the time spent.

    Attributes
    ----------
    order_dt, order_error : (S, J); slope : (S,) fitted where the error is between 1e-12 and 1e-2
    work_nfe, work_error, work_ms : (S, L)
    system : the system they belong to, by name or itself; key : everything else they depend on, as a text
    complete : whether all of it is there
    """

    order_dt: FloatArray
    order_error: FloatArray
    slope: FloatArray
    work_nfe: FloatArray
    work_error: FloatArray
    work_ms: FloatArray
    system: object
    key: str
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseFrame(Frame):
    """A phase portrait, complete in itself.

    Attributes
    ----------
    t0, t1 : the time span; stability : per solver the curve |R(z)| = 1 as (S, M, 2) of real and imaginary parts
    stable_dt : (S,) the largest step with which a solver is stable on a linear field; NaN where the field is not
        linear, where it grows itself, and where every step is stable
    """

    t0: float
    t1: float
    paths: Paths
    portrait: Portrait
    studies: Studies
    stability: FloatArray
    stable_dt: FloatArray
