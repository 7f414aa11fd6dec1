from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeviz.engine.layers import ACTIVATIONS, Dense, product

EXACT: dict[str, Any] = {
    "tanh": np.tanh,
    "relu": lambda z: np.where(z > 0, z, 0.0),
    "softplus": lambda z: np.logaddexp(0.0, z),
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
}
NAMES = st.sampled_from(list(ACTIVATIONS))


def values(name: str, z: np.ndarray) -> np.ndarray:
    h = z.copy()
    ACTIVATIONS[name](h.shape, h.dtype).value(h)
    return h


def slopes(name: str, z: np.ndarray) -> np.ndarray:
    out = np.empty_like(z)
    ACTIVATIONS[name](z.shape, z.dtype).slope(values(name, z), out)
    return out


def test_every_activation_is_checked_against_its_formula() -> None:
    assert set(EXACT) == set(ACTIVATIONS)


@given(name=NAMES, z=st.lists(st.floats(-30, 30), min_size=1, max_size=8))
def test_values_are_those_of_the_formula(name: str, z: list[float]) -> None:
    np.testing.assert_allclose(values(name, np.array(z)), EXACT[name](np.array(z)), rtol=1e-13, atol=1e-15)


@given(name=NAMES, z=st.lists(st.floats(-8, 8).filter(lambda z: abs(z) > 1e-3), min_size=1, max_size=8))
def test_slopes_come_from_the_values_alone(name: str, z: list[float]) -> None:
    at, eps = np.array(z), 1e-5
    differences = (EXACT[name](at + eps) - EXACT[name](at - eps)) / (2 * eps)
    np.testing.assert_allclose(slopes(name, at), differences, atol=1e-9)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_arguments_neither_overflow_nor_change_the_dtype(name: str, dtype: Any) -> None:
    z = np.array([-1e30, -1e3, -100, 0, 100, 1e3, 1e30], dtype)
    with np.errstate(all="raise", under="ignore"):
        h, slope = values(name, z), slopes(name, z)
    assert h.dtype == slope.dtype == dtype
    assert np.isfinite(h).all()
    assert ((slope >= 0) & (slope <= 1)).all()


def test_relu_has_no_slope_at_its_kink() -> None:
    np.testing.assert_array_equal(slopes("relu", np.array([-1.0, -0.0, 0.0, 1e-300])), [0, 0, 0, 1])


def test_a_dense_layer_is_a_view_of_its_memory() -> None:
    memory = np.arange(12.0)
    layer = Dense.view(memory, 3, 3)
    np.testing.assert_array_equal(layer.bias, [3, 7, 11])
    np.testing.assert_array_equal(layer.weight[1], [4, 5, 6])
    layer.weight[0, 0] = layer.bias[-1] = 99.0
    assert memory[0] == memory[-1] == layer.both[0, 0] == 99.0


@pytest.mark.parametrize(
    "shape", [(3, 4, 5), (64, 65, 512), (64, 65, 509), (200, 300, 96), (1, 1000, 4096), (48, 49, 1)]
)
@pytest.mark.parametrize("transposed", [False, True])
def test_products_in_blocks_are_products(shape: tuple[int, int, int], transposed: bool) -> None:
    rng, (m, k, batch) = np.random.default_rng(0), shape
    weight = rng.standard_normal((k, m + 1))[:, :m].T if transposed else rng.standard_normal((m, k))
    x, z = rng.standard_normal((k, batch)), np.full((m, batch), np.nan)
    product(weight, x, z)()
    np.testing.assert_allclose(z, weight @ x, rtol=1e-12, atol=1e-12)
