"""The small plots beside the planes of the flow: how likely the data are, and what that costs."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import Qt

from nodeviz.app.instrument import Instrument, Layer, View, logs, smoothed, thinned
from nodeviz.app.panels import flow_captions as captions
from nodeviz.app.panels.flow_captions import BRIEF, Scene, at_time, mass_text, method_style
from nodeviz.app.plots import label_number, pen
from nodeviz.app.theme import blend
from nodeviz.experiments.flow_params import INSTRUMENTS
from nodeviz.experiments.flow_words import nats

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.experiments.flow_frame import FlowPath, FlowTrace, FlowView

MOST = 2  # flows
THOUSAND, MANY = 1000.0, 10  # training steps, and thousands of them from which an axis counts in thousands
ROOM = 0.2  # of a plot's height, below the line of the exact trace, for its name and that of the axis


class FlowInstrument(Instrument[Scene]):
    """A small plot of the flow panel."""

    def __init__(self, name: str) -> None:
        super().__init__(name, INSTRUMENTS, VIEWS)
        self.raw = [self.plot.curve(1) for _ in range(MOST)]
        self.dashed = [self.plot.curve(2, dashed=True) for _ in range(MOST)]
        self.theory = [self.plot.curve(1.5, dashed=True) for _ in range(2 * MOST)]

    def _clear(self) -> None:
        super()._clear()
        for curve in (*self.raw, *self.dashed, *self.theory):
            curve.setData([], [])

    def flow_layer(self, number: int, name: str) -> Layer:
        """Return what a flow draws with, in the colour and with the marker of its method."""
        colour, marker = method_style(name, self.theme)
        layer = self.layer(number, colour, marker)
        layer.hollow.setSymbol(marker)
        layer.hollow.setBrush(pen(self.theme.panel).color())
        layer.hollow.setPen(pen(colour, 1.2))
        layer.curve.setSegmentedLineMode("on")
        self.raw[number].setPen(pen(blend((colour, self.theme.panel), 0.68)))
        self.dashed[number].setPen(pen(colour, 1.2, style=Qt.PenStyle.DashLine))
        for curve in self.theory[2 * number : 2 * number + 2]:
            curve.setPen(pen(self.theme.quiet, style=Qt.PenStyle.DotLine))
        return layer


def key(scene: Scene, name: str, *more: object) -> tuple[object, ...]:
    """Return by what a range is kept: the plot, the flows on show, and more."""
    return name, tuple(flow.name for flow in scene.frame.flows), *more


def training_axis(view: FlowInstrument, scene: Scene, y_label: str) -> tuple[list[float], float]:
    """Name the axes of a plot over training; return by what each flow's steps are divided, and where the axis ends.

    Two flows take different numbers of steps, so that their axis is the share of them that is done.
    """
    flows = scene.frame.flows
    if len(flows) > 1:
        view.name_axes("share of training", y_label)
        return [float(max(flow.steps, 1)) for flow in flows], max(1.0, *(flow.step / flow.steps for flow in flows))
    end = float(max(flows[0].steps, flows[0].step))
    scale = THOUSAND if end >= MANY * THOUSAND else 1.0  # five digits on every tick have no room
    view.name_axes("training step" if scale == 1.0 else "thousand steps", y_label)
    return [scale], end / scale


def untrained(view: FlowInstrument, scene: Scene, y: float) -> None:
    """Say in a plot over training that there was none, for flows that came with their weights."""
    if not any(scene.history.values()):
        view.write("not trained here yet", view.theme.quiet, 0.0, y)


def log_prob(view: FlowInstrument, scene: Scene) -> None:
    """Mean log-likelihood of held-out points over training, and the bound that none exceeds."""
    scales, end = training_axis(view, scene, "log p, nats")
    bound = scene.frame.target.entropy_bound
    every: list[FloatArray] = [np.array([bound])]
    columns: dict[str, Any] = {}
    for number, (flow, scale) in enumerate(zip(scene.frame.flows, scales, strict=True)):
        steps, values = (scene.numbers(f"{flow.name}.mean_log_prob{what}") for what in ("_step", ""))
        layer = view.flow_layer(number, flow.name)
        layer.curve.setData(steps / scale, values)
        at = end if flow.step == 0 else flow.measured_step / scale if len(scales) == 1 else flow.step / scale
        measured = np.array([flow.mean_log_prob])
        layer.steps.setData(*(([at], measured) if np.isfinite(measured[0]) else ([], [])))
        every += [values[len(values) // 12 :], measured]
        columns |= {f"{flow.name} step": steps, f"{flow.name} log p": values}
    joined = np.concatenate(every)
    joined = joined[np.isfinite(joined)]
    low, high = (float(joined.min()), float(joined.max())) if len(joined) else (-4.0, -2.0)
    low, high = min(low, high - 0.25), high + 0.2 * max(high - low, 0.25)
    if np.isfinite(bound):
        view.line.setData(np.array([0.0, end]), np.full(2, bound))
        view.write(f"bound {nats(bound)}", view.theme.quiet, 0.0, bound + 0.1 * (high - low))
    untrained(view, scene, (low + high) / 2)
    view.plot.grow(key(scene, "log-prob", end, bound), np.array([0.0, end]), np.array([low, high]))
    view.give(columns)


def loss(view: FlowInstrument, scene: Scene) -> None:
    """Loss of the training steps: all of it pale, its means in full colour."""
    scales, end = training_axis(view, scene, "loss")
    columns: dict[str, Any] = {}
    every = []
    for number, (flow, scale) in enumerate(zip(scene.frame.flows, scales, strict=True)):
        values, steps = scene.numbers(f"{flow.name}.loss"), scene.numbers(f"{flow.name}.step")
        layer = view.flow_layer(number, flow.name)
        for curve, (places, shown) in ((view.raw[number], thinned(values)), (layer.curve, smoothed(values))):
            # Every report is of several steps; between reports they are spaced evenly.
            curve.setData(np.interp(places, np.arange(1, len(steps) + 1), steps) / scale if len(steps) else [], shown)
        mean = smoothed(values)[1]
        every += [mean, np.quantile(values, (0.02, 0.98)) if len(values) else mean]
        columns |= {f"{flow.name} step": steps, f"{flow.name} loss": values}
    joined = np.concatenate(every) if every else np.empty(0)
    joined = joined[np.isfinite(joined)]
    low, high = (float(joined.min()), float(joined.max())) if len(joined) else (0.0, 1.0)
    untrained(view, scene, (low + high) / 2)
    view.plot.grow(key(scene, "loss", end), np.array([0.0, end]), np.array([low, max(high, low + 1e-3)]))
    view.give(columns)


def along(view: FlowInstrument, scene: Scene, name: str, label: str, values_of: Any, *, zero: bool) -> None:
    """Draw a number along the path of the point that was asked about."""
    view.name_axes("t", label)
    columns: dict[str, Any] = {}
    every = [np.zeros(1)] if zero else []
    for number, one in enumerate(scene.path.flows):
        values = values_of(one)
        view.flow_layer(number, one.name).curve.setData(one.t, values)
        every.append(values)
        columns |= {f"{one.name} t": one.t, f"{one.name} {label}": values}
    joined = np.concatenate(every) if every else np.empty(0)
    joined = joined[np.isfinite(joined)]
    if not len(joined) or not np.isfinite(scene.path.t):
        joined = np.array([-6.0, 0.0]) if not zero else np.array([0.0, 1.0])
        view.write("click a point of the plane", view.theme.quiet, 0.08, float(joined.mean()))
    where = tuple(scene.path.point.tolist())
    view.plot.grow(key(scene, name, where), np.array([0.0, 1.0]), joined[[joined.argmin(), joined.argmax()]])
    view.give(columns)


def path(view: FlowInstrument, scene: Scene) -> None:
    """Log p along the path of a point."""
    along(view, scene, "path", "log p, nats", log_prob_of, zero=False)


def speed(view: FlowInstrument, scene: Scene) -> None:
    """Speed along the path of a point; straight and even paths have the same everywhere."""
    along(view, scene, "speed", "speed", speed_of, zero=True)


def log_prob_of(one: FlowPath) -> FloatArray:
    """Return log p along a path."""
    return one.log_prob


def speed_of(one: FlowPath) -> FloatArray:
    """Return the speed along a path."""
    return one.speed


def move_along(values_of: Any) -> Any:
    """Return what moves the cursor and a marker on each curve of a path."""

    def move(view: FlowInstrument, scene: Scene, t: float) -> None:
        view.mark_time(t)
        for number, one in enumerate(scene.path.flows):
            if len(one.t):
                view.layers[number].steps.setData([t], [at_time(one.t, values_of(one), t)])

    return move


def trace(view: FlowInstrument, scene: Scene) -> None:
    """Spread of Hutchinson's estimates of the divergence about the exact one, against the number of probes."""
    view.name_axes("log₂ probes", "spread of div f")
    x = probe_axis(scene)
    every: list[FloatArray] = [np.zeros(1)]
    columns: dict[str, Any] = {"probes": scene.trace.probes}
    for number, one in enumerate(scene.trace.flows):
        every += probed(view, number, one, x, one.rademacher_std, one.gaussian_std)
        for curve, expected in zip(
            view.theory[2 * number :], (one.rademacher_theory, one.gaussian_theory), strict=False
        ):
            curve.setData(x, expected)
        columns |= {f"{one.name} Rademacher": one.rademacher_std, f"{one.name} Gaussian": one.gaussian_std}
    finish_probes(view, scene, "trace", np.concatenate(every), columns)


