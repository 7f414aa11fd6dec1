"""The small plots beside the phase plane, each of which says why a solver does what it does."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QGraphicsPathItem,
    QHeaderView,
    QLabel,
    QSizePolicy,
    QStackedLayout,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from nodeviz.app.controls import QuietCombo
from nodeviz.app.panels.phase_captions import CAPTIONS, scaled_eigenvalues, solver_names
from nodeviz.app.plots import Columns, Markers, Plot, closed_path, label_number, pen
from nodeviz.app.theme import DARK, Theme, blend, solver_styles, ui_font
from nodeviz.engine.arrays import FloatArray
from nodeviz.engine.methods import METHODS
from nodeviz.experiments.phase_params import INSTRUMENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nodeviz.experiments.phase_frame import PhaseFrame

Row = tuple[FloatArray, FloatArray]


class Layer(NamedTuple):
    """What one solver draws with in a small plot."""

    curve: pg.PlotCurveItem
    steps: Markers
    hollow: Markers
    area: QGraphicsPathItem


class Instrument(QWidget):
    """One small plot with a menu of what it can show.

    All views draw with the same few items: per solver a curve, markers and an area, and lines in quiet colours.
    """

    chosen = Signal(str)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.menu = QuietCombo()
        self.menu.setObjectName("instrument")
        self.menu.setAccessibleName(f"{name} shows")
        for key, title in INSTRUMENTS.items():
            self.menu.addItem(title, key)
        self.menu.activated.connect(lambda index: self.chosen.emit(self.menu.itemData(index)))
        self.plot = Plot("", "", name=name)
        self.plot.columns = lambda: self._columns
        self.plot.refit.connect(self._redraw_all)
        self.table = QTableWidget()
        self.table.setAccessibleName(f"{name} as a table")
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setShowGrid(False)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self.table.addActions(self.plot.data_actions(self.table)[:2])
        self._stack = QStackedLayout()
        self._stack.addWidget(self.plot)
        self._stack.addWidget(self.table)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.menu)
        column.addLayout(self._stack, 1)
        self.words = QLabel()
        self.words.setObjectName("caption")
        self.words.setFont(ui_font(12))
        self.words.setTextFormat(Qt.TextFormat.RichText)
        self.words.setWordWrap(True)
        self.words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.words.setContentsMargins(6, 0, 4, 0)
        self.words.setAlignment(Qt.AlignmentFlag.AlignTop)
        column.addWidget(self.words)
        self._kind = ""
        self._columns: Columns = {}
        self.theme = DARK
        self._drawn: tuple[str, bool] | None = None
        self._frame: PhaseFrame | None = None
        self.layers: list[Layer] = []
        self.region: FloatArray = np.empty((0, 2))
        self._bars: pg.BarGraphItem | None = None
        self._texts: list[pg.TextItem] = []
        self.line = self.plot.curve(-1, dashed=True)
        self._cursor = pg.InfiniteLine(angle=90, movable=False)
        self.plot.addItem(self._cursor, ignoreBounds=True)
        self.plot.when_themed(self._take_theme)

    def _take_theme(self, theme: Theme) -> None:
        self.theme = theme
        self.line.setPen(pen(theme.quiet, style=Qt.PenStyle.DashLine))
        self._cursor.setPen(pen(theme.quiet))

    def show_frame(self, kind: str, frame: PhaseFrame, t: float) -> None:
        """Draw one view of a frame with the cursor at time t; only the cursor where nothing else changed."""
        now = (self.theme.name, self.plot.settled)
        if kind == self._kind and self._frame is frame and self._drawn == now:
            if kind in MOVING:
                MOVING[kind](self, frame, t)
                self._say(CAPTIONS[kind](frame, t), least=self.words.height())
            return
        self._frame, self._drawn = frame, now
        if kind != self._kind:
            self._kind = kind
            self.menu.setCurrentIndex(self.menu.findData(kind))
            self.plot.name = INSTRUMENTS[kind]
            self.plot.forget_range()
            self.plot.setAspectLocked(kind == "stability")
            self.plot.getAxis("bottom").setTicks(None)
        self._clear()
        self._stack.setCurrentIndex(1 if kind == "numbers" else 0)
        VIEWS[kind](self, frame)
        if kind in MOVING:
            MOVING[kind](self, frame, t)
        self._say(CAPTIONS[kind](frame, t), least=34)

    def _say(self, text: str, least: int) -> None:
        """Show the caption; while the cursor moves its height only grows, so that the plot above does not dance."""
        self.words.setText(text)
        height = max(least, self.words.heightForWidth(self.words.width()))
        if height != self.words.height():
            self.words.setFixedHeight(height)

    def _redraw_all(self) -> None:
        self._drawn = None

    def _clear(self) -> None:
        for curve, steps, hollow, area in self.layers:
            curve.setData([], [])
            steps.setData([], [])
            hollow.setData([], [])
            area.setPath(closed_path(np.empty((0, 2))))
        self.line.setData([], [])
        self._cursor.hide()
        for text in self._texts:
            self.plot.removeItem(text)
        self._texts = []
        if self._bars is not None:
            self.plot.removeItem(self._bars)
            self._bars = None

    def layer(self, s: int, frame: PhaseFrame) -> Layer:
        """Return curve, markers, hollow markers and area of solver s, in its colour and shape."""
        while len(self.layers) <= s:
            plot = self.plot
            self.layers.append(Layer(plot.curve(2), plot.markers("o", 6, 3), plot.markers("o", 7, 4), plot.area(1)))
        curve, steps, hollow, area = self.layers[s]
        colour, symbol = solver_styles(frame.paths.methods)[s]
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

    def write(self, text: str, colour: str, x: float, y: float) -> None:
        """Write a short text at a point of the plot."""
        item = pg.TextItem(text, color=QColor(colour), anchor=(0, 0.5))
        item.setFont(ui_font(12))
        item.setPos(x, y)
        item.setZValue(5)
        self.plot.addItem(item, ignoreBounds=True)
        self._texts.append(item)

    def show_bars(self, heights: FloatArray, brushes: list[QColor]) -> None:
        """Show one bar per solver."""
        self._bars = pg.BarGraphItem(x=np.arange(len(heights)), height=heights, width=0.55, brushes=brushes, pen=None)
        self.plot.addItem(self._bars, ignoreBounds=True)

    def mark_time(self, t: float) -> None:
        """Show where the cursor is on an axis of time."""
        self._cursor.setValue(t)
        self._cursor.show()

    def fill_table(self, header: list[str], rows: list[list[str]], colours: list[str]) -> None:
        """Fill the table; each row's first cell has the colour of its solver."""
        self.table.setColumnCount(len(header))
        self.table.setRowCount(len(rows))
        self.table.setHorizontalHeaderLabels(header)
        self.table.verticalHeader().hide()
        for r, (row, colour) in enumerate(zip(rows, colours, strict=True)):
            for c, text in enumerate(row):
                item = QTableWidgetItem(text)
                if c == 0:
                    item.setForeground(QColor(colour))
                else:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.table.setItem(r, c, item)

    def give(self, columns: Columns) -> None:
        """Name the data behind the picture."""
        self._columns = columns


