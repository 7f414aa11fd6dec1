"""Value, tangents and trace of a net, and their pull-backs, against differences in float64."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from engine.nets_for_tests import SMOOTH, kinks_are_far, make_net
from engine.tape_checks import T, check_tape, states
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nodeviz.engine.gradcheck import central_differences
from nodeviz.engine.layers import ACTIVATIONS
from nodeviz.engine.tangents import BENDS, TangentTape, jvp
from nodeviz.engine.traces import ProbeTape, TraceTape, exact_trace, has_closed_form, identity

if TYPE_CHECKING:
    from collections.abc import Callable

    from nodeviz.engine.mlp import MLP

WIDTHS = st.lists(st.integers(1, 5), min_size=2, max_size=5)
NETS = {"activation": st.sampled_from(list(ACTIVATIONS)), "timed": st.booleans(), "seed": st.integers(0, 10**6)}


@given(st.sampled_from(SMOOTH), st.floats(-4, 4))
def test_bends_are_the_curvature_over_the_slope(activation: str, z: float) -> None:
    def slope(z: np.ndarray) -> float:
        h, out = np.array(z, float).reshape(1, 1), np.empty((1, 1))
        kernels = ACTIVATIONS[activation]((1, 1), float)
        kernels.value(h)
        kernels.slope(h, out)
        return float(out[0, 0])

    h, bend = np.array([[z]]), np.empty((1, 1))
    ACTIVATIONS[activation]((1, 1), float).value(h)
    BENDS[activation](h, np.array([[slope(np.array(z))]]), bend)
    expected = float(central_differences(slope, z))
    assert bend[0, 0] * slope(np.array(z)) == pytest.approx(expected, rel=1e-8, abs=1e-9)


def test_every_activation_has_its_bend() -> None:
    assert BENDS.keys() == ACTIVATIONS.keys()


@given(widths=WIDTHS, **NETS, k=st.integers(1, 4), batch=st.integers(1, 4))
def test_tangents_are_products_with_the_jacobian(
    widths: list[int], activation: str, timed: bool, seed: int, k: int, batch: int
) -> None:
    net, rng = make_net(widths, activation, timed=timed, seed=seed), np.random.default_rng(seed + 1)
    y, v = rng.standard_normal((widths[0], batch)), rng.standard_normal((widths[0], k, batch))
    times = rng.standard_normal(batch)
    value, tangents = jvp(net, times, y, v)
    np.testing.assert_allclose(value, net(times, y), rtol=1e-13, atol=1e-13)
    expected = np.einsum("oib,ikb->okb", net.jacobian(times, y), v)
    np.testing.assert_allclose(tangents, expected, rtol=1e-11, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(widths=WIDTHS, **NETS, k=st.integers(1, 3), batch=st.integers(1, 3))
def test_pull_backs_of_value_and_tangents(
    widths: list[int], activation: str, timed: bool, seed: int, k: int, batch: int
) -> None:
    net, columns = make_net(widths, activation, timed=timed, seed=seed), (1 + k) * batch
    drawn = np.random.default_rng(seed).standard_normal((2, widths[0], columns))[:, :, :batch]
    assume(all(kinks_are_far(net, T, y) for y in drawn))
    check_tape(lambda net: TangentTape(net, batch, 2, k), net, widths[0], widths[-1], seed, columns)


@settings(max_examples=40, deadline=None)
@given(d=st.integers(1, 4), hidden=st.lists(st.integers(1, 6), min_size=2, max_size=2), **NETS, batch=st.integers(1, 3))
def test_pull_backs_of_value_and_trace_in_closed_form(
    d: int, hidden: list[int], activation: str, timed: bool, seed: int, batch: int
) -> None:
    net = make_net((d, *hidden, d), activation, timed=timed, seed=seed)
    assume(kinks_are_far(net, T, states(seed, d, batch)))
    check_tape(lambda net: TraceTape(net, batch, 2), net, d, d + 1, seed, batch)


@settings(max_examples=40, deadline=None)
@given(
    d=st.integers(1, 3), hidden=st.lists(st.integers(1, 4), max_size=3), **NETS, k=st.integers(0, 3),
    batch=st.integers(1, 3), jacobian=st.booleans(), alike=st.booleans(),
)  # fmt: skip
def test_pull_backs_of_value_trace_and_norm_by_probes(
    d: int, hidden: list[int], activation: str, timed: bool, seed: int, k: int, batch: int, jacobian: bool, alike: bool
) -> None:
    net = make_net((d, *hidden, d), activation, timed=timed, seed=seed)
    assume(kinks_are_far(net, T, states(seed, d, batch)))
    shape = d, k, 1 if alike else batch
    probes = np.random.default_rng(seed + 1).standard_normal(shape) if k else identity(d, float)

    def make(net: MLP) -> ProbeTape:
        return ProbeTape(net, batch, 2, probes, share=1 / max(1, k), jacobian=jacobian)

    check_tape(make, net, d, d + 1 + jacobian, seed, batch)


@given(d=st.integers(1, 4), hidden=st.lists(st.integers(1, 6), max_size=3), **NETS, batch=st.integers(1, 4))
def test_the_exact_trace_is_that_of_the_jacobian(
    d: int, hidden: list[int], activation: str, timed: bool, seed: int, batch: int
) -> None:
    net, rng = make_net((d, *hidden, d), activation, timed=timed, seed=seed), np.random.default_rng(seed)
    y, times = rng.standard_normal((d, batch)), rng.standard_normal(batch)
    jacobian, out = net.jacobian(times, y), np.empty((d + 2, batch))
    np.testing.assert_allclose(exact_trace(net, times, y), np.einsum("iib->b", jacobian), rtol=1e-11, atol=1e-12)
    ProbeTape(net, batch, 1, identity(d, float), share=1.0, jacobian=True).evaluate(0, times, y, out)
    np.testing.assert_allclose(out[:d], net(times, y), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(out[d], np.einsum("iib->b", jacobian), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(out[d + 1], (jacobian**2).sum(axis=(0, 1)), rtol=1e-11, atol=1e-12)


def test_the_trace_of_one_hidden_layer_is_the_known_sum() -> None:
    # With z = tanh(W1 y + b1): tr = sum_k (1 - z_k^2) (W1 W2)_kk.
    net, y = make_net((3, 6, 3), timed=False, seed=2), np.random.default_rng(0).standard_normal((3, 5))
    w1, w2 = net.layers[0].weight, net.layers[1].weight
    z = np.tanh(w1 @ y + net.layers[0].bias[:, None])
    expected = (1 - z**2).T @ np.diag(w1 @ w2)
    np.testing.assert_allclose(exact_trace(net, 0.0, y), expected, rtol=1e-12)
    assert not has_closed_form(net)


TAPES: dict[str, Callable[[MLP, Any], Any]] = {
    "tangents": lambda net, beside: TangentTape(net, 3, 2, 1, beside),
    "closed": lambda net, beside: TraceTape(net, 3, 2, beside),
    "probes": lambda net, beside: ProbeTape(net, 3, 2, identity(2, float), share=1.0, jacobian=True, beside=beside),
}


@pytest.mark.parametrize("kind", TAPES)
def test_tapes_beside_each_other_share_only_what_is_pulled_back(kind: str) -> None:
    net, rng = make_net((2, 4, 3, 2), seed=1), np.random.default_rng(3)
    first = TAPES[kind](net, None)
    pair = [first, TAPES[kind](net, first)]
    rows, columns = first.inputs.shape[1:]
    out_rows = first.cotangents.shape[1]
    ys, cotangent = rng.standard_normal((4, rows, columns)), rng.standard_normal((out_rows, columns))
    out, pulled, expected = np.empty_like(cotangent), np.empty((rows, columns)), np.empty((rows, columns))
    for i, y in enumerate(ys):
        pair[i // 2].evaluate(i % 2, 0.1 * i, y, out)
    shared, alone = np.zeros(net.n_parameters), np.zeros(net.n_parameters)
    for place, tape in enumerate(pair):
        for slot in (0, 1):
            # What is in its place already is named None.
            tape.cotangents[slot] = cotangent
            tape.pull(slot, None, pulled)
            single, i = TAPES[kind](net, None), 2 * place + slot
            single.inputs[:] = ys[i]
            single.evaluate(0, 0.1 * i, None, out)
            single.evaluate(1, 0.1 * i, ys[i], out)
            single.pull(0, cotangent, expected)
            np.testing.assert_array_equal(pulled, expected)
            single.pull(1, 0 * cotangent, expected)
            single.add_gradient(alone)
        tape.add_gradient(shared)
    np.testing.assert_allclose(shared, alone, rtol=1e-11)


@pytest.mark.parametrize("kind", TAPES)
def test_a_tape_says_how_much_memory_its_evaluations_take(kind: str) -> None:
    net = make_net((2, 40, 50, 2))
    plain = net.tape(3, 2)
    assert TAPES[kind](net, None).nbytes > plain.nbytes


def test_single_precision_stays() -> None:
    net = make_net((2, 8, 8, 2), dtype=np.float32)
    y = np.random.default_rng(0).standard_normal((2, 6)).astype(np.float32)
    value, tangents = jvp(net, 0.1, y, identity(2, np.float32))
    assert value.dtype == tangents.dtype == exact_trace(net, 0.1, y).dtype == np.float32
    double = net.astype(float)
    np.testing.assert_allclose(exact_trace(net, 0.1, y), exact_trace(double, 0.1, y), atol=2e-6)
