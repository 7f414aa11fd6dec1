"""What lies behind the points: lines where the readout changes its mind, tints of classes, maps of numbers."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from PySide6.QtGui import QColor

from nodeviz.app.panels.classifier_ground import ground_image, mapped, plane_logits, readout_lines, region_image, rgb
from nodeviz.app.panels.classifier_projection import edge_on
from nodeviz.app.theme import DARK, LIGHT, Theme

from .classifier_scene import make_frame

VIEW = np.array([-2.0, 2.0, -1.5, 2.5])


def model_of(classes: int, name: str = "anode") -> Any:
    dataset = "disc-annulus" if classes == 2 else "gaussians"
    return make_frame((name,), dataset=dataset, classes=classes).models[0]


def camera_of(model: Any) -> Any:
    return edge_on(model.readout_weights, model.axes)


@pytest.mark.parametrize("name", ["node", "anode"])
@pytest.mark.parametrize("classes", [2, 3, 4])
def test_on_its_lines_the_readout_is_torn_between_the_two_best(classes: int, name: str) -> None:
    model = model_of(classes, name)
    camera = camera_of(model)
    lines = readout_lines(model, camera, VIEW)
    points = lines[np.isfinite(lines[:, 0])]
    assert len(points) >= 2
    logits = np.sort(plane_logits(model, camera, points), axis=0)
    np.testing.assert_allclose(logits[-1], logits[-2], atol=1e-4)


def test_an_exact_view_gives_the_logits_of_the_states_themselves() -> None:
    model = model_of(2)
    camera = camera_of(model)
    ends = model.states[-1]
    seen = plane_logits(model, camera, ends @ camera.screen)[1]
    np.testing.assert_allclose(seen, (ends @ model.readout_weights.T + model.readout_bias)[:, 0], atol=1e-4)


def test_a_readout_that_is_the_same_everywhere_has_no_line() -> None:
    model = dataclasses.replace(model_of(2), readout_weights=np.zeros((1, 3), np.float32))
    assert not len(readout_lines(model, camera_of(model), VIEW))
    image = ground_image(model, camera_of(model), VIEW, 16, DARK)
    assert (image == image[0, 0]).all()


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
def test_the_ground_has_the_tint_of_the_class_that_wins_there(theme: Theme) -> None:
    model = model_of(2)
    camera, cells = camera_of(model), 33
    image = ground_image(model, camera, VIEW, cells, theme)
    x, y = np.meshgrid(np.linspace(*VIEW[:2], cells), np.linspace(*VIEW[2:], cells))
    logits = plane_logits(model, camera, np.stack([x, y], axis=-1))
    first, second = rgb(*theme.classes[:2])
    ground = rgb(theme.panel)[0]
    nearer = np.abs(image[..., :3] - (ground + theme.tint * (second - ground))).sum(axis=-1) < np.abs(
        image[..., :3] - (ground + theme.tint * (first - ground))
    ).sum(axis=-1)
    sure = np.abs(logits[1] - logits[0]) > 3
    assert sure.mean() > 0.3
    assert (nearer == (logits[1] > logits[0]))[sure].all()
    assert (image[..., 3] == 255).all()


def test_regions_are_stronger_where_the_model_is_sure_and_bare_where_it_knows_nothing() -> None:
    image = region_image(np.array([[0.0, 0.999], [1.999, np.nan]]), DARK)
    strength = np.abs(image[..., :3] - rgb(DARK.panel)[0]).sum(axis=-1)
    assert strength[0, 1] > 2 * strength[0, 0] > 0
    assert strength[1, 1] == 0
    assert image[0, 1, 0] > image[0, 1, 2]  # orange
    assert image[1, 0, 2] > image[1, 0, 0]  # blue


def test_a_map_goes_from_its_first_to_its_last_colour_and_is_clear_where_unknown() -> None:
    colours = np.array([[0, 0, 0], [100, 0, 0], [200, 0, 0]])
    image = mapped(np.array([[10.0, 20.0, 30.0, np.nan]]), 10, 30, colours)
    assert image[0, :, 0].tolist()[:3] == [0, 100, 200]
    assert image[0, :, 3].tolist() == [255, 255, 255, 0]
    assert (mapped(np.full((2, 2), 5.0), 5, 5, colours)[..., :3] == 0).all()


def test_colours_are_read_as_they_are_written() -> None:
    assert rgb("#102030").tolist() == [[16, 32, 48]]
    assert QColor("#102030").red() == 16
