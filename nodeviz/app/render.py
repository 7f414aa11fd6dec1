"""Panels drawn offscreen at a fixed size: pictures for the README, for tests, and for machines without a display."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QPoint, QSize
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QApplication, QWidget

if TYPE_CHECKING:
    from nodeviz.app.main_window import MainWindow

PATIENCE = 60.0  # s, for a run to end


def render_widget(widget: QWidget, size: QSize, scale: float = 1.0) -> QImage:
    """Return a picture of a widget at a size in logical pixels; ``scale`` multiplies the pixels, as a display would."""
    widget.resize(size)
    image = QImage(size * scale, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(scale)
    painter = QPainter(image)
    widget.render(painter, QPoint(0, 0))
    painter.end()
    return image


def settle(window: MainWindow) -> None:
    """Let the runs of all visible panels end or rest, and their last pictures be drawn."""
    deadline = time.monotonic() + PATIENCE
    shown = [panel for panel in window.panels.values() if panel.isVisible()]
    while any(panel.busy for panel in shown) and time.monotonic() < deadline:
        QApplication.processEvents()
        time.sleep(0.005)
    for panel in window.panels.values():
        panel.redraw()
    window.show_rates()
    QApplication.processEvents()


def render_window(
    path: Path,
    *,
    panel: str,
    preset: str | None,
    theme: Literal["dark", "light"],
    size: tuple[int, int],
    scale: float = 1.0,
) -> None:
    """Write a picture of the whole window with a preset of a panel."""
    import dataclasses
    import tempfile

    from nodeviz.app.main_window import MainWindow
    from nodeviz.app.settings import SettingsStore

    with tempfile.TemporaryDirectory() as folder:
        window = MainWindow(SettingsStore(Path(folder)))
        window.settings = dataclasses.replace(window.settings, theme=theme)
        window.apply_theme()
        window.resize(*size)
        window.begin(panel, preset)
        window.show()
        settle(window)
        render_widget(window, QSize(*size), scale).save(str(path))
        window.close()
        window.deleteLater()
        QApplication.processEvents()


def main(arguments: list[str]) -> int:
    """Write a picture of every panel's first preset, in both themes, or of one preset."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from nodeviz.app.application import make_application
    from nodeviz.experiments.registry import REGISTRY

    parser = argparse.ArgumentParser(prog="python -m nodeviz.app.render", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--preset", help="of the phase panel; its first one without")
    parser.add_argument("--size", default="1600x1000", metavar="WxH")
    parser.add_argument("--scale", type=float, default=1.0)
    options = parser.parse_args(arguments)
    width, height = (int(part) for part in options.size.split("x"))
    options.out.mkdir(parents=True, exist_ok=True)
    application = make_application()
    for name, experiment in REGISTRY.items():
        preset = options.preset or experiment.first_preset
        themes: tuple[Literal["dark", "light"], ...] = ("dark", "light")
        for theme in themes:
            path = options.out / f"{name}-{preset}-{theme}.png"
            render_window(path, panel=name, preset=preset, theme=theme, size=(width, height), scale=options.scale)
            sys.stdout.write(f"{path}\n")
    del application
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
