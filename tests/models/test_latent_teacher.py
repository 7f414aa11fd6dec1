"""Training on whole curves: gradients against differences, coordinates that change nothing, an encoder that learns."""

from __future__ import annotations

import numpy as np
import pytest
from engine.tape_checks import agree
from models.latents import make_batch, make_model

from nodeviz.engine.gradcheck import central_differences
from nodeviz.models.latent import LatentODE
from nodeviz.models.latent_batch import SeriesBatch
from nodeviz.models.latent_elbo import ElboPass
from nodeviz.models.latent_likelihood import Targets
from nodeviz.models.latent_spec import LatentSpec
from nodeviz.models.latent_teacher import CurveEncoder, CurveEncoderTape, CurveTrainer, EncoderTrainer, Whitening

TIMES = np.linspace(0.0, 1.5, 13)
SPEC = LatentSpec(latent=4, hidden=12, encoder_hidden=12, dynamics_hidden=16, decoder_hidden=8, speed=4.0, steps=8)


def waves(rng: np.random.Generator, batch: int = 32) -> np.ndarray:
    """Sine waves of about one cycle, (T, 1, B)."""
    return np.sin(rng.uniform(5, 7, batch) * TIMES[:, None] + rng.uniform(0, 6, batch))[:, None]


def trained(steps: int = 400) -> CurveTrainer:
    rng = np.random.default_rng(0)
    training = CurveTrainer(SPEC, TIMES, rng, batch=32, steps=steps, hidden=(16,), average=0.98)
    infos = [training.step(waves(rng), 1e-2) for _ in range(steps)]
    assert all(info.ok for info in infos)
    assert np.mean([info.mse for info in infos[-20:]]) < 0.2 * np.mean([info.mse for info in infos[:5]])
    training.finish()
    return training


def test_the_gradient_agrees_with_differences() -> None:
    rng = np.random.default_rng(0)
    model = make_model(channels=2)
    n, curves = model.parameters.size, rng.standard_normal((13, 2, 3))
    vector = np.zeros(n + CurveEncoder(model.spec, TIMES, hidden=(5,)).n_parameters)
    vector[:n] = model.parameters
    model = LatentODE(model.spec, dtype=float, parameters=vector[:n])
    encoder = CurveEncoder(model.spec, TIMES, hidden=(5,), dtype=float, parameters=vector[n:])
    encoder.start(rng)
    vector[n:] += 0.1 * rng.standard_normal(vector.size - n)
    work = ElboPass(model, 3, 13, own=False, samples=2, encoder=CurveEncoderTape(encoder, 3, n))
    targets, eps = Targets.at(TIMES, curves), rng.standard_normal((3, 2, 3))

    def loss(at: np.ndarray, grad: np.ndarray | None = None) -> float:
        vector[:] = at
        return work.evaluate(curves, targets, eps, 0.8, np.zeros(vector.size) if grad is None else grad).loss

    grad, at = np.zeros(vector.size), vector.copy()
    loss(at, grad)
    assert not grad[: model.spans[2].stop].any(), "the series' encoder has no part in it"
    entries = [*range(model.spans[3].start, n), *rng.choice(np.arange(n, vector.size), 80, replace=False)]
    expected = central_differences(loss, at, entries=entries)
    assert agree(grad[entries], expected[entries])


def test_the_encoder_of_curves_begins_by_undoing_oscillators() -> None:
    rng, spec = (
        np.random.default_rng(0),
        LatentSpec(latent=8, dynamics_hidden=32, decoder_hidden=32, channels=2, steps=40),
    )
    model, encoder = LatentODE.init(spec, rng, float), CurveEncoder(spec, TIMES, dtype=float)
    encoder.start(rng)
    z0 = 0.1 * rng.standard_normal((8, 200))
    z0[6:] = 0.0  # the trend, which the ridge shrinks
    mean, log_sd = encoder(model.curve(z0, TIMES))
    assert np.corrcoef(mean[:6].ravel(), z0[:6].ravel())[0, 1] > 0.95
    assert log_sd == pytest.approx(-2.0, abs=0.2)


