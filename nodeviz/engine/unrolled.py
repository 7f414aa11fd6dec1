"""Many evaluations of a network in a row, then the way back through all of them: the unrolled form of short loops.

What ``MLPTape`` does slot by slot is done here for all slots at once wherever nothing depends on what came before.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from nodeviz.engine.layers import outer_products, product
from nodeviz.engine.memory import Arena
from nodeviz.engine.methods import METHODS
from nodeviz.engine.mlp import MLPTape
from nodeviz.engine.taped import StageWeights

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray
    from nodeviz.engine.mlp import MLP, Call


class SlotSum:
    """Adds sum over slots of cotangents[s] @ x[s]' to a gradient, (M, B) times (B, N) for each slot.

    Parameters
    ----------
    cotangents, x : (slots, M, B) and (slots, N, B)
    arena : for the products of single slots
    """

    def __init__(self, cotangents: FloatArray, x: FloatArray, arena: Arena) -> None:
        self._cotangents, self._x = cotangents, x
        slots, self._size = len(x), cotangents.shape[1] * x.shape[1]
        self._products = arena.empty((slots, cotangents.shape[1], x.shape[1]))
        self._sum, self._ones = arena.empty((self._size,)), np.ones(slots, x.dtype)

    def add_to(self, grad: FloatArray, used: int) -> None:
        """Add the sum over the first slots to ``grad``, (M N,)."""
        outer_products(self._cotangents[:used], self._x[:used], self._products[:used])()
        np.dot(self._ones[:used], self._products[:used].reshape(used, self._size), self._sum)
        np.add(grad, self._sum, grad)


class UnrolledTape(MLPTape):
    """A tape of which the first slots are evaluated, as many as it takes, then all of them are pulled.

    The calls of a slot are handed out as lists, for loops that do nothing else than go through them; between the two
    ways comes `turn`.

    Parameters
    ----------
    net : an MLP that does not depend on t
    batch, slots, arena : as for MLP.tape
    """

    def __init__(self, net: MLP, batch: int, slots: int, arena: Arena | None = None) -> None:
        arena = arena or Arena(net.dtype)
        self._kept_slopes = [arena.empty((slots, width, batch)) for width in net.widths[1:-1]]
        super().__init__(net, net.spans, batch, slots, arena=arena)
        self._sums = [
            (span, SlotSum(cotangents, x, arena))
            for span, cotangents, x in zip(net.spans, self._cotangents, self._x, strict=True)
        ]

    def _plan_pull(self, slot: int) -> tuple[list[Call], FloatArray]:
        above: FloatArray = self._above[slot]
        calls: list[Call] = []
        layers = zip(self._bound[slot][0], self._kept_slopes, self._transposes.copies[1:], strict=True)
        for layer, slopes, transposed in reversed(list(layers)):
            calls.append(product(transposed, above, layer.cotangent))
            calls.append(partial(np.multiply, layer.cotangent, slopes[slot], layer.cotangent))
            above = layer.cotangent
        return calls, above

    def evaluation(self, slot: int, out: FloatArray) -> list[Call]:
        """Return the calls that write f at ``inputs[slot]`` into ``out``, (D_out, B)."""
        calls, last = self._evaluations[slot]
        return [*calls, product(self._last.both, last, out)]

    def pulling(self, slot: int, out: FloatArray) -> list[Call]:
        """Return the calls that write J^T ``cotangents[slot]`` into ``out``, (D_in, B)."""
        calls, first = self._pulls[slot]
        return [*calls, product(self._transposes.copies[0], first, out)]

    def turn(self, used: int) -> None:
        """Prepare the way back through the first slots: the slopes of all of them, and the weights transposed."""
        for slopes, x in zip(self._kept_slopes, self._x[1:], strict=True):
            width = slopes.shape[1]
            self._kernels[width].slope(x[:used, :width], slopes[:used])
        self._transposes.refresh()

    def add_sums(self, grad: FloatArray, used: int) -> None:
        """Add the weight gradients of the first slots, all pulled, to ``grad``, (n_parameters,)."""
        for span, products in self._sums:
            products.add_to(grad[span], used)


class UnrolledSteps:
    """Classic RK4 of one step size with a network that does not depend on t, forwards and then backwards.

    Parameters
    ----------
    field : MLP, its first and last width equal
    batch : B
    count : most steps
    dt : step

    Attributes
    ----------
    states, slopes : (count + 1, D B) y and f(y) at the nodes, as far as the last solve got
    by_state, by_slope : (count + 1, D B) where their cotangents are to be written before the way back
    """

    def __init__(self, field: MLP, batch: int, count: int, dt: float) -> None:
        tableau = METHODS["rk4"].tableau
        assert tableau is not None
        arena, n, dtype = Arena(field.dtype), tableau.evaluations_per_step, field.dtype
        self.tape, self.n_stages = UnrolledTape(field, batch, count * n + 1, arena), n
        self._shape = field.widths[0], batch
        size = field.widths[0] * batch
        self._weights = StageWeights(tableau, dtype)
        self._weights.scale(dt)
        # As in TapedSteps: stages in the order k_S .. k_1, y, so that each stage sum is one product.
        self._stages = arena.empty((count + 1, n + 1, size))
        self.slopes, self.states = self._stages[:, n - 1], self._stages[:, n]
        self.by_state, self.by_slope = arena.empty((count + 1, size)), arena.empty((count + 1, size))
        self._cotangents, self._sum = arena.empty((n + 1, size)), arena.empty((size,))
        self._ones = np.ones(n + 1, dtype)
        self._slopes = [self._plan_slope(j) for j in range(count + 1)]
        self._forwards = [self._slopes[j] + self._plan_step(j) for j in range(count)]
        self._pull_slopes = [self._plan_pull_slope(j) for j in range(count + 1)]
        self._backwards = [self._plan_pull_step(j) for j in range(count)]

    def _plan_slope(self, j: int) -> list[Call]:
        slot = j * self.n_stages
        copy = partial(np.copyto, self.tape.inputs[slot].reshape(-1), self.states[j])
        return [copy, *self.tape.evaluation(slot, self.slopes[j].reshape(self._shape))]

    def _plan_step(self, j: int) -> list[Call]:
        """Return the calls that make of node j, whose slope is known, node j + 1."""
        n, rows, weights = self.n_stages, self._stages[j], self._weights.forward
        calls: list[Call] = []
        for s in range(1, n):
            slot = j * n + s
            calls.append(partial(np.dot, weights[s - 1], rows[n - s :], self.tape.inputs[slot].reshape(-1)))
            calls += self.tape.evaluation(slot, rows[n - 1 - s].reshape(self._shape))
        return [*calls, partial(np.dot, weights[-1], rows, self.states[j + 1])]

    def _plan_pull_slope(self, j: int) -> list[Call]:
        """Return the calls of the last node, whose cotangent is that of its state and what its slope adds."""
        slot, (total, part) = j * self.n_stages, self._cotangents[:2]
        return [
            partial(np.copyto, self.tape.cotangents[slot].reshape(-1), self.by_slope[j]),
            *self.tape.pulling(slot, part.reshape(self._shape)),
            partial(np.add, self.by_state[j], part, total),
        ]

    def _plan_pull_step(self, j: int) -> list[Call]:
        """Return the calls that make of the cotangent of node j + 1 that of node j."""
        n, rows, weights = self.n_stages, self._cotangents, self._weights.transposed
        calls: list[Call] = []
        for s in range(n - 1, -1, -1):
            slot = j * n + s
            cotangent = self.tape.cotangents[slot].reshape(-1)
            calls.append(partial(np.dot, weights[s], rows[: n - s], cotangent))
            if s == 0:
                calls.append(partial(np.add, cotangent, self.by_slope[j], cotangent))
            calls += self.tape.pulling(slot, rows[n - s].reshape(self._shape))
        return [
            *calls, partial(np.dot, self._ones, rows, self._sum), partial(np.add, self._sum, self.by_state[j], rows[0])
        ]  # fmt: skip

    def forward(self, y0: FloatArray, n_steps: int) -> None:
        """Fill the first ``n_steps`` + 1 nodes, from y0, (D, B)."""
        self.states[0].reshape(self._shape)[...] = y0
        for calls in self._forwards[:n_steps]:
            for call in calls:
                call()
        for call in self._slopes[n_steps]:
            call()

    def backward(self, n_steps: int) -> FloatArray:
        """Return the cotangent of y0, (D, B), given those of states and slopes; to be read at once."""
        self.tape.turn(self.slots_of(n_steps))
        for calls in (self._pull_slopes[n_steps], *self._backwards[:n_steps][::-1]):
            for call in calls:
                call()
        by_y0: FloatArray = self._cotangents[0].reshape(self._shape)
        return by_y0

    def add_gradient(self, grad: FloatArray, n_steps: int) -> None:
        """Add the derivatives by the field's parameters, (n_parameters,), after the way back."""
        self.tape.add_sums(grad, self.slots_of(n_steps))

    def slots_of(self, n_steps: int) -> int:
        """Return how many slots that many steps and the slope at their end take."""
        return n_steps * self.n_stages + 1
