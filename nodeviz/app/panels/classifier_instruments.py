"""The small plots beside the planes of the classifier: how it was trained, what that costs, and how stable it is."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt, Signal

from nodeviz.app.instrument import Instrument, Layer, View, logs, smoothed, thinned
from nodeviz.app.panels import classifier_captions as captions
from nodeviz.app.panels.classifier_captions import BRIEF, Scene, most_dimensions, probe_place
from nodeviz.app.panels.classifier_ground import mapped
from nodeviz.app.panels.classifier_projection import Camera, axis_name, principal
from nodeviz.app.plots import closed_path, label_number, pen
from nodeviz.app.sprites import Picture, Sprites, cell_corners
from nodeviz.app.theme import blend, class_style, model_style
from nodeviz.app.ways import between, known
from nodeviz.experiments.classifier_params import INSTRUMENTS
from nodeviz.experiments.classifier_words import percent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.experiments.classifier_frame import ClassifierFrame, ModelView

SYMBOLS = MappingProxyType({"resnet": "s", "node": "o", "anode": "d"})
BINS = 24
ENDS = np.array([-1.0, 1.0])
FAR = 0.55  # the size of what is farthest away


class ClassifierInstrument(Instrument[Scene]):
    """A small plot of the classifier panel. ``turned`` carries degrees to the right and up, and whether it ended."""

    turned = Signal(float, float, bool)

    def __init__(self, name: str) -> None:
        super().__init__(name, INSTRUMENTS, VIEWS)
        self.camera: Camera | None = None  # of the augmented states; their principal axes while nobody turned them
        self._base: Camera | None = None  # when the drag began
        self.points = [Sprites() for _ in range(4)]
        self.maps = [Picture() for _ in range(3)]
        items: list[pg.GraphicsObject] = [*self.points, *self.maps]
        for item in items:
            item.setZValue(3)
            self.plot.addItem(item, ignoreBounds=True)
        self.raw = [self.plot.curve(1) for _ in range(3)]
        self.more = [self.plot.curve(2, dashed=True) for _ in range(6)]
        self.scales: FloatArray = np.empty((0, 0))
        self.seen: FloatArray = np.empty((0, 0, 2))
        self.plot.box.grabs = lambda point: self.kind == "augmented" and point is not None
        self.plot.box.dragged.connect(self._drag)

    def _clear(self) -> None:
        super()._clear()
        for points in self.points:
            points.set_points(np.empty((0, 2)))
        for picture in self.maps:
            picture.clear()
        for curve in (*self.raw, *self.more):
            curve.setData([], [])

    def _drag(self, phase: str, start: QPointF, now: QPointF) -> None:
        self.turned.emit(*self.plot.degrees(start, now), phase == "end")

    def turn(self, frame: ClassifierFrame, right: float, up: float, *, ended: bool = True) -> None:
        """Turn the augmented states by degrees since the drag began."""
        self._base = self._base or self.states_camera(frame)
        self.camera = self._base.turned(math.radians(right), math.radians(up))
        if ended:
            self._base = None
        self.forget()

    def face(self) -> None:
        """Look along the principal axes again."""
        self.camera = None
        self.forget()

    def states_camera(self, frame: ClassifierFrame) -> Camera:
        """Return from where the augmented states are looked at."""
        model = most_dimensions(frame)
        if self.camera is None or len(self.camera.axes) != model.states.shape[2]:
            return principal(model.axes)
        return self.camera

    def model_layer(self, number: int, model: ModelView) -> Layer:
        """Return what a model draws with, in its colour and shape; the ResNet's curve is dashed."""
        colour, dashed = model_style(model.name, self.theme)
        layer = self.layer(number, colour, SYMBOLS[model.name])
        if dashed:
            layer.curve.setSegmentedLineMode("off")
            layer.curve.setPen(pen(colour, 1.4, style=Qt.PenStyle.DashLine))
        else:
            layer.curve.setSegmentedLineMode("on")
        return layer


