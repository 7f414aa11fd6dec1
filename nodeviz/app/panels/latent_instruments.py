"""The small plots beside the curve: inside the model, how well it does, how it trains, and how fast it answers."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QPointF, Qt, Signal

from nodeviz.app.instrument import Instrument, View, logs, smoothed, thinned
from nodeviz.app.panels import latent_captions as captions
from nodeviz.app.panels import latent_inside as inside_views
from nodeviz.app.panels.latent_captions import SHORT, Scene, percent
from nodeviz.app.plots import label_number, pen
from nodeviz.app.theme import answer_style, blend
from nodeviz.experiments.latent_params import INSTRUMENTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nodeviz.app.theme import Theme
    from nodeviz.engine.arrays import FloatArray

NO_ERRORS = (-3.0, 1.0)  # log10 of errors, between which axes are shown while none is known
STEEP = 4.0  # times that the first step of refinement may gain as much as all others, and still be drawn to scale
FIRST_STEPS = 128  # of training, on the axis from the beginning
LIMIT_MS = 50.0  # from an edit to its answer on screen


class LatentInstrument(Instrument[Scene]):
    """A small plot of the latent panel.

    ``pulled`` carries a coordinate, by how much it is moved, and whether that goes on: ``move`` or ``end``.
    """

    pulled = Signal(int, float, str)

    def __init__(self, name: str) -> None:
        super().__init__(name, INSTRUMENTS, VIEWS)
        self.arrows = self.plot.curve(0.5, connect="pairs")
        self.wide, self.narrow = self.plot.curve(1, connect="pairs"), self.plot.curve(1.5, connect="pairs")
        self.pale = self.plot.curve(1)
        self.moved, self.dashed = self.plot.curve(2.5, dashed=True), self.plot.curve(2, dashed=True)
        self.plot.box.grabs = self._grab
        self.plot.box.dragged.connect(self._pull)
        self.plot.box.doubled.connect(self._let_go)
        self.plot.when_themed(self._take_colours)
        self._held = -1
        self._began = 0.0

    def _take_colours(self, theme: Theme) -> None:
        colour, _ = answer_style("latent", theme)
        self.arrows.setPen(pen(theme.field[1]))
        self.pale.setPen(pen(blend((theme.panel, theme.text), 0.36)))
        self.dashed.setPen(pen(colour, 1.4, style=Qt.PenStyle.DashLine))
        self.moved.setPen(pen(theme.text, 1.6, style=Qt.PenStyle.DotLine))

    def _clear(self) -> None:
        super()._clear()
        for curve in (self.arrows, self.wide, self.narrow, self.pale, self.moved, self.dashed):
            curve.setData([], [])

    # A coordinate that is dragged by hand.

    def _row_at(self, point: QPointF) -> int:
        """Return the coordinate whose row is at a place, -1 where none is."""
        scene = self.picture
        row = round(-point.y())
        known = scene is not None and self.kind == "posterior" and 0 <= row < len(scene.frame.inside.nudge)
        return row if known else -1

    def _grab(self, point: QPointF) -> bool:
        self._held = self._row_at(point)
        if self._held >= 0 and self.picture is not None:
            self._began = float(self.picture.frame.inside.nudge[self._held])
        return self._held >= 0

    def _pull(self, phase: str, start: QPointF, now: QPointF) -> None:
        if self._held >= 0:
            self.pulled.emit(self._held, self._began + now.x() - start.x(), phase)
        if phase == "end":
            self._held = -1

    @property
    def holding(self) -> bool:
        """Whether a coordinate is dragged."""
        return self._held >= 0

    def _let_go(self, point: QPointF) -> None:
        row = self._row_at(point)
        if row >= 0:
            self.pulled.emit(row, 0.0, "end")


def move_cursor(view: LatentInstrument, scene: Scene, t: float) -> None:
    """Move the line that says where the cursor is."""
    del scene
    view.mark_time(t)


def elbo(view: LatentInstrument, scene: Scene) -> None:
    """Draw the ELBO of the observations while the posterior is refined."""
    view.name_axes("refinement step", "ELBO, nats")
    values = scene.frame.answer.elbos
    steps = np.arange(len(values), dtype=float)
    drawn = view.layer(0, answer_style("latent", scene.theme)[0])
    drawn.curve.setData(steps, values)
    drawn.steps.setData(steps[:1], values[:1])
    if np.isfinite(values).any():
        end = np.array([0.0, max(10.0, float(len(values) - 1))])
        low, high = elbo_range(values)
        if values[0] < low:
            view.write(f"↓ {label_number(values[0])} at first", view.theme.quiet, 0.0, low)
        view.plot.grow(("elbo", scene.frame.answer.edit), end, np.array([low, high]))
    view.give({"step": steps, "ELBO": values})


def elbo_range(values: FloatArray) -> tuple[float, float]:
    """Return what to show of them, lowest and highest: where the first step gains nearly all, what follows it."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    later = float(np.nanmin(values[1:])) if np.isfinite(values[1:]).any() else low
    if later - low > STEEP * (high - later) and len(values) > 2:
        low = later - 0.25 * (high - later)
    return min(low, high - 1.0), high


