"""What every panel has: header, plots, a column of controls that folds, caption, message line and play bar."""

from __future__ import annotations

import itertools
import math
import traceback
from array import array
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from nodeviz.app.focus import focusable, focusable_in
from nodeviz.app.form import Form
from nodeviz.app.mailbox import Delivery, Ending, Mailbox
from nodeviz.app.message import MessageLine
from nodeviz.app.panels import replaying
from nodeviz.app.panels.surround import PanelHeader, control_column
from nodeviz.app.playbar import PlayBar
from nodeviz.app.theme import DARK, Theme
from nodeviz.app.words import Words
from nodeviz.experiments.base import Frame, Metrics
from nodeviz.experiments.params import Number, ParamError, needs_restart, read_number
from nodeviz.experiments.registry import REGISTRY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PySide6.QtGui import QHideEvent, QResizeEvent, QShowEvent

    from nodeviz.app.commands import Command
    from nodeviz.app.plots import Plot
    from nodeviz.app.session import Session
    from nodeviz.app.worker import Worker
    from nodeviz.experiments.base import Replay, Reply

P = TypeVar("P")
F = TypeVar("F", bound=Frame)
LOW = 360  # pixels; a lower panel has one line of caption, the rest of it in the tooltip
READ = 0.12  # s at least from one change to the next of what is read, while something else moves
NARROW = 680  # pixels; a panel that is narrower starts with its controls folded, so that its plots have room