def probe(view: ClassifierInstrument, scene: Scene) -> None:
    """Accuracy of a linear probe that is fitted anew at each depth."""
    view.name_axes("depth t", "linear accuracy")
    columns: dict[str, Any] = {}
    for number, model in enumerate(scene.frame.models):
        view.model_layer(number, model).curve.setData(model.probe_t, model.probe_accuracy)
        columns |= {f"{model.name} t": model.probe_t, f"{model.name} linear accuracy": model.probe_accuracy}
    least = min((float(np.nanmin(model.probe_accuracy, initial=1.0)) for model in scene.frame.models), default=0.5)
    bounds = np.array([min(least, 0.9), 1.0])
    view.plot.grow(("probe", scene.frame.t1, names(scene)), np.array([0.0, scene.frame.t1]), bounds)
    view.give(columns)


def move_probe(view: ClassifierInstrument, scene: Scene, t: float) -> None:
    """Move the cursor, and a marker on each curve."""
    view.mark_time(t)
    for number, model in enumerate(scene.frame.models):
        view.layers[number].steps.setData(*([value] for value in probe_place(model, t)))


def names(scene: Scene) -> tuple[str, ...]:
    """Return the names of the models, by which ranges are kept."""
    return tuple(model.name for model in scene.frame.models)


def training_curve(view: ClassifierInstrument, scene: Scene, what: str, *, log: bool) -> list[FloatArray]:
    """Draw a history of every model: all of it pale, its means in full colour. Return the means."""
    columns: dict[str, Any] = {}
    means = []
    for number, model in enumerate(scene.frame.models):
        values = scene.numbers(f"{model.name}.{what}")
        layer = view.model_layer(number, model)
        view.raw[number].setPen(pen(blend((model_style(model.name, view.theme)[0], view.theme.panel), 0.68)))
        steps, noisy = thinned(values)
        view.raw[number].setData(steps, logs(noisy) if log else noisy)
        steps, mean = smoothed(values)
        layer.curve.setData(steps, logs(mean) if log else mean)
        means.append(mean)
        columns[f"{model.name} {what}"] = values
    count = max((len(column) for column in columns.values()), default=0)
    view.give({"step": np.arange(1, count + 1), **columns})
    return means


def span_of_steps(scene: Scene) -> FloatArray:
    """Return the range of the axis of steps: all that are planned, and all that were done."""
    done = max((len(values) for values in scene.history.values()), default=0)
    return np.array([0.0, max(scene.frame.steps, done) or 1000])


def loss(view: ClassifierInstrument, scene: Scene) -> None:
    """Loss of every training step, logarithmic."""
    view.name_axes("training step", "log₁₀ loss")
    means = [logs(mean) for mean in training_curve(view, scene, "loss", log=True)]
    every = np.concatenate([logs(np.array([model.loss for model in scene.frame.models])), *means])
    good = every[np.isfinite(every)]
    low, high = (float(good.min()), float(good.max())) if len(good) else (-2.0, 0.0)
    high = max(high, low + 0.5)
    span = span_of_steps(scene)
    view.plot.grow(("loss", float(span[1]), names(scene)), span, np.array([low, high]))
    if not any(map(len, means)):
        invite(view, scene, "press Train to see it fall", (low + high) / 2)


def invite(view: ClassifierInstrument, scene: Scene, text: str, middle: float) -> None:
    """Say in the plot of a run that nobody has begun how to fill it; one with fresh weights begins by itself."""
    if scene.params.weights != "fresh":
        view.write(text, view.theme.quiet, float(span_of_steps(scene).mean()), middle, anchor=0.5)


def accuracy(view: ClassifierInstrument, scene: Scene) -> None:
    """Accuracy of every training step on its batch."""
    view.name_axes("training step", "accuracy")
    means = training_curve(view, scene, "accuracy", log=False)
    least = min((float(np.nanmin(mean, initial=1.0)) for mean in means), default=0.5)
    bounds = np.array([min(least, 0.9), 1.0])
    span = span_of_steps(scene)
    view.plot.grow(("accuracy", float(span[1]), names(scene)), span, bounds)
    if not any(map(len, means)):
        invite(view, scene, "press Train to see it rise", float(bounds.mean()))


