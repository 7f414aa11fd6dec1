"""Plots in the look of the window: quiet axes, ranges that do not jump, data that can be copied and saved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg
import shiboken6
from PySide6.QtCore import QPointF, QRect, QRectF, Qt, Signal
from PySide6.QtGui import QAction, QColor, QFocusEvent, QGuiApplication, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import (
    QFileDialog,
    QGraphicsItem,
    QGraphicsPathItem,
    QGraphicsSimpleTextItem,
    QMenu,
    QWidget,
)

from nodeviz.app.theme import Theme, ui_font
from nodeviz.problems.tables import TableError, table_text, write_table

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

    from nodeviz.engine.arrays import FloatArray

Columns = Mapping[str, Any]
EMPTY = np.empty(0)
_REASONS = Qt.FocusReason
BY_KEY = frozenset({_REASONS.TabFocusReason, _REASONS.BacktabFocusReason, _REASONS.ShortcutFocusReason})
LOW = 170  # pixels: in a lower plot the names of the axes would take as much as what is drawn


def pen(colour: str, width: float = 1, *, style: Qt.PenStyle = Qt.PenStyle.SolidLine) -> QPen:
    """Return a cosmetic pen; width 1 is many times faster than 2 on anything that moves."""
    return pg.mkPen(QColor(colour), width=width, style=style)


def label_number(value: float) -> str:
    """Return a number as captions and labels show it: three digits, or up to five before the point, a true minus."""
    if not np.isfinite(value):
        return "–"
    text = f"{value:.0f}" if 999.5 <= abs(value) < 99_999.5 else f"{value:.3g}"
    if "e" in text:
        mantissa, exponent = text.split("e")
        text = f"{mantissa}e{int(exponent)}"
    return text.replace("-", "−")


class Box(pg.ViewBox):
    """A view box that tells clicks, drags and hovers, and leaves what they mean to the plot's owner."""

    clicked = Signal(QPointF, object)
    doubled = Signal(QPointF)
    dragged = Signal(str, QPointF, QPointF)
    hovered = Signal(object)
    moved = Signal(bool)

    def __init__(self) -> None:
        super().__init__(enableMenu=False)
        self.grabs: Callable[[QPointF], bool] = lambda point: False  # noqa: ARG005 - a plot without handles
        self.modifiers = Qt.KeyboardModifier.NoModifier  # held when the drag began
        self._grabbed = False

    def mouseClickEvent(self, event: Any) -> None:
        """Tell where was clicked, in data coordinates; the second click of a double click is another matter."""
        if event.button() == Qt.MouseButton.LeftButton:
            event.accept()
            point = self.mapSceneToView(event.scenePos())
            if event.double():
                self.doubled.emit(point)
            else:
                self.clicked.emit(point, event.modifiers())

    def mouseDragEvent(self, event: Any, axis: Any = None) -> None:
        """Drag a handle where there is one under the pointer, the view where there is none."""
        if event.button() == Qt.MouseButton.LeftButton:
            start = self.mapSceneToView(event.buttonDownScenePos())
            if event.isStart():
                self.modifiers = event.modifiers()
                self._grabbed = self.grabs(start)
            if self._grabbed:
                event.accept()
                phase = "end" if event.isFinish() else "move"
                self.dragged.emit(phase, start, self.mapSceneToView(event.scenePos()))
                return
        super().mouseDragEvent(event, axis)
        self.moved.emit(bool(event.isFinish()))

    def wheelEvent(self, event: Any, axis: Any = None) -> None:
        """Zoom around the pointer."""
        super().wheelEvent(event, axis)
        self.moved.emit(True)

    def hoverEvent(self, event: Any) -> None:
        """Tell where the pointer is, None when it leaves."""
        self.hovered.emit(None if event.isExit() else self.mapSceneToView(event.scenePos()))


class Curve(pg.PlotCurveItem):
    """A curve that is empty where nothing of it is finite."""

    def setData(self, *args: Any, **options: Any) -> None:
        """Take new points, as (x, y)."""
        if len(args) == 2 and not len(args[0]) and (self.xData is None or not len(self.xData)):
            return  # empty as before: most curves of a small plot are, most of the time
        if len(args) == 2 and not np.isfinite(args[1]).any():
            args = (EMPTY, EMPTY)
        super().setData(*args, **options)
        self.setFlag(self.GraphicsItemFlag.ItemHasNoContents, self.xData is None or not len(self.xData))

    def boundingRect(self) -> QRectF:
        """Return all that is in view: a curve comes and goes, and what it covers is not worth computing."""
        return self.viewRect() or QRectF()

    def viewTransformChanged(self) -> None:
        """Know a new view for a new bounding rectangle."""
        super().viewTransformChanged()
        pg.GraphicsObject.viewTransformChanged(self)  # forgets the view before


