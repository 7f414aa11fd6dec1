"""Steps downhill along gradients that somebody else computes: rate, clipping, Adam, and nothing that is not finite."""

from __future__ import annotations

from math import inf, isfinite
from typing import TYPE_CHECKING

import numpy as np

from nodeviz.engine.norms import all_finite
from nodeviz.engine.optim import SCHEDULES, Adam, clip

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray

WARM_UP = 0.02  # part of the steps over which the learning rate rises


class Descent:
    """Moves parameters, in place, and only to where they are finite.

    Parameters
    ----------
    parameters : (n,)
    steps : length of the schedule: the learning rate rises over its first 2 %, then follows ``schedule``
    schedule : a name of SCHEDULES
    taken : steps taken before, by another
    clip : longest gradient that is used as it is; 0 for any
    beta2 : of Adam
    average : how much of the mean of the parameters over the steps stays in one step; 0 for no mean

    Attributes
    ----------
    taken : steps taken
    averaged : (n,) mean of the parameters over the last steps, about 1 / (1 - average) of them; else the parameters
    """

    def __init__(
        self,
        parameters: FloatArray,
        *,
        steps: int,
        schedule: str = "cosine",
        taken: int = 0,
        clip: float = 0.0,
        beta2: float = 0.999,
        average: float = 0.0,
    ) -> None:
        if schedule not in SCHEDULES:
            raise ValueError(f"schedule={schedule!r}: no such choice; choose one of {', '.join(SCHEDULES)}")
        if steps < 1:
            raise ValueError(f"steps={steps}: below the limit 1; use 1 or more")
        self.taken, self._parameters, self._steps, self._clip = taken, parameters, steps, clip or inf
        self._shape, self._beta2, self._average = SCHEDULES[schedule].factor, beta2, average
        self._optimizer = self._fresh()
        self._finite, self._work = parameters.copy(), np.empty_like(parameters)
        self.averaged = parameters.copy() if average else parameters

    def _fresh(self) -> Adam:
        return Adam(self._parameters.size, self._parameters.dtype, beta2=self._beta2)

    @property
    def done(self) -> float:
        """Part of the steps that has been taken."""
        return self.taken / self._steps

    def factor(self) -> float:
        """Return the factor of the learning rate in the next step."""
        return min(1.0, (self.done + 1.0 / self._steps) / WARM_UP) * self._shape(self.done)

    def move(self, grad: FloatArray, lr: float) -> tuple[float, bool]:
        """Take a step along a gradient (n,), which is clipped in place; return its norm before, and whether it was.

        A gradient that is not finite, or that leads where nothing is, leaves the parameters as they were before the
        last step taken, for which all was finite, and the optimiser begins anew.
        """
        with np.errstate(all="ignore"):
            norm = clip(grad, self._clip)
            if not isfinite(norm):
                return norm, self.refuse()
            self._finite[:] = self._parameters
            self._optimizer.step(self._parameters, grad, lr * self.factor())
            if not all_finite(self._parameters):
                return norm, self.refuse()
        self.taken += 1
        if self._average:
            # At first the mean of all, so that where training began is soon forgotten.
            kept = min(self._average, self.taken / (self.taken + 10.0))
            np.subtract(self._parameters, self.averaged, self._work)
            self._work *= 1.0 - kept
            self.averaged += self._work
        return norm, True

    def refuse(self) -> bool:
        """Go back to the last parameters for which all was finite; return False."""
        self._parameters[:] = self._finite
        self._optimizer = self._fresh()
        return False

    def sentence(self, lr: float) -> str:
        """Return what happened where a step was refused, and what to change."""
        what = "loss or gradient is not finite; the last weights that worked stay"
        return f"Training step {self.taken + 1}: {what}; lower lr={lr:g}."
