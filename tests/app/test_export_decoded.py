"""Films read again by another program: count, size, rate, and first and last picture as the live panel shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from app.conftest import wait_idle
from app.windows import opened
from media.another_reader import read
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from nodeviz.app.export import Shoot, Subject, export_frame
from nodeviz.experiments.run import Run

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

FILES = ["a.mp4", "a.webm", "av1.mp4", "a.gif", "a.apng", "a.webp", "frames"]
SIZE = (1280, 720)


def live(plot: Any) -> npt.NDArray[np.int16]:
    """What a plot of a window shows."""
    image = plot.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    seen = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.width(), 4)
    return seen[..., 2::-1].astype(np.int16)


def grow(window: Any, plot: Any) -> None:
    """Make the window as large as it must be for a plot to have the size of the films."""
    for _ in range(40):
        QApplication.processEvents()
        more = SIZE[0] - plot.width(), SIZE[1] - plot.height()
        if more == (0, 0):
            return
        window.resize(window.width() + more[0], window.height() + more[1])
    pytest.fail(f"the plot stays {plot.width()}x{plot.height()}")


def still(qtbot: Any, window: Any, panel: Any, fraction: float) -> npt.NDArray[np.int16]:
    """The main plot of a live panel with its cursor at a share of its time."""
    panel.playbar.put(fraction)
    wait_idle(qtbot, window)
    panel.redraw()
    QApplication.processEvents()
    return live(panel.plots[0])


@pytest.fixture(params=["phase", "classifier", "flow", "latent"])
def shown(request: Any, qtbot: Any, tmp_path: Path) -> Any:
    """The subject and the frame of a live panel, and its main plot at the start and at the end."""
    name = request.param
    with opened(qtbot, tmp_path / "settings", name) as window:
        panel = window.panels[name]
        panel.fold(on=True)
        wait_idle(qtbot, window)
        grow(window, panel.plots[0])
        seen = [still(qtbot, window, panel, fraction) for fraction in (0.0, 1.0)]
        state = window.session.state(name)
        yield Subject(name, state.params, state.seed, state.preset), panel.frame, seen, window.theme_name


def test_first_and_last_picture_are_those_of_the_live_panel(shown: Any, tmp_path: Path) -> None:
    subject, frame, seen, theme = shown
    shoot = Shoot(size=SIZE, fps=5.0, seconds=1.0, over="time", plot=1, theme=theme, quality=95)
    for name in ("a.mp4", "a.apng"):
        for _ in export_frame(subject, frame, tmp_path / name, shoot):
            pass
        film = read(tmp_path / name)
        for picture, wanted in zip((film.first, film.last), seen, strict=True):
            off = np.abs(picture.astype(np.int16) - wanted)
            # An axis of the live panel may be wider by a few pixels, from labels that it had before.
            assert off.mean() < (4.0 if name == "a.mp4" else 2.0), f"{subject.panel}: {name} is off by {off.mean():.2f}"
            assert wanted.std() > 5.0


@pytest.mark.parametrize("name", FILES)
def test_another_reader_finds_count_size_and_rate(qapp: QApplication, name: str, tmp_path: Path) -> None:
    del qapp
    run = Run("phase", preset="spiral")
    frame, path = list(run)[-1], tmp_path / name
    shoot = Shoot(size=(640, 360), fps=20.0, seconds=1.2, codec="av1" if name == "av1.mp4" else "")
    target = f"{path}/" if name == "frames" else path
    for _ in export_frame(Subject("phase", run.params, 0, "spiral"), frame, target, shoot):
        pass
    film = read(path)
    assert film.size == (640, 360)
    assert film.count == 24
    if name != "frames":
        assert film.rate == pytest.approx(20.0, abs=0.01)
        assert film.seconds == pytest.approx(1.2, abs=1e-6)
    assert np.abs(film.first.astype(int) - film.last).max() > 50
