"""Latent ODEs: what an ODE-RNN makes of irregular observations, carried through time by a learned vector field."""

from __future__ import annotations

from itertools import accumulate, islice, pairwise
from math import ceil, floor, log
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from nodeviz.engine.gru import GRUCell
from nodeviz.engine.mlp import MLP
from nodeviz.models.latent_batch import MAX_TIME
from nodeviz.models.latent_encoder import check_channels, euler_steps
from nodeviz.models.latent_start import oscillators, start_linear

if TYPE_CHECKING:
    import numpy.typing as npt

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.models.latent_batch import SeriesBatch
    from nodeviz.models.latent_spec import LatentSpec

FIRST_NOISE = 0.1  # sd, where training begins


class HiddenPath(NamedTuple):
    """The encoder's state along its way: times (G,), rising, equal ones where it jumps, and states (H, G)."""

    times: FloatArray
    hidden: FloatArray


class LatentODE:
    """A latent ODE with its weights. Model time and values throughout: the window of the observations is s = 0 to 1.

    Parameters
    ----------
    spec : what it is made of
    dtype : float32 or float64
    parameters : (n_parameters,) memory to use; by default its own, zeros

    Attributes
    ----------
    parameters : one flat vector; change it in place
    field, gru, head : the encoder: its state's field between observations, what an observation does to the state, and
        the map of the last state to means and log sds of z0
    dynamics, decoder : f of dz/ds = f(z), and the map of z to the channels
    log_noise : (C,) log sd of the observations' noise
    """

    def __init__(
        self, spec: LatentSpec, *, dtype: npt.DTypeLike = np.float32, parameters: FloatArray | None = None
    ) -> None:
        self.spec, self.dtype = spec, np.dtype(dtype)
        self.parameters = np.zeros(spec.n_parameters, self.dtype) if parameters is None else parameters
        if self.parameters.shape != (spec.n_parameters,) or self.parameters.dtype != self.dtype:
            have = self.parameters
            raise ValueError(f"parameters: {have.dtype} {have.shape}; use {self.dtype} ({spec.n_parameters},)")
        self.spans = [slice(*span) for span in pairwise(accumulate(spec.sizes, initial=0))]
        field, gru, head, dynamics, decoder, self.log_noise = (self.parameters[span] for span in self.spans)
        self.field = MLP(spec.encoder_widths, spec.activation, dtype=dtype, parameters=field)
        self.gru = GRUCell(spec.inputs, spec.hidden, dtype=dtype, parameters=gru)
        self.head = MLP(spec.head_widths, spec.activation, dtype=dtype, parameters=head)
        self.dynamics = MLP(spec.dynamics_widths, spec.activation, dtype=dtype, parameters=dynamics)
        self.decoder = MLP(spec.decoder_widths, spec.activation, dtype=dtype, parameters=decoder)

    @classmethod
    def init(cls, spec: LatentSpec, rng: np.random.Generator, dtype: npt.DTypeLike = np.float32) -> Self:
        """Return a model with random weights that hardly moves the encoder's state yet.

        With tanh f begins as a bank of oscillators, see `latent_start`; otherwise its weights are from N(0, 1/fan_in),
        and so are the decoder's. The noise has an sd of `FIRST_NOISE`, the posteriors one of exp(-1).
        """
        model = cls(spec, dtype=dtype)
        scales = (model.field, 0.3), (model.head, 0.3), (model.dynamics, 1.0), (model.decoder, 1.0)
        for net, scale in scales:
            MLP.init(rng, net.widths, net.activation, dtype=dtype, parameters=net.parameters, last_scale=scale)
        GRUCell.init(rng, spec.inputs, spec.hidden, dtype=dtype, parameters=model.gru.parameters)
        model.head.layers[-1].bias[spec.latent :] = -1.0
        if spec.activation == "tanh":
            field, decoder = oscillators(spec)
            start_linear(model.dynamics, field / spec.speed, rng)
            start_linear(model.decoder, decoder, rng)
        model.log_noise[:] = log(FIRST_NOISE)
        return model

    def astype(self, dtype: npt.DTypeLike) -> LatentODE:
        """Return a copy that computes in another dtype, or the same."""
        return LatentODE(self.spec, dtype=dtype, parameters=self.parameters.astype(dtype))

    @property
    def noise(self) -> FloatArray:
        """(C,) sd of the observations' noise."""
        return np.exp(self.log_noise)

    def encode(self, batch: SeriesBatch) -> tuple[FloatArray, FloatArray]:
        """Return mean and log sd, (L, B) each, of the posterior of z0; without observations it is the prior."""
        found = self.head(0.0, self._encoder_states(batch)[-1][1])
        mean, log_sd = found[: self.spec.latent], found[self.spec.latent :]
        mean[:, batch.empty] = log_sd[:, batch.empty] = 0.0
        return mean, log_sd

    def hidden_path(self, batch: SeriesBatch, column: int = 0) -> HiddenPath:
        """Return the encoder's state along its way through one series, from s = 0 to its last observation.

        Straight lines between the times are what Euler's steps are. Where two times are equal the state jumps: the
        later entry is the state with which the way back arrives, the earlier one what the observation makes of it.
        """
        states = self._encoder_states(batch.column(column))
        times = np.array([float(t[0]) for t, _ in states[::-1]])
        return HiddenPath(times, np.concatenate([h for _, h in states[::-1]], axis=1))

    def _encoder_states(self, batch: SeriesBatch) -> list[tuple[FloatArray, FloatArray]]:
        """Return times (B,) and states (H, B): at first, after each Euler step and after each observation."""
        h, t = np.zeros((self.spec.hidden, batch.batch), self.dtype), batch.times[-1]
        states, inputs = [(t, h)], self._encoder_inputs(batch)
        steps, seen = euler_steps(batch, self.spec.encoder_dt), batch.seen.astype(self.dtype)
        sizes = iter(steps.sizes)
        for row, count in zip(range(len(seen) - 1, -2, -1), steps.counts, strict=True):
            for dt in islice(sizes, count):
                t, h = t - dt, h + dt.astype(self.dtype) * self.field(0.0, h)
                states.append((t, h))
            if row >= 0 and seen[row].any():
                h = self.gru(inputs[row], h, seen[row])
                states.append((t, h))
        return states

    def _encoder_inputs(self, batch: SeriesBatch) -> FloatArray:
        """Return what the encoder sees, (N, I, B)."""
        check_channels(batch, self.spec.channels)
        parts = [batch.times[:, None], batch.values, batch.mask]
        return np.concatenate(parts[: 2 if self.spec.channels == 1 else 3], axis=1, dtype=self.dtype)

    def velocity(self, z: npt.ArrayLike) -> FloatArray:
        """Return dz/ds at latent states z, (L,) or (L, N)."""
        return self.dynamics(0.0, z) * np.full((), self.spec.speed, self.dtype)

    def decode(self, z: npt.ArrayLike) -> FloatArray:
        """Return the channels, (C,), (C, N) or (T, C, N), at latent states (L,), (L, N) or (T, L, N)."""
        states = np.asarray(z, self.dtype)
        if states.ndim < 3:
            return self.decoder(0.0, states)
        times, latent, n = states.shape
        values = self.decoder(0.0, states.transpose(1, 0, 2).reshape(latent, times * n))
        return values.reshape(self.spec.channels, times, n).transpose(1, 0, 2)

    def curve(self, z0: npt.ArrayLike, ts: npt.ArrayLike) -> FloatArray:
        """Return the channels at the times ts, (T, C, N); see `latent_path`."""
        return self.decode(self.latent_path(z0, ts))

    def latent_path(self, z0: npt.ArrayLike, ts: npt.ArrayLike) -> FloatArray:
        """Return the latent states z(s) of those that are z0 at s = 0.

        They are solved by classic RK4 on the model's own grid, both ways from s = 0 as far as needed, with a cubic
        between its nodes: the answer at one time does not depend on the others that are asked for.

        Parameters
        ----------
        z0 : (L, N)
        ts : (T,), or (T, N) with times for each column; any order and sign

        Returns
        -------
        (T, L, N); not finite from where a path blows up

        Raises
        ------
        ValueError : times that are not finite, or beyond MAX_TIME
        """
        start = np.ascontiguousarray(z0, self.dtype)
        places = _checked_times(ts) * self.spec.steps
        low, high = floor(places.min(initial=0.0)), ceil(places.max(initial=0.0))
        states, slopes = self.nodes(start, low, high)
        index = np.clip(np.floor(places).astype(int) - low, 0, max(0, high - low - 1))
        x = (places - (index + low)).astype(self.dtype)
        ends = (index, np.minimum(index + 1, high - low))
        with np.errstate(all="ignore"):
            if places.ndim == 1:
                return _cubic(x[:, None, None], *(nodes[end] for end in ends for nodes in (states, slopes)))
            columns = np.arange(start.shape[1])
            parts = (np.swapaxes(nodes[end, :, columns], 1, 2) for end in ends for nodes in (states, slopes))
            return _cubic(x[:, None, :], *parts)

    def nodes(self, start: FloatArray, low: int, high: int) -> tuple[FloatArray, FloatArray]:
        """Return states and slopes per step, (high - low + 1, L, N), at the nodes low .. high of the grid."""
        dt = np.full((), self.spec.dt, self.dtype)
        states = np.empty((high - low + 1, *start.shape), self.dtype)
        slopes = np.empty_like(states)
        field = self.dynamics
        with np.errstate(all="ignore"):
            for ends, step in ((range(-low, high - low), dt), (range(-low, 0, -1), -dt)):
                states[-low] = start
                for i in ends:
                    y = states[i]
                    k1 = field(0.0, y)
                    k2 = field(0.0, y + step / 2 * k1)
                    k3 = field(0.0, y + step / 2 * k2)
                    k4 = field(0.0, y + step * k3)
                    states[i + (1 if step > 0 else -1)] = y + step / 6 * (k1 + 2 * (k2 + k3) + k4)
                    slopes[i] = dt * k1
                slopes[ends.stop] = dt * field(0.0, states[ends.stop])
        return states, slopes


def _checked_times(ts: npt.ArrayLike) -> FloatArray:
    times = np.asarray(ts, float)
    if times.ndim not in (1, 2):
        raise ValueError(f"ts has shape {times.shape}; it must be (T,), or (T, N) with times for each column")
    if not (np.abs(times) <= MAX_TIME).all():
        worst = times.flat[np.argmin(np.abs(times) <= MAX_TIME)]
        raise ValueError(f"ts: {worst:g} is not a model time within {MAX_TIME:g}; the window is 0 to 1")
    return times


def _cubic(x: FloatArray, y0: FloatArray, f0: FloatArray, y1: FloatArray, f1: FloatArray) -> FloatArray:
    """Return the cubic with these ends and slopes, times dt, at x from 0 to 1."""
    rise = y1 - y0
    answer: FloatArray = ((f0 + f1 - 2 * rise) * x + (3 * rise - 2 * f0 - f1)) * x
    return (answer + f0) * x + y0
