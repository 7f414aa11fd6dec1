"""Gated recurrent units, state first and batch last, with hand-written vector-Jacobian products."""

from __future__ import annotations

from functools import partial
from math import sqrt
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from nodeviz.engine.checks import check_count
from nodeviz.engine.layers import Dense
from nodeviz.engine.memory import Arena
from nodeviz.engine.unrolled import SlotSum

if TYPE_CHECKING:
    import numpy.typing as npt

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.engine.mlp import Call


class GRUCell:
    """A gated recurrent unit: what a state h becomes when it sees an input x.

    With u and r the logistic function of affine maps of x and h::

        n = tanh(W_n x + b_n + r (V_n h + c_n)),   h' = h + u (n - h)

    Parameters
    ----------
    inputs, hidden : I and H, the sizes of x and h
    dtype : float32 or float64
    parameters : (n_parameters,) memory to use, such as a part of a larger vector; by default its own, zeros

    Attributes
    ----------
    parameters : (n_parameters,) one flat vector: [W b], (3 H, I + 1), then [V c], (3 H, H + 1), row after row
    input : the view [W b] of it; its rows are those of n, then u, then r
    recurrent : the view [V c]; its rows are those of u, then r, then n: so that the cotangents of both lie in one piece

    Raises
    ------
    ValueError : a size below 1, or memory of another size or dtype

    References
    ----------
    Cho et al. 2014, arXiv:1406.1078, in the variant that resets after the product, as cuDNN and PyTorch have it; their
    update gate is 1 - u.
    """

    def __init__(
        self,
        inputs: int,
        hidden: int,
        *,
        dtype: npt.DTypeLike = np.float32,
        parameters: FloatArray | None = None,
    ) -> None:
        self.inputs, self.hidden, self.dtype = (
            check_count("inputs", inputs),
            check_count("hidden", hidden),
            np.dtype(dtype),
        )
        sizes = [3 * hidden * (inputs + 1), 3 * hidden * (hidden + 1)]
        self.n_parameters = sum(sizes)
        self.parameters = np.zeros(self.n_parameters, self.dtype) if parameters is None else parameters
        if self.parameters.shape != (self.n_parameters,) or self.parameters.dtype != self.dtype:
            have, size = self.parameters, self.n_parameters
            raise ValueError(
                f"parameters: {have.dtype} {have.shape}; inputs={inputs}, hidden={hidden} need {self.dtype} ({size},)"
            )
        self.input = Dense.view(self.parameters[: sizes[0]], 3 * hidden, inputs)
        self.recurrent = Dense.view(self.parameters[sizes[0] :], 3 * hidden, hidden)

    @classmethod
    def init(
        cls,
        rng: np.random.Generator,
        inputs: int,
        hidden: int,
        *,
        dtype: npt.DTypeLike = np.float32,
        parameters: FloatArray | None = None,
    ) -> Self:
        """Return a cell with weights from N(0, 1/fan_in) and no bias."""
        cell = cls(inputs, hidden, dtype=dtype, parameters=parameters)
        for layer in (cell.input, cell.recurrent):
            layer.weight[:] = rng.standard_normal(layer.weight.shape) / sqrt(layer.weight.shape[1])
            layer.bias[:] = 0.0
        return cell

    def __call__(self, x: FloatArray, h: FloatArray, seen: FloatArray | None = None) -> FloatArray:
        """Return h', (H, B), for x (I, B) and h (H, B); a column keeps its h where ``seen`` (B,) is 0 rather than 1."""
        n = self.hidden
        of_x = self.input.weight @ x + self.input.bias[:, None]
        of_h = self.recurrent.weight @ h + self.recurrent.bias[:, None]
        # The logistic function by tanh: it cannot overflow.
        gates = 0.5 + 0.5 * np.tanh(0.5 * (of_x[n:] + of_h[: 2 * n]))
        candidate = np.tanh(of_x[:n] + gates[n:] * of_h[2 * n :])
        update = gates[:n] if seen is None else gates[:n] * seen
        out: FloatArray = h + update * (candidate - h)
        return out

    def tape(self, batch: int, slots: int) -> GRUTape:
        """Return room for ``slots`` evaluations and their pull-backs."""
        return GRUTape(self, batch, slots)


