"""What a depth classifier is made of, apart from its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from numbers import Integral
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from nodeviz.engine.layers import ACTIVATIONS

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray

KINDS = ("resnet", "node", "anode")
READOUTS = ("all", "first-two")
RESIDUALS = ("1/L", "1")
PLANE = 2  # components of a data point
MAX_T1 = 1e6

_CHOICES = MappingProxyType(
    {"kind": KINDS, "activation": tuple(ACTIVATIONS), "readout": READOUTS, "residual": RESIDUALS}
)
_COUNTS = MappingProxyType(
    {"classes": (2, 64), "hidden": (1, 10**6), "layers": (1, 16), "augment": (1, 64), "blocks": (1, 10**4)}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """A classifier of points of the plane whose depth is the time of an ODE, or the blocks of a ResNet.

    Attributes
    ----------
    kind : resnet, h + s f_l(h) for each of its blocks l; node, dh/dt = f(h); or anode, the same with further dimensions
    classes : number of classes C
    hidden, layers : width and number of the hidden layers of f
    activation : after each of them
    augment : further dimensions of an anode, 0 at the start
    readout : what the last, affine layer sees of the state of an anode: all of it, or its first two components
    blocks : number of blocks L of a resnet
    residual : the factor s of a block's output, t1 / L ("1/L", Euler's step) or 1 ("1")
    shared : whether all blocks have the same weights
    timed : whether f depends on t; blocks with weights of their own do without it
    t1 : where depth ends; it begins at 0

    Raises
    ------
    ValueError : a value that is no choice or is out of its range, in one sentence
    """

    kind: str = "node"
    classes: int = 2
    hidden: int = 32
    layers: int = 2
    activation: str = "relu"
    augment: int = 1
    readout: str = "all"
    blocks: int = 10
    residual: str = "1/L"
    shared: bool = False
    timed: bool = False
    t1: float = 1.0

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                raise ValueError(f"{name}={value!r}: no such choice; choose one of {', '.join(choices)}")
        for name, (least, most) in _COUNTS.items():
            _check_count(name, getattr(self, name), least, most)
        for name in ("shared", "timed"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name}={getattr(self, name)!r}: neither true nor false; use one of them")
        _check_t1(self.t1)

    @property
    def discrete(self) -> bool:
        """Whether depth comes in blocks."""
        return self.kind == "resnet"

    @property
    def dim(self) -> int:
        """Number of components D of a state."""
        return PLANE + (self.augment if self.kind == "anode" else 0)

    @property
    def seen(self) -> int:
        """Number of components that the readout sees, the first ones."""
        return self.dim if self.readout == "all" else PLANE

    @property
    def outputs(self) -> int:
        """Number of outputs O: one speaks for class 1 against class 0, else there is one per class."""
        return 1 if self.classes == 2 else self.classes

    @property
    def widths(self) -> tuple[int, ...]:
        """Widths of f."""
        return (self.dim, *[self.hidden] * self.layers, self.dim)

    @property
    def n_nets(self) -> int:
        """Number of networks f: one per block unless they share their weights."""
        return self.blocks if self.discrete and not self.shared else 1

    @property
    def net_timed(self) -> bool:
        """Whether f has t among its inputs."""
        return self.timed and self.n_nets == 1

    @property
    def n_net_parameters(self) -> int:
        """Number of parameters of one network f."""
        inputs = (self.dim + self.net_timed, *self.widths[1:-1])
        return sum(n_out * (n_in + 1) for n_in, n_out in zip(inputs, self.widths[1:], strict=True))

    @property
    def n_parameters(self) -> int:
        """Number of all parameters, those of the readout included."""
        return self.n_nets * self.n_net_parameters + self.outputs * (self.seen + 1)

    @property
    def block_dt(self) -> float:
        """Depth that one block takes, t1 / L."""
        return self.t1 / self.blocks

    @property
    def residual_scale(self) -> float:
        """The factor of a block's output."""
        return self.block_dt if self.residual == "1/L" else 1.0

    @property
    def ticks(self) -> FloatArray:
        """Depths before and after each block, (L + 1,)."""
        return np.linspace(0.0, self.t1, self.blocks + 1)

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
        if not isinstance(data, Mapping):
            raise ValueError("not a mapping of a model's fields by name")
        unknown = [str(name) for name in data if name not in {field.name for field in fields(cls)}]
        if unknown:
            raise ValueError(f"{unknown[0][:40]}: no field of a model; leave it out")
        return cls(**data)


def _check_count(name: str, value: Any, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise ValueError(f"{name}={value!r}: not a whole number; use {least} or more")
    count = int(value)
    if count < least:
        raise ValueError(f"{name}={count}: below the limit {least}; use {least} or more")
    if count > most:
        raise ValueError(f"{name}={count}: above the limit {most}; use {most} or less")


def _check_t1(value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= MAX_T1:
        raise ValueError(f"t1={value!r}: depth must end above 0 and at {MAX_T1:g} or before; 1 is a common choice")
