"""What a panel has that trains on points of a plane: a brush over the caption, to paint and erase them."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QHBoxLayout

from nodeviz.app.brush import ERASER, Palette, Stroke
from nodeviz.app.commands import Command
from nodeviz.app.controls import tool_button
from nodeviz.app.panels.base import F, P
from nodeviz.app.panels.running import RunPanel, bar_commands

if TYPE_CHECKING:
    from PySide6.QtCore import QPointF
    from PySide6.QtGui import QResizeEvent

    from nodeviz.app.planes import SharedView
    from nodeviz.app.theme import Theme


class TrainingPanel(RunPanel[P, F]):
    """A panel with a run bar in its header, whose points can be painted."""

    # What such a panel defines.

    @abstractmethod
    def apply_stroke(self, stroke: Stroke) -> None:
        """Change the points as the stroke so far says."""

    # The header.

    def build_run(self, view: SharedView, classes: int) -> None:
        """Make run bar and brush for planes that are there; ``classes`` is how many kinds of points can be painted."""
        self.build_bar(view)
        self.shared = view
        view.painted.connect(self.go_on_with_stroke)
        self.brush_button = tool_button("Brush", "Paint and erase points (B)")
        self.brush_button.setCheckable(True)
        self.brush_button.clicked.connect(lambda: self.said.emit("brush"))
        row = self.header.layout()
        if isinstance(row, QHBoxLayout):
            row.insertWidget(3, self.brush_button)
        self.brush = Palette(self, classes)
        self.brush.closed.connect(self.toggle_brush)
        self.brush.reach.valueChanged.connect(self._resize_brush)
        self._resize_brush()
        self.stroke = Stroke()

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        super().set_theme(theme)
        self.brush.set_theme(theme)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the palette over the caption."""
        super().resizeEvent(event)
        self._place_palette()

    def _place_palette(self) -> None:
        self.brush.setGeometry(0, self.words.y(), self.width(), self.words.height())

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


def run_commands(panel: TrainingPanel[Any, Any], paint: str) -> list[Command]:
    """Return the commands that every such panel has; ``paint`` is the title of its brush's."""
    return [
        Command(
            id=f"brush_{panel.experiment}",
            title=paint,
            menu="Edit",
            shortcut="B",
            inside=tuple(panel.plots),
            callback=panel.toggle_brush,
            checked=lambda: not panel.brush.isHidden(),
        ),
        *bar_commands(panel),
    ]
