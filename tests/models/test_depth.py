"""Depth as time: flows that go back, paths that never meet, blocks that may fold, outputs and their classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeviz.models.depth import DepthClassifier
from nodeviz.models.measures import input_grid
from nodeviz.models.spec import ModelSpec
from nodeviz.problems.pieces import finish

TS = np.linspace(0.0, 1.0, 11)
M = 1000  # points of a closed loop


def make(seed: int = 0, strength: float = 1.0, dtype: Any = np.float64, **fields: Any) -> DepthClassifier:
    """A fresh model whose networks' weights are all so many times as large, with biases."""
    model = DepthClassifier.init(ModelSpec(**fields), np.random.default_rng(seed), dtype)
    for net in model.nets:
        for layer in net.layers:
            layer.weight[:] *= strength
            layer.bias[:] = np.random.default_rng(seed + 1).normal(size=layer.bias.shape)
    return model


def winding(loop: Any, point: Any) -> int:
    """How many times a closed loop (M, 2) goes round a point (2,)."""
    around = loop - point
    angles = np.unwrap(np.arctan2(around[:, 1], around[:, 0]), period=2 * np.pi)
    closing = np.angle(np.exp(1j * (angles[0] - angles[-1])))
    return round((angles[-1] - angles[0] + closing) / (2 * np.pi))


def orientations(grid: Any) -> Any:
    """Twice the signed areas of the triangles of a grid (G, G, 2)."""
    along, up = np.diff(grid, axis=1)[:-1], np.diff(grid, axis=0)[:, :-1]
    along_top, up_right = np.diff(grid, axis=1)[1:], np.diff(grid, axis=0)[:, 1:]
    return np.stack([a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0] for a, b in ((along, up), (along_top, up_right))])


@given(
    seed=st.integers(0, 10**6), kind=st.sampled_from(["node", "anode"]), activation=st.sampled_from(["relu", "tanh"])
)
@settings(max_examples=15)
def test_flow_and_back_returns_every_point(seed: int, kind: str, activation: str) -> None:
    model = make(seed, kind=kind, activation=activation, timed=seed % 2 == 0)
    states = np.random.default_rng(seed).uniform(-1.5, 1.5, (10, model.spec.dim))
    solver = {"method": "dopri5", "rtol": 1e-10}
    there = finish(model.flow_steps(states, [0.0, 1.0], **solver))[-1]
    back = finish(model.flow_steps(there, [1.0, 0.0], **solver))[-1]
    assert np.abs(there - states).max() > 0.05
    np.testing.assert_allclose(back, states, atol=1e-6)


@given(seed=st.integers(0, 10**6), activation=st.sampled_from(["relu", "tanh"]))
@settings(max_examples=15)
def test_paths_in_the_plane_never_cross(seed: int, activation: str) -> None:
    model = make(seed, strength=1.5, kind="node", activation=activation)
    angle = np.linspace(0.0, 2 * np.pi, M, endpoint=False)
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    points = np.random.default_rng(seed).uniform(-1.6, 1.6, (60, 2))
    points = points[np.abs(np.linalg.norm(points, axis=1) - 1.0) > 0.05]
    paths = finish(model.paths_steps(np.concatenate([ring, points]), TS, method="rk4", n_steps=60))
    inside = np.linalg.norm(points, axis=1) < 1.0
    for states in paths:
        # What began inside the ring stays inside, what began outside stays outside.
        found = [winding(states[:M], state) for state in states[M:]]
        np.testing.assert_array_equal(found, inside.astype(int))


