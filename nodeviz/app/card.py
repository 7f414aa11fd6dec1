"""A small card of words that lies beside what the pointer is on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, Qt
from PySide6.QtWidgets import QLabel

if TYPE_CHECKING:
    from nodeviz.app.plots import Plot


class Card(QLabel):
    """Belongs to a plot, stays within it, and lets the mouse through."""

    def __init__(self, plot: Plot) -> None:
        super().__init__(plot)
        self._plot = plot
        self.setObjectName("message")
        self.setContentsMargins(10, 8, 10, 8)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def show_at(self, point: QPointF, text: str) -> None:
        """Show a rich text beside a point of the plot."""
        self.setText(text)
        self.adjustSize()
        at = self._plot.mapFromScene(self._plot.box.mapViewToScene(point))
        x = min(at.x() + 14, self._plot.width() - self.width() - 8)
        y = min(at.y() + 14, self._plot.height() - self.height() - 8)
        self.move(max(8, x), max(8, y))
        self.show()
        self.raise_()
