"""Array aliases, the vector-field type and the checks shared by the engine."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.integer[Any]]
ComplexArray = npt.NDArray[np.complexfloating[Any, Any]]


class VectorField(Protocol):
    """The right-hand side of dy/dt = f(t, y).

    ``y`` is (D,) or (D, B), state first and batch last; the answer has the same shape. ``t`` is a float, or (B,) when
    every column of the batch has its own time.
    """

    def __call__(self, t: Any, y: Any, /) -> Any:
        """Return dy/dt, shape of ``y``."""
        ...


def freeze(array: npt.ArrayLike) -> FloatArray:
    """Return a read-only array that owns its memory, so that a frame can be handed to another thread."""
    owned = np.array(array)
    owned.flags.writeable = False
    return owned
