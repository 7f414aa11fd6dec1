"""What each small plot of the phase panel shows right now, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.app.plots import label_number
from nodeviz.app.theme import solver_styles
from nodeviz.engine.methods import METHODS
from nodeviz.experiments.phase_params import SOLVER_TITLES

if TYPE_CHECKING:
    from collections.abc import Callable

    from nodeviz.experiments.phase_frame import Paths, PhaseFrame

GAP = "&nbsp;&nbsp; "


def solver_names(paths: Paths) -> list[str]:
    """Return what captions and axes call the solvers; those of one method are told apart by what their entry adds."""
    methods = paths.methods.tolist()
    names = []
    for entry, method in zip(paths.entries, methods, strict=True):
        _, colon, number = str(entry).partition(":")
        names.append(SOLVER_TITLES[method] + (f" {number}" if colon and methods.count(method) > 1 else ""))
    return names


def scaled_eigenvalues(frame: PhaseFrame, s: int, t: float) -> Any:
    """Return dt lambda of the step under way at time t, for every start: (2 P,) complex."""
    paths = frame.paths
    sign = 1.0 if frame.t1 >= frame.t0 else -1.0
    values = []
    for p in range(len(paths.start)):
        last = int(np.isfinite(paths.t[s, p]).sum()) - 1
        passed = int((sign * paths.t[s, p] <= sign * t + 1e-12).sum()) - 1
        step = min(max(passed, 0) + 1, last)
        if step > 0:
            with np.errstate(all="ignore"):  # the Jacobian of a path that blew up may be infinite
                values.append(paths.dt[s, p, step] * paths.eigenvalues[s, p, step - 1])
    return np.concatenate(values) if values else np.empty(0, complex)


def named(frame: PhaseFrame, words: Callable[[int], str]) -> str:
    """Return what ``words`` says of every solver, each behind its name in its colour."""
    parts = []
    styles = solver_styles(frame.paths.methods)
    for s, name in enumerate(solver_names(frame.paths)):
        said = words(s)
        if said:
            parts.append(f"<span style='color:{styles[s][0]}'>{name}</span> {said}")
    return GAP.join(parts)


def node_at(frame: PhaseFrame, s: int, t: float) -> int:
    """Return the last node of the first path of solver s that was passed at time t."""
    sign = 1.0 if frame.t1 >= frame.t0 else -1.0
    return max(0, int((sign * frame.paths.t[s, 0] <= sign * t + 1e-12).sum()) - 1)


def stability(frame: PhaseFrame, t: float) -> str:
    """Say where dt times the eigenvalues are, and whether that is stable."""

    def words(s: int) -> str:
        points = scaled_eigenvalues(frame, s, t)[:2]
        stable = METHODS[str(frame.paths.methods[s])].stability_function
        if not len(points) or stable is None or not np.isfinite(points).all():
            return ""
        far = points[np.argmax(np.abs(points))]
        with np.errstate(all="ignore"):
            growth = float(np.max(np.abs(stable(points))))
        where = "stable" if growth <= 1 + 1e-9 else f"grows {label_number(growth)}× a step"
        imaginary = f" ± {label_number(abs(far.imag))}i" if far.imag else ""
        return f"dt·λ = {label_number(far.real)}{imaginary}, {where}"

    return named(frame, words)


def error(frame: PhaseFrame, t: float) -> str:
    """Say the errors at the cursor."""
    values = [frame.paths.error[s, 0, node_at(frame, s, t)] for s in range(len(frame.paths.entries))]
    return f"{first_start(frame)}at t = {t:.2f}: " + named(frame, lambda s: label_number(values[s]))


def first_start(frame: PhaseFrame) -> str:
    """Return a reminder of which start a plot speaks, where there are several."""
    return "first start, " if len(frame.paths.start) > 1 else ""


def step_size(frame: PhaseFrame, t: float) -> str:
    """Say how many steps were rejected, and how large the others were."""
    del t

    def words(s: int) -> str:
        sizes = np.abs(frame.paths.attempt_dt[s][frame.paths.attempt_accepted[s] == 1])
        if not len(sizes):
            return "no step"
        low, high = label_number(sizes.min()), label_number(sizes.max())
        span = f"dt {low}" if low == high else f"dt {low} to {high}"
        rejected = frame.paths.n_rejected[s, 0]
        return f"{span}, {rejected} rejected (×)" if rejected else span

    return named(frame, words)


def evaluations(frame: PhaseFrame, t: float) -> str:
    """Say the evaluations."""
    del t
    return named(frame, lambda s: str(frame.paths.nfe[s, 0]))


def order(frame: PhaseFrame, t: float) -> str:
    """Say the fitted slopes beside the orders."""
    del t

    def words(s: int) -> str:
        slope = frame.studies.slope[s]
        return f"slope {slope:.2f}, order {METHODS[str(frame.paths.methods[s])].order}" if np.isfinite(slope) else ""

    return named(frame, words) or "computing"


def work_precision(frame: PhaseFrame, t: float) -> str:
    """Say what to read off."""
    del t
    return "lower left is better: fewer evaluations, smaller error" if frame.studies.work_nfe.size else "computing"


def time_precision(frame: PhaseFrame, t: float) -> str:
    """Say what to read off."""
    del t
    return "lower left is better: less time, smaller error" if frame.studies.work_ms.size else "computing"


def components(frame: PhaseFrame, t: float) -> str:
    """Say the states at the cursor."""

    def words(s: int) -> str:
        x, y = frame.paths.y[s, 0, node_at(frame, s, t)]
        return f"({label_number(x)}, {label_number(y)})"

    return f"{first_start(frame)}at t = {t:.2f}: " + named(frame, words)


def numbers(frame: PhaseFrame, t: float) -> str:
    """Say what the numbers are of."""
    del t
    return f"{first_start(frame)}errors against the reference"
