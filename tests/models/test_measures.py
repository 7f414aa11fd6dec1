"""Measures: stretch, errors on fresh points, evaluations, accuracy against the number of steps."""

from __future__ import annotations

from time import thread_time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from models.runs import draw

from nodeviz.models.depth import DepthClassifier
from nodeviz.models.measures import (
    accuracy_by_steps,
    dense_error_steps,
    input_grid,
    max_stretch,
    nfe_per_sample_steps,
    nfe_steps,
    probe_steps,
)
from nodeviz.models.probe import linear_probe
from nodeviz.models.spec import ModelSpec
from nodeviz.models.stability import model_stability_steps
from nodeviz.problems.pieces import finish


def test_the_grid_has_rows_from_below_and_columns_from_the_left() -> None:
    grid = input_grid((-1.0, 1.0, 0.0, 4.0), 5)
    np.testing.assert_allclose(grid[0, 0], [-1.0, 0.0])
    np.testing.assert_allclose(grid[0, -1], [1.0, 0.0])
    np.testing.assert_allclose(grid[-1, 0], [-1.0, 4.0])


@given(st.lists(st.floats(-3.0, 3.0), min_size=6, max_size=6))
def test_a_linear_map_stretches_edges_by_the_lengths_of_its_columns(entries: list[float]) -> None:
    matrix = np.array(entries).reshape(3, 2)
    grid = input_grid((-1.0, 1.0, -2.0, 2.0), 7)
    expected = np.linalg.norm(matrix, axis=0).max()
    assert max_stretch(grid, grid @ matrix.T) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_one_torn_edge_is_found_and_what_is_lost_is_said() -> None:
    grid = input_grid((0.0, 1.0, 0.0, 1.0), 5)
    torn = grid.copy()
    torn[2, 3:, 0] += 10.0
    assert max_stretch(grid, torn) == pytest.approx((10.0 + 0.25) / 0.25)
    torn[4, 4] = np.nan
    assert np.isnan(max_stretch(grid, torn))


def fixed_model(kind: str = "node") -> DepthClassifier:
    """h' = a h in the plane with a = 1/2, by tanh of small arguments; class 1 where x + y > 0.3 at the end."""
    model = DepthClassifier(ModelSpec(kind=kind, hidden=2, layers=1, activation="tanh"), dtype=np.float64)
    for net in model.nets:
        net.layers[0].weight[:] = 1e-4 * np.eye(2)
        net.layers[1].weight[:] = 0.5e4 * np.eye(2)
    model.readout.layers[0].weight[:] = [[1.0, 1.0]]
    model.readout.layers[0].bias[:] = -0.3
    return model


def test_the_dense_error_is_the_share_of_points_on_the_wrong_side() -> None:
    model, rng = fixed_model(), np.random.default_rng(0)
    X = rng.uniform(-1, 1, (20_000, 2))
    labels = (X.sum(axis=1) * np.exp(0.5) > 0.3).astype(int)
    assert finish(dense_error_steps(model, X, labels, method="dopri5", rtol=1e-8)) == 0.0
    wrong = rng.random(20_000) < 0.1
    found = finish(dense_error_steps(model, X, np.where(wrong, 1 - labels, labels), method="dopri5", rtol=1e-8))
    assert found == wrong.mean()


def test_too_few_steps_of_a_crude_method_cost_accuracy() -> None:
    model = fixed_model()
    X = np.random.default_rng(0).uniform(-1, 1, (4000, 2))
    labels = (X.sum(axis=1) * np.exp(0.5) > 0.3).astype(int)
    accuracy = finish(accuracy_by_steps(model, X, labels, "euler", [1, 2, 8, 64]))
    assert (np.diff(accuracy) > 0).all()
    # One step multiplies by 1.5 instead of 1.6487.
    lost = np.mean((X.sum(axis=1) * 1.5 > 0.3) != (labels == 1))
    assert accuracy[0] == pytest.approx(1 - lost, abs=1e-3)
    assert accuracy[-1] > 0.997


