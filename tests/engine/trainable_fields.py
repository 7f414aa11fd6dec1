"""Trainable fields with few parameters and derivatives by hand, for tests of gradients."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nodeviz.engine.arrays import FloatArray


class ByHand(ABC):
    """A field of (D, B) states given by f and its products; ``tape`` does what the protocol wants, plainly."""

    timed = False

    def __init__(self, parameters: Sequence[float], dim: int) -> None:
        self.parameters, self.dim = np.array(parameters, dtype=float), dim

    @abstractmethod
    def __call__(self, t: Any, y: Any) -> FloatArray: ...

    @abstractmethod
    def by_y(self, t: float, y: FloatArray, cotangent: FloatArray) -> FloatArray: ...

    @abstractmethod
    def by_parameters(self, t: float, y: FloatArray, cotangent: FloatArray) -> FloatArray: ...

    def by_t(self, t: float, y: FloatArray, cotangent: FloatArray) -> float:
        del t, y, cotangent
        return 0.0

    def tape(self, batch: int, slots: int, beside: Any = None) -> Any:
        del beside
        return _Tape(self, batch, slots)


class _Tape:
    def __init__(self, field: ByHand, batch: int, slots: int) -> None:
        self._field, self._times = field, [0.0] * slots
        self.inputs = np.zeros((slots, field.dim, batch))
        self.cotangents = np.zeros((slots, field.dim, batch))
        self.nbytes = self.inputs.nbytes

    def evaluate(self, slot: int, t: float, y: FloatArray | None, out: FloatArray) -> None:
        if y is not None:
            self.inputs[slot] = y
        self._times[slot] = t
        out[...] = self._field(t, self.inputs[slot])

    def pull(self, slot: int, cotangent: FloatArray | None, out: FloatArray) -> None:
        if cotangent is not None:
            self.cotangents[slot] = cotangent
        out[...] = self._field.by_y(self._times[slot], self.inputs[slot], self.cotangents[slot])

    def pull_time(self, slot: int) -> float:
        return self._field.by_t(self._times[slot], self.inputs[slot], self.cotangents[slot])

    def add_gradient(self, grad: FloatArray, weights: FloatArray | None = None) -> None:
        for slot, t in enumerate(self._times):
            gradient = self._field.by_parameters(t, self.inputs[slot], self.cotangents[slot])
            grad += gradient if weights is None else weights[slot] * gradient


class Decay(ByHand):
    """y' = -rate y + push t."""

    timed = True

    def __call__(self, t: Any, y: Any) -> FloatArray:
        rate, push = self.parameters
        return np.asarray(-rate * np.asarray(y) + push * t)

    def by_y(self, t: float, y: FloatArray, cotangent: FloatArray) -> FloatArray:
        del t, y
        return np.asarray(-self.parameters[0] * cotangent)

    def by_parameters(self, t: float, y: FloatArray, cotangent: FloatArray) -> FloatArray:
        return np.array([-(cotangent * y).sum(), cotangent.sum() * t])

    def by_t(self, t: float, y: FloatArray, cotangent: FloatArray) -> float:
        del t, y
        return float(self.parameters[1] * cotangent.sum())


class VanDerPol(ByHand):
    """x' = v, v' = mu (1 - x^2) v - x."""

    def __init__(self, mu: float) -> None:
        super().__init__([mu], 2)

    def __call__(self, t: Any, y: Any) -> FloatArray:
        del t
        x, v = y
        return np.stack([v, self.parameters[0] * (1 - x * x) * v - x])

    def by_y(self, t: float, y: FloatArray, cotangent: FloatArray) -> FloatArray:
        del t
        (x, v), (by_x, by_v), mu = y, cotangent, self.parameters[0]
        return np.stack([by_v * (-2 * mu * x * v - 1), by_x + by_v * mu * (1 - x * x)])

    def by_parameters(self, t: float, y: FloatArray, cotangent: FloatArray) -> FloatArray:
        del t
        x, v = y
        return np.array([(cotangent[1] * (1 - x * x) * v).sum()])