def augmented(view: ClassifierInstrument, scene: Scene) -> None:
    """States of the model with most dimensions, as a cloud that turns."""
    model, data = most_dimensions(scene.frame), scene.frame.data
    camera = view.states_camera(scene.frame)
    away = known(model.states) - model.centre
    view.seen = away @ camera.screen
    depth = away @ camera.axes[:, 2] if len(camera.axes) > 2 else np.zeros(away.shape[:2])
    reach = float(np.nanmax(np.abs(depth), initial=1e-9))
    view.scales = FAR + (1 - FAR) * (0.5 - 0.5 * depth / reach)
    for label, item in enumerate(view.points):
        colour, shape = class_style(label, view.theme)
        item.set_look(shape, 7.0, colour, blend((colour, view.theme.panel), 0.75))
    turned = view.camera is not None
    labels = [axis_name(camera.axes[:, i]) if turned else f"axis {i + 1}" for i in range(2)]
    view.name_axes(*labels)
    far = np.nan_to_num(np.abs(view.seen), nan=0.0, posinf=0.0)
    reach = np.percentile(far, 99, axis=1).max(axis=0)  # a few that fly off do not make the rest tiny
    view.plot.grow(("augmented", model.name), reach[0] * ENDS, reach[1] * ENDS)
    ends = view.seen[-1]
    view.give({"label": data.names[data.labels], labels[0]: ends[:, 0], labels[1]: ends[:, 1]})


def move_augmented(view: ClassifierInstrument, scene: Scene, t: float) -> None:
    """Move the cloud; what is farther away is smaller."""
    model = most_dimensions(scene.frame)
    now = between(model.t, view.seen, t, held=model.discrete)
    scales = between(model.t, view.scales, t, held=model.discrete)
    order = np.argsort(scales)  # the nearest last, on top
    labels = scene.frame.data.labels[order]
    for label, item in enumerate(view.points):
        own = order[labels == label]
        item.set_points(now[own], scales[own])


def solver_accuracy(view: ClassifierInstrument, scene: Scene) -> None:
    """Accuracy against the number of solver steps, without training anew."""
    view.name_axes("log₁₀ solver steps", "accuracy")
    columns: dict[str, Any] = {}
    every: list[FloatArray] = [np.array([0.9, 1.0])]
    most = 1.0
    for number, model in enumerate(scene.frame.models):
        if model.discrete or not len(model.solver_steps):
            continue
        layer = view.model_layer(number, model)
        x, y = logs(model.solver_steps.astype(float)), model.solver_accuracy
        layer.curve.setData(x, y)
        layer.steps.setData(x, y)
        every.append(y)
        most = max(most, float(x.max()))
        columns |= {f"{model.name} steps": model.solver_steps, f"{model.name} accuracy": y}
        if model.depth_steps:
            view.mark_time(float(np.log10(model.depth_steps)))
    least = ends_of(np.concatenate(every))[0]
    view.plot.grow(("solver", names(scene)), np.array([0.0, most]), np.array([least, 1.0]))
    view.give(columns)


def nfe_map(view: ClassifierInstrument, scene: Scene) -> None:
    """Map the evaluations that each point needs with a step size of its own, all models on one scale."""
    view.name_axes("", "")
    for side in ("bottom", "left"):
        view.plot.getAxis(side).setTicks([])
    shown = [model for model in scene.frame.models if model.nfe_map.size]
    if not shown:
        return
    every = np.concatenate([model.nfe_map.ravel() for model in shown])
    low, high = ends_of(every).tolist()
    colours = pg.colormap.get("viridis").getLookupTable(nPts=256)
    corners = cell_corners(scene.frame.data.view, len(shown[0].nfe_map))
    width, height = corners[1] - corners[0], corners[3] - corners[2]
    columns: dict[str, Any] = {}
    for number, model in enumerate(shown):
        shift = np.array([1.0, 1.0, 0.0, 0.0]) * number * 1.06 * width
        view.maps[number].set_image(mapped(model.nfe_map, low, high, colours), corners + shift)
        colour = model_style(model.name, view.theme)[0]
        view.write(BRIEF[model.name], colour, float(corners[0] + shift[0]), float(corners[3] + 0.1 * height))
        columns[f"{model.name} evaluations"] = model.nfe_map.ravel()
    right = corners[1] + (len(shown) - 1) * 1.06 * width
    xs, ys = np.array([corners[0], right]), np.array([corners[2], corners[3] + 0.2 * height])
    view.plot.grow(("map", names(scene), tuple(corners)), xs, ys, pad=0.0)
    view.give(columns)


