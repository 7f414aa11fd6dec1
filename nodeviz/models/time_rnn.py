"""An RNN that is told the times: a baseline without an ODE, which reads observations both ways and answers anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from itertools import accumulate, pairwise
from numbers import Integral
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from nodeviz.engine.gru import GRUCell
from nodeviz.engine.mlp import MLP

if TYPE_CHECKING:
    from collections.abc import Generator

    import numpy.typing as npt

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.models.latent_batch import SeriesBatch

LEAST_VARIANCE = 1e-4  # of the function, in model units: nothing is known better than to 0.01
MOST_LOG_SD = 5.0  # beyond, its square might overflow
_LIMITS = MappingProxyType(
    {"channels": (1, 64), "hidden": (1, 2000), "decoder_hidden": (1, 2000), "decoder_layers": (1, 8)}
)
_COLUMNS = 2048  # that are decoded at once


@dataclass(frozen=True, slots=True, kw_only=True)
class RNNSpec:
    """What an RNN with times is made of, apart from its weights.

    Attributes
    ----------
    channels : C
    hidden : H, size of each of two GRUs' states
    decoder_hidden, decoder_layers : width and number of the hidden layers, with tanh, of the network that answers

    Raises
    ------
    ValueError : a value out of its range, in one sentence
    """

    channels: int = 1
    hidden: int = 32
    decoder_hidden: int = 64
    decoder_layers: int = 2

    def __post_init__(self) -> None:
        for name, (least, most) in _LIMITS.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Integral) or not least <= int(value) <= most:
                raise ValueError(f"{name}={value!r}: must be a whole number from {least} to {most}")

    @property
    def inputs(self) -> int:
        """What a GRU sees of an observation: its time, the time since the one before, values, and which are there."""
        return 2 + (self.channels if self.channels == 1 else 2 * self.channels)

    @property
    def decoder_widths(self) -> tuple[int, ...]:
        """Widths of the network from both states and three times to means and log sds."""
        return (2 * self.hidden + 3, *[self.decoder_hidden] * self.decoder_layers, 2 * self.channels)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Numbers of parameters: of the GRU forwards, of that backwards, of the decoder."""
        gru = 3 * self.hidden * (self.inputs + 1 + self.hidden + 1)
        return gru, gru, sum(n_out * (n_in + 1) for n_in, n_out in pairwise(self.decoder_widths))

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
            raise ValueError(f"not a mapping of an RNN's fields; use {', '.join(sorted(known))}")
        return cls(**data)


class RNNPrediction(NamedTuple):
    """What the function is at M times, (M, C, B) each: its mean, and its sd, without the noise of observations."""

    mean: FloatArray
    sd: FloatArray


