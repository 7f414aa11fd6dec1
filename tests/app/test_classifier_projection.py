"""From where states are looked at: orthonormal axes, a readout seen edge-on, turns that undo each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeviz.app.panels.classifier_projection import axis_name, decisive, edge_on, principal


def some_readout(outputs: int, dims: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((outputs, dims)).astype(np.float32)


def some_axes(dims: int, seed: int) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((dims, dims)))[0][:, :3]


seeds = st.integers(0, 10**6)
dimensions = st.integers(2, 9)


def orthonormal(axes: np.ndarray) -> bool:
    return axes.shape[0] == axes.shape[1] and np.allclose(axes.T @ axes, np.eye(len(axes)), atol=1e-6)


@given(st.sampled_from([1, 3]), dimensions, seeds)
def test_a_readout_of_up_to_three_classes_is_seen_edge_on(outputs: int, dims: int, seed: int) -> None:
    readout = some_readout(outputs, dims, seed)
    camera = edge_on(readout, some_axes(dims, seed))
    assert orthonormal(camera.axes)
    assert camera.hidden(readout) < 1e-5


@given(dimensions, seeds)
def test_four_classes_are_seen_as_far_as_two_directions_go(dims: int, seed: int) -> None:
    readout = some_readout(4, dims, seed)
    strength = np.linalg.svd(decisive(readout), compute_uv=False)
    least = np.sqrt(np.sum(strength[2:] ** 2) / np.sum(strength**2))
    assert edge_on(readout, some_axes(dims, seed)).hidden(readout) == pytest.approx(least, abs=1e-5)


@given(st.sampled_from([1, 3, 4]), seeds)
def test_two_dimensions_are_shown_as_they_are(outputs: int, seed: int) -> None:
    camera = edge_on(some_readout(outputs, 2, seed), np.zeros((2, 3)))
    np.testing.assert_allclose(camera.axes, np.eye(2), atol=1e-9)


@given(dimensions, seeds)
def test_a_readout_of_the_first_two_dimensions_shows_the_input_plane(dims: int, seed: int) -> None:
    readout = some_readout(1, dims, seed)
    readout[:, 2:] = 0.0
    screen = edge_on(readout, some_axes(dims, seed)).screen
    np.testing.assert_allclose(screen, np.eye(dims, 2), atol=1e-5)


def test_of_a_readout_across_the_input_plane_the_third_axis_points_up() -> None:
    for sign in (1.0, -1.0):
        camera = edge_on(np.array([[0.0, 0.0, sign]]), np.zeros((3, 3)))
        np.testing.assert_allclose(camera.screen[:, 1], [0, 0, 1], atol=1e-9)
        assert abs(camera.screen[:2, 0]).max() == pytest.approx(1.0)


def test_a_readout_of_zeros_has_a_camera_too() -> None:
    camera = edge_on(np.zeros((1, 3)), np.zeros((3, 3)))
    assert orthonormal(camera.axes)
    assert camera.hidden(np.zeros((1, 3))) == 0.0


@given(seeds, st.floats(0.02, 0.2))
def test_the_view_moves_little_when_the_readout_does(seed: int, step: float) -> None:
    readout = some_readout(1, 4, seed)
    readout /= np.linalg.norm(readout)
    if np.linalg.norm(readout[0, :2]) < 0.3:
        readout[0, :2] += 0.5
    turned = readout + 0.01 * step * some_readout(1, 4, seed + 1)
    axes = some_axes(4, seed)
    np.testing.assert_allclose(edge_on(turned, axes).screen, edge_on(readout, axes).screen, atol=0.1 * step)


@given(st.integers(3, 9), seeds, st.floats(-3, 3), st.floats(-3, 3))
def test_a_turn_keeps_the_axes_orthonormal_and_can_be_taken_back(dims: int, seed: int, right: float, up: float) -> None:
    camera = principal(some_axes(dims, seed))
    turned = camera.turned(right, up)
    assert orthonormal(turned.axes)
    back = turned.turned(0.0, -up).turned(-right, 0.0)
    np.testing.assert_allclose(back.axes, camera.axes, atol=1e-9)


def test_a_turn_brings_what_lay_behind_to_the_front() -> None:
    camera = principal(np.eye(3)).turned(np.pi / 2, 0.0)
    np.testing.assert_allclose(np.abs(camera.screen[:, 0]), [0, 0, 1], atol=1e-12)
    assert camera.hidden(np.array([[1.0, 0, 0]])) == pytest.approx(1.0)


def test_two_dimensions_do_not_turn() -> None:
    camera = edge_on(np.array([[1.0, 2.0]]), np.zeros((2, 3)))
    assert camera.turned(0.3, 0.2) is camera


@pytest.mark.parametrize(
    ("direction", "name"),
    [
        ((1, 0, 0), "h₁"),
        ((0, -1, 0), "−h₂"),
        ((0.8, 0, -0.6), "0.8 h₁ − 0.6 h₃"),
        ((-0.6, 0.8, 0), "0.8 h₂ − 0.6 h₁"),
        ((0.7, 0.5, 0.5), "0.7 h₁ + 0.5 h₂ …"),
    ],
)
def test_a_direction_is_called_by_what_it_mixes(direction: tuple[float, ...], name: str) -> None:
    assert axis_name(np.array(direction, float)) == name
