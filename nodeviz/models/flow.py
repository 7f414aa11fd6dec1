"""Flows of the plane: one velocity field that carries a source at t = 0 into a target at t = 1, whatever taught it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from numbers import Integral
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from nodeviz.engine.density import AugmentedField, BlendedField, log_prob_steps
from nodeviz.engine.integrate import solve_steps
from nodeviz.engine.layers import ACTIVATIONS
from nodeviz.engine.mlp import MLP
from nodeviz.engine.solution import Status
from nodeviz.models import diffusion
from nodeviz.problems.sources import SOURCES

if TYPE_CHECKING:
    from collections.abc import Generator

    import numpy.typing as npt

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.engine.density import LogProb
    from nodeviz.problems.sources import Source

METHODS: Mapping[str, str] = MappingProxyType(
    {
        "likelihood": "Maximum likelihood",
        "flow-matching": "Flow matching",
        "ot-flow-matching": "Flow matching with OT",
        "diffusion": "Diffusion",
    }
)
MAX_STEPS = 1000  # of an adaptive solve: a field that needs more has blown up, and must not hold up everything else
CHUNK = 1024  # points solved together at most: few enough for a step of any method to take a few milliseconds
_LEAST_CHUNK = 16  # with fewer, reading the weights would be all that an evaluation does
_WORK = 5_000_000  # weights times points of an evaluation that takes a millisecond or so
SPREAD = 4.0
"""How much larger the first layer starts than others, so that its units bend the plane in many places and not all
through the origin, on a scale well below that of the data, which reach to 4. After 30,000 steps of flow matching,
checkerboard is then 0.14 nats from its bound rather than 0.22, eight Gaussians 0.01 rather than 0.02.
"""
_CHOICES = MappingProxyType({"method": METHODS, "source": SOURCES, "activation": ACTIVATIONS})
_COUNTS = MappingProxyType({"hidden": 10_000, "layers": 16})


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowSpec:
    """What a flow is made of, apart from its weights.

    Attributes
    ----------
    method : how it learns, a name of METHODS
    source : what it starts from, a name of SOURCES; a diffusion ends in the Gaussian, and so starts from there
    hidden, layers : width and number of the hidden layers of its network
    activation : after each of them

    Raises
    ------
    ValueError : a value that is no choice or is out of its range, in one sentence
    """

    method: str = "flow-matching"
    source: str = "gaussian"
    hidden: int = 64
    layers: int = 2
    activation: str = "tanh"

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name}={getattr(self, name)!r}: no such choice; choose one of {', '.join(choices)}")
        for name, most in _COUNTS.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Integral) or not 1 <= int(value) <= most:
                raise ValueError(f"{name}={value!r}: must be a whole number from 1 to {most}; 64 and 2 are common")
        if self.method == "diffusion" and self.source != "gaussian":
            raise ValueError(f"source={self.source}: a diffusion starts from the noise it ends in; use gaussian")

    @property
    def widths(self) -> tuple[int, ...]:
        """Widths of the network, without its input t."""
        return (2, *[self.hidden] * self.layers, 2)

    @property
    def n_parameters(self) -> int:
        """Number of weights and biases."""
        inputs = (3, *self.widths[1:-1])
        return sum(n_out * (n_in + 1) for n_in, n_out in zip(inputs, self.widths[1:], strict=True))

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
            raise ValueError(f"not a mapping of a flow's fields; use {', '.join(sorted(known))}")
        return cls(**data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Where points were at some times.

    Attributes
    ----------
    ys : (K, N, 2), NaN from where the solver did not get
    nfe : evaluations of the field, the most that any of the points took
    status, message : ``ok``, or how the first solve that failed ended, and a sentence
    """

    ys: FloatArray
    nfe: int
    status: Status
    message: str