class GRUTape:
    """Evaluations of a GRU in numbered slots, the first ones as many as it takes, and then the way back through them.

    The order is: write ``inputs``, `project`; per slot write ``states``, `evaluate`; `turn`; per slot `pull`; and
    `add_gradient`. What does not depend on the state before is computed for all slots at once.

    Attributes
    ----------
    inputs : (slots, I, B), x
    states : (slots, H, B), h
    seen : (slots, B), 1 where a column sees its input, 0 where it keeps its state; used for slots evaluated ``masked``
    """

    def __init__(self, cell: GRUCell, batch: int, slots: int) -> None:
        arena, n = Arena(cell.dtype), cell.hidden
        self._cell, self._half = cell, np.full((), 0.5, cell.dtype)
        self._x, self._h = arena.ones((slots, cell.inputs + 1, batch)), arena.ones((slots, n + 1, batch))
        self.inputs, self.states = self._x[:, :-1], self._h[:, :n]
        self.seen = arena.ones((slots, batch))
        # Both maps with the rows of u and r halved: the logistic function of a is (1 + tanh(a / 2)) / 2.
        self._maps = arena.empty(cell.input.both.shape), arena.empty(cell.recurrent.both.shape)
        self._transposed = arena.empty(cell.recurrent.weight.T.shape)
        self._of_x, self._of_h = arena.empty((slots, 3 * n, batch)), arena.empty((slots, 3 * n, batch))
        self._gates, self._updates = arena.empty((slots, 2 * n, batch)), arena.empty((slots, n, batch))
        self._candidates, self._rises = arena.empty((slots, n, batch)), arena.empty((slots, n, batch))
        # What the way back multiplies: the cotangent of h' for h, n and u; that of n's argument for r and V_n h.
        self._by_new, self._by_candidate = arena.empty((slots, 3, n, batch)), arena.empty((slots, 2, n, batch))
        # Cotangents: what h keeps, then those of the arguments of n, u, r, and of V_n h.
        self._cotangents = arena.empty((slots, 5, n, batch))
        flat = self._cotangents.reshape(slots, 5 * n, batch)
        self._of_inputs, self._of_states = flat[:, n : 4 * n], flat[:, 2 * n :]
        self._sums = SlotSum(self._of_inputs, self._x, arena), SlotSum(self._of_states, self._h, arena)
        self._evaluations = [self._bind_evaluation(slot) for slot in range(slots)]
        self._pulls = [self._bind_pull(slot) for slot in range(slots)]

    def _bind_evaluation(self, slot: int) -> tuple[list[Call], FloatArray, FloatArray, FloatArray]:
        """Return the calls of a slot, what they find is to be added to its state, that state, and who sees."""
        n, of_x, of_h, gates = self._cell.hidden, self._of_x[slot], self._of_h[slot], self._gates[slot]
        candidate, rise = self._candidates[slot], self._rises[slot]
        state, update = self.states[slot], self._updates[slot]
        calls: list[Call] = [
            partial(np.dot, self._maps[1], self._h[slot], of_h),
            partial(np.add, of_x[n:], of_h[: 2 * n], gates),
            partial(np.tanh, gates, gates),
            partial(np.multiply, gates, self._half, gates),
            partial(np.add, gates, self._half, gates),
            partial(np.multiply, gates[n:], of_h[2 * n :], candidate),
            partial(np.add, candidate, of_x[:n], candidate),
            partial(np.tanh, candidate, candidate),
            partial(np.subtract, candidate, state, rise),
            partial(np.multiply, gates[:n], rise, update),
        ]
        return calls, update, state, self.seen[slot]

    def _bind_pull(self, slot: int) -> tuple[FloatArray, ...]:
        found = self._cotangents[slot]
        direct, of_candidate, behind = found[:3], found[1], found[3:]
        return (
            self._by_new[slot],
            direct,
            self._by_candidate[slot],
            of_candidate,
            behind,
            self._of_states[slot],
            found[0],
        )

    def project(self, used: int) -> None:
        """Compute what the inputs of the first slots contribute."""
        n, cell = self._cell.hidden, self._cell
        for scaled, layer, rows in zip(
            self._maps, (cell.input, cell.recurrent), (slice(n, 3 * n), slice(0, 2 * n)), strict=True
        ):
            scaled[...] = layer.both
            scaled[rows] *= self._half
        np.matmul(self._maps[0], self._x[:used], self._of_x[:used])

    def evaluate(self, slot: int, out: FloatArray, *, masked: bool = False) -> None:
        """Write h', (H, B), into ``out``; where ``masked``, columns not ``seen`` keep their state."""
        calls, update, state, seen = self._evaluations[slot]
        for call in calls:
            call()
        if masked:
            np.multiply(update, seen, update)
        np.add(state, update, out)

    def turn(self, used: int) -> None:
        """Prepare the way back through the first slots: all that does not depend on what comes from behind."""
        n, one = self._cell.hidden, np.ones((), self._cell.dtype)
        u, r = self._gates[:used, :n], self._gates[:used, n:]
        keep, by_n, by_u = (self._by_new[:used, i] for i in range(3))
        by_r, by_product = (self._by_candidate[:used, i] for i in range(2))
        np.multiply(u, self.seen[:used, None], by_u)
        np.subtract(one, by_u, keep)
        np.multiply(self._candidates[:used], self._candidates[:used], by_n)
        np.subtract(one, by_n, by_n)
        np.multiply(by_n, by_u, by_n)
        np.subtract(one, u, by_r)
        np.multiply(by_r, self._rises[:used], by_r)
        np.multiply(by_u, by_r, by_u)
        np.subtract(one, r, by_r)
        np.multiply(by_r, r, by_r)
        np.multiply(by_r, self._of_h[:used, 2 * n :], by_r)
        np.copyto(by_product, r)
        np.copyto(self._transposed, self._cell.recurrent.weight.T)

    def pull(self, slot: int, cotangent: FloatArray, out: FloatArray, multiply: Any = np.multiply) -> None:
        """Write the cotangent of h, (H, B), into ``out``, given that of h'."""
        by_new, direct, by_candidate, of_candidate, behind, of_states, kept = self._pulls[slot]
        multiply(by_new, cotangent, direct)
        multiply(by_candidate, of_candidate, behind)
        np.dot(self._transposed, of_states, out)
        np.add(out, kept, out)

    def input_cotangents(self, used: int) -> FloatArray:
        """Return the cotangents of the inputs of the first slots, all pulled, (used, I, B)."""
        found: FloatArray = np.matmul(self._cell.input.weight.T, self._of_inputs[:used])
        return found

    def add_gradient(self, grad: FloatArray, used: int) -> None:
        """Add the derivatives by the cell's parameters, (n_parameters,), over the first slots, all pulled."""
        border = self._cell.input.both.size
        for part, products in zip((grad[:border], grad[border:]), self._sums, strict=True):
            products.add_to(part, used)