def logs(values: FloatArray) -> FloatArray:
    """Return log10 of positive values and NaN for the others."""
    return np.log10(np.where(values > 0, values, np.nan))


def stability(view: Instrument, frame: PhaseFrame) -> None:
    """Draw the regions of stability; what is stable lies inside for an explicit method, outside for an implicit one."""
    view.plot.set_labels("Re dt·λ", "Im dt·λ")
    bounds = [np.array([[-3.4, -1.5], [1.0, 1.5]])]
    for s, method in enumerate(frame.paths.methods):
        outline, steps, _, area = view.layer(s, frame)
        boundary = frame.stability[s]
        area.setPath(closed_path(boundary if not METHODS[str(method)].implicit else boundary[:0]))
        outline.setData(*boundary.T)
        # Larger below, smaller above: solvers with the same step lie on the same points.
        steps.setSize(max(6, 12 - 3 * s))
        steps.setPen(pen(view.theme.panel, 1))
        bounds.append(boundary[np.isfinite(boundary[:, 0])])
    axis = np.array([[-99.0, 0.0], [99.0, 0.0], [np.nan, np.nan], [0.0, -99.0], [0.0, 99.0]])
    view.line.setData(*axis.T)
    view.region = np.concatenate(bounds)


def move_eigenvalues(view: Instrument, frame: PhaseFrame, t: float) -> None:
    """Move dt times the eigenvalues of the local Jacobian to where the solvers are at time t."""
    columns: dict[str, Any] = {}
    for s, entry in enumerate(frame.paths.entries):
        points = scaled_eigenvalues(frame, s, t)
        shown = np.stack([np.clip(points.real, -9.0, 4.0), np.clip(points.imag, -7.0, 7.0)], axis=1)
        inside = np.isclose(shown[:, 0], points.real) & np.isclose(shown[:, 1], points.imag)
        view.layers[s].steps.setData(*shown[inside].T)
        view.layers[s].hollow.setData(*shown[~inside].T)  # crosses at the rim stand for points far outside
        every = np.concatenate([view.region, shown])
        view.plot.grow(("stability", tuple(frame.paths.methods)), every[:, 0], every[:, 1])
        boundary = frame.stability[s]
        columns |= {f"{entry} Re dt λ": points.real, f"{entry} Im dt λ": points.imag}
        columns |= {f"{entry} boundary Re": boundary[:, 0], f"{entry} boundary Im": boundary[:, 1]}
    view.give(columns)


