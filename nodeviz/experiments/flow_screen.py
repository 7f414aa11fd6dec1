"""The frames of a flow: what is drawn while it trains, what is measured while it rests, and what is asked for."""

from __future__ import annotations

import dataclasses
import json
import time
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.engine.arrays import freeze
from nodeviz.experiments.flow_costs import trained_solver
from nodeviz.experiments.flow_density import Densities, lattice_steps
from nodeviz.experiments.flow_frame import DensityAnswer, DensityView, FlowFrame, FlowView, PathView, TraceView
from nodeviz.experiments.flow_measures import BLANK, MEASURES, metrics_of
from nodeviz.experiments.flow_picture import (
    SAMPLES_TRAINING,
    TIMES,
    density_solver,
    diffused_steps,
    picture_steps,
    sample_solver,
)
from nodeviz.experiments.flow_probes import (
    LOG_PROB_POINTS,
    no_path,
    no_trace,
    path_steps,
    probe_counts,
    trace_steps,
)
from nodeviz.experiments.flow_words import what_is_wrong, what_the_numbers_show
from nodeviz.experiments.training_run import Pace

if TYPE_CHECKING:
    from collections.abc import Generator

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.experiments.base import Metrics, Request
    from nodeviz.experiments.flow_density import Lattice
    from nodeviz.experiments.flow_params import FlowParams
    from nodeviz.experiments.flow_training import Learner, Lockstep

    Frames = Generator[FlowFrame | None, None, None]

CELLS, CELLS_TRAINING = 64, 32  # of a density each way, at rest and while it trains
SHARE = 0.2  # of the time that pictures may take while training: they are solves, and painting them takes some as well
FINER = MappingProxyType({"64": 1, "128": 2})  # times as many, by the parameter resolution
MOST_CELLS = 256  # of a density that is asked for
FIRST = next(iter(MEASURES))


