"""Latent ODEs forwards: what is seen of a series, where its posterior and its curve do not depend on anything else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from models.latents import make_batch, make_model, make_series

from nodeviz.engine.integrate import solve
from nodeviz.models.latent import LatentODE
from nodeviz.models.latent_batch import SeriesBatch
from nodeviz.models.latent_encoder import euler_steps
from nodeviz.models.latent_spec import LatentSpec
from nodeviz.models.latent_start import oscillators

LENGTHS = st.lists(st.integers(0, 7), min_size=1, max_size=4)


@given(lengths=LENGTHS, channels=st.integers(1, 3), missing=st.sampled_from([0.0, 0.4]), seed=st.integers(0, 10**6))
def test_a_series_is_encoded_by_itself(lengths: list[int], channels: int, missing: float, seed: int) -> None:
    model, batch = make_model(channels=channels, encoder_dt=0.1), make_batch(seed, lengths, channels, missing)
    together = model.encode(batch)
    for b in range(batch.batch):
        alone = model.encode(batch.column(b))
        for found, expected in zip(together, alone, strict=True):
            np.testing.assert_allclose(found[:, [b]], expected, atol=1e-13)


@given(n=st.integers(1, 8), channels=st.integers(1, 2), seed=st.integers(0, 10**6))
def test_the_order_of_observations_does_not_matter(n: int, channels: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    t, y = make_series(rng, n, channels, missing=0.3)
    order, model = rng.permutation(n), make_model(channels=channels)
    one, other = (model.encode(SeriesBatch.of([(t[o], y[o])])) for o in (np.arange(n), order))
    np.testing.assert_array_equal(one, other)


def test_without_observations_the_posterior_is_the_prior() -> None:
    model = make_model(channels=2)
    batch = SeriesBatch.of([([], np.empty((0, 2))), ([0.3], [[np.nan, np.nan]]), ([0.3], [[np.nan, 1.0]])])
    mean, log_sd = model.encode(batch)
    assert not mean[:, :2].any()
    assert not log_sd[:, :2].any()
    assert mean[:, 2].all()
    path = model.hidden_path(batch, 0)
    assert not path.hidden.any()


def test_missing_values_are_not_zeros() -> None:
    model = make_model(channels=2)
    batch = SeriesBatch.of([([0.3], [[np.nan, 1.0]]), ([0.3], [[0.0, 1.0]])])
    mean, _ = model.encode(batch)
    assert np.abs(mean[:, 0] - mean[:, 1]).max() > 1e-3


@given(lengths=LENGTHS, longest=st.floats(0.02, 2.0), seed=st.integers(0, 10**6))
def test_euler_steps_are_short_enough_and_fill_the_gaps(lengths: list[int], longest: float, seed: int) -> None:
    batch = make_batch(seed, lengths)
    sizes, counts = euler_steps(batch, longest)
    assert counts.shape == (len(batch.times) + 1,)
    assert counts.sum() == len(sizes)
    assert counts[0] == 0, "the way begins at the last observation"
    assert (sizes >= 0).all()
    assert (sizes <= longest * (1 + 1e-6)).all()
    np.testing.assert_allclose(sizes.sum(axis=0), batch.times[-1], atol=1e-12)
    for b in range(batch.batch):
        alone = euler_steps(batch.column(b), longest).sizes[:, 0]
        np.testing.assert_array_equal(sizes[sizes[:, b] > 0, b], alone[alone > 0])


def test_the_hidden_path_jumps_at_observations_alone() -> None:
    model, times = make_model(encoder_dt=0.1), [0.25, 0.5, 0.5, 0.9]
    batch = SeriesBatch.of([([0.1], [1.0]), (times, [1.0, -1.0, 2.0, 0.5])])
    t, hidden = model.hidden_path(batch, 1)
    assert (np.diff(t) >= 0).all()
    assert (np.diff(t) <= 0.1 + 1e-12).all()
    assert t[0] == pytest.approx(0.0, abs=1e-12)
    jumps = t[1:][np.isclose(np.diff(t), 0.0, atol=1e-12)]
    np.testing.assert_allclose(jumps, times, atol=1e-12)
    assert not hidden[:, -1].any(), "the way back begins with nothing seen"
    np.testing.assert_allclose(model.head(0.0, hidden[:, 0])[:3], model.encode(batch)[0][:, 1], atol=1e-12)


@given(seed=st.integers(0, 10**6), n=st.integers(1, 30))
def test_the_answer_does_not_depend_on_the_query_grid(seed: int, n: int) -> None:
    model, rng = make_model(dtype=np.float32), np.random.default_rng(seed)
    ts = rng.uniform(-0.7, 1.6, n)
    z0 = rng.standard_normal((3, 2)).astype(np.float32)
    together = model.latent_path(z0, ts)
    for i, t in enumerate(ts):
        np.testing.assert_array_equal(model.latent_path(z0, [t])[0], together[i])
    np.testing.assert_array_equal(model.latent_path(z0, np.repeat(ts[:, None], 2, axis=1)), together)
    np.testing.assert_array_equal(model.latent_path(z0, [0.0])[0], z0)


def test_paths_are_solutions_smooth_between_the_nodes() -> None:
    model, z0 = make_model(steps=40, speed=0.8), np.random.default_rng(0).standard_normal((3, 4))
    ts = np.linspace(0, 1.5, 41)
    exact = solve(lambda _, z: model.velocity(z), z0, ts, rtol=1e-11, atol=1e-13).ys
    np.testing.assert_allclose(model.latent_path(z0, ts), exact, atol=1e-7)
    back = solve(lambda _, z: model.velocity(z), z0, -ts, rtol=1e-11, atol=1e-13).ys
    np.testing.assert_allclose(model.latent_path(z0, -ts), back, atol=1e-7)
    # The slope of the cubic at a node is the field's on both of its sides.
    for t in (0.0, 0.25, -0.25):
        at = model.latent_path(z0, [t - 1e-6, t, t + 1e-6])
        for side in (at[1] - at[0], at[2] - at[1]):
            np.testing.assert_allclose(side / 1e-6, model.velocity(at[1]), atol=1e-4)


def test_times_of_each_column_are_its_own() -> None:
    model, rng = make_model(channels=2), np.random.default_rng(1)
    z0, ts = rng.standard_normal((3, 5)), rng.uniform(-0.5, 1.5, (7, 5))
    curve = model.curve(z0, ts)
    assert curve.shape == (7, 2, 5)
    for j in range(5):
        np.testing.assert_allclose(curve[:, :, j], model.curve(z0[:, [j]], ts[:, j])[:, :, 0], atol=1e-13)
    np.testing.assert_allclose(curve[2], model.decode(model.latent_path(z0, ts)[2]), atol=1e-13)
    assert model.curve(z0, []).shape == (0, 2, 5)


def test_a_path_that_blows_up_is_finite_until_then() -> None:
    model = make_model(activation="relu")
    model.dynamics.parameters[:] *= 300
    path = model.latent_path(np.ones((3, 1)), [0.0, 40.0])
    assert np.isfinite(path[0]).all()
    assert not np.isfinite(path[1]).all()


def test_five_hundred_points_and_one() -> None:
    model, rng = make_model(dtype=np.float32), np.random.default_rng(0)
    batch = SeriesBatch.of([make_series(rng, 500), ([1.0], [5.0])])
    mean, log_sd = model.encode(batch)
    assert np.isfinite(mean).all()
    assert np.isfinite(log_sd).all()
    assert mean.dtype == np.float32


def test_values_as_large_as_they_may_be() -> None:
    model = make_model(dtype=np.float32, channels=2)
    mean, log_sd = model.encode(SeriesBatch.of([([0.1, 0.2, 0.2], [[1e9, -1e9], [0, np.nan], [-1e9, 1e9]])]))
    assert np.isfinite(mean).all()
    assert np.isfinite(log_sd).all()


def test_double_and_single_precision_are_the_same_model() -> None:
    double, batch = make_model(), make_batch(0, [5, 3])
    single = double.astype(np.float32)
    np.testing.assert_allclose(single.encode(batch)[0], double.encode(batch)[0], atol=1e-5)
    assert (single.log_noise == double.log_noise.astype(np.float32)).all()
    np.testing.assert_allclose(LatentODE.init(LatentSpec(), np.random.default_rng(0)).noise, 0.1, rtol=1e-6)


@pytest.mark.parametrize(
    "fields", [{}, {"latent": 16, "speed": 8.0, "channels": 2}, {"dynamics_layers": 2, "decoder_layers": 0}]
)
def test_training_begins_with_oscillators(fields: Any) -> None:
    spec = LatentSpec(**({"dynamics_hidden": 64, "decoder_hidden": 32} | fields))
    model, latent = LatentODE.init(spec, np.random.default_rng(0), float), spec.latent
    field, decoder = oscillators(spec)
    small = 1e-3 * np.eye(latent)
    np.testing.assert_allclose(model.velocity(small), 1e-3 * field, atol=1e-5)
    np.testing.assert_allclose(model.decode(small), 1e-3 * decoder, atol=1e-6)
    rates = np.linalg.eigvals(field)
    assert np.abs(rates.real).max() < 1e-9
    assert rates.imag.max() == pytest.approx(2 * np.pi * 3.2)


@pytest.mark.parametrize("latent", [1, 2, 3, 4, 9])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_any_size_can_begin(latent: int, activation: str) -> None:
    spec = LatentSpec(latent=latent, activation=activation, dynamics_hidden=2)
    model = LatentODE.init(spec, np.random.default_rng(0))
    curve = model.curve(np.ones((latent, 2), np.float32), [0.0, 1.5])
    assert np.isfinite(curve).all()
    assert curve.any()


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda m: m.latent_path(np.ones((3, 1)), [0.0, np.nan]), "ts: nan is not a model time within 100"),
        (lambda m: m.latent_path(np.ones((3, 1)), [1e300]), "ts: 1e\\+300 is not a model time"),
        (lambda m: m.latent_path(np.ones((3, 1)), 0.5), r"ts has shape \(\); it must be \(T,\)"),
        (lambda m: m.encode(make_batch(0, [3], 2)), "batch: of 2 channels; this model was made for 1"),
        (lambda _: LatentODE(LatentSpec(), parameters=np.zeros(3)), r"parameters: float64 \(3,\); use float32"),
    ],
)
def test_wrong_arguments_are_said(call: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        call(make_model())