def trace_log_prob(view: FlowInstrument, scene: Scene) -> None:
    """Error that an estimated trace makes in log p, against the number of probes."""
    view.name_axes("log₂ probes", "error of log p, nats")
    x = probe_axis(scene)
    every: list[FloatArray] = [np.zeros(1)]
    columns: dict[str, Any] = {"probes": scene.trace.probes}
    for number, one in enumerate(scene.trace.flows):
        every += probed(view, number, one, x, one.log_prob_rademacher, one.log_prob_gaussian)
        columns |= {f"{one.name} Rademacher": one.log_prob_rademacher, f"{one.name} Gaussian": one.log_prob_gaussian}
    finish_probes(view, scene, "trace-log-prob", np.concatenate(every), columns)


def probe_axis(scene: Scene) -> FloatArray:
    """Return the numbers of probes on their axis."""
    return np.log2(np.maximum(scene.trace.probes.astype(float), 1.0))


def probed(
    view: FlowInstrument, number: int, one: FlowTrace, x: FloatArray, rademacher: FloatArray, gaussian: FloatArray
) -> list[FloatArray]:
    """Draw a number of both kinds of probes, and return what the range must hold."""
    layer = view.flow_layer(number, one.name)
    if len(rademacher):
        layer.curve.setData(x, rademacher)
        layer.steps.setData(x, rademacher)
        view.dashed[number].setData(x, gaussian)
        layer.hollow.setData(x, gaussian)
    return [rademacher, gaussian]


