"""What the answers of a latent ODE reckon with: noise, and how far off its curves are at their best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import hypot, isfinite, sqrt
from typing import Any, Self

MOST = 1e3
MOST_LEVELS = 16
USUAL = (0.12, 0.35, 0.8)
"""Levels of the noise that data from elsewhere may have, in the units of models, whose values have spread 1."""
_APART = 1.5  # by which a further level is above those that there are


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What a model's answers reckon with, in its units.

    Attributes
    ----------
    noise : sds that the observations' noise may have, rising, each as likely as the others; one where it is known
    misfit : sd of what no state of the model can follow; samples are moved by it, each as a whole

    Raises
    ------
    ValueError : numbers that are not finite and positive, or not rising
    """

    noise: tuple[float, ...] = (0.05,)
    misfit: float = 0.0

    def __post_init__(self) -> None:
        for name, value in (("misfit", self.misfit), *(("noise", value) for value in self.noise)):
            number = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
            if not number or not 0.0 <= value <= MOST or (not value and name == "noise"):
                raise ValueError(f"{name}={value!r}: not a standard deviation up to {MOST:g}; 0.05 is common")
        if not 1 <= len(self.noise) <= MOST_LEVELS:
            raise ValueError(f"noise: {len(self.noise)} levels; use 1 to {MOST_LEVELS}")
        if any(later <= sooner for sooner, later in zip(self.noise[:-1], self.noise[1:], strict=True)):
            raise ValueError(f"noise={self.noise}: not rising; sort the levels")

    @property
    def levels(self) -> tuple[float, ...]:
        """Sds of what observations are off the model's curves by."""
        return tuple(hypot(level, self.misfit) for level in self.noise)

    @property
    def first(self) -> float:
        """The level in the middle."""
        return self.levels[len(self.levels) // 2]

    def for_any(self) -> Calibration:
        """Return what holds for data from elsewhere, whose noise nobody knows."""
        more = tuple(level for level in USUAL if level > _APART * self.noise[-1])
        return Calibration(noise=self.noise + more, misfit=self.misfit)

    def noise_of(self, level: float) -> float:
        """Return the sd of the noise alone, given what observations are off the model's curves by."""
        return sqrt(max(level * level - self.misfit * self.misfit, 0.0))

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return {"noise": list(self.noise), "misfit": self.misfit}

    @classmethod
    def from_json(cls, data: object) -> Self:
        """Return what `to_json` writes; a field that is missing has its default.

        Raises
        ------
        ValueError : no mapping, an unknown field, or a value that is not allowed
        """
        if not isinstance(data, Mapping) or not {"noise", "misfit"}.issuperset(data):
            raise ValueError("not a mapping of a calibration's fields; use noise and misfit")
        noise = data.get("noise", [0.05])
        if not isinstance(noise, list):
            raise ValueError(f"noise={noise!r}: not a list of levels; use one or more")
        return cls(noise=tuple(noise), misfit=data.get("misfit", 0.0))
