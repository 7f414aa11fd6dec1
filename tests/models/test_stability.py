"""Spectral abscissa, symmetric part and flow map: three numbers that are easily taken for each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeviz.models.depth import DepthClassifier
from nodeviz.models.spec import ModelSpec
from nodeviz.models.stability import model_stability_steps, stability_steps
from nodeviz.problems.pieces import finish


class Linear:
    """y' = A y."""

    def __init__(self, matrix: Any) -> None:
        self._matrix = np.array(matrix, float)

    def __call__(self, _t: Any, y: Any) -> Any:
        return self._matrix @ y

    def jacobian(self, _t: Any, _y: Any) -> Any:
        return self._matrix


def test_a_decaying_field_may_first_grow() -> None:
    ts = np.linspace(0.0, 5.0, 51)
    found = finish(stability_steps(Linear([[-1, 10], [0, -1]]), np.array([1.0, 1.0]), ts))
    np.testing.assert_allclose(found.abscissa, -1.0, atol=1e-6)
    np.testing.assert_allclose(found.symmetric, 4.0)
    np.testing.assert_allclose(found.flow_radius, np.exp(-ts), rtol=1e-2)
    assert np.linalg.norm(found.path, axis=1).max() > 2 * np.linalg.norm(found.path[0])


def test_a_radius_below_one_of_the_jacobian_is_no_contraction() -> None:
    ts = np.linspace(0.0, 5.0, 11)
    found = finish(stability_steps(Linear(0.5 * np.eye(2)), np.array([1.0, 0.0]), ts))
    np.testing.assert_allclose(found.eigenvalues, 0.5)
    np.testing.assert_allclose(found.flow_radius, np.exp(0.5 * ts), rtol=1e-5)
    assert found.flow_radius[-1] == pytest.approx(12.18, abs=0.01)


def test_a_rotation_neither_grows_nor_decays() -> None:
    found = finish(stability_steps(Linear([[0, -2], [2, 0]]), np.array([1.0, 0.0]), [0.0, 1.0, 3.0]))
    np.testing.assert_allclose(np.sort_complex(found.eigenvalues[1]), [-2j, 2j], atol=1e-12)
    np.testing.assert_allclose(found.symmetric, 0.0, atol=1e-12)
    np.testing.assert_allclose(found.flow_radius, 1.0, rtol=1e-5)


@given(seed=st.integers(0, 10**6), kind=st.sampled_from(["node", "anode", "resnet"]))
@settings(max_examples=12)
def test_the_flow_map_of_a_model_is_that_of_differences(seed: int, kind: str) -> None:
    spec = ModelSpec(kind=kind, activation="tanh", hidden=8, blocks=4)
    model = DepthClassifier.init(spec, np.random.default_rng(seed), np.float64)
    x, ts, h = np.array([0.4, -0.7]), np.array([0.0, 0.3, 1.0]), 1e-6
    found = finish(model_stability_steps(model, x, ts))
    start, solver = model.lift(x[None])[0], {"method": "dopri5", "rtol": 1e-11}
    around = np.concatenate([start + h * np.eye(spec.dim), start - h * np.eye(spec.dim)])
    ends = finish(model.flow_steps(around, ts, **solver))[-1]
    flow = ((ends[: spec.dim] - ends[spec.dim :]) / (2 * h)).T
    assert found.flow_radius[-1] == pytest.approx(np.abs(np.linalg.eigvals(flow)).max(), rel=1e-4)
    np.testing.assert_allclose(found.path[-1], finish(model.flow_steps(start[None], ts, **solver))[-1, 0], atol=1e-5)
    assert found.flow_radius[0] == 1.0


def test_along_a_model_the_jacobian_is_its_own() -> None:
    model = DepthClassifier.init(ModelSpec(kind="anode"), np.random.default_rng(0))
    found = finish(model_stability_steps(model, [0.3, 0.2], np.linspace(0.0, 1.0, 5)))
    for t, state, values, most in zip(found.ts, found.path, found.eigenvalues, found.symmetric, strict=True):
        jacobian = model.astype(np.float64).jacobian(t, state[None])[0]
        np.testing.assert_allclose(np.sort_complex(values), np.sort_complex(np.linalg.eigvals(jacobian)))
        assert most == pytest.approx(np.linalg.eigvalsh((jacobian + jacobian.T) / 2)[-1])
    np.testing.assert_array_equal(found.abscissa, found.eigenvalues.real.max(axis=1))


def test_a_resnet_is_looked_at_before_and_after_each_block() -> None:
    spec = ModelSpec(kind="resnet", blocks=3, residual="1")
    model = DepthClassifier.init(spec, np.random.default_rng(0), np.float64)
    found = finish(model_stability_steps(model, [0.3, 0.2], [0.0, 1.0]))
    np.testing.assert_array_equal(found.ts, spec.ticks)
    np.testing.assert_allclose(found.path, finish(model.paths_steps([[0.3, 0.2]], [0.0]))[:, 0], rtol=1e-12)
    block = np.eye(2) + spec.block_dt * model.jacobian(0.0, found.path[:1])[0]
    assert found.flow_radius[1] == pytest.approx(np.abs(np.linalg.eigvals(block)).max())


@pytest.mark.parametrize("kind", ["node", "resnet"])
def test_where_the_path_ends_the_numbers_end(kind: str) -> None:
    model = DepthClassifier(ModelSpec(kind=kind, hidden=4, layers=1), dtype=np.float64)
    for net in model.nets:
        # h' = 1e200 h, as the difference of two ReLUs.
        net.layers[0].weight[:] = np.vstack([np.eye(2), -np.eye(2)])
        net.layers[1].weight[:] = 1e200 * np.hstack([np.eye(2), -np.eye(2)])
    found = finish(model_stability_steps(model, [0.3, -0.2], [0.0, 0.5, 1.0]))
    assert found.symmetric[0] == 1e200
    assert np.isnan([found.abscissa[-1], found.symmetric[-1], found.flow_radius[-1]]).all()
