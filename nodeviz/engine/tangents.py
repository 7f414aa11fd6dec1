"""Value and tangents of a network at once, f(t, y) and J v_1 .. J v_K, and the vector-Jacobian product of that map."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nodeviz.engine.layers import ACTIVATIONS
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


class _Hidden(NamedTuple):
    """One hidden layer in one slot, value (width, B) apart from tangents (width, K, B)."""

    both: FloatArray
    x: FloatArray
    before: FloatArray
    value_before: FloatArray
    tangents_before: FloatArray
    value: FloatArray
    tangents: FloatArray
    slope: FloatArray
    slope_of_each: FloatArray
    transposed: FloatArray
    cotangent: FloatArray
    value_cotangent: FloatArray
    tangent_cotangents: FloatArray


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
        self._bend = BENDS[net.activation]
        # Neither t nor the constant 1 has a tangent.
        for x in self._x:
            x[:, -1, batch:] = 0.0
        if net.timed:
            self._x[0][:, net.widths[0], batch:] = 0.0
        self._value_times = tuple(times[:batch] for times in self._times)
        hidden = net.widths[1:-1]
        if beside is None:
            self._value_kernels = {width: ACTIVATIONS[net.activation]((width, batch), net.dtype) for width in hidden}
            self._bends = {width: np.empty((width, batch), net.dtype) for width in hidden}
            self._slope_cotangents = {width: np.empty((width, batch), net.dtype) for width in hidden}
        else:
            self._value_kernels, self._bends = beside._value_kernels, beside._bends
            self._slope_cotangents = beside._slope_cotangents
        self._before = [np.empty((slots, width, self.batch), net.dtype) for width in hidden]
        self._kept_slopes = [np.empty((slots, width, batch), net.dtype) for width in hidden]
        self.nbytes += sum(kept.nbytes for kept in (*self._before, *self._kept_slopes))
        self._hidden = [self._split(slot) for slot in range(slots)]

    def _split(self, slot: int) -> list[_Hidden]:
        found = []
        for layer, befores, slopes in zip(self._bound[slot][0], self._before, self._kept_slopes, strict=True):
            before, after, below = (a.reshape(len(a), *self._stack) for a in (befores[slot], layer.z, layer.cotangent))
            found.append(
                _Hidden(
                    both=layer.both,
                    x=layer.x,
                    before=befores[slot],
                    value_before=before[:, 0],
                    tangents_before=before[:, 1:],
                    value=after[:, 0],
                    tangents=after[:, 1:],
                    slope=slopes[slot],
                    slope_of_each=slopes[slot][:, None],
                    transposed=layer.transposed,
                    cotangent=layer.cotangent,
                    value_cotangent=below[:, 0],
                    tangent_cotangents=below[:, 1:],
                )
            )
        return found

    def evaluate(self, slot: int, t: Any, y: FloatArray | None, out: FloatArray, dot: Any = np.dot) -> None:
        """Write (f, J v_1, .. J v_K) at (y, v_1, .. v_K), stacked (D, (1 + K) B), into ``out``; t float or (B,)."""
        if y is not None:
            self._inputs[slot][...] = y
        if self.timed:
            self._value_times[slot][...] = t
        for layer in self._hidden[slot]:
            kernels = self._value_kernels[len(layer.both)]
            dot(layer.both, layer.x, layer.before)
            layer.value[...] = layer.value_before
            kernels.value(layer.value)
            kernels.slope(layer.value, layer.slope)
            np.multiply(layer.tangents_before, layer.slope_of_each, layer.tangents)
        dot(self._last.both, self._bound[slot][1], out)

    def pull(self, slot: int, cotangent: FloatArray | None, out: FloatArray, matmul: Any = np.matmul) -> None:
        """Write the cotangents of (y, v_1, .. v_K) into ``out``, given those of (f, J v_1, .. J v_K), all stacked."""
        above, multiply = self._above[slot], np.multiply
        if cotangent is not None:
            above[...] = cotangent
        for layer in reversed(self._hidden[slot]):
            value, tangents = layer.value_cotangent, layer.tangent_cotangents
            bend, slope_cotangent = self._bends[len(layer.both)], self._slope_cotangents[len(layer.both)]
            matmul(layer.transposed, above, layer.cotangent)
            # The tangents after the activation are s'(z) times those before: they pull on z too, by way of s'.
            np.einsum("hkb,hkb->hb", tangents, layer.tangents_before, out=slope_cotangent)
            self._bend(layer.value, layer.slope, bend)
            multiply(bend, slope_cotangent, bend)
            np.add(value, bend, value)
            multiply(value, layer.slope, value)
            multiply(tangents, layer.slope_of_each, tangents)
            above = layer.cotangent
        matmul(self._first_transposed, above, out)

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
