"""Hutchinson's estimate: unbiased whatever the number of probes, and as scattered as theory says."""

from __future__ import annotations

import itertools
import re
from typing import Any

import numpy as np
import pytest
from engine.nets_for_tests import make_net
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeviz.engine.hutchinson import PROBES, draw_probes, estimate_variance, trace_estimates
from nodeviz.engine.traces import exact_trace

KINDS = list(PROBES)


@settings(deadline=None)
@given(st.integers(1, 4), st.integers(0, 10**6))
def test_the_mean_and_variance_over_all_rademacher_probes_are_exact(d: int, seed: int) -> None:
    net, y = make_net((d, 5, d), seed=seed), np.random.default_rng(seed).standard_normal((d, 3))
    every = np.array(list(itertools.product([-1.0, 1.0], repeat=d))).T[:, :, None]
    estimates = trace_estimates(net, 0.2, y, every)
    assert estimates.shape == (2**d, 3)
    np.testing.assert_allclose(estimates.mean(axis=0), exact_trace(net, 0.2, y), rtol=1e-11, atol=1e-12)
    expected = estimate_variance(net.jacobian(0.2, y), "rademacher")
    np.testing.assert_allclose(estimates.var(axis=0), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_probes", [1, 2, 5, 16])
def test_the_estimate_is_unbiased_and_its_variance_falls_with_the_number_of_probes(kind: str, n_probes: int) -> None:
    net, n = make_net((3, 12, 12, 3), seed=1), 20_000
    y = np.random.default_rng(0).standard_normal((3, 1))
    probes = draw_probes(np.random.default_rng(n_probes), kind, n_probes, 3, n)
    estimates = trace_estimates(net, 0.3, np.repeat(y, n, axis=1), probes).mean(axis=0)
    variance = float(estimate_variance(net.jacobian(0.3, y), kind)[0]) / n_probes
    assert variance > 0
    assert abs(estimates.mean() - exact_trace(net, 0.3, y)[0]) < 4 * np.sqrt(variance / n)
    # The relative error of a sample variance is sqrt((kurtosis - 1) / n), and no kurtosis here is above 15.
    assert estimates.var() == pytest.approx(variance, rel=4 * np.sqrt(14 / n))


@given(st.integers(1, 5), st.integers(0, 10**6))
def test_signs_scatter_less_than_normal_numbers(d: int, seed: int) -> None:
    jacobian = np.random.default_rng(seed).standard_normal((d, d, 4))
    signs, normal = (estimate_variance(jacobian, kind) for kind in ("rademacher", "gaussian"))
    assert (signs <= normal).all()
    assert (signs >= -1e-12).all()
    # Only the symmetric part counts, and a diagonal is seen without error by signs.
    np.testing.assert_allclose(estimate_variance(jacobian.swapaxes(0, 1), "gaussian"), normal, rtol=1e-12)
    np.testing.assert_allclose(estimate_variance(jacobian - jacobian.swapaxes(0, 1), "gaussian"), 0.0, atol=1e-12)
    diagonal = jacobian * np.eye(d)[:, :, None]
    np.testing.assert_allclose(estimate_variance(diagonal, "rademacher"), 0.0, atol=1e-12)
    squares = np.square(np.einsum("iib->ib", jacobian)).sum(axis=0)
    np.testing.assert_allclose(estimate_variance(diagonal, "gaussian"), 2 * squares, rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_probes_have_mean_zero_and_variance_one(kind: str) -> None:
    probes = draw_probes(np.random.default_rng(0), kind, 4, 3, 5000, np.float32)
    assert probes.shape == (3, 4, 5000)
    assert probes.dtype == np.float32
    assert abs(probes.mean()) < 4 / np.sqrt(probes.size)
    assert probes.std() == pytest.approx(1.0, abs=0.02)
    if kind == "rademacher":
        assert set(np.unique(probes)) == {-1.0, 1.0}
    rows = probes.reshape(12, -1)
    assert np.abs(np.corrcoef(rows) - np.eye(12)).max() < 0.07
    same = draw_probes(np.random.default_rng(0), kind, 4, 3, 5000, np.float32)
    np.testing.assert_array_equal(probes, same)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"kind": "uniform"}, "probes: no such distribution 'uniform'; choose one of rademacher, gaussian"),
    ({"n_probes": 0}, "probes=0: below the limit 1; use 1 or more, or the exact trace"),
]


@pytest.mark.parametrize(("change", "sentence"), WRONG, ids=["kind", "none"])
def test_a_wrong_argument_is_named_in_one_sentence(change: dict[str, Any], sentence: str) -> None:
    arguments: dict[str, Any] = {"kind": "gaussian", "n_probes": 1, "d": 2, **change}
    with pytest.raises(ValueError, match=re.escape(sentence)):
        draw_probes(np.random.default_rng(0), **arguments)
    if "kind" in change:
        with pytest.raises(ValueError, match=re.escape(sentence)):
            estimate_variance(np.ones((2, 2, 1)), change["kind"])
