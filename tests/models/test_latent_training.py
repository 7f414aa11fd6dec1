"""Training of latent ODEs: it learns, the same seed learns the same, and what is not finite is never kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from models.latents import make_batch, make_model

from nodeviz.engine.solution import Status
from nodeviz.models.descent import Descent
from nodeviz.models.latent import LatentODE
from nodeviz.models.latent_batch import SeriesBatch
from nodeviz.models.latent_likelihood import Targets
from nodeviz.models.latent_spec import LatentSpec
from nodeviz.models.latent_training import LatentTrainer

SPEC = LatentSpec(latent=4, hidden=12, encoder_hidden=12, dynamics_hidden=16, decoder_hidden=12, speed=4.0)


def waves(rng: np.random.Generator, batch: int = 32, points: int = 12) -> tuple[SeriesBatch, Targets]:
    """Noisy sine waves of one frequency at irregular times, and what they are beyond."""
    phase = rng.uniform(0, 2 * np.pi, batch)
    times, beyond = np.sort(rng.random((points, batch)), axis=0), np.linspace(0, 1.5, 16)
    noisy = np.sin(5 * times + phase) + 0.05 * rng.standard_normal(times.shape)
    return SeriesBatch.stack(times, noisy), Targets.at(beyond, np.sin(5 * beyond[:, None] + phase))


def trainer(seed: int = 0, **options: Any) -> LatentTrainer:
    return LatentTrainer(LatentODE.init(SPEC, np.random.default_rng(seed)), **{"steps": 100} | options)


def test_it_learns_to_see_ahead() -> None:
    rng = np.random.default_rng(1)
    training = trainer(steps=600, average=0.98)
    infos = [training.step(*waves(rng), 1e-2, rng) for _ in range(600)]
    assert all(info.ok for info in infos)
    assert np.mean([info.mse for info in infos[:5]]) > 0.3
    assert np.mean([info.mse for info in infos[-20:]]) < 0.02
    assert np.mean([info.elbo for info in infos[-20:]]) > 0.0
    batch, targets = waves(np.random.default_rng(2))
    for parameters in (training.model.parameters, training.descent.averaged):
        model = LatentODE(SPEC, parameters=parameters)
        mean, log_sd = model.encode(batch)
        assert np.square(model.curve(mean, targets.times) - targets.values).mean() < 0.02
        assert (log_sd < -0.5).any()
    assert 0.02 < training.model.noise[0] < 0.15


def test_the_same_seed_learns_the_same_and_another_one_does_not() -> None:
    found = []
    for seed in (3, 3, 4):
        rng, training = np.random.default_rng(seed), trainer(seed)
        losses = [training.step(*waves(rng), 1e-3, rng).loss for _ in range(4)]
        found.append((training.model.parameters.copy(), losses))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]
    assert (found[0][0] != found[2][0]).any()


def test_batches_of_any_length_one_after_the_other_leave_no_trace() -> None:
    sizes = [(5, 3), (2, 11), (5, 40), (1, 1), (5, 3)]
    for own in (True, False):
        used = trainer()
        for batch, points in sizes:
            rng = np.random.default_rng(batch)
            series, targets = waves(rng, batch, points)
            wanted = None if own else targets
            used.model.parameters[:] = LatentODE.init(SPEC, np.random.default_rng(0)).parameters
            used.step(series, wanted, 1e-3, np.random.default_rng(1), kl_weight=1.0)
            alone = trainer()
            alone.step(series, wanted, 1e-3, np.random.default_rng(1), kl_weight=1.0)
            np.testing.assert_allclose(used.grad, alone.grad, rtol=1e-4, atol=1e-5)


def test_pieces_give_the_gradient_of_the_whole() -> None:
    batch, targets = waves(np.random.default_rng(0), 7)
    for wanted in (targets, None):
        grads, infos = [], []
        for piece in (None, 3):
            training = trainer(piece=piece)
            infos.append(training.step(batch, wanted, 1e-3, Drawn(), 0.7))  # type: ignore[arg-type]
            grads.append(training.grad.copy())
        np.testing.assert_allclose(grads[1], grads[0], rtol=1e-3, atol=1e-4)
        assert infos[1].loss == pytest.approx(infos[0].loss, rel=1e-5)
        assert infos[1].kl == pytest.approx(infos[0].kl, rel=1e-5)
    pieces = list(trainer(piece=3).step_steps(batch, None, 1e-3, np.random.default_rng(0)))
    assert pieces == [None, None], "it yields between the pieces"


class Drawn:
    """Stands in for random numbers: all the same, whatever the shape."""

    def standard_normal(self, shape: tuple[int, ...]) -> np.ndarray:
        return np.full(shape, 0.3)


def test_a_step_says_what_it_did_and_the_weight_of_the_divergence_rises() -> None:
    training, rng = trainer(steps=100, kl_anneal=0.5), np.random.default_rng(0)
    weights = []
    for _ in range(60):
        info = training.step(*waves(rng, 4, 3), 1e-3, rng)
        assert (info.status, info.message) == (Status.OK, "")
        assert info.loss == pytest.approx(-info.elbo + (info.kl_weight - 1) * info.kl, rel=1e-5)
        weights.append(info.kl_weight)
    np.testing.assert_allclose(weights[:50], np.arange(50) / 50)
    assert weights[50:] == [1.0] * 10
    assert training.taken == 60
    assert trainer(kl_anneal=0.0).kl_weight() == 1.0


def test_noise_may_be_given() -> None:
    rng, training = np.random.default_rng(0), trainer(learn_noise=False)
    for _ in range(3):
        training.step(*waves(rng, 4, 3), 1e-2, rng)
    np.testing.assert_allclose(training.model.noise, 0.1, rtol=1e-6)


@pytest.mark.parametrize("lengths", [[0, 0], [0, 3], [1], [2, 500]])
def test_empty_short_and_long_series_train(lengths: list[int]) -> None:
    model = make_model(dtype=np.float32, channels=2)
    training, rng = LatentTrainer(model), np.random.default_rng(0)
    for _ in range(2):
        assert training.step(make_batch(0, lengths, 2, 0.3), None, 1e-3, rng).ok
    assert np.isfinite(model.parameters).all()


def test_what_is_not_finite_is_never_kept() -> None:
    rng, training = np.random.default_rng(0), trainer(steps=1)
    for _ in range(3):
        assert training.step(*waves(rng), 1e-3, rng).ok
    good = training.model.parameters.copy()
    refused = [info for info in (training.step(*waves(rng), 1e38, rng) for _ in range(6)) if not info.ok]
    assert refused
    assert np.isfinite(training.model.parameters).all()
    assert refused[-1].status is Status.NONFINITE
    assert refused[-1].message.startswith(f"Training step {training.taken + 1}: loss or gradient is not finite;")
    assert refused[-1].message.endswith("lower lr=1e+38.")
    training.model.parameters[:] = good
    assert training.step(*waves(rng), 1e-3, rng).ok, "it goes on"
    batch, targets = waves(rng)
    targets.values[3] = 1e300
    assert not training.step(batch, targets, 1e-3, rng).ok
    np.testing.assert_array_equal(training.model.parameters, good, "of the last step for which all was well")


def test_series_of_other_channels_are_refused() -> None:
    with pytest.raises(ValueError, match="batch: of 2 channels; this model was made for 1"):
        trainer().step(make_batch(0, [3], 2), None, 1e-3, np.random.default_rng(0))


def test_the_gradient_is_clipped_but_told_as_it_was() -> None:
    norms = [
        trainer(clip=clip).step(*waves(np.random.default_rng(0)), 1e-3, np.random.default_rng(0)) for clip in (0, 1e-3)
    ]
    assert norms[0].grad_norm == norms[1].grad_norm > 1e-3


def test_the_learning_rate_rises_and_falls_and_the_mean_follows() -> None:
    parameters = np.zeros(3)
    descent, factors, seen = Descent(parameters, steps=1000, average=0.9), [], []
    for _ in range(1000):
        factors.append(descent.factor())
        norm, taken = descent.move(np.array([1.0, -2.0, 2.0]), 1e-2)
        assert taken
        assert norm == 3.0
        seen.append(parameters.copy())
    assert factors[0] == pytest.approx(0.05)
    assert int(np.argmax(factors)) == 19
    assert (np.diff(factors[20:]) < 0).all()
    assert 0.0099 < factors[-1] < 0.011
    mean = seen[0] * 0
    for i, value in enumerate(seen, start=1):
        kept = min(0.9, i / (i + 10))
        mean = kept * mean + (1 - kept) * value
    np.testing.assert_allclose(descent.averaged, mean, rtol=1e-9)
    assert Descent(parameters, steps=1000, taken=500).factor() == pytest.approx(0.505, abs=2e-3)
    assert Descent(parameters, steps=10).averaged is parameters


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"schedule": "linear"}, "schedule='linear': no such choice; choose one of constant"),
        ({"steps": 0}, "steps=0: below the limit 1"),
        ({"samples": 0}, "samples=0: below the limit 1"),
        ({"piece": 0}, "piece=0: below the limit 1"),
    ],
)
def test_wrong_arguments_are_said(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        trainer(**options)


@pytest.mark.parametrize(
    ("time", "sentence"),
    [
        (-0.1, r"targets: time -0\.1 is before the window, which begins at 0; leave it out"),
        (1e6, r"targets: time 1e\+06 is beyond 100; bring times to model units"),
        (np.nan, "targets: time nan is beyond 100"),
    ],
)
def test_targets_out_of_reach_are_refused(time: float, sentence: str) -> None:
    batch, _ = waves(np.random.default_rng(0), 2)
    targets = Targets.at(np.array([time, 0.5]), np.ones((2, 2)))
    with pytest.raises(ValueError, match=sentence):
        trainer().step(batch, targets, 1e-3, np.random.default_rng(0))
