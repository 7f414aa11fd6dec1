"""Gated recurrent units, state first and batch last, with hand-written vector-Jacobian products."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Self

import numpy as np

from nodeviz.engine.checks import check_count
from nodeviz.engine.layers import Dense

if TYPE_CHECKING:
    import numpy.typing as npt

    from nodeviz.engine.arrays import FloatArray


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
