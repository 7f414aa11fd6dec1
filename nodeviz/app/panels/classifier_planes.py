"""The planes of the classifier: what each model does to the points, in its states or in the plane of the inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetrics

from nodeviz.app.card import Card
from nodeviz.app.panels.classifier_captions import BRIEF
from nodeviz.app.panels.classifier_ground import ground_image, readout_lines, region_image
from nodeviz.app.panels.classifier_projection import Camera, axis_name
from nodeviz.app.planes import Plane
from nodeviz.app.plots import Columns, pen
from nodeviz.app.sprites import Picture, Sprites, cell_corners
from nodeviz.app.theme import Theme, blend, class_style, model_style
from nodeviz.app.ways import between, known, lattice, trails
from nodeviz.experiments.classifier_words import CALLED

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from nodeviz.engine.arrays import FloatArray, IntArray
    from nodeviz.experiments.classifier_frame import DataView, ModelView

GRAB = 14.0  # pixels around a point
GROUND = 96  # cells of the ground each way


class Look(NamedTuple):
    """What is drawn of a model, apart from the model itself."""

    camera: Camera
    inputs: bool  # the plane of the inputs rather than that of the states
    trails: bool
    grid: bool
    regions: bool
    readout: bool


class ModelPlane(Plane):
    """The plane of one model.

    `prepare` takes the model, `show_at` draws it at a depth. ``turned`` carries degrees to the right and up since the
    drag began, and whether it ended.
    """

    subject = "plane-state"
    turned = Signal(float, float, bool)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__("h₁", "h₂", name=name, parent=parent)
        self._ground = Picture()
        self._ground.setZValue(-20)
        self.addItem(self._ground, ignoreBounds=True)
        self._grid = self.curve(1)
        self._trails = [self.curve(2) for _ in range(4)]
        self._line = self.curve(3, dashed=True)
        self._path = self.curve(6)
        self._points = [Sprites() for _ in range(4)]
        for item in self._points:
            item.setZValue(5)
            self.addItem(item, ignoreBounds=True)
        self._ring = self.markers("o", 15, 7)
        self.card = Card(self)
        self._theme: Theme | None = None
        self._model: ModelView | None = None
        self._data: DataView | None = None
        self._look: Look | None = None
        self._revision = 0  # counts what stays while the cursor moves
        self._shown: tuple[float, ...] = ()
        self._ground_of: tuple[float, ...] = ()
        self._focus: int | None = None
        self._order: IntArray = np.empty(0, np.int64)
        self._bounds_of_classes: list[int] = []
        self._states: FloatArray = np.empty((0, 0, 2))
        self._grids: FloatArray = np.empty((0, 0, 0, 2))
        self._now: FloatArray = np.empty((0, 2))
        self.columns = self._columns
        self.box.grabs = self._grab
        self.box.dragged.connect(self._drag)
        self.box.hovered.connect(self._hover)
        self.when_themed(self._take_theme)

    def _take_theme(self, theme: Theme) -> None:
        self._theme = theme
        self._look = None
        self._grid.setPen(pen(blend((theme.panel, theme.text), 0.34)))
        self._line.setPen(pen(theme.text, 1.4, style=Qt.PenStyle.DashLine))
        self._path.setPen(pen(theme.text))
        self._ring.setPen(pen(theme.text, 1.6))
        self._ring.setBrush(QColor(0, 0, 0, 0))
        for label in range(4):
            colour, shape = class_style(label, theme)
            self._trails[label].setPen(pen(blend((colour, theme.panel), 0.55)))
            self._points[label].set_look(shape, 7.0, colour, blend((colour, theme.panel), 0.75))

    # Drawing.

    def prepare(self, model: ModelView, data: DataView, look: Look) -> bool:
        """Take what is drawn; return whether it is anything new."""
        if model is self._model and data is self._data and look == self._look:
            return False
        self._model, self._data, self._look = model, data, look
        self.subject = "plane-input" if look.inputs else "plane-state"
        self._revision += 1
        self._project(model, data, look)
        return True

    @property
    def extent(self) -> FloatArray:
        """Corners (2, 2), lowest and highest, of where the points are at all depths; NaN where nowhere.

        A few points that fly far away must not make the others tiny: what lies further outside of where nearly all are
        than those reach is left out.
        """
        if not self._states.size:
            return np.full((2, 2), np.nan)
        few = self._states.shape[1] // 200
        ranks = sorted({0, few, -1 - few, -1})
        # NaN of what was not reached goes last, at every depth; all inputs are finite.
        edges = np.partition(self._states, ranks, axis=1)
        low, high = np.fmin.reduce(edges[:, few]), np.fmax.reduce(edges[:, -1 - few])
        least, most = np.fmin.reduce(edges[:, 0]), np.fmax.reduce(edges[:, -1])
        return np.array([np.maximum(least, 2 * low - high), np.minimum(most, 2 * high - low)])

    def _wanted(self, t: float) -> tuple[float, ...]:
        inputs = self._look is not None and self._look.inputs
        return self._revision, 0.0 if inputs else t, *np.ravel(self.box.viewRange()).tolist()

    def shows(self, t: float) -> bool:
        """Whether all that was prepared is drawn, in the view as it is, with the cursor at depth t."""
        return self._shown == self._wanted(t)

    def show_at(self, t: float) -> None:
        """Draw with the cursor at depth t."""
        model, data, look, theme = self._model, self._data, self._look, self._theme
        if model is None or data is None or look is None or theme is None:
            return
        self._show_ground(model, data, look, theme)
        self._shown = self._wanted(t)
        at = 0.0 if look.inputs else t
        self._now = between(model.t, self._states, at, held=model.discrete)
        self._show_points()
        self._show_trails(model, look, at)
        if look.grid and not look.inputs:
            self._grid.setData(*lattice(between(model.t, self._grids, at, held=model.discrete)))
        else:
            self._grid.setData([], [])
        self._show_focus()

    def _project(self, model: ModelView, data: DataView, look: Look) -> None:
        """Do once what stays while the cursor moves: points sorted by class, seen from the camera."""
        screen = np.eye(model.states.shape[2], 2) if look.inputs else look.camera.screen
        self._order = np.argsort(data.labels, kind="stable")
        counts = np.bincount(data.labels, minlength=4)[:4]
        self._bounds_of_classes = [0, *np.cumsum(counts).tolist()]
        self._states = (known(model.states) @ screen)[:, self._order]
        self._grids = known(model.grid) @ screen
        names = ("x", "y") if look.inputs else (axis_name(screen[:, 0]), axis_name(screen[:, 1]))
        if names != self.labels:
            self.set_labels(*names)

    def _show_ground(self, model: ModelView, data: DataView, look: Look, theme: Theme) -> None:
        view = np.array(self.box.viewRange()).ravel()
        wanted = (self._revision, *view.tolist())
        if wanted == self._ground_of:
            return
        self._ground_of = wanted
        edge_on = look.inputs or look.camera.hidden(model.readout_weights) < 0.05
        lines = readout_lines(model, look.camera, view) if look.readout and edge_on and not look.inputs else None
        self._line.setData(*((lines.T) if lines is not None else ([], [])))
        if not look.regions or not edge_on:
            self._ground.clear()
        elif look.inputs:
            if len(model.regions):  # they are left out while it trains and no plane shows them
                self._ground.set_image(region_image(model.regions, theme), cell_corners(data.view, len(model.regions)))
        else:
            corners = cell_corners(view, GROUND)
            self._ground.set_image(ground_image(model, look.camera, view, GROUND, theme), corners)

    def _show_points(self) -> None:
        bounds = self._bounds_of_classes
        for label, item in enumerate(self._points):
            item.set_points(self._now[bounds[label] : bounds[label + 1]])

    def _show_trails(self, model: ModelView, look: Look, t: float) -> None:
        shown = look.trails and not look.inputs and t > model.t[0]
        paths = trails(model.t, self._states, t, self._now) if shown else None
        bounds = self._bounds_of_classes
        for label, item in enumerate(self._trails):
            if paths is None or bounds[label] == bounds[label + 1]:
                item.setData([], [])
            else:
                x, y = paths[bounds[label] : bounds[label + 1]].reshape(-1, 2).T
                item.setData(x, y)

    def say(self, number: str, of: str) -> None:
        """Say in the corner what this plane shows: the model, and a number with what it is of, as there is room."""
        if self._model is None or self._theme is None:
            return
        name, room = self._model.name, self.width() - self.title.x() - 18  # of it the padding takes 10
        long, brief = CALLED[name], BRIEF[name]
        choices = ((long, f"{number} {of}"), (long, number), (brief, number), (brief, ""))
        bold = QFont(self.title.font())
        bold.setBold(True)
        wide, plain = QFontMetrics(bold).horizontalAdvance, QFontMetrics(self.title.font()).horizontalAdvance
        called, words = next((pair for pair in choices if wide(pair[0]) + plain(f"  {pair[1]}") < room), choices[-1])
        colour, _ = model_style(name, self._theme)
        self.say_title(f"<b style='color:{colour}'>{called}</b>&nbsp; {words}")

    # Points and pointer.

    def focus(self, index: int | None) -> None:
        """Put a ring around point ``index`` of the frame, and show its whole way."""
        if index != self._focus:
            self._focus = index
            self._show_focus()

    def _show_focus(self) -> None:
        if self._focus is None or self._focus >= len(self._order):
            self._ring.setData([], [])
            self._path.setData([], [])
            return
        place = int(np.flatnonzero(self._order == self._focus)[0])
        self._ring.setData(*self._now[place : place + 1].T)
        self._path.setData(*(self._states[:, place].T if self._look and not self._look.inputs else ([], [])))

    def point_at(self, point: QPointF) -> int | None:
        """Return the number in the frame of the point under the pointer."""
        if not len(self._now):
            return None
        width, height = self.box.viewPixelSize()
        distances = np.hypot((self._now[:, 0] - point.x()) / width, (self._now[:, 1] - point.y()) / height)
        nearest = int(np.argmin(np.where(np.isfinite(distances), distances, np.inf)))
        return int(self._order[nearest]) if distances[nearest] <= GRAB else None

    def place_of(self, index: int) -> QPointF:
        """Return where point ``index`` of the frame is drawn now."""
        return QPointF(*self._now[int(np.flatnonzero(self._order == index)[0])])

    @property
    def turns(self) -> bool:
        """Whether a drag turns the states: they have more dimensions than the screen."""
        look = self._look
        return look is not None and not look.inputs and len(look.camera.axes) > 2

    def _grab(self, point: QPointF) -> bool:
        if self.painting:
            self.paint_at("start", point)
        return self.painting or self.turns

    def _drag(self, phase: str, start: QPointF, now: QPointF) -> None:
        if self.painting:
            self.paint_at(phase, now)
        else:
            self.turned.emit(*self.degrees(start, now), phase == "end")

    def _hover(self, point: QPointF | None) -> None:
        if self.painting:
            self.setCursor(Qt.CursorShape.CrossCursor)
        elif point is not None and self.point_at(point) is not None:
            self.setCursor(Qt.CursorShape.PointingHandCursor)
        else:
            self.setCursor(Qt.CursorShape.OpenHandCursor if self.turns else Qt.CursorShape.ArrowCursor)

    def _columns(self) -> Columns:
        if self._model is None or self._data is None:
            return {}
        labels = self._data.labels[self._order]
        columns: dict[str, Any] = {
            "x": self._data.points[self._order, 0],
            "y": self._data.points[self._order, 1],
            "label": self._data.names[labels],
        }
        for axis, name in enumerate(self.labels):
            columns[f"{self._model.name} {name}"] = self._now[:, axis]
        return columns
