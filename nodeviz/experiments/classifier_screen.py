"""The frames of a classifier: what is drawn while it trains, and what is measured while it rests."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.engine.arrays import freeze
from nodeviz.experiments.classifier_frame import ClassifierFrame, ModelStability, ModelView, StabilityView
from nodeviz.experiments.classifier_measures import probe_measures, quick_measures, slow_measures, solver_measures
from nodeviz.experiments.classifier_picture import NO_REGIONS, depth_solver, depths, picture_steps, trained_solver
from nodeviz.experiments.phase_frame import read_only
from nodeviz.experiments.training_run import Pace
from nodeviz.models.stability import model_stability_steps

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.experiments.base import Metrics, Request
    from nodeviz.experiments.classifier_measures import Measures
    from nodeviz.experiments.classifier_params import ClassifierParams
    from nodeviz.experiments.classifier_training import Learner, Lockstep

    Frames = Generator[ClassifierFrame | None, None, None]

SHARE = 1 / 8  # of the time that pictures may take while training: showing them takes the window about as long again
UNSOLVED: Mapping[str, Any] = MappingProxyType(
    {"solver_steps": read_only(np.zeros(0, np.int64)), "solver_accuracy": freeze(np.zeros(0))}
)
UNMEASURED: Mapping[str, Any] = MappingProxyType(
    {
        **dict.fromkeys(("train_accuracy", "test_accuracy", "loss", "nfe", "dense_error", "max_stretch"), math.nan),
        "nfe_map": NO_REGIONS,
        "nfe_points": freeze(np.zeros(0)),
        **UNSOLVED,
    }
)


class Screen:
    """Makes frames of models in training; what has not changed since is not made again.

    Where somebody watches, those that come while training goes on hold less, so that it goes on.
    """

    def __init__(self, lockstep: Lockstep, params: ClassifierParams, *, watched: bool = False) -> None:
        self._lockstep, self._params, self._live = lockstep, params, params
        self._views = [_blank(learner) for learner in lockstep.learners]
        self._point = lockstep.data.view.points[0]
        self._stability = _nothing_known(lockstep)
        self._pace, self._watched = Pace(SHARE), watched
        self._made: dict[str, tuple[object, ...]] = {}  # what there is, and all that it depends on
        self._revision = lockstep.revision
        self._shown: tuple[object, ...] = ()

    def follow(self, live: ClassifierParams) -> None:
        """Put live parameters in force; the next picture may come at once."""
        self._live = live
        self._pace.hurry()

    @property
    def due(self) -> bool:
        """Whether the next picture may come while training goes on."""
        return self._pace.due

    @property
    def views(self) -> tuple[ModelView, ...]:
        """The models as last drawn and measured."""
        return tuple(self._views)

    def draw(self, step: int, steps: int, *, resting: bool) -> Frames:
        """Make a picture: yield None meanwhile, and then the frame if it differs from the last one.

        While training goes on, what no plot shows is left out.
        """
        started = time.perf_counter()
        regions, whole = resting or self._live.plane == "input", resting or not self._watched
        solver = depth_solver(self._live)
        self._forget(solver.method)
        key = (step, self._lockstep.revision, solver)
        if self._made.get("picture") not in {(*key, True, True), (*key, regions, whole)}:
            for i, learner in enumerate(self._lockstep.learners):
                made = yield from picture_steps(
                    learner.model,
                    self._lockstep.data.view,
                    solver,
                    regions=regions,
                    probe=self._made.get("probe") != key,
                    whole=whole,
                )
                self._put(i, made)
            self._made["picture"] = (*key, regions, whole)
        if "stability" in {self._live.upper, self._live.lower}:
            yield from self.look(self._point, step)
        yield from self._show(step, steps)
        self._pace.drawn(started)

    def measure(self, step: int, steps: int) -> Frames:
        """Measure what is not known of the models as they are: yield None meanwhile, and frames with what is known.

        All measures in a frame are of one step: the first new ones take the old ones away.
        """
        for name, key, make in self._measures(step):
            if self._made.get(name) == key:
                continue
            found = []
            for learner in self._lockstep.learners:
                found.append((yield from make(learner)))
            for i, fields in enumerate(found):
                self._put(i, {**UNMEASURED, **fields} if name == "quick" else fields)
            self._made[name] = key
            yield from self._show(step, steps)

    def _forget(self, method: str) -> None:
        """Blank what was measured of other data, or with another method than the one that is shown."""
        gone: Mapping[str, Any] = {}
        if self._lockstep.revision != self._revision:
            self._revision, gone = self._lockstep.revision, UNMEASURED
            for name in ("quick", "solver", "slow"):
                self._made.pop(name, None)
        elif self._made.get("solver", (method,))[-1] != method:
            gone = UNSOLVED
            del self._made["solver"]
        for i in range(len(self._views)):
            self._put(i, gone)

    def _measures(self, step: int) -> Iterator[tuple[str, tuple[object, ...], Callable[[Learner], Measures]]]:
        lockstep, data = self._lockstep, self._lockstep.data
        trained, shown = trained_solver(self._params), depth_solver(self._live)
        at = (step, lockstep.revision)
        yield "quick", at, lambda each: quick_measures(each.model, data, trained, self._params.loss)
        yield "probe", (*at, shown), lambda each: probe_measures(each.model, data, shown)
        yield "solver", (*at, shown.method), lambda each: solver_measures(each.model, data, shown.method)
        yield "slow", at, lambda each: slow_measures(each.model, data, trained, lockstep.seeds.fresh)

    def look(self, point: FloatArray, step: int) -> Generator[None, None, StabilityView]:
        """Return how the models treat the neighbours of a point (2,) of the plane."""
        key = (step, self._lockstep.revision, *np.asarray(point).tolist())
        if self._made.get("stability") != key:
            found = []
            for learner in self._lockstep.learners:
                found.append((yield from _stability_of(learner, point, self._params)))
            self._point, self._stability = point, StabilityView(point=freeze(point), models=tuple(found))
            self._made["stability"] = key
        return self._stability

    def answer(self, request: Request, step: int) -> Generator[None, None, StabilityView | None]:
        """Return the answer to a request of kind ``stability``, whose payload is a point; None to any other."""
        if request.kind != "stability":
            return None
        return (yield from self.look(np.asarray(request.payload, np.float64), step))

    def metrics(self) -> Metrics:
        """Return the metrics that ``nodeviz list`` documents."""
        return {"models": {view.name: metrics_of(view) for view in self._views}}

    def _put(self, i: int, fields: Mapping[str, Any]) -> None:
        self._views[i] = dataclasses.replace(self._views[i], **fields)

    def _show(self, step: int, steps: int) -> Frames:
        """Yield a frame of what there is, if it differs from the last one."""
        learners = self._lockstep.learners
        state = (step, steps, *(learner.message for learner in learners), *sorted(self._made.items()))
        if state == self._shown:
            return
        self._shown = state
        measured = self._made.get("quick", (-1,))[0]
        for i, learner in enumerate(learners):
            self._put(
                i,
                {
                    "seconds_per_step": learner.seconds_per_step,
                    "diverged": bool(learner.message),
                    "message": learner.message or unsolved(self._views[i]),
                    "measured_step": measured,
                },
            )
        yield ClassifierFrame(
            step=step,
            steps=steps or self._params.steps,
            t1=self._params.t1,
            data=self._lockstep.data.view,
            models=self.views,
            stability=self._stability,
        )


def metrics_of(view: ModelView) -> dict[str, Any]:
    """Return the metrics of one model."""
    nfe = view.nfe_points[np.isfinite(view.nfe_points)]
    least, mean, most = (nfe.min(), nfe.mean(), nfe.max()) if len(nfe) else (np.nan,) * 3
    return {
        "train_accuracy": view.train_accuracy,
        "test_accuracy": view.test_accuracy,
        "dense_error": view.dense_error,
        "loss": view.loss,
        "nfe": view.nfe,
        "nfe_per_sample": {"min": float(least), "mean": float(mean), "max": float(most)},
        "max_stretch": view.max_stretch,
        "probe_accuracy": np.stack([view.probe_t, view.probe_accuracy], axis=-1),
        "n_parameters": view.n_parameters,
        "seconds_per_step": view.seconds_per_step,
    }


def _stability_of(
    learner: Learner, point: FloatArray, params: ClassifierParams
) -> Generator[None, None, ModelStability]:
    ts = depths(learner.model, trained_solver(params))
    found = yield from model_stability_steps(learner.model, point, ts)
    return ModelStability(
        name=learner.name,
        t=freeze(found.ts),
        path=freeze(found.path),
        eigenvalues=read_only(found.eigenvalues.copy()),
        abscissa=freeze(found.abscissa),
        symmetric=freeze(found.symmetric),
        flow_radius=freeze(found.flow_radius),
    )


def _nothing_known(lockstep: Lockstep) -> StabilityView:
    none, models = freeze(np.zeros(0)), []
    for learner in lockstep.learners:
        plane = np.zeros((0, learner.model.spec.dim))
        models.append(
            ModelStability(
                name=learner.name,
                t=none,
                path=freeze(plane),
                eigenvalues=read_only(plane.astype(complex)),
                abscissa=none,
                symmetric=none,
                flow_radius=none,
            )
        )
    return StabilityView(point=lockstep.data.view.points[0], models=tuple(models))


def unsolved(view: ModelView) -> str:
    """Return a sentence where the solver shown does not get through depth, else nothing."""
    reached = np.isfinite(view.states).all(axis=(1, 2))
    if reached.all():
        return ""
    t = view.t[int(np.argmin(reached)) - 1]
    remedy = "take more steps" if view.depth_steps else "choose another solver"
    return f"{view.depth_method or 'A block'} leaves all bounds beyond t={t:g}; {remedy}, or train with a lower lr."


def _blank(learner: Learner) -> ModelView:
    """Return the view of a model of which nothing is known yet."""
    model = learner.model
    spec, none, unknown = model.spec, freeze(np.zeros(0)), float("nan")
    return ModelView(
        name=learner.name,
        spec_json=json.dumps(spec.to_json()),
        parameters=freeze(model.parameters),
        n_parameters=spec.n_parameters,
        augment=spec.dim - 2,
        discrete=spec.discrete,
        t=none,
        states=freeze(np.zeros((0, 0, spec.dim))),
        grid=freeze(np.zeros((0, 0, 0, spec.dim))),
        readout_weights=freeze(np.zeros((spec.outputs, spec.dim))),
        readout_bias=freeze(np.zeros(spec.outputs)),
        regions=NO_REGIONS,
        axes=freeze(np.zeros((spec.dim, 3))),
        centre=freeze(np.zeros(spec.dim)),
        depth_method="",
        depth_steps=0,
        depth_rtol=unknown,
        depth_nfe=0,
        probe_t=none,
        probe_accuracy=none,
        first_two_accuracy=unknown,
        seconds_per_step=unknown,
        diverged=False,
        message="",
        measured_step=-1,
        **UNMEASURED,
    )
