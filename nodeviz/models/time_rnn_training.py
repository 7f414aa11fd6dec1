"""Training steps of an RNN with times, by the likelihood of functions that are known between their observations."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nodeviz.engine.norms import all_finite
from nodeviz.engine.optim import Adam, clip
from nodeviz.engine.unrolled import UnrolledTape
from nodeviz.models.latent_batch import SeriesBatch
from nodeviz.models.time_rnn import LEAST_VARIANCE, MOST_LOG_SD, TimeRNN, since_and_until

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray, IntArray
    from nodeviz.problems.families import Family

BEYOND = 8  # targets after the last observation, of each function
BETWEEN = 16  # targets before it, at least; one in each gap
CLIP = 1.0  # of the gradient's norm
EASE = 0.5  # of the variance by which each square error is divided, the power that is taken off again


class Targets(NamedTuple):
    """Where a function is to be predicted: times in the gaps between observations, the same number for each function.

    Attributes
    ----------
    times : (S, B), anywhere in their gaps
    gaps : (S,) rising; gap k comes before observation k, gap n after all
    weights : (S, B) what share of the window each stands for; 1 in all for each function
    """

    times: FloatArray
    gaps: IntArray
    weights: FloatArray


class RNNStep(NamedTuple):
    """One training step: the negative log likelihood per value in nats, the mean squared error, and the gradient.

    ``taken`` says whether the parameters were changed: not where something is not finite.
    """

    loss: float
    mse: float
    grad_norm: float
    taken: bool


def draw_targets(times: FloatArray, horizon: float, rng: np.random.Generator) -> Targets:
    """Draw times at which functions observed at ``times`` (n, B) are to be predicted, from 0 to ``horizon``.

    As many of them lie in each gap as in any other, which their weights make up for; more after the last observation.
    """
    n, batch = times.shape
    each = -(-BETWEEN // n) if n else 0
    gaps = np.concatenate([np.repeat(np.arange(n), each), np.full(BEYOND, n)])
    edges = np.concatenate([np.zeros((1, batch)), times, np.full((1, batch), max(horizon, 1.0))])
    width = np.diff(edges, axis=0)[gaps]
    places = edges[gaps] + width * rng.random((len(gaps), batch))
    count = np.where(gaps < n, each, BEYOND)
    return Targets(places, gaps, width / (count[:, None] * edges[-1]))


@dataclass(frozen=True, slots=True)
class _Passed:
    """What the way through a batch leaves for the way back."""

    n: int
    gaps: IntArray
    raw: FloatArray


class RNNTrainer:
    """Takes training steps with an RNN, whose parameters are never written but by finite ones.

    Parameters
    ----------
    model : trained in place
    batch : functions of a step
    most : observations of each, at most
    """

    def __init__(self, model: TimeRNN, batch: int, most: int) -> None:
        self.model, self.batch, self._most = model, batch, most
        slots = max(2 * BETWEEN, most + BETWEEN) + BEYOND
        self._ahead = model.forwards.tape(batch, most + 1)
        self._back = model.backwards.tape(batch, most + 1)
        self._decoder = UnrolledTape(model.decoder, batch, slots)
        self._raw = np.empty((slots, 2 * model.spec.channels, batch), model.dtype)
        self._below = np.empty((slots, model.decoder.widths[0], batch), model.dtype)
        self._evaluations = [self._decoder.evaluation(slot, out) for slot, out in enumerate(self._raw)]
        self._pulls = [self._decoder.pulling(slot, out) for slot, out in enumerate(self._below)]
        self._cotangent = np.empty((2, model.spec.hidden, batch), model.dtype)
        self._grad = np.empty_like(model.parameters)
        self._adam = Adam(len(self._grad), model.dtype, beta2=0.99)

    def step(self, batch: SeriesBatch, targets: Targets, clean: FloatArray, lr: float) -> RNNStep:
        """Take a step on series whose functions have the values ``clean``, (S, C, B), at the targets."""
        loss, mse, grad = self.gradient(batch, targets, clean)
        norm = clip(grad, CLIP)
        if not (isfinite(loss) and isfinite(norm)):
            return RNNStep(loss, mse, norm, taken=False)
        before = self.model.parameters.copy()
        self._adam.step(self.model.parameters, grad, lr)
        taken = all_finite(self.model.parameters)
        if not taken:
            self.model.parameters[:] = before
        return RNNStep(loss, mse, norm, taken=taken)

    def gradient(
        self, batch: SeriesBatch, targets: Targets, clean: FloatArray, ease: float = EASE
    ) -> tuple[float, float, FloatArray]:
        """Return the loss, the mean squared error, and what the parameters are moved against, to be used at once.

        With ``ease`` 0 that is the gradient of the loss, the negative log likelihood. Otherwise each value counts in it
        by its variance to this power, lest a step cares for those alone that are nearly known already.

        References
        ----------
        Seitzer et al. 2022, "On the pitfalls of heteroscedastic uncertainty estimation", arXiv:2203.09168.
        """
        passed = self._forward(batch, targets)
        channels = self.model.spec.channels
        mean, log_sd = passed.raw[:, :channels], passed.raw[:, channels:]
        weights = targets.weights[:, None].astype(self.model.dtype)
        spread = np.exp(2.0 * np.minimum(log_sd, MOST_LOG_SD))
        variance = spread + LEAST_VARIANCE
        miss = mean - clean.astype(self.model.dtype)
        scaled = miss / variance
        per_value = 0.5 * np.log(2.0 * np.pi * variance) + 0.5 * miss * scaled
        share = 1.0 / (self.batch * channels)
        loss, mse = (share * float((weights * part).sum()) for part in (per_value, miss * miss))
        worth = share * weights * (variance**ease if ease else 1.0)
        cotangents = self._decoder.cotangents[: len(passed.gaps)]
        np.multiply(worth, scaled, cotangents[:, :channels])
        np.multiply(worth, spread / variance * (1.0 - miss * scaled), cotangents[:, channels:])
        self._backward(passed)
        return loss, mse, self._grad

    def _forward(self, batch: SeriesBatch, targets: Targets) -> _Passed:
        """Read the observations both ways and answer at the targets."""
        n, used, hidden = len(batch.times), len(targets.gaps), self.model.spec.hidden
        if n > self._most or batch.batch != self.batch:
            raise ValueError(f"batch: {n} x {batch.batch}; this trainer takes up to {self._most} x {self.batch}")
        self._ahead.states[0], self._back.states[0] = 0.0, 0.0
        for tape, seen_in_turn in zip((self._ahead, self._back), self.model.inputs(batch) if n else (), strict=False):
            tape.inputs[:n] = seen_in_turn
            tape.project(n)
            for k in range(n):
                tape.evaluate(k, tape.states[k + 1])
        inputs, gaps = self._decoder.inputs, targets.gaps
        inputs[:used, :hidden] = self._ahead.states[gaps]
        inputs[:used, hidden : 2 * hidden] = self._back.states[n - gaps]
        around = since_and_until(batch, targets.times, np.broadcast_to(gaps[:, None], targets.times.shape))
        inputs[:used, 2 * hidden :] = around.transpose(0, 2, 1)
        for calls in self._evaluations[:used]:
            for call in calls:
                call()
        return _Passed(n, gaps, self._raw[:used])

    def _backward(self, passed: _Passed) -> None:
        """Write the gradient, given the cotangents of the answers."""
        n, used, hidden = passed.n, len(passed.gaps), self.model.spec.hidden
        self._grad.fill(0.0)
        self._decoder.turn(used)
        for calls in self._pulls[:used]:
            for call in calls:
                call()
        ahead, back, decoder = (self._grad[span] for span in self.model.spans)
        self._decoder.add_sums(decoder, used)
        if not n:
            return
        first = np.searchsorted(passed.gaps, np.arange(n + 1))
        by_state = np.add.reduceat(self._below[:used, : 2 * hidden], first, axis=0)
        ways = (self._ahead, by_state[:, :hidden], ahead), (self._back, by_state[::-1, hidden:], back)
        for tape, cotangents, grad in ways:
            tape.turn(n)
            above, below = self._cotangent
            above[...] = cotangents[n]
            for k in range(n - 1, -1, -1):
                tape.pull(k, above, below)
                np.add(below, cotangents[k], above)
            tape.add_gradient(grad, n)


def train_step(
    trainer: RNNTrainer, family: Family, n: int, lr: float, rng: np.random.Generator, horizon: float | None = None
) -> RNNStep:
    """Take a step on fresh functions of a family, each observed ``n`` times.

    Of several channels one value in ten is left out, so that missing values are nothing new.

    Parameters
    ----------
    horizon : last time of the targets, by default the family's. Where that is no later than the observations, the last
        ones are left out, up to two thirds of them, lest nothing is learned of what comes after them
    """
    horizon = family.horizon if horizon is None else horizon
    curves = family.draw(trainer.batch, rng)
    times, values = family.observe(curves, n, rng)
    if horizon <= 1.0:
        kept = int(rng.integers(n // 3, n, endpoint=True))
        times, values = times[:, :kept], values[:, :kept]
    batch = SeriesBatch.stack(times.T, values.transpose(1, 2, 0) / family.scale)
    if batch.channels > 1:
        mask = batch.mask & (rng.random(batch.mask.shape) < 0.9)
        batch = SeriesBatch(batch.times, np.where(mask, batch.values, 0.0), mask)
    targets = draw_targets(batch.times, horizon, rng)
    clean = curves.paths(targets.times.T).transpose(1, 2, 0) / family.scale
    return trainer.step(batch, targets, clean, lr)
