"""The pictures of the shipped presets: each drawn once by the panel itself and kept beside the other resources.

``python -m nodeviz.app.thumbnails`` in a checkout draws those that are missing, ``--all`` draws all of them again.
"""

from __future__ import annotations

import argparse
import sys
from functools import reduce
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter

from nodeviz.app.projector import Lines, Projector
from nodeviz.app.theme import DARK
from nodeviz.experiments.presets import presets
from nodeviz.experiments.registry import REGISTRY
from nodeviz.experiments.run import Run
from nodeviz.resources_path import resource_path

if TYPE_CHECKING:
    from pathlib import Path

    from nodeviz.app.panels.base import Panel

SIZE = QSize(320, 200)
DRAWN = (1120, 700)  # drawn larger than it is kept, and made smaller smoothly
PANEL_WIDTH = 700  # pixels of a panel as narrow as lines and labels are to be bold
QUALITY = 82  # of the JPEG; a picture then has 8 to 20 kB


def preset_picture(panel: str, name: str) -> Path:
    """Return where the picture of a shipped preset lies."""
    return resource_path("pictures") / "presets" / panel / f"{name}.jpg"


class Miniature(Projector):
    """A panel drawn as in a small window: its lines and labels stay visible in few pixels."""

    def __init__(self, panel: str, params: Any, preset: str) -> None:
        super().__init__(panel, params, preset=preset, size=DRAWN, title=False, caption=False)
        self.scale = DRAWN[0] / PANEL_WIDTH
        self._lines = Lines(self.scale)


def main_plots(panel: Panel[Any, Any]) -> QRect:
    """Return the part of a panel that its main plots take, without the instruments beside them."""
    small = {instrument.plot for instrument in panel.instruments.values()}
    shown = [plot for plot in panel.plots if plot not in small and plot.isVisibleTo(panel)]
    places = [QRect(plot.mapTo(panel, QPoint(0, 0)), plot.size()) for plot in shown]
    return reduce(QRect.united, places, QRect())


def thumbnail(picture: QImage, ground: str) -> QImage:
    """Return a picture in the size of a thumbnail; what it leaves free has the colour of the ground."""
    small = picture.scaled(SIZE, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation)
    small.setDevicePixelRatio(1.0)  # its pixels are counted, on a screen at 200 % too
    card = QImage(SIZE, QImage.Format.Format_RGB32)
    card.fill(QColor(ground))
    painter = QPainter(card)
    painter.drawImage((SIZE.width() - small.width()) // 2, (SIZE.height() - small.height()) // 2, small)
    painter.end()
    return card


def draw_preset(panel: str, name: str) -> QImage:
    """Run a shipped preset as the window does, and return the thumbnail of its end."""
    run = Run(panel, preset=name, shown=True)
    (*_, frame) = run
    projector = Miniature(panel, run.params, name)
    try:
        projector.draw(frame, 1.0)
        pixels = projector.picture()
        place = main_plots(projector.panel)
    finally:
        projector.close()
    height, width = pixels.shape[:2]
    picture = QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_RGB32)
    corner = QPoint(round(place.x() * projector.scale), round(place.y() * projector.scale))
    # A copy: the pixels are NumPy's, and gone when this function returns.
    return thumbnail(picture.copy(QRect(corner, place.size() * projector.scale)), DARK.panel)


def grab_thumbnail(panel: Panel[Any, Any]) -> QImage:
    """Return the thumbnail of what a panel shows at this moment."""
    return thumbnail(panel.grab(main_plots(panel)).toImage(), panel.theme.panel)


def main(arguments: list[str]) -> int:
    """Draw the pictures that are missing, or all; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m nodeviz.app.thumbnails", description=__doc__)
    parser.add_argument("--all", action="store_true", help="draw those again that are there")
    parser.add_argument("panels", nargs="*", help="only these panels")
    options = parser.parse_args(arguments)
    from nodeviz.app.application import make_offscreen_application

    application = make_offscreen_application()  # kept alive until all is drawn
    for panel in options.panels or REGISTRY:
        for name in presets(panel):
            path = preset_picture(panel, name)
            if path.exists() and not options.all:
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            if not draw_preset(panel, name).save(str(path), quality=QUALITY):
                sys.stderr.write(f"{path}: cannot be written\n")
                return 1
            sys.stderr.write(f"{path} ({path.stat().st_size:,} bytes)\n")
    application.processEvents()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
