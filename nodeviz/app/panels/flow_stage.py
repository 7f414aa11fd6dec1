"""The planes of the flows side by side: one view, one scale of colours, and one point whose path all of them show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF, Qt, Signal

from nodeviz.app.panels.flow_captions import plane_words
from nodeviz.app.panels.flow_density import KnownDensities
from nodeviz.app.panels.flow_plane import FlowPlane, Look
from nodeviz.app.planes import SharedView

if TYPE_CHECKING:
    from PySide6.QtCore import QObject

    from nodeviz.app.panels.flow_captions import Scene
    from nodeviz.experiments.flow_frame import DensityAnswer, FlowFrame

MOST = 2
NARROW = 200  # pixels of a plane whose title is the method alone


class FlowStage(SharedView):
    """The planes of one flow or two. ``picked`` tells the place that was clicked; ``doubled`` a double click."""

    picked = Signal(object)
    doubled = Signal()

    def __init__(self, parent: QObject) -> None:
        self.planes = [FlowPlane(f"Flow {number + 1}") for number in range(MOST)]
        super().__init__(self.planes, parent)
        self._known = [KnownDensities() for _ in range(MOST)]
        self._frame: FlowFrame | None = None
        for plane in self.planes:
            plane.box.hovered.connect(lambda point, plane=plane: self._hover(plane, point))
            plane.box.clicked.connect(lambda point, keys, plane=plane: self._click(plane, point, keys))
            plane.box.doubled.connect(lambda _: self.doubled.emit())

    def show_scene(self, scene: Scene, t: float, look: Look) -> None:
        """Draw all planes with the cursor at time t."""
        frame = scene.frame
        if frame is not self._frame:
            self._take(frame)
        densities = [known.at(t) for known in self._known[: len(frame.flows)]]
        top = max((density.top for density in densities if density is not None), default=1.0)
        paths = scene.path.flows
        for number, (plane, flow) in enumerate(zip(self.planes, frame.flows, strict=False)):
            plane.prepare(flow, frame.t, frame.target, look)
            plane.show_at(t, densities[number], top)
            plane.show_path(paths[number] if number < len(paths) else None, t)
            plane.say_title(plane_words(scene, flow, self._mass(number, t) if plane.width() > NARROW else np.nan))

    def _take(self, frame: FlowFrame) -> None:
        self._frame = frame
        for known, flow in zip(self._known, frame.flows, strict=False):
            known.take(flow, frame.t)
        for number, plane in enumerate(self.planes):
            plane.setVisible(number < len(frame.flows))
        if not self.held:
            self.refit()

    def _mass(self, number: int, t: float) -> float:
        """Return the mass of the known density that is nearest to the cursor."""
        if self._frame is None:
            return float("nan")
        flow = self._frame.flows[number]
        known = np.flatnonzero(flow.density_known)
        if not len(known):
            return float("nan")
        return float(flow.density_mass[known[np.abs(self._frame.t[known] - t).argmin()]])

    def refit(self) -> None:
        """Show all of the plane that the densities cover."""
        if self._frame is not None:
            view = self._frame.target.view
            for plane in self.planes:
                plane.grow(tuple(view.tolist()), view[:2], view[2:], pad=0.0)

    # Densities.

    def answer(self, answer: DensityAnswer) -> None:
        """Take the densities at a time that was asked for."""
        for known, density in zip(self._known, answer.flows, strict=False):
            known.answer(density, answer.t)

    def exact(self, t: float) -> bool:
        """Return whether the densities of time t itself are there."""
        return all(known.exact(t) for known in self._on_show)

    def smooth(self, t: float) -> bool:
        """Return whether the densities of time t, or of the times around it, are there."""
        return all(known.smooth(t) for known in self._on_show)

    def near(self, t: float) -> bool:
        """Return whether the densities at the frame's time nearest to t are there."""
        return all(known.near(t) for known in self._on_show)

    @property
    def _on_show(self) -> list[KnownDensities]:
        return self._known[: len(self._frame.flows) if self._frame is not None else 0]

    # The mouse.

    def _hover(self, plane: FlowPlane, point: QPointF | None) -> None:
        if plane.painting:
            plane.show_brush(point, self.radius)

    def _click(self, plane: FlowPlane, point: QPointF, keys: Qt.KeyboardModifier) -> None:
        if plane.painting:
            plane.dab(point, keys)
        else:
            self.picked.emit((float(f"{point.x():.4g}"), float(f"{point.y():.4g}")))