class Screen:
    """Makes frames of flows in training; what has not changed since is not made again.

    Parameters
    ----------
    watched : whether somebody looks on: then coarse densities come before fine ones

    Attributes
    ----------
    cursor : the time that was last asked for; densities are made from there on
    """

    def __init__(self, lockstep: Lockstep, params: FlowParams, *, watched: bool) -> None:
        self._lockstep, self._params, self._live = lockstep, params, params
        self._watched = watched
        names = [learner.name for learner in lockstep.learners]
        self._views = [_blank(learner) for learner in lockstep.learners]
        self._densities = [Densities(TIMES, 0, (), -1) for _ in names]  # those shown
        self._tiers: dict[int, list[Densities]] = {}  # all that there are, by their cells a side
        self._path, self._trace = no_path(names), no_trace(names)
        self._pace = Pace(SHARE)
        self._made: dict[str, tuple[object, ...]] = {}  # what there is, and all that it depends on
        self._measured_step = -1
        self._shown: tuple[object, ...] = ()
        self.cursor = 1.0

    # What training_run.Screen asks for.

    @property
    def due(self) -> bool:
        """Whether the next picture may come while training goes on."""
        return self._pace.due

    def follow(self, live: FlowParams) -> None:
        """Put live parameters in force; the next picture may come at once."""
        self._live = live
        self._pace.hurry()

    def draw(self, step: int, steps: int, *, resting: bool) -> Frames:
        """Make a picture: yield None meanwhile, and then the frame if it differs from the last one.

        While training goes on there are fewer samples, and what no plot shows is left out.
        """
        started = time.perf_counter()
        yield from self._picture(step, resting=resting)
        live = self._live
        if not resting and (live.show_density or live.show_contours):
            yield from self._density_at_cursor(step)
        shown = {live.upper, live.lower}
        if np.isfinite(self._path.t) and (resting or shown & {"path", "speed"}):
            yield from self._look(self._path.point, self._path.t, step)
        if shown & {"trace", "trace-log-prob"} and not resting:
            yield from self._estimate(self.cursor, step)
        yield from self._show(step, steps)
        self._pace.drawn(started)

    def measure(self, step: int, steps: int) -> Frames:
        """Measure what is not known of the flows as they are: yield None meanwhile, and frames with what is known."""
        for name in MEASURES:
            yield from self._measure(name, step)
            yield from self._show(step, steps)
            if name == FIRST:
                yield from self._fill(step, steps)
        # At the cursor where a plot shows it, else where it was before: nobody waits for another one.
        shown = {self._live.upper, self._live.lower} & {"trace", "trace-log-prob"}
        t = self.cursor if shown or np.isnan(self._trace.t) else self._trace.t
        yield from self._estimate(t, step)
        yield from self._show(step, steps)

    def answer(self, request: Request, step: int) -> Generator[None, None, Any]:
        """Return the answer to a request: of a density, a path, or the trace; None to anything else.

        Where the cursor is (``cursor``) wants no answer: the pictures to come have the density there.
        """
        if request.kind == "density":
            t, cells = request.payload
            return (yield from self._density(_time(t), int(np.clip(cells, 2, MOST_CELLS)), step))
        if request.kind == "cursor":
            self.cursor = _time(request.payload)
        if request.kind == "path":
            x, y, *t = request.payload
            return (yield from self._look(np.array([x, y], np.float64), _time(t[0] if t else self.cursor), step))
        if request.kind == "trace":
            self.cursor = _time(request.payload)
            return (yield from self._estimate(self.cursor, step))
        return None

    def metrics(self) -> Metrics:
        """Return the metrics that ``nodeviz list`` documents."""
        return metrics_of(self._views, self._trace, self._lockstep.data.view.entropy_bound, self._params)

    @property
    def note(self) -> str:
        """What is peculiar about the flows that were not stopped, in sentences."""
        return " ".join(f"{view.name}: {view.message}" for view in self._views if view.message and not view.diverged)

    # What each part depends on, and how it is made.

    def _at(self, step: int) -> tuple[object, ...]:
        return step, self._lockstep.revision

    def _picture(self, step: int, *, resting: bool) -> Generator[None, None, None]:
        live, lockstep, solver = self._live, self._lockstep, sample_solver(self._live)
        grid, field = resting or live.show_grid, resting or live.show_velocity
        key = (*self._at(step), solver, live.sampler)
        if self._made.get("picture") in {(*key, True, True, True), (*key, resting, grid, field)}:
            return
        z0, view = lockstep.z0 if resting else lockstep.z0[:SAMPLES_TRAINING], lockstep.data.view.view
        for i, learner in enumerate(lockstep.learners):
            made = yield from picture_steps(learner.flow, view, z0, solver, grid=grid, field=field)
            if live.sampler == "sde" and learner.name == "diffusion":
                made["samples"] = yield from diffused_steps(learner.flow, z0, lockstep.measure_seed)
            self._put(i, made)
        self._made["picture"] = (*key, resting, grid, field)

    @property
    def _wanted(self) -> int:
        """Cells a side of the densities at rest."""
        return CELLS * FINER[self._live.resolution]

    def _tier(self, cells: int, step: int) -> list[Densities]:
        """Return the densities of so many cells a side of all flows as they are, none of them made yet if need be."""
        key = (*self._at(step), density_solver(self._live))
        tier = self._tiers.get(cells)
        if tier is None or tier[0].key != key:
            tier = [Densities(TIMES, cells, key, learner.taken) for learner in self._lockstep.learners]
            self._tiers[cells] = tier
        return tier

    def _fill_at(self, tier: list[Densities], k: int) -> Generator[None, None, list[Lattice]]:
        solver, view, lattices = density_solver(self._live), self._lockstep.data.view.view, []
        for learner, densities in zip(self._lockstep.learners, tier, strict=True):
            lattices.append((yield from densities.fill(k, learner.flow, view, solver)))
        return lattices

    def _density_at_cursor(self, step: int) -> Generator[None, None, None]:
        """Make the density at the cursor alone, coarsely, unless it is there already."""
        tier = self._tier(CELLS_TRAINING, step)
        if self._densities[0].key != tier[0].key:
            yield from self._fill_at(tier, tier[0].nearest(self.cursor))
            self._densities = tier

    def _fill(self, step: int, steps: int) -> Frames:
        """Make the densities at all times, those nearest to the cursor first, then finer ones if they are wanted."""
        if self._watched:
            tier = self._tier(CELLS, step)
            while (k := tier[0].missing(self.cursor)) is not None:
                yield from self._fill_at(tier, k)
                if self._densities[0].key != tier[0].key or self._densities[0].resolution <= CELLS:
                    self._densities = tier
                yield from self._show(step, steps)
        tier = self._tier(self._wanted, step)
        while (k := tier[0].missing(self.cursor)) is not None:
            yield from self._fill_at(tier, k)
        self._densities = tier
        yield from self._show(step, steps)

    def _density(self, t: float, cells: int, step: int) -> Generator[None, None, DensityAnswer]:
        """Return the densities at any time, kept where it is one of a frame's."""
        self.cursor = t
        tier = self._tier(cells, step) if cells in {CELLS_TRAINING, CELLS, self._wanted} else None
        k = None if tier is None else tier[0].index(t)
        if tier is not None and k is not None:
            lattices = yield from self._fill_at(tier, k)
        else:
            solver, view, lattices = density_solver(self._live), self._lockstep.data.view.view, []
            for learner in self._lockstep.learners:
                lattices.append((yield from lattice_steps(learner.flow, view, t, cells, solver)))
        views = tuple(
            DensityView(name=learner.name, log_prob=freeze(found.log_prob), mass=found.mass, lost=found.lost)
            for learner, found in zip(self._lockstep.learners, lattices, strict=True)
        )
        return DensityAnswer(t=t, resolution=cells, step=step, flows=views)

    def _look(self, point: FloatArray, t: float, step: int) -> Generator[None, None, PathView]:
        """Return the paths through a point (2,) at time t."""
        key = (*self._at(step), *point.tolist(), t)
        if self._made.get("path") != key:
            paths = []
            for learner in self._lockstep.learners:
                paths.append((yield from path_steps(learner.name, learner.flow, point, t)))
            self._path = PathView(point=freeze(point), t=t, flows=tuple(paths))
            self._made["path"] = key
        return self._path

    def _estimate(self, t: float, step: int) -> Generator[None, None, TraceView]:
        """Return estimates of the traces at time t against the exact ones."""
        key = (*self._at(step), t)
        if self._made.get("trace") != key:
            lockstep, counts, traces = self._lockstep, probe_counts(self._params.probes), []
            held_out = lockstep.held_out(LOG_PROB_POINTS)
            for learner in lockstep.learners:
                rng = np.random.default_rng([lockstep.measure_seed, 2])
                found = yield from trace_steps(learner.name, learner.flow, t, lockstep.z0, held_out, counts, rng)
                traces.append(found)
            self._trace = TraceView(t=t, probes=counts, flows=tuple(traces))
            self._made["trace"] = key
        return self._trace

    def _measure(self, name: str, step: int) -> Generator[None, None, None]:
        if self._made.get(name) != self._at(step):
            solver = trained_solver(self._params)
            for i, learner in enumerate(self._lockstep.learners):
                self._put(i, (yield from MEASURES[name](learner.flow, self._lockstep, solver)))
            self._made[name] = self._at(step)
            self._measured_step = step

    def _put(self, i: int, fields: dict[str, Any]) -> None:
        self._views[i] = dataclasses.replace(self._views[i], **fields)

    def _show(self, step: int, steps: int) -> Frames:
        """Yield a frame of what there is, if it differs from the last one."""
        lockstep = self._lockstep
        learners = lockstep.learners
        fields = [densities.fields for densities in self._densities]
        state = (step, steps, *(learner.message for learner in learners), *sorted(self._made.items()))
        state += (*(densities.state for densities in self._densities), lockstep.revision)
        if state == self._shown:
            return
        self._shown = state
        for i, (learner, density) in enumerate(zip(learners, fields, strict=True)):
            self._put(
                i,
                {
                    **density,
                    "step": learner.taken,
                    "steps": learner.steps,
                    "seconds_per_step": learner.seconds_per_step,
                    "train_seconds": learner.seconds,
                    "diverged": bool(learner.message),
                    "message": learner.message or _remark(self._views[i]),
                    "measured_step": self._measured_step,
                },
            )
        yield FlowFrame(
            step=step,
            steps=steps,
            t=TIMES,
            target=lockstep.data.view,
            flows=tuple(self._views),
            path=self._path,
            trace=self._trace,
            words=what_the_numbers_show(self._views, lockstep.data.view.entropy_bound),
        )


