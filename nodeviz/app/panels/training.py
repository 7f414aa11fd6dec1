"""What a panel has whose experiment trains: the run bar, files that are dropped on it, and a brush over the caption."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QPointF, Qt, QTimer
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy

from nodeviz.app.brush import ERASER, Palette, Stroke
from nodeviz.app.commands import Command
from nodeviz.app.controls import tool_button
from nodeviz.app.panels.base import NARROW, F, P, Panel
from nodeviz.app.runbar import RunBar
from nodeviz.experiments.params import Interval, ParamError

if TYPE_CHECKING:
    from PySide6.QtCore import QMimeData
    from PySide6.QtGui import QDragEnterEvent, QDropEvent, QResizeEvent

    from nodeviz.app.planes import SharedView
    from nodeviz.app.theme import Theme

SETTLE_MS = 300  # the notches of one turn of the wheel are one gesture


class TrainingPanel(Panel[P, F]):
    """A panel with a run bar in its header, whose points can be painted, and that opens files dropped on it."""

    # What such a panel defines.

    @abstractmethod
    def apply_stroke(self, stroke: Stroke) -> None:
        """Change the points as the stroke so far says."""

    @abstractmethod
    def open_file(self, path: str) -> None:
        """Take a file that was dropped."""

    def own_title(self) -> str:
        """Return the quiet text beside the title, as long as it likes."""
        return ""

    # The header.

    def build_run(self, view: SharedView, classes: int) -> None:
        """Make run bar and brush for planes that are there; ``classes`` is how many kinds of points can be painted."""
        self.shared = view
        view.changed.connect(self._on_cursor)
        view.looked.connect(self._say_look)
        view.painted.connect(self.go_on_with_stroke)
        self.plots[0].refit.connect(self.reset_view)
        self._settled = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._settled.timeout.connect(self._echo_look)
        self.runbar = RunBar()
        self.runbar.said.connect(self.press)
        self.brush_button = tool_button("Brush", "Paint and erase points (B)")
        self.brush_button.setCheckable(True)
        self.brush_button.clicked.connect(lambda: self.said.emit("brush"))
        # The subtitle is cut short by hand; the label's own least width would widen the panel.
        self.subtitle_label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        row = self.header.layout()
        if isinstance(row, QHBoxLayout):
            row.insertWidget(2, self.runbar)
            row.insertWidget(3, self.brush_button)
        self.brush = Palette(self, classes)
        self.brush.closed.connect(self.toggle_brush)
        self.brush.reach.valueChanged.connect(self._resize_brush)
        self._resize_brush()
        self.stroke = Stroke()
        self.setAcceptDrops(True)
        self._training = False

    def subtitle(self) -> str:
        """Return the quiet text beside the title, as far as there is room."""
        metrics = QFontMetrics(self.subtitle_label.font())
        return metrics.elidedText(self.own_title(), Qt.TextElideMode.ElideRight, self.subtitle_label.width())

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        super().set_theme(theme)
        self.brush.set_theme(theme)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the palette over the caption, and the run bar to what there is room for."""
        super().resizeEvent(event)
        self.runbar.brief(on=self.width() < NARROW)
        self._place_palette()

    def _place_palette(self) -> None:
        self.brush.setGeometry(0, self.words.y(), self.width(), self.words.height())

    # The run.

    def press(self, what: str) -> None:
        """Do what a button of the run bar asks."""
        if what == "step":
            self.step(1)
        elif what == "seed":
            self.session.set_seed(self.experiment, self.session.state(self.experiment).seed + 1)
        elif what == "scratch":
            self.session.try_change(self.experiment, {"weights": "fresh"})
        else:
            {"train": self.train, "stop": self.stop, "reset": self.reset}[what]()

    def start(self, *, afresh: bool = False) -> None:
        """Start the run of the state in force."""
        # Weights that are there already are shown, and rest.
        self._training = self.session.state(self.experiment).params.weights == "fresh"
        super().start(afresh=afresh)

    def train(self) -> None:
        """Train on."""
        self._training = True
        super().train()

    def stop(self) -> None:
        """Stop training; questions are answered on."""
        self._training = False
        super().stop()

    def step(self, n: int) -> None:
        """Take n more training steps, then stop."""
        self._training = False
        super().step(n)

    def tick(self, now: float) -> bool:
        """Take what came, draw if anything changed, and show whether training goes on."""
        drawn = super().tick(now)
        self._training = self._training and self.running
        seed = self.session.state(self.experiment).seed
        fresh = getattr(self.params, "weights", "fresh") == "fresh"
        bar = self.runbar
        if (self._training, seed, fresh) != (bar.training, bar.seed_shown, bar.fresh):
            bar.show_run(training=self._training, seed=seed, fresh=fresh)
        return drawn

    def attempt(self, act: Any, *arguments: Any) -> None:
        """Do something for a widget: a refusal is shown instead of being raised."""
        try:
            act(*arguments)
        except ParamError as error:
            self.show_message(str(error))

    # The view.

    def look(self, x_range: Any, y_range: Any) -> None:
        """Show a part of all planes, as in look((-1, 1), (-1, 1)), until the view is reset."""
        kind = Interval(1e9)
        self.shared.look(kind.coerce("x_range", x_range, None), kind.coerce("y_range", y_range, None))
        self._echo_look()

    def reset_view(self) -> None:
        """Show all there is again."""
        self.shared.reset_view()

    def _say_look(self, ended: bool) -> None:
        if ended:
            self._settled.start()

    def _echo_look(self) -> None:
        x_range, y_range = self.shared.ranges
        self.session.echoed.emit(f"{self.experiment}.look({x_range}, {y_range})")

    # The brush.

    def toggle_brush(self) -> None:
        """Take the brush, or put it away."""
        self.put_brush(on=self.brush.isHidden())

    def put_brush(self, *, on: bool) -> None:
        """Show what the brush can do, and let the mouse paint; or not any more."""
        self.brush.setVisible(on)
        self.brush.raise_()
        self._place_palette()
        self.brush_button.setChecked(on)
        self.shared.paint(on=on)

    def _resize_brush(self) -> None:
        self.shared.radius = self.brush.radius

    def go_on_with_stroke(self, phase: str, point: QPointF, shift: bool) -> None:
        """Take the start, a move or the end of a stroke of the mouse; with Shift it erases."""
        brush, stroke = self.brush, self.stroke
        if phase == "start":
            stroke.begin(ERASER if shift else brush.label, brush.radius, alone=brush.alone)
        if not stroke.touch(point.x(), point.y()) and phase != "end":
            return
        self.attempt(self.apply_stroke, stroke)
        if phase == "end":
            stroke.end()
            brush.end_stroke()
            self.session.end_drag()

    # Files.

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take a file that is dragged here."""
        if dropped(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open what was dropped."""
        event.acceptProposedAction()
        self.attempt(self.open_file, dropped(event.mimeData()))


