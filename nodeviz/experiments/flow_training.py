"""Flows in training: the same source and target, each its own method, side by side."""

from __future__ import annotations

import time
from collections import deque
from math import isfinite, nan
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from nodeviz.engine.solution import Status
from nodeviz.experiments.flow_costs import how_of
from nodeviz.experiments.flow_data import make_data
from nodeviz.experiments.flow_models import make_flow, methods_of
from nodeviz.experiments.flow_picture import QUICK, SAMPLES
from nodeviz.models.flow_costs import piece_of, step_seconds
from nodeviz.models.flow_training import PLANS, FlowTrainer
from nodeviz.models.transport import wasserstein2_steps

if TYPE_CHECKING:
    from collections.abc import Generator

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.experiments.flow_data import Data
    from nodeviz.experiments.flow_params import FlowParams
    from nodeviz.models.flow import Flow
    from nodeviz.models.flow_training import StepInfo

TIMED = 501  # training steps of which the median time is taken
RUNAWAY = 1e4  # a loss beyond which nothing good will come, however finite it is
ROUGH_POINTS = 512  # held-out points whose log-likelihood is followed while training goes on
ROUGH_TIMES = 40  # how often, over one run
TRANSPORTED = 1_024  # points whose Wasserstein distances are measured
STRIDE, MOST = 0.005, 20  # seconds of the training steps between two yields, about, and how many there are at most


class Learner:
    """A flow, its trainer, and what came of its steps.

    Attributes
    ----------
    steps : how many there are in a run; taken : how many there were
    message : why it trains no more and what to change, in a sentence; empty while all is well
    status : the same in a word, as a solver would say it; ``ok`` while all is well
    seconds : of all training steps together
    """

    def __init__(self, name: str, flow: Flow, params: FlowParams, data: Data, seed: int) -> None:
        self.name, self.flow = name, flow
        self.steps, self._lr = steps_of(params, name), lr_of(params, name)
        self.taken = 0
        self.message, self.status = "", Status.OK
        self.seconds = 0.0
        self._latest: deque[float] = deque(maxlen=TIMED)
        self._good = flow.parameters.copy()
        self._params, self._seed = params, seed
        self.take_data(data)

    def take_data(self, data: Data) -> None:
        """Train on with another target."""
        self._data = data
        self.try_again()

    def try_again(self) -> None:
        """Train on with a trainer that forgot what went wrong."""
        self.message, self.status = "", Status.OK
        rng, params = np.random.default_rng([self._seed, self.taken]), self._params
        self._trainer = FlowTrainer(
            self.flow,
            self._data.target.sample,
            rng,
            batch=params.batch,
            piece=piece_of(self.flow.spec, params.batch, **how_of(params)),
            steps=self.steps,
            taken=self.taken,
            rtol=params.rtol,
            **how_of(params),
        )

    @property
    def stride(self) -> int:
        """How many steps may come between two yields."""
        seconds = step_seconds(self.flow.spec, self._params.batch, **how_of(self._params))
        return max(1, min(MOST, int(STRIDE / seconds)))

    @property
    def seconds_per_step(self) -> float:
        """The median of the last steps; NaN before the first."""
        return median(self._latest) if self._latest else nan

    def train(self, count: int, live: FlowParams) -> Generator[None, None, float]:
        """Take ``count`` training steps, unless one went wrong before; return the mean loss, else NaN.

        The generator yields between the pieces of a step, where it has several.
        """
        losses = []
        for _ in range(count):
            if not self.message:
                losses.append((yield from self._step(live)))
        loss = float(np.mean(losses)) if losses and not self.message else nan
        if loss > RUNAWAY:
            self.status = Status.NONFINITE
            self.message = (
                f"Training step {self.taken}: the loss ran off to {loss:.1g}; the last weights that worked stay; lower "
                f"lr={live.lr:g}."
            )
        if self.message:
            self.flow.parameters[:] = self._good
            return nan
        self._good[:] = self.flow.parameters
        return loss

    def _step(self, live: FlowParams) -> Generator[None, None, float]:
        steps, seconds = self._trainer.step_steps(self._lr * live.lr / self._params.lr), 0.0
        while True:
            started = time.perf_counter()
            try:
                next(steps)
            except StopIteration as stop:
                info: StepInfo = stop.value
                break
            seconds += time.perf_counter() - started
            yield
        if not info.ok:
            self.message, self.status = info.message, info.status
            return nan
        self.taken += 1
        self._latest.append(seconds + time.perf_counter() - started)
        self.seconds += self._latest[-1]
        return info.loss


def steps_of(params: FlowParams, method: str) -> int:
    """Return how many training steps a method takes while that of the parameters takes ``steps``."""
    if method == params.method:
        return params.steps
    return max(1, round(params.steps * PLANS[method].steps / PLANS[params.method].steps))