def move_cursor(view: Instrument, frame: PhaseFrame, t: float) -> None:
    """Move the line that says where the cursor is on an axis of time."""
    del frame
    view.mark_time(t)


def over_time(
    view: Instrument, frame: PhaseFrame, name: str, label: str, rows: list[Row], headroom: float = 0.0
) -> None:
    """Draw one curve per solver over time, logarithmic, with room above for what else is drawn."""
    view.plot.set_labels("t", f"log₁₀ {label}")
    columns: dict[str, Any] = {}
    for s, (time, values) in enumerate(rows):
        view.layer(s, frame)[0].setData(time, logs(values))
        columns |= {f"{frame.paths.entries[s]} t": time, f"{frame.paths.entries[s]} {label}": values}
    values = np.concatenate([logs(row[1]) for row in rows])
    finite = np.isfinite(values)
    if finite.any():
        low, high = values[finite].min(), values[finite].max()
        view.plot.grow(
            (name, frame.t0, frame.t1),
            np.array([frame.t0, frame.t1]),
            np.array([max(low, -16.0), max(high, low + 1.0) + headroom]),
        )
    view.give(columns)


def error(view: Instrument, frame: PhaseFrame) -> None:
    """Error against time."""
    rows = [(frame.paths.t[s, 0], frame.paths.error[s, 0]) for s in range(len(frame.paths.entries))]
    over_time(view, frame, "error", "error", rows)


def step_size(view: Instrument, frame: PhaseFrame) -> None:
    """Step sizes against time, rejected steps crossed."""
    paths = frame.paths
    rows = []
    for s in range(len(paths.entries)):
        kept = paths.attempt_accepted[s] == 1
        rejected = paths.attempt_accepted[s] == 0
        size = np.abs(paths.attempt_dt[s])
        rows.append((paths.attempt_t[s][kept], size[kept]))
        view.layer(s, frame)[2].setData(paths.attempt_t[s][rejected], logs(size[rejected]))
    over_time(view, frame, "step-size", "step size", rows, headroom=0.3)


