"""Paths of all solvers from all starts, and their distance from the reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nodeviz.engine.arrays import FloatArray, IntArray, freeze
from nodeviz.engine.methods import METHODS
from nodeviz.experiments.budget import within
from nodeviz.experiments.phase_frame import Eigenvalues, Paths, TextArray, read_only
from nodeviz.experiments.phase_params import method_of
from nodeviz.experiments.reference import Reference, solve_reference

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from nodeviz.engine.solution import Solution, StepRecord
    from nodeviz.experiments.phase_params import PhaseParams, Solver
    from nodeviz.problems.planar import PlanarField

SECONDS = 2.0  # what one solve may take before it is stopped and says so
DRAWN = 4000  # nodes of a path that a frame keeps; errors are taken at all of them
SAMPLES = 1200  # points of a reference curve
MAX_STEPS = 200_000


@dataclass(frozen=True, slots=True)
class Race:
    """All solves from one start: the reference, one solution per solver, and the error at every node."""

    start: tuple[float, float]
    reference: Reference
    past: Reference | None
    solutions: list[Solution]
    errors: list[FloatArray]


def steps_of(solver: Solver, params: PhaseParams) -> int | None:
    """Return how many equal steps a solver takes, or None where it chooses its steps by a tolerance."""
    if not solver.fixed:
        return None
    if solver.n_steps is not None:
        return solver.n_steps
    evaluations = METHODS[solver.method].evaluations_per_step
    if params.work == "steps" or evaluations is None:
        return params.n_steps
    return max(1, round(4 * params.n_steps / evaluations))


def race(planar: PlanarField, params: PhaseParams, solvers: Sequence[Solver]) -> Generator[None, None, list[Race]]:
    """Solve from every start; the generator yields while it works."""
    races = []
    for start in params.start:
        reference = yield from solve_reference(planar, start, params.t0, params.t1)
        past = None
        if params.show_past:
            past = yield from solve_reference(planar, start, params.t0, 2 * params.t0 - params.t1)
        solutions, errors = [], []
        for solver in solvers:
            solution = yield from within(SECONDS, orbit(planar, params, solver, start))
            solutions.append(solution)
            errors.append((yield from distances(reference, record(solution))))
        races.append(Race(start, reference, past, solutions, errors))
    return races


def orbit(
    planar: PlanarField, params: PhaseParams, solver: Solver, start: tuple[float, float]
) -> Generator[None, None, Solution]:
    """Return the solve of one solver from one start, not yet begun."""
    n_steps = steps_of(solver, params)
    tolerance = params.rtol if solver.rtol is None else solver.rtol
    return planar.orbit_steps(
        np.array(start),
        params.t0,
        params.t1,
        method=solver.method,
        n_steps=n_steps,
        rtol=tolerance,
        atol=params.atol,
        max_steps=max(MAX_STEPS, n_steps or 0),
    )


def record(solution: Solution) -> StepRecord:
    """Return the record of steps, which every orbit here has."""
    assert solution.steps is not None
    return solution.steps


def distances(reference: Reference, steps: StepRecord) -> Generator[None, None, FloatArray]:
    """Return the Euclidean distance from the reference at every node, a piece at a time."""
    pieces = []
    for first in range(0, len(steps.nodes_t), 2000):
        part = slice(first, first + 2000)
        with np.errstate(all="ignore"):  # a path that blows up squares its way to infinity
            pieces.append(np.linalg.norm(steps.nodes_y[part] - reference.at(steps.nodes_t[part]), axis=1))
        yield
    return np.concatenate(pieces)


def paths(planar: PlanarField, params: PhaseParams, races: Sequence[Race]) -> Paths:
    """Return the part of the frame that the races make."""
    columns = [[_drawn(race, s) for race in races] for s in range(len(params.solvers))]
    t = _pad([[column[0] for column in row] for row in columns])
    y = _pad([[column[1] for column in row] for row in columns])
    attempts = [record(solution) for solution in races[0].solutions]
    solutions = [[race.solutions[s] for race in races] for s in range(len(params.solvers))]
    sampled = np.linspace(params.t0, params.t1, SAMPLES)
    backwards = np.linspace(params.t0, 2 * params.t0 - params.t1, SAMPLES)
    return Paths(
        entries=_texts(params.solvers),
        methods=_texts([method_of(entry) for entry in params.solvers]),
        start=freeze(np.array(params.start, float)),
        t=freeze(t),
        y=freeze(y),
        dt=freeze(_pad([[column[2] for column in row] for row in columns])),
        error=freeze(_pad([[column[3] for column in row] for row in columns])),
        eigenvalues=_eigenvalues(planar, t, y),
        nfe=_counts([[int(one.nfe) for one in row] for row in solutions]),
        n_accepted=_counts([[int(one.n_accepted) for one in row] for row in solutions]),
        n_rejected=_counts([[int(one.n_rejected) for one in row] for row in solutions]),
        final_error=freeze([[_final_error(race, s, params.t1) for race in races] for s in range(len(params.solvers))]),
        max_error=freeze([[_largest(race.errors[s]) for race in races] for s in range(len(params.solvers))]),
        status=_texts([[str(one.status) for one in row] for row in solutions]),
        message=_texts([["" if one.ok else in_words(one.message) for one in row] for row in solutions]),
        attempt_t=freeze(_pad([[_thin(steps.t)] for steps in attempts])[:, 0]),
        attempt_dt=freeze(_pad([[_thin(steps.dt)] for steps in attempts])[:, 0]),
        attempt_accepted=freeze(_pad([[_thin(steps.accepted.astype(float))] for steps in attempts])[:, 0]),
        reference_t=freeze(np.broadcast_to(sampled, (len(races), SAMPLES))),
        reference_y=freeze([race.reference.at(sampled) for race in races]),
        reference_message=in_words(races[0].reference.message),
        past_y=freeze([race.past.at(backwards) if race.past else np.empty((0, 2)) for race in races]),
    )


def _drawn(race: Race, s: int) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return times, states, steps and errors of the nodes that a frame keeps, the last one included.

    A step is the one that the solver took, not the distance of two nodes that are kept.
    """
    steps = record(race.solutions[s])
    dt = np.concatenate([[np.nan], np.diff(steps.nodes_t)])
    return _thin(steps.nodes_t), _thin(steps.nodes_y), _thin(dt), _thin(race.errors[s])


