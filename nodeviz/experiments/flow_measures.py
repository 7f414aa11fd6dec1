"""How well a flow does, measured while training rests, and the metrics made from it."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.engine.arrays import freeze
from nodeviz.experiments.flow_density import lattice_steps
from nodeviz.experiments.phase_frame import read_only
from nodeviz.models.flow_measures import (
    held_out_steps,
    inversion_error_steps,
    nfe_steps,
    normalised_path_energy,
    path_energy_steps,
    tolerances_steps,
)
from nodeviz.models.transport import wasserstein2_steps

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from nodeviz.experiments.base import Metrics
    from nodeviz.experiments.flow_frame import FlowView, TraceView
    from nodeviz.experiments.flow_params import FlowParams
    from nodeviz.experiments.flow_training import Lockstep
    from nodeviz.experiments.solvers import Solver
    from nodeviz.models.flow import Flow

    Fields = Generator[None, None, dict[str, Any]]

FRESH = 20_000  # held-out points whose log-likelihood is measured
INVERTED = 2_000  # of them brought to t = 0 and back
MASS_CELLS = 128  # of the lattice for the mass each way
TOLERANCES = (1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 1e-4, 1e-5)
UNKNOWN = float("nan")
BLANK: Mapping[str, Any] = MappingProxyType(
    {
        **dict.fromkeys(("mean_log_prob", "log_prob_error", "mass", "lost", "inversion_error", "nfe"), UNKNOWN),
        **dict.fromkeys(("path_energy", "wasserstein2", "wasserstein2_floor"), UNKNOWN),
        "tolerance_rtol": freeze(np.zeros(0)),
        "tolerance_nfe": read_only(np.zeros(0, np.int64)),
        "tolerance_error": freeze(np.zeros(0)),
    }
)


def likelihood_measures(flow: Flow, lockstep: Lockstep, solver: Solver) -> Fields:
    """Return mean log-likelihood and its standard error, inversion error, mass and evaluations."""
    points, data = lockstep.held_out(FRESH), lockstep.data
    found = yield from held_out_steps(flow, data.target, points, **solver.how)
    lattice = yield from lattice_steps(flow, data.view.view, 1.0, MASS_CELLS, solver)
    return {
        "mean_log_prob": found.mean,
        "log_prob_error": found.error,
        "inversion_error": (yield from inversion_error_steps(flow, points[:INVERTED], **solver.how)),
        "mass": lattice.mass,
        "lost": lattice.lost,
        "nfe": (yield from nfe_steps(flow, lockstep.z0)),
    }


def transport_measures(flow: Flow, lockstep: Lockstep, solver: Solver) -> Fields:
    """Return path energy, 2-Wasserstein distance and its floor."""
    z0, fresh = lockstep.transported()
    samples = (yield from flow.paths_steps(z0, (0.0, 1.0), **solver.how)).ys[-1]
    energy = yield from path_energy_steps(flow, z0)
    least, floor = yield from lockstep.distances()
    return {
        "path_energy": normalised_path_energy(energy, least**2),
        "wasserstein2": (yield from wasserstein2_steps(samples, fresh)),
        "wasserstein2_floor": floor,
    }


def tolerance_measures(flow: Flow, lockstep: Lockstep, solver: Solver) -> Fields:
    """Return evaluations and errors of dopri5 at some tolerances, whatever the flow is trained with."""
    del solver
    found = yield from tolerances_steps(flow, lockstep.z0, TOLERANCES)
    return {
        "tolerance_rtol": freeze(found.rtol),
        "tolerance_nfe": read_only(found.nfe.astype(np.int64)),
        "tolerance_error": freeze(found.error),
    }


MEASURES: Mapping[str, Callable[[Flow, Lockstep, Solver], Fields]] = MappingProxyType(
    {"likelihood": likelihood_measures, "transport": transport_measures, "tolerance": tolerance_measures}
)


def metrics_of(views: Sequence[FlowView], trace: TraceView, entropy_bound: float, params: FlowParams) -> Metrics:
    """Return the metrics that ``nodeviz list`` documents."""
    first, *others = [_metrics_of_one(view, trace, number, params) for number, view in enumerate(views)]
    second = {"method": views[1].name, **others[0]} if others else None
    return {"mean_log_prob": first.pop("mean_log_prob"), "entropy_bound": entropy_bound, **first, "compare": second}


def _metrics_of_one(view: FlowView, trace: TraceView, number: int, params: FlowParams) -> Metrics:
    flow, kind = trace.flows[number], "rademacher" if params.trace == "exact" else params.trace
    tried = np.flatnonzero(trace.probes == params.probes)
    curves = (getattr(flow, f"{kind}_{what}") for what in ("mean", "std"))
    mean, std = (float(curve[tried[0]]) if len(tried) else UNKNOWN for curve in curves)
    return {
        "mean_log_prob": view.mean_log_prob,
        "mass": view.mass,
        "inversion_error": view.inversion_error,
        "nfe": view.nfe,
        "path_energy": view.path_energy,
        "wasserstein2": view.wasserstein2,
        "wasserstein2_floor": view.wasserstein2_floor,
        "trace": {"exact": flow.exact, "mean": mean, "std": std, "probes": params.probes},
        "seconds_per_step": view.seconds_per_step,
    }