def finish_probes(view: FlowInstrument, scene: Scene, name: str, values: FloatArray, columns: dict[str, Any]) -> None:
    """Draw the exact trace, whose spread is nothing, and show all."""
    x = probe_axis(scene)
    end = float(x[-1]) if len(x) else 4.0
    top = float(np.nanmax(values, initial=0.0)) or 1.0
    view.line.setData(np.array([0.0, end]), np.zeros(2))
    view.write("exact trace", view.theme.quiet, 0.0, -0.5 * ROOM * top)
    view.plot.grow(key(scene, name), np.array([0.0, end]), np.array([-ROOM * top, top]))
    view.give(columns)


def mass(view: FlowInstrument, scene: Scene) -> None:
    """Mass of the density within the plane at every time; all but 1 is lost, or outside."""
    view.name_axes("t", "mass")
    t, columns = scene.frame.t, {"t": scene.frame.t}
    every = [np.array([0.95, 1.05])]
    for number, flow in enumerate(scene.frame.flows):
        known = flow.density_known
        layer = view.flow_layer(number, flow.name)
        layer.curve.setData(t[known], flow.density_mass[known])
        layer.steps.setSize(4)
        layer.steps.setData(t[known], flow.density_mass[known])
        every.append(flow.density_mass[known])
        columns[f"{flow.name} mass"] = flow.density_mass
    joined = np.concatenate(every)
    joined = np.clip(joined[np.isfinite(joined)], 0.0, 10.0)
    view.line.setData(np.array([0.0, 1.0]), np.ones(2))
    view.plot.grow(key(scene, "mass"), np.array([0.0, 1.0]), joined[[joined.argmin(), joined.argmax()]])
    view.give(columns)


