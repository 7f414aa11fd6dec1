"""Panels without a window, drawn at any size: what exports, thumbnails and previews are made with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QBuffer, QEvent, QMarginsF, QPoint, QRectF, QSize, QSizeF, Qt
from PySide6.QtGui import QImage, QPageSize, QPainter, QPdfWriter, QPen, QPicture
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QApplication, QGridLayout, QWidget

from nodeviz.app.panels import panel_of
from nodeviz.app.plots import Plot
from nodeviz.app.session import Session, State
from nodeviz.app.sprites import Picture, Sprites
from nodeviz.app.theme import THEMES, palette, style_sheet
from nodeviz.experiments.params import ParamError
from nodeviz.media.vectors import bake

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from nodeviz.app.panels.base import Panel
    from nodeviz.app.worker import Worker
    from nodeviz.experiments.base import Frame, Replay
    from nodeviz.experiments.films import Moment

BASE = (1280, 720)  # the size at which lines and text are as large as on screen
GRID = (1600, 900)  # the same of all panels at once: as large as the window opens
GAP = 8  # pixels between panels
LOOKS = (0.0, 0.25, 0.5, 0.75, 1.0)  # moments drawn beforehand, so that captions have grown to their height
SEE_THROUGH = "#main, #panel, #header, #caption, QGraphicsView { background: transparent; }"
# Of a picture there is nothing to choose, and nothing to scroll.
STILL = """
QComboBox#instrument::drop-down { width: 0px; }
QComboBox#instrument::down-arrow { image: none; width: 0px; height: 0px; }
QScrollBar:vertical { width: 0px; }
QScrollBar:horizontal { height: 0px; }
"""
POINTS = 72.0  # to the inch, as PDF counts


class Idle:
    """A worker that does nothing: frames come from elsewhere."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: 0


class Lines:
    """Keeps lines as wide as the picture is large: plots draw them so many pixels wide, whatever the scale.

    Parameters
    ----------
    factor : float, how much wider than on screen
    """

    def __init__(self, factor: float) -> None:
        self._factor = factor
        self._own: dict[int, tuple[Any, QPen]] = {}  # by item, and the pen that it was given here

    def _sharpen(self, item: Any) -> None:
        """Let an item be drawn at the size of the picture, rather than a pixmap of it that is stretched to that."""
        if isinstance(item, Sprites):
            item.density = self._factor
        elif isinstance(item, pg.ScatterPlotItem):
            item.opts["useCache"] = False
        elif not isinstance(item, Picture) and item.cacheMode() != item.CacheMode.NoCache:
            item.setCacheMode(item.CacheMode.NoCache)

    def scale(self, plot: Plot) -> None:
        """Widen the lines of all items that have been given another pen since the last time."""
        if self._factor == 1.0:
            return
        for item in plot.scene().items():
            self._sharpen(item)
            pen = _pen_of(item)
            known = self._own.get(id(item))
            if pen is None or (known is not None and known[0] is item and known[1] == pen):
                continue
            wide = QPen(pen)
            wide.setWidthF(max(pen.widthF(), 1.0) * self._factor)
            item.setPen(wide)
            self._own[id(item)] = item, wide


def _pen_of(item: Any) -> QPen | None:
    """Return the pen that an item draws lines of fixed width with, None where it has none or draws none."""
    if isinstance(item, pg.AxisItem | pg.InfiniteLine):
        return None  # they draw in units of the widget
    pen = item.opts.get("pen") if isinstance(item, pg.PlotCurveItem) else getattr(item, "pen", None)
    pen = pen() if callable(pen) else pen
    drawn = isinstance(pen, QPen) and pen.isCosmetic() and pen.style() != Qt.PenStyle.NoPen
    return pen if drawn and hasattr(item, "setPen") else None


@dataclass(frozen=True, slots=True)
class Subject:
    """What frames were computed from: panel, parameters, seed and preset, and how the run came to these parameters."""

    panel: str
    params: Any
    seed: int = 0
    preset: str = ""
    replay: Replay[Any] | None = field(default=None, compare=False)  # of one that trains; it grows with every step


