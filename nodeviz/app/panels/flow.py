"""The flow panel: noise that becomes data along an ODE, with exact likelihoods beside the picture."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.app.brush import ERASER, read_places
from nodeviz.app.panels import flow_commands as commands
from nodeviz.app.panels import flow_edits as edits
from nodeviz.app.panels.flow_captions import SHORT, Scene, main_words
from nodeviz.app.panels.flow_density import SAME
from nodeviz.app.panels.flow_instruments import FlowInstrument
from nodeviz.app.panels.flow_plane import Look
from nodeviz.app.panels.flow_stage import FlowStage
from nodeviz.app.panels.model_files import is_model
from nodeviz.app.panels.training import TrainingPanel
from nodeviz.app.planes import AXIS
from nodeviz.app.tiles import Tiles
from nodeviz.experiments.flow_frame import DensityAnswer, FlowFrame, PathView, TraceView
from nodeviz.experiments.flow_params import FlowParams
from nodeviz.experiments.flow_screen import CELLS_TRAINING
from nodeviz.experiments.kinds import Flag, Number

if TYPE_CHECKING:
    from nodeviz.app.brush import Stroke
    from nodeviz.app.commands import Command
    from nodeviz.app.mailbox import Delivery
    from nodeviz.experiments.base import Replay, Reply

BRUSH = 30  # hundredths of the plane's unit: the plane is larger than the classifier's
TRACES = frozenset({"trace", "trace-log-prob"})


class FlowPanel(TrainingPanel[FlowParams, FlowFrame]):
    """Continuous normalizing flow."""

    experiment = "flow"
    hidden_rows = frozenset({"upper", "lower", "points", "fit_points"})
    gestures = MappingProxyType(
        {
            "click the plane": "the path that passes there at the time of the cursor, and log p along it",
            "drag a plane, wheel": "move and zoom the view of all; a double click shows all again",
            "Brush, then drag": "paint the target; with Shift erase what was painted",
            "drop a file": "a picture or a CSV of x, y becomes the target; weights are shown",
        }
    )
    verbs = MappingProxyType(
        {
            "paint": "paint",
            "erase": "erase",
            "set_data": "set_data",
            "open_target": "open_target",
            "save": "save_flows",
            "load": "load_flows",
            "inspect": "inspect",
            "backwards": "backwards",
            "look": "look",
        }
    )

    def build(self) -> None:
        """Make the planes, two instruments, the run bar and the brush."""
        self.view = FlowStage(self)
        self.planes = self.view.planes
        self.instruments = {"upper": FlowInstrument("Upper plot"), "lower": FlowInstrument("Lower plot")}
        for plot in (*self.planes, *(instrument.plot for instrument in self.instruments.values())):
            self.add_plot(plot)
        self.stage.addLayout(Tiles(self.planes, tuple(self.instruments.values()), AXIS))
        for name, instrument in self.instruments.items():
            instrument.chosen.connect(lambda kind, name=name: self.session.try_change("flow", {name: kind}))
        self.view.picked.connect(self.inspect)
        self.view.doubled.connect(self._reset_view)
        self.build_run(self.view, classes=1)
        self.brush.reach.setValue(BRUSH)
        self.playbar.back.show()
        self._scene: Scene
        self._drawn: tuple[object, ...] = (None,) * 4
        self._numbers = -1
        self._counted = 0.0  # training steps that were reported
        self._frame_before: FlowFrame | None = None
        self._path: PathView | None = None
        self._trace: TraceView | None = None
        self._pin: tuple[float, float, float] | None = None  # the place and the time that were pointed out
        self._waits: dict[str, int] = {}  # kinds of questions that are not answered yet, with their numbers

    # Drawing.

    def draw(self, frame: FlowFrame, fraction: float) -> None:
        """Draw planes and instruments."""
        params, scene = self.params, self._scene_of(frame)
        look = Look.of(params)
        # Whoever paints must see what is there, before any flow has learned it.
        self.view.show_scene(scene, fraction, look._replace(target=look.target or not self.brush.isHidden()))
        settled = not self.session.dragging
        for name, kind in (("upper", params.upper), ("lower", params.lower)):
            self.instruments[name].plot.settled = settled
            self.instruments[name].show_picture(kind, scene, fraction)
        self._ask(fraction)

    def _scene_of(self, frame: FlowFrame) -> Scene:
        """Return what is drawn: the same object for as long as nothing in it changed."""
        if self._frame_before is not frame:
            self._frame_before, self._waits = frame, {}
            # A frame has what was asked for last; before that the answer to the question may be here already.
            self._path = frame.path if np.isfinite(frame.path.t) or self._path is None else self._path
            self._trace = frame.trace if np.isfinite(frame.trace.t) or self._trace is None else self._trace
        now = (frame, self._path, self._trace, self.theme)
        numbers = sum(map(len, self.history.values()))
        if numbers != self._numbers or any(a is not b for a, b in zip(now, self._drawn, strict=True)):
            self._drawn, self._numbers = now, numbers
            self._scene = Scene(
                frame=frame,
                history=self.history,
                path=self._path or frame.path,
                trace=self._trace or frame.trace,
                theme=self.theme,
            )
        return self._scene

    def own_title(self) -> str:
        """Return target and method, and how far training is."""
        params, frame = self.params, self.frame
        text = " against ".join(SHORT[name] for name in (params.method, params.compare) if name != "none")
        if frame is None:
            return text
        before = not frame.step and not self.runbar.training and params.weights != "fresh"
        done = f"step {frame.step} of {frame.steps}" if frame.step < frame.steps else f"{frame.step} steps"
        return f"{frame.target.title} · {text} · {'trained before' if before else done}"

    def caption(self, frame: FlowFrame, fraction: float) -> str:
        """Say the measures, and what is peculiar."""
        del fraction
        scaled = frame.target.name in {"csv", "points", "image"}
        return main_words(self._scene_of(frame), frame.target.note if scaled else "")

    def do(self, what: str) -> None:
        """Do what a button of the play bar asks, and say it as Python."""
        if what == "backwards":
            self.backwards(self.playbar.back.isChecked())
        else:
            super().do(what)

    def backwards(self, on: object = True) -> None:
        """Let play go from data to noise, or from noise to data again."""
        self.playbar.back.setChecked(Flag().coerce("on", on, None))
        self.session.echoed.emit(f"flow.backwards({self.playbar.back.isChecked()})")

    def next_stop(self, fraction: float) -> float:
        """Return the next time at which everything is computed, in the direction of play."""
        if self.frame is None:
            return fraction
        t = self.frame.t
        if self.playbar.back.isChecked():
            earlier = t[t < fraction - 1e-9]
            return float(earlier[-1]) if len(earlier) else 1.0
        later = t[t > fraction + 1e-9]
        return float(later[0]) if len(later) else 0.0

    # Questions to the run.

    def start(self, *, afresh: bool = False, replay: Replay[Any] | None = None) -> None:
        """Start the run of the state in force."""
        self._path, self._trace, self._counted = None, None, 0.0
        super().start(afresh=afresh, replay=replay)

    def _receive(self, delivery: Delivery) -> None:
        """Take what came, and count training steps: a report is of several."""
        super()._receive(delivery)
        taken = [numbers[key] for numbers in delivery.scalars if (key := f"{self.params.method}.step") in numbers]
        if taken:
            self.steps_seen += int(max(0.0, taken[-1] - self._counted)) - len(delivery.scalars)
            self._counted = taken[-1]

    def _ask_once(self, kind: str, payload: object) -> None:
        """Put a question unless one of its kind waits; with the next frame it may be put again, if a run was lost."""
        if kind not in self._waits:
            self._waits[kind] = self.ask(kind, payload)

    def _ask(self, t: float) -> None:
        """Ask for what is missing with the cursor at time t: densities, paths through the pinned place, the trace."""
        params, moving = self.params, self.playbar.playing or self.playbar.scrubbing
        if params.show_density or params.show_contours:
            # The question tells the run where the cursor is, for the densities that it makes on its own.
            if self.runbar.training:
                known, cells = self.view.near(t), CELLS_TRAINING
            else:
                # The mean of two densities is good enough for as long as the cursor moves.
                known, cells = self.view.smooth(t) if moving else self.view.exact(t), int(params.resolution)
            if not known and moving and self.runbar.training:
                self.ask("cursor", t)  # a density for each of its places would leave no time to train
            elif not known:
                self._ask_once("density", (t, cells))
        path, trace = self._scene.path, self._scene.trace
        if self._pin is not None and (*path.point.tolist(), path.t) != self._pin:
            self._ask_once("path", self._pin)
        if not moving and TRACES & {params.upper, params.lower} and not abs(trace.t - t) < SAME:
            self._ask_once("trace", t)

    def on_reply(self, reply: Reply) -> None:
        """Show what was asked for."""
        answer = reply.answer
        self._waits = {kind: number for kind, number in self._waits.items() if number != reply.number}
        if isinstance(answer, DensityAnswer):
            self.view.answer(answer)
        elif isinstance(answer, PathView):
            self._path = answer
        elif isinstance(answer, TraceView):
            self._trace = answer

    def inspect(self, point: Any, t: Any = None) -> None:
        """Show the path that passes a place (x, y) at a time, that of the cursor by default, and log p along it."""
        x, y = read_places(point)[0].tolist()
        time = self.playbar.fraction if t is None else Number(0.0, 1.0).coerce("t", t, None)
        self._pin = (x, y, time)
        self._waits["path"] = self.ask("path", self._pin)
        self.session.echoed.emit(f"flow.inspect({(x, y)}{'' if t is None else f', {time!r}'})")

    def views(self) -> list[tuple[str, tuple[Any, ...]]]:
        """Return the verbs, with their arguments, that look where the panel looks now."""
        back = [("backwards", (True,))] if self.playbar.back.isChecked() else []
        pinned = [] if self._pin is None else [("inspect", (self._pin[:2], self._pin[2]))]
        return [*super().views(), *back, *pinned]

    # Target, weights and view.

    def _reset_view(self) -> None:
        if self.view.held:
            self.reset_view()
            self.session.echoed.emit("commands.reset_view_flow()")

    def paint(self, at: Any, radius: float = 0.3, count: int = edits.PER_STAMP, *, alone: bool = False) -> None:
        """Add ``count`` points around places, and take all points as the target; ``alone`` takes the others away."""
        edits.paint(self.session, at, radius, count, alone=alone)

    def erase(self, at: Any, radius: float = 0.3) -> None:
        """Take away the points around places."""
        edits.erase(self.session, at, radius)

    def set_data(self, X: Any) -> None:
        """Take points X (N, 2) as the target."""
        edits.set_data(self.session, X)

    def open_target(self, path: str) -> None:
        """Take a picture, or a CSV file with the columns x and y, as the target."""
        self.session.change("flow", {"path": str(path)}, echo=f"flow.open_target({str(path)!r})")

    def save_flows(self, path: str, method: str | None = None) -> None:
        """Write the flows, or the one named, to a folder or to a file that ends in .npz or .json."""
        written = edits.save(self.frame, self.params, str(path), method)
        self.show_message(f"Saved {', '.join(file.name for file in written)}.")
        named = "" if method is None else f", {method!r}"
        self.session.echoed.emit(f"flow.save({str(path)!r}{named})")

    def load_flows(self, path: str) -> None:
        """Take the weights of a file, or of a folder with two of them."""
        self.session.change("flow", {"weights": str(path)}, echo=f"flow.load({str(path)!r})")

    def open_file(self, path: str) -> None:
        """Take a picture or points as the target, or the weights of a file."""
        (self.load_flows if is_model(path) else self.open_target)(path)

    def put_brush(self, *, on: bool) -> None:
        """Show the target and what the brush can do, at the end of the flow, where the target is; or not any more."""
        super().put_brush(on=on)
        if on:
            self.playbar.put(1.0)
        self.redraw()

    def apply_stroke(self, stroke: Stroke) -> None:
        """Change the points as the stroke so far says."""
        if stroke.base is None and not stroke.alone:
            stroke.base = edits.given(self.session)
            stroke.alone = stroke.base is None and stroke.label != ERASER
        if stroke.label == ERASER:
            edits.erase(self.session, stroke.places, stroke.radius, base=stroke.base, drag="stroke")
        else:
            edits.paint(self.session, stroke.places, stroke.radius, alone=stroke.alone, base=stroke.base, drag="stroke")

    def dragging(self) -> bool:
        """Whether something is being painted."""
        return self.stroke.going_on

    def own_commands(self) -> list[Command]:
        """Return the commands that only this panel has."""
        return commands.commands(self)


PANEL = FlowPanel
