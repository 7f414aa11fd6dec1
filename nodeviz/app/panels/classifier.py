"""The classifier panel: models side by side that learn to part points, and instruments that say at what price."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.app.brush import ERASER, PER_STAMP, Stroke, read_places
from nodeviz.app.panels import classifier_commands as commands
from nodeviz.app.panels import classifier_edits as edits
from nodeviz.app.panels.classifier_captions import Scene, main_words, plane_words, steps_done
from nodeviz.app.panels.classifier_instruments import ClassifierInstrument
from nodeviz.app.panels.classifier_projection import read_camera
from nodeviz.app.panels.classifier_rows import idle_rows
from nodeviz.app.panels.classifier_stage import Stage
from nodeviz.app.panels.training import TrainingPanel
from nodeviz.app.planes import AXIS
from nodeviz.app.rows import ChoiceRow, LineRow
from nodeviz.app.tiles import Tiles
from nodeviz.experiments.classifier_frame import ClassifierFrame, StabilityView
from nodeviz.experiments.classifier_params import DATASET_TITLES, ClassifierParams
from nodeviz.experiments.params import ParamError, nearest
from nodeviz.problems.labelled import MOST_CLASSES

if TYPE_CHECKING:
    from nodeviz.app.commands import Command
    from nodeviz.app.planes import Place
    from nodeviz.experiments.base import Reply


class ClassifierPanel(TrainingPanel[ClassifierParams, ClassifierFrame]):
    """Continuous-depth classifier."""

    experiment = "classifier"
    hidden_rows = frozenset({"upper", "lower", "points"})
    gestures = MappingProxyType(
        {
            "drag a plane of more dimensions": "turn its states; a double click looks at the readout edge-on again",
            "drag another plane, wheel": "move and zoom the view of all; a double click shows all again",
            "hover over a point": "its class and evaluations, and its way in every model",
            "click a point": "keep it pointed out; the plot of stability is about it",
            "Brush, then drag": "paint points of a class in the plane of the inputs; with Shift erase them",
            "drop a file": "a CSV of x, y and label is classified; a model is shown",
        }
    )
    verbs = MappingProxyType(
        {
            "paint": "paint",
            "erase": "erase",
            "set_data": "set_data",
            "open_points": "open_points",
            "save": "save_models",
            "load": "load_models",
            "inspect": "inspect",
            "turn": "turn",
            "face": "face",
            "orient": "orient",
            "look": "look",
        }
    )

    def build(self) -> None:
        """Make the planes, two instruments, the run bar and the brush."""
        self.view = Stage(self)
        self.planes = self.view.planes
        self.instruments = {"upper": ClassifierInstrument("Upper plot"), "lower": ClassifierInstrument("Lower plot")}
        for plot in (*self.planes, *(instrument.plot for instrument in self.instruments.values())):
            self.add_plot(plot)
        self.stage.addLayout(Tiles(self.planes, tuple(self.instruments.values()), AXIS))
        for name, instrument in self.instruments.items():
            instrument.chosen.connect(lambda kind, name=name: self.session.try_change("classifier", {name: kind}))
            instrument.turned.connect(lambda r, u, ended, name=name: self._turn_states(name, r, u, ended=ended))
            instrument.plot.box.doubled.connect(lambda _, name=name: self.attempt(self.face, name))
        self.view.turned.connect(self._say_turn)
        self.view.doubled.connect(self._doubled)
        self.view.pointed.connect(self._ask_about)
        self.view.picked.connect(self._pick)
        self.build_run(self.view, classes=MOST_CLASSES)
        csv = self.form.rows["csv"]
        if isinstance(csv, LineRow):
            csv.entry.setPlaceholderText("path of a CSV")
        self._plane_before = "state"
        self._scene: Scene | None = None
        self._drawn: tuple[object, ...] = ()
        self._numbers = 0
        self._stability: StabilityView | None = None
        self._asked: Place | None = None

    # Drawing.

    def cursor_time(self, fraction: float) -> float:
        """Return the depth at a share of all of it."""
        return fraction * (self.params.t1 if self.frame is None else self.frame.t1)

    def next_stop(self, fraction: float) -> float:
        """Return the next depth of the first model at which something was computed: a step, or a block of a ResNet."""
        if self.frame is None:
            return fraction
        shares = self.frame.models[0].t / self.frame.t1
        later = shares[shares > fraction + 1e-9]
        return float(later[0]) if len(later) else 0.0 if fraction >= 1.0 else 1.0

    def draw(self, frame: ClassifierFrame, fraction: float) -> None:
        """Draw planes and instruments."""
        with np.errstate(all="ignore"):  # what a model has that diverged is beyond all bounds, and left out
            self._draw(frame, fraction * frame.t1)

    def _draw(self, frame: ClassifierFrame, t: float) -> None:
        params, scene = self.params, self._scene_of(frame)
        settled = not (self.session.dragging or self.view.turning)
        in_turn = self.runbar.training and settled and not self.wants_smooth()
        self._dirty |= self.view.show_scene(scene, t, params, settled=settled, in_turn=in_turn)
        if self.calm:
            for plane, model in zip(self.planes, frame.models, strict=False):
                plane.say(*plane_words(scene, model, t))
        for name, kind in (("upper", params.upper), ("lower", params.lower)):
            instrument = self.instruments[name]
            instrument.plot.settled = settled
            before = instrument.picture if self.running and not self.calm else None
            instrument.show_picture(kind, before or scene, t, calm=self.calm)

    def _scene_of(self, frame: ClassifierFrame) -> Scene:
        """Return what is drawn: the same object for as long as nothing in it changed."""
        known = self._scene
        if known is None or known.frame is not frame:
            computed = frame.stability.models and len(frame.stability.models[0].t)
            self._stability = frame.stability if computed or self._stability is None else self._stability
        now = (self._stability, self.theme, self.params)
        numbers = sum(map(len, self.history.values()))
        if (
            known is None
            or known.frame is not frame
            or numbers != self._numbers
            or any(old is not new for old, new in zip(self._drawn, now, strict=True))
        ):
            self._drawn, self._numbers = now, numbers
            known = Scene(
                frame=frame,
                history=self.history,
                stability=now[0] or frame.stability,
                theme=self.theme,
                params=self.params,
            )
            self._scene = known
        return known

    def own_title(self) -> str:
        """Return the data and how far training is."""
        frame, text = self.frame, DATASET_TITLES[self.params.dataset].lower()
        if frame is not None:
            text = self._given_points() or text
            text += f" · {steps_done(frame, self.params.weights)}"
        return text

    def _given_points(self) -> str:
        """Return what the points are called that stand in for the data set, if any do."""
        if len(self.params.points):
            return "your points"
        return Path(self.params.csv).name

    def idle_rows(self) -> frozenset[str]:
        """Return what has no effect with the parameters in force."""
        return idle_rows(self.params)

    def caption(self, frame: ClassifierFrame, fraction: float) -> str:
        """Say the linear accuracy at the cursor, and what the measures show."""
        return main_words(self._scene_of(frame), fraction * frame.t1)

    def on_params(self, before: ClassifierParams | None, params: ClassifierParams) -> None:
        """Put the brush away where another plane was chosen: only inputs can be painted."""
        del before
        if params.plane != "input" and not self.brush.isHidden():
            self.put_brush(on=False)

    def show_form(self) -> None:
        """Let the row of the data set say which points stand in for it, until a data set is chosen again."""
        super().show_form()
        given = self._given_points()
        row = self.form.rows["dataset"]
        if given and isinstance(row, ChoiceRow):
            row.show_instead(f"{given[:1].upper()}{given[1:]}" if len(self.params.points) else given)

    def dragging(self) -> bool:
        """Whether something is being turned or painted."""
        return self.view.turning or self.stroke.going_on

    def on_reply(self, reply: Reply) -> None:
        """Show the stability at the point that was asked about."""
        if isinstance(reply.answer, StabilityView):
            self._stability = reply.answer

    def _ask_about(self, place: Place | None) -> None:
        if place is not None and place != self._asked and "stability" in {self.params.upper, self.params.lower}:
            self._asked = place
            self.ask("stability", place)

    def inspect(self, point: Any) -> None:
        """Point out one place (x, y) of the input plane, and ask how stable the models are along its way."""
        x, y = read_places(point)[0].tolist()
        self.view.pin((x, y))
        self._asked = (x, y)
        self.ask("stability", (x, y))
        self.session.echoed.emit(f"classifier.inspect({(x, y)})")

    def _pick(self, place: Place | None) -> None:
        if place is not None:
            self.inspect(place)
        else:
            self.view.pin(None)

    # Views.

    def turn(self, what: str, right: float, up: float) -> None:
        """Turn the states of a model, or those in the ``upper`` or ``lower`` plot, by degrees to the right and up."""
        self._checked(what)
        if what in self.instruments and self.frame is not None:
            self.instruments[what].turn(self.frame, right, up)
        else:
            self.view.turn(what, right, up)
        self._say_turn(what, right, up)

    def orient(self, model: str, axes: Any) -> None:
        """Look at the states of a model along axes: orthonormal columns, right, up, and what lies behind."""
        try:
            camera = read_camera(axes)
        except (TypeError, ValueError) as error:
            raise ParamError(str(error)) from None
        if model not in self.params.models:
            raise ParamError(f"{model}: no model on show; {nearest(str(model), self.params.models)}")
        self.view.orient(model, camera)
        self._dirty = True
        self.session.echoed.emit(f"classifier.orient({model!r}, {camera.axes.tolist()})")

    def views(self) -> list[tuple[str, tuple[Any, ...]]]:
        """Return the verbs, with their arguments, that look where the panel looks now."""
        turned = self.view.turned_cameras.items()
        shown = [("orient", (name, camera.axes.tolist())) for name, camera in turned if name in self.params.models]
        pinned = [] if self.view.pinned is None else [("inspect", (self.view.pinned,))]
        return [*super().views(), *shown, *pinned]

    def face(self, what: str) -> None:
        """Look again at the readout of a model edge-on, or along the principal axes of an upper or lower plot."""
        self._checked(what)
        if what in self.instruments:
            self.instruments[what].face()
        else:
            self.view.face(what)
        self._dirty = True
        self.session.echoed.emit(f"classifier.face({what!r})")

    def _checked(self, what: str) -> None:
        known = [*self.params.models, *self.instruments]
        if what not in known:
            raise ParamError(f"{what}: neither a model nor a plot on show; {nearest(str(what), known)}")

    def _say_turn(self, what: str, right: float, up: float) -> None:
        self._dirty = True
        self.session.echoed.emit(f"classifier.turn({what!r}, {float(right)!r}, {float(up)!r})")

    def _turn_states(self, name: str, right: float, up: float, *, ended: bool) -> None:
        if self.frame is not None:
            self.instruments[name].turn(self.frame, right, up, ended=ended)
            self.view.turning = not ended
            self._dirty = True
        if ended:
            self._say_turn(name, right, up)

    def _doubled(self, name: str) -> None:
        self.face(name)
        if self.view.held:
            self.reset_view()
            self.session.echoed.emit("commands.reset_view_classifier()")

    # Points and commands.

    def paint(self, label: int, at: Any, radius: float = 0.15, count: int = PER_STAMP, *, alone: bool = False) -> None:
        """Add ``count`` points of class ``label``, 0 to 3, around places; ``alone`` takes the others away."""
        edits.paint(self.session, label, at, radius, count, alone=alone)

    def erase(self, at: Any, radius: float = 0.15) -> None:
        """Take away the points around places."""
        edits.erase(self.session, at, radius)

    def set_data(self, X: Any, y: Any) -> None:
        """Classify points X (N, 2) with labels y (N,) in the place of the data set."""
        edits.set_data(self.session, X, y)

    def open_points(self, path: str) -> None:
        """Classify the points of a CSV file with the columns x, y and label."""
        self.session.change("classifier", {"csv": str(path)}, echo=f"classifier.open_points({str(path)!r})")

    def save_models(self, path: str, model: str | None = None) -> None:
        """Write the models, or the one named, to a folder or to a file that ends in .npz or .json."""
        written = edits.save(self.frame, self.params, str(path), model)
        self.show_message(f"Saved {', '.join(file.name for file in written)}.")
        named = "" if model is None else f", {model!r}"
        self.session.echoed.emit(f"classifier.save({str(path)!r}{named})")

    def load_models(self, path: str) -> None:
        """Take the weights of a model file, or of a folder of them."""
        self.session.change("classifier", {"weights": str(path)}, echo=f"classifier.load({str(path)!r})")

    def change_plane(self) -> None:
        """Show the plane of the inputs instead of that of the states, or the other way round."""
        self.session.try_change("classifier", {"plane": "state" if self.params.plane == "input" else "input"})

    def toggle_brush(self) -> None:
        """Take the brush and show the plane of the inputs, or put the brush away."""
        on = self.brush.isHidden()
        if on:
            self._plane_before = self.params.plane
            self.session.try_change("classifier", {"plane": "input"})
        self.put_brush(on=on)
        if not on:
            self.session.try_change("classifier", {"plane": self._plane_before})

    def apply_stroke(self, stroke: Stroke) -> None:
        """Change the points as the stroke so far says."""
        if stroke.base is None and not stroke.alone:
            stroke.base = edits.given(self.session)
        if stroke.label == ERASER:
            edits.erase(self.session, stroke.places, stroke.radius, base=stroke.base, drag="stroke")
        else:
            edits.paint(
                self.session, stroke.label, stroke.places, stroke.radius,
                alone=stroke.alone, base=stroke.base, drag="stroke",
            )  # fmt: skip

    def open_file(self, path: str) -> None:
        """Open a table of points, or the weights of models."""
        (self.load_models if commands.is_model(path) else self.open_points)(path)

    # Commands.

    def own_commands(self) -> list[Command]:
        """Return the commands that only this panel has."""
        return commands.commands(self)


PANEL = ClassifierPanel
