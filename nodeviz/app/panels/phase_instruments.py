"""The small plots beside the phase plane, each of which says why a solver does what it does."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtGui import QColor

from nodeviz.app.instrument import Instrument, Layer, View, logs
from nodeviz.app.panels import phase_captions as captions
from nodeviz.app.panels.phase_captions import scaled_eigenvalues, solver_names
from nodeviz.app.plots import closed_path, label_number, pen
from nodeviz.app.theme import solver_styles
from nodeviz.engine.arrays import FloatArray
from nodeviz.engine.methods import METHODS
from nodeviz.experiments.phase_params import INSTRUMENTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nodeviz.experiments.phase_frame import PhaseFrame

Row = tuple[FloatArray, FloatArray]


class PhaseInstrument(Instrument["PhaseFrame"]):
    """A small plot of the phase panel."""

    def __init__(self, name: str) -> None:
        super().__init__(name, INSTRUMENTS, VIEWS)


def solver_layer(view: PhaseInstrument, frame: PhaseFrame, s: int) -> Layer:
    """Return what solver s draws with, in its colour and shape."""
    return view.layer(s, *solver_styles(frame.paths.methods)[s])


def stability(view: PhaseInstrument, frame: PhaseFrame) -> None:
    """Draw the regions of stability; what is stable lies inside for an explicit method, outside for an implicit one."""
    view.name_axes("Re dt·λ", "Im dt·λ")
    bounds = [np.array([[-3.4, -1.5], [1.0, 1.5]])]
    for s, method in enumerate(frame.paths.methods):
        outline, steps, _, area = solver_layer(view, frame, s)
        boundary = frame.stability[s]
        area.setPath(closed_path(boundary if not METHODS[str(method)].implicit else boundary[:0]))
        outline.setData(*boundary.T)
        # Larger below, smaller above: solvers with the same step lie on the same points.
        steps.setSize(max(6, 12 - 3 * s))
        steps.setPen(pen(view.theme.panel, 1))
        bounds.append(boundary[np.isfinite(boundary[:, 0])])
    axis = np.array([[-99.0, 0.0], [99.0, 0.0], [np.nan, np.nan], [0.0, -99.0], [0.0, 99.0]])
    view.line.setData(*axis.T)
    view.region = np.concatenate(bounds)


def move_eigenvalues(view: PhaseInstrument, frame: PhaseFrame, t: float) -> None:
    """Move dt times the eigenvalues of the local Jacobian to where the solvers are at time t."""
    columns: dict[str, Any] = {}
    for s, entry in enumerate(frame.paths.entries):
        points = scaled_eigenvalues(frame, s, t)
        shown = np.stack([np.clip(points.real, -9.0, 4.0), np.clip(points.imag, -7.0, 7.0)], axis=1)
        inside = np.isclose(shown[:, 0], points.real) & np.isclose(shown[:, 1], points.imag)
        view.layers[s].steps.setData(*shown[inside].T)
        view.layers[s].hollow.setData(*shown[~inside].T)  # crosses at the rim stand for points far outside
        every = np.concatenate([view.region, shown])
        view.plot.grow(("stability", tuple(frame.paths.methods)), every[:, 0], every[:, 1])
        boundary = frame.stability[s]
        columns |= {f"{entry} Re dt λ": points.real, f"{entry} Im dt λ": points.imag}
        columns |= {f"{entry} boundary Re": boundary[:, 0], f"{entry} boundary Im": boundary[:, 1]}
    view.give(columns)


def move_cursor(view: PhaseInstrument, frame: PhaseFrame, t: float) -> None:
    """Move the line that says where the cursor is on an axis of time."""
    del frame
    view.mark_time(t)


def over_time(
    view: PhaseInstrument, frame: PhaseFrame, name: str, label: str, rows: list[Row], headroom: float = 0.0
) -> None:
    """Draw one curve per solver over time, logarithmic, with room above for what else is drawn."""
    view.name_axes("t", f"log₁₀ {label}")
    columns: dict[str, Any] = {}
    for s, (time, values) in enumerate(rows):
        solver_layer(view, frame, s)[0].setData(time, logs(values))
        columns |= {f"{frame.paths.entries[s]} t": time, f"{frame.paths.entries[s]} {label}": values}
    values = np.concatenate([logs(row[1]) for row in rows])
    finite = np.isfinite(values)
    if finite.any():
        low, high = values[finite].min(), values[finite].max()
        view.plot.grow(
            (name, frame.t0, frame.t1),
            np.array([frame.t0, frame.t1]),
            np.array([max(low, -16.0), max(high, low + 1.0) + headroom]),
        )
    view.give(columns)


def error(view: PhaseInstrument, frame: PhaseFrame) -> None:
    """Error against time."""
    rows = [(frame.paths.t[s, 0], frame.paths.error[s, 0]) for s in range(len(frame.paths.entries))]
    over_time(view, frame, "error", "error", rows)


def step_size(view: PhaseInstrument, frame: PhaseFrame) -> None:
    """Step sizes against time, rejected steps crossed."""
    paths = frame.paths
    rows = []
    for s in range(len(paths.entries)):
        kept = paths.attempt_accepted[s] == 1
        rejected = paths.attempt_accepted[s] == 0
        size = np.abs(paths.attempt_dt[s])
        rows.append((paths.attempt_t[s][kept], size[kept]))
        solver_layer(view, frame, s)[2].setData(paths.attempt_t[s][rejected], logs(size[rejected]))
    over_time(view, frame, "step-size", "step size", rows, headroom=0.3)


def components(view: PhaseInstrument, frame: PhaseFrame) -> None:
    """State against time: x as curves, y as markers."""
    view.name_axes("t", "x (line), y (markers)")
    paths = frame.paths
    columns: dict[str, Any] = {}
    for s, entry in enumerate(paths.entries):
        curve, steps, _, _ = solver_layer(view, frame, s)
        curve.setData(paths.t[s, 0], paths.y[s, 0, :, 0])
        good = np.flatnonzero(np.isfinite(paths.t[s, 0]))
        thin = good[:: max(1, len(good) // 60)]
        steps.setSize(5)
        steps.setData(paths.t[s, 0, thin], paths.y[s, 0, thin, 1])
        columns |= {f"{entry} t": paths.t[s, 0], f"{entry} x": paths.y[s, 0, :, 0], f"{entry} y": paths.y[s, 0, :, 1]}
    reference = paths.reference_y[0]
    view.line.setData(paths.reference_t[0], reference[:, 0])
    low, high = np.nanmin(reference, initial=np.inf), np.nanmax(reference, initial=-np.inf)
    room = 1.5 * (high - low) if high > low else 1.0
    # What a solver adds counts too, but one that blows up must not flatten the others.
    every = np.concatenate([paths.y[:, 0].ravel(), reference.ravel()])
    ys = np.clip(every[np.isfinite(every)], low - room, high + room)
    span = np.linspace(frame.t0, frame.t1, max(2, len(ys)))
    view.plot.grow(("components", frame.t0, frame.t1), span[: len(ys)], ys)
    view.give(columns)


def evaluations(view: PhaseInstrument, frame: PhaseFrame) -> None:
    """Count the evaluations of the vector field, one bar per solver."""
    view.name_axes("", "evaluations")
    counts = frame.paths.nfe[:, 0].astype(float)
    names = solver_names(frame.paths)
    view.plot.getAxis("bottom").setTicks([list(enumerate(names))])
    brushes = [QColor(colour) for colour, _ in solver_styles(frame.paths.methods)]
    view.show_bars(counts, brushes)
    view.plot.grow(
        ("evaluations", tuple(frame.paths.entries)),
        np.array([-0.6, len(counts) - 0.4]),
        np.array([0.0, counts.max()]),
        pad=0.02,
    )
    view.give({"solver": frame.paths.entries, "evaluations": frame.paths.nfe[:, 0]})


def scatter_study(
    view: PhaseInstrument, frame: PhaseFrame, name: str, labels: tuple[str, str], xs: FloatArray, ys: FloatArray
) -> None:
    """Draw one study, both axes logarithmic."""
    view.name_axes(f"log₁₀ {labels[0]}", f"log₁₀ {labels[1]}")
    columns: dict[str, Any] = {}
    for s, entry in enumerate(frame.paths.entries):
        if s >= len(xs):
            continue
        curve, steps, _, _ = solver_layer(view, frame, s)
        x, y = logs(xs[s]), np.maximum(logs(ys[s]), -16.0)
        good = np.isfinite(x) & np.isfinite(y)
        curve.setData(x[good], y[good])
        steps.setData(x[good], y[good])
        columns |= {f"{entry} {labels[0]}": xs[s][good], f"{entry} {labels[1]}": ys[s][good]}
    if xs.size:
        view.plot.grow(
            (name, frame.portrait.key, tuple(frame.paths.entries)),
            logs(xs).ravel(),
            np.maximum(logs(ys), -16.0).ravel(),
        )
    view.give(columns)


def name_slopes(view: PhaseInstrument, frame: PhaseFrame) -> None:
    """Write at the coarse end of each line of the order plot the fitted slope: the order observed."""
    for s, slope in enumerate(frame.studies.slope):
        x, y = logs(frame.studies.order_dt[s]), logs(frame.studies.order_error[s])
        good = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
        if len(good) and np.isfinite(slope):
            middle = good[len(good) // 2]
            colour, _ = solver_styles(frame.paths.methods)[s]
            view.write(f"{slope:.2f}", colour, float(x[middle]), float(y[middle]))


def order(view: PhaseInstrument, frame: PhaseFrame) -> None:
    """Error against step size: the slope is the order."""
    scatter_study(view, frame, "order", ("step size", "error"), frame.studies.order_dt, frame.studies.order_error)
    name_slopes(view, frame)


def work_precision(view: PhaseInstrument, frame: PhaseFrame) -> None:
    """Error against evaluations."""
    scatter_study(view, frame, "work", ("evaluations", "error"), frame.studies.work_nfe, frame.studies.work_error)


def time_precision(view: PhaseInstrument, frame: PhaseFrame) -> None:
    """Error against computing time."""
    scatter_study(view, frame, "time", ("milliseconds", "error"), frame.studies.work_ms, frame.studies.work_error)


def numbers(view: PhaseInstrument, frame: PhaseFrame) -> None:
    """Everything counted, as a table."""
    paths = frame.paths
    header = ["solver", "evaluations", "steps", "rejected", "error at end", "largest error", "order"]
    rows, colours = [], []
    for s, entry in enumerate(paths.entries):
        rows.append(
            [
                str(entry),
                str(paths.nfe[s, 0]),
                str(paths.n_accepted[s, 0]),
                str(paths.n_rejected[s, 0]),
                label_number(paths.final_error[s, 0]),
                label_number(paths.max_error[s, 0]),
                f"{frame.studies.slope[s]:.2f}" if np.isfinite(frame.studies.slope[s]) else "–",
            ]
        )
        colours.append(solver_styles(paths.methods)[s][0])
    view.fill_table(header, rows, colours)
    view.give(
        {
            "solver": paths.entries,
            "evaluations": paths.nfe[:, 0],
            "steps": paths.n_accepted[:, 0],
            "rejected": paths.n_rejected[:, 0],
            "error at end": paths.final_error[:, 0],
            "largest error": paths.max_error[:, 0],
            "order": frame.studies.slope,
        }
    )


VIEWS: Mapping[str, View] = MappingProxyType(
    {
        "stability": View(stability, captions.stability, move_eigenvalues, equal=True),
        "error": View(error, captions.error, move_cursor),
        "step-size": View(step_size, captions.step_size, move_cursor),
        "evaluations": View(evaluations, captions.evaluations),
        "order": View(order, captions.order),
        "work-precision": View(work_precision, captions.work_precision),
        "time-precision": View(time_precision, captions.time_precision),
        "components": View(components, captions.components, move_cursor),
        "numbers": View(numbers, captions.numbers, table=True),
    }
)
