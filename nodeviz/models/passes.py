"""The way of a batch through depth and back, over arrays that are bound once and used in every training step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from nodeviz.engine.checks import check_grid
from nodeviz.engine.gradients import GradientSolve
from nodeviz.engine.integrate import MAX_STEPS as MAX_FIXED_STEPS
from nodeviz.engine.integrate import solve
from nodeviz.engine.memory import Arena
from nodeviz.engine.methods import find_method
from nodeviz.engine.solution import Status

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray
    from nodeviz.models.depth import DepthClassifier

MAX_STEPS = 300
"""Attempted steps of an adaptive solve in training: a field that needs more would hold up everything else."""


class DepthPass(Protocol):
    """Forward through depth, then back.

    Attributes
    ----------
    status, message : how the last way forward or back ended, and a sentence where that was not well
    nfe : evaluations of the networks on the last way forward
    """

    status: Status
    message: str
    nfe: int

    def forward(self, y0: FloatArray) -> FloatArray:
        """Return the states (D, B) at the end, in memory that the next call overwrites."""
        ...

    def backward(self, cotangent: FloatArray, grad: FloatArray) -> FloatArray:
        """Return the cotangent (D, B) of y0 for that of the end, and add that of all networks' weights to ``grad``."""
        ...


def make_pass(
    model: DepthClassifier, batch: int, *, method: str, n_steps: int | None, rtol: float, gradient: str
) -> DepthPass:
    """Return the way through a model's depth for ``batch`` columns; the solver's options are those of `Trainer`."""
    if model.spec.discrete:
        return ResidualPass(model, batch)
    return SolvePass(model, batch, method=method, n_steps=n_steps, rtol=rtol, gradient=gradient)


class SolvePass:
    """A solve from 0 to t1 and the gradient of what follows, in any gradient mode.

    With adaptive steps a plain solve finds them first; the differentiated one then takes the accepted steps, which
    count as fixed for the gradient.
    """

    def __init__(
        self, model: DepthClassifier, batch: int, *, method: str, n_steps: int | None, rtol: float, gradient: str
    ) -> None:
        self.status, self.message, self.nfe = Status.OK, "", 0
        self._solve = GradientSolve(model.field, batch, method=method, mode=gradient)
        self._field, self._method, self._rtol, self._t1 = model.field, method, rtol, model.spec.t1
        check_grid(find_method(method), np.array([0.0, model.spec.t1]), None, n_steps, MAX_FIXED_STEPS)
        self._times: FloatArray | None = None if n_steps is None else np.linspace(0.0, self._t1, n_steps + 1)

    def forward(self, y0: FloatArray) -> FloatArray:
        """Return the states (D, B) at t1; the start itself where an adaptive solver did not get there."""
        times = self._times if self._times is not None else self._accepted_times(y0)
        if times is None:
            return y0
        y1 = self._solve.forward(y0, times)
        self.status, self.message = self._solve.status, self._solve.message
        if self._times is not None:
            self.nfe = self._solve.nfe
        return y1

    def _accepted_times(self, y0: FloatArray) -> FloatArray | None:
        """Return the nodes of an adaptive solve; None where it failed."""
        found = solve(
            self._field,
            y0,
            [0.0, self._t1],
            method=self._method,
            rtol=self._rtol,
            atol=self._rtol,
            max_steps=MAX_STEPS,
            record=True,
        )
        self.nfe, self.status, self.message = int(found.nfe), Status(str(found.status)), found.message
        return found.steps.nodes_t if found.ok and found.steps is not None else None

    def backward(self, cotangent: FloatArray, grad: FloatArray) -> FloatArray:
        """Return the cotangent (D, B) of y0, and add that of the field's weights to ``grad``."""
        back = self._solve.backward(cotangent, grad)
        self.status, self.message = self._solve.status, self._solve.message
        return back.y0


class ResidualPass:
    """h_{l+1} = h_l + s f_l(h_l) through all blocks of a model, and the gradient of what follows.

    Parameters
    ----------
    model : a resnet, whose parameters may be changed between a pass forward and the next
    batch : number of columns
    """

    def __init__(self, model: DepthClassifier, batch: int) -> None:
        spec = model.spec
        self.status, self.message, self.nfe = Status.OK, "", spec.blocks
        self._scale = np.array(spec.residual_scale, model.dtype)
        self._dt, self._blocks = spec.block_dt, spec.blocks
        # One tape with a slot per block where they share their weights, otherwise one of a single slot for each.
        slots = spec.blocks if len(model.nets) == 1 else 1
        arena = Arena(model.dtype)
        self._tapes = [net.tape(batch, slots, arena=arena) for net in model.nets]
        places = [(tape, slot) for tape in self._tapes for slot in range(slots)]
        self._steps = [(tape, slot, tape.inputs[slot], tape.cotangents[slot]) for tape, slot in places]
        self._spans = [slice(i * spec.n_net_parameters, (i + 1) * spec.n_net_parameters) for i in range(spec.n_nets)]
        shape = (spec.dim, batch)
        self._y1, self._out, self._cotangent = (np.empty(shape, model.dtype) for _ in range(3))

    def forward(self, y0: FloatArray) -> FloatArray:
        """Return the state (D, B) behind the last block, in memory of its own that the next call overwrites."""
        states = [inputs for _, _, inputs, _ in self._steps]
        states[0][...] = y0
        for index, (tape, slot, state, _) in enumerate(self._steps):
            after = states[index + 1] if index + 1 < self._blocks else self._y1
            tape.evaluate(slot, index * self._dt, None, self._out)
            np.multiply(self._out, self._scale, self._out)
            np.add(state, self._out, after)
        return self._y1

    def backward(self, cotangent: FloatArray, grad: FloatArray) -> FloatArray:
        """Return the cotangent (D, B) of y0 for that of y1, and add that of the weights to ``grad``.

        ``grad`` has the parameters of all nets, one after the other. The answer is overwritten by the next call.
        """
        back = self._cotangent
        back[...] = cotangent
        for tape, slot, _, above in reversed(self._steps):
            np.multiply(back, self._scale, above)
            tape.pull(slot, None, self._out)
            np.add(back, self._out, back)
        for tape, span in zip(self._tapes, self._spans, strict=True):
            tape.add_gradient(grad[span])
        return back
