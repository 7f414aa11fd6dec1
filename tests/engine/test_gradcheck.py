from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nodeviz.engine.gradcheck import central_differences, relative_error


@given(x=st.lists(st.floats(-3, 3), min_size=1, max_size=5))
def test_differences_know_a_smooth_gradient_to_eleven_digits(x: list[float]) -> None:
    at = np.array(x)
    found = central_differences(lambda v: float(np.sum(np.sin(v) * np.exp(v / 3))), at)
    expected = np.exp(at / 3) * (np.cos(at) + np.sin(at) / 3)
    np.testing.assert_allclose(found, expected, atol=1e-11)


def test_the_point_is_left_alone_and_shapes_are_kept() -> None:
    x = np.arange(6.0).reshape(2, 3)
    found = central_differences(lambda v: float((v**2).sum()), x, entries=[0, 5])
    assert found.shape == (2, 3)
    np.testing.assert_allclose(found[1, 2], 10.0)
    assert np.isnan(found.ravel()[1:5]).all()
    np.testing.assert_array_equal(x.ravel(), np.arange(6))


def test_relative_error_counts_what_is_known() -> None:
    assert relative_error([1.0, 2.2, 7.0], [1.0, 2.0, np.nan]) == np.float64(2.2 - 2.0) / 2.0
    assert relative_error([1.0], [np.nan]) == 0.0
    assert relative_error([1e-3], [0.0]) == 1e-3
    assert relative_error([1e-9], [2e-9], floor=1.0) == 1e-9
