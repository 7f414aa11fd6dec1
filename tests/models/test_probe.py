"""The linear probe: fitted, affine, deterministic, and never a made-up number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from nodeviz.models import probe
from nodeviz.models.probe import linear_probe
from nodeviz.problems.datasets import DATASETS
from nodeviz.problems.pieces import finish


def draw(name: str, seed: int, n: int = 2000, classes: int = 2) -> tuple[Any, Any]:
    return DATASETS[name].make(n, classes, 0.0, np.random.default_rng(seed))


@pytest.mark.parametrize("seed", range(5))
def test_raw_circles_give_two_thirds_and_the_disc_three_quarters(seed: int) -> None:
    # Rings of radii 1 and 2: a line beside the inner one cuts off a third of the outer one.
    assert linear_probe(*draw("circles", seed)) == pytest.approx(2 / 3, abs=0.02)
    # A quarter of the points lie in the disc: no line does better than "not in the disc".
    assert linear_probe(*draw("disc-annulus", seed)) == 0.75


def test_a_probe_is_fitted_to_where_the_points_are() -> None:
    X, labels = draw("disc-annulus", 0)
    lifted = np.column_stack([X, np.sum(X * X, axis=1)])
    assert linear_probe(lifted, labels) == 1.0


@given(seed=st.integers(0, 10**6), dim=st.integers(1, 6), classes=st.integers(2, 4), margin=st.sampled_from([0.1, 1.0]))
def test_what_can_be_separated_is(seed: int, dim: int, classes: int, margin: float) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, 300)
    direction = rng.normal(size=dim)
    direction /= np.linalg.norm(direction)
    points = rng.normal(size=(300, dim))
    points += np.outer(labels * (1.0 + margin) + rng.uniform(0, 1, 300) - points @ direction, direction)
    assert linear_probe(points, labels) >= (1.0 if classes == 2 else 0.97)


@given(seed=st.integers(0, 10**6), classes=st.integers(2, 4))
def test_never_below_the_largest_class(seed: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.choice(classes, 120, p=rng.dirichlet(np.ones(classes)))
    assert linear_probe(rng.standard_cauchy((120, 3)), labels) >= np.bincount(labels).max() / 120


@given(seed=st.integers(0, 10**6), scale=st.sampled_from([1e-6, 1.0, 1e6]), shift=st.floats(-5.0, 5.0))
def test_affine_maps_do_not_change_it(seed: int, scale: float, shift: float) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, 200)
    points = rng.normal(size=(200, 2)) + labels[:, None]
    angle = rng.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = scale * (points @ turn.T + shift)
    # A point that lies on the line but for rounding may change sides.
    assert linear_probe(moved, labels) == pytest.approx(linear_probe(points, labels), abs=2 / 200)


@given(seed=st.integers(0, 10**6))
def test_same_points_same_number(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points, labels = rng.normal(size=(80, 3)), rng.integers(0, 3, 80)
    first = linear_probe(points, labels)
    assert linear_probe(points.copy(), labels.copy()) == first
    assert linear_probe(points.astype(np.float32), labels) == pytest.approx(first, abs=2 / 80)


@pytest.mark.parametrize("classes", [2, 3])
def test_the_fit_is_the_minimum_of_the_loss(classes: int) -> None:
    rng = np.random.default_rng(5)
    labels = rng.integers(0, classes, 400)
    points = rng.normal(size=(400, 2)) + 0.8 * labels[:, None]

    def loss_of(scores: Any) -> float:
        return float(np.mean(np.log(np.exp(scores).sum(axis=0)) - scores[labels, np.arange(400)]))

    def loss(weights: Any) -> float:
        rows = np.vstack([points.T, np.ones(400)])
        return loss_of(np.vstack([np.zeros(400), weights.reshape(classes - 1, 3) @ rows]))

    best = minimize(loss, np.zeros(3 * (classes - 1)), tol=1e-10).fun
    scores = finish(probe._fit(probe._features(points[None]), labels, classes))[0]
    assert loss_of(scores) == pytest.approx(best, abs=1e-4)


@given(seed=st.integers(0, 10**6), classes=st.integers(2, 4))
def test_counting_never_loses_a_point(seed: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    own, scores = rng.integers(0, classes, 40), rng.normal(size=(classes, 40))
    assert finish(probe._best_hits(scores[None], own))[0] >= np.count_nonzero(scores.argmax(axis=0) == own)


@given(seed=st.integers(0, 10**6), digits=st.integers(0, 3))
def test_counting_finds_the_best_threshold_between_two_classes(seed: int, digits: int) -> None:
    rng = np.random.default_rng(seed)
    # Few digits make many ties, which no threshold can part.
    own, lead = rng.integers(0, 2, 40), rng.normal(size=40).round(digits)
    places = np.unique(lead)
    cuts = np.concatenate([[places[0] - 1], (places[:-1] + places[1:]) / 2, [places[-1] + 1]])
    best = max(np.count_nonzero((lead < cut) == (own == 1)) for cut in cuts)
    hits = finish(probe._best_hits(np.stack([lead, np.zeros(40)])[None], own))
    assert hits.tolist() == [max(best, np.bincount(own).max())]


@given(seed=st.integers(0, 10**6), classes=st.integers(2, 4), lost=st.booleans())
def test_side_by_side_each_set_gets_the_answer_that_it_gets_alone(seed: int, classes: int, lost: bool) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, 60)
    # From what cannot be told apart to what can, so that the fits end one after the other.
    sets = rng.normal(size=(5, 60, 3)) + np.linspace(0.0, 8.0, 5)[:, None, None] * labels[:, None]
    if lost:
        sets[2, 7] = np.nan
        sets[4] = np.inf
    together = finish(probe.linear_probes_steps(sets, labels))
    np.testing.assert_array_equal(together, [linear_probe(each, labels) for each in sets])


def test_points_that_are_lost_count_as_not_told_apart() -> None:
    points, labels = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 1])
    points[1] = np.nan
    assert linear_probe(points, labels) == 0.75
    points[3] = np.inf
    assert linear_probe(points, labels) == 0.5
    points[:] = np.nan
    assert np.isnan(linear_probe(points, labels))


@pytest.mark.parametrize("factor", [1e-200, 1e200, 0.0])
def test_huge_tiny_and_equal_states(factor: float) -> None:
    labels = np.array([0, 1] * 20)
    points = factor * (np.arange(80.0).reshape(40, 2) % 7 + 10 * labels[:, None])
    assert linear_probe(points, labels) == (0.5 if factor == 0.0 else 1.0)


def test_a_column_that_does_not_vary_and_one_class_only() -> None:
    X, labels = draw("moons", 0, 200)
    assert linear_probe(np.column_stack([X, np.full(200, 3.0)]), labels) == linear_probe(X, labels)
    assert linear_probe(X, np.zeros(200, int)) == 1.0
    assert linear_probe(X, 3 * labels) == linear_probe(X, labels)