def errors(view: LatentInstrument, scene: Scene) -> None:
    """Fill the table of errors, a column per model."""
    rows = captions.error_rows(scene)
    noise = {"latent": scene.frame.answer.noise} | {one.name: one.noise for one in scene.frame.baselines}
    many = bool(scene.frame.draws.errors)  # whose noises differ
    titles = ["", "interpolation", "extrapolation", "in 50 % band", "in 90 % band", *["noise"] * (not many)]
    columns = [
        [
            SHORT[one.name],
            label_number(one.mse_interpolation),
            label_number(one.mse_extrapolation),
            percent(one.coverage_50),
            percent(one.coverage_90),
            *[", ".join(label_number(value) for value in noise.get(one.name, ()))] * (not many),
        ]
        for one in rows
    ]
    view.fill_table_by_columns(titles, columns, [answer_style(one.name, scene.theme)[0] for one in rows])
    view.give(
        {
            "model": np.array([one.name for one in rows]),
            "mse interpolation": np.array([one.mse_interpolation for one in rows]),
            "mse extrapolation": np.array([one.mse_extrapolation for one in rows]),
            "coverage 50": np.array([one.coverage_50 for one in rows]),
            "coverage 90": np.array([one.coverage_90 for one in rows]),
        }
    )


def draws(view: LatentInstrument, scene: Scene) -> None:
    """Draw the error of the latent ODE on each draw against that of each other model; hollow: extrapolation."""
    view.name_axes("log₁₀ error of the other", "of latent ODE")
    given = scene.frame.draws
    columns: dict[str, Any] = {}
    every: list[FloatArray] = []
    for row, name in enumerate(given.names):
        inner, outer = logs(given.mse_interpolation[row]), logs(given.mse_extrapolation[row])
        columns |= {f"{name} interpolation": inner, f"{name} extrapolation": outer}
        every += [inner, outer]
        if name == "latent":
            continue
        colour, _ = answer_style(name, scene.theme)
        drawn = view.layer(row, colour, "o" if name == "gp" else "s")
        drawn.steps.setSize(4)
        drawn.steps.setData(inner, logs(given.mse_interpolation[0]))
        drawn.hollow.setSymbol("o" if name == "gp" else "s")
        drawn.hollow.setSize(4)
        drawn.hollow.setBrush(None)
        drawn.hollow.setData(outer, logs(given.mse_extrapolation[0]))
    joined = np.concatenate(every) if every else np.empty(0)
    joined = joined[np.isfinite(joined)]
    ends = joined[[joined.argmin(), joined.argmax()]] if len(joined) else np.array(NO_ERRORS)
    if len(joined):
        view.line.setData(ends, ends)
    else:
        view.write("no draws yet", view.theme.quiet, float(ends[0]), float(ends.mean()))
    view.plot.grow(("draws", given.count, bool(len(joined))), ends, ends)
    view.give(columns)


def last_step(scene: Scene) -> float:
    """Return up to which step the axis goes: what is done fills half of it at least, until all are on it."""
    model = scene.frame.model
    reached = max(FIRST_STEPS, model.step)
    return float(max(1, min(2.0 ** np.ceil(np.log2(reached)), max(model.steps, model.step))))


