"""What a latent ODE is made of, apart from its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from numbers import Integral
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

from nodeviz.engine.layers import ACTIVATIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

_COUNTS = MappingProxyType(
    {
        "channels": (1, 64), "hidden": (1, 2000), "encoder_hidden": (1, 2000), "head_hidden": (0, 2000),
        "latent": (1, 256),
        "dynamics_hidden": (1, 2000), "dynamics_layers": (1, 8), "decoder_hidden": (1, 2000), "decoder_layers": (0, 8),
        "steps": (1, 1000),
    }
)  # fmt: skip


def n_weights(widths: Sequence[int]) -> int:
    """Return the number of weights and biases of a network of dense layers."""
    return sum(n_out * (n_in + 1) for n_in, n_out in pairwise(widths))


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentSpec:
    """A latent ODE of series with C channels, in model time: the observations' window is s = 0 to 1.

    An encoder, an ODE-RNN that runs backwards in time, gives a normal posterior of z0, the latent state at s = 0; z
    follows dz/ds = f(z), and a decoder maps z(s) to the channels.

    Attributes
    ----------
    channels : C
    hidden : size of the encoder's state
    encoder_hidden : width of the hidden layer of the encoder's field, which moves that state between observations
    encoder_dt : longest Euler step of the encoder; a longer gap takes several
    head_hidden : width of a hidden layer between that state and the posterior; 0 for none
    latent : L, size of z
    dynamics_hidden, dynamics_layers : width and number of the hidden layers of f's network
    speed : f is so many times its network, so that a step of training changes it by as much more
    decoder_hidden, decoder_layers : the same of the decoder
    activation : in the encoder's field, in f and in the decoder
    steps : classic RK4 steps of z per unit of s; between them z is a cubic

    Raises
    ------
    ValueError : a value that is no choice or is out of its range, in one sentence
    """

    channels: int = 1
    hidden: int = 20
    encoder_hidden: int = 32
    encoder_dt: float = 0.25
    head_hidden: int = 0
    latent: int = 6
    dynamics_hidden: int = 32
    dynamics_layers: int = 1
    speed: float = 1.0
    decoder_hidden: int = 20
    decoder_layers: int = 1
    activation: str = "tanh"
    steps: int = 20

    def __post_init__(self) -> None:
        if self.activation not in ACTIVATIONS:
            choices = ", ".join(ACTIVATIONS)
            raise ValueError(f"activation={self.activation!r}: no such choice; choose one of {choices}")
        for name, (least, most) in _COUNTS.items():
            _check_count(name, getattr(self, name), least, most)
        _check_size("encoder_dt", self.encoder_dt, "0.25")
        _check_size("speed", self.speed, "8")

    @property
    def inputs(self) -> int:
        """What the encoder sees of an observation: its time, the values, and which are there if they are several."""
        return 1 + (self.channels if self.channels == 1 else 2 * self.channels)

    @property
    def dt(self) -> float:
        """RK4's step of f's network alone, which is `speed` times that of f."""
        return self.speed / self.steps

    @property
    def encoder_widths(self) -> tuple[int, ...]:
        """Widths of the encoder's field."""
        return (self.hidden, self.encoder_hidden, self.hidden)

    @property
    def head_widths(self) -> tuple[int, ...]:
        """Widths of the map from the encoder's last state to the posterior's means and log sds."""
        return (self.hidden, *[self.head_hidden] * (self.head_hidden > 0), 2 * self.latent)

    @property
    def dynamics_widths(self) -> tuple[int, ...]:
        """Widths of f."""
        return (self.latent, *[self.dynamics_hidden] * self.dynamics_layers, self.latent)

    @property
    def decoder_widths(self) -> tuple[int, ...]:
        """Widths of the decoder."""
        return (self.latent, *[self.decoder_hidden] * self.decoder_layers, self.channels)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Numbers of parameters: encoder's field, its GRU, posterior, f, decoder, log sds of the noise."""
        gru = 3 * self.hidden * (self.inputs + 1 + self.hidden + 1)
        field, head, dynamics, decoder = (
            n_weights(widths)
            for widths in (self.encoder_widths, self.head_widths, self.dynamics_widths, self.decoder_widths)
        )
        return field, gru, head, dynamics, decoder, self.channels

    @property
    def n_parameters(self) -> int:
        """Number of all parameters."""
        return sum(self.sizes)

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: object) -> Self:
        """Return the spec of a mapping as `to_json` writes it; a field it lacks has its default.

        Raises
        ------
        ValueError : no mapping, an unknown field, or a value that is not allowed
        """
        known = {field.name for field in fields(cls)}
        if not isinstance(data, Mapping) or not known.issuperset(data):
            raise ValueError(f"not a mapping of a latent ODE's fields; use {', '.join(sorted(known))}")
        return cls(**data)


def _check_size(name: str, value: Any, usual: str) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 1e-3 <= value <= 1e6:
        raise ValueError(f"{name}={value!r}: must be from 0.001 to 1e+06; {usual} is a common choice")


def _check_count(name: str, value: Any, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, Integral) or not least <= int(value) <= most:
        raise ValueError(f"{name}={value!r}: must be a whole number from {least} to {most}")
