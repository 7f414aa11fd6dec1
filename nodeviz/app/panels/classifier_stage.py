"""The planes side by side: one view for all, a camera for each, and one point that all of them point out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, QPointF, Signal

from nodeviz.app.panels.classifier_captions import Scene, point_words
from nodeviz.app.panels.classifier_planes import Look, ModelPlane
from nodeviz.app.panels.classifier_projection import Camera, edge_on
from nodeviz.app.planes import Place, SharedView

if TYPE_CHECKING:
    from PySide6.QtCore import Qt

    from nodeviz.experiments.classifier_frame import ClassifierFrame, ModelView
    from nodeviz.experiments.classifier_params import ClassifierParams

MOST = 3
HEADROOM = 0.08  # of the height, for the title of a plane


class Stage(SharedView):
    """The planes of the models, and what the mouse does in them.

    ``turned`` tells model and degrees when a drag that turned it has ended; ``pointed`` and ``picked`` a place of the
    input plane that the pointer is on, or that was clicked; ``doubled`` a double click on a model's plane.
    """

    turned = Signal(str, float, float)
    pointed = Signal(object)
    picked = Signal(object)
    doubled = Signal(str)

    def __init__(self, parent: QObject) -> None:
        self.planes = [ModelPlane(f"Model {number + 1}") for number in range(MOST)]
        super().__init__(self.planes, parent)
        self.turning = False
        self._turns = list(self.planes)  # by how long ago each was drawn
        self._scene: Scene | None = None
        self._defaults: dict[str, tuple[ModelView, Camera]] = {}
        self._cameras: dict[str, Camera] = {}
        self._base: Camera | None = None
        self._inputs = False
        self._pinned: Place | None = None
        self._hovered: tuple[ModelPlane, int] | None = None  # the point under the pointer, by its number
        for plane in self.planes:
            plane.turned.connect(lambda right, up, ended, plane=plane: self._turn(plane, right, up, ended=ended))
            plane.box.hovered.connect(lambda point, plane=plane: self._hover(plane, point))
            plane.box.clicked.connect(lambda point, keys, plane=plane: self._click(plane, point, keys))
            plane.box.doubled.connect(lambda _, plane=plane: self.doubled.emit(self._name_of(plane)))

    # Drawing.

    def show_scene(
        self, scene: Scene, t: float, params: ClassifierParams, *, settled: bool, in_turn: bool = False
    ) -> bool:
        """Draw all planes with the cursor at depth t; return whether one of them still waits.

        Where they draw ``in_turn`` it is the one whose last turn is longest ago: all at once hold up too long.
        """
        frame = scene.frame
        anew = self._scene is None or self._scene.frame is not frame
        if self._scene is None or self._scene.frame.data is not frame.data:
            self._hovered, in_turn = None, False  # another point has that number now
        self._scene, self._inputs = scene, params.plane == "input"
        fresh = False
        for plane, model in zip(self.planes, frame.models, strict=False):
            fresh |= plane.prepare(model, frame.data, self._look(model, params))
        for number, plane in enumerate(self.planes):
            plane.setVisible(number < len(frame.models))
        if fresh and not self.held:
            self._fit(frame, settled=settled)
        waiting = [plane for plane in self.planes[: len(frame.models)] if not plane.shows(t)]
        waiting.sort(key=self._turns.index)
        for plane in waiting[:1] if in_turn else waiting:
            plane.show_at(t)
            self._turns.remove(plane)
            self._turns.append(plane)
        if anew and self._hovered is None:
            self._point_out(self._pinned)
        self._follow_point(scene)
        return in_turn and len(waiting) > 1

    def _look(self, model: ModelView, params: ClassifierParams) -> Look:
        return Look(
            camera=self.camera(model),
            inputs=self._inputs,
            trails=params.show_trails,
            grid=params.show_grid,
            regions=params.show_regions,
            readout=params.show_readout,
        )

    def _fit(self, frame: ClassifierFrame, *, settled: bool) -> None:
        """Show all points of all models on one scale; the ranges only grow while the models learn."""
        names = tuple(model.name for model in frame.models)
        x0, x1, y0, y1 = map(float, frame.data.view)
        shown = self.planes[: len(names)]
        corners = np.array([[x0, y0], [x1, y1]])
        if not self._inputs:
            extents = np.array([plane.extent for plane in shown])
            if np.isfinite(extents).any():
                corners = np.array([np.nanmin(extents[:, 0], axis=0), np.nanmax(extents[:, 1], axis=0)])
        corners[1, 1] += HEADROOM * (corners[1, 1] - corners[0, 1])
        for plane in shown:
            plane.settled = settled
            plane.grow((self._inputs, names, x0, x1, y0, y1), *corners.T, pad=0.04)

    def camera(self, model: ModelView) -> Camera:
        """Return from where a model is looked at: its readout edge-on while nobody has turned it."""
        held = self._cameras.get(model.name)
        if held is not None and len(held.axes) == model.states.shape[2]:
            return held
        known = self._defaults.get(model.name)
        if known is None or known[0] is not model:
            known = self._defaults[model.name] = model, edge_on(model.readout_weights, model.axes)
        return known[1]

    # What the user does.

    def turn(self, name: str, right: float, up: float) -> None:
        """Turn a model's states by degrees."""
        model = self._model(name)
        if model is not None:
            self._cameras[name] = self.camera(model).turned(math.radians(right), math.radians(up))
            self.changed.emit()

    @property
    def turned_cameras(self) -> dict[str, Camera]:
        """From where those models are looked at that somebody has turned, by name."""
        return dict(self._cameras)

    def orient(self, name: str, camera: Camera) -> None:
        """Look at a model from somewhere else."""
        self._cameras[name] = camera
        self.changed.emit()

    def face(self, name: str) -> None:
        """Look at a model's readout edge-on again."""
        self._cameras.pop(name, None)
        self.changed.emit()

    def refit(self) -> None:
        """Show all points of all models."""
        if self._scene is not None:
            self._fit(self._scene.frame, settled=True)

    def pin(self, place: Place | None) -> None:
        """Point out the point nearest to a place until another is."""
        self._pinned = place
        self._point_out(place)

    @property
    def pinned(self) -> Place | None:
        """The place that was pinned."""
        return self._pinned

    def _turn(self, plane: ModelPlane, right: float, up: float, *, ended: bool) -> None:
        name = self._name_of(plane)
        model = self._model(name)
        if model is None:
            return
        if self._base is None:
            self._base = self.camera(model)
        self._cameras[name] = self._base.turned(math.radians(right), math.radians(up))
        self.turning = not ended
        self.changed.emit()
        if ended:
            self._base = None
            self.turned.emit(name, right, up)

    def _hover(self, plane: ModelPlane, point: QPointF | None) -> None:
        if plane.painting:
            plane.show_brush(point, self.radius)
            return
        index = None if point is None else plane.point_at(point)
        self._hovered = None if index is None else (plane, index)
        if index is None:
            self._point_out(self._pinned)
        else:
            for each in self.planes:
                each.focus(index)
        if self._scene is not None:
            self._follow_point(self._scene)
        place = None if point is None else self._place(plane, point)
        self.pointed.emit(place if place is not None else self._pinned)

    def _follow_point(self, scene: Scene) -> None:
        """Let the card stay beside the point that the pointer was on, wherever that goes."""
        for plane in self.planes:
            if self._hovered is None or plane is not self._hovered[0]:
                plane.card.hide()
        if self._hovered is not None:
            plane, index = self._hovered
            plane.card.show_at(plane.place_of(index), point_words(scene, index))

    def _click(self, plane: ModelPlane, point: QPointF, keys: Qt.KeyboardModifier) -> None:
        if plane.painting:
            plane.dab(point, keys)
        else:
            self.picked.emit(self._place(plane, point))

    def _place(self, plane: ModelPlane, point: QPointF) -> Place | None:
        """Return the place of the input plane that a point of a plane stands for."""
        index = plane.point_at(point)
        if index is not None and self._scene is not None:
            x, y = self._scene.frame.data.points[index]
            return float(x), float(y)
        return (float(f"{point.x():.4g}"), float(f"{point.y():.4g}")) if self._inputs else None

    def _point_out(self, place: Place | None) -> None:
        index = None
        if place is not None and self._scene is not None:
            away = np.square(self._scene.frame.data.points - place).sum(axis=1)
            index = int(away.argmin()) if len(away) and away.min() < 1e-6 else None
        for plane in self.planes:
            plane.focus(index)

    def _name_of(self, plane: ModelPlane) -> str:
        number = self.planes.index(plane)
        models = self._scene.frame.models if self._scene is not None else ()
        return models[number].name if number < len(models) else ""

    def _model(self, name: str) -> ModelView | None:
        models = self._scene.frame.models if self._scene is not None else ()
        return next((model for model in models if model.name == name), None)