class Sheet:
    """Panels on one picture, without controls, that draw the frames they are given.

    Parameters
    ----------
    subjects : what each panel shows; more than two stand in two rows, as in the window
    size : width and height of the picture in pixels
    theme : ``dark`` or ``light``
    title, caption : whether the lines above and the words below are drawn
    plot : the number of one plot that is drawn alone, from 1; 0 for all of the panel
    transparent : whether the ground is left out
    """

    def __init__(
        self,
        subjects: Sequence[Subject],
        *,
        size: tuple[int, int] = BASE,
        theme: str = "dark",
        title: bool = True,
        caption: bool = True,
        plot: int = 0,
        transparent: bool = False,
    ) -> None:
        base = BASE if len(subjects) == 1 else GRID
        self.size, self.transparent = size, transparent
        self.scale = min(size[0] / base[0], size[1] / base[1])
        self._theme = THEMES[theme]
        self._stage = QWidget()
        self._stage.setObjectName("main")
        self._stage.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._stage.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
        session = Session(self._stage)
        for subject in subjects:
            session.put_state(subject.panel, State(subject.params, subject.seed, subject.preset))
        idle: Any = Idle()
        worker: Worker = idle
        self.panels: list[Panel[Any, Any]] = [panel_of(subject.panel)(session, worker) for subject in subjects]
        self._place(gap=0 if len(subjects) == 1 else GAP)
        self._sheet = style_sheet(self._theme) + STILL + (SEE_THROUGH if transparent else "")
        self._stage.setPalette(palette(self._theme))
        self._stage.setStyleSheet(self._sheet)
        for panel in self.panels:
            panel.set_theme(self._theme)
            panel.bare(title=title, caption=caption)
        self._plots: list[Plot] = [each for panel in self.panels for each in panel.plots]
        for each in self._plots if transparent else ():
            each.setBackground(None)
            each.viewport().setAutoFillBackground(False)
        self._lines = Lines(self.scale)
        self._target: QWidget = self._chosen(plot)
        self._begun = False

    def _place(self, gap: int) -> None:
        """Put the panels side by side, all of the same size; more than two in two rows."""
        grid = QGridLayout(self._stage)
        grid.setContentsMargins(gap, gap, gap, gap)
        grid.setSpacing(gap)
        columns = len(self.panels) if len(self.panels) <= 2 else (len(self.panels) + 1) // 2
        for number, panel in enumerate(self.panels):
            row, column = divmod(number, columns)
            grid.addWidget(panel, row, column)
            grid.setRowStretch(row, 1)
            grid.setColumnStretch(column, 1)

    def _chosen(self, plot: int) -> QWidget:
        if plot == 0:
            return self._stage
        if len(self.panels) > 1:
            raise ParamError(f"--plot {plot}: of a grid there is no plot alone; name one panel, or use 0")
        if not 1 <= plot <= len(self._plots):
            most = len(self._plots)
            raise ParamError(f"--plot {plot}: outside of what there is; use 1 to {most}, or 0 for all of them")
        return self._plots[plot - 1]

    def draw_all(self, moments: Sequence[Moment]) -> None:
        """Draw a frame in each panel, with its cursor at a share of its time."""
        if not self._begun:
            self.look_at([frame for frame, _ in moments])
        self._put(moments)

    def _put(self, moments: Sequence[Moment]) -> None:
        for panel, (frame, fraction) in zip(self.panels, moments, strict=True):
            panel.playbar.put(fraction)
            panel.frame = frame
            panel.redraw()
        for plot in self._plots:
            self._lines.scale(plot)

    def look_at(self, frames: Sequence[Frame]) -> None:
        """Let captions and axes take the room that frames to come will need; the first time all gets its size."""
        logical = QSize(round(self.size[0] / self.scale), round(self.size[1] / self.scale))
        if not self._begun:
            self._stage.resize(logical)
            self._stage.show()
        for fraction in LOOKS:
            self._put([(frame, fraction) for frame in frames])
            QApplication.processEvents()
        if isinstance(self._target, Plot) and not self._begun:
            self._take_out(self._target, logical)
        self._begun = True

    def _take_out(self, plot: Plot, size: QSize) -> None:
        """Let a plot stand alone."""
        shown = [number for number, each in enumerate(self._plots, start=1) if each.isVisibleTo(self._stage)]
        number = self._plots.index(plot) + 1
        if number not in shown:
            known = ", ".join(map(str, shown))
            raise ParamError(f"--plot {number}: nothing is drawn there with these parameters; use one of {known}")
        plot.setParent(None)
        plot.lead(on=True)
        plot.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
        plot.setStyleSheet(self._sheet)
        plot.resize(size)
        plot.show()
        QApplication.processEvents()

    def fraction_at(self, time: float) -> float:
        """Return the share of the span at which the first panel's own time is ``time``.

        Raises
        ------
        ParamError : a time outside the span
        """
        first, last = self.panels[0].cursor_time(0.0), self.panels[0].cursor_time(1.0)
        if not min(first, last) <= time <= max(first, last):
            raise ParamError(f"--at {time:g}: outside the span; use {first:g} to {last:g}")
        return (time - first) / (last - first)

    def picture(self) -> npt.NDArray[np.uint8]:
        """Return what is drawn: (height, width, 4) of blue, green, red, alpha, an array of its own."""
        width, height = self.size
        pixels = np.zeros((height, width, 4), np.uint8)
        form = QImage.Format.Format_ARGB32 if self.transparent else QImage.Format.Format_RGB32
        self._render(QImage(pixels.data, width, height, 4 * width, form))
        return pixels

    def _render(self, device: QImage | QPdfWriter) -> None:
        """Draw onto a device whose size in its own units is that of the picture."""
        painter = QPainter(device)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.scale(self.size[0] / self._target.width(), self.size[1] / self._target.height())
        QWidget.render(self._target, painter, QPoint(0, 0))  # a view has another function of that name
        painter.end()

    def svg(self, note: str) -> bytes:
        """Return what is drawn as an SVG, with a note as its description."""
        generator, buffer = QSvgGenerator(QSvgGenerator.SvgVersion.Svg11), QBuffer()  # unlike its default, 1.1 can clip
        generator.setOutputDevice(buffer)
        generator.setResolution(96)  # then a pixel is one
        generator.setSize(QSize(*self.size))
        generator.setViewBox(QRectF(0, 0, *self.size))
        generator.setTitle(self.title)
        generator.setDescription(note)
        painter = QPainter(generator)
        painter.scale(self.size[0] / self._target.width(), self.size[1] / self._target.height())
        # Recorded first: a widget moves what is in it behind the painter's back, and the clips of an SVG stay behind.
        picture = QPicture()
        recorder = QPainter(picture)
        QWidget.render(self._target, recorder, QPoint(0, 0))
        recorder.end()
        painter.drawPicture(0, 0, picture)
        painter.end()
        return bake(bytes(buffer.data().data()).decode()).encode()

    def pdf(self, note: str) -> bytes:
        """Return what is drawn as a PDF of one page, a pixel of 96 to the inch, with a note as its creator."""
        buffer = QBuffer()
        buffer.open(QBuffer.OpenModeFlag.WriteOnly)
        writer = QPdfWriter(buffer)
        writer.setPageSize(QPageSize(QSizeF(*self.size) * POINTS / 96, QPageSize.Unit.Point))
        writer.setPageMargins(QMarginsF(0, 0, 0, 0))
        writer.setResolution(96)
        writer.setTitle(self.title)
        writer.setCreator(note)
        self._render(writer)
        return bytes(buffer.data().data())

    def close(self) -> None:
        """Let go of all widgets, at once: programs that only draw have no event loop that would."""
        for widget in dict.fromkeys((self._target, self._stage)):  # a plot may still be part of the stage
            widget.close()
            widget.deleteLater()
            QApplication.sendPostedEvents(widget, QEvent.Type.DeferredDelete)

    @property
    def title(self) -> str:
        """What is seen, in words."""
        return ", ".join(panel.record.title for panel in self.panels)


class Projector(Sheet):
    """One panel, or one plot of it, that fills the picture.

    Parameters
    ----------
    panel : its name
    params, seed, preset : what the frames were computed with
    look : as in `Sheet`
    """

    def __init__(self, panel: str, params: Any, *, seed: int = 0, preset: str = "", **look: Any) -> None:
        super().__init__([Subject(panel, params, seed, preset)], **look)

    @property
    def panel(self) -> Panel[Any, Any]:
        """The panel that draws."""
        return self.panels[0]

    def draw(self, frame: Frame, fraction: float) -> None:
        """Draw a frame with the cursor at a share of its time."""
        self.draw_all([(frame, fraction)])
