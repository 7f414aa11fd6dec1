"""The way of a batch through depth and back, over arrays that are bound once and used in every training step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from nodeviz.engine.checks import check_grid
from nodeviz.engine.gradients import GradientSolve
from nodeviz.engine.integrate import MAX_STEPS as MAX_FIXED_STEPS
from nodeviz.engine.integrate import solve_steps
from nodeviz.engine.memory import Arena
from nodeviz.engine.methods import find_method
from nodeviz.engine.solution import Status

if TYPE_CHECKING:
    from collections.abc import Generator

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.engine.mlp import MLPTape
    from nodeviz.models.depth import DepthClassifier

MAX_STEPS = 300
"""Attempted steps of an adaptive solve in training: a field that needs more would hold up everything else."""


class DepthPass(Protocol):
    """Forward through depth, then back; the generators yield where the way is long.

    Attributes
    ----------
    status, message : how the last way forward or back ended, and a sentence where that was not well
    nfe : evaluations of the networks on the last way forward
    """

    status: Status
    message: str
    nfe: int

    def forward_steps(self, y0: FloatArray) -> Generator[None, None, FloatArray]:
        """Return the states (D, B) at the end, in memory that the next call overwrites."""
        ...

    def backward_steps(self, cotangent: FloatArray, grad: FloatArray) -> Generator[None, None, FloatArray]:
        """Return the cotangent (D, B) of y0 for that of the end, and add that of all networks' weights to ``grad``."""
        ...


def make_pass(
    model: DepthClassifier, batch: int, longest: int, *, method: str, n_steps: int | None, rtol: float, gradient: str
) -> DepthPass:
    """Return the way through a model's depth for ``batch`` columns; the solver's options are those of `Trainer`.

    ``longest`` is the number of steps, or blocks, from one yield to the next at most.
    """
    if model.spec.discrete:
        return ResidualPass(model, batch, longest)
    return SolvePass(model, batch, longest, method=method, n_steps=n_steps, rtol=rtol, gradient=gradient)