class Panel(QWidget, Generic[P, F]):
    """One experiment on screen.

    A panel sends what the user does to the session, starts runs on the worker when the session says that its state
    changed, and draws the newest frame when the clock ticks. It computes nothing that the experiment should have.

    Subclasses name their ``experiment`` and define `build`, `draw` and `caption`.
    """

    experiment: ClassVar[str]
    hidden_rows: ClassVar[frozenset[str]] = frozenset()
    time_name: ClassVar[str] = "t"
    gestures: ClassVar[Mapping[str, str]] = MappingProxyType({})  # of the mouse, and what each does
    verbs: ClassVar[Mapping[str, str]] = MappingProxyType({})  # what the console calls them, and the methods
    said = Signal(str)
    maximise = Signal(str)

    def __init__(self, session: Session, worker: Worker, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.session, self.worker = session, worker
        self.record = REGISTRY[self.experiment]
        self.theme: Theme = DARK
        self.mailbox = Mailbox()
        self.frame: F | None = None
        self.metrics: Metrics | None = None
        self.history: dict[str, array[float]] = {}
        self.running = False
        self.progress = 0.0
        self._generation = 0
        self._newest_order = 0
        self._over = True
        self._awaited = False
        self.dropped = 0
        self.steps_seen = 0
        self._fold: bool | None = None
        self._replay: Replay[P] | None = None
        self.calm = True  # whether what is read is to be drawn too: words, tables, small plots of a run that goes on
        self._read_at = -math.inf
        self._shown: P | None = None
        self._state = session.state(self.experiment)
        self._dirty = True
        self._plots: list[Plot] = []
        self.instruments: Mapping[str, Any] = {}  # by the parameter that says what they show
        self._lay_out()
        self.build()
        self.show_form()
        self.order_tabs()
        worker.set_visible(self.experiment, visible=False)  # until it is shown; a dock may stay closed from the start
        session.changed.connect(self._on_changed)
        session.refused.connect(self._on_refused)

    @property
    def params(self) -> P:
        """The parameters in force."""
        params: P = self.session.state(self.experiment).params
        return params

    # What a panel defines.

    def build(self) -> None:
        """Make the plots and put them into ``self.stage``."""
        raise NotImplementedError

    def draw(self, frame: F, fraction: float) -> None:
        """Draw a frame with the cursor at a share of its time span."""
        raise NotImplementedError

    def caption(self, frame: F, fraction: float) -> str:
        """Return in words, as rich text, what the plots show right now."""
        raise NotImplementedError

    def on_reply(self, reply: Reply) -> None:
        """Take the answer to a request that `ask` has sent."""

    def own_commands(self) -> list[Command]:
        """Return the commands that only this panel has."""
        return []

    def idle_rows(self) -> frozenset[str]:
        """Return the names of the parameters that have no effect with the others as they are."""
        return frozenset()

    def subtitle(self) -> str:
        """Return the quiet text beside the title."""
        return ""

    def cursor_time(self, fraction: float) -> float:
        """Return the panel's own time at a share of the span."""
        return fraction

    # Layout.

    def _lay_out(self) -> None:
        self.stage = QHBoxLayout()
        self.stage.setContentsMargins(8, 0, 8, 0)
        self.stage.setSpacing(8)
        self.form = Form(self.params, self.hidden_rows)
        self.form.edited.connect(self._on_edited)
        self.column = control_column(self.form)
        body = QHBoxLayout()
        body.setContentsMargins(0, 0, 6, 0)
        body.setSpacing(4)
        body.addLayout(self.stage, 1)
        body.addWidget(self.column)
        self.words = Words(13, (16, 4, 16, 8), 30)
        self.playbar = PlayBar()
        self.playbar.changed.connect(self._on_cursor)
        self.playbar.said.connect(self.do)
        self.rule = QFrame()
        self.rule.setObjectName("rule")
        self.rule.setFixedHeight(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self.header = PanelHeader(self.record.title)
        self.header.folding.connect(lambda: self.said.emit("fold"))
        self.header.maximised.connect(lambda: self.maximise.emit(self.experiment))
        column.addWidget(self.header)
        column.addLayout(body, 1)
        self.message = MessageLine(self)
        column.addWidget(self.words)
        column.addWidget(self.rule)
        column.addWidget(self.playbar)

    def order_tabs(self) -> None:
        """Let Tab go through the panel as the eye does: header, plots, controls, play bar."""
        header, form, playbar = map(focusable, (self.header, self.form, self.playbar))
        order = [*header, *focusable_in(self.stage), *form, *playbar]
        for first, second in itertools.pairwise(order):
            QWidget.setTabOrder(first, second)

    def add_plot(self, plot: Plot) -> Plot:
        """Let a plot take part in the panel's themes."""
        plot.refit.connect(self._on_cursor)
        plot.complained.connect(self.show_message)
        self._plots.append(plot)
        plot.set_theme(self.theme)
        return plot

    @property
    def plots(self) -> list[Plot]:
        """All plots of the panel."""
        return self._plots

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self.theme = theme
        self.form.set_theme(theme)
        self.playbar.set_theme(theme)
        for plot in self._plots:
            plot.set_theme(theme)
        self._dirty = True

    def fold(self, *, on: bool | None) -> None:
        """Fold the controls away, or show them; None does as the panel's width suggests, until somebody decides."""
        self._fold = on
        on = self.width() < NARROW if on is None else on
        self.column.setVisible(not on)
        self.header.fold_button.setText("⇤" if on else "⇥")

    @property
    def folded(self) -> bool | None:
        """Whether somebody folded the controls away; None while that is left to the panel's width."""
        return self._fold

    def views(self) -> list[tuple[str, tuple[Any, ...]]]:
        """Return the verbs, with their arguments, that look where the panel looks now."""
        return []

    def bare(self, *, title: bool, caption: bool) -> None:
        """Leave out what only a user at the window needs, for a picture."""
        self.fold(on=True)
        self.playbar.hide()
        self.rule.hide()
        kept = {self.header.subtitle_label, self.header.title_label}
        for widget in self.header.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly):
            widget.setVisible(widget in kept)
        self.header.setVisible(title)
        self.words.setVisible(caption)

    def show_message(self, sentence: str, details: str = "") -> None:
        """Show one sentence above the caption; the last good picture stays."""
        self.message.say(sentence, details)
        self._place_message()

    def _place_message(self) -> None:
        self.message.place(12, self.words.y() - 8, self.width() - self.column.width() - 32)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the message above the caption, and the controls folded where there is no room for them."""
        super().resizeEvent(event)
        self.words.most = 30 if self.height() < LOW else 120
        if self._fold is None and (self.width() < NARROW) is not self.column.isHidden():
            self.fold(on=None)
        self._place_message()

    def show_form(self) -> None:
        """Show the parameters in force, and which of them have no effect."""
        self.form.show_params(self.params)
        self.form.disable(self.idle_rows())

    # What the user does.

    def _on_edited(self, name: str, value: object, drag: bool) -> None:
        if value is not None:
            ok = self.session.try_change(self.experiment, {name: value}, drag=name if drag else "")
            if not ok:
                self.form.refuse(name, value)
        if not drag:
            self.session.end_drag()
            self._dirty = True

    def _on_refused(self, panel: str, sentence: str) -> None:
        if panel == self.experiment:
            self.show_message(sentence)

    def _on_cursor(self) -> None:
        self._dirty = True

    def do(self, what: str) -> None:
        """Do what a button of the play bar asks, and say it as Python."""
        bar = self.playbar
        if what in {"play", "pause"}:
            bar.play(on=what == "play")
        elif what == "restart":
            bar.put(0.0)
        elif what == "step":
            bar.put(self.next_stop(bar.fraction))
        elif what == "speed":
            bar.next_speed()
        line = {
            "play": "play()",
            "pause": "pause()",
            "speed": f"speed = {bar.speed:g}",
            "speed set": f"speed = {bar.speed:g}",
            "loop": f"loop = {bar.loop.isChecked()}",
        }.get(what, f"{self.time_name} = {self.cursor_time(bar.fraction):.6g}")
        self.session.echoed.emit(f"{self.experiment}.{line}")
        self._dirty = True

    def next_stop(self, fraction: float) -> float:
        """Return where one press of the step button takes the cursor; from the end to the start."""
        return 0.0 if fraction >= 1.0 else fraction + 0.02

    def put_time(self, value: object) -> None:
        """Put the cursor to a time of the panel.

        Raises
        ------
        ParamError : a time outside the span
        """
        first, last = self.cursor_time(0.0), self.cursor_time(1.0)
        time = read_number(self.time_name, value)
        if not min(first, last) <= time <= max(first, last):
            raise ParamError(f"{self.time_name}={time:g}: outside the span; use {first:g} to {last:g}")
        self.playbar.put((time - first) / (last - first))
        self.do("scrubbed")

    # Runs.

    def _on_changed(self, panel: str) -> None:
        if panel != self.experiment:
            return
        params = self.params
        self.show_form()
        self.order_tabs()  # other parameters, other sliders
        self.message.hide()
        before, self._shown = self._shown, params
        last, self._state = self._state, self.session.state(panel)
        if self._state.preset and self._state.preset != last.preset:
            self.playbar.put(1.0)  # a preset is looked at whole
        self.on_params(before, params)
        if before is None or self._state.seed != last.seed or needs_restart(before, params):
            self.start()  # drawing the old picture again would only keep the new one waiting
        else:
            self._dirty = True
            if not self.session.dragging:
                self._read_at = -math.inf  # what somebody did is answered at once
            self._wake(self.worker.set_live(self.experiment, params))

    def on_params(self, before: P | None, params: P) -> None:
        """Adapt what belongs to the panel itself, such as the ranges of its axes."""

    def start(self, *, afresh: bool = False, replay: Replay[P] | None = None) -> None:
        """Start the run of the state in force; the last picture stays until the new one is there.

        Parts of the last frame are handed to the run, which keeps those that cannot have changed, unless ``afresh``.
        A ``replay`` says how it is to come to the state in force.
        """
        state = self.session.state(self.experiment)
        self._shown = state.params
        self.history = {}
        self.metrics = None
        self.progress = 0.0
        self.running = self._awaited = True
        self._over = False
        self._replay = replay
        self._generation = self._newest_order = self.worker.start_run(
            self.experiment, self.record, state.params, state.seed, self.mailbox, None if afresh else self.frame,
            replay,
        )  # fmt: skip

    @property
    def started(self) -> bool:
        """Whether a run has been asked for."""
        return self._generation > 0

    def train(self) -> None:
        """Let the run go on."""
        self._wake(self.worker.allow(self.experiment, math.inf))
        self.session.echoed.emit(f"{self.experiment}.train()")

    def stop(self) -> None:
        """Halt the run where it is; one that trains goes on to answer and to show what is changed."""
        self._wake(self.worker.allow(self.experiment, 0))
        self.session.echoed.emit(f"{self.experiment}.stop()")

    def account(self) -> Replay[P] | None:
        """Return how the run came to where it is, for one that trains; enough to bring it there again."""
        return self.worker.account(self.experiment, self._generation) or self._replay

    def reset(
        self,
        steps: int | None = None,
        goal: int | None = None,
        changes: Mapping[int, Mapping[str, object]] | None = None,
    ) -> None:
        """Start the run again from its seed, from nothing that was computed before.

        Parameters
        ----------
        steps : training steps after which it halts
        goal : the training step at which it is complete, where that is not the experiment's own
        changes : values of live parameters by name, by the training step at which they take effect

        Raises
        ------
        ParamError : steps that cannot be, or a parameter that is not live
        """
        if steps is None:
            self.start(afresh=True)
            self.session.echoed.emit(f"{self.experiment}.reset()")
        else:
            replaying.reset(self, steps, goal, changes or {})

    def step(self, n: int) -> None:
        """Let the run take n more steps, then halt."""
        count = int(Number(1, 10**6, integer=True).coerce("n", n, None))
        self._wake(self.worker.allow(self.experiment, count))
        self.session.echoed.emit(f"{self.experiment}.step({count})")

    def ask(self, kind: str, payload: object) -> int:
        """Put a question to the run; `on_reply` gets the answer with the number that this returns."""
        return self.worker.ask(self.experiment, kind, payload)

    def _wake(self, order: int) -> None:
        """Count a run that rested as running again, until it rests having received this order."""
        if self.record.trains and not self._over:
            self._newest_order, self.running = order, True

    @property
    def busy(self) -> bool:
        """Whether the run goes on, or something of it has not been drawn yet."""
        return self.running or self._dirty or not self.calm

    def tick(self, now: float) -> bool:
        """Take what came, move the cursor, and draw if anything changed."""
        delivery = self.mailbox.take()
        if delivery is not None:
            self._receive(delivery)
        moved = self.playbar.advance(now)
        moved = moved or self._dirty
        # What is read takes turns with the picture of a run that goes on: both in one tick would hold up too long.
        wait = 2 * READ if moved and self.running else READ
        calm = now >= self._read_at + wait or not (self.running or self._moves)
        if not (moved or (calm and not self.calm)) or self.frame is None or not self.isVisible():
            return False
        self._dirty = False
        if calm:
            self._read_at = now
        self.redraw(calm=calm)
        return True

    def redraw(self, *, calm: bool = True) -> None:
        """Draw the newest frame and say in words what it shows; the words follow later where it is not ``calm``.

        Nobody reads 60 texts a second, and laying them out takes as long as drawing.
        """
        if self.frame is None:
            return
        self.calm, fraction = calm, self.playbar.fraction
        self.draw(self.frame, fraction)
        self.playbar.label.setText(f"{self.time_name} {self.cursor_time(fraction):.2f}")
        if calm:
            self.words.setText(self.caption(self.frame, fraction))
            self.header.subtitle_label.setText(self.subtitle())

    def fail(self, error: Exception) -> None:
        """Show why the newest frame could not be drawn; the picture before stays."""
        details = "".join(traceback.format_exception(error))
        self.show_message(f"This picture cannot be drawn ({type(error).__name__}: {error}).", details)

    def wants_smooth(self) -> bool:
        """Whether the cursor moves, something is dragged, or somebody waits for the picture of a change."""
        return self.isVisible() and (self._moves or self._awaited)

    @property
    def _moves(self) -> bool:
        return self.playbar.playing or self.playbar.scrubbing or self.dragging()

    def dragging(self) -> bool:
        """Whether the user drags something in a plot."""
        return False

    def _receive(self, delivery: Delivery) -> None:
        self.dropped += delivery.dropped
        self.steps_seen += len(delivery.scalars) if self.record.trains else delivery.steps
        if delivery.frame is not None:
            self.frame = delivery.frame  # type: ignore[assignment]
            self._dirty = True
            self._awaited = False
        if delivery.generation != self._generation:
            return  # of the run before; its picture is better than none while the next one is on its way
        self.progress = self.progress if delivery.progress is None else delivery.progress
        for scalars in delivery.scalars:
            for name, value in scalars.items():
                self.history.setdefault(name, array("d")).append(value)
        for reply in delivery.replies:
            self.on_reply(reply)
        self._dirty = self._dirty or bool(delivery.replies)
        self.metrics = delivery.metrics or self.metrics
        if delivery.resting and delivery.heard >= self._newest_order:
            self.running = self._awaited = False
        if delivery.ending is not None:
            self._end(delivery.ending)

    def _end(self, ending: Ending) -> None:
        self.running = self._awaited = False
        self._over = True
        self.metrics = ending.metrics
        if ending.sentence:
            self.show_message(ending.sentence, ending.details)

    def showEvent(self, event: QShowEvent) -> None:
        """Let the run go on while somebody can see it."""
        super().showEvent(event)
        self.worker.set_visible(self.experiment, visible=True)
        self._dirty = True

    def hideEvent(self, event: QHideEvent) -> None:
        """Let the run rest while nobody can."""
        super().hideEvent(event)
        self.worker.set_visible(self.experiment, visible=False)
