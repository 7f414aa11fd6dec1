"""The size of an error in units of the tolerance."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray
    from nodeviz.engine.steppers import Stepper


class ErrorNorm:
    """err_ratio = RMS over all n values of y_err / (atol + rtol max(|y|, |y_new|)), in buffers bound once per solve."""

    def __init__(self, rtol: float, atol: float, y: FloatArray) -> None:
        # A 0-d array: NumPy takes it in quicker than a float.
        self._rtol, self._floor = rtol, np.array(atol / rtol, y.dtype)
        self._abs_y, self._abs_new, self._scale = np.abs(y), np.empty_like(y), np.empty_like(y)

    def __call__(self, stepper: Stepper) -> float:
        """Return the ratio of the attempted step; infinite or NaN when the step is."""
        scale = self._scale
        np.abs(stepper.y_new, self._abs_new)
        np.maximum(self._abs_y, self._abs_new, out=scale)
        # Scaled in units of rtol, which saves a pass.
        np.add(scale, self._floor, scale)
        return stepper.err_ratio(scale) / self._rtol

    def accept(self) -> None:
        """Take |y_new| for the |y| of the next step."""
        self._abs_y, self._abs_new = self._abs_new, self._abs_y

    def worst(self, stepper: Stepper) -> int:
        """Return the flat index of the value with the largest scaled error of the last attempt."""
        err = np.empty_like(self._scale)
        stepper.errors(err)
        return worst_index(err / self._scale)


def worst_index(values: FloatArray) -> int:
    """Return the index of the first value that is not finite, else of the largest."""
    bad = np.flatnonzero(~np.isfinite(values))
    return int(bad[0]) if bad.size else int(np.argmax(np.abs(values)))


def all_finite(y: FloatArray) -> bool:
    """Whether every value is finite; one product decides unless it overflows."""
    return isfinite(np.dot(y, y)) or bool(np.isfinite(y).all())