@given(seed=st.integers(0, 10**6))
@settings(max_examples=15)
def test_no_two_paths_come_nearer_than_the_lipschitz_constant_allows(seed: int) -> None:
    model = make(seed, strength=1.3, kind="node", activation="tanh")
    bound = np.prod([np.linalg.norm(layer.weight, 2) for layer in model.field.layers])
    points = np.random.default_rng(seed).uniform(-1.0, 1.0, (40, 2))
    paths = finish(model.paths_steps(points, TS, method="dopri5", rtol=1e-10))
    pairs = np.triu_indices(40, 1)
    distances = np.linalg.norm(paths[:, pairs[0]] - paths[:, pairs[1]], axis=-1)
    assert (distances >= distances[0] * np.exp(-bound * TS)[:, None] * (1 - 1e-6)).all()
    assert distances.min() > 0.0


@given(seed=st.integers(0, 10**6), activation=st.sampled_from(["relu", "tanh"]))
@settings(max_examples=10)
def test_the_grid_of_an_ode_never_folds(seed: int, activation: str) -> None:
    model = make(seed, kind="node", activation=activation)
    grid = input_grid((-1.0, 1.0, -1.0, 1.0), 41)
    paths = finish(model.paths_steps(grid.reshape(-1, 2), TS, method="rk4", n_steps=60))
    for states in paths:
        assert (orientations(states.reshape(grid.shape)) > 0.0).all()


def test_the_grid_of_a_resnet_may_fold() -> None:
    model = make(3, strength=1.5, kind="resnet", blocks=3, residual="1", activation="tanh")
    grid = input_grid((-1.0, 1.0, -1.0, 1.0), 41)
    paths = finish(model.paths_steps(grid.reshape(-1, 2), TS))
    areas = orientations(paths[-1].reshape(grid.shape))
    assert (areas > 0.0).any()
    assert (areas < 0.0).any()


def test_a_resnet_with_many_small_blocks_of_shared_weights_comes_near_the_ode() -> None:
    spec = {"activation": "tanh", "hidden": 8}
    ode = make(4, kind="node", **spec)
    X = np.random.default_rng(0).normal(size=(20, 2))
    exact = finish(ode.paths_steps(X, [0.0, 1.0], method="dopri5", rtol=1e-10))[-1]
    errors = []
    for blocks in (50, 100):
        resnet = DepthClassifier(
            ModelSpec(kind="resnet", shared=True, blocks=blocks, **spec), dtype=np.float64, parameters=ode.parameters
        )
        errors.append(np.abs(finish(resnet.paths_steps(X, [0.0, 1.0]))[-1] - exact).max())
    assert errors[1] < 0.02
    assert errors[0] / errors[1] == pytest.approx(2.0, rel=0.1)


def test_extra_dimensions_begin_at_zero_and_the_readout_sees_what_it_is_told_to() -> None:
    model = make(kind="anode", augment=3, readout="first-two", classes=3)
    X = np.random.default_rng(0).normal(size=(7, 2))
    states = model.lift(X)
    np.testing.assert_array_equal(states, np.column_stack([X, np.zeros((7, 3))]))
    moved = states + np.array([0.0, 0.0, 1.0, 2.0, 3.0])
    np.testing.assert_array_equal(model.logits_of(moved), model.logits_of(states))
    layer = model.readout.layers[0]
    np.testing.assert_allclose(model.logits_of(states), X @ layer.weight.T + layer.bias)
    assert model.logits_of(np.zeros((4, 5, 5))).shape == (4, 5, 3)


@pytest.mark.parametrize("classes", [2, 4])
def test_classes_and_probabilities_of_logits(classes: int) -> None:
    model = make(classes=classes)
    logits = np.random.default_rng(0).normal(size=(50, model.spec.outputs))
    shares = model.probabilities_of(logits)
    assert shares.shape == (50, classes)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    np.testing.assert_array_equal(shares.argmax(axis=1), model.labels_of(logits))
    if classes == 2:
        np.testing.assert_allclose(shares[:, 1], 1 / (1 + np.exp(-logits[:, 0])))
    logits[3, 0] = np.nan
    assert model.labels_of(logits)[3] == -1
    assert np.isnan(model.probabilities_of(logits)[3]).all()
    assert np.isfinite(model.probabilities_of(np.full((1, model.spec.outputs), 1e300))).all()


