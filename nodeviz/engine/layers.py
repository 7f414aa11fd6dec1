"""Layers of a network: the activations, with derivatives from what is kept, and a dense layer as a view of a vector."""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nodeviz.engine.arrays import FloatArray

Shape = tuple[int, ...]


class Kernels(NamedTuple):
    """An activation bound to arrays of one shape and dtype.

    ``value(z)`` turns z into h = s(z) in place; ``slope(h, out)`` writes s'(z), computed from h alone, so that z need
    not be kept.
    """

    value: Callable[[FloatArray], Any]
    slope: Callable[[FloatArray, FloatArray], Any]


def _tanh(_shape: Shape, dtype: Any) -> Kernels:
    # Here and below constants are 0-d arrays: NumPy takes them in quicker than Python floats, and they set no dtype.
    one = np.ones((), dtype)

    def value(z: FloatArray, tanh: Any = np.tanh) -> None:
        tanh(z, z)

    def slope(h: FloatArray, out: FloatArray, multiply: Any = np.multiply, subtract: Any = np.subtract) -> None:
        multiply(h, h, out)
        subtract(one, out, out)

    return Kernels(value, slope)


def _relu(shape: Shape, dtype: Any) -> Kernels:
    # A whole array of zeros: against a scalar np.maximum runs a loop that is three times slower.
    zeros = np.zeros(shape, dtype)

    def value(z: FloatArray) -> None:
        np.maximum(z, zeros, out=z)

    def slope(h: FloatArray, out: FloatArray) -> None:
        np.greater(h, zeros, out=out)

    return Kernels(value, slope)


def _softplus(shape: Shape, dtype: Any) -> Kernels:
    zeros, rest = np.zeros(shape, dtype), np.empty(shape, dtype)

    def value(z: FloatArray) -> None:
        """log(1 + e^z) = max(z, 0) + log1p(e^-|z|), which cannot overflow."""
        np.absolute(z, rest)
        np.negative(rest, rest)
        np.exp(rest, rest)
        np.log1p(rest, rest)
        np.maximum(z, zeros, out=z)
        np.add(z, rest, z)

    def slope(h: FloatArray, out: FloatArray) -> None:
        """s'(z) = 1 / (1 + e^-z) = 1 - e^-h."""
        np.negative(h, out)
        np.expm1(out, out)
        np.negative(out, out)

    return Kernels(value, slope)


def _sigmoid(_shape: Shape, dtype: Any) -> Kernels:
    one, half = np.ones((), dtype), np.full((), 0.5, dtype)

    def value(z: FloatArray) -> None:
        """1 / (1 + e^-z) = (1 + tanh(z / 2)) / 2: quicker, and it cannot overflow."""
        np.multiply(z, half, z)
        np.tanh(z, z)
        np.multiply(z, half, z)
        np.add(z, half, z)

    def slope(h: FloatArray, out: FloatArray) -> None:
        np.subtract(one, h, out)
        np.multiply(out, h, out)

    return Kernels(value, slope)


ACTIVATIONS: Mapping[str, Callable[[Shape, Any], Kernels]] = MappingProxyType(
    {"tanh": _tanh, "relu": _relu, "softplus": _softplus, "sigmoid": _sigmoid}
)
"""name -> (shape, dtype) -> kernels for arrays of that shape and dtype."""


_LARGE = 10**6
_LEAST_BLOCK, _LEAST_ROWS = 64, 4


def product(weight: FloatArray, x: FloatArray, z: FloatArray) -> Callable[[], Any]:
    """Return a call that writes weight @ x, (M, K) times (K, B), into z, (M, B).

    OpenBLAS has kernels for small matrices, up to M K B = 10^6, that are up to twice as fast as those for large ones:
    a larger product with few rows is done in blocks of columns.
    """
    batch = x.shape[1]
    least = -(-weight.size * batch // _LARGE)
    for blocks in range(least, batch // _LEAST_BLOCK + 1) if least > 1 else ():
        if batch % blocks == 0:
            apart = [array.reshape(len(array), blocks, -1).transpose(1, 0, 2) for array in (x, z)]
            return partial(np.matmul, weight, *apart)
    # np.dot is the quicker call, but copies what is not contiguous.
    return partial(np.dot if weight.flags.c_contiguous else np.matmul, weight, x, z)


def outer_products(cotangents: FloatArray, x: FloatArray, out: FloatArray) -> Callable[[], Any]:
    """Return a call that writes cotangents[s] @ x[s]', (M, B) times (B, N) for every slot s, into out[s], (M, N).

    ``out`` may have gaps between its slots. As in `product` large ones are done in blocks, here of rows.
    """
    slots, rows, batch = cotangents.shape
    least = -(-rows * batch * x.shape[1] // _LARGE)
    for blocks in range(least, rows // _LEAST_ROWS + 1) if least > 1 else ():
        if rows % blocks == 0:
            apart = [array.reshape(slots, blocks, rows // blocks, -1) for array in (cotangents, out)]
            return partial(np.matmul, apart[0], x.transpose(0, 2, 1)[:, None], apart[1])
    return partial(np.matmul, cotangents, x.transpose(0, 2, 1), out)


class Dense(NamedTuple):
    """An affine layer z = W x + b, or [W b] [x; 1]: one product, and the gradient of b comes with that of W.

    All three are views of one vector. ``both`` is (out, in + 1), ``weight`` (out, in), ``bias`` (out,).
    """

    both: FloatArray
    weight: FloatArray
    bias: FloatArray

    @classmethod
    def view(cls, memory: FloatArray, n_out: int, n_in: int) -> Dense:
        """Return the layer whose [W b] lies in ``memory``, (out (in + 1),), row after row."""
        both = memory.reshape(n_out, n_in + 1)
        return cls(both, both[:, :-1], both[:, -1])
