"""Classifiers in training: the same data, the same batches, one step of each in turn."""

from __future__ import annotations

import time
from collections import deque
from math import nan
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from nodeviz.engine.solution import Status
from nodeviz.experiments.classifier_data import SHOWN, Seeds, draw_data
from nodeviz.experiments.classifier_models import make_model
from nodeviz.experiments.classifier_picture import trained_solver
from nodeviz.models.measures import nfe_steps
from nodeviz.models.training import Trainer, minibatches

if TYPE_CHECKING:
    from collections.abc import Generator

    from nodeviz.engine.arrays import FloatArray, IntArray
    from nodeviz.experiments.classifier_params import ClassifierParams
    from nodeviz.models.depth import DepthClassifier
    from nodeviz.models.training import StepInfo

TIMED = 1001  # training steps of which the median time is taken
NFE_EVERY = 20  # training steps from one count of the evaluations to the next


class Learner:
    """A model, its trainer, and what came of its steps.

    Attributes
    ----------
    message : why it trains no more and what to change, in a sentence; empty while all is well
    status : the same in a word, as a solver would say it; ``ok`` while all is well
    """

    def __init__(self, name: str, model: DepthClassifier, params: ClassifierParams) -> None:
        self.name, self.model = name, model
        self.message, self.status = "", Status.OK
        self._seconds: deque[float] = deque(maxlen=TIMED)
        self._trainer = Trainer(
            model,
            **trained_solver(params).how,
            gradient=params.gradient,
            loss=params.loss,
            optimizer=params.optimizer,
            momentum=params.momentum,
            clip=params.clip,
            schedule=params.schedule,
            steps=params.steps,
        )

    @property
    def seconds_per_step(self) -> float:
        """The median of the last steps; NaN before the first."""
        return median(self._seconds) if self._seconds else nan

    def step(
        self, X: FloatArray, labels: IntArray, live: ClassifierParams
    ) -> Generator[None, None, tuple[float, float]]:
        """Take a training step, unless one went wrong before; return loss and accuracy of the batch, else NaN.

        The generator yields where the step is a long one; its time is that between the yields.
        """
        if self.message:
            return nan, nan
        self._trainer.weight_decay = live.weight_decay
        spent, pieces = 0.0, self._trainer.step_pieces(X, labels, live.lr)
        while True:
            started = time.perf_counter()
            try:
                next(pieces)
            except StopIteration as end:
                info: StepInfo = end.value
                break
            finally:
                spent += time.perf_counter() - started
            yield
        self.message, self.status = info.message, info.status
        if not info.ok:
            return nan, nan
        self._seconds.append(spent)
        return info.loss, info.accuracy

    def try_again(self) -> None:
        """Train on after something that it depends on was changed; the optimiser forgot when it went wrong."""
        self.message, self.status = "", Status.OK


class Lockstep:
    """Models that train side by side.

    A model's weights, its batches and so all its numbers follow from the seed and its own parameters, whatever trains
    beside it. ``revision`` counts the changes of ``data``.
    """

    def __init__(self, params: ClassifierParams, rng: np.random.Generator) -> None:
        self.seeds = Seeds.of(rng)
        self._live, self.revision = params, 0
        self.learners = [Learner(name, make_model(params, name, self.seeds.weights), params) for name in params.models]
        self._take_data(params, 0)

    def _take_data(self, params: ClassifierParams, step: int) -> None:
        self.data = draw_data(params, self.seeds.data)
        self.revision += 1
        self._X = self.data.train.astype(np.float32)
        self._batches = minibatches(len(self._X), params.batch, np.random.default_rng([self.seeds.batches, step]))

    @property
    def ready(self) -> bool:
        """Whether any model still trains."""
        return any(learner.status is Status.OK for learner in self.learners)

    @property
    def status(self) -> str:
        """``ok``, or why no model trains any more, as a solver would say it."""
        return str(Status.OK if self.ready else self.learners[0].status)

    def follow(self, live: ClassifierParams, step: int) -> None:
        """Put live parameters in force: other points, and a new try for models that training was too much for."""
        before, self._live = self._live, live
        if live.points != before.points:
            self._take_data(live, step)
        if (live.lr, live.weight_decay, live.points) != (before.lr, before.weight_decay, before.points):
            for learner in self.learners:
                learner.try_again()

    def stride(self) -> int:
        """Return how many training steps may come before the next yield."""
        return 1

    def train(self, step: int, count: int) -> Generator[None, None, dict[str, float]]:
        """Let every model take training step ``step``; return losses, accuracies and now and then evaluations."""
        del count  # never more than the stride
        chosen = next(self._batches)
        X, labels = self._X[chosen], self.data.train_labels[chosen]
        scalars: dict[str, float] = {}
        for learner in self.learners:
            loss, accuracy = yield from learner.step(X, labels, self._live)
            scalars |= {f"{learner.name}.loss": loss, f"{learner.name}.accuracy": accuracy}
            yield
            if step % NFE_EVERY == 0 or step == 1:
                nfe = yield from nfe_steps(learner.model, self.data.train[:SHOWN])
                scalars |= {f"{learner.name}.nfe": nfe, f"{learner.name}.nfe_step": step}
        return scalars
