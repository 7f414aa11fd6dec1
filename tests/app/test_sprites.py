"""Markers and pictures in a plot: where they are drawn, at any resolution, and that rows of a picture go upwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PySide6.QtCore import QPointF, QSize
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QWidget

from nodeviz.app.application import make_application
from nodeviz.app.plots import Plot
from nodeviz.app.render import render_widget
from nodeviz.app.sprites import Picture, Sprites, cell_corners, shape_path
from nodeviz.app.theme import DARK

if TYPE_CHECKING:
    from collections.abc import Generator

SIZE = QSize(300, 300)


@pytest.fixture
def plot(qtbot: Any) -> Generator[Plot, None, None]:
    make_application()
    host = QWidget()
    made = Plot("x", "y", name="test", equal=True, parent=host)
    made.set_theme(DARK)
    made.resize(SIZE)
    host.resize(SIZE)
    qtbot.addWidget(host)
    host.show()
    qtbot.waitExposed(host)
    made.box.setRange(xRange=(-1, 1), yRange=(-1, 1), padding=0)
    yield made
    host.close()


def picture_of(plot: Plot, scale: float = 1.0) -> QImage:
    host = plot.parentWidget()
    assert host is not None
    return render_widget(host, SIZE, scale)


def add(plot: Plot, item: Any) -> Any:
    plot.addItem(item, ignoreBounds=True)
    return item


def colour_at(plot: Plot, x: float, y: float, scale: float = 1.0) -> QColor:
    place = plot.mapFromScene(plot.box.mapViewToScene(QPointF(x, y)))
    return picture_of(plot, scale).pixelColor((QPointF(place) * scale).toPoint())


@pytest.mark.parametrize("scale", [1.0, 2.0])
@pytest.mark.parametrize("shape", ["circle", "square", "triangle", "diamond"])
def test_markers_are_drawn_where_they_belong(plot: Plot, shape: str, scale: float) -> None:
    sprites = add(plot, Sprites())
    sprites.set_look(shape, 12.0, "#ff0000", "#00ff00")
    sprites.set_points(np.array([[0.3, 0.7], [-0.3, -0.7], [np.nan, 0.0], [np.inf, 0.0], [1e9, 0.0]]))
    assert colour_at(plot, 0.3, 0.7, scale) == QColor("#ff0000")
    assert colour_at(plot, -0.3, -0.7, scale) == QColor("#ff0000")
    assert colour_at(plot, -0.3, 0.7, scale).red() < 100
    sprites.set_points(np.empty((0, 2)))
    assert colour_at(plot, 0.3, 0.7, scale).red() < 100


def test_a_marker_has_its_size_in_pixels_whatever_the_resolution(plot: Plot) -> None:
    sprites = add(plot, Sprites())
    sprites.set_look("circle", 20.0, "#ff0000", "#ff0000")
    sprites.set_points(np.zeros((1, 2)))
    for scale in (1.0, 2.0):
        image = picture_of(plot, scale)
        row = round(plot.mapFromScene(plot.box.mapViewToScene(QPointF(0, 0))).y() * scale)
        red = [x for x in range(image.width()) if image.pixelColor(x, row).red() > 180]
        assert len(red) / scale == pytest.approx(20.5, abs=1.5)


def test_what_is_farther_away_is_smaller(plot: Plot) -> None:
    sprites = add(plot, Sprites())
    sprites.set_look("square", 30.0, "#ff0000", "#ff0000")
    sprites.set_points(np.array([[-0.5, 0.0], [0.5, 0.0]]), np.array([1.0, 0.5]))
    width, _ = plot.box.viewPixelSize()
    assert colour_at(plot, -0.5 + 10 * width, 0.0) == QColor("#ff0000")
    assert colour_at(plot, 0.5 + 10 * width, 0.0) != QColor("#ff0000")


def test_shapes_have_about_the_same_area() -> None:
    make_application()
    areas = {}
    for shape in ("circle", "square", "triangle", "diamond"):
        image = QImage(100, 100, QImage.Format.Format_Grayscale8)
        image.fill(0)
        painter = QPainter(image)
        painter.translate(50, 50)
        painter.fillPath(shape_path(shape, 80), QColor("white"))
        painter.end()
        bits = np.frombuffer(image.constBits(), np.uint8)
        areas[shape] = float((bits > 128).mean())
    assert max(areas.values()) < 1.2 * min(areas.values()), areas


def test_the_first_row_of_a_picture_lies_at_the_bottom(plot: Plot) -> None:
    picture = add(plot, Picture())
    colours = np.full((2, 2, 4), 255, np.uint8)
    colours[0, :, 1:3] = 0  # red below
    colours[1, :, :2] = 0  # blue above
    picture.set_image(colours, np.array([-1.0, 1.0, -1.0, 1.0]))
    assert colour_at(plot, 0.0, -0.8).red() > 150 > colour_at(plot, 0.0, -0.8).blue()
    assert colour_at(plot, 0.0, 0.8).blue() > 150 > colour_at(plot, 0.0, 0.8).red()
    picture.set_image(colours[::-1], np.array([-1.0, 1.0, -1.0, 1.0]))
    assert colour_at(plot, 0.0, 0.8).red() > 150
    picture.clear()
    assert colour_at(plot, 0.0, 0.8).red() < 100


def test_a_picture_stretches_smoothly(plot: Plot) -> None:
    picture = add(plot, Picture())
    colours = np.full((2, 2, 4), 255, np.uint8)
    colours[:, 0, :3] = 0
    picture.set_image(colours, np.array([-1.0, 1.0, -1.0, 1.0]))
    grey = [colour_at(plot, x, 0.4).red() for x in (-0.4, -0.2, 0.2, 0.4)]
    assert grey == sorted(grey)
    assert 20 < grey[1] < grey[2] < 235


def test_cells_are_centred_on_the_edges_of_the_view() -> None:
    np.testing.assert_allclose(cell_corners(np.array([0.0, 4.0, -1.0, 1.0]), 5), [-0.5, 4.5, -1.25, 1.25])
