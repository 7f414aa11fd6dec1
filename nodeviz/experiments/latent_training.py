"""A latent ODE in training, or at rest with the weights that it came with."""

from __future__ import annotations

import json
import time
from collections import deque
from math import isfinite, nan
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from nodeviz.engine.arrays import freeze
from nodeviz.engine.solution import Status
from nodeviz.experiments.latent_costs import step_seconds
from nodeviz.experiments.latent_courses import FamilyCourse
from nodeviz.experiments.latent_data import family_of
from nodeviz.experiments.latent_frame import ModelView
from nodeviz.experiments.latent_models import saved_model
from nodeviz.experiments.latent_set_course import SetCourse
from nodeviz.experiments.params import ParamError

if TYPE_CHECKING:
    from collections.abc import Generator

    from nodeviz.experiments.latent_courses import Course
    from nodeviz.experiments.latent_data import Source
    from nodeviz.experiments.latent_models import Saved
    from nodeviz.experiments.latent_params import LatentParams

TIMED = 201  # training steps of which the median time is taken
TESTS = 20  # over one run
SLICE = 10  # pieces of what is to be done between two steps, after which edits are answered
STRIDE, MOST = 0.005, 20  # seconds of the training steps between two yields, about, and how many there are at most


class Learner:
    """The model of a run, and how its training goes.

    Attributes
    ----------
    taken : training steps; finished : whether what comes after the last one was done
    message : why it trains no more and what to change, in a sentence; empty while all is well
    """

    def __init__(self, params: LatentParams, source: Source, seed: int) -> None:
        self._params, self._live = params, params
        self.taken, self.message, self.finished = 0, "", False
        self._kept: tuple[tuple[int, bool], Saved] | None = None
        self._course: Course | None = None
        if params.weights == "fresh":
            self._course = _course(params, source, seed)
        else:
            self._saved = saved_model(params)
        check_draws(params, self.saved)
        self._loss = self._kl_weight = nan
        self._tested = (nan, nan)
        self._latest: deque[float] = deque(maxlen=TIMED)

    @property
    def saved(self) -> Saved:
        """The model as it is now, which does not change any more."""
        if self._course is None:
            return self._saved
        if self._kept is None or self._kept[0] != self.revision:
            self._kept = self.revision, self._course.saved
        return self._kept[1]

    @property
    def revision(self) -> tuple[int, bool]:
        """Changes with the model."""
        return self.taken, self.finished

    @property
    def encodes(self) -> bool:
        """Whether what its encoder says is worth showing."""
        return self._course is None or self._course.encodes

    # What training_run.Trainees asks for.

    @property
    def ready(self) -> bool:
        """Whether it trains on: not weights that are there to be used, nor a family's once all its steps are taken."""
        if self._course is None or self.message:
            return False
        return self.taken < self._params.steps or isinstance(self._course, SetCourse)

    @property
    def status(self) -> str:
        """``ok``, or why it trains no more."""
        return str(Status.NONFINITE if self.message else Status.OK)

    def stride(self) -> int:
        """Return how many training steps may come before the next yield: the same on any machine."""
        if self._course is None or self._course.busy:
            return 0
        return min(max(1, min(MOST, int(STRIDE / step_seconds(self._params)))), self._course.left)

    def follow(self, live: LatentParams, step: int) -> None:
        """Put live parameters in force: with another learning rate, training that was stopped is tried again."""
        del step
        if live.lr != self._live.lr and self.message:
            self.message = ""
        self._live = live

    def train(self, step: int, count: int) -> Generator[None, None, dict[str, float]]:
        """Take ``count`` training steps, of which ``step`` is the last; return the loss and now and then errors."""
        del step
        course, losses, before = self._course, [], self.taken
        if course is None:
            return {}
        if not count:  # there is something to do first, during which edits are answered
            for _ in range(SLICE):
                course.work()
                yield
            return {}
        for _ in range(count):
            started = time.perf_counter()
            lesson = yield from course.step(self._live.lr)
            self._latest.append(time.perf_counter() - started)
            if lesson.message:
                self.message = lesson.message
                return {}
            self.taken += 1
            losses.append(lesson.loss)
            self._kl_weight = lesson.kl_weight
        self._loss = float(np.mean(losses))
        scalars = {"loss": self._loss, "step": float(self.taken)}
        if before * TESTS // self._params.steps < self.taken * TESTS // self._params.steps:
            yield
            self._tested = yield from course.test()
            names = ("test_mse_interpolation", "test_mse_extrapolation")
            found = dict(zip(names, self._tested, strict=True)) | {"test_step": float(self.taken)}
            scalars |= found if all(map(isfinite, self._tested)) else {}
        return scalars

    def finish(self) -> Generator[None, None, None]:
        """Do what comes after the last step, once."""
        if self._course is not None and not self.finished and not self.message and self.taken >= self._params.steps:
            yield from self._course.finish()
            self.finished = True

    def view(self, steps: int) -> ModelView:
        """Return what a frame says of the model."""
        saved = self.saved
        model, spec = saved.model, saved.model.ode.spec
        return ModelView(
            spec_json=json.dumps(model.spec.to_json()),
            calibration_json=json.dumps(saved.calibration.to_json()),
            parameters=freeze(model.parameters),
            n_parameters=model.spec.n_parameters,
            channels=spec.channels,
            latent=spec.latent,
            hidden=spec.hidden,
            trained_on=saved.trained_on,
            weights=self._params.weights,
            step=self.taken,
            steps=steps if self._course is not None else 0,
            loss=self._loss,
            kl_weight=self._kl_weight,
            test_mse_interpolation=self._tested[0],
            test_mse_extrapolation=self._tested[1],
            seconds_per_step=median(self._latest) if self._latest else nan,
            diverged=bool(self.message),
            message=self.message,
        )


def check_draws(params: LatentParams, saved: Saved) -> None:
    """Check that the model can answer draws of the family, if there are to be any.

    Raises
    ------
    ParamError : it has other channels
    """
    have, family = saved.model.ode.spec.channels, family_of(params)
    if params.draws and have != family.channels:
        raise ParamError(
            f"draws={params.draws}: those of {family.name} have {family.channels} channels, the model has {have}; use "
            "draws=0, or other weights"
        )


def _course(params: LatentParams, source: Source, seed: int) -> Course:
    """Return the course that fits what there is to train on: a set of series, else a family."""
    loaded, scaling = source.trained_on, source.scaling
    if loaded is None or scaling is None:
        return FamilyCourse(params, family_of(params), seed)
    return SetCourse(params, loaded, scaling, source.name, seed)