def _thin(values: FloatArray) -> FloatArray:
    if len(values) <= DRAWN:
        return values
    kept: FloatArray = values[np.linspace(0, len(values) - 1, DRAWN).round().astype(int)]
    return kept


def _final_error(race: Race, s: int, t1: float) -> float:
    solution = race.solutions[s]
    reached = abs(float(record(solution).nodes_t[-1]) - t1) <= 1e-9 * max(1.0, abs(t1))
    return float(race.errors[s][-1]) if reached else float("nan")


def _largest(errors: FloatArray) -> float:
    finite = errors[np.isfinite(errors)]
    return float(finite.max()) if len(finite) else float("nan")


def _pad(rows: Sequence[Sequence[FloatArray]]) -> FloatArray:
    """Return ragged arrays as one, padded with NaN along their first axis."""
    longest = max(len(column) for row in rows for column in row)
    padded = np.full((len(rows), len(rows[0]), longest, *rows[0][0].shape[1:]), np.nan)
    for i, row in enumerate(rows):
        for j, column in enumerate(row):
            padded[i, j, : len(column)] = column
    return padded


def _eigenvalues(planar: PlanarField, t: FloatArray, y: FloatArray) -> Eigenvalues:
    """Return the eigenvalues of the Jacobian at all nodes, from trace and determinant: (S, P, K, 2)."""
    with np.errstate(all="ignore"):
        jacobian = planar.jacobian(t.ravel(), y.reshape(-1, 2).T)
        half = (jacobian[0, 0] + jacobian[1, 1]) / 2
        determinant = jacobian[0, 0] * jacobian[1, 1] - jacobian[0, 1] * jacobian[1, 0]
        root = np.sqrt((half * half - determinant).astype(complex))
    return read_only(np.stack([half + root, half - root], axis=-1).reshape(*t.shape, 2))


def in_words(message: str) -> str:
    """Return a message of the engine with the components of the plane called by their names."""
    return message.replace("component 0", "x").replace("component 1", "y")


def _texts(values: object) -> TextArray:
    return read_only(np.array(values, dtype=str))


def _counts(values: list[list[int]]) -> IntArray:
    return read_only(np.array(values, dtype=np.int64))
