"""The phase portrait: solvers race over a plane, and the plane explains why some of them fail."""

from __future__ import annotations

import dataclasses
from types import MappingProxyType
from typing import Any

import numpy as np

from nodeviz.experiments import phase_paths, phase_portrait, phase_studies
from nodeviz.experiments.base import Experiment, Inbox, Metrics, Steps, Update
from nodeviz.experiments.phase_frame import PhaseFrame
from nodeviz.experiments.phase_params import PhaseParams, parse_solver
from nodeviz.experiments.stability import stability_curves, stable_steps
from nodeviz.problems.equations import parse_equations
from nodeviz.problems.planar import PlanarField


def planar_field(params: PhaseParams) -> PlanarField:
    """Return the vector field that the parameters name."""
    if callable(params.system):
        return PlanarField.from_callable(params.system, span=(params.t0, params.t1))
    return PlanarField.from_equations(parse_equations(params.equations), params.parameters)


def phase(params: PhaseParams, rng: np.random.Generator, inbox: Inbox[PhaseParams]) -> Steps:
    """Solve from every start with every solver, then look closer and closer at the field itself.

    The first picture has the paths, the directions, the nullclines and the equilibria; manifolds, limit cycles and the
    order and work-precision studies follow as they are found.
    """
    del rng  # nothing here is random
    planar = planar_field(params)
    solvers = [parse_solver(entry) for entry in params.solvers]
    last = inbox.last_frame if isinstance(inbox.last_frame, PhaseFrame) else None

    races = yield from phase_paths.race(planar, params, solvers)
    portrait = yield from phase_portrait.quick(planar, params, last.portrait if last else None)
    methods = [solver.method for solver in solvers]
    if last is not None and last.paths.methods.tolist() == methods:
        curves = last.stability
    else:
        curves = yield from stability_curves(methods)
    raced = phase_paths.paths(planar, params, races)
    yield None
    stable_dt = yield from stable_steps(methods, raced.eigenvalues)
    frame = PhaseFrame(
        t0=params.t0,
        t1=params.t1,
        paths=raced,
        portrait=portrait,
        studies=phase_studies.empty(len(solvers)),
        stability=curves,
        stable_dt=stable_dt,
    )
    yield Update(frame, progress=0.3)
    for deeper in phase_portrait.deepen(planar, params, portrait):
        if deeper is not None:
            frame = dataclasses.replace(frame, portrait=deeper)
        yield None if deeper is None else Update(frame, progress=0.5)
    for studies in phase_studies.study(planar, params, solvers, races):
        if studies is not None:
            frame = dataclasses.replace(frame, studies=studies)
        yield None if studies is None else Update(frame, progress=0.8)
    return metrics(frame)


def metrics(frame: PhaseFrame) -> Metrics:
    """Return the metrics that ``nodeviz list`` documents."""
    paths, portrait = frame.paths, frame.portrait
    solvers = {}
    for s, entry in enumerate(paths.entries):
        starts = [_one_start(frame, s, p) for p in range(len(paths.start))]
        solvers[str(entry)] = {**starts[0], "observed_order": float(frame.studies.slope[s]), "starts": starts}
    return {
        "solvers": solvers,
        "reference": {"y_final": paths.reference_y[0, -1]},
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
            "solvers": "per entry as written: y_final, final_error, max_error (Euclidean, against the reference), nfe, "
            "n_accepted, n_rejected, status, message of the first start, observed_order, and all starts",
            "reference": "y_final from the first start, dop853 at 1e-12",
            "equilibria": "in view: point, eigenvalues as [re, im], kind",
            "limit_cycles": "reached from the starts, forwards or backwards in time: period, point",
        }
    ),
)
