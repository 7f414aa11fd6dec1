"""What a panel has whose experiment trains: the run bar, a view that can be moved, and files that are dropped on it."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Protocol

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy

from nodeviz.app.commands import Command
from nodeviz.app.panels.base import NARROW, F, P, Panel
from nodeviz.app.runbar import RunBar
from nodeviz.experiments.params import Interval, ParamError

if TYPE_CHECKING:
    from PySide6.QtCore import QMimeData, SignalInstance
    from PySide6.QtGui import QDragEnterEvent, QDropEvent, QResizeEvent

    from nodeviz.app.planes import Place
    from nodeviz.experiments.base import Replay

SETTLE_MS = 300  # the notches of one turn of the wheel are one gesture


class Looked(Protocol):
    """A view that the mouse moves: ``changed`` asks to be drawn, ``looked`` tells whether a move has ended."""

    @property
    def changed(self) -> SignalInstance:
        """Asks to be drawn."""
        ...

    @property
    def looked(self) -> SignalInstance:
        """Tells that the view was moved, and whether that has ended."""
        ...

    @property
    def held(self) -> bool:
        """Whether the view is where somebody put it."""
        ...

    @property
    def ranges(self) -> tuple[Place, Place]:
        """What is shown, x and y, as rounded numbers."""
        ...

    def look(self, x_range: Place, y_range: Place) -> None:
        """Show a part, and keep it."""
        ...

    def reset_view(self) -> None:
        """Show all there is again."""
        ...


class RunPanel(Panel[P, F]):
    """A panel with a run bar in its header, that opens files dropped on it."""

    # What such a panel defines.

    @abstractmethod
    def open_file(self, path: str) -> None:
        """Take a file that was dropped."""

    def own_title(self) -> str:
        """Return the quiet text beside the title, as long as it likes."""
        return ""

    # The header.

    def build_bar(self, view: Looked) -> None:
        """Make the run bar for a view that is there."""
        self.viewed = view
        view.changed.connect(self._on_cursor)
        view.looked.connect(self._say_look)
        self.plots[0].refit.connect(self.reset_view)
        self._settled = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._settled.timeout.connect(self._echo_look)
        self.runbar = RunBar()
        self.runbar.said.connect(self.press)
        # The subtitle is cut short by hand; the label's own least width would widen the panel.
        self.header.subtitle_label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        row = self.header.layout()
        if isinstance(row, QHBoxLayout):
            row.insertWidget(2, self.runbar)
        self.setAcceptDrops(True)
        self._training = False

    def subtitle(self) -> str:
        """Return the quiet text beside the title, as far as there is room."""
        metrics = QFontMetrics(self.header.subtitle_label.font())
        return metrics.elidedText(self.own_title(), Qt.TextElideMode.ElideRight, self.header.subtitle_label.width())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the run bar to what there is room for."""
        super().resizeEvent(event)
        self.runbar.brief(on=self.width() < NARROW)

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

    def start(self, *, afresh: bool = False, replay: Replay[Any] | None = None) -> None:
        """Start the run of the state in force."""
        # Weights that are there already are shown, and rest.
        fresh = self.session.state(self.experiment).params.weights == "fresh"
        self._training = fresh if replay is None else replay.steps > 0
        super().start(afresh=afresh, replay=replay)

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
        """Show a part of the plots, as in look((-1, 1), (-1, 1)), until the view is reset."""
        kind = Interval(1e9)
        self.viewed.look(kind.coerce("x_range", x_range, None), kind.coerce("y_range", y_range, None))
        self._echo_look()

    def views(self) -> list[tuple[str, tuple[Any, ...]]]:
        """Return the verbs, with their arguments, that look where the panel looks now."""
        return [("look", self.viewed.ranges)] if self.viewed.held else []

    def reset_view(self) -> None:
        """Show all there is again."""
        self.viewed.reset_view()

    def _say_look(self, ended: bool) -> None:
        if ended:
            self._settled.start()

    def _echo_look(self) -> None:
        x_range, y_range = self.viewed.ranges
        self.session.echoed.emit(f"{self.experiment}.look({x_range}, {y_range})")

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
    """Return the one local file or folder among what is dragged, else an empty text; a session is the window's."""
    path = one_path(data)
    return "" if path.endswith(".nodeviz") else path


def one_path(data: QMimeData) -> str:
    """Return the one local file or folder among what is dragged, else an empty text."""
    paths = [url.toLocalFile() for url in data.urls() if url.isLocalFile()]
    return paths[0] if len(paths) == 1 else ""


def bar_commands(panel: RunPanel[Any, Any]) -> list[Command]:
    """Return the commands that every such panel has."""
    name, inside, menu = panel.experiment, tuple(panel.plots), f"Panels/{panel.record.title}"
    return [
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