class SolvePass:
    """A solve from 0 to t1 and the gradient of what follows, in any gradient mode.

    With adaptive steps a plain solve finds them first; the differentiated one then takes the accepted steps, which
    count as fixed for the gradient.

    A way of more than ``longest`` steps is cut into sections. The states where they begin are kept, and on the way back
    each section is solved again. Modes that solve backwards begin afresh in every section.
    """

    def __init__(
        self,
        model: DepthClassifier,
        batch: int,
        longest: int,
        *,
        method: str,
        n_steps: int | None,
        rtol: float,
        gradient: str,
    ) -> None:
        self.status, self.message, self.nfe = Status.OK, "", 0
        self._field, self._method, self._rtol, self._t1 = model.field, method, rtol, model.spec.t1
        self._longest = longest
        self._sections: list[FloatArray] = []
        check_grid(find_method(method), np.array([0.0, self._t1]), None, n_steps, MAX_FIXED_STEPS)
        if n_steps is not None:
            self._sections = self._cut(np.linspace(0.0, self._t1, n_steps + 1))
        self._fixed = n_steps is not None
        self._solve = GradientSolve(model.field, batch, method=method, mode=gradient)
        self._begins: list[FloatArray] = []

    def _cut(self, times: FloatArray) -> list[FloatArray]:
        return [times[i : i + self._longest + 1] for i in range(0, len(times) - 1, self._longest)]

    def forward_steps(self, y0: FloatArray) -> Generator[None, None, FloatArray]:
        """Return the states (D, B) at t1; those that were reached where the solver did not get there."""
        self.status, self.message, self.nfe = Status.OK, "", 0
        if not self._fixed and not (yield from self._find_steps(y0)):
            return y0
        self._begins, y, nfe = [], y0, 0
        for section in self._sections:
            if self._begins:
                yield
            self._begins.append(y if len(self._sections) == 1 else y.copy())
            y = self._take(y, section)
            nfe += self._solve.nfe
            if self.status is not Status.OK:
                break
        if self._fixed:
            self.nfe = nfe
        return y

    def _take(self, y0: FloatArray, times: FloatArray) -> FloatArray:
        y1 = self._solve.forward(y0, times)
        self.status, self.message = self._solve.status, self._solve.message
        return y1

    def _find_steps(self, y0: FloatArray) -> Generator[None, None, bool]:
        """Let an adaptive solver choose the steps, and return whether it got to t1."""
        found = yield from solve_steps(
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
        if not found.ok or found.steps is None:
            return False
        self._sections = self._cut(found.steps.nodes_t)
        return True

    def backward_steps(self, cotangent: FloatArray, grad: FloatArray) -> Generator[None, None, FloatArray]:
        """Return the cotangent (D, B) of y0, and add that of the field's weights to ``grad``."""
        last = len(self._sections) - 1
        for k in range(last, -1, -1):
            if k < last:
                yield
                self._take(self._begins[k], self._sections[k])
            cotangent = self._solve.backward(cotangent, grad).y0
            self.status, self.message = self._solve.status, self._solve.message
        return cotangent


class ResidualPass:
    """h_{l+1} = h_l + s f_l(h_l) through all blocks of a model, and the gradient of what follows.

    Parameters
    ----------
    model : a resnet, whose parameters may be changed between a pass forward and the next
    batch : number of columns
    longest : blocks from one yield to the next at most
    """

    def __init__(self, model: DepthClassifier, batch: int, longest: int) -> None:
        spec = model.spec
        self.status, self.message, self.nfe = Status.OK, "", spec.blocks
        self._scale = np.array(spec.residual_scale, model.dtype)
        self._nets, self._dt, self._blocks, self._longest = model.nets, spec.block_dt, spec.blocks, longest
        self._steps = [(tape, slot, tape.inputs[slot], tape.cotangents[slot]) for tape, slot in self._places(batch)]
        size = spec.n_net_parameters
        self._spans = [slice(i * size, (i + 1) * size) for i in range(spec.n_nets)]
        shape = (spec.dim, batch)
        self._y1, self._out, self._cotangent = (np.empty(shape, model.dtype) for _ in range(3))

    def _places(self, batch: int) -> list[tuple[MLPTape, int]]:
        """Return the tape and slot of each block: blocks that share their weights share a tape if they come at once."""
        blocks, nets, arena = self._blocks, self._nets, Arena(self._nets[0].dtype)
        if len(nets) > 1:
            return [(net.tape(batch, 1, arena=arena), 0) for net in nets]
        if blocks <= self._longest:
            tape = nets[0].tape(batch, blocks)
            return [(tape, slot) for slot in range(blocks)]
        first = nets[0].tape(batch, 1)
        return [(first, 0), *((nets[0].tape(batch, 1, first), 0) for _ in range(blocks - 1))]

    def forward_steps(self, y0: FloatArray) -> Generator[None, None, FloatArray]:
        """Return the state (D, B) behind the last block, in memory of its own that the next call overwrites."""
        states = [*(inputs for _, _, inputs, _ in self._steps), self._y1]
        states[0][...] = y0
        for begin in range(0, self._blocks, self._longest):
            if begin:
                yield
            with np.errstate(all="ignore"):
                for index in range(begin, min(begin + self._longest, self._blocks)):
                    tape, slot, state, _ = self._steps[index]
                    tape.evaluate(slot, index * self._dt, None, self._out)
                    np.multiply(self._out, self._scale, self._out)
                    np.add(state, self._out, states[index + 1])
        return self._y1

    def backward_steps(self, cotangent: FloatArray, grad: FloatArray) -> Generator[None, None, FloatArray]:
        """Return the cotangent (D, B) of y0 for that of y1, and add that of the weights to ``grad``.

        ``grad`` has the parameters of all nets, one after the other. The answer is overwritten by the next call.
        """
        back = self._cotangent
        back[...] = cotangent
        for end in range(self._blocks, 0, -self._longest):
            if end < self._blocks:
                yield
            with np.errstate(all="ignore"):
                for index in range(end - 1, max(end - self._longest, 0) - 1, -1):
                    tape, slot, _, above = self._steps[index]
                    np.multiply(back, self._scale, above)
                    tape.pull(slot, None, self._out)
                    np.add(back, self._out, back)
                    if slot == 0:  # the last one of its tape to be pulled
                        tape.add_gradient(grad[self._spans[index if len(self._spans) > 1 else 0]])
        return back
