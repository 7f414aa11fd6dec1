"""Gradients of a loss of the states that a solve reports: by parameters, y0, t0 and t1."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nodeviz.engine.discrete import Checkpointed, Discrete
from nodeviz.engine.grids import Nodes
from nodeviz.engine.methods import METHODS, find_method
from nodeviz.engine.norms import all_finite
from nodeviz.engine.solution import Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
            note="every activation is kept: the fastest below some hundred steps, memory grows with their number",
            make=Discrete,
        ),
        "checkpoint": Mode(
            title="Checkpoints",
            exact=True,
            note="a few states are kept and every step is computed twice: little memory for any number of steps",
            make=Checkpointed,
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
        self.field, self.batch, self.method, self.mode = field, batch, method, mode
        self.status, self.message = Status.OK, ""
        self._way = MODES[mode].make(chosen.tableau, field, batch)
        self._nodes: Nodes | None = None
        self._ys = np.empty((0, *self._way.shape), field.parameters.dtype)

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
        (D, B) at t1, or (K, D, B) for K nodes wanted: memory that the next solve writes again
        """
        if self._nodes is None or not self._nodes.same(times, wanted):
            self._nodes = Nodes.of(times, wanted)
            self._ys = np.empty((len(self._nodes.wanted), *self._way.shape), self._ys.dtype)
        flat = self._ys.reshape(len(self._ys), -1)
        start = np.asarray(y0, self._ys.dtype)
        if start.shape != self._way.shape:
            raise ValueError(f"y0 has shape {start.shape}; this solve was made for {self._way.shape}")
        with np.errstate(all="ignore"):
            self._way.forward(start.reshape(-1), self._nodes, flat)
            self._judge(flat[-1], "the state at t1")
        return self._ys if wanted is not None else self._ys[0]

    def backward(self, cotangents: FloatArray, grad: FloatArray) -> Cotangents:
        """Pull back the cotangents of what ``forward`` returned, in its shape; add to ``grad``, (n_parameters,)."""
        assert self._nodes is not None, "backward comes after forward"
        flat = np.asarray(cotangents, self._ys.dtype).reshape(len(self._ys), -1)
        with np.errstate(all="ignore"):
            by_y0, by_node = self._way.backward(flat, grad)
            self._judge(by_y0, "the cotangent of y0")
            by_t0, by_t1 = self._nodes.ends(by_node)
        return Cotangents(by_y0.reshape(self._way.shape).copy(), by_t0, by_t1, np.array(by_node))

    def _judge(self, values: FloatArray, what: str) -> None:
        finite = all_finite(values)
        self.status = Status.OK if finite else Status.NONFINITE
        self.message = "" if finite else f"{what} is not finite"
