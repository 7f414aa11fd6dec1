"""Multilayer perceptrons with hand-written vector-Jacobian products, state first and batch last."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from math import sqrt
from numbers import Integral
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from nodeviz.engine.layers import ACTIVATIONS, Dense, outer_products, product
from nodeviz.engine.memory import Arena

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.engine.layers import Kernels

    Call = Callable[[], Any]


class MLP:
    """A network of dense layers with one activation between them; as a field, f(t, y) with equal first and last width.

    Parameters
    ----------
    widths : (D_in, hidden widths, D_out), each 1 or more
    activation : a name of ACTIVATIONS, after every layer but the last
    timed : whether t is a further input of the first layer
    dtype : float32 or float64
    parameters : (n_parameters,) memory to use, such as a part of a larger vector; by default its own, zeros

    Attributes
    ----------
    parameters : (n_parameters,) one flat vector; per layer [W b], (out, in + 1), row after row. The first layer of a
        timed net has the column of t between those of y and b
    layers : the Dense views of it, ``weight`` and ``bias`` among them
    spans : the part of the vector that belongs to each layer

    Raises
    ------
    ValueError : a width below 1, fewer than two widths, an unknown activation, or memory of another size or dtype
    """

    def __init__(
        self,
        widths: Sequence[int],
        activation: str = "tanh",
        *,
        timed: bool = False,
        dtype: npt.DTypeLike = np.float32,
        parameters: FloatArray | None = None,
    ) -> None:
        self.widths, self.activation, self.timed, self.dtype = _widths(widths), activation, timed, np.dtype(dtype)
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation={activation!r}: no such activation; choose one of {', '.join(ACTIVATIONS)}")
        inputs = [self.widths[0] + timed, *self.widths[1:-1]]
        sizes = [n_out * (n_in + 1) for n_in, n_out in zip(inputs, self.widths[1:], strict=True)]
        self.n_parameters = sum(sizes)
        self.parameters = np.zeros(self.n_parameters, self.dtype) if parameters is None else parameters
        if self.parameters.shape != (self.n_parameters,) or self.parameters.dtype != self.dtype:
            have, size = self.parameters, self.n_parameters
            raise ValueError(f"parameters: {have.dtype} {have.shape}; widths={widths!r} need {self.dtype} ({size},)")
        ends = np.cumsum([0, *sizes]).tolist()
        self.spans = [slice(*span) for span in pairwise(ends)]
        self.layers: tuple[Dense, ...] = tuple(
            Dense.view(self.parameters[span], n_out, n_in)
            for span, n_in, n_out in zip(self.spans, inputs, self.widths[1:], strict=True)
        )
        self._scratch: MLPTape | None = None

    @classmethod
    def init(
        cls,
        rng: np.random.Generator,
        widths: Sequence[int],
        activation: str = "tanh",
        *,
        timed: bool = False,
        dtype: npt.DTypeLike = np.float32,
        parameters: FloatArray | None = None,
        last_scale: float = 1.0,
    ) -> Self:
        """Return a net with weights from N(0, 1/fan_in), those of the last layer times ``last_scale``, and no bias."""
        net = cls(widths, activation, timed=timed, dtype=dtype, parameters=parameters)
        for layer in net.layers:
            layer.weight[:] = rng.standard_normal(layer.weight.shape) / sqrt(layer.weight.shape[1])
            layer.bias[:] = 0.0
        net.layers[-1].weight[:] *= last_scale
        return net

    def set_parameters(self, vector: npt.ArrayLike) -> None:
        """Copy the vector, (n_parameters,), into the net."""
        self.parameters[:] = vector

    def astype(self, dtype: npt.DTypeLike) -> MLP:
        """Return a copy that computes in another dtype."""
        net = MLP(self.widths, self.activation, timed=self.timed, dtype=dtype)
        net.set_parameters(self.parameters)
        return net

    def __call__(self, t: Any, y: npt.ArrayLike) -> FloatArray:
        """Return f(t, y): (D_out,) for y (D_in,), (D_out, B) for (D_in, B). t is a float or, in a batch, (B,)."""
        state = self._state(y)
        out = np.empty((self.widths[-1], *state.shape[1:]), self.dtype)
        self.into(t, state, out)
        return out

    def into(self, t: Any, y: FloatArray, out: FloatArray) -> None:
        """Write f(t, y) into ``out``."""
        tape = self._work(1 if y.ndim == 1 else y.shape[1])
        if out.dtype == self.dtype and out.flags.c_contiguous:
            tape.evaluate(0, t, y.reshape(len(y), -1), out.reshape(len(out), -1))
        else:
            value = np.empty(out.shape, self.dtype)
            tape.evaluate(0, t, y.reshape(len(y), -1), value.reshape(len(out), -1))
            out[...] = value

    def _state(self, y: npt.ArrayLike) -> FloatArray:
        state = np.asarray(y, self.dtype)
        if state.ndim not in (1, 2) or len(state) != self.widths[0]:
            raise ValueError(
                f"y has shape {state.shape}; widths={self.widths} want ({self.widths[0]},) or a batch of it"
            )
        return state

    def _work(self, batch: int) -> MLPTape:
        """Return a tape of one slot for the batch; that of the last call, where it fits."""
        if self._scratch is None or self._scratch.batch != batch:
            self._scratch = self.tape(batch, 1)
        return self._scratch

    def tape(self, batch: int, slots: int, beside: MLPTape | None = None, *, arena: Arena | None = None) -> MLPTape:
        """Return room for ``slots`` evaluations and their pull-backs; tapes ``beside`` share what is pulled back.

        Tapes of different nets may share an ``arena``, and so the pages they lie on.
        """
        return MLPTape(self, self.spans, batch, slots, beside, arena)

    def jacobian(self, t: Any, y: npt.ArrayLike) -> FloatArray:
        """Return df/dy: (D_out, D_in) for y (D_in,), (D_out, D_in, B) for (D_in, B)."""
        state = self._state(y)
        tape = self._work(1 if state.ndim == 1 else state.shape[1])
        tape.evaluate(0, t, state.reshape(len(state), -1), np.empty((self.widths[-1], tape.batch), self.dtype))
        d = self.widths[0]
        tangents = np.repeat(self.layers[0].weight[:, :d, None], tape.batch, axis=2)
        for layer, slope in zip(self.layers[1:], tape.slopes(0), strict=True):
            tangents *= slope[:, None, :]
            tangents = np.tensordot(layer.weight, tangents, axes=1)
        return tangents[:, :, 0] if state.ndim == 1 else tangents


def _widths(widths: Sequence[Any]) -> tuple[int, ...]:
    if len(widths) < 2:
        raise ValueError(f"widths={widths!r}: needs at least two, those of the input and of the output")
    for i, width in enumerate(widths):
        whole = isinstance(width, Integral) and not isinstance(width, bool)
        if not whole or int(width) < 1:
            raise ValueError(f"widths[{i}]={width!r}: not a whole number from 1 on; use 1 or more")
    return tuple(int(width) for width in widths)


class _Layer(NamedTuple):
    """One layer in one slot: its input with rows of ones, what it computes (hidden layers), and the cotangent of z."""

    both: FloatArray
    transposed: FloatArray
    x: FloatArray
    z: FloatArray
    cotangent: FloatArray
    kernels: Kernels
    slope: FloatArray


class _Transposes:
    """Contiguous copies of the transposed weights, the only ones that np.dot takes; stale after any evaluation."""

    def __init__(self, net: MLP, arena: Arena) -> None:
        weights = [net.layers[0].weight[:, : net.widths[0]], *(layer.weight for layer in net.layers[1:])]
        self._pairs = [(arena.empty(weight.T.shape), weight.T) for weight in weights]
        self.copies = [copy for copy, _ in self._pairs]
        self.fresh = False

    def refresh(self) -> None:
        for copy, transposed in self._pairs:
            copy[...] = transposed
        self.fresh = True


class MLPTape:
    """Evaluations of a net in numbered slots, with what their vector-Jacobian products need. See trainable.Tape.

    Per layer, the inputs of all slots lie in one (slots, in + 1, B) array whose last row is ones, and the cotangents in
    one (slots, out, B): the weight gradients of all slots are then one batched product.
    """

    def __init__(
        self,
        net: MLP,
        spans: Sequence[slice],
        batch: int,
        slots: int,
        beside: MLPTape | None = None,
        arena: Arena | None = None,
    ) -> None:
        self.batch, self.slots, self.timed = batch, slots, net.timed
        widths, dtype = net.widths, net.dtype
        arena = beside._arena if beside is not None else arena or Arena(dtype)
        self._arena: Arena = arena
        if beside is None:
            self._cotangents = [arena.empty((slots, width, batch)) for width in widths[1:]]
            self._slopes = {width: arena.empty((width, batch)) for width in widths[1:-1]}
            self._work, self._sum = arena.empty((slots, net.n_parameters)), arena.empty((net.n_parameters,))
            self._ones = np.ones(slots, dtype)
            self._kernels = {width: ACTIVATIONS[net.activation]((width, batch), dtype) for width in widths[1:-1]}
            self._transposes = _Transposes(net, arena)
        else:
            self._cotangents, self._slopes = beside._cotangents, beside._slopes
            self._work, self._sum, self._ones = beside._work, beside._sum, beside._ones
            self._kernels, self._transposes = beside._kernels, beside._transposes
        self._x = [arena.ones((slots, layer.both.shape[1], batch)) for layer in net.layers]
        self.inputs, self.cotangents = self._x[0][:, : widths[0]], self._cotangents[-1]
        self.nbytes = sum(x.nbytes for x in self._x)
        self._inputs, self._above = tuple(self.inputs), tuple(self.cotangents)
        self._times = tuple(self._x[0][:, widths[0]])
        first = net.layers[0]
        self._time_weight = first.weight[:, -1] if net.timed else None
        self._first_transposed = first.weight[:, : widths[0]].T
        self._last = net.layers[-1]
        self._bound = [self._bind(net, slot) for slot in range(slots)]
        self._evaluations = [self._plan_evaluation(slot) for slot in range(slots)]
        self._pulls = [self._plan_pull(slot) for slot in range(slots)]
        self._products = [
            outer_products(cotangents, x, self._work[:, span].reshape(slots, *layer.both.shape))
            for cotangents, x, span, layer in zip(self._cotangents, self._x, spans, net.layers, strict=True)
        ]

    def _bind(self, net: MLP, slot: int) -> tuple[list[_Layer], FloatArray]:
        """Return the hidden layers of a slot and the input of its last layer."""
        hidden = []
        for i, (layer, after) in enumerate(zip(net.layers[:-1], net.layers[1:], strict=True)):
            width = len(layer.bias)
            hidden.append(
                _Layer(
                    both=layer.both,
                    # Towards the input: the cotangent of this layer's z comes from the one after it.
                    transposed=after.weight.T,
                    x=self._x[i][slot],
                    z=self._x[i + 1][slot, :width],
                    cotangent=self._cotangents[i][slot],
                    kernels=self._kernels[width],
                    slope=self._slopes[width],
                )
            )
        return hidden, self._x[-1][slot]

    def _plan_evaluation(self, slot: int) -> tuple[list[Call], FloatArray]:
        """Return the calls that compute the hidden layers of a slot one by one, and what the last layer reads."""
        hidden, last = self._bound[slot]
        pairs = [(product(layer.both, layer.x, layer.z), partial(layer.kernels.value, layer.z)) for layer in hidden]
        return [call for pair in pairs for call in pair], last

    def _plan_pull(self, slot: int) -> tuple[list[Call], FloatArray]:
        """Return the calls that pull the last cotangent of a slot down to the first layer, and where it then is."""
        above: FloatArray = self._above[slot]
        calls: list[Call] = []
        for layer, transposed in zip(reversed(self._bound[slot][0]), self._transposes.copies[:0:-1], strict=True):
            below, slope = layer.cotangent, layer.slope
            calls.append(product(transposed, above, below))
            calls.append(partial(layer.kernels.slope, layer.z, slope))
            calls.append(partial(np.multiply, below, slope, below))
            above = below
        return calls, above

    def evaluate(self, slot: int, t: Any, y: FloatArray | None, out: FloatArray, dot: Any = np.dot) -> None:
        """Write f(t, y), (D_out, B), into ``out``, which is C-contiguous and of the net's dtype."""
        if y is not None:
            self._inputs[slot][...] = y
        if self.timed:
            self._times[slot][...] = t
        self._transposes.fresh = False
        calls, last = self._evaluations[slot]
        for call in calls:
            call()
        dot(self._last.both, last, out)

    def pull(self, slot: int, cotangent: FloatArray | None, out: FloatArray, dot: Any = np.dot) -> None:
        """Write J^T cotangent, (D_in, B), into ``out``, and keep the cotangents of all layers."""
        if cotangent is not None:
            self._above[slot][...] = cotangent
        if not self._transposes.fresh:
            self._transposes.refresh()
        calls, first = self._pulls[slot]
        for call in calls:
            call()
        dot(self._transposes.copies[0], first, out)

    def pull_time(self, slot: int) -> float:
        """Return <cotangent, df/dt> of a slot just pulled, summed over the batch; 0 for a net without t."""
        if self._time_weight is None:
            return 0.0
        return float(np.dot(self._time_weight, self._cotangents[0][slot].sum(axis=1)))

    def add_gradient(self, grad: FloatArray, weights: FloatArray | None = None) -> None:
        """Add the weight gradients of all slots, each times its weight, to ``grad``, (n_parameters,)."""
        for call in self._products:
            call()
        np.dot(self._ones if weights is None else weights, self._work, self._sum)
        np.add(grad, self._sum, grad)

    def slopes(self, slot: int) -> list[FloatArray]:
        """Return the derivatives of the activations of an evaluated slot, (width, B) per hidden layer."""
        found = []
        for layer in self._bound[slot][0]:
            slope = np.empty_like(layer.slope)
            layer.kernels.slope(layer.z, slope)
            found.append(slope)
        return found