def _time(t: Any) -> float:
    """Return a time that was asked for, within a flow's."""
    return float(np.clip(float(t), 0.0, 1.0))


def _remark(view: FlowView) -> str:
    """Return what is peculiar about a flow, in a sentence, or an empty text."""
    if not np.isfinite(view.samples[-1]).all():
        return f"Samples leave all bounds with {view.sample_method}; take more steps, or a smaller tolerance."
    return what_is_wrong(view.mass, view.lost, view.sample_steps)


def _blank(learner: Learner) -> FlowView:
    """Return the view of a flow of which nothing is known yet."""
    flow, k, nothing = learner.flow, len(TIMES), freeze(np.zeros((len(TIMES), 0, 0, 2), np.float32))
    return FlowView(
        name=learner.name,
        spec_json=json.dumps(flow.spec.to_json()),
        parameters=freeze(flow.parameters),
        n_parameters=flow.parameters.size,
        step=0,
        steps=learner.steps,
        samples=freeze(np.zeros((k, 0, 2), np.float32)),
        grid=nothing,
        velocity=nothing,
        sample_method="",
        sample_steps=0,
        sample_rtol=float("nan"),
        sample_nfe=0,
        **Densities(TIMES, 0, (), -1).fields,
        **BLANK,
        seconds_per_step=float("nan"),
        train_seconds=0.0,
        diverged=False,
        message="",
        measured_step=-1,
    )