class Flow:
    """A velocity field dy/dt = v(t, y) with its weights, and the source at t = 0.

    Parameters
    ----------
    spec : what it is made of
    dtype : float32 or float64
    parameters : (n_parameters,) memory to use; by default its own, zeros

    Attributes
    ----------
    net : the network; v is net(t, y), or ``blend(t)`` times it for a diffusion
    parameters : one flat vector; change it in place
    source : the distribution at t = 0
    """

    def __init__(
        self, spec: FlowSpec, *, dtype: npt.DTypeLike = np.float32, parameters: FloatArray | None = None
    ) -> None:
        self.spec, self.dtype, self.dim = spec, np.dtype(dtype), 2
        self.net = MLP(spec.widths, spec.activation, timed=True, dtype=dtype, parameters=parameters)
        self.parameters = self.net.parameters
        self.source: Source = SOURCES[spec.source]
        self._diffusion = spec.method == "diffusion"

    @classmethod
    def init(cls, spec: FlowSpec, rng: np.random.Generator, dtype: npt.DTypeLike = np.float32) -> Self:
        """Return a flow with random weights and biases.

        Weights are from N(0, 1/fan_in) and hidden biases from N(0, 1), those of the first layer `SPREAD` times larger.
        The last layer is a hundred times smaller, so that nothing moves yet and the density is the source's.
        """
        flow = cls(spec, dtype=dtype)
        MLP.init(
            rng, spec.widths, spec.activation, timed=True, dtype=dtype, parameters=flow.parameters, last_scale=0.01
        )
        for layer in flow.net.layers[:-1]:
            layer.bias[:] = rng.standard_normal(layer.bias.shape)
        flow.net.layers[0].both[:] *= SPREAD
        return flow

    @property
    def chunk(self) -> int:
        """Number of points to carry along at once, so that no step of a solver takes more than a few milliseconds."""
        return max(_LEAST_CHUNK, min(CHUNK, _WORK // self.spec.n_parameters))

    def astype(self, dtype: npt.DTypeLike) -> Flow:
        """Return a copy that computes in another dtype, or the same."""
        return Flow(self.spec, dtype=dtype, parameters=self.parameters.astype(dtype))

    def __call__(self, t: Any, y: FloatArray) -> FloatArray:
        """Return v(t, y), shape of ``y``: (2,) or (2, B); t is a float or, in a batch, (B,)."""
        velocity = self.net(t, y)
        if self._diffusion:
            velocity *= diffusion.velocity_factor(t)
        return velocity

    def into(self, t: Any, y: FloatArray, out: FloatArray) -> None:
        """Write v(t, y) into ``out``."""
        self.net.into(t, y, out)
        if self._diffusion:
            out *= diffusion.velocity_factor(t)

    def velocity(self, t: float, points: npt.ArrayLike) -> FloatArray:
        """Return the velocities (N, 2) at points (N, 2)."""
        return self(t, np.ascontiguousarray(np.asarray(points, self.dtype).T)).T

    def density_field(self, trace: str | FloatArray = "exact") -> AugmentedField | BlendedField:
        """Return the field of (y, delta_log_prob); ``trace`` is as for `AugmentedField`."""
        field = AugmentedField(self.net, trace)
        return BlendedField(field, _scaled) if self._diffusion else field

    @cached_property
    def _exact_field(self) -> AugmentedField | BlendedField:
        return self.density_field()

    def base_log_prob(self, z: FloatArray) -> FloatArray:
        """Return the source's log-density (B,) in nats at z (2, B)."""
        return self.source.log_prob(z.T)

    def log_prob_steps(
        self,
        points: npt.ArrayLike,
        *,
        t: float = 1.0,
        trace: FloatArray | None = None,
        method: str = "rk4",
        n_steps: int | None = 20,
        rtol: float = 1e-4,
    ) -> Generator[None, None, LogProb]:
        """Return log p_t at points (N, 2) by the solve back to the source; the generator yields while it works.

        Parameters
        ----------
        t : time of the density, 0 to 1
        trace : probes (2, K, N) for Hutchinson's estimate; by default the trace is exact
        method, n_steps, rtol : as for `solve`, with atol = rtol where the steps are adaptive

        Returns
        -------
        LogProb, with (N,) log-densities in nats and z0 (2, N); a point that was lost is NaN
        """
        field = self._exact_field if trace is None else self.density_field(trace)
        x = np.ascontiguousarray(np.asarray(points, self.dtype).T)
        return log_prob_steps(
            field, self.base_log_prob, x, t=t, method=method, n_steps=n_steps, rtol=rtol, atol=rtol,
            max_steps=max(MAX_STEPS, n_steps or 0), chunk=self.chunk,
        )  # fmt: skip

    def paths_steps(
        self,
        points: npt.ArrayLike,
        ts: npt.ArrayLike,
        *,
        method: str = "rk4",
        n_steps: int | None = 20,
        rtol: float = 1e-4,
    ) -> Generator[None, None, Paths]:
        """Return where points (N, 2) that are there at ts[0] are at all times ts (K,), rising or falling.

        ``method``, ``n_steps`` (over the whole span) and ``rtol`` are as for `log_prob_steps`.
        """
        starts, times = np.asarray(points, self.dtype), np.asarray(ts, np.float64)
        options: dict[str, Any] = {"n_steps": n_steps}
        if n_steps is None:
            options = {"rtol": rtol, "atol": rtol, "max_steps": MAX_STEPS}
        ys = np.full((len(times), *starts.shape), np.nan, self.dtype)
        nfe, status, message = 0, Status.OK, ""
        for begin in range(0, len(starts), self.chunk):
            piece = slice(begin, begin + self.chunk)
            y0 = np.ascontiguousarray(starts[piece].T)
            solution = yield from solve_steps(self, y0, times, method=method, **options)
            # A solve that ended early reports its last accepted time besides those that were asked for.
            n = min(len(times), len(solution.ts))
            reached = int(np.count_nonzero(solution.ts[:n] == times[:n]))
            ys[:reached, piece] = np.swapaxes(solution.ys[:reached], 1, 2)
            nfe = max(nfe, int(solution.nfe))
            if status is Status.OK and not solution.ok:
                status, message = Status(str(solution.status)), solution.message
        return Paths(ys=ys, nfe=nfe, status=status, message=message)

    def sample_steps(
        self, n: int, rng: np.random.Generator, *, method: str = "rk4", n_steps: int | None = 20, rtol: float = 1e-4
    ) -> Generator[None, None, Paths]:
        """Return ``n`` points of the source and where the flow takes them: paths at the times 0 and 1.

        ``method``, ``n_steps`` and ``rtol`` are as for `log_prob_steps`.
        """
        return self.paths_steps(self.source.sample(n, rng), (0.0, 1.0), method=method, n_steps=n_steps, rtol=rtol)


def _scaled(t: Any) -> tuple[Any, Any]:
    return 0.0, diffusion.velocity_factor(t)