def dropped(data: QMimeData) -> str:
    """Return the one local file or folder among what is dragged, else an empty text."""
    paths = [url.toLocalFile() for url in data.urls() if url.isLocalFile()]
    return paths[0] if len(paths) == 1 else ""


def run_commands(panel: TrainingPanel[Any, Any], paint: str) -> list[Command]:
    """Return the commands that every such panel has; ``paint`` is the title of its brush's."""
    name, inside, menu = panel.experiment, tuple(panel.plots), f"Panels/{panel.record.title}"
    return [
        Command(
            id=f"brush_{name}",
            title=paint,
            menu="Edit",
            shortcut="B",
            inside=inside,
            callback=panel.toggle_brush,
            checked=lambda: not panel.brush.isHidden(),
        ),
        Command(
            id=f"train_{name}",
            title="Train or stop",
            menu=menu,
            shortcut="T",
            inside=inside,
            callback=lambda: panel.press("stop" if panel.runbar.training else "train"),
            echoes=False,
        ),
        Command(
            id=f"step_{name}",
            title="One training step",
            menu=menu,
            shortcut=".",
            inside=inside,
            callback=lambda: panel.press("step"),
            echoes=False,
        ),
        Command(
            id=f"reset_{name}",
            title="Reset: begin the run again",
            menu=menu,
            callback=lambda: panel.press("reset"),
            echoes=False,
        ),
        Command(
            id=f"scratch_{name}",
            title="Train from scratch: fresh weights",
            menu=menu,
            callback=lambda: panel.press("scratch"),
            echoes=False,
        ),
        Command(
            id=f"seed_{name}",
            title="Next seed",
            menu=menu,
            callback=lambda: panel.press("seed"),
            echoes=False,
        ),
        Command(
            id=f"reset_view_{name}",
            title=f"Reset the view of the {name}",
            menu="View",
            callback=panel.reset_view,
        ),
    ]
