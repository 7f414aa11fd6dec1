"""The encoder of a latent ODE: an ODE-RNN that runs backwards in time, over any spacing."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nodeviz.engine.unrolled import UnrolledTape

if TYPE_CHECKING:
    from nodeviz.engine.arrays import BoolArray, FloatArray, IntArray
    from nodeviz.models.latent import LatentODE
    from nodeviz.models.latent_batch import SeriesBatch


class EulerSteps(NamedTuple):
    """The encoder's Euler steps on its way back: sizes (E, B), and how many come before each part of the way (N + 1,).

    Part k ends at the observation that is the k-th from the last, part N at s = 0.
    """

    sizes: FloatArray
    counts: IntArray


def euler_steps(batch: SeriesBatch, longest: float) -> EulerSteps:
    """Return the steps between the observations of a batch, and from the first of them to s = 0.

    A gap is cut into as many equal steps as it takes for none to be longer than ``longest``, for each series by itself,
    so that what is made of one does not depend on those beside it: where it needs fewer than others, the rest are 0.
    """
    times = batch.times
    gaps = np.zeros((len(times) + 1, batch.batch))
    np.subtract(times[:0:-1], times[-2::-1], out=gaps[1:-1])
    np.multiply(times[0], ~batch.empty, out=gaps[-1])
    counts = np.ceil(np.abs(gaps) * (1.0 / longest) - 1e-9).astype(np.intp)
    most = counts.max(axis=1)
    if most.max(initial=0) <= 1:
        return EulerSteps(gaps[most > 0], most)
    part = np.repeat(np.arange(len(most)), most)
    number = np.arange(len(part)) - np.repeat(np.cumsum(most) - most, most)
    sizes = (gaps / np.maximum(counts, 1))[part]
    sizes *= number[:, None] < counts[part]
    return EulerSteps(sizes, most)


def check_channels(batch: SeriesBatch, channels: int) -> None:
    """Check that a batch has as many channels as a model was made for."""
    if batch.channels != channels:
        raise ValueError(f"batch: of {batch.channels} channels; this model was made for {channels}")


class EncoderTape:
    """The encoder's way through a batch of B series, and the way back through the encoder.

    Parameters
    ----------
    model : a latent ODE; its parameters may change between two ways
    batch : B
    """

    def __init__(self, model: LatentODE, batch: int) -> None:
        self._model, self._batch = model, batch
        self._head, hidden = model.head.tape(batch, 1), model.spec.hidden
        self._rate, self._back, *self._turns = np.empty((4, hidden, batch), model.dtype)
        self._found = np.empty((2 * model.spec.latent, batch), model.dtype)
        self._jumps: list[bool] = []
        self._masked: list[bool] = []
        self._make_field(1)
        self._make_gru(1)

    def _make_field(self, slots: int) -> None:
        self._field = UnrolledTape(self._model.field, self._batch, slots)
        self._sizes = np.empty((slots, self._batch), self._model.dtype)
        self._rates = [self._field.evaluation(slot, self._rate) for slot in range(slots)]
        self._pulls = [self._field.pulling(slot, self._back) for slot in range(slots)]
        self._moved, self._rows = list(self._field.inputs), list(self._sizes)
        self._by_rate = list(self._field.cotangents)

    def _make_gru(self, slots: int) -> None:
        self._gru = self._model.gru.tape(self._batch, slots)
        self._states = list(self._gru.states)

    def _load(self, batch: SeriesBatch) -> None:
        """Write what the encoder meets on its way where it will find it."""
        check_channels(batch, self._model.spec.channels)
        steps = euler_steps(batch, self._model.spec.encoder_dt)
        seen = batch.seen[::-1]
        met: BoolArray = np.any(seen, axis=1)
        self._n_steps, self._n_jumps = len(steps.sizes), int(np.count_nonzero(met))
        if self._n_steps > len(self._sizes):
            self._make_field(self._n_steps * 5 // 4)
        if self._n_jumps > len(self._states):
            self._make_gru(self._n_jumps * 5 // 4)
        self._sizes[: self._n_steps] = steps.sizes
        n, channels, inputs = self._n_jumps, batch.channels, self._gru.inputs
        inputs[:n, 0], inputs[:n, 1 : 1 + channels] = batch.times[::-1][met], batch.values[::-1][met]
        if channels > 1:
            inputs[:n, 1 + channels :] = batch.mask[::-1][met]
        self._gru.seen[:n] = seen[met]
        self._masked = [not everyone for everyone in np.all(seen[met], axis=1).tolist()]
        self._jumps = []
        for count, jump in zip(steps.counts.tolist(), [*met.tolist(), False], strict=True):
            self._jumps += [False] * count + [True] * jump

    def _places(self) -> list[FloatArray]:
        """Return where the state before each piece of the way lies, and at last where the head reads it."""
        moved, states = iter(self._moved), iter(self._states)
        return [next(states) if jump else next(moved) for jump in self._jumps] + [self._head.inputs[0]]

    def forward(self, batch: SeriesBatch) -> FloatArray:
        """Return means and log sds, (2 L, B), of the posteriors; until the next call."""
        self._load(batch)
        self._gru.project(self._n_jumps)
        places, rate, step, jump = self._places(), self._rate, 0, 0
        places[0].fill(0.0)
        for i, jumps in enumerate(self._jumps):
            if jumps:
                self._gru.evaluate(jump, places[i + 1], masked=self._masked[jump])
                jump += 1
                continue
            for call in self._rates[step]:
                call()
            np.multiply(rate, self._rows[step], rate)
            np.add(places[i], rate, places[i + 1])
            step += 1
        self._head.evaluate(0, 0.0, None, self._found)
        self._empty = batch.empty
        self._any_empty = bool(self._empty.any())
        if self._any_empty:
            self._found[:, self._empty] = 0.0
        return self._found

    def backward(self, cotangent: FloatArray, grad: FloatArray) -> None:
        """Add to ``grad``, (n_parameters,) of the model, given the cotangent of what `forward` returned, (2 L, B)."""
        spans = self._model.spans
        if self._any_empty:
            cotangent[:, self._empty] = 0.0
        (here, there), back = self._turns, self._back
        self._head.pull(0, cotangent, here)
        self._head.add_gradient(grad[spans[2]])
        self._gru.turn(self._n_jumps)
        self._field.turn(self._n_steps)
        step, jump = self._n_steps, self._n_jumps
        for jumps in reversed(self._jumps):
            if jumps:
                jump -= 1
                self._gru.pull(jump, here, there)
                here, there = there, here
                continue
            step -= 1
            np.multiply(here, self._rows[step], self._by_rate[step])
            for call in self._pulls[step]:
                call()
            np.add(here, back, here)
        self._field.add_sums(grad[spans[0]], self._n_steps)
        self._gru.add_gradient(grad[spans[1]], self._n_jumps)
