from __future__ import annotations

import re
from itertools import islice
from typing import Any

import numpy as np
import pytest
from engine.nets_for_tests import kinks_are_far, make_net
from engine.tape_checks import agree
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nodeviz.engine.gradcheck import central_differences
from nodeviz.engine.integrate import solve
from nodeviz.engine.layers import ACTIVATIONS
from nodeviz.engine.mlp import MLP

WIDTHS = st.lists(st.integers(1, 5), min_size=2, max_size=5)
ACTIVATION_NAMES = st.sampled_from(list(ACTIVATIONS))
NETS = {"widths": WIDTHS, "activation": ACTIVATION_NAMES, "timed": st.booleans(), "seed": st.integers(0, 10**6)}


def by_hand(net: MLP, t: Any, y: np.ndarray) -> np.ndarray:
    h = np.concatenate([y, np.broadcast_to(t, (1, y.shape[1]))]) if net.timed else y
    for i, layer in enumerate(net.layers):
        h = layer.weight @ h + layer.bias[:, None]
        if i < len(net.layers) - 1:
            ACTIVATIONS[net.activation](h.shape, h.dtype).value(h)
    return h


@given(**NETS, batch=st.integers(1, 6))
def test_a_net_is_its_layers_one_after_the_other(
    widths: list[int], activation: str, timed: bool, seed: int, batch: int
) -> None:
    net = make_net(widths, activation, timed=timed, seed=seed)
    y = np.random.default_rng(seed).standard_normal((widths[0], batch))
    np.testing.assert_allclose(net(0.7, y), by_hand(net, 0.7, y), rtol=1e-12, atol=1e-12)
    # A batch is its columns, and every column may have its own time.
    times = np.linspace(-1, 1, batch)
    together = net(times, y)
    for j, t in enumerate(times.tolist()):
        np.testing.assert_allclose(together[:, j], net(t, y[:, j]), rtol=1e-12, atol=1e-12)


def away_from_kinks(net: MLP, rng: np.random.Generator, t: float, batch: int) -> np.ndarray:
    """Draw states where no ReLU is so near its kink that a difference would step over it."""
    drawn = (rng.standard_normal((net.widths[0], 1)) for _ in range(300))
    found = list(islice((y for y in drawn if kinks_are_far(net, t, y)), batch))
    # A unit behind others that are never on may have a bias near zero, and so be near its kink everywhere.
    assume(len(found) == batch)
    return np.concatenate(found, axis=1)


@settings(max_examples=60)
@given(**NETS, batch=st.integers(1, 4), slots=st.integers(1, 3))
def test_pull_backs_agree_with_differences(
    widths: list[int], activation: str, timed: bool, seed: int, batch: int, slots: int
) -> None:
    net, rng = make_net(widths, activation, timed=timed, seed=seed), np.random.default_rng(seed + 1)
    times, weights = rng.standard_normal(slots), rng.standard_normal(slots)
    ys = np.stack([away_from_kinks(net, rng, t, batch) for t in times.tolist()])
    cotangents = rng.standard_normal((slots, widths[-1], batch))
    tape, out, grad = net.tape(batch, slots), np.empty((widths[-1], batch)), np.zeros(net.n_parameters)
    for slot in range(slots):
        tape.evaluate(slot, times[slot], ys[slot], out)
        np.testing.assert_array_equal(out, net(times[slot], ys[slot]))
    pulled = np.empty((widths[0], batch))
    for slot, (t, y, cotangent) in enumerate(zip(times.tolist(), ys, cotangents, strict=True)):
        tape.pull(slot, cotangent, pulled)
        by_y = central_differences(lambda y, t=t, c=cotangent: float((c * net(t, y)).sum()), y)
        assert agree(pulled, by_y)
        by_t = central_differences(lambda t, y=y, c=cotangent: float((c * net(float(t), y)).sum()), t)
        assert tape.pull_time(slot) == pytest.approx(float(by_t), rel=1e-8, abs=1e-9)
    tape.add_gradient(grad, weights)

    def total(parameters: np.ndarray) -> float:
        other = MLP(widths, activation, timed=timed, dtype=float, parameters=parameters)
        values = [float((c * other(t, y)).sum()) for c, t, y in zip(cotangents, times, ys, strict=True)]
        return float(np.dot(weights, values))

    assert agree(grad, central_differences(total, net.parameters))
    before = grad.copy()
    tape.add_gradient(grad, weights)
    np.testing.assert_allclose(grad, 2 * before, rtol=1e-12, atol=1e-12)


