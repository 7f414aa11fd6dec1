"""The phase portrait: solvers race over a plane, and the plane explains why some of them fail."""

from __future__ import annotations

import dataclasses
import time
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.experiments import phase_paths, phase_portrait, phase_studies
from nodeviz.experiments.base import Experiment, Inbox, Metrics, Steps, Update
from nodeviz.experiments.budget import Pool
from nodeviz.experiments.phase_frame import PhaseFrame
from nodeviz.experiments.phase_params import PhaseParams, parse_solver
from nodeviz.experiments.stability import stability_curves, stable_steps
from nodeviz.problems.equations import parse_equations
from nodeviz.problems.planar import PlanarField

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.experiments.phase_frame import Portrait
    from nodeviz.experiments.phase_params import Solver

EARLY = 0.3  # seconds after which the starts solved so far are shown; twice as long for every picture after


def planar_field(params: PhaseParams) -> PlanarField:
    """Return the vector field that the parameters name."""
    if callable(params.system):
        return PlanarField.from_callable(params.system, span=(params.t0, params.t1))
    return PlanarField.from_equations(parse_equations(params.equations), params.parameters)


def phase(params: PhaseParams, rng: np.random.Generator, inbox: Inbox[PhaseParams]) -> Steps:
    """Solve from every start with every solver, then look closer and closer at the field itself.

    The first picture has the paths, the directions, the nullclines and the equilibria; manifolds, limit cycles and the
    order and work-precision studies follow as they are found. Where somebody looks on, the paths of many starts come
    start by start, and the studies only where an instrument shows them.
    """
    del rng  # nothing here is random
    planar = planar_field(params)
    solvers = [parse_solver(entry) for entry in params.solvers]
    last = inbox.last_frame if isinstance(inbox.last_frame, PhaseFrame) else None
    picture = _Picture(planar, params, solvers, last)

    races: list[phase_paths.Race] = []
    left, shown, patience = phase_paths.RACE_SECONDS, time.monotonic(), EARLY
    for start in params.start:
        level, pool = races[0].reference.level if races else 0, Pool(min(left, phase_paths.START_SECONDS))
        races.append((yield from phase_paths.race(planar, params, solvers, start, pool, level)))
        left -= pool.seconds - pool.left
        if inbox.interactive and len(races) < len(params.start) and time.monotonic() - shown > patience:
            yield Update((yield from picture.frame(races)), progress=0.3 * len(races) / len(params.start))
            patience, shown = 2 * patience, time.monotonic()
    frame = yield from picture.frame(races)
    yield Update(frame, progress=0.3)
    for deeper in phase_portrait.deepen(planar, params, frame.portrait):
        if deeper is not None:
            frame = dataclasses.replace(frame, portrait=deeper)
        yield None if deeper is None else Update(frame, progress=0.5)
    if not frame.studies.complete and (not inbox.interactive or phase_studies.wanted(params)):
        for studies in phase_studies.study(planar, params, solvers, races[0].reference):
            if studies is not None:
                frame = dataclasses.replace(frame, studies=studies)
            yield None if studies is None else Update(frame, progress=0.8)
    return metrics(frame)


class _Picture:
    """Makes the frames of the races; what does not depend on them is made once, or kept from the last frame."""

    def __init__(
        self, planar: PlanarField, params: PhaseParams, solvers: Sequence[Solver], last: PhaseFrame | None
    ) -> None:
        self.planar, self.params, self.solvers = planar, params, solvers
        self.studies = phase_studies.known(params, last.studies if last else None)
        self._last = last
        self._portrait: Portrait | None = None
        self._curves: FloatArray | None = None

    def frame(self, races: Sequence[phase_paths.Race]) -> Generator[None, None, PhaseFrame]:
        """Return a frame of the starts solved so far; the generator yields while it works."""
        methods = [solver.method for solver in self.solvers]
        if self._portrait is None or self._curves is None:
            last = self._last
            self._portrait = yield from phase_portrait.quick(self.planar, self.params, last.portrait if last else None)
            if last is not None and last.paths.methods.tolist() == methods:
                self._curves = last.stability
            else:
                self._curves = yield from stability_curves(methods)
        raced = yield from phase_paths.paths(self.planar, self.params, self.solvers, races)
        stable_dt = yield from stable_steps(methods, raced.eigenvalues)
        return PhaseFrame(
            t0=self.params.t0,
            t1=self.params.t1,
            paths=raced,
            portrait=self._portrait,
            studies=self.studies,
            stability=self._curves,
            stable_dt=stable_dt,
        )


def metrics(frame: PhaseFrame) -> Metrics:
    """Return the metrics that ``nodeviz list`` documents."""
    paths, portrait = frame.paths, frame.portrait
    solvers = {}
    for s, entry in enumerate(paths.entries):
        starts = [_one_start(frame, s, p) for p in range(len(paths.start))]
        solvers[str(entry)] = {
            **starts[0],
            "observed_order": float(frame.studies.slope[s]),
            "remark": str(paths.remark[s]),
            "starts": starts,
        }
    return {
        "solvers": solvers,
        "reference": {
            "y_final": paths.reference_y[0, -1],
            "method": paths.reference_method,
            "rtol": paths.reference_rtol,
            "message": paths.reference_message,
        },
        "equilibria": [
            {"point": point, "eigenvalues": [[value.real, value.imag] for value in values], "kind": str(kind)}
            for point, values, kind in zip(portrait.equilibria, portrait.eigenvalues, portrait.kinds, strict=True)
        ],
        "limit_cycles": [
            {"period": float(period), "point": point}
            for period, point in zip(portrait.periods, portrait.cycle_points, strict=True)
        ],
    }


def _one_start(frame: PhaseFrame, s: int, p: int) -> dict[str, Any]:
    paths = frame.paths
    reached = np.flatnonzero(np.isfinite(paths.t[s, p]))
    return {
        "y_final": paths.y[s, p, reached[-1]],
        "final_error": float(paths.final_error[s, p]),
        "max_error": float(paths.max_error[s, p]),
        "nfe": int(paths.nfe[s, p]),
        "n_accepted": int(paths.n_accepted[s, p]),
        "n_rejected": int(paths.n_rejected[s, p]),
        "status": str(paths.status[s, p]),
        "message": str(paths.message[s, p]),
    }


PHASE: Experiment[PhaseParams] = Experiment(
    name="phase",
    title="Phase portrait",
    sentence="Solvers race over the plane of a system, typed equations too, and the plane shows why one of them fails.",
    steps=phase,
    params=PhaseParams,
    first_preset="spiral",
    metrics=MappingProxyType(
        {
            "solvers": "per entry as written: y_final, final_error, max_error (Euclidean, against the reference, no "
            "smaller than it can tell), nfe, n_accepted, n_rejected, status, message of the first start, "
            "observed_order, remark, and all starts",
            "reference": "y_final from the first start, method, rtol, and a message where it is not the usual dop853",
            "equilibria": "in view: point, eigenvalues as [re, im], kind",
            "limit_cycles": "reached from the starts, forwards or backwards in time: period, point",
        }
    ),
)
