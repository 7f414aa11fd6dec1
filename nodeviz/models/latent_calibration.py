"""How sure a latent ODE may be: the noise that it reckons with, and how far off its curves are at their best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import hypot, isfinite
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray

MOST = 1e3


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What a model's answers reckon with, in its units.

    Attributes
    ----------
    noise_low, noise_high : sd of the observations' noise; where they differ it is fitted to each series between them
    misfit : sd of what no state of the model can follow; samples are moved by it, each as a whole

    Raises
    ------
    ValueError : numbers that are not finite and positive, or in the wrong order
    """

    noise_low: float = 0.05
    noise_high: float = 0.05
    misfit: float = 0.0

    def __post_init__(self) -> None:
        for name in ("noise_low", "noise_high", "misfit"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
                raise ValueError(f"{name}={value!r}: not a finite number; 0.05 is common")
            if not 0.0 <= value <= MOST or (not value and name != "misfit"):
                raise ValueError(f"{name}={value!r}: not a standard deviation up to {MOST:g}; 0.05 is common")
        if self.noise_low > self.noise_high:
            raise ValueError(f"noise_low={self.noise_low:g}: above noise_high={self.noise_high:g}; exchange them")

    @property
    def fitted(self) -> tuple[float, float]:
        """Lowest and highest sd of what observations are off the model's curves by."""
        return hypot(self.noise_low, self.misfit), hypot(self.noise_high, self.misfit)

    def noise_of(self, fitted: FloatArray) -> FloatArray:
        """Return the sd of the noise alone, given what observations are off the model's curves by."""
        found: FloatArray = np.sqrt(np.maximum(fitted * fitted - self.misfit**2, self.noise_low**2))
        return found

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: object) -> Self:
        """Return what `to_json` writes; a field that is missing has its default.

        Raises
        ------
        ValueError : no mapping, an unknown field, or a value that is not allowed
        """
        known = set(cls.__dataclass_fields__)
        if not isinstance(data, Mapping) or not known.issuperset(data):
            raise ValueError(f"not a mapping of a calibration's fields; use {', '.join(sorted(known))}")
        return cls(**data)