@given(**NETS)
def test_the_jacobian_agrees_with_the_pull_back(widths: list[int], activation: str, timed: bool, seed: int) -> None:
    net, batch = make_net(widths, activation, timed=timed, seed=seed), 3
    rng = np.random.default_rng(seed)
    y, cotangent = rng.standard_normal((widths[0], batch)), rng.standard_normal((widths[-1], batch))
    tape, pulled = net.tape(batch, 1), np.empty((widths[0], batch))
    tape.evaluate(0, 0.4, y, np.empty((widths[-1], batch)))
    tape.pull(0, cotangent, pulled)
    jacobian = net.jacobian(0.4, y)
    assert jacobian.shape == (widths[-1], widths[0], batch)
    np.testing.assert_allclose(np.einsum("oib,ob->ib", jacobian, cotangent), pulled, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(net.jacobian(0.4, y[:, 1]), jacobian[:, :, 1], rtol=1e-12, atol=1e-14)


def test_tapes_beside_each_other_share_only_what_is_pulled_back() -> None:
    net, rng = make_net((2, 4, 2), "tanh", timed=False, seed=0), np.random.default_rng(1)
    first = net.tape(3, 2)
    tapes = [first, net.tape(3, 2, beside=first)]
    ys, cotangent, out = rng.standard_normal((4, 2, 3)), rng.standard_normal((2, 3)), np.empty((2, 3))
    for i, y in enumerate(ys):
        tapes[i // 2].evaluate(i % 2, 0.0, y, out)
    shared, alone = np.zeros(net.n_parameters), np.zeros(net.n_parameters)
    for tape in tapes:
        for slot in range(2):
            tape.pull(slot, cotangent, out)
        tape.add_gradient(shared)
    for y in ys:
        single = net.tape(3, 1)
        single.evaluate(0, 0.0, y, out)
        single.pull(0, cotangent, out)
        single.add_gradient(alone)
    np.testing.assert_allclose(shared, alone, rtol=1e-12)


def test_arguments_may_be_written_where_they_are_needed() -> None:
    net = make_net((3, 4, 2), "softplus", timed=True, seed=3)
    y, cotangent = np.random.default_rng(0).standard_normal((3, 5)), np.random.default_rng(1).standard_normal((2, 5))
    tape, out, pulled, expected = net.tape(5, 2), np.empty((2, 5)), np.empty((3, 5)), np.empty((3, 5))
    tape.evaluate(0, 0.3, y, out)
    tape.pull(0, cotangent, expected)
    tape.inputs[1][:] = y
    tape.evaluate(1, 0.3, None, out)
    tape.cotangents[1][:] = cotangent
    tape.pull(1, None, pulled)
    np.testing.assert_array_equal(out, net(0.3, y))
    np.testing.assert_array_equal(pulled, expected)


def test_the_engine_solves_nets_of_both_dtypes_whole_and_per_sample() -> None:
    y0 = np.random.default_rng(0).standard_normal((2, 7))
    for timed in (False, True):
        net = make_net((2, 8, 2), "tanh", timed=timed, seed=5)
        exact = solve(lambda t, y, net=net: by_hand(net, t, y), y0, (0, 1), rtol=1e-10, atol=1e-12).ys[-1]
        single = solve(net.astype(np.float32), y0.astype(np.float32), (0, 1), rtol=1e-5)
        assert single.ys.dtype == np.float32
        np.testing.assert_allclose(single.ys[-1], exact, atol=1e-4)
        np.testing.assert_allclose(solve(net, y0, (0, 1), rtol=1e-9).ys[-1], exact, atol=1e-7)
        columns = solve(net, y0, (0, 1), rtol=1e-9, per_sample=True)
        assert columns.ok
        np.testing.assert_allclose(columns.ys[-1], exact, atol=1e-7)
        stiff = solve(net, y0, (0, 1), method="radau", rtol=1e-8, jacobian=net.jacobian)
        np.testing.assert_allclose(stiff.ys[-1], exact, atol=1e-5)


def test_a_float64_state_goes_through_a_float32_net() -> None:
    net = make_net((2, 3, 2), "relu", timed=False, seed=1, dtype=np.float32)
    y, out = np.ones((2, 4)), np.empty((2, 4))
    net.into(0.0, y, out)
    np.testing.assert_array_equal(out, net(0.0, y.astype(np.float32)))
    assert net(0.0, [1, 1]).shape == (2,)


def test_parameters_are_one_vector_and_may_lie_in_a_larger_one() -> None:
    rng, memory = np.random.default_rng(0), np.zeros(100)
    net = MLP.init(rng, (2, 5, 3), dtype=float, parameters=memory[10:43], last_scale=0.1)
    assert net.n_parameters == 33
    assert memory[:10].any() == memory[43:].any() == np.False_
    np.testing.assert_array_equal(net.layers[1].bias, 0.0)
    own = MLP.init(np.random.default_rng(0), (2, 5, 3), dtype=float)
    np.testing.assert_allclose(net.layers[1].weight, 0.1 * own.layers[1].weight, rtol=1e-14)
    net.set_parameters(np.arange(33))
    assert memory[10:43].tolist() == list(range(33))
    np.testing.assert_array_equal(net.layers[0].both, np.arange(15.0).reshape(5, 3))


def test_weights_are_scaled_by_the_fan_in() -> None:
    net = MLP.init(np.random.default_rng(0), (400, 300, 200), timed=True, dtype=float)
    assert net.layers[0].weight.shape == (300, 401)
    for layer in net.layers:
        assert layer.weight.std() * np.sqrt(layer.weight.shape[1]) == pytest.approx(1.0, abs=0.02)
        assert not layer.bias.any()


def test_single_and_double_nets_of_a_seed_are_the_same() -> None:
    single, double = (MLP.init(np.random.default_rng(4), (2, 9, 2), dtype=d) for d in (np.float32, np.float64))
    np.testing.assert_allclose(single.parameters, double.parameters, rtol=1e-6)
    assert single.parameters.dtype == np.float32


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"widths": (2,)}, "widths=(2,): needs at least two, those of the input and of the output"),
    ({"widths": (2, 0, 2)}, "widths[1]=0: not a whole number from 1 on; use 1 or more"),
    ({"widths": (2, 3.5)}, "widths[1]=3.5: not a whole number"),
    ({"widths": (2, True)}, "widths[1]=True: not a whole number"),
    ({"activation": "elu"}, "activation='elu': no such activation; choose one of tanh, relu"),
    ({"parameters": np.zeros(3, np.float32)}, "parameters: float32 (3,); widths=(2, 2) need float32 (6,)"),
    ({"parameters": np.zeros(6)}, "parameters: float64 (6,); widths=(2, 2) need float32 (6,)"),
]


@pytest.mark.parametrize(("arguments", "sentence"), WRONG, ids=[sentence[:30] for _, sentence in WRONG])
def test_a_wrong_argument_is_named_in_one_sentence(arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        MLP(**{"widths": (2, 2), **arguments})


def test_a_state_of_another_size_is_refused() -> None:
    net = MLP((2, 3, 2))
    for y in ([1.0], np.ones((1, 4)), np.ones((2, 3, 4)), 1.0):
        with pytest.raises(ValueError, match=r"y has shape .*; widths=\(2, 3, 2\) want \(2,\) or a batch"):
            net(0.0, y)
