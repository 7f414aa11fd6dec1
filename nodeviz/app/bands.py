"""Areas between two curves, and the parts of an axis that are shaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QPainter, QPainterPath

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray


class Band(pg.GraphicsObject):
    """The area between two curves over one axis, where both are finite. One colour, smooth edges, no outline."""

    def __init__(self) -> None:
        super().__init__()
        self._path = QPainterPath()
        self._colour = QColor()
        self.setFlag(self.GraphicsItemFlag.ItemHasNoContents)

    def set_colour(self, colour: str, opacity: float) -> None:
        """Choose a colour, and how much of it shows."""
        self._colour = QColor(colour)
        self._colour.setAlphaF(opacity)
        self.update()

    def set_edges(self, x: FloatArray, low: FloatArray, high: FloatArray) -> None:
        """Show the area between ``low`` and ``high``, (M,) each, at increasing x; of no points nothing."""
        self.prepareGeometryChange()
        good = np.isfinite(low) & np.isfinite(high)
        self._path = QPainterPath()
        edges = np.flatnonzero(np.diff(good.astype(np.int8), prepend=0, append=0))
        for first, end in zip(edges[::2], edges[1::2], strict=True):
            part = slice(int(first), int(end))
            along = np.concatenate([x[part], x[part][::-1]])
            self._path.addPath(pg.arrayToQPath(along, np.concatenate([low[part], high[part][::-1]])))
        self.setFlag(self.GraphicsItemFlag.ItemHasNoContents, self._path.isEmpty())
        self.update()

    def boundingRect(self) -> QRectF:
        """Return the rectangle around the area."""
        return self._path.boundingRect()

    def paint(self, painter: QPainter, *_: Any) -> None:
        """Fill the area."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillPath(self._path, self._colour)


class Shade(pg.GraphicsObject):
    """A part of the x axis that is shaded from the bottom to the top of the view; empty where it begins at its end."""

    def __init__(self) -> None:
        super().__init__()
        self._span = (0.0, 0.0)
        self._colour = QColor()

    def set_colour(self, colour: str) -> None:
        """Choose a colour, which hides what lies behind."""
        self._colour = QColor(colour)
        self.update()

    def set_span(self, first: float, last: float) -> None:
        """Shade from ``first`` to ``last``; either may be infinite."""
        if (first, last) != self._span:
            self.prepareGeometryChange()
            self._span = (first, last)
            self.update()

    def boundingRect(self) -> QRectF:
        """Return the part of the view that is shaded."""
        view = self.viewRect() or QRectF()
        first, last = max(self._span[0], view.left()), min(self._span[1], view.right())
        return QRectF(first, view.top(), last - first, view.height()) if first < last else QRectF()

    def viewTransformChanged(self) -> None:
        """Know a new view for a new rectangle."""
        self.prepareGeometryChange()
        super().viewTransformChanged()

    def paint(self, painter: QPainter, *_: Any) -> None:
        """Fill the rectangle."""
        painter.fillRect(self.boundingRect(), self._colour)