def nfe_histogram(view: ClassifierInstrument, scene: Scene) -> None:
    """How many points need how many evaluations."""
    view.name_axes("evaluations", "points")
    shown = [(i, model) for i, model in enumerate(scene.frame.models) if len(model.nfe_points) and not model.discrete]
    every = np.concatenate([np.empty(0), *(model.nfe_points[np.isfinite(model.nfe_points)] for _, model in shown)])
    if not len(every):
        return
    edges = np.linspace(every.min() - 0.5, every.max() + 0.5, min(BINS, int(np.ptp(every)) + 1) + 1)
    columns: dict[str, Any] = {}
    top = 1.0
    for number, model in shown:
        counts, _ = np.histogram(model.nfe_points, edges)
        outline = np.stack([np.repeat(edges, 2), np.concatenate([[0], np.repeat(counts, 2), [0]])], axis=1)
        layer = view.model_layer(number, model)
        layer.curve.setData(*outline.T)
        layer.area.setPath(closed_path(outline))
        top = max(top, float(counts.max()))
        columns[f"{model.name} evaluations"] = model.nfe_points
    view.plot.grow(("histogram", names(scene)), edges[[0, -1]], np.array([0.0, top]), pad=0.02)
    view.give(columns)


def nfe_training(view: ClassifierInstrument, scene: Scene) -> None:
    """Draw the evaluations over training."""
    view.name_axes("training step", "evaluations")
    columns: dict[str, Any] = {}
    every: list[FloatArray] = [np.array([model.nfe for model in scene.frame.models if not model.discrete])]
    for number, model in enumerate(scene.frame.models):
        counts = scene.numbers(f"{model.name}.nfe")
        if model.discrete or not len(counts):
            continue
        steps = scene.numbers(f"{model.name}.nfe_step")
        layer = view.model_layer(number, model)
        layer.curve.setData(steps, counts)
        layer.steps.setData(steps, counts)
        every.append(counts)
        columns |= {f"{model.name} step": steps, f"{model.name} evaluations": counts}
    values = np.concatenate(every)
    values = values[np.isfinite(values)]
    low, high = (values.min(), values.max()) if len(values) else (0.0, 1.0)
    view.plot.grow(("nfe", names(scene)), span_of_steps(scene), np.array([low - 2, high + 2]))
    view.give(columns)


def stability(view: ClassifierInstrument, scene: Scene) -> None:
    """Three numbers along the way of one point: what J says now, what it may do at worst, and what became of it."""
    view.name_axes("depth t", "rates per depth; ln ρ")
    columns: dict[str, Any] = {}
    every: list[FloatArray] = [np.zeros(1)]
    for number, one in enumerate(scene.stability.models):
        colour, _ = model_style(one.name, view.theme)
        layer = view.layer(number, colour)
        layer.curve.setSegmentedLineMode("on")
        radius = np.log(np.maximum(one.flow_radius, 1e-300))
        layer.curve.setData(one.t, one.abscissa)
        for extra, values, dash in ((0, one.symmetric, Qt.PenStyle.DashLine), (1, radius, Qt.PenStyle.DotLine)):
            view.more[2 * number + extra].setPen(pen(colour, 1.4, style=dash))
            view.more[2 * number + extra].setData(one.t, values)
        every += [one.abscissa, one.symmetric, radius]
        columns |= {
            f"{one.name} t": one.t,
            f"{one.name} spectral abscissa of J": one.abscissa,
            f"{one.name} largest eigenvalue of sym J": one.symmetric,
            f"{one.name} spectral radius of the flow map": one.flow_radius,
        }
        for k, values in enumerate(one.eigenvalues.T):
            columns |= {f"{one.name} Re λ{k + 1}": values.real, f"{one.name} Im λ{k + 1}": values.imag}
        if number == 0 and len(one.t):
            name_curves(view, one.t, (("α", one.abscissa), ("σ", one.symmetric), ("ln ρ", radius)))
    t1 = scene.frame.t1
    view.line.setData(np.array([0.0, t1]), np.zeros(2))
    view.plot.grow(("stability", t1, names(scene)), np.array([0.0, t1]), ends_of(np.concatenate(every)))
    view.give(columns)


