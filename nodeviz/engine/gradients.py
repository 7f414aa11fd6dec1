"""Gradients of a loss of the states that a solve reports: by parameters, y0, t0 and t1."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nodeviz.engine.checks import check_grid, check_state, check_times, first_slope
from nodeviz.engine.continuous import Adjoint, Article, InterpolatedAdjoint
from nodeviz.engine.discrete import Checkpointed, Discrete
from nodeviz.engine.grids import FoundNodes, Nodes, adaptive_nodes, fixed_nodes, places_of
from nodeviz.engine.integrate import MAX_STEPS
from nodeviz.engine.methods import METHODS, find_method
from nodeviz.engine.norms import all_finite
from nodeviz.engine.reasons import Reasons
from nodeviz.engine.reversible import Reversible
from nodeviz.engine.solution import Status
from nodeviz.engine.steppers import ExplicitStepper

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.engine.gradient_mode import GradientMode
    from nodeviz.engine.trainable import TrainableField


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """One way to differentiate a solve.

    Attributes
    ----------
    title : how people call it
    exact : whether it gives the gradient of what the solver computed; otherwise it errs by an order of the step
    note : what it costs
    make : (tableau, field, batch) -> the way itself
    """

    title: str
    exact: bool
    note: str
    make: type[GradientMode]


MODES: Mapping[str, Mode] = MappingProxyType(
    {
        "backprop": Mode(
            title="Backpropagation",
            exact=True,
            note="every activation is kept: the fastest while they fit the processor's cache, some tens of steps",
            make=Discrete,
        ),
        "checkpoint": Mode(
            title="Checkpoints",
            exact=True,
            note="a few states are kept and every step is computed twice: little memory for any number of steps",
            make=Checkpointed,
        ),
        "adjoint": Mode(
            title="Continuous adjoint",
            exact=False,
            note="the state is solved backwards beside its adjoint: no memory, but it may not find its way back",
            make=Adjoint,
        ),
        "interpolated-adjoint": Mode(
            title="Interpolated adjoint",
            exact=False,
            note="the adjoint equation with the state from the dense output of the forward solve",
            make=InterpolatedAdjoint,
        ),
        "reversible": Mode(
            title="Reversible steps",
            exact=True,
            note="a coupled pair of states whose steps can be undone: no memory, two steps' work in each",
            make=Reversible,
        ),
        "article": Mode(
            title="The article's scheme",
            exact=False,
            note="backward Euler steps of the adjoint over stored states: of first order whatever the solver",
            make=Article,
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Cotangents:
    """Derivatives of the loss by y0, (D, B), by t0 and t1 with the nodes moving along, and by every node, (N + 1,)."""

    y0: FloatArray
    t0: float
    t1: float
    times: FloatArray


class GradientSolve:
    """Forward and backward solves of one field, batch size and method; all memory is kept between training steps.

    Parameters
    ----------
    field : such as an MLP; its parameters may change between solves
    batch : B, number of columns of the state
    method : an explicit Runge-Kutta method
    mode : a name of MODES

    Attributes
    ----------
    status, message : how the last forward or backward solve ended: ``ok`` or ``nonfinite``, and then a sentence
    nfe, nfe_backward : evaluations of the field in the last solve, and on the last way back

    Raises
    ------
    ValueError : no such method or mode, or a method that is not an explicit Runge-Kutta one
    """

    def __init__(self, field: TrainableField, batch: int, *, method: str = "rk4", mode: str = "backprop") -> None:
        chosen = find_method(method)
        if chosen.tableau is None or chosen.implicit:
            fit = [name for name, other in METHODS.items() if other.tableau is not None and not other.implicit]
            raise ValueError(f"method={method!r}: gradients need an explicit Runge-Kutta method; use {', '.join(fit)}")
        if mode not in MODES:
            raise ValueError(f"mode={mode!r}: no such gradient mode; choose one of {', '.join(MODES)}")
        self.field, self.batch, self.mode, self._method = field, batch, mode, chosen
        self.status, self.message = Status.OK, ""
        self._way = MODES[mode].make(chosen.tableau, field, batch)
        self._nodes: Nodes | None = None
        self._ys = np.empty((0, *self._way.shape), field.parameters.dtype)
        self._start = np.zeros(self._way.shape, self._ys.dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        """(D, B), the shape of a state."""
        return self._way.shape

    @property
    def nfe(self) -> int:
        """Evaluations of the field in the last forward solve."""
        return self._way.nfe

    @property
    def nfe_backward(self) -> int:
        """Evaluations of the field on the last way back; products with its Jacobian do not count."""
        return self._way.nfe_backward

    def forward(self, y0: FloatArray, times: npt.ArrayLike, wanted: Sequence[int] | None = None) -> FloatArray:
        """Solve through the nodes.

        Parameters
        ----------
        y0 : (D, B)
        times : (N + 1,) nodes of the steps, rising or falling
        wanted : indices of the nodes to report; by default the last one alone

        Returns
        -------
        (D, B) at t1, or (K, D, B) for K nodes wanted: to be read only, until the next solve writes there again
        """
        if self._nodes is None or not self._nodes.same(times, wanted):
            self._nodes = Nodes.of(times, wanted)
            self._ys = np.empty((len(self._nodes.wanted), *self._way.shape), self._ys.dtype)
        flat = self._ys.reshape(len(self._ys), -1)
        start = self._start = np.array(y0, self._ys.dtype)
        if start.shape != self._way.shape:
            raise ValueError(f"y0 has shape {start.shape}; this solve was made for {self._way.shape}")
        with np.errstate(all="ignore"):
            self._way.forward(start.reshape(-1), self._nodes, flat)
            finite = all_finite(flat[-1])
            self.status, self.message = (Status.OK, "") if finite else self._blown_up(start)
        return self._ys if wanted is not None else self._ys[0]

    def backward(self, cotangents: FloatArray, grad: FloatArray) -> Cotangents:
        """Pull back the cotangents of what ``forward`` returned, in its shape; add to ``grad``, (n_parameters,)."""
        assert self._nodes is not None, "backward comes after forward"
        flat = np.asarray(cotangents, self._ys.dtype).reshape(len(self._ys), -1)
        with np.errstate(all="ignore"):
            by_y0, by_node = self._way.backward(flat, grad)
            by_t0, by_t1 = self._nodes.ends(by_node)
            finite = all_finite(by_y0)
        if self.status is Status.OK and not finite:
            remedy = "use more steps" if MODES[self.mode].exact else "use more steps or mode='checkpoint'"
            self.status, self.message = Status.NONFINITE, f"the gradient overflows on the way back to t0; {remedy}"
        return Cotangents(by_y0.reshape(self._way.shape).copy(), by_t0, by_t1, np.array(by_node))

    @property
    def rebuild_error(self) -> float:
        """How far the last way back missed y0, relative to its largest value; NaN for modes that do not rebuild it."""
        if self._way.rebuilt is None:
            return nan
        missed = np.abs(self._way.rebuilt - self._start.reshape(-1)).max()
        return float(missed / (np.abs(self._start).max() or 1.0))

    def _blown_up(self, y0: FloatArray) -> tuple[Status, str]:
        """Take the steps again, to say which one and which component it was."""
        assert self._nodes is not None
        assert self._method.tableau is not None
        stepper = ExplicitStepper(
            self._method.tableau, self.field, y0, first_slope(self.field, self._nodes.starts[0], y0)
        )
        for t, dt in zip(self._nodes.starts, self._nodes.dts, strict=True):
            stepper.attempt(t, dt)
            if not all_finite(stepper.y_new):
                return Reasons(self._method, y0.shape, 0).stopped(t, dt, stepper.y_new, True)
            stepper.accept()
        return Status.NONFINITE, f"the state at t1 is not finite in mode={self.mode!r}; use more steps"


@dataclass(frozen=True, slots=True, kw_only=True)
class SolveGradient:
    """A loss of a solve and its derivatives; NaN where the solve or the way back failed.

    Attributes
    ----------
    loss : its value
    ys : (T, D[, B]) states at ts
    parameters : (n_parameters,)
    y0 : (D[, B])
    t0, t1 : with t_i = t0 + share_i (t1 - t0) for all nodes, shares fixed
    nodes : (N + 1,) the nodes of the steps taken
    nfe, nfe_backward : evaluations of the field; those that found adaptive steps count among the first
    rebuild_error : how far a mode that solves backwards missed y0, relative to its largest value; else NaN
    status, message : ``ok``, or how it failed and why
    """

    loss: float
    ys: FloatArray
    parameters: FloatArray
    y0: FloatArray
    t0: float
    t1: float
    nodes: FloatArray
    nfe: int
    nfe_backward: int
    rebuild_error: float
    status: Status
    message: str


def solve_gradient(
    field: TrainableField,
    y0: npt.ArrayLike,
    ts: npt.ArrayLike,
    loss: Callable[[FloatArray], tuple[float, FloatArray]],
    *,
    method: str = "dopri5",
    mode: str = "checkpoint",
    n_steps: int | None = None,
    dt: float | None = None,
    rtol: float = 1e-6,
    atol: float = 1e-9,
    max_steps: int = MAX_STEPS,
) -> SolveGradient:
    """Solve y' = f(t, y) and differentiate a loss of the states at ts by everything they depend on.

    Parameters
    ----------
    field : with ``tape`` and ``parameters``, such as an MLP
    y0 : (D,) or (D, B), taken in the dtype of the field's parameters
    ts : (T,) times of the states that the loss sees, t0 and t1 among them; every one is a node of the steps
    loss : ys (T, D[, B]) -> (value, derivative by ys)
    method : an explicit Runge-Kutta method
    mode : a name of MODES
    n_steps, dt : fixed steps, as for ``solve``; without them the method finds steps that keep to the tolerances
    rtol, atol, max_steps : as for ``solve``

    Returns
    -------
    SolveGradient : the gradient on the steps taken: how they would move with y0 or the parameters does not enter

    Raises
    ------
    ValueError : an argument is wrong
    """
    times, state = check_times(ts), check_state(np.asarray(y0)).astype(field.parameters.dtype)
    batch = state.reshape(len(state), -1)
    solver = GradientSolve(field, batch.shape[1], method=method, mode=mode)
    grid = check_grid(find_method(method), times, dt, n_steps, max_steps)
    if grid is None:
        found = adaptive_nodes(field, batch, times, method=method, rtol=rtol, atol=atol, max_steps=max_steps)
    else:
        found = FoundNodes(fixed_nodes(times, grid), Status.OK, "", 0)
    if found.status is not Status.OK:
        return _gradient(solver, found, state, np.full((len(times), *state.shape), nan, state.dtype))
    places, back = np.unique(places_of(times, found.nodes), return_inverse=True)
    ys = solver.forward(batch, found.nodes, places.tolist())[back].reshape(len(times), *state.shape)
    if solver.status is not Status.OK:
        return _gradient(solver, found, state, ys)
    return _gradient(solver, found, state, ys, _pull_back(solver, back, ys, loss))


def _pull_back(
    solver: GradientSolve,
    back: npt.NDArray[np.intp],
    ys: FloatArray,
    loss: Callable[[FloatArray], tuple[float, FloatArray]],
) -> tuple[float, FloatArray, Cotangents]:
    """Return a loss of reported states ys (T, D[, B]), and its derivatives; ``back`` (T,) is the place of each."""
    value, by_ys = loss(ys)
    if np.shape(by_ys) != ys.shape:
        raise ValueError(f"loss returned a derivative of shape {np.shape(by_ys)}; it must be that of ys, {ys.shape}")
    cotangents = np.zeros((int(back.max()) + 1, *solver.shape), ys.dtype)
    np.add.at(cotangents, back, np.asarray(by_ys).reshape(len(ys), *solver.shape))
    grad = np.zeros_like(solver.field.parameters)
    pulled = solver.backward(cotangents, grad)
    return float(value), grad, pulled


def _gradient(
    solver: GradientSolve,
    found: FoundNodes,
    y0: FloatArray,
    ys: FloatArray,
    answer: tuple[float, FloatArray, Cotangents] | None = None,
) -> SolveGradient:
    """Return the record of a solve that has an answer, or has failed."""
    if answer is None:
        by_y0 = np.full(solver.shape, nan, y0.dtype)
        answer = nan, np.full_like(solver.field.parameters, nan), Cotangents(by_y0, nan, nan, found.nodes)
    loss, parameters, pulled = answer
    failed_before = found.status is not Status.OK
    return SolveGradient(
        loss=loss,
        ys=ys,
        parameters=parameters,
        y0=pulled.y0.reshape(y0.shape),
        t0=pulled.t0,
        t1=pulled.t1,
        nodes=found.nodes,
        nfe=found.nfe + solver.nfe,
        nfe_backward=solver.nfe_backward,
        rebuild_error=solver.rebuild_error,
        status=found.status if failed_before else solver.status,
        message=found.message if failed_before else solver.message,
    )