def test_a_resnet_has_its_own_number_of_steps() -> None:
    model = fixed_model("resnet")
    X, labels = np.random.default_rng(0).uniform(-1, 1, (100, 2)), np.zeros(100, int)
    accuracy = finish(accuracy_by_steps(model, X, labels, "euler", [1, 5]))
    assert accuracy[0] == accuracy[1] == 1 - finish(dense_error_steps(model, X, labels))
    assert finish(nfe_steps(model, X)) == 10
    np.testing.assert_array_equal(finish(nfe_per_sample_steps(model, X)), np.full(100, 10.0))


def test_evaluations_are_those_of_dopri5_at_1e_3() -> None:
    model = DepthClassifier.init(ModelSpec(kind="anode"), np.random.default_rng(0))
    model.parameters *= 1.5
    X, _ = draw("disc-annulus", 300, 0)
    calls = [0]
    into = model.field.into

    def counted(*arguments: object) -> None:
        calls[0] += 1
        into(*arguments)  # type: ignore[arg-type]

    model.field.into = counted  # type: ignore[method-assign]
    shared = finish(nfe_steps(model, X))
    assert shared == calls[0]
    alone = finish(nfe_per_sample_steps(model, X))
    assert alone.shape == (300,)
    assert np.ptp(alone) > 0
    assert alone.min() < shared
    # Each point needs as many as when it is the only one.
    for i in (0, 7, 299):
        assert (
            alone[i] == finish(nfe_per_sample_steps(model, X[i : i + 1]))[0] == finish(nfe_steps(model, X[i : i + 1]))
        )


def test_evaluations_of_a_field_that_cannot_be_solved_are_unknown() -> None:
    model = DepthClassifier.init(ModelSpec(kind="node"), np.random.default_rng(0))
    model.parameters *= 1e12
    X, _ = draw("disc-annulus", 20, 0)
    assert np.isnan(finish(nfe_steps(model, X)))
    assert np.isnan(finish(nfe_per_sample_steps(model, X))).all()


def test_the_probe_is_refitted_at_each_depth() -> None:
    X, labels = draw("disc-annulus", 400, 0)
    lifted = np.column_stack([X, np.sum(X * X, axis=1)])
    states = np.stack([np.column_stack([X, np.zeros(400)]), lifted, -lifted])
    accuracy = finish(probe_steps(states, labels))
    np.testing.assert_array_equal(accuracy, [0.75, 1.0, 1.0])
    assert accuracy[1] == linear_probe(lifted, labels)


@pytest.mark.parametrize("fields", [{"kind": "anode"}, {"kind": "resnet"}, {"kind": "node", "hidden": 256}])
def test_work_comes_in_pieces_of_a_few_milliseconds(fields: dict[str, object]) -> None:
    model = DepthClassifier.init(ModelSpec(**fields), np.random.default_rng(0))  # type: ignore[arg-type]
    X, labels = draw("disc-annulus", 2000, 0)
    ts = np.linspace(0.0, 1.0, 21)
    states = finish(model.paths_steps(X, ts, n_steps=10))
    works = {
        "paths": lambda: model.paths_steps(X, ts, method="dopri5", rtol=1e-3),
        "logits": lambda: model.logits_steps(X, n_steps=10),
        "one step": lambda: accuracy_by_steps(model, X, labels, "euler", [1, 1, 1]),
        "nfe": lambda: nfe_steps(model, X),
        "nfe per sample": lambda: nfe_per_sample_steps(model, X),
        "probe": lambda: probe_steps(states, labels),
        "stability": lambda: model_stability_steps(model, X[0], ts),
    }
    for name, work in works.items():
        # The least of three: the first run of all pays for memory that the others find.
        assert min(longest_pause(work()) for _ in range(3)) < 8e-3, name


def longest_pause(work: Any) -> float:
    """Return the longest time between two yields, in seconds of this thread, since other programs may hold it up."""
    longest = 0.0
    while True:
        started = thread_time()
        done = next(work, work)
        longest = max(longest, thread_time() - started)
        if done is work:
            return longest