def move_cursor(view: FlowInstrument, scene: Scene, t: float) -> None:
    """Move the line that says where the cursor is."""
    del scene
    view.mark_time(t)


def tolerance(view: FlowInstrument, scene: Scene) -> None:
    """Draw the evaluations of an adaptive solver against its tolerance."""
    view.name_axes("log₁₀ tolerance", "evaluations")
    columns: dict[str, Any] = {}
    places, every = [np.array([-5.0, -1.0])], [np.zeros(1)]
    for number, flow in enumerate(scene.frame.flows):
        layer = view.flow_layer(number, flow.name)
        x = logs(flow.tolerance_rtol)
        layer.curve.setData(x, flow.tolerance_nfe)
        layer.steps.setData(x, flow.tolerance_nfe)
        places.append(x)
        every.append(flow.tolerance_nfe.astype(float))
        columns |= {
            f"{flow.name} tolerance": flow.tolerance_rtol,
            f"{flow.name} evaluations": flow.tolerance_nfe,
            f"{flow.name} error": flow.tolerance_error,
        }
    xs, ys = np.concatenate(places), np.concatenate(every)
    view.plot.grow(key(scene, "tolerance"), xs[[xs.argmin(), xs.argmax()]], ys[[ys.argmin(), ys.argmax()]])
    view.give(columns)


def measures(view: FlowInstrument, scene: Scene) -> None:
    """Every measure, a column per flow: so nothing has to be scrolled sideways."""
    texts, colours = [], []
    columns: dict[str, list[Any]] = {}
    for flow in scene.frame.flows:
        values = measures_of(flow)
        texts.append([text for _, _, text in values])
        colours.append(method_style(flow.name, view.theme)[0])
        for title, value, _ in values:
            columns.setdefault(title, []).append(value)
    view.fill_table_by_columns(["", *list(columns)[1:]], texts, colours)
    view.give({title: np.array(values) for title, values in columns.items()})


def measures_of(flow: FlowView) -> list[tuple[str, Any, str]]:
    """Return title, value and text of every measure of a flow."""
    milliseconds = 1e3 * flow.seconds_per_step
    seconds = flow.train_seconds or np.nan  # weights that came from elsewhere took some, and nobody knows how many
    return [
        ("method", flow.name, BRIEF[flow.name]),
        ("log p", flow.mean_log_prob, nats(flow.mean_log_prob) if np.isfinite(flow.mean_log_prob) else "–"),
        ("W₂", flow.wasserstein2, label_number(flow.wasserstein2)),
        ("its floor", flow.wasserstein2_floor, label_number(flow.wasserstein2_floor)),
        ("path energy", flow.path_energy, label_number(flow.path_energy)),
        ("evaluations", flow.nfe, label_number(flow.nfe)),
        ("mass", flow.mass, mass_text(flow.mass)),
        ("inversion", flow.inversion_error, label_number(flow.inversion_error)),
        ("seconds", seconds, label_number(seconds)),
        ("ms per step", milliseconds, label_number(milliseconds)),
        ("parameters", flow.n_parameters, str(flow.n_parameters)),
    ]


VIEWS: Mapping[str, View] = MappingProxyType(
    {
        "log-prob": View(log_prob, captions.log_prob),
        "loss": View(loss, captions.loss),
        "path": View(path, captions.path, move_along(log_prob_of)),
        "speed": View(speed, captions.speed, move_along(speed_of)),
        "trace": View(trace, captions.trace),
        "trace-log-prob": View(trace_log_prob, captions.trace_log_prob),
        "mass": View(mass, captions.mass, move_cursor),
        "tolerance": View(tolerance, captions.tolerance),
        "measures": View(measures, captions.measures, table=True),
    }
)