class TimeRNN:
    """A GRU that reads the observations forwards, one that reads them backwards, and a network that answers.

    Each sees the time of an observation and the time since the one that it saw before. The answer at a time comes from
    the states of both at the observations around it, and from how far away these are.

    Parameters
    ----------
    spec : what it is made of
    dtype : float32 or float64
    parameters : (n_parameters,) memory to use; by default its own, zeros

    Attributes
    ----------
    parameters : one flat vector; change it in place
    spans : the parts of it that belong to ``forwards``, ``backwards`` and ``decoder``

    References
    ----------
    The baselines RNN-dt of Rubanova et al. 2019, arXiv:1907.03907, and RNN of Chen et al. 2018, arXiv:1806.07366,
    section 5.1; here it also reads backwards (Schuster, Paliwal 1997), since one that looks ahead would otherwise have
    an advantage between observations that is none of the ODE's.
    """

    def __init__(
        self, spec: RNNSpec, *, dtype: npt.DTypeLike = np.float32, parameters: FloatArray | None = None
    ) -> None:
        self.spec, self.dtype = spec, np.dtype(dtype)
        self.parameters = np.zeros(spec.n_parameters, self.dtype) if parameters is None else parameters
        if self.parameters.shape != (spec.n_parameters,) or self.parameters.dtype != self.dtype:
            have = self.parameters
            raise ValueError(f"parameters: {have.dtype} {have.shape}; use {self.dtype} ({spec.n_parameters},)")
        self.spans = [slice(*span) for span in pairwise(accumulate(spec.sizes, initial=0))]
        forwards, backwards, decoder = (self.parameters[span] for span in self.spans)
        self.forwards = GRUCell(spec.inputs, spec.hidden, dtype=dtype, parameters=forwards)
        self.backwards = GRUCell(spec.inputs, spec.hidden, dtype=dtype, parameters=backwards)
        self.decoder = MLP(spec.decoder_widths, dtype=dtype, parameters=decoder)

    @classmethod
    def init(cls, spec: RNNSpec, rng: np.random.Generator, dtype: npt.DTypeLike = np.float32) -> Self:
        """Return a model with weights from N(0, 1/fan_in), those of the last layer a tenth of it."""
        model = cls(spec, dtype=dtype)
        for cell in (model.forwards, model.backwards):
            GRUCell.init(rng, spec.inputs, spec.hidden, dtype=dtype, parameters=cell.parameters)
        net = model.decoder
        MLP.init(rng, net.widths, net.activation, dtype=dtype, parameters=net.parameters, last_scale=0.1)
        return model

    def astype(self, dtype: npt.DTypeLike) -> TimeRNN:
        """Return a copy that computes in another dtype, or the same."""
        return TimeRNN(self.spec, dtype=dtype, parameters=self.parameters.astype(dtype))

    def inputs(self, batch: SeriesBatch) -> tuple[FloatArray, FloatArray]:
        """Return what the GRUs see, (N, I, B), in the order in which each sees it: forwards, and from the end."""
        if batch.channels != self.spec.channels:
            raise ValueError(f"batch: of {batch.channels} channels; this model was made for {self.spec.channels}")
        since = np.diff(batch.times, axis=0, prepend=batch.times[:1])
        until = np.diff(batch.times, axis=0, append=batch.times[-1:])
        values = [batch.values, batch.mask][: 1 if self.spec.channels == 1 else 2]
        ahead, back = (
            np.concatenate([batch.times[:, None], gaps[:, None], *values], axis=1, dtype=self.dtype)
            for gaps in (since, until)
        )
        return ahead, back[::-1]

    def predict(self, batch: SeriesBatch, ts: npt.ArrayLike) -> RNNPrediction:
        """Return what the function is at times (M,), or (M, B) for each series its own; see `predict_steps`."""
        steps = self.predict_steps(batch, ts)
        while True:
            try:
                next(steps)
            except StopIteration as done:
                result: RNNPrediction = done.value
                return result

    def predict_steps(self, batch: SeriesBatch, ts: npt.ArrayLike) -> Generator[None, None, RNNPrediction]:
        """Return what the function is at times (M,), or (M, B) for each series its own, in steps of a few milliseconds.

        Times and values are in model units.

        Raises
        ------
        ValueError : times of another shape, or a batch of other channels
        """
        times = np.asarray(ts, dtype=np.float64)
        if times.ndim not in {1, 2} or (times.ndim == 2 and times.shape[1] != batch.batch):
            raise ValueError(f"ts has shape {times.shape}; give (M,), or (M, B) with B = {batch.batch} series")
        times = np.broadcast_to(times if times.ndim == 2 else times[:, None], (len(times), batch.batch))
        before, after = yield from self._states(batch)
        mean, sd = (np.empty((len(times), self.spec.channels, batch.batch), self.dtype) for _ in range(2))
        columns = np.arange(batch.batch)
        step = max(1, _COLUMNS // max(1, batch.batch))
        for start in range(0, len(times), step):
            some = times[start : start + step]
            gaps = (batch.times[:, None] <= some).sum(axis=0)
            around = since_and_until(batch, some, gaps)
            inputs = np.concatenate([before[gaps, :, columns], after[gaps, :, columns], around], axis=2)
            found = self.decoder(0.0, inputs.reshape(-1, inputs.shape[2]).T).reshape(2, -1, *some.shape)
            mean[start : start + step] = found[0].transpose(1, 0, 2)
            variance = np.exp(2.0 * np.minimum(found[1], MOST_LOG_SD)) + LEAST_VARIANCE
            sd[start : start + step] = np.sqrt(variance).transpose(1, 0, 2)
            yield
        return RNNPrediction(mean, sd)

    def _states(self, batch: SeriesBatch) -> Generator[None, None, tuple[FloatArray, FloatArray]]:
        """Return the states (N + 1, H, B) at the gaps between observations: what was before each, and what is after.

        Entry k of both belongs to the gap before observation k, the last to what lies after all of them.
        """
        ahead, back = self.inputs(batch)
        seen = batch.seen.astype(self.dtype)
        n, shape = len(seen), (len(seen) + 1, self.spec.hidden, batch.batch)
        before, after = np.zeros(shape, self.dtype), np.zeros(shape, self.dtype)
        rows = min(32, max(1, 1024 // max(1, batch.batch)))  # read between two yields
        for k in range(n):
            before[k + 1] = self.forwards(ahead[k], before[k], seen[k])
            after[n - 1 - k] = self.backwards(back[k], after[n - k], seen[n - 1 - k])
            if k % rows == rows - 1:
                yield
        return before, after


def since_and_until(batch: SeriesBatch, times: FloatArray, gaps: npt.NDArray[np.intp]) -> FloatArray:
    """Return times (M, B), how long since the observation before, and how long until the one after, (M, B, 3).

    Without one before it is since 0, without one after it is 0.

    Parameters
    ----------
    gaps : (M, B), how many observations come before each time
    """
    n, columns = len(batch.times), np.arange(batch.batch)
    if not n:
        return np.stack([times, times, np.zeros_like(times)], axis=2)
    known = np.where(batch.empty, 0.0, batch.times)
    since = times - np.where(gaps > 0, known[np.maximum(gaps - 1, 0), columns], 0.0)
    until = np.where(gaps < n, known[np.minimum(gaps, n - 1), columns] - times, 0.0)
    return np.stack([times, since, np.where(batch.empty, 0.0, until)], axis=2)
