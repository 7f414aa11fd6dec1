"""Weight gradients of many slots in blocks of rows: the same numbers as in one product."""

from __future__ import annotations

import numpy as np
import pytest

from nodeviz.engine.layers import outer_products

# (rows, inner, batch): small; large and divisible; large with prime rows; a single row; a batch in the thousands.
SHAPES = [(3, 4, 5), (64, 65, 512), (61, 64, 512), (1, 300, 5000), (128, 128, 2048)]


@pytest.mark.parametrize("shape", SHAPES)
def test_outer_products_over_slots_with_gaps_between_them(shape: tuple[int, int, int]) -> None:
    rows, inner, batch = shape
    rng = np.random.default_rng(0)
    cotangents, x = rng.standard_normal((3, rows, batch)), rng.standard_normal((3, inner, batch))
    memory = np.zeros((3, rows * inner + 7))
    outer_products(cotangents, x, memory[:, 4:-3].reshape(3, rows, inner))()
    expected = np.einsum("sob,sib->soi", cotangents, x)
    np.testing.assert_allclose(memory[:, 4:-3], expected.reshape(3, -1), rtol=1e-10, atol=1e-9)
    assert not memory[:, :4].any()
    assert not memory[:, -3:].any()
