"""Items for what moves at 60 frames per second: markers drawn from one pixmap, and pictures stretched smoothly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg
import shiboken6
from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPaintEngine, QPainter, QPainterPath, QPen, QPixmap, QPolygonF, QTransform

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray

Rgba = npt.NDArray[np.uint8]
# Of about the same area as a circle of diameter 1.
_CORNERS = {
    "square": ((-0.42, -0.42), (0.42, -0.42), (0.42, 0.42), (-0.42, 0.42)),
    "triangle": ((0.0, -0.67), (0.62, 0.46), (-0.62, 0.46)),
    "diamond": ((0.0, -0.64), (0.55, 0.0), (0.0, 0.64), (-0.55, 0.0)),
}
# Of 96 and more Qt lets threads of its own fill parts, and waits for them with the interpreter's lock held: where other
# programs run that takes many times as long as the filling.
FEW_ROWS = 80
_VECTOR_ENGINES = (QPaintEngine.Type.SVG, QPaintEngine.Type.Pdf)


def shape_path(shape: str, size: float) -> QPainterPath:
    """Return the outline of a circle, square, triangle or diamond around the origin."""
    path = QPainterPath()
    if shape == "circle":
        path.addEllipse(QPointF(0.0, 0.0), size / 2, size / 2)
    else:
        path.addPolygon(QPolygonF([QPointF(size * x, size * y) for x, y in _CORNERS[shape]]))
        path.closeSubpath()
    return path


class Sprites(pg.GraphicsObject):
    """Markers of one shape, size and colour: a fifth of what a scatter plot costs."""

    def __init__(self) -> None:
        super().__init__()
        self.setFlag(self.GraphicsItemFlag.ItemHasNoContents)
        self._shape, self._size, self._fill, self._edge = "circle", 7.0, QColor("white"), QColor("black")
        self._pixmap: tuple[float, QPixmap] | None = None
        self.density = 0.0  # pixels of the picture to one of the widget; 0 for what the device says
        self._points: FloatArray = np.empty((0, 2))
        self._scales: FloatArray | None = None

    def set_look(self, shape: str, size: float, fill: str, edge: str) -> None:
        """Choose shape, size in pixels, and the colours of the marker and its edge."""
        self.setFlag(self.GraphicsItemFlag.ItemHasNoContents)
        self._shape, self._size, self._fill, self._edge = shape, size, QColor(fill), QColor(edge)
        self._pixmap = None
        self.update()

    def set_points(self, points: FloatArray, scales: FloatArray | None = None) -> None:
        """Place the markers.

        Parameters
        ----------
        points : (N, 2) in the units of the plot; those that are not finite are left out
        scales : (N,) factors of size and opacity, at most 1, for what is farther away
        """
        if not len(points) and not len(self._points):
            return
        self._points, self._scales = np.asarray(points, float), scales
        good = np.isfinite(self._points).all(axis=1)
        if not good.all():
            self._points, self._scales = self._points[good], None if scales is None else scales[good]
        self.setFlag(self.GraphicsItemFlag.ItemHasNoContents, not len(self._points))
        self.update()

    def boundingRect(self) -> QRectF:
        """Return all that is in view: markers come and go, and what they cover is not worth computing."""
        return self.viewRect() or QRectF()

    def viewTransformChanged(self) -> None:
        """Know a new view for a new bounding rectangle."""
        self.prepareGeometryChange()
        super().viewTransformChanged()  # forgets the view before

    def paint(self, painter: QPainter, *_: Any) -> None:
        """Draw all markers with one call."""
        if not len(self._points):
            return
        to_pixels = painter.worldTransform()
        turned = np.array([[to_pixels.m11(), to_pixels.m12()], [to_pixels.m21(), to_pixels.m22()]])
        pixels = self._points @ turned + (to_pixels.dx(), to_pixels.dy())
        painter.setWorldTransform(QTransform())
        if painter.paintEngine().type() in _VECTOR_ENGINES:
            self._paint_paths(painter, pixels)
        else:
            self._paint_pixmaps(painter, pixels)
        painter.setWorldTransform(to_pixels)

    def _paint_pixmaps(self, painter: QPainter, pixels: FloatArray) -> None:
        ratio = self.density or painter.device().devicePixelRatioF()
        if self._pixmap is None or self._pixmap[0] != ratio:
            self._pixmap = ratio, self._draw_one(ratio)
        pixmap = self._pixmap[1]
        scales = np.ones(len(pixels)) if self._scales is None else self._scales
        near = np.abs(pixels).max(axis=1) < 1e5  # far outside nothing is to be seen, and a painter counts in 32 bits
        if not near.all():
            pixels, scales = pixels[near], scales[near]
        # As Qt lays out a QPainter.PixmapFragment: x, y, source rectangle, scale x and y, rotation, opacity.
        fragments = np.zeros((len(pixels), 10))
        fragments[:, :2] = pixels
        fragments[:, 4:6] = pixmap.width()
        fragments[:, 6:8] = scales[:, None] / ratio
        fragments[:, 9] = 0.35 + 0.65 * scales
        first = cast("QPainter.PixmapFragment", shiboken6.wrapInstance(fragments.ctypes.data, QPainter.PixmapFragment))
        painter.drawPixmapFragments(first, len(fragments), pixmap)

    def _paint_paths(self, painter: QPainter, pixels: FloatArray) -> None:
        path = shape_path(self._shape, self._size)
        painter.setPen(QPen(self._edge, 1.0))
        painter.setBrush(self._fill)
        for x, y in pixels:
            painter.drawPath(path.translated(x, y))

    def _draw_one(self, ratio: float) -> QPixmap:
        side = int(np.ceil((1.3 * self._size + 4) * ratio))
        pixmap = QPixmap(side, side)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.translate(side / 2, side / 2)
        painter.scale(ratio, ratio)
        painter.setPen(QPen(self._edge, 1.0))
        painter.setBrush(self._fill)
        painter.drawPath(shape_path(self._shape, self._size))
        painter.end()
        return pixmap


class Picture(pg.GraphicsObject):
    """An image over a rectangle of the plot, stretched smoothly, and drawn once for as long as it stays."""

    def __init__(self) -> None:
        super().__init__()
        self.setCacheMode(self.CacheMode.DeviceCoordinateCache)
        self._image, self._rect = QImage(), QRectF()

    def set_image(self, colours: Rgba, corners: FloatArray) -> None:
        """Show an image.

        Parameters
        ----------
        colours : (H, W, 4) red, green, blue and opacity, row 0 at the lowest y
        corners : (4,) x0, x1, y0, y1 of the image's edges, in the units of the plot
        """
        kept = np.ascontiguousarray(colours)
        height, width = kept.shape[:2]
        x0, x1, y0, y1 = map(float, corners)
        self.prepareGeometryChange()
        # A copy that owns its bytes, in the format that is stretched fastest.
        image = QImage(kept.data, width, height, 4 * width, QImage.Format.Format_RGBA8888)
        self._image = image.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)
        rect = QRectF(x0, y0, x1 - x0, y1 - y0)
        if rect != self._rect:
            # Of a view that has another size Qt would keep the part of its cache that only seems to have moved.
            self.setCacheMode(self.CacheMode.NoCache)
            self.setCacheMode(self.CacheMode.DeviceCoordinateCache)
        self._rect = rect
        self.update()

    def clear(self) -> None:
        """Show nothing."""
        if not self._rect.isNull():
            self.prepareGeometryChange()
            self._image, self._rect = QImage(), QRectF()

    def boundingRect(self) -> QRectF:
        """Return the rectangle of the image."""
        return self._rect

    def paint(self, painter: QPainter, *_: Any) -> None:
        """Draw the image; its first row comes out at the bottom, because a plot counts upwards."""
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        if painter.paintEngine().type() in _VECTOR_ENGINES:
            painter.drawImage(self._rect, self._image)
            return
        to_pixels = painter.worldTransform()
        shown = to_pixels.mapRect(self._rect).toAlignedRect()
        rows = int(FEW_ROWS / painter.device().devicePixelRatioF())
        for top in range(shown.top(), shown.bottom() + 1, rows):
            painter.save()
            painter.resetTransform()
            painter.setClipRect(QRect(shown.left(), top, shown.width(), rows), Qt.ClipOperation.IntersectClip)
            painter.setWorldTransform(to_pixels)
            painter.drawImage(self._rect, self._image)
            painter.restore()


def cell_corners(view: FloatArray, cells: int) -> FloatArray:
    """Return the edges x0, x1, y0, y1 of an image whose outermost cells are centred on the edges of a view."""
    x0, x1, y0, y1 = map(float, view)
    half_x, half_y = (x1 - x0) / (cells - 1) / 2, (y1 - y0) / (cells - 1) / 2
    return np.array([x0 - half_x, x1 + half_x, y0 - half_y, y1 + half_y])
