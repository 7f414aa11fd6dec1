"""Toy sets: sizes, places and shapes of the classes, at any number of points."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeviz.problems.datasets import DATASETS, Dataset

EVERY = [(name, classes) for name, dataset in DATASETS.items() for classes in range(*dataset.classes)] + [
    (name, dataset.classes[1]) for name, dataset in DATASETS.items()
]


def draw(name: str, n: int = 4000, classes: int = 2, noise: float = 0.0, seed: int = 0) -> tuple[np.ndarray, ...]:
    return DATASETS[name].make(n, classes, noise, np.random.default_rng(seed))


def linear_accuracy(points: np.ndarray, labels: np.ndarray) -> float:
    """Return the best accuracy of a line between two classes, over many directions and all places."""
    best = 0.0
    for angle in np.linspace(0.0, np.pi, 60):
        order = np.argsort(points @ [np.cos(angle), np.sin(angle)])
        ones = np.concatenate([[0], np.cumsum(labels[order])])
        right = ones[-1] - ones + np.arange(len(labels) + 1) - ones
        best = max(best, right.max() / len(labels), 1 - right.min() / len(labels))
    return best


@pytest.mark.parametrize(("name", "classes"), EVERY)
def test_points_lie_in_the_view_with_classes_of_the_stated_sizes(name: str, classes: int) -> None:
    dataset = DATASETS[name]
    points, labels = draw(name, 4000, classes)
    assert points.shape == (4000, 2)
    assert points.dtype == np.float64
    assert labels.dtype.kind == "i"
    shares = dataset.shares or (1 / classes,) * classes
    np.testing.assert_allclose(np.bincount(labels, minlength=classes) / 4000, shares, atol=1 / 4000)
    x0, x1, y0, y1 = dataset.view
    inside = (points > (x0, y0)) & (points < (x1, y1))
    assert inside.mean() > 0.999


@pytest.mark.parametrize("name", DATASETS)
def test_the_same_seed_draws_the_same_points_and_another_one_others(name: str) -> None:
    one, other, third = draw(name, 50, seed=1), draw(name, 50, seed=1), draw(name, 50, seed=2)
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(one[1], other[1])
    assert np.abs(one[0] - third[0]).max() > 0.1


@pytest.mark.parametrize("name", DATASETS)
def test_the_order_is_random_so_that_any_part_stands_for_the_whole(name: str) -> None:
    _, labels = draw(name, 2000)
    assert np.mean(labels[:400] == 0) == pytest.approx(np.mean(labels == 0), abs=0.08)


@pytest.mark.parametrize("name", DATASETS)
def test_noise_adds_to_the_sets_own_jitter(name: str) -> None:
    dataset: Dataset = DATASETS[name]
    labels = np.zeros(40_000, int)
    own = dataset.sample(labels, 2, np.random.default_rng(5))
    points, drawn = draw(name, 80_000, noise=0.3)
    excess = np.var(points[drawn == 0], axis=0) - np.var(own, axis=0)
    np.testing.assert_allclose(excess, 0.3**2 + dataset.spread**2, atol=0.02)


@pytest.mark.parametrize("name", DATASETS)
def test_a_hundred_thousand_fresh_points_are_drawn_at_once(name: str) -> None:
    points, labels = draw(name, 100_000)
    assert len(points) == len(labels) == 100_000
    assert np.isfinite(points).all()


@given(st.sampled_from(EVERY), st.integers(4, 60), st.integers(0, 2**32))
def test_every_class_has_a_point_however_few_there_are(which: tuple[str, int], n: int, seed: int) -> None:
    name, classes = which
    _, labels = draw(name, n, classes, seed=seed)
    assert set(labels) == set(range(classes))


@pytest.mark.parametrize(
    ("name", "classes", "sentence"),
    [
        ("moons", 3, "classes=3: moons has 2 only; use 2, or another set (circles, spirals, gaussians, checkerboard)"),
        ("circles", 5, "classes=5: circles has 2 to 4; use 4"),
        ("spirals", 1, "classes=1: spirals has 2 to 4; use 2"),
    ],
)
def test_other_numbers_of_classes_are_refused(name: str, classes: int, sentence: str) -> None:
    with pytest.raises(ValueError, match="classes=") as caught:
        draw(name, 100, classes)
    assert str(caught.value) == sentence


def test_fewer_points_than_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="n=3: fewer points than the 4 classes; use 4 or more"):
        draw("circles", 3, 4)


def test_the_disc_and_the_annulus_are_filled_evenly_as_published() -> None:
    points, labels = draw("disc-annulus", 2000)
    radius = np.hypot(*points.T)
    assert list(np.bincount(labels)) == [500, 1500]
    assert radius[labels == 0].max() < 0.5
    assert radius[labels == 1].min() > 1.0
    assert radius[labels == 1].max() < 1.5
    # Half of the area lies within these radii.
    assert np.mean(radius[labels == 0] < 0.5 * np.sqrt(0.5)) == pytest.approx(0.5, abs=0.07)
    assert np.mean(radius[labels == 1] < np.sqrt(1.625)) == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize("classes", [2, 3, 4])
def test_circles_are_rings_at_their_radii(classes: int) -> None:
    points, labels = draw("circles", 4000, classes)
    radius = np.hypot(*points.T)
    for k in range(classes):
        assert np.mean(radius[labels == k]) == pytest.approx(1.5 * (k + 1) / classes, abs=0.01)
        assert np.std(radius[labels == k]) == pytest.approx(0.05, abs=0.01)


def test_spirals_wind_one_and_a_half_turns_out_to_radius_two() -> None:
    points, labels = draw("spirals", 4000)
    radius, angle = np.hypot(*points.T), np.arctan2(points[:, 1], points[:, 0])
    turned = np.angle(np.exp(1j * (angle - 2 * np.pi * (1.5 * radius / 2.0 + labels / 2))))
    off_the_arm = turned * 2.0 / (3.0 * np.pi)  # as a difference of radius
    assert np.std(off_the_arm[radius > 0.5]) == pytest.approx(0.05, abs=0.01)
    assert radius.max() < 2.25
    assert radius.max() > 1.9


@pytest.mark.parametrize("name", ["xor", "checkerboard"])
def test_squares_carry_the_class_of_their_place(name: str) -> None:
    points, labels = draw(name)
    cells = np.floor(points).astype(int) if name == "checkerboard" else (points > 0).astype(int)
    np.testing.assert_array_equal(cells.sum(axis=1) % 2, labels)


@pytest.mark.parametrize("classes", [3, 4])
def test_neighbours_on_the_checkerboard_differ(classes: int) -> None:
    points, labels = draw("checkerboard", 4000, classes)
    board = np.full((4, 4), -1)
    board[tuple(np.floor(points + 2).astype(int).T)] = labels
    assert board.min() == 0
    assert (board[1:] != board[:-1]).all()
    assert (board[:, 1:] != board[:, :-1]).all()


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("circles", 0.64, 0.70),
        ("disc-annulus", 0.75, 0.83),
        ("moons", 0.85, 0.92),
        ("spirals", 0.5, 0.75),
        ("xor", 0.65, 0.75),
        ("gaussians", 0.995, 1.0),
        ("checkerboard", 0.5, 0.65),
    ],
)
def test_a_line_does_as_well_as_the_notes_say(name: str, least: float, most: float) -> None:
    assert least <= linear_accuracy(*draw(name)) <= most
