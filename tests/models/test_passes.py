"""The way through the blocks of a ResNet: its gradient against differences, its states against the model's own."""

from __future__ import annotations

import numpy as np
import pytest

from nodeviz.engine.gradcheck import central_differences, relative_error
from nodeviz.models.depth import DepthClassifier
from nodeviz.models.passes import ResidualPass
from nodeviz.models.spec import ModelSpec
from nodeviz.problems.pieces import finish


def make(**fields: object) -> DepthClassifier:
    spec = ModelSpec(kind="resnet", hidden=4, blocks=3, activation="tanh", **fields)  # type: ignore[arg-type]
    model = DepthClassifier.init(spec, np.random.default_rng(1), dtype=np.float64)
    model.parameters += 0.1 * np.random.default_rng(2).normal(size=model.parameters.shape)
    return model


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("residual", ["1/L", "1"])
@pytest.mark.parametrize("timed", [False, True])
@pytest.mark.parametrize("longest", [1, 2, 3])
def test_gradients_are_those_of_differences(shared: bool, residual: str, timed: bool, longest: int) -> None:
    model = make(shared=shared, residual=residual, timed=timed)
    rng = np.random.default_rng(3)
    y0, weights = rng.normal(size=(2, 5)), rng.normal(size=(2, 5))
    n = model.spec.n_nets * model.spec.n_net_parameters
    kept = model.parameters[:n].copy()

    def loss(parameters: object, start: object) -> float:
        model.parameters[:n] = parameters
        value = float(np.sum(weights * finish(ResidualPass(model, 5, longest).forward_steps(np.asarray(start)))))
        model.parameters[:n] = kept
        return value

    through, grad = ResidualPass(model, 5, longest), np.zeros(n)
    for _ in range(2):  # the arrays are used again
        grad[:] = 0.0
        finish(through.forward_steps(y0))
        by_y0 = finish(through.backward_steps(weights, grad))
    assert relative_error(grad, central_differences(lambda p: loss(p, y0), kept)) < 1e-9
    assert relative_error(by_y0, central_differences(lambda y: loss(kept, y), y0)) < 1e-9


@pytest.mark.parametrize("shared", [False, True])
def test_the_pass_goes_where_the_paths_go(shared: bool) -> None:
    model = make(shared=shared)
    X = np.random.default_rng(4).normal(size=(6, 2))
    paths = finish(model.paths_steps(X, [0.0, 1.0]))
    assert paths.shape == (4, 6, 2)
    np.testing.assert_allclose(
        finish(ResidualPass(model, 6, 3).forward_steps(model.lift(X).T)), paths[-1].T, rtol=1e-13
    )


def test_shared_blocks_scaled_by_their_number_are_eulers_method() -> None:
    resnet = make(shared=True, timed=True, t1=2.0)
    node = DepthClassifier(
        ModelSpec(kind="node", hidden=4, activation="tanh", timed=True, t1=2.0),
        dtype=np.float64,
        parameters=resnet.parameters,
    )
    X = np.random.default_rng(5).normal(size=(6, 2))
    euler = finish(node.paths_steps(X, resnet.spec.ticks, method="euler", n_steps=3))
    np.testing.assert_allclose(finish(resnet.paths_steps(X, [0.0, 2.0])), euler, rtol=1e-12)