class Markers(pg.ScatterPlotItem):
    """Markers that leave clicks to the plot they stand in, and those out that are not finite."""

    def setData(self, *args: Any, **options: Any) -> None:
        """Take new places, as (x, y)."""
        if len(args) == 2:
            if not len(args[0]) and not len(self.data):
                return
            x, y = (np.asarray(values, float) for values in args)
            good = np.isfinite(x) & np.isfinite(y)
            args = args if good.all() else (x[good], y[good])
        super().setData(*args, **options)
        self.setFlag(self.GraphicsItemFlag.ItemHasNoContents, not len(self.data))

    def mouseClickEvent(self, event: Any) -> None:
        """Let the click through."""
        event.ignore()


class AxisName(QGraphicsSimpleTextItem):
    """The name of an axis inside a plot, on a veil that keeps it legible."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        font = ui_font(12)
        font.setItalic(True)
        self.setFont(font)
        self.setZValue(50)
        self.setCacheMode(QGraphicsItem.CacheMode.DeviceCoordinateCache)
        self.veil = QColor(0, 0, 0, 0)

    def show_text(self, text: str, colour: str) -> None:
        """Show a name in a colour."""
        self.setText(text)
        self.setBrush(QColor(colour))

    def paint(self, painter: QPainter, *options: Any) -> None:
        """Draw the veil, then the name."""
        painter.fillRect(self.boundingRect(), self.veil)
        super().paint(painter, *options)


class Plot(pg.PlotWidget):
    """One plot of a panel.

    Parameters
    ----------
    x_label, y_label : str, with units where there are any
    equal : bool, equal aspect, for phase and state planes
    name : str, for screen readers and file names
    compact : bool, whether the axes' names stand inside, as they do in every plot that is too low for them
    """

    name_top = 2  # pixels above the name of the y axis, where it stands inside
    _ringed, _accent = False, ""
    refit = Signal()
    complained = Signal(str)
    asked = Signal()  # what it shows
    subject = ""  # by which the guide knows what it shows

    def __init__(
        self,
        x_label: str,
        y_label: str,
        *,
        name: str,
        equal: bool = False,
        compact: bool = False,
        parent: QWidget | None = None,
    ):
        self.box = Box()
        self._always_compact = self._compact = compact
        self._said = ""
        self._named: tuple[object, ...] = ()
        super().__init__(parent, viewBox=self.box)
        self.name = name
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFrameStyle(0)
        self.setMinimumSize(96, 56)
        self.hideButtons()
        # Its own menu offers transforms that would make the axes lie; and nobody would own it.
        self.setMenuEnabled(False)
        shiboken6.delete(self.plotItem.ctrlMenu)  # at once: programs that only draw have no event loop that would
        self.plotItem.ctrlMenu = None
        self.box.setAspectLocked(equal)
        self.box.disableAutoRange()
        self.labels = (x_label, y_label)
        self._inside = [AxisName(self.box), AxisName(self.box)]
        self.box.sigResized.connect(self._place_names)
        self.columns: Callable[[], Columns] = dict
        self._bounds: tuple[float, float, float, float] | None = None
        self._bounds_key: object = None
        self.settled = True
        self._themed: list[Callable[[Theme], None]] = []
        for side in ("bottom", "left"):
            axis = self.getAxis(side)
            axis.setStyle(tickFont=ui_font(12), tickLength=0, tickTextOffset=6, autoReduceTextSpace=True)
            axis.setStyle(maxTickLevel=0)
            axis.enableAutoSIPrefix(False)
            axis.setCacheMode(QGraphicsItem.CacheMode.DeviceCoordinateCache)
        self.getAxis("left").setStyle(autoExpandTextSpace=True, tickTextWidth=28)
        self.plotItem.layout.setContentsMargins(2, 4, 6, 2)

    def set_labels(self, x_label: str, y_label: str, said: str = "") -> None:
        """Name the axes; what a title says already need not stand inside where there is no room outside."""
        asked = (x_label, y_label, said.casefold(), self._compact, self._label_colour)
        if asked == self._named:
            return  # an axis is painted anew with every label
        self._named = asked
        self.labels, self._said = (x_label, y_label), said.casefold()
        style = {"font-size": "12px", "font-style": "italic", "color": self._label_colour}
        for side, label, name in zip(("bottom", "left"), self.labels, self._inside, strict=True):
            axis = self.getAxis(side)
            axis.setLabel("" if self._compact else label, **style)
            axis.showLabel(not self._compact and bool(label))
            name.show_text(label if self._compact and label.casefold() not in self._said else "", self._label_colour)
        self._place_names()

    def _place_names(self) -> None:
        """Put the names inside: that of x at the end of its axis, that of y at the top."""
        rect, (x_name, y_name) = self.box.rect(), self._inside
        x_size, y_size = x_name.boundingRect(), y_name.boundingRect()
        x_name.setPos(rect.right() - x_size.width() - 4, rect.bottom() - x_size.height() - 2)
        left = rect.left() + 4 if self._always_compact else rect.right() - y_size.width() - 4
        y_name.setPos(left, rect.top() + self.name_top)

    def lead(self, *, on: bool) -> None:
        """Show the vertical axis, or leave it to the plot to the left."""
        self.showAxis("left", show=on)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Bring the names of the axes inside where there is no room for them outside."""
        super().resizeEvent(event)
        if not hasattr(self, "_inside"):
            return  # Qt lays out before there is anything to lay out
        compact = self._always_compact or self.height() < LOW
        if compact != self._compact:
            self._compact = compact
            self.set_labels(*self.labels, self._said)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show where the keyboard is, where it came here by a key; the mouse needs no mark."""
        super().focusInEvent(event)
        self._ringed = event.reason() in BY_KEY
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Take the mark away."""
        super().focusOutEvent(event)
        self._ringed = False
        self.viewport().update()

    def drawForeground(self, painter: QPainter, rect: QRectF | QRect) -> None:
        """Draw the mark of the keyboard around everything."""
        super().drawForeground(painter, rect)
        if self._ringed:
            painter.save()
            painter.resetTransform()
            painter.setPen(QPen(QColor(self._accent), 1))
            painter.drawRoundedRect(QRectF(self.viewport().rect()).adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)
            painter.restore()

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self._accent = theme.accent
        self.setBackground(QColor(theme.panel))
        self._label_colour = theme.quiet
        for name in self._inside:
            name.veil = QColor(theme.panel)
            name.veil.setAlphaF(0.6)
        for side in ("bottom", "left"):
            axis = self.getAxis(side)
            grid = QColor(theme.grid)
            grid.setAlphaF(0.10)
            axis.setPen(pg.mkPen(grid))
            axis.setTextPen(pg.mkPen(theme.quiet))
            axis.setGrid(26)
        self.set_labels(*self.labels, self._said)
        for take in self._themed:
            take(theme)

    def when_themed(self, take: Callable[[Theme], None]) -> None:
        """Call ``take`` with every theme that is put on."""
        self._themed.append(take)

    def curve(self, z: float = 0, *, connect: str = "finite", dashed: bool = False) -> Curve:
        """Add one curve; many pieces are one curve with rows of NaN between.

        Curves are drawn segment by segment, which is faster; the dashes of a dashed one would start anew at each.
        """
        item = Curve(connect=connect, antialias=True, skipFiniteCheck=False)
        item.setZValue(z)
        item.setSegmentedLineMode("off" if dashed else "on")
        item.setFlag(item.GraphicsItemFlag.ItemHasNoContents)
        self.addItem(item, ignoreBounds=True)
        return item

    def markers(self, symbol: str, size: float, z: float = 0) -> Markers:
        """Add markers of one shape and size in pixels."""
        item = Markers(symbol=symbol, size=size, pxMode=True, antialias=True, pen=None)
        item.setFlag(item.GraphicsItemFlag.ItemHasNoContents)
        item.setZValue(z)
        self.addItem(item, ignoreBounds=True)
        return item

    def area(self, z: float = 0) -> QGraphicsPathItem:
        """Add a filled area made of closed curves."""
        item = QGraphicsPathItem()
        item.setZValue(z)
        self.addItem(item, ignoreBounds=True)
        return item

    def grow(self, key: object, xs: FloatArray, ys: FloatArray, *, pad: float = 0.06) -> None:
        """Show all points. While ``key`` stays the same the ranges only grow, so that nothing jumps.

        They shrink where they are far too wide and nothing is being dragged.
        """
        good = np.isfinite(xs) & np.isfinite(ys)
        if not good.any():
            return
        x0, x1, y0, y1 = xs[good].min(), xs[good].max(), ys[good].min(), ys[good].max()
        if self._bounds is not None and self._bounds_key == key:
            a, b, c, d = self._bounds
            much_too_wide = (b - a) > 2.5 * (x1 - x0) or (d - c) > 2.5 * (y1 - y0)
            if not (much_too_wide and self.settled):
                x0, x1, y0, y1 = min(a, x0), max(b, x1), min(c, y0), max(d, y1)
        if (x0, x1, y0, y1) != self._bounds or key != self._bounds_key:
            self._bounds, self._bounds_key = (x0, x1, y0, y1), key
            dx, dy = (x1 - x0) or abs(x1) or 1.0, (y1 - y0) or abs(y1) or 1.0
            self.box.setRange(xRange=(x0, x1), yRange=(y0 - pad * dy, y1 + pad * dy), padding=0.02 if dx else 0)

    def degrees(self, start: QPointF, now: QPointF) -> tuple[float, float]:
        """Return by how much a drag between two points turns what is shown: half a turn for a drag across the plot."""
        width, height = self.box.viewPixelSize()
        each = 180.0 / max(1, min(self.width(), self.height()))
        return round((now.x() - start.x()) / width * each, 1), round((now.y() - start.y()) / height * each, 1)

    def forget_range(self) -> None:
        """Let the next `grow` start afresh."""
        self._bounds = None

    def contextMenuEvent(self, event: Any) -> None:
        """Offer the plot's data, and what it shows in words."""
        menu = QMenu(self)
        for action in self.data_actions(menu):
            menu.addAction(action)
        menu.exec(event.globalPos())
        menu.deleteLater()

    def data_actions(self, parent: QWidget) -> list[QAction]:
        """Return the actions that give away the plot's data, reset its range, and say what it shows."""
        copy = QAction("Copy data", parent)
        copy.triggered.connect(self.copy_data)
        save = QAction("Save data as CSV…", parent)
        save.triggered.connect(self.save_data)
        reset = QAction("Reset range", parent)
        reset.triggered.connect(self.forget_range)
        reset.triggered.connect(self.refit)
        ask = QAction("What am I seeing?", parent)
        ask.triggered.connect(self.asked)
        return [copy, save, reset, ask]

    def copy_data(self) -> None:
        """Put the data on the clipboard, as text that spreadsheets paste."""
        QGuiApplication.clipboard().setText(table_text(self.columns()))

    def save_data(self) -> None:
        """Ask for a file and write the data there."""
        path, _ = QFileDialog.getSaveFileName(self, "Save data", f"{self.name}.csv", "CSV (*.csv)")
        if path:
            try:
                write_table(path, self.columns())
            except TableError as error:
                self.complained.emit(str(error))


def broken_lines(pieces: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return (N, K, 2) paths as one x and one y array with NaN between the paths."""
    gaps = np.full((len(pieces), 1, 2), np.nan)
    joined = np.concatenate([pieces, gaps], axis=1).reshape(-1, 2)
    return joined[:, 0], joined[:, 1]


def dashes(x: FloatArray, y: FloatArray, length: float) -> npt.NDArray[np.int32]:
    """Return which points to connect to the next one so that a curve shows dashes of a length in data units.

    Qt's own dashed pen costs ten times as much on a long curve.
    """
    steps = np.hypot(np.diff(x, append=x[-1:]), np.diff(y, append=y[-1:]))
    gone = np.cumsum(np.where(np.isfinite(steps), steps, 0.0))
    return (np.isfinite(steps) & (gone // length % 2 == 0)).astype(np.int32)


def closed_path(curve: FloatArray) -> QPainterPath:
    """Return the pieces of a NaN-broken (M, 2) curve as one path that can be filled."""
    path = QPainterPath()
    begin = True
    for x, y in curve:
        if not np.isfinite(x):
            begin = True
        elif begin:
            path.moveTo(x, y)
            begin = False
        else:
            path.lineTo(x, y)
    return path
