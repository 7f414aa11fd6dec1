"""The play bar: play, restart, scrub, step, speed and loop over a cursor that runs from 0 to 1."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPaintEvent, QPolygonF
from PySide6.QtWidgets import QHBoxLayout, QLabel, QToolButton, QWidget

from nodeviz.app.controls import tool_button
from nodeviz.app.slider import JumpSlider
from nodeviz.app.theme import Theme, ui_font
from nodeviz.experiments.params import Number

SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0)
SECONDS = 6.0  # of a whole passage at speed 1
TICKS = 10_000


class PlayButton(QToolButton):
    """A round button that shows what a press does."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("play")
        self.setFixedSize(26, 26)
        self.playing = False
        self.colour = QColor("white")

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw two bars or a triangle."""
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.colour)
        if self.playing:
            painter.drawRect(QRectF(9, 8.5, 3, 9))
            painter.drawRect(QRectF(14, 8.5, 3, 9))
        else:
            painter.drawPolygon(QPolygonF([QPointF(10.5, 8), QPointF(18, 13), QPointF(10.5, 18)]))
        painter.end()


class PlayBar(QWidget):
    """Moves a cursor between 0 and 1 as time passes, or as the user scrubs.

    ``changed`` says that the user or the program put the cursor somewhere; moving by play does not emit it. A panel
    whose time makes sense both ways shows the button ``back``.
    """

    changed = Signal()
    said = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.fraction = 1.0
        self.playing = False
        self.speed = 1.0
        self._last: float | None = None
        self.button = PlayButton()
        self.button.setToolTip("Play or pause (Space)")
        self.button.setAccessibleName("Play or pause")
        self.button.clicked.connect(lambda: self.said.emit("pause" if self.playing else "play"))
        self.restart = self._tool("↺", "Back to the start (Home)", "restart")
        self.step = self._tool("▸|", "To the next step", "step")
        self.scrub = JumpSlider()
        self.scrub.setRange(0, TICKS)
        self.scrub.setSingleStep(TICKS // 100)
        self.scrub.setPageStep(TICKS // 10)
        self.scrub.setAccessibleName("Time cursor")
        self.scrub.setValue(TICKS)
        self.scrub.valueChanged.connect(self._scrubbed)
        self.scrub.sliderReleased.connect(lambda: self.said.emit("scrubbed"))
        self.label = QLabel()
        self.label.setFont(ui_font(12))
        self.label.setFixedSize(72, 20)  # a label without a fixed size has all laid out anew with every text
        self.label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.back = self._tool("←", "Play backwards", "backwards")
        self.back.setCheckable(True)
        self.back.hide()
        self.pace = self._tool("1×", "Speed", "speed")
        self.loop = self._tool("⟳", "Loop", "loop")
        self.loop.setCheckable(True)
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 8, 14, 8)
        row.setSpacing(8)
        for widget in (self.button, self.restart, self.step, self.scrub, self.label, self.back, self.pace, self.loop):
            row.addWidget(widget, 1 if widget is self.scrub else 0)

    def _tool(self, text: str, tip: str, say: str) -> QToolButton:
        button = tool_button(text, tip)
        button.setMinimumSize(QSize(28, 24))
        button.clicked.connect(lambda: self.said.emit(say))
        return button

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self.button.colour = QColor(theme.on_accent)
        self.button.update()

    @property
    def _end(self) -> float:
        return 0.0 if self.back.isChecked() else 1.0

    @property
    def _at_end(self) -> bool:
        return self.fraction <= 0.0 if self.back.isChecked() else self.fraction >= 1.0

    @property
    def scrubbing(self) -> bool:
        """Whether the handle is held."""
        return self.scrub.isSliderDown()

    def put(self, fraction: float) -> None:
        """Put the cursor somewhere between 0 and 1."""
        self.fraction = min(1.0, max(0.0, fraction))
        self._show()
        self.changed.emit()

    def play(self, *, on: bool) -> None:
        """Play from here, from the start where the cursor is at the end; or pause."""
        if on and self._at_end:
            self.fraction = 1.0 - self._end
        self.playing, self._last = on, None
        self.button.playing = on
        self.button.update()
        self._show()

    def next_speed(self) -> None:
        """Choose the next speed, the slowest after the fastest."""
        self.set_speed(next((speed for speed in SPEEDS if speed > self.speed), SPEEDS[0]))

    def set_speed(self, speed: object) -> None:
        """Choose a speed.

        Raises
        ------
        ParamError : outside the slowest and the fastest
        """
        self.speed = Number(SPEEDS[0], SPEEDS[-1]).coerce("speed", speed, None)
        self.pace.setText({0.25: "¼×", 0.5: "½×"}.get(self.speed, f"{self.speed:g}×"))

    def advance(self, now: float) -> bool:
        """Move the cursor by the time that passed; return whether it moved."""
        if not self.playing or self.scrubbing:
            self._last = None
            return False
        passed = 0.0 if self._last is None else now - self._last
        self._last = now
        self.fraction += (2.0 * self._end - 1.0) * passed * self.speed / SECONDS
        if self._at_end:
            if self.loop.isChecked():
                self.fraction %= 1.0
            else:
                self.fraction = self._end
                self.play(on=False)
        self._show()
        return True

    def _show(self) -> None:
        self.scrub.blockSignals(True)
        self.scrub.setValue(round(self.fraction * TICKS))
        self.scrub.blockSignals(False)

    def _scrubbed(self, value: int) -> None:
        self.fraction = value / TICKS
        self.changed.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Space plays and pauses wherever the focus is within the bar."""
        if event.key() == Qt.Key.Key_Space:
            self.said.emit("pause" if self.playing else "play")
        else:
            super().keyPressEvent(event)
