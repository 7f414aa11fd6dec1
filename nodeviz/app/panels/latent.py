"""The latent ODE panel: click observations, and see a model that understands irregular time answer at once."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QVBoxLayout

from nodeviz.app.clock import tick_one
from nodeviz.app.panels import latent_commands as commands
from nodeviz.app.panels import latent_edits as edits
from nodeviz.app.panels.latent_captions import Scene, counted, legend_words, main_words
from nodeviz.app.panels.latent_instruments import LatentInstrument
from nodeviz.app.panels.latent_plot import Look
from nodeviz.app.panels.latent_points import Shown, much_changed
from nodeviz.app.panels.latent_rows import idle_rows
from nodeviz.app.panels.latent_stage import LatentStage
from nodeviz.app.panels.latent_timing import EditTimes
from nodeviz.app.panels.model_files import is_model
from nodeviz.app.panels.running import RunPanel
from nodeviz.experiments.base import Trained
from nodeviz.experiments.latent_frame import LatentFrame
from nodeviz.experiments.latent_params import FORGETS_POINTS, LatentParams
from nodeviz.experiments.params import ParamError, declared, read_number
from nodeviz.experiments.run import plain

if TYPE_CHECKING:
    from nodeviz.app.commands import Command
    from nodeviz.problems.series import Series

LISTEN_MS = 4  # between two looks into the mailbox while an edit waits for its answer
QUIET_MS = 120  # after an edit until the small plots are drawn
STALE_MS, LATEST_MS = 1000, 3000  # the same while edits come: when none waits for its answer, and at all
PATIENCE_MS = 1000  # of that; then the clock of all panels is soon enough
REMEMBERED = 2000  # edits whose observations are known again
# Of these a change leaves an edit the last one that was answered; it is another view of the answer, or goes on with it.
SAME_ANSWER = frozenset(
    {"points", "baselines", "refine", "refine_steps", "refine_weights", "samples", "nudge_of", "nudge", "plane", "lr"}
) | {"channel", "upper", "lower", "bands", "show_mean", "show_samples", "show_truth", "show_field"}


class LatentPanel(RunPanel[LatentParams, LatentFrame]):
    """Latent ODE."""

    experiment = "latent"
    hidden_rows = frozenset({"upper", "lower", "points"})
    gestures = MappingProxyType(
        {
            "click in the plot": "add an observation",
            "drag an observation": "move it; the curve follows",
            "Shift-click": "remove the nearest observation",
            "arrow keys in the plot": "move a cross; Enter adds there, Delete removes the nearest, Shift moves it",
            "drag a row of posterior and prior": "move that coordinate of z0 by hand; a double click puts it back",
            "drag the plot, wheel": "move and zoom the view",
            "drop a file": "a CSV of observations is answered; weights are shown",
        }
    )
    verbs = MappingProxyType(
        {
            "add": "add_point",
            "remove": "remove_point",
            "move": "move_point",
            "set": "set_series",
            "clear": "clear",
            "random": "random",
            "open_series": "open_series",
            "save": "save_model",
            "load": "load_model",
            "look": "look",
        }
    )

    def build(self) -> None:
        """Make the plots of the series, two instruments and the run bar."""
        self.view = LatentStage(self)
        self.instruments = {"upper": LatentInstrument("Upper plot"), "lower": LatentInstrument("Lower plot")}
        first, *others = self.view.plots
        for plot in (first, *(instrument.plot for instrument in self.instruments.values()), *others):
            self.add_plot(plot)
        beside = QVBoxLayout()
        beside.setSpacing(4)
        for name, instrument in self.instruments.items():
            instrument.chosen.connect(lambda kind, name=name: self.session.try_change("latent", {name: kind}))
            instrument.pulled.connect(self._pull)
            beside.addWidget(instrument, 1)
        self.stage.addWidget(self.view.widget, 5)
        self.stage.addLayout(beside, 3)
        self.build_bar(self.view)
        self.view.added.connect(lambda t, y, c: self.attempt(self.add_point, t, y, self._channel(c)))
        self.view.removed.connect(lambda row: self.attempt(self.remove_point, row))
        self.view.moved.connect(lambda *move: self.attempt(self._move_on, *move))
        self.view.channels[0].painted.connect(self._note_paint)
        self._ordered = False
        self.times = EditTimes()
        self._listening = QTimer(self, interval=LISTEN_MS)
        self._listening.setTimerType(Qt.TimerType.PreciseTimer)
        self._listening.timeout.connect(self._listen)
        self._listened = self._behind = 0.0  # since when it listens, and the small plots are behind the curve
        self._quiet = 0.0  # when an edit is long enough ago
        self._turn = 0  # counts the small plots drawn one at a time
        self._seen: Shown | None = None
        self._frame_before: LatentFrame | None = None
        self._base: Series | None = None  # the observations before the drag that goes on
        self._moving = False  # whether a change is a part of it
        self._added: float | None = None  # the time of the point that was added last, until it is answered
        self._been: deque[str] = deque(maxlen=REMEMBERED)  # digests of the observations that were in force
        self._sample = 0  # the seed of the last random sample
        self._scene: Scene | None = None
        self._scene_of: tuple[object, ...] = ()

    def order_tabs(self) -> None:
        """Let Tab go through the panel as the eye does. No row of this form comes or goes, so that once is enough."""
        if not self._ordered:
            self._ordered = True
            super().order_tabs()

    # Drawing.

    def cursor_time(self, fraction: float) -> float:
        """Return the time at a share of what the plot shows."""
        first, last = (0.0, 1.0) if self.frame is None else self.frame.series.view[:2].tolist()
        return first + fraction * (last - first)

    def next_stop(self, fraction: float) -> float:
        """Return the next observation; from the last one the end, and from there the start."""
        if self.frame is None or fraction >= 1.0:
            return 0.0
        first, last = self.frame.series.view[:2].tolist()
        shares = (self.frame.series.t - first) / (last - first)
        later = shares[shares > fraction + 1e-9]
        return min(1.0, float(later[0])) if len(later) else 1.0

    def draw(self, frame: LatentFrame, fraction: float) -> None:
        """Draw the series and the instruments."""
        params, t = self.params, self.cursor_time(fraction)
        if frame is not self._frame_before:
            self._frame_before = frame
            self._take(frame)
        look = Look.of(params)
        self.view.show_frame(frame, look, plane=params.data == "spirals")
        self.view.say_legend(legend_words(frame, look.truth, look.mean, self.theme))
        if self._seen is not None:
            self.view.show_points(self._seen)
        self.view.fit()
        self.view.show_at(t, on=fraction < 1.0)
        self._draw_instruments(frame, params, t)

    def _draw_instruments(self, frame: LatentFrame, params: LatentParams, t: float) -> None:
        """Draw the small plots: while edits come one at a time, seldom, and between an answer and the next edit."""
        now, names = time.perf_counter(), list(self.instruments)
        if now < self._quiet:
            self._behind = self._behind or now
            if now - self._behind < (LATEST_MS if self.times.waiting else STALE_MS) / 1000:
                return  # the curve first; what is inside follows when the hand pauses
            self._turn += 1
            names = [names[self._turn % len(names)]]
            self._behind = now - STALE_MS / 2000 if self._turn % 2 else now
        else:
            self._behind = 0.0
        scene = self._make_scene(frame, params)
        for name in names:
            kind, instrument = (params.upper if name == "upper" else params.lower), self.instruments[name]
            instrument.plot.settled = not self.session.dragging
            before = instrument.picture if self.running and not self.calm else None
            instrument.show_picture(kind, before or scene, t, calm=self.calm)

    def tick(self, now: float) -> bool:
        """Take what came, and draw if anything changed, or if the small plots are to follow the curve."""
        self._dirty = self._dirty or (self._behind > 0.0 and now >= self._quiet)
        return super().tick(now)

    @property
    def busy(self) -> bool:
        """Whether the run goes on, or something of it has not been drawn yet."""
        return super().busy or self._behind > 0.0

    def _take(self, frame: LatentFrame) -> None:
        """Take the observations of a frame, unless an edit that it does not answer is on show already."""
        shown = Shown.of(frame.series)
        self.times.answer(shown, frame.answer.milliseconds_first)
        wanted = self._wanted(self.params) if self.started else None  # without a run the frame alone knows
        answered = wanted is None or shown.is_of(wanted)
        self._seen = shown if wanted is None or answered else shown.edited(wanted)
        if answered and self._added is not None:
            why, self._added = shown.unseen(self._added, self.params), None
            if why:
                self.show_message(why)

    @staticmethod
    def _wanted(params: LatentParams) -> Series | None:
        """Return the observations that the parameters name themselves, None where the data have them."""
        return params.points if len(params.points) or params.data == "points" else None

    def _make_scene(self, frame: LatentFrame, params: LatentParams) -> Scene:
        """Return what the small plots draw: the same object for as long as nothing in it changed."""
        numbers = sum(map(len, self.history.values()))
        now = (frame, self.theme, params.show_field, numbers, len(self.times.drawn), self.times.last)
        if self._scene is None or self._scene_of[0] is not frame or now[1:] != self._scene_of[1:]:
            computed, drawn = self.times.arrays()
            self._scene_of = now
            self._scene = Scene(
                frame=frame,
                history=self.history,
                answered=computed,
                drawn=drawn,
                field=params.show_field,
                theme=self.theme,
            )
        return self._scene

    def own_title(self) -> str:
        """Return what is observed, and where the model comes from."""
        frame, params = self.frame, self.params
        if frame is None:
            return ""
        series, model = frame.series, frame.model
        which = f" {series.ids[series.number]}" if series.ids else f", draw {series.number}" if series.count > 1 else ""
        n, n_used = len(series.t), int(series.used.sum())
        used = f"{n_used} of " if n_used < n else ""
        parts = [f"{series.title}{which}", used + counted(n, "observation")]
        if params.weights == "fresh":
            parts.append(f"step {model.step} of {model.steps}" if model.step < model.steps else f"{model.step} steps")
        else:
            parts.append(f"trained on {model.trained_on}" if model.trained_on else "trained elsewhere")
        return " · ".join(parts)

    def caption(self, frame: LatentFrame, fraction: float) -> str:
        """Say what is seen, and how fast it was there."""
        del fraction
        return main_words(frame, self.theme, self.times.last)

    def idle_rows(self) -> frozenset[str]:
        """Return the names of the parameters that change nothing with the others as they are."""
        return idle_rows(self.params)

    # Edits, and their answers.

    def on_params(self, before: LatentParams | None, params: LatentParams) -> None:
        """Show an edit at once, and listen for its answer."""
        if not self._moving:
            self._base = None
            self.view.drop()  # what is held may be another point now
        if before is None:
            return
        changed = {name for name in declared(LatentParams) if getattr(before, name) != getattr(params, name)}
        if not changed or changed - SAME_ANSWER:  # without any it is another seed
            self.times.outdate()
        if changed & {*FORGETS_POINTS, "number"}:
            self.view.forget()
        if "points" not in changed:
            return
        self._been.append(before.points.digest)
        if not self.view.dragging:
            if much_changed(before.points, params.points) or not len(params.points):
                self.view.forget()
            elif params.points.digest in self._been:  # as when a step is undone
                self.view.loosen()
        wanted = self._wanted(params)
        if wanted is None:
            self.times.outdate()
        else:
            self._seen = Shown.fresh(wanted) if self._seen is None else self._seen.edited(wanted)
            self.view.show_points(self._seen)
            self.times.begin(wanted, time.perf_counter())
            self._listened = time.perf_counter()
            self._quiet = self._listened + QUIET_MS / 1000
            self._listening.start()

    def _listen(self) -> None:
        """Draw an answer as soon as it is there: the next tick of the clock may be far away."""
        tick_one(self, time.perf_counter())
        if not self.times.waiting or time.perf_counter() - self._listened > PATIENCE_MS / 1000:
            self._listening.stop()
            self.times.forget()
            self._on_cursor()

    def _note_paint(self) -> None:
        if self.times.paint(time.perf_counter()):
            self._on_cursor()  # the words say how long it took

    def hideEvent(self, event: Any) -> None:
        """Listen for nothing while nobody looks."""
        self._listening.stop()
        self.times.forget()
        super().hideEvent(event)

    def dragging(self) -> bool:
        """Whether an observation or a coordinate is dragged."""
        return self.view.dragging or any(instrument.holding for instrument in self.instruments.values())

    def _channel(self, channel: int) -> int | None:
        """Return a channel as the verbs count them; None where there is one alone."""
        several = self._seen is not None and self._seen.y.shape[1] > 1
        return channel + 1 if several else None

    def _editable(self) -> None:
        if self.frame is not None and not self.frame.series.editable:
            raise ParamError("points: this series is one of those trained on; choose other data to edit it")

    def add_point(self, t: Any, y: Any, channel: int | None = None) -> None:
        """Add an observation at time t; ``channel`` counts from 1 where there are several."""
        self._editable()
        edits.add(self.session, t, y, channel)
        self._added = read_number("t", t)

    def remove_point(self, i: Any) -> None:
        """Take observation i away, counted from 0 in the order of time."""
        self._editable()
        edits.remove(self.session, i)

    def move_point(self, i: Any, p: Any) -> None:
        """Move observation i to p = (t, y)."""
        self._editable()
        edits.move(self.session, i, p)

    def _move_on(self, phase: str, row: int, t: float, y: float, channel: int) -> None:
        """Take a part of a drag; all of it is one step of undo."""
        try:
            self._editable()
            self._base = edits.given(self.session) if self._base is None else self._base
            place = [None if np.isnan(value) else value for value in self._base.y[row].tolist()]
            place[channel] = y
            self._moving = True
            edits.move(self.session, row, (t, *place), base=self._base, drag=f"point {row}")
        finally:
            self._moving = False
            if phase == "end":
                self._base = None
                self.session.end_drag()

    def set_series(self, t: Any, y: Any) -> None:
        """Take times t (n,) and values y, (n,) or (n, C), as the observations."""
        edits.set_series(self.session, t, y)

    def clear(self) -> None:
        """Take all observations away."""
        edits.clear(self.session)

    def random(self, n: Any = 8, seed: Any = 0) -> None:
        """Observe a function of the family n times, at random times and in noise."""
        edits.random(self.session, n, seed)
        self._sample = int(seed)

    def next_random(self) -> None:
        """Take another random sample, of as many observations as the parameter says."""
        self.attempt(self.random, int(self.params.n_observations), self._sample + 1)

    def _pull(self, row: int, amount: float, phase: str) -> None:
        """Move a coordinate of z0 by hand."""
        limit = 6.0
        changes: dict[str, object] = {"nudge_of": row + 1, "nudge": round(min(max(amount, -limit), limit), 3)}
        self.session.try_change("latent", changes, drag="nudge")
        if phase == "end":
            self.session.end_drag()

    # Files.

    def open_series(self, path: str) -> None:
        """Take a CSV file with a time and one or more values as what is observed."""
        self.session.change("latent", {"csv": str(path)}, echo=f"latent.open_series({str(path)!r})")

    def _on_edited(self, name: str, value: object, drag: bool) -> None:
        """Take an entry of the form; whoever chooses a file as the data is asked which, where none is known yet."""
        if name == "data" and value == "csv" and not self.params.csv:
            commands.ask_for_series(self)
            self.show_form()  # without a file the data stay what they are
            return
        super()._on_edited(name, value, drag)

    def load_model(self, path: str) -> None:
        """Take the weights of a file."""
        self.session.change("latent", {"weights": str(path)}, echo=f"latent.load({str(path)!r})")

    def save_model(self, path: str) -> None:
        """Write the model to a folder, or to a file that ends in .npz or .json."""
        frame, state = self.frame, self.session.state(self.experiment)
        if frame is None or self.record.save is None:
            raise ParamError("save: no model yet; wait until the first picture is there")
        history = {name: list(values) for name, values in self.history.items()}
        trained = Trained(
            params=state.params, seed=state.seed, frame=frame, history=history, metrics=plain(self.metrics or {})
        )
        written = self.record.save(trained, Path(path))
        self.show_message(f"Saved {', '.join(file.name for file in written)}.")
        self.session.echoed.emit(f"latent.save({str(path)!r})")

    def open_file(self, path: str) -> None:
        """Take observations, or the weights of a file."""
        (self.load_model if is_model(path) else self.open_series)(path)

    def own_commands(self) -> list[Command]:
        """Return the commands that only this panel has."""
        return commands.commands(self)


PANEL = LatentPanel
