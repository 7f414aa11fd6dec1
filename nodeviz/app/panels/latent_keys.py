"""Points without a mouse: keys move a cross over a plot; Enter adds a point there, Delete removes the nearest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, Qt

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent

    from nodeviz.app.panels.latent_plot import ChannelPlot
    from nodeviz.app.panels.latent_stage import LatentStage

STEP, STRIDE = 1 / 100, 1 / 10  # of the view, for a press of an arrow key, and for one with Ctrl
ARROWS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, 1),
    Qt.Key.Key_Down: (0, -1),
}


class CrossKeys:
    """The cross of one stage. With Shift the arrow keys take the nearest point along, until another key comes."""

    def __init__(self, stage: LatentStage) -> None:
        self._stage = stage
        self._at: QPointF | None = None
        self._row = -1  # that is taken along

    def press(self, plot: ChannelPlot, event: QKeyEvent) -> None:
        """Take a key of a plot, and accept it if it means something here."""
        key = Qt.Key(event.key())
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if key in ARROWS:
            stride = event.modifiers() & Qt.KeyboardModifier.ControlModifier
            self._step(plot, ARROWS[key], STRIDE if stride else STEP, take=shift)
        elif key in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self.let_go(plot)
            self._stage.added.emit(*self._stage.rounded(plot, self._place(plot)), plot.channel)
        elif key in {Qt.Key.Key_Delete, Qt.Key.Key_Backspace}:
            self.let_go(plot)
            row, _ = self._stage.nearest(plot, self._place(plot))
            if row >= 0:
                self._stage.removed.emit(row)
        elif key == Qt.Key.Key_Escape:
            self.leave(plot)
            self._at = None
        else:
            return
        event.accept()

    def _place(self, plot: ChannelPlot) -> QPointF:
        """Return where the cross is; in the middle of the view where it is not in sight."""
        view = plot.box.viewRect()
        if self._at is None or not view.contains(self._at):
            self._at = view.center()
        return self._at

    def _step(self, plot: ChannelPlot, way: tuple[int, int], share: float, *, take: bool) -> None:
        view, stage = plot.box.viewRect(), self._stage
        if take and self._row < 0:
            self._row, _ = stage.nearest(plot, self._place(plot))
            if self._row >= 0:
                self._at = stage.place_of(plot, self._row)
        elif not take:
            self.let_go(plot)
        at = self._place(plot) + QPointF(way[0] * share * view.width(), way[1] * share * view.height())
        self._at = QPointF(min(max(at.x(), view.left()), view.right()), min(max(at.y(), view.top()), view.bottom()))
        plot.show_cross(self._at)
        if take and self._row >= 0:
            stage.moved.emit("move", self._row, *stage.rounded(plot, self._at), plot.channel)

    def drop(self) -> None:
        """Take no point along any more; what is undone meanwhile stays so."""
        self._row = -1

    def leave(self, plot: ChannelPlot) -> None:
        """Take the cross away with the focus."""
        self.let_go(plot)
        plot.show_cross(None)

    def let_go(self, plot: ChannelPlot) -> None:
        """Leave a point that was taken along where it is."""
        if self._row >= 0:
            row, self._row = self._row, -1
            place = self._stage.rounded(plot, self._place(plot))
            self._stage.moved.emit("end", row, *place, plot.channel)
