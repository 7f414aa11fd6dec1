"""RNNs with times: answers that hang together, gradients against differences, and that training brings them on."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeviz.models.latent_batch import SeriesBatch
from nodeviz.models.time_rnn import RNNSpec, TimeRNN, since_and_until
from nodeviz.models.time_rnn_training import BEYOND, RNNTrainer, draw_targets, train_step
from nodeviz.problems.families import FAMILIES, SPIRALS

SMALL = RNNSpec(hidden=5, decoder_hidden=6)
TIMES = np.linspace(-0.5, 2.0, 23)


def make(spec: RNNSpec = SMALL, dtype: Any = np.float64) -> TimeRNN:
    model = TimeRNN.init(spec, np.random.default_rng(0), dtype)
    # Weights of the last layer that make the observations matter.
    model.decoder.layers[-1].weight[:] *= 10.0
    return model


def series(n: int, channels: int = 1, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return np.sort(rng.random(n)), rng.standard_normal((n, channels))


# Specs ---------------------------------------------------------------------------------------------------------------


def test_a_spec_comes_back_from_json() -> None:
    spec = RNNSpec(channels=2, hidden=7, decoder_hidden=9, decoder_layers=3)
    assert RNNSpec.from_json(spec.to_json()) == spec
    assert RNNSpec.from_json({}) == RNNSpec()
    assert TimeRNN(spec).parameters.shape == (spec.n_parameters,)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"hidden": 0}, "hidden=0: must be a whole number from 1 to 2000"),
        ({"channels": True}, "channels=True: must be a whole number"),
        ({"width": 3}, "not a mapping of an RNN's fields; use channels, decoder_hidden"),
        (None, "not a mapping of an RNN's fields"),
    ],
)
def test_what_is_no_spec(data: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        RNNSpec.from_json(data)


def test_memory_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match=r"parameters: float32 \(3,\); use float32"):
        TimeRNN(SMALL, parameters=np.zeros(3, np.float32))


# Answers -------------------------------------------------------------------------------------------------------------


def test_series_of_a_batch_are_answered_as_each_alone() -> None:
    model = make()
    several = [series(n, seed=n) for n in (0, 1, 4, 11)]
    found = model.predict(SeriesBatch.of(several), TIMES)
    assert found.mean.shape == found.sd.shape == (23, 1, 4)
    assert (found.sd >= 0.01).all()
    for b, one in enumerate(several):
        alone = model.predict(SeriesBatch.of([one]), TIMES)
        np.testing.assert_allclose(found.mean[:, :, b], alone.mean[:, :, 0], rtol=1e-9)
        np.testing.assert_allclose(found.sd[:, :, b], alone.sd[:, :, 0], rtol=1e-9)


def test_an_answer_does_not_depend_on_the_other_times_asked_for() -> None:
    model, batch = make(), SeriesBatch.of([series(6), series(3, seed=1)])
    together = model.predict(batch, TIMES).mean
    for j in (0, 9, 22):
        np.testing.assert_allclose(model.predict(batch, TIMES[j : j + 1]).mean[0], together[j], rtol=1e-9)
    own = model.predict(batch, np.stack([TIMES, TIMES[::-1]], axis=1)).mean
    np.testing.assert_allclose(own[:, :, 0], together[:, :, 0], rtol=1e-9)
    np.testing.assert_allclose(own[::-1, :, 1], together[:, :, 1], rtol=1e-9)


@pytest.mark.parametrize("which", [0, 3, 5])
def test_every_observation_matters_before_it_and_after_it(which: int) -> None:
    model, (t, y) = make(), series(6)
    other = y.copy()
    other[which] += 1.0
    change = np.abs(
        model.predict(SeriesBatch.of([(t, y)]), TIMES).mean - model.predict(SeriesBatch.of([(t, other)]), TIMES).mean
    )
    assert change.min() > 1e-6


def test_missing_values_are_none_and_not_zero() -> None:
    model, (t, y) = make(RNNSpec(channels=2, hidden=5, decoder_hidden=6)), series(6, 2)
    missing, zero = y.copy(), y.copy()
    missing[2, 0], zero[2, 0] = np.nan, 0.0
    found = [model.predict(SeriesBatch.of([(t, values)]), TIMES).mean for values in (missing, zero)]
    assert found[0].shape == (23, 2, 1)
    assert np.abs(found[0] - found[1]).max() > 1e-6


def test_many_observations_are_read_in_pieces() -> None:
    model = make()
    steps = model.predict_steps(SeriesBatch.of([series(300)]), TIMES)
    pieces = sum(1 for _ in steps)
    assert pieces >= 9


@pytest.mark.parametrize("ts", [0.5, np.zeros((4, 3))])
def test_times_of_another_shape_are_refused(ts: Any) -> None:
    with pytest.raises(ValueError, match=re.escape("give (M,), or (M, B) with B = 2 series")):
        make().predict(SeriesBatch.of([series(2), series(2)]), ts)


def test_series_of_other_channels_are_refused() -> None:
    with pytest.raises(ValueError, match="batch: of 2 channels; this model was made for 1"):
        make().predict(SeriesBatch.of([series(3, 2)]), TIMES)


def test_how_far_the_observations_around_a_time_are() -> None:
    batch = SeriesBatch.of([([0.2, 0.5], [1.0, 2.0]), ([], [])])
    times = np.array([[0.1, 0.1], [0.3, 0.3], [0.9, 0.9]])
    gaps = (batch.times[:, None] <= times).sum(axis=0)
    found = since_and_until(batch, times, gaps)
    np.testing.assert_allclose(found[:, 0], [[0.1, 0.1, 0.1], [0.3, 0.1, 0.2], [0.9, 0.4, 0.0]])
    np.testing.assert_allclose(found[:, 1], [[0.1, 0.1, 0.0], [0.3, 0.3, 0.0], [0.9, 0.9, 0.0]])


# Training ------------------------------------------------------------------------------------------------------------


@given(st.integers(0, 12), st.integers(0, 3))
def test_targets_lie_in_their_gaps_and_stand_for_the_whole_window(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    times = np.sort(rng.random((n, 4)), axis=0)
    found = draw_targets(times, 1.5, rng)
    np.testing.assert_allclose(found.weights.sum(axis=0), 1.0)
    np.testing.assert_array_equal((times[:, None] <= found.times).sum(axis=0), np.tile(found.gaps[:, None], 4))
    assert np.count_nonzero(found.gaps == n) == BEYOND
    assert found.times.max() <= 1.5
    assert (np.diff(found.gaps) >= 0).all()


@pytest.mark.parametrize(("n", "channels"), [(0, 1), (1, 1), (7, 1), (5, 2)])
def test_the_gradient_is_that_of_differences(n: int, channels: int) -> None:
    rng = np.random.default_rng(1)
    model = make(RNNSpec(channels=channels, hidden=4, decoder_hidden=5))
    trainer = RNNTrainer(model, 3, 8)
    times = np.sort(rng.random((n, 3)), axis=0)
    values = rng.standard_normal((n, channels, 3))
    values[:, 0][rng.random((n, 3)) < 0.2 * (channels > 1)] = np.nan
    batch, targets = SeriesBatch.stack(times, values), draw_targets(times, 1.5, rng)
    clean = rng.standard_normal((len(targets.times), channels, 3))
    gradient = trainer.gradient(batch, targets, clean, ease=0.0)[2].copy()
    for j in rng.permutation(len(gradient))[:60]:
        values_there = []
        for shift in (1e-6, -1e-6):
            model.parameters[j] += shift
            values_there.append(trainer.gradient(batch, targets, clean, ease=0.0)[0])
            model.parameters[j] -= shift
        assert gradient[j] == pytest.approx((values_there[0] - values_there[1]) / 2e-6, rel=1e-4, abs=1e-7)


def test_the_loss_is_that_of_the_predictions() -> None:
    rng = np.random.default_rng(2)
    model = make()
    t, y = np.sort(rng.random((4, 3)), axis=0), rng.standard_normal((4, 1, 3))
    batch, targets = SeriesBatch.stack(t, y), draw_targets(t, 1.5, rng)
    clean = rng.standard_normal((len(targets.times), 1, 3))
    loss, mse, _ = RNNTrainer(model, 3, 8).gradient(batch, targets, clean)
    mean, sd = model.predict(batch, targets.times)
    missed = (mean - clean) / sd
    expected = 0.5 * np.log(2 * np.pi) + np.log(sd) + 0.5 * missed * missed
    assert loss == pytest.approx((targets.weights[:, None] * expected).sum() / 3)
    assert mse == pytest.approx((targets.weights[:, None] * np.square(mean - clean)).sum() / 3)


def test_what_is_trained_without_observations_is_what_is_then_asked() -> None:
    model, rng = make(), np.random.default_rng(5)
    nothing = SeriesBatch.stack(np.empty((0, 2)), np.empty((0, 1, 2)))
    targets = draw_targets(nothing.times, 1.5, rng)
    loss = RNNTrainer(model, 2, 3).gradient(nothing, targets, np.zeros((BEYOND, 1, 2)), ease=0.0)[0]
    mean, sd = model.predict(SeriesBatch.of([([], []), ([], [])]), targets.times)
    expected = 0.5 * np.log(2 * np.pi) + np.log(sd) + 0.5 * np.square(mean / sd)
    assert loss == pytest.approx((targets.weights[:, None] * expected).sum() / 2)


def test_a_step_that_is_not_finite_is_not_taken() -> None:
    model = make(dtype=np.float32)
    trainer = RNNTrainer(model, 2, 4)
    before = model.parameters.copy()
    batch = SeriesBatch.of([series(3), series(3, seed=1)])
    targets = draw_targets(batch.times, 1.5, np.random.default_rng(0))
    clean = np.full((len(targets.times), 1, 2), np.nan)
    assert not trainer.step(batch, targets, clean, 1e-3).taken
    np.testing.assert_array_equal(model.parameters, before)


def test_more_observations_than_the_trainer_takes_are_refused() -> None:
    trainer = RNNTrainer(make(dtype=np.float32), 1, 4)
    batch = SeriesBatch.of([series(5)])
    targets = draw_targets(batch.times, 1.5, np.random.default_rng(0))
    with pytest.raises(ValueError, match="batch: 5 x 1; this trainer takes up to 4 x 1"):
        trainer.step(batch, targets, np.zeros((len(targets.times), 1, 1)), 1e-3)


@pytest.mark.parametrize("horizon", [None, 1.0])
@pytest.mark.parametrize("family", [FAMILIES["oscillations"], SPIRALS], ids=lambda family: family.name)
def test_training_brings_it_on_and_the_same_seed_trains_the_same(family: Any, horizon: float | None) -> None:
    def train() -> tuple[TimeRNN, list[float]]:
        rng = np.random.default_rng(3)
        model = TimeRNN.init(RNNSpec(channels=family.channels, hidden=16, decoder_hidden=16), rng)
        trainer = RNNTrainer(model, 32, 12)
        return model, [train_step(trainer, family, 10, 5e-3, rng, horizon).mse for _ in range(120)]

    (model, errors), (again, _) = train(), train()
    assert np.mean(errors[-20:]) < 0.7 * np.mean(errors[:20])
    assert model.parameters.dtype == np.float32
    np.testing.assert_array_equal(model.parameters, again.parameters)
