"""A small plot with a menu of what it can show, and a line that says in words what that is right now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QPainterPath
from PySide6.QtWidgets import (
    QGraphicsPathItem,
    QHeaderView,
    QSizePolicy,
    QStackedLayout,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from nodeviz.app.controls import QuietCombo
from nodeviz.app.plots import Columns, Markers, Plot, pen
from nodeviz.app.theme import DARK, Theme, blend, ui_font
from nodeviz.app.words import Words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from PySide6.QtGui import QResizeEvent

    from nodeviz.engine.arrays import FloatArray

LITTLE, TINY = 230, 130  # pixels of height
ROW = 21  # pixels of a table with many rows
TWO_LINES, MANY_LINES = 34, 120
BLOCKS = 240  # points of a smoothed curve at most
NOISY = 1200  # points of a noisy one

P = TypeVar("P")


class View(NamedTuple):
    """One thing that an instrument can show of a picture.

    Attributes
    ----------
    draw : draws all of it; say : what it shows at time t, as rich text
    move : moves what depends on the cursor, where anything does: the rest stays as it was drawn
    equal : equal aspect; table : a table in the place of the plot
    """

    draw: Callable[[Any, Any], None]
    say: Callable[[Any, float], str]
    move: Callable[[Any, Any, float], None] | None = None
    equal: bool = False
    table: bool = False


class Layer(NamedTuple):
    """What one solver or model draws with in a small plot."""

    curve: pg.PlotCurveItem
    steps: Markers
    hollow: Markers
    area: QGraphicsPathItem


class Instrument(QWidget, Generic[P]):
    """One small plot. ``P`` is what its views draw: a frame, or a frame and what goes with it.

    All views draw with the same few items: per layer a curve, markers and an area, and lines in quiet colours.

    Parameters
    ----------
    name : str, for screen readers
    titles : what the menu calls the views; views : by the same keys
    """

    chosen = Signal(str)

    def __init__(self, name: str, titles: Mapping[str, str], views: Mapping[str, View]) -> None:
        super().__init__()
        self._titles, self._views = titles, views
        self.menu = QuietCombo()
        self.menu.setObjectName("instrument")
        self.menu.setAccessibleName(f"{name} shows")
        self.menu.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        for key, title in titles.items():
            self.menu.addItem(title, key)
        self.menu.activated.connect(lambda index: self.chosen.emit(self.menu.itemData(index)))
        self.plot = Plot("", "", name=name)
        self.plot.columns = lambda: self._columns
        self.plot.refit.connect(self.forget)
        self.table = self._make_table(name)
        self._stack = QStackedLayout()
        self._stack.addWidget(self.plot)
        self._stack.addWidget(self.table)
        self.words = Words(12, (6, 0, 4, 0), TWO_LINES)
        self.setMinimumSize(96, 84)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.menu)
        column.addLayout(self._stack, 1)
        column.addWidget(self.words)
        self._kind = ""
        self._columns: Columns = {}
        self.theme = DARK
        self._drawn: tuple[str, bool] | None = None
        self.picture: P | None = None
        self.layers: list[Layer] = []
        self._dresses: dict[int, tuple[str, str, str]] = {}
        self.region: FloatArray = np.empty((0, 2))
        self._bars: pg.BarGraphItem | None = None
        self._texts: list[pg.TextItem] = []
        self.line = self.plot.curve(-1, dashed=True)
        self._cursor = pg.InfiniteLine(angle=90, movable=False)
        self.plot.addItem(self._cursor, ignoreBounds=True)
        self.plot.when_themed(self._take_theme)

    def _make_table(self, name: str) -> QTableWidget:
        table = QTableWidget()
        table.setAccessibleName(f"{name} as a table")
        table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        table.setShowGrid(False)
        table.setFont(ui_font(12))
        table.setTabKeyNavigation(False)  # Tab leaves it, the arrows move in it
        table.verticalHeader().hide()
        table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        copy, save, _, ask = self.plot.data_actions(table)
        table.addActions([copy, save, ask])
        return table

    def _take_theme(self, theme: Theme) -> None:
        self.theme = theme
        self.line.setPen(pen(theme.quiet, style=Qt.PenStyle.DashLine))
        self._cursor.setPen(pen(theme.quiet))

    @property
    def kind(self) -> str:
        """The key of the view on show."""
        return self._kind

    def show_picture(self, kind: str, picture: P, t: float, *, calm: bool = True) -> None:
        """Draw one view of a picture with the cursor at time t; only the cursor where nothing else changed.

        Where it is not ``calm`` the words about the cursor follow later.
        """
        view = self._views[kind]
        now = (self.theme.name, self.plot.settled)
        if kind == self._kind and self.picture is picture and self._drawn == now:
            if view.move is not None:
                view.move(self, picture, t)
                if calm:
                    self.words.setText(view.say(picture, t))
            return
        self.picture, self._drawn = picture, now
        if kind != self._kind:
            self._kind = kind
            self.menu.setCurrentIndex(self.menu.findData(kind))
            self.plot.name, self.plot.subject = self._titles[kind], kind
            self._dresses.clear()  # each view dresses its layers as it likes
            self.plot.forget_range()
            self.plot.setAspectLocked(view.equal)
            for side in ("bottom", "left"):
                self.plot.getAxis(side).setTicks(None)
        self._clear()
        self._stack.setCurrentIndex(1 if view.table else 0)
        view.draw(self, picture)
        if view.move is not None:
            view.move(self, picture, t)
        self.words.setText(view.say(picture, t))
        self.words.restart()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the words to two lines where there is little room, the rest is left to their tooltip; or to none."""
        super().resizeEvent(event)
        self.words.setVisible(self.height() >= TINY)
        self.words.most = TWO_LINES if self.height() < LITTLE else MANY_LINES

    def name_axes(self, x_label: str, y_label: str) -> None:
        """Name the axes."""
        self.plot.set_labels(x_label, y_label, self._titles[self._kind])

    def forget(self) -> None:
        """Draw everything anew the next time."""
        self._drawn = None

    def _clear(self) -> None:
        for curve, steps, hollow, area in self.layers:
            curve.setData([], [])
            steps.setData([], [])
            hollow.setData([], [])
            if not area.path().isEmpty():
                area.setPath(QPainterPath())
        self.line.setData([], [])
        self._cursor.hide()
        for text in self._texts:
            self.plot.removeItem(text)
        self._texts = []
        if self._bars is not None:
            self.plot.removeItem(self._bars)
            self._bars = None

    def layer(self, s: int, colour: str, symbol: str = "o") -> Layer:
        """Return curve, markers, hollow markers and area number s, in a colour and a shape."""
        while len(self.layers) <= s:
            plot = self.plot
            self.layers.append(Layer(plot.curve(2), plot.markers("o", 6, 3), plot.markers("o", 7, 4), plot.area(1)))
        curve, steps, hollow, area = self.layers[s]
        dress = (colour, symbol, self.theme.name)
        if self._dresses.get(s) == dress:
            return self.layers[s]  # every one of these calls costs a redraw of all markers
        self._dresses[s] = dress
        curve.setPen(pen(colour, 1.4))
        steps.setPen(None)
        steps.setSize(6)
        steps.setSymbol(symbol)
        steps.setBrush(pg.mkBrush(colour))
        hollow.setSymbol("x")
        hollow.setPen(pen(blend((colour, self.theme.text), 0.3), 1.2))
        area.setPen(pg.mkPen(None))
        fill = QColor(colour)
        fill.setAlphaF(0.13)
        area.setBrush(pg.mkBrush(fill))
        return self.layers[s]

    def write(self, text: str, colour: str, x: float, y: float, anchor: float = 0.0) -> None:
        """Write a short text at a point of the plot, which lies at a share of the text's width."""
        item = pg.TextItem(text, color=QColor(colour), anchor=(anchor, 0.5))
        item.setFont(ui_font(12))
        item.setPos(x, y)
        item.setZValue(5)
        self.plot.addItem(item, ignoreBounds=True)
        self._texts.append(item)

    def show_bars(self, heights: FloatArray, brushes: list[QColor]) -> None:
        """Show one bar per height."""
        self._bars = pg.BarGraphItem(x=np.arange(len(heights)), height=heights, width=0.55, brushes=brushes, pen=None)
        self.plot.addItem(self._bars, ignoreBounds=True)

    def mark_time(self, t: float) -> None:
        """Show where the cursor is on an axis of time."""
        self._cursor.setValue(t)
        self._cursor.show()

    def fill_table(self, header: list[str], rows: list[list[str]], colours: list[str]) -> None:
        """Fill the table; each row's first cell has its colour. Cells that say the same as before are left alone."""
        self.table.setColumnCount(len(header))
        self.table.setRowCount(len(rows))
        titles = [self.table.horizontalHeaderItem(c) for c in range(len(header))]
        if [title and title.text() for title in titles] != header:
            self.table.setHorizontalHeaderLabels(header)
        for r, (row, colour) in enumerate(zip(rows, colours, strict=True)):
            for c, text in enumerate(row):
                item = self._cell(r, c)
                if item.text() != text:
                    item.setText(text)
                if c == 0:
                    self._colour(item, colour)

    def _cell(self, r: int, c: int) -> QTableWidgetItem:
        item = self.table.item(r, c)
        if item is None:
            item = QTableWidgetItem()
            if c > 0:
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.table.setItem(r, c, item)
        return item

    @staticmethod
    def _colour(item: QTableWidgetItem, colour: str) -> None:
        if item.foreground().color() != QColor(colour):
            item.setForeground(QColor(colour))

    def fill_table_by_columns(self, titles: list[str], columns: list[list[str]], colours: list[str]) -> None:
        """Fill the table with columns, each headed by its first cell in a colour, and ``titles`` down its side."""
        rows = [list(row) for row in zip(titles, *columns, strict=True)]
        self.fill_table([""] * len(rows[0]), rows, [self.theme.quiet] * len(rows))
        # A style sheet gives one colour to all titles of a header; the first row has those of the columns.
        self.table.horizontalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(ROW)
        for number, colour in enumerate(colours, 1):
            self._colour(self._cell(0, number), colour)

    def give(self, columns: Columns) -> None:
        """Name the data behind the picture."""
        self._columns = columns


def logs(values: FloatArray) -> FloatArray:
    """Return log10 of positive values and NaN for the others."""
    return np.log10(np.where(values > 0, values, np.nan))


def smoothed(noisy: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return steps and means of equal blocks of a noisy history, as few as a small plot can show."""
    size = max(1, len(noisy) // BLOCKS, min(8, len(noisy) // 12))
    count = len(noisy) // size
    means = noisy[: count * size].reshape(count, size).mean(axis=1)
    return (np.arange(count) + 0.5) * size + 0.5, means


def thinned(noisy: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return steps and values of a history; of a long one the smallest and the largest of every block."""
    steps = np.arange(1, len(noisy) + 1, dtype=float)
    if len(noisy) <= NOISY:
        return steps, noisy
    size = -(-len(noisy) // (NOISY // 2))
    count = len(noisy) // size
    blocks = noisy[: count * size].reshape(count, size)
    ends = np.stack([blocks.min(axis=1), blocks.max(axis=1)], axis=1).ravel()
    return np.repeat(steps[: count * size : size], 2), ends
