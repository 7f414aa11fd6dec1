"""A latent ODE with the prior of its states: what answers observations, and what a file keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Integral
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from nodeviz.models.latent import LatentODE
from nodeviz.models.latent_prior import MixturePrior
from nodeviz.models.latent_spec import LatentSpec

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray

MOST_COMPONENTS = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentModelSpec:
    """What a latent ODE with its prior is made of, apart from its numbers.

    Attributes
    ----------
    ode : of the latent ODE
    components : of the prior; 0 for N(0, I)

    Raises
    ------
    ValueError : a value that is out of its range, in one sentence
    """

    ode: LatentSpec = field(default_factory=LatentSpec)
    components: int = 0

    def __post_init__(self) -> None:
        count: Any = self.components
        if isinstance(count, bool) or not isinstance(count, Integral) or not 0 <= int(count) <= MOST_COMPONENTS:
            raise ValueError(f"components={count!r}: must be a whole number from 0 to {MOST_COMPONENTS}")

    @property
    def n_parameters(self) -> int:
        """Number of all parameters, those of the prior last."""
        return self.ode.n_parameters + MixturePrior.size(self.components, self.ode.latent)

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return {**self.ode.to_json(), "components": self.components}

    @classmethod
    def from_json(cls, data: object) -> Self:
        """Return the spec of a mapping as `to_json` writes it; a field it lacks has its default.

        Raises
        ------
        ValueError : no mapping, an unknown field, or a value that is not allowed
        """
        if not isinstance(data, Mapping):
            raise ValueError("not a mapping of a latent ODE's fields")
        ode = {key: value for key, value in data.items() if key != "components"}
        return cls(ode=LatentSpec.from_json(ode), components=data.get("components", 0))


class LatentModel:
    """A latent ODE and the prior of its states, in one vector of parameters.

    Parameters
    ----------
    parameters : (n_parameters,) float32, taken as they are

    Attributes
    ----------
    ode : whose weights are a view of the parameters
    prior : in float64

    Raises
    ------
    ValueError : parameters of another number, or that make no distribution
    """

    def __init__(self, spec: LatentModelSpec, *, parameters: FloatArray) -> None:
        if parameters.shape != (spec.n_parameters,):
            raise ValueError(f"parameters of shape {parameters.shape}; this model has ({spec.n_parameters},)")
        self.spec, self.parameters = spec, parameters
        border = spec.ode.n_parameters
        self.ode = LatentODE(spec.ode, dtype=parameters.dtype, parameters=parameters[:border])
        self.prior = MixturePrior.from_vector(parameters[border:], spec.components, spec.ode.latent)

    @classmethod
    def of(cls, ode: LatentODE, prior: MixturePrior | None = None) -> Self:
        """Return a model of copies of both; without a prior it is N(0, I)."""
        components = 0 if prior is None else len(prior.means)
        parts = [ode.parameters] if prior is None else [ode.parameters, prior.to_vector()]
        vector = np.concatenate(parts, dtype=ode.dtype, casting="same_kind")
        return cls(LatentModelSpec(ode=ode.spec, components=components), parameters=vector)