def name_curves(view: ClassifierInstrument, t: FloatArray, curves: Sequence[tuple[str, FloatArray]]) -> None:
    """Write the names of curves on them, each at another depth."""
    for number, (name, values) in enumerate(curves):
        place = min(int((0.15 + 0.3 * number) * len(t)), len(t) - 1)
        if np.isfinite(values[place]):
            view.write(name, view.theme.text, float(t[place]), float(values[place]), anchor=0.5)


def ends_of(values: FloatArray) -> FloatArray:
    """Return the smallest and the largest (2,) of what is finite; NaN where nothing is."""
    known = values[np.isfinite(values)]
    return np.array([known.min(), known.max()]) if len(known) else np.full(2, np.nan)


def move_cursor(view: ClassifierInstrument, scene: Scene, t: float) -> None:
    """Move the line that says where the cursor is."""
    del scene
    view.mark_time(t)


def measures(view: ClassifierInstrument, scene: Scene) -> None:
    """Every measure, a column per model: so nothing has to be scrolled sideways."""
    texts, colours = [], []
    columns: dict[str, list[Any]] = {}
    for model in scene.frame.models:
        values = measures_of(model, scene)
        texts.append([text for _, _, text in values])
        colours.append(model_style(model.name, view.theme)[0])
        for title, value, _ in values:
            columns.setdefault(title, []).append(value)
    view.fill_table_by_columns(["", *list(columns)[1:]], texts, colours)
    view.give({title: np.array(values) for title, values in columns.items()})


def measures_of(model: ModelView, scene: Scene) -> list[tuple[str, Any, str]]:
    """Return title, value and text of every measure of a model: shares, ratios and means with one decimal."""
    own = model.nfe_points[np.isfinite(model.nfe_points)] if not model.discrete else np.empty(0)
    lows = (float(own.min()), float(own.mean()), float(own.max())) if len(own) else (np.nan, np.nan, np.nan)
    at_end = float(model.probe_accuracy[-1]) if len(model.probe_accuracy) else np.nan
    ms = 1e3 * model.seconds_per_step
    shown = captions.right_as_shown(model, scene.frame.data)
    return [
        ("model", model.name, BRIEF[model.name]),
        ("fresh error", model.dense_error, share(model.dense_error)),
        *((("right as shown", shown, share(shown)),) if captions.other_solver(scene) else ()),
        ("train", model.train_accuracy, share(model.train_accuracy)),
        ("test", model.test_accuracy, share(model.test_accuracy)),
        ("stretch", model.max_stretch, decimal(model.max_stretch)),
        ("NFE", model.nfe, label_number(model.nfe)),
        ("least NFE", lows[0], label_number(lows[0])),
        ("mean NFE", lows[1], decimal(lows[1])),
        ("most NFE", lows[2], label_number(lows[2])),
        ("parameters", model.n_parameters, f"{model.n_parameters:,}"),
        ("linear at T", at_end, share(at_end)),
        ("h₁, h₂ alone", model.first_two_accuracy, share(model.first_two_accuracy)),
        ("loss", model.loss, label_number(model.loss)),
        ("ms per step", ms, label_number(ms)),
    ]


def share(value: float) -> str:
    """Return a share in percent with one decimal, with more where that would read as all or nothing."""
    if not np.isfinite(value):
        return "–"
    text = f"{100 * value:.1f} %"
    return percent(value) if text in {"0.0 %", "100.0 %"} and value not in {0.0, 1.0} else text


def decimal(value: float) -> str:
    """Return a number with one decimal, or a dash where it is not known."""
    return f"{value:.1f}" if np.isfinite(value) and value < 1e4 else label_number(value)


VIEWS: Mapping[str, View] = MappingProxyType(
    {
        "probe": View(probe, captions.probe, move_probe),
        "loss": View(loss, captions.loss),
        "accuracy": View(accuracy, captions.accuracy),
        "augmented": View(augmented, captions.augmented, move_augmented, equal=True),
        "solver-accuracy": View(solver_accuracy, captions.solver_accuracy),
        "nfe-map": View(nfe_map, captions.nfe_map, equal=True),
        "nfe-histogram": View(nfe_histogram, captions.nfe_histogram),
        "nfe-training": View(nfe_training, captions.nfe_training),
        "stability": View(stability, captions.stability, move_cursor),
        "measures": View(measures, captions.measures, table=True),
    }
)