def test_many_points_come_in_pieces_and_each_is_the_same_as_alone() -> None:
    model = make(kind="anode", dtype=np.float32)
    X = np.random.default_rng(0).normal(size=(2 * model.chunk + 5, 2))
    pauses, work = 0, model.logits_steps(X, n_steps=10)
    try:
        while True:
            next(work)
            pauses += 1
    except StopIteration as end:
        logits = end.value
    assert pauses >= 2
    assert logits.dtype == np.float32
    for i in (0, model.chunk - 1, model.chunk, len(X) - 1):
        alone = finish(model.logits_steps(X[i : i + 1], n_steps=10))
        np.testing.assert_allclose(logits[i], alone[0], rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(finish(model.predict_steps(X, n_steps=10)), model.labels_of(logits))


def test_a_wide_model_takes_fewer_points_at_once() -> None:
    assert DepthClassifier(ModelSpec(hidden=600)).chunk < 100 < DepthClassifier(ModelSpec()).chunk


def test_states_beyond_a_failed_solve_are_not_numbers() -> None:
    model = make(kind="node", dtype=np.float32)
    model.parameters *= 1e12
    X = np.random.default_rng(0).normal(size=(10, 2))
    for solver in ({"n_steps": 10}, {"method": "dopri5", "rtol": 1e-3}):
        paths = finish(model.paths_steps(X, TS, **solver))
        np.testing.assert_array_equal(paths[0], X.astype(np.float32))
        assert np.isnan(paths[-1]).all()
        assert (finish(model.predict_steps(X, **solver)) == -1).all()


def test_points_that_are_not_finite_stay_so_and_do_not_disturb_others() -> None:
    model = make(kind="node")
    states = np.random.default_rng(0).normal(size=(5, 2))
    expected = finish(model.flow_steps(states, TS, n_steps=10))
    states[2, 0] = np.inf
    found = finish(model.flow_steps(states, TS, n_steps=10))
    assert np.isnan(found[:, 2]).all()
    np.testing.assert_allclose(found[:, [0, 1, 3, 4]], expected[:, [0, 1, 3, 4]], rtol=1e-12)


@pytest.mark.parametrize("kind", ["node", "resnet"])
def test_the_jacobian_is_that_of_differences(kind: str) -> None:
    model = make(kind=kind, activation="tanh", blocks=4, timed=True)
    states, t, h = np.random.default_rng(0).normal(size=(6, 2)), 0.55, 1e-6

    def rate(at: Any) -> Any:
        if kind == "resnet":
            return (model.block(2, at) - at) / model.spec.block_dt
        return model.field(t, at.T).T

    columns = [(rate(states + h * e) - rate(states - h * e)) / (2 * h) for e in np.eye(2)]
    np.testing.assert_allclose(model.jacobian(t, states), np.stack(columns, axis=-1), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("classes", "loss", "scale"),
    [(2, "bce", 10.0), (2, "softmax", 10.0), (2, "mse", 1.0), (4, "bce", 3.0), (4, "mse", 1.0)],
)
def test_weights_begin_at_one_over_the_root_of_the_fan_in(classes: int, loss: str, scale: float) -> None:
    spec = ModelSpec(kind="anode", augment=62, hidden=256, classes=classes)
    model = DepthClassifier.init(spec, np.random.default_rng(0), loss=loss)
    for layer in model.field.layers:
        assert layer.weight.std() * np.sqrt(layer.weight.shape[1]) == pytest.approx(1.0, rel=0.05)
        assert not layer.bias.any()
    assert model.readout.layers[0].weight.std() * 8 == pytest.approx(scale, rel=0.3)
    same = DepthClassifier.init(spec, np.random.default_rng(0), loss=loss)
    np.testing.assert_array_equal(model.parameters, same.parameters)


def test_memory_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match=r"parameters has shape \(3,\); the model needs \(1221,\)"):
        DepthClassifier(ModelSpec(), parameters=np.zeros(3, np.float32))
