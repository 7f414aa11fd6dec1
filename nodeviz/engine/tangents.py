"""Value and tangents of a network at once, f(t, y) and J v_1 .. J v_K, and the vector-Jacobian product of that map."""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.engine.layers import ACTIVATIONS, product
from nodeviz.engine.mlp import MLPTape

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.engine.mlp import MLP

    Bend = Callable[[FloatArray, FloatArray, FloatArray], Any]


def _tanh(h: FloatArray, slope: FloatArray, out: FloatArray) -> None:
    del slope
    np.multiply(h, -2.0, out)


def _relu(h: FloatArray, slope: FloatArray, out: FloatArray) -> None:
    del h, slope
    out.fill(0.0)


def _softplus(h: FloatArray, slope: FloatArray, out: FloatArray) -> None:
    del h
    np.subtract(1.0, slope, out)


def _sigmoid(h: FloatArray, slope: FloatArray, out: FloatArray) -> None:
    del slope
    np.multiply(h, -2.0, out)
    np.add(out, 1.0, out)


BENDS: Mapping[str, Bend] = MappingProxyType({"tanh": _tanh, "relu": _relu, "softplus": _softplus, "sigmoid": _sigmoid})
"""Activation -> (h, slope, out): writes s''(z) / s'(z), from the value h = s(z) and the slope s'(z); 0 for ReLU."""


class TangentTape(MLPTape):
    """The map (y, v_1 .. v_K) -> (f, J v_1 .. J v_K) of a net, J = df/dy, as a tape.

    States, values and cotangents are stacked in columns: y in the first B, then all of v_1, and so on, (D, (1 + K) B).
    One product per layer then serves the value and all tangents, and another the weight gradients of both.

    Parameters
    ----------
    net : MLP
    batch : B, columns of y
    slots, beside : as for MLP.tape
    n_tangents : K
    """

    def __init__(self, net: MLP, batch: int, slots: int, n_tangents: int, beside: TangentTape | None = None) -> None:
        super().__init__(net, net.spans, batch * (1 + n_tangents), slots, beside)
        self._stack, self._values = (1 + n_tangents, batch), slice(0, batch)
        # Neither t nor the constant 1 has a tangent.
        for x in self._x:
            x[:, -1, batch:] = 0.0
        if net.timed:
            self._x[0][:, net.widths[0], batch:] = 0.0
        self._value_times = tuple(times[:batch] for times in self._times)
        hidden, arena = net.widths[1:-1], self._arena
        if beside is None:
            self._value_kernels = {width: ACTIVATIONS[net.activation]((width, batch), net.dtype) for width in hidden}
            self._bends = {width: arena.empty((width, batch)) for width in hidden}
            self._slope_cotangents = {width: arena.empty((width, batch)) for width in hidden}
        else:
            self._value_kernels, self._bends = beside._value_kernels, beside._bends
            self._slope_cotangents = beside._slope_cotangents
        self._before = [arena.empty((slots, width, self.batch)) for width in hidden]
        self._kept_slopes = [arena.empty((slots, width, batch)) for width in hidden]
        self.nbytes += sum(kept.nbytes for kept in (*self._before, *self._kept_slopes))
        self._forwards = [self._plan_forward(slot) for slot in range(slots)]
        self._backwards = [self._plan_backward(slot, BENDS[net.activation]) for slot in range(slots)]

    def _plan_forward(self, slot: int) -> list[Callable[[], Any]]:
        """Return the calls that compute the hidden layers of a slot one after the other."""
        calls: list[Callable[[], Any]] = []
        for layer, befores, slopes in zip(self._bound[slot][0], self._before, self._kept_slopes, strict=True):
            before, after = (stacked.reshape(-1, *self._stack) for stacked in (befores[slot], layer.z))
            value, slope, kernels = after[:, 0], slopes[slot], self._value_kernels[len(layer.both)]
            calls += [
                product(layer.both, layer.x, befores[slot]),
                partial(np.copyto, value, before[:, 0]),
                partial(kernels.value, value),
                partial(kernels.slope, value, slope),
                partial(np.multiply, before[:, 1:], slope[:, None], after[:, 1:]),
            ]
        return calls

    def _plan_backward(self, slot: int, bend: Bend) -> list[Callable[[], Any]]:
        """Return the calls that pull the last cotangents of a slot down to the first layer."""
        calls: list[Callable[[], Any]] = []
        above: FloatArray = self._above[slot]
        layers = list(zip(self._bound[slot][0], self._before, self._kept_slopes, strict=True))
        for layer, befores, slopes in reversed(layers):
            stacks = (stacked.reshape(-1, *self._stack) for stacked in (befores[slot], layer.z, layer.cotangent))
            before, after, below = stacks
            slope, width = slopes[slot], len(layer.both)
            bent, by_slope = self._bends[width], self._slope_cotangents[width]
            calls += [
                product(layer.transposed, above, layer.cotangent),
                # Tangents after the activation are s'(z) times those before: they pull on z too, by way of s'.
                partial(np.einsum, "hkb,hkb->hb", below[:, 1:], before[:, 1:], out=by_slope),
                partial(bend, after[:, 0], slope, bent),
                partial(np.multiply, bent, by_slope, bent),
                partial(np.add, below[:, 0], bent, below[:, 0]),
                partial(np.multiply, below, slope[:, None], below),
            ]
            above = layer.cotangent
        return calls

    def evaluate(self, slot: int, t: Any, y: FloatArray | None, out: FloatArray, dot: Any = np.dot) -> None:
        """Write (f, J v_1, .. J v_K) at (y, v_1, .. v_K), stacked (D, (1 + K) B), into ``out``; t float or (B,)."""
        if y is not None:
            self._inputs[slot][...] = y
        if self.timed:
            self._value_times[slot][...] = t
        for call in self._forwards[slot]:
            call()
        dot(self._last.both, self._bound[slot][1], out)

    def pull(self, slot: int, cotangent: FloatArray | None, out: FloatArray, matmul: Any = np.matmul) -> None:
        """Write the cotangents of (y, v_1, .. v_K) into ``out``, given those of (f, J v_1, .. J v_K), all stacked."""
        if cotangent is not None:
            self._above[slot][...] = cotangent
        for call in self._backwards[slot]:
            call()
        hidden = self._bound[slot][0]
        matmul(self._first_transposed, hidden[0].cotangent if hidden else self._above[slot], out)

    def pull_time(self, slot: int) -> float:
        """Return the derivative by t of what was pulled: <cotangents, d/dt (f, J v_1, .. J v_K)>, summed."""
        if self._time_weight is None:
            return 0.0
        return float(np.dot(self._time_weight, self._cotangents[0][slot][:, self._values].sum(axis=1)))


def jvp(net: MLP, t: Any, y: npt.ArrayLike, tangents: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return f(t, y) and J v for several v at once.

    Parameters
    ----------
    net : MLP
    t : float or (B,)
    y : (D, B)
    tangents : (D, K, B), or (D, K, 1) for the same ones in every column

    Returns
    -------
    f : (D_out, B)
    J v : (D_out, K, B)
    """
    state, directions = np.asarray(y, net.dtype), np.asarray(tangents, net.dtype)
    (d, batch), k = state.shape, directions.shape[1]
    stacked = np.empty((d, 1 + k, batch), net.dtype)
    stacked[:, 0], stacked[:, 1:] = state, directions
    out = np.empty((net.widths[-1], 1 + k, batch), net.dtype)
    TangentTape(net, batch, 1, k).evaluate(0, t, stacked.reshape(d, -1), out.reshape(len(out), -1))
    return out[:, 0], out[:, 1:]
