"""The trace of a network's Jacobian beside its value: in closed form, or by tangents along probes, exact or random."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.engine.layers import Dense, outer_products, product
from nodeviz.engine.mlp import MLPTape
from nodeviz.engine.tangents import BENDS, TangentTape, jvp

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.engine.mlp import MLP


class TraceTape(MLPTape):
    """The map y -> (f, tr J) of a net with two hidden layers, as a tape; values and cotangents are (D + 1, B).

    With s1, s2 the derivatives of the activations, J = W3 diag(s2) W2 diag(s1) W1, so that

        tr J = s2' M s1,    M = W2 * (W1 W3)'  elementwise:

    one more product of the size of the middle layer's, whatever D is. All of its cotangents follow by hand.
    """

    def __init__(self, net: MLP, batch: int, slots: int, beside: TraceTape | None = None) -> None:
        super().__init__(net, net.spans, batch, slots, beside)
        self._net, d, arena = net, net.widths[0], self._arena
        self._w1, self._w2, self._w3 = net.layers[0].weight[:, :d], net.layers[1].weight, net.layers[2].weight
        n1, n2 = net.widths[1:3]
        self._mixed = arena.empty((slots, n2, batch))
        self.nbytes += self._mixed.nbytes
        if beside is None:
            self.cotangents = arena.empty((slots, d + 1, batch))
            self._outer, self._matrix = arena.empty((n2, n1)), arena.empty((n2, n1))
            self._work1, self._work2 = arena.empty((2, n1, batch)), arena.empty((2, n2, batch))
            self._s1, self._weighted = (arena.empty((slots, n, batch)) for n in (n1, n2))
            self._matrix_work, self._sum_rows = arena.empty((slots, n2 * n1)), np.ones(n2, net.dtype)
        else:
            self.cotangents, self._outer, self._matrix = beside.cotangents, beside._outer, beside._matrix
            self._work1, self._work2 = beside._work1, beside._work2
            self._s1, self._weighted = beside._s1, beside._weighted
            self._matrix_work, self._sum_rows = beside._matrix_work, beside._sum_rows
        self._product = outer_products(self._weighted, self._s1, self._matrix_work.reshape(slots, n2, n1))
        self._traces = [self._plan_trace(slot) for slot in range(slots)]
        self._ways_back = [self._plan_way_back(net.activation, slot) for slot in range(slots)]

    def _plan_trace(self, slot: int) -> list[Callable[[], Any]]:
        """Return the calls that compute s2 * M s1 into the first half of ``_work2``, once the value is known."""
        first, second = self._bound[slot][0]
        s1, s2, mixed = self._work1[0], self._work2[0], self._mixed[slot]
        return [
            # M anew every time: the parameters may have changed, and it costs a hundredth of the rest.
            product(self._w3.T, self._w1.T, self._outer),
            partial(np.multiply, self._w2, self._outer, self._matrix),
            partial(first.kernels.slope, first.z, s1),
            product(self._matrix, s1, mixed),
            partial(second.kernels.slope, second.z, s2),
            partial(np.multiply, s2, mixed, s2),
        ]

    def _plan_way_back(self, activation: str, slot: int) -> list[Callable[[], Any]]:
        """Return the calls that pull the cotangents of f and tr J down to the first layer.

        tr J has M' (s2 tau) by s1 and M s1 tau by s2, and s in turn pulls on z by s'' = s' bend. To compute s1 and s2
        again is quicker than to fetch them from where many slots would keep them.
        """
        first, second = self._bound[slot][0]
        bend, multiply, add = BENDS[activation], np.multiply, np.add
        given, above, mixed, weighted = (
            self.cotangents[slot],
            self._above[slot],
            self._mixed[slot],
            self._weighted[slot],
        )
        s1, by_slope, bend1 = self._s1[slot], *self._work1
        s2, bend2 = self._work2
        a1, a2 = first.cotangent, second.cotangent
        return [
            partial(np.copyto, above, given[:-1]),
            partial(second.kernels.slope, second.z, s2),
            partial(multiply, s2, given[-1], weighted),
            product(second.transposed, above, a2),
            partial(multiply, a2, s2, a2),
            partial(bend, second.z, s2, bend2),
            partial(multiply, bend2, mixed, bend2),
            partial(multiply, bend2, weighted, bend2),
            partial(add, a2, bend2, a2),
            partial(first.kernels.slope, first.z, s1),
            product(self._matrix.T, weighted, by_slope),
            product(first.transposed, a2, a1),
            partial(bend, first.z, s1, bend1),
            partial(multiply, by_slope, bend1, by_slope),
            partial(add, a1, by_slope, a1),
            partial(multiply, a1, s1, a1),
        ]

    def evaluate(self, slot: int, t: Any, y: FloatArray | None, out: FloatArray, dot: Any = np.dot) -> None:
        """Write (f, tr J), (D + 1, B), at y, (D, B), into ``out``; t is a float or (B,)."""
        super().evaluate(slot, t, y, out[:-1])
        for call in self._traces[slot]:
            call()
        dot(self._sum_rows, self._work2[0], out[-1])

    def pull(self, slot: int, cotangent: FloatArray | None, out: FloatArray, matmul: Any = np.matmul) -> None:
        """Write the cotangent of y, (D, B), into ``out``, given that of (f, tr J), (D + 1, B)."""
        if cotangent is not None:
            self.cotangents[slot] = cotangent
        for call in self._ways_back[slot]:
            call()
        matmul(self._first_transposed, self._cotangents[0][slot], out)

    def add_gradient(self, grad: FloatArray, weights: FloatArray | None = None) -> None:
        """Add the weight gradients of all slots, each times its weight, to ``grad``, (n_parameters,)."""
        super().add_gradient(grad, weights)
        self._product()
        by_matrix = np.dot(self._ones if weights is None else weights, self._matrix_work).reshape(self._matrix.shape)
        first, second, third = (
            Dense.view(grad[span], len(layer.bias), layer.weight.shape[1]).weight
            for span, layer in zip(self._net.spans, self._net.layers, strict=True)
        )
        second += by_matrix * self._outer
        by_matrix *= self._w2
        third += np.dot(self._w1.T, by_matrix.T)
        first[:, : len(self._w1.T)] += np.dot(by_matrix.T, self._w3.T)


class ProbeTape:
    """The map y -> (f, tr J[, |J|_F^2]) of a net by tangents along probes v_1 .. v_K, as a tape; see trainable.Tape.

    tr J is c sum v_k' J v_k and the squared Frobenius norm c sum |J v_k|^2: with c = 1 exact for the D unit vectors,
    with c = 1/K estimates for random ones.

    Parameters
    ----------
    net, batch, slots, beside : as for MLP.tape
    probes : (D, K, B) or (D, K, 1); kept, so that others may be written there between solves
    share : c
    jacobian : whether the last row is wanted
    """

    _pair: TangentTape

    def __init__(
        self,
        net: MLP,
        batch: int,
        slots: int,
        probes: FloatArray,
        *,
        share: float,
        jacobian: bool,
        beside: ProbeTape | None = None,
    ) -> None:
        d, k, _ = probes.shape
        self._probes, self._share, self._jacobian = probes, share, jacobian
        self._pair = TangentTape(net, batch, slots, k, None if beside is None else beside._pair)
        self.inputs, self._out = np.empty((slots, d, batch), net.dtype), np.empty((slots, d, 1 + k, batch), net.dtype)
        self.nbytes = self._pair.nbytes + self.inputs.nbytes + self._out.nbytes
        if beside is None:
            self.cotangents = np.empty((slots, d + 1 + jacobian, batch), net.dtype)
            self._work, self._pulled = np.empty((d, k, batch), net.dtype), np.empty((d, 1 + k, batch), net.dtype)
        else:
            self.cotangents, self._work, self._pulled = beside.cotangents, beside._work, beside._pulled
        self._arguments = [inputs.reshape(d, 1 + k, batch) for inputs in self._pair.inputs]
        self._above = [cotangents.reshape(d, 1 + k, batch) for cotangents in self._pair.cotangents]

    def evaluate(self, slot: int, t: Any, y: FloatArray | None, out: FloatArray) -> None:
        """Write (f, tr J[, |J|_F^2]), (D + 1 or 2, B), at y, (D, B), into ``out``; t is a float or (B,)."""
        argument, answer = self._arguments[slot], self._out[slot]
        argument[:, 0], argument[:, 1:] = self.inputs[slot] if y is None else y, self._probes
        self._pair.evaluate(slot, t, None, answer.reshape(len(answer), -1))
        d, tangents = len(answer), answer[:, 1:]
        out[:d] = answer[:, 0]
        np.multiply(tangents, self._probes, self._work)
        np.sum(self._work, axis=(0, 1), out=out[d])
        if self._jacobian:
            np.einsum("dkb,dkb->b", tangents, tangents, out=out[d + 1])
        if self._share != 1.0:
            out[d:] *= self._share

    def pull(self, slot: int, cotangent: FloatArray | None, out: FloatArray) -> None:
        """Write the cotangent of y, (D, B), into ``out``, given that of what was evaluated."""
        given = self.cotangents[slot] if cotangent is None else cotangent
        answer, above = self._out[slot], self._above[slot]
        d, tangents = len(answer), above[:, 1:]
        above[:, 0] = given[:d]
        np.multiply(self._probes, self._share * given[d], tangents)
        if self._jacobian:
            np.multiply(answer[:, 1:], (2.0 * self._share) * given[d + 1], self._work)
            np.add(tangents, self._work, tangents)
        self._pair.pull(slot, None, self._pulled.reshape(d, -1))
        out[...] = self._pulled[:, 0]

    def pull_time(self, slot: int) -> float:
        """Return the derivative by t of what was pulled, summed over the batch."""
        return self._pair.pull_time(slot)

    def add_gradient(self, grad: FloatArray, weights: FloatArray | None = None) -> None:
        """Add the weight gradients of all slots, each times its weight, to ``grad``, (n_parameters,)."""
        self._pair.add_gradient(grad, weights)


def has_closed_form(net: MLP) -> bool:
    """Return whether TraceTape serves this net: two hidden layers, as many outputs as inputs."""
    return len(net.layers) == 3


def identity(d: int, dtype: npt.DTypeLike) -> FloatArray:
    """Return the d unit vectors as tangents, (d, d, 1): with them the trace is exact."""
    return np.eye(d, dtype=dtype)[:, :, None]


def exact_trace(net: MLP, t: Any, y: npt.ArrayLike) -> FloatArray:
    """Return tr(df/dy), (B,), at y (D, B) and t, a float or (B,)."""
    state = np.asarray(y, net.dtype)
    out = np.empty((len(state) + 1, state.shape[1]), net.dtype)
    if has_closed_form(net):
        TraceTape(net, state.shape[1], 1).evaluate(0, t, state, out)
    else:
        tangents = jvp(net, t, state, identity(len(state), net.dtype))[1]
        np.einsum("ddb->b", tangents, out=out[-1])
    trace: FloatArray = out[-1]
    return trace
