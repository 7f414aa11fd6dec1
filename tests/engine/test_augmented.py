"""Fields with integrals beside the state: their rates, and the gradients of likelihoods and regularisers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from engine.nets_for_tests import make_net
from engine.tape_checks import agree, check_tape
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeviz.engine.augmented import AugmentedField, BlendedField
from nodeviz.engine.gradcheck import central_differences
from nodeviz.engine.gradients import MODES, GradientSolve
from nodeviz.engine.integrate import solve
from nodeviz.engine.mlp import MLP

if TYPE_CHECKING:
    from nodeviz.engine.density import DensityField

REGULARISERS = {"jacobian": st.booleans(), "kinetic": st.booleans()}


@given(d=st.integers(1, 4), hidden=st.lists(st.integers(1, 5), max_size=3), seed=st.integers(0, 10**6), **REGULARISERS)
def test_the_rates_are_velocity_trace_norm_and_energy(
    d: int, hidden: list[int], seed: int, jacobian: bool, kinetic: bool
) -> None:
    net, rng = make_net((d, *hidden, d), seed=seed), np.random.default_rng(seed)
    field = AugmentedField(net, jacobian=jacobian, kinetic=kinetic)
    state, times = rng.standard_normal((field.rows, 3)), rng.standard_normal(3)
    rates, matrix = field(times, state), net.jacobian(times, state[:d])
    velocity = net(times, state[:d])
    assert len(rates) == field.rows == d + 1 + jacobian + kinetic
    np.testing.assert_allclose(rates[:d], velocity, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(rates[d], -np.einsum("iib->b", matrix), rtol=1e-11, atol=1e-12)
    if field.jacobian_row is not None:
        np.testing.assert_allclose(rates[field.jacobian_row], (matrix**2).sum(axis=(0, 1)), rtol=1e-11, atol=1e-12)
    if field.kinetic_row is not None:
        np.testing.assert_allclose(rates[field.kinetic_row], (velocity**2).sum(axis=0), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(field(times[1], state[:, 1]), rates[:, 1], rtol=1e-12, atol=1e-13)
    assert len(field.augment(state[:d])) == field.rows
    np.testing.assert_array_equal(field.augment(state[:d])[d:], 0.0)


@settings(max_examples=40, deadline=None)
@given(
    d=st.integers(1, 3), hidden=st.lists(st.integers(1, 4), max_size=3), timed=st.booleans(), k=st.integers(0, 2),
    activation=st.sampled_from(["tanh", "softplus"]), seed=st.integers(0, 10**6), batch=st.integers(1, 3),
    **REGULARISERS,
)  # fmt: skip
def test_pull_backs_of_the_rates(
    d: int,
    hidden: list[int],
    activation: str,
    timed: bool,
    seed: int,
    k: int,
    batch: int,
    jacobian: bool,
    kinetic: bool,
) -> None:
    net = make_net((d, *hidden, d), activation, timed=timed, seed=seed)
    probes: Any = np.random.default_rng(seed + 1).standard_normal((d, k, batch)) if k else "exact"
    rows = AugmentedField(net, probes, jacobian=jacobian, kinetic=kinetic).rows
    check_tape(
        lambda net: AugmentedField(net, probes, jacobian=jacobian, kinetic=kinetic).tape(batch, 2),
        net, rows, rows, seed, batch,
    )  # fmt: skip


def regularised_loss(field: AugmentedField, ended: np.ndarray) -> tuple[float, np.ndarray]:
    """The mean of -log p under a normal base, plus both regularisers, and its cotangent; solved backwards."""
    d, n = field.dim, ended.shape[1]
    cotangent = np.zeros_like(ended)
    loss = float((0.5 * (ended[:d] ** 2).sum(axis=0) + ended[d]).mean()) + d / 2 * np.log(2 * np.pi)
    cotangent[:d], cotangent[d] = ended[:d] / n, 1 / n
    for row, weight in ((field.jacobian_row, 0.3), (field.kinetic_row, 0.1)):
        if row is not None:
            loss -= weight * float(ended[row].mean())
            cotangent[row] = -weight / n
    return loss, cotangent


@pytest.mark.parametrize("mode", [name for name, mode in MODES.items() if mode.exact])
@pytest.mark.parametrize("kind", ["closed form", "tangents", "probes"])
def test_likelihoods_are_differentiated_exactly_by_every_exact_mode(mode: str, kind: str) -> None:
    rng, batch = np.random.default_rng(0), 4
    widths = (2, 5, 4, 2) if kind == "closed form" else (2, 4, 2)
    trace: Any = rng.standard_normal((2, 3, batch)) if kind == "probes" else "exact"
    regularised = kind != "closed form"

    def make(parameters: np.ndarray | None) -> AugmentedField:
        net = (
            make_net(widths, seed=3)
            if parameters is None
            else MLP(widths, timed=True, dtype=float, parameters=parameters)
        )
        return AugmentedField(net, trace, jacobian=regularised, kinetic=regularised)

    field, x, times = make(None), rng.standard_normal((2, batch)), np.linspace(1.0, 0.0, 4)

    def loss_at(parameters: np.ndarray, x: np.ndarray, times: np.ndarray) -> float:
        other = make(parameters)
        ended = GradientSolve(other, batch, method="rk4", mode=mode).forward(other.augment(x), times)
        return regularised_loss(other, ended)[0]

    run, grad = GradientSolve(field, batch, method="rk4", mode=mode), np.zeros(field.net.n_parameters)
    _, cotangent = regularised_loss(field, run.forward(field.augment(x), times))
    back = run.backward(cotangent, grad)
    assert agree(grad, central_differences(lambda p: loss_at(p, x, times), field.parameters))
    assert agree(back.y0[:2], central_differences(lambda x: loss_at(field.parameters, x, times), x))
    assert agree(back.times, central_differences(lambda t: loss_at(field.parameters, x, t), times))


@pytest.mark.parametrize("mode", [name for name, mode in MODES.items() if not mode.exact])
def test_the_other_modes_come_near(mode: str) -> None:
    field, batch = AugmentedField(make_net((2, 5, 4, 2), seed=3), kinetic=True), 4
    x, times = np.random.default_rng(0).standard_normal((2, batch)), np.linspace(1.0, 0.0, 101)
    grads = []
    for way in ("checkpoint", mode):
        run, grad = GradientSolve(field, batch, method="rk4", mode=way), np.zeros(field.net.n_parameters)
        _, cotangent = regularised_loss(field, run.forward(field.augment(x), times))
        run.backward(cotangent, grad)
        grads.append(grad)
    # The article's scheme is of first order, the others of that of the solver.
    tolerance = 0.03 if mode == "article" else 1e-6
    assert np.abs(grads[1] - grads[0]).max() < tolerance * np.abs(grads[0]).max()


def test_the_kinetic_energy_and_the_norm_are_integrals_along_the_path() -> None:
    # y' = A y with A antisymmetric: |f|^2 = w^2 |y|^2 stays, and |A|^2 = 2 w^2.
    w, net = 1.5, MLP((2, 2), dtype=float)
    net.layers[0].weight[:] = [[0.0, -w], [w, 0.0]]
    field = AugmentedField(net, jacobian=True, kinetic=True)
    x = np.array([[1.0, 0.3], [0.5, -2.0]])
    ended = solve(field, field.augment(x), (0.0, 2.0), rtol=1e-10, atol=1e-12).ys[-1]
    assert field.jacobian_row is not None
    assert field.kinetic_row is not None
    np.testing.assert_allclose(ended[2], 0.0, atol=1e-9)
    np.testing.assert_allclose(ended[field.jacobian_row], 2.0 * 2 * w * w, rtol=1e-9)
    np.testing.assert_allclose(ended[field.kinetic_row], 2.0 * w * w * (x**2).sum(axis=0), rtol=1e-8)
    back = solve(field, field.augment(x), (2.0, 0.0), rtol=1e-10, atol=1e-12).ys[-1]
    np.testing.assert_allclose(back[field.kinetic_row], -ended[field.kinetic_row], rtol=1e-8)


def test_probes_may_be_renewed_in_place() -> None:
    net, rng = make_net((2, 6, 2)), np.random.default_rng(0)
    first, second = rng.standard_normal((2, 2, 3, 4))
    field, state = AugmentedField(net, first), rng.standard_normal((3, 4))
    tape, out = field.tape(4, 1), np.empty((3, 4))
    field.probes[...] = second
    tape.evaluate(0, 0.2, state, out)
    np.testing.assert_allclose(out, AugmentedField(net, second)(0.2, state), rtol=1e-13)
    assert np.abs(out[2] - AugmentedField(net, first)(0.2, state)[2]).min() > 1e-6
    np.testing.assert_array_equal(first, AugmentedField(net, first).probes)


def test_parameters_may_change_between_evaluations() -> None:
    net, state = make_net((2, 5, 6, 2)), np.random.default_rng(0).standard_normal((3, 4))
    field = AugmentedField(net)
    before = field(0.1, state)
    net.parameters *= 1.5
    np.testing.assert_array_equal(field(0.1, state), AugmentedField(net)(0.1, state))
    assert np.abs(field(0.1, state) - before).max() > 0.01


def test_columns_keep_their_probes() -> None:
    net, rng = make_net((2, 6, 2)), np.random.default_rng(0)
    probes, state = rng.standard_normal((2, 3, 7)), rng.standard_normal((5, 7))
    field = AugmentedField(net, probes, jacobian=True, kinetic=True)
    part = slice(2, 5)
    np.testing.assert_allclose(field.columns(part)(0.3, state[:, part]), field(0.3, state)[:, part], rtol=1e-12)
    assert not field.shared
    alike = AugmentedField(net, probes[:, :, :1])
    assert alike.shared
    assert alike.columns(part) is alike


def linear(matrix: Any, shift: Any) -> MLP:
    net = MLP((2, 2), dtype=float)
    net.layers[0].weight[:], net.layers[0].bias[:] = matrix, shift
    return net


def test_a_blend_is_the_field_of_the_sum() -> None:
    matrix, shift = np.array([[0.5, -1.0], [0.3, 0.2]]), np.array([0.1, -0.4])
    blended: DensityField = BlendedField(AugmentedField(linear(matrix, shift)), lambda t: (2 * t, -3 * t))
    state = np.random.default_rng(0).standard_normal((3, 4))
    for t in (0.7, np.array([0.1, 0.2, 0.3, 0.4])):
        expected = 2 * t * state[:2] - 3 * t * (matrix @ state[:2] + shift[:, None])
        rates = blended(t, state)
        np.testing.assert_allclose(rates[:2], expected, rtol=1e-13)
        np.testing.assert_allclose(rates[2], -(4 * t - 3 * t * np.trace(matrix)) * np.ones(4), rtol=1e-13)
        out = np.empty_like(state)
        blended.into(t, state, out)
        np.testing.assert_array_equal(out, rates)
    assert blended.columns(slice(0, 2)) is blended
    probed = BlendedField(AugmentedField(linear(matrix, shift), np.ones((2, 1, 4))), lambda t: (2 * t, -3 * t))
    np.testing.assert_allclose(probed.columns(slice(1, 3))(0.7, state[:, 1:3]), probed(0.7, state)[:, 1:3], rtol=1e-13)


WRONG: list[tuple[Any, dict[str, Any], str]] = [
    ((2, 3, 3), {}, "net.widths=(2, 3, 3): not a field; its first and last width must be equal"),
    ((2, 3, 2), {"trace": "hutchinson"}, "trace='hutchinson': unknown; use 'exact', or give probes"),
    ((2, 3, 2), {"trace": np.ones((3, 1, 1))}, "trace: probes have shape (3, 1, 1); give (2, K, B) or (2, K, 1)"),
    ((2, 3, 2), {"trace": np.ones((2, 0, 1))}, "trace: probes have shape (2, 0, 1)"),
    ((2, 3, 2), {"trace": np.ones((2, 5))}, "trace: probes have shape (2, 5)"),
]


@pytest.mark.parametrize(("widths", "arguments", "sentence"), WRONG, ids=[sentence[:30] for *_, sentence in WRONG])
def test_a_wrong_argument_is_named_in_one_sentence(widths: Any, arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        AugmentedField(MLP(widths), **arguments)


def test_batches_and_states_of_another_size_are_refused() -> None:
    field = AugmentedField(MLP((2, 3, 2), dtype=float), np.ones((2, 1, 4)))
    with pytest.raises(ValueError, match="batch=3: the probes are for 4 columns"):
        field(0.0, np.ones((3, 3)))
    with pytest.raises(ValueError, match=r"y has shape \(2, 4\); this field wants \(3,\) or \(3, B\)"):
        field(0.0, np.ones((2, 4)))
    with pytest.raises(ValueError, match="field: has 4 rows; a blended one has no regularisers"):
        BlendedField(AugmentedField(MLP((2, 3, 2)), kinetic=True), lambda _t: (1.0, 1.0))