def lr_of(params: FlowParams, method: str) -> float:
    """Return the learning rate of a method when that of the parameters has ``lr``."""
    return params.lr * PLANS[method].lr / PLANS[params.method].lr


class Lockstep:
    """One flow or two in training.

    A flow's weights, its batches and so all its numbers follow from the seed and its own parameters, whatever trains
    beside it. All flows have done the same share of their steps at any time.

    Attributes
    ----------
    revision : how often the data changed, or a flow was given a new try
    z0 : (N, 2) points of the source that are drawn; held_out : (M, 2) points of the target to follow the likelihood
    """

    def __init__(self, params: FlowParams, rng: np.random.Generator) -> None:
        self._data_seed, self.measure_seed, weights_seed, self._batch_seed = rng.integers(0, 2**63, 4).tolist()
        self._params = self._live = params
        self.revision = 0
        self.data = make_data(params, self._data_seed)
        self.learners = [
            Learner(name, make_flow(params, name, weights_seed), params, self.data, self._batch_seed)
            for name in methods_of(params)
        ]
        self.z0 = self.data.source.sample(SAMPLES, np.random.default_rng(self.measure_seed)).astype(np.float32)
        self._held_out = self.held_out(ROUGH_POINTS)
        self._distances: tuple[float, float] | None = None

    def held_out(self, n: int) -> FloatArray:
        """Return ``n`` points (n, 2) of the target that training never sees; the same ones whenever asked."""
        return self.data.target.sample(n, np.random.default_rng([self.measure_seed, 1]))

    def transported(self) -> tuple[FloatArray, FloatArray]:
        """Return points of the source and of the target, (n, 2) each, whose distances are measured."""
        rng = np.random.default_rng([self.measure_seed, 3])
        return self.data.source.sample(TRANSPORTED, rng), self.data.target.sample(TRANSPORTED, rng)

    def distances(self) -> Generator[None, None, tuple[float, float]]:
        """Return the 2-Wasserstein distances of these points, and of two sets of points of the target.

        The generator yields while it works; the distances are those of the data, and measured once for them.
        """
        if self._distances is None:
            source, target = self.transported()
            other = self.data.target.sample(TRANSPORTED, np.random.default_rng([self.measure_seed, 4]))
            least = yield from wasserstein2_steps(source, target)
            self._distances = least, (yield from wasserstein2_steps(other, target))
        return self._distances

    @property
    def ready(self) -> bool:
        """Whether any flow still trains."""
        return not all(learner.message for learner in self.learners)

    @property
    def status(self) -> str:
        """``ok``, or why no flow trains any more, as a solver would say it."""
        return str(Status.OK if self.ready else self.learners[0].status)

    @property
    def message(self) -> str:
        """What went wrong with any of the flows, in sentences."""
        return " ".join(f"{learner.name}: {learner.message}" for learner in self.learners if learner.message)

    def stride(self) -> int:
        """Return how many steps of the first flow may come before the next yield."""
        return self.learners[0].stride

    def follow(self, live: FlowParams, step: int) -> None:
        """Put live parameters in force: other points, and a new try for flows that training was too much for."""
        del step
        before, self._live = self._live, live
        if (live.points, live.fit_points) != (before.points, before.fit_points):
            self.data = make_data(live, self._data_seed)
            self._held_out, self._distances = self.held_out(ROUGH_POINTS), None
            self.revision += 1
            for learner in self.learners:
                learner.take_data(self.data)
        elif live.lr != before.lr:
            for learner in self.learners:
                if learner.message:
                    learner.try_again()
                    self.revision += 1

    def train(self, step: int, count: int) -> Generator[None, None, dict[str, float]]:
        """Let every flow do its share up to step ``step`` of the first one; return losses and now and then log p."""
        scalars: dict[str, float] = {}
        for learner in self.learners:
            share, before, losses = learner.steps / self._params.steps, learner.taken, []
            left = int(step * share + 1e-9) - int((step - count) * share + 1e-9)
            while left and not learner.message:
                stride = min(learner.stride, left)
                losses.append((yield from learner.train(stride, self._live)))
                left -= stride
                yield
            if losses:
                scalars |= {f"{learner.name}.loss": float(np.mean(losses)), f"{learner.name}.step": learner.taken}
            if _crossed(before, learner.taken, learner.steps):
                scalars |= yield from self._follow_likelihood(learner)
        return scalars

    def _follow_likelihood(self, learner: Learner) -> Generator[None, None, dict[str, float]]:
        found = yield from learner.flow.log_prob_steps(self._held_out, **QUICK.how)
        mean = float(found.log_prob.mean())
        if not isfinite(mean):
            return {}
        return {f"{learner.name}.mean_log_prob": mean, f"{learner.name}.mean_log_prob_step": learner.taken}


def _crossed(before: int, after: int, steps: int) -> bool:
    """Whether one of the ROUGH_TIMES equal parts of a run ended between two numbers of steps."""
    return before * ROUGH_TIMES // steps < after * ROUGH_TIMES // steps