def test_whitening_changes_coordinates_and_no_curve() -> None:
    training, rng = trained(), np.random.default_rng(1)
    model, curves = training.model.astype(float), waves(rng, 500)
    encoder = CurveEncoder(SPEC, TIMES, hidden=(16,), dtype=float, parameters=training.encoder.parameters.astype(float))
    z, log_sd = encoder(curves)
    before = model.curve(z, TIMES)
    assert np.square(before - curves).mean() < 0.05
    whitening = Whitening.of(encoder, curves)
    whitening.apply(model)
    w = whitening.change(z)
    np.testing.assert_allclose(model.curve(w, TIMES), before, atol=1e-9)
    np.testing.assert_allclose(w.mean(axis=1), 0.0, atol=1e-9)
    sampled = whitening.change(z + np.exp(log_sd) * rng.standard_normal(z.shape))
    np.testing.assert_allclose(np.cov(sampled), np.eye(4), atol=0.25)


def test_whitening_a_decoder_without_hidden_layer_in_one_dimension() -> None:
    model = make_model(latent=1, decoder_layers=0, dynamics_layers=2)
    z, before = np.array([[0.3, -1.0]]), make_model(latent=1, decoder_layers=0, dynamics_layers=2)
    whitening = Whitening(np.array([0.5]), np.array([[2.0]]))
    whitening.apply(model)
    np.testing.assert_allclose(model.curve(whitening.change(z), TIMES), before.curve(z, TIMES), atol=1e-12)


def test_the_gradient_of_the_series_encoder_agrees_with_differences() -> None:
    model, batch = make_model(channels=2, head_hidden=3), make_batch(1, [4, 0, 2], 2, 0.3)
    training, z = EncoderTrainer(model, batch=3, steps=10), np.random.default_rng(0).standard_normal((3, 3))
    grad, at = np.zeros(model.parameters.size), model.parameters.copy()

    def loss(parameters: np.ndarray) -> float:
        model.parameters[:] = parameters
        mean, log_sd = model.encode(batch)
        return float((0.5 * ((z - mean) * np.exp(-log_sd)) ** 2 + log_sd).mean())

    assert training.loss(batch, z, grad) == pytest.approx(loss(at), rel=1e-12)
    entries = np.random.default_rng(0).choice(model.spans[2].stop, 60, replace=False)
    expected = central_differences(loss, at, entries=entries)
    assert agree(grad[entries], expected[entries])
    assert not grad[model.spans[2].stop :].any()


def test_the_series_encoder_learns_what_is_known_of_the_whole() -> None:
    model, rng = make_model(0, np.float32, hidden=10, encoder_hidden=10), np.random.default_rng(0)
    training, rest = (
        EncoderTrainer(model, batch=64, steps=500, average=0.98),
        model.parameters[model.spans[3].start :].copy(),
    )

    def drawn() -> tuple[SeriesBatch, np.ndarray]:
        # Of three coordinates the series say one, half of another, and nothing of the third.
        z, times = rng.standard_normal((3, 64)), np.sort(rng.random((4, 64)), axis=0)
        return SeriesBatch.stack(times, z[0] + z[1] * np.sign(times - 0.5)), z

    losses = [training.step(*drawn(), 1e-2) for _ in range(500)]
    assert all(taken for _, taken in losses)
    training.finish()
    batch, z = drawn()
    mean, log_sd = model.encode(batch)
    assert np.corrcoef(mean[0], z[0])[0, 1] > 0.8
    assert np.abs(mean[2]).mean() < 0.3
    np.testing.assert_allclose(np.exp(log_sd[2]).mean(), 1.0, atol=0.3)
    assert np.exp(log_sd[0]).mean() < 0.6
    np.testing.assert_array_equal(model.parameters[model.spans[3].start :], rest)


def test_what_is_not_finite_is_never_kept() -> None:
    rng = np.random.default_rng(0)
    training = CurveTrainer(SPEC, TIMES, rng, batch=8, steps=10, hidden=(8,))
    assert training.step(waves(rng, 8), 1e-3).ok
    bad = training.step(1e30 * waves(rng, 8), 1e-3)
    assert not bad.ok
    assert bad.message.startswith("Training step 2: loss or gradient is not finite")
    assert np.isfinite(training.model.parameters).all()
    model = make_model(dtype=np.float32)
    student, z = EncoderTrainer(model, batch=2, steps=10), np.full((3, 2), np.inf)
    _, taken = student.step(make_batch(0, [3, 2]), z, 1e-3)
    assert not taken
    assert np.isfinite(model.parameters).all()