def components(view: Instrument, frame: PhaseFrame) -> None:
    """State against time: x as curves, y as markers."""
    view.plot.set_labels("t", "x (line), y (markers)")
    paths = frame.paths
    columns: dict[str, Any] = {}
    for s, entry in enumerate(paths.entries):
        curve, steps, _, _ = view.layer(s, frame)
        curve.setData(paths.t[s, 0], paths.y[s, 0, :, 0])
        good = np.flatnonzero(np.isfinite(paths.t[s, 0]))
        thin = good[:: max(1, len(good) // 60)]
        steps.setSize(5)
        steps.setData(paths.t[s, 0, thin], paths.y[s, 0, thin, 1])
        columns |= {f"{entry} t": paths.t[s, 0], f"{entry} x": paths.y[s, 0, :, 0], f"{entry} y": paths.y[s, 0, :, 1]}
    reference = paths.reference_y[0]
    view.line.setData(paths.reference_t[0], reference[:, 0])
    low, high = np.nanmin(reference, initial=np.inf), np.nanmax(reference, initial=-np.inf)
    room = 1.5 * (high - low) if high > low else 1.0
    # What a solver adds counts too, but one that blows up must not flatten the others.
    every = np.concatenate([paths.y[:, 0].ravel(), reference.ravel()])
    ys = np.clip(every[np.isfinite(every)], low - room, high + room)
    span = np.linspace(frame.t0, frame.t1, max(2, len(ys)))
    view.plot.grow(("components", frame.t0, frame.t1), span[: len(ys)], ys)
    view.give(columns)


def evaluations(view: Instrument, frame: PhaseFrame) -> None:
    """Count the evaluations of the vector field, one bar per solver."""
    view.plot.set_labels("", "evaluations")
    counts = frame.paths.nfe[:, 0].astype(float)
    names = solver_names(frame.paths)
    view.plot.getAxis("bottom").setTicks([list(enumerate(names))])
    brushes = [QColor(colour) for colour, _ in solver_styles(frame.paths.methods)]
    view.show_bars(counts, brushes)
    view.plot.grow(
        ("evaluations", tuple(frame.paths.entries)),
        np.array([-0.6, len(counts) - 0.4]),
        np.array([0.0, counts.max()]),
        pad=0.02,
    )
    view.give({"solver": frame.paths.entries, "evaluations": frame.paths.nfe[:, 0]})


def scatter_study(
    view: Instrument, frame: PhaseFrame, name: str, labels: tuple[str, str], xs: FloatArray, ys: FloatArray
) -> None:
    """Draw one study, both axes logarithmic."""
    view.plot.set_labels(f"log₁₀ {labels[0]}", f"log₁₀ {labels[1]}")
    columns: dict[str, Any] = {}
    for s, entry in enumerate(frame.paths.entries):
        if s >= len(xs):
            continue
        curve, steps, _, _ = view.layer(s, frame)
        x, y = logs(xs[s]), np.maximum(logs(ys[s]), -16.0)
        good = np.isfinite(x) & np.isfinite(y)
        curve.setData(x[good], y[good])
        steps.setData(x[good], y[good])
        columns |= {f"{entry} {labels[0]}": xs[s][good], f"{entry} {labels[1]}": ys[s][good]}
    if xs.size:
        view.plot.grow(
            (name, frame.portrait.key, tuple(frame.paths.entries)),
            logs(xs).ravel(),
            np.maximum(logs(ys), -16.0).ravel(),
        )
    view.give(columns)


def name_slopes(view: Instrument, frame: PhaseFrame) -> None:
    """Write at the coarse end of each line of the order plot the fitted slope: the order observed."""
    for s, slope in enumerate(frame.studies.slope):
        x, y = logs(frame.studies.order_dt[s]), logs(frame.studies.order_error[s])
        good = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
        if len(good) and np.isfinite(slope):
            middle = good[len(good) // 2]
            colour, _ = solver_styles(frame.paths.methods)[s]
            view.write(f"{slope:.2f}", colour, float(x[middle]), float(y[middle]))


def order(view: Instrument, frame: PhaseFrame) -> None:
    """Error against step size: the slope is the order."""
    scatter_study(view, frame, "order", ("step size", "error"), frame.studies.order_dt, frame.studies.order_error)
    name_slopes(view, frame)


def work_precision(view: Instrument, frame: PhaseFrame) -> None:
    """Error against evaluations."""
    scatter_study(view, frame, "work", ("evaluations", "error"), frame.studies.work_nfe, frame.studies.work_error)


def time_precision(view: Instrument, frame: PhaseFrame) -> None:
    """Error against computing time."""
    scatter_study(view, frame, "time", ("milliseconds", "error"), frame.studies.work_ms, frame.studies.work_error)


def numbers(view: Instrument, frame: PhaseFrame) -> None:
    """Everything counted, as a table."""
    paths = frame.paths
    header = ["solver", "evaluations", "steps", "rejected", "error at end", "largest error", "order"]
    rows, colours = [], []
    for s, entry in enumerate(paths.entries):
        rows.append(
            [
                str(entry),
                str(paths.nfe[s, 0]),
                str(paths.n_accepted[s, 0]),
                str(paths.n_rejected[s, 0]),
                label_number(paths.final_error[s, 0]),
                label_number(paths.max_error[s, 0]),
                f"{frame.studies.slope[s]:.2f}" if np.isfinite(frame.studies.slope[s]) else "–",
            ]
        )
        colours.append(solver_styles(paths.methods)[s][0])
    view.fill_table(header, rows, colours)
    view.give(
        {
            "solver": paths.entries,
            "evaluations": paths.nfe[:, 0],
            "steps": paths.n_accepted[:, 0],
            "rejected": paths.n_rejected[:, 0],
            "error at end": paths.final_error[:, 0],
            "largest error": paths.max_error[:, 0],
            "order": frame.studies.slope,
        }
    )


VIEWS: Mapping[str, Callable[[Instrument, PhaseFrame], None]] = MappingProxyType(
    {
        "stability": stability,
        "error": error,
        "step-size": step_size,
        "evaluations": evaluations,
        "order": order,
        "work-precision": work_precision,
        "time-precision": time_precision,
        "components": components,
        "numbers": numbers,
    }
)
# What moves with the cursor, where anything does: the rest of a view stays as it was drawn.
MOVING: Mapping[str, Callable[[Instrument, PhaseFrame, float], None]] = MappingProxyType(
    {
        "stability": move_eigenvalues,
        "error": move_cursor,
        "step-size": move_cursor,
        "components": move_cursor,
    }
)