def loss(view: LatentInstrument, scene: Scene) -> None:
    """Draw the loss of the training steps: all of it pale, its means in full colour; and errors on other series."""
    view.name_axes("training step", "loss")
    values, steps = scene.numbers("loss"), scene.numbers("step")
    drawn = view.layer(0, answer_style("latent", scene.theme)[0])
    for curve, (places, shown) in ((view.pale, thinned(values)), (drawn.curve, smoothed(values))):
        # Every report is of several steps; between reports they are spaced evenly.
        curve.setData(np.interp(places, np.arange(1, len(steps) + 1), steps) if len(steps) else [], shown)
    end = last_step(scene)
    mean = smoothed(values)[1]
    every = np.concatenate([mean, np.quantile(values, (0.02, 0.98)) if len(values) else mean])
    every = every[np.isfinite(every)]
    low, high = (float(every.min()), float(every.max())) if len(every) else (0.0, 1.0)
    if not len(values):
        view.write("not trained here yet", view.theme.quiet, 0.0, (low + high) / 2)
    view.plot.grow(("loss", end), np.array([0.0, end]), np.array([low, max(high, low + 1e-3)]))
    view.give({"step": steps, "loss": values})


def tests(view: LatentInstrument, scene: Scene) -> None:
    """Draw the errors on series that are not trained on: within what is observed, and beyond, dashed."""
    view.name_axes("training step", "log₁₀ error")
    steps = scene.numbers("test_step")
    within, beyond = (logs(scene.numbers(f"test_mse_{where}")) for where in ("interpolation", "extrapolation"))
    colour, _ = answer_style("latent", scene.theme)
    drawn = view.layer(0, colour)
    drawn.curve.setData(steps, within)
    drawn.steps.setData(steps[-1:], within[-1:])
    view.dashed.setData(steps, beyond)
    drawn.hollow.setSymbol("o")
    drawn.hollow.setBrush(None)
    drawn.hollow.setData(steps[-1:], beyond[-1:])
    end = last_step(scene)
    every = np.concatenate([within, beyond])
    every = every[np.isfinite(every)]
    low, high = (float(every.min()), float(every.max())) if len(every) else (-2.0, 0.0)
    if not len(steps):
        view.write("not trained here yet", view.theme.quiet, 0.0, (low + high) / 2)
    view.plot.grow(("tests", end), np.array([0.0, end]), np.array([low, max(high, low + 0.1)]))
    view.give({"step": steps, "log10 interpolation": within, "log10 extrapolation": beyond})


def edits(view: LatentInstrument, scene: Scene) -> None:
    """Draw how many milliseconds each edit took: until it was computed (hollow), and until it was on screen."""
    view.name_axes("edit", "milliseconds")
    numbers = np.arange(1, len(scene.drawn) + 1, dtype=float)
    drawn = view.layer(0, answer_style("latent", scene.theme)[0])
    drawn.steps.setSize(5)
    drawn.steps.setData(numbers, scene.drawn)
    drawn.hollow.setSymbol("o")
    drawn.hollow.setSize(5)
    drawn.hollow.setBrush(None)
    drawn.hollow.setData(numbers, scene.answered)
    end = max(10.0, float(len(numbers)))
    view.line.setData(np.array([0.0, end]), np.full(2, LIMIT_MS))
    view.write("50 ms", view.theme.quiet, 0.0, 1.07 * LIMIT_MS)
    top = max(1.2 * LIMIT_MS, float(np.nanmax(scene.drawn, initial=0.0)))
    view.plot.grow(("edits", end), np.array([0.0, end]), np.array([0.0, top]))
    view.give({"edit": numbers, "ms computed": scene.answered, "ms on screen": scene.drawn})


VIEWS: Mapping[str, View] = MappingProxyType(
    {
        "hidden": View(inside_views.hidden, captions.hidden, move_cursor),
        "latent": View(inside_views.latent, captions.latent, inside_views.move_latent, equal=True),
        "posterior": View(inside_views.posterior, captions.posterior),
        "elbo": View(elbo, captions.elbo),
        "errors": View(errors, captions.errors, table=True),
        "draws": View(draws, captions.draws),
        "loss": View(loss, captions.loss),
        "tests": View(tests, captions.tests),
        "edits": View(edits, captions.edits),
    }
)
