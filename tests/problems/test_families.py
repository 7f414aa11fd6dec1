"""Families of functions: what they are made of, how they are observed, and that draws cost next to nothing."""

from __future__ import annotations

import re
import time

import numpy as np
import pytest

from nodeviz.problems.chen_spirals import STEPS, spirals, times_beyond
from nodeviz.problems.families import FAMILIES, SPIRALS, Family, FunctionBatch, broad, observe, oscillations

EVERY = [*FAMILIES.values(), SPIRALS]


def test_the_families_of_the_panel() -> None:
    assert list(FAMILIES) == ["oscillations", "broad"]


@pytest.mark.parametrize("family", EVERY, ids=lambda family: family.name)
def test_observations_are_the_function_and_its_noise(family: Family) -> None:
    rng = np.random.default_rng(1)
    curves = family.draw(400, rng)
    times, values = family.observe(curves, 30, rng)
    assert times.shape == (400, 30)
    assert values.shape == (400, 30, family.channels)
    assert (np.diff(times, axis=1) >= 0).all()
    assert times.min() >= 0
    assert times.max() <= 1
    left = (values - curves.paths(times)) / curves.noise[:, None, None]
    assert abs(left.mean()) < 0.05
    assert abs(left.std() - 1.0) < 0.05
    assert family.noise[0] <= curves.noise.min()
    assert curves.noise.max() <= family.noise[1]


@pytest.mark.parametrize("family", EVERY, ids=lambda family: family.name)
def test_the_same_seed_draws_the_same(family: Family) -> None:
    def draw() -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(5)
        return family.observe(family.draw(7, rng), 4, rng)

    for first, second in zip(draw(), draw(), strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("family", EVERY, ids=lambda family: family.name)
def test_times_of_all_functions_or_of_each(family: Family) -> None:
    curves = family.draw(5, np.random.default_rng(2))
    shared = np.linspace(0.0, family.horizon, 9)
    paths = curves.paths(shared)
    assert paths.shape == (5, 9, family.channels)
    assert np.isfinite(paths).all()
    np.testing.assert_array_equal(curves.paths(np.tile(shared, (5, 1))), paths)
    np.testing.assert_allclose(curves.paths(shared[3:4]), paths[:, 3:4])


@pytest.mark.parametrize("family", EVERY, ids=lambda family: family.name)
def test_values_are_of_the_size_that_models_divide_them_by(family: Family) -> None:
    paths = family.draw(2000, np.random.default_rng(3)).paths(np.linspace(0.0, 1.0, 50)) / family.scale
    assert 0.5 < paths.std() < 1.6
    assert np.abs(paths.mean(axis=(0, 1))).max() < 0.5


@pytest.mark.parametrize("family", EVERY, ids=lambda family: family.name)
def test_no_observation_is_one_too(family: Family) -> None:
    rng = np.random.default_rng(0)
    times, values = family.observe(family.draw(3, rng), 0, rng)
    assert (times.shape, values.shape) == ((3, 0), (3, 0, family.channels))


def test_more_observations_than_there_are_steps_are_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(
        ValueError, match=re.escape("n=101: not within 0 to 100, what spirals can be observed; use 100")
    ):
        SPIRALS.observe(spirals(2, rng), 101, rng)


def test_oscillations_are_two_sinusoids_and_a_trend() -> None:
    batch = oscillations(20_000, np.random.default_rng(4))
    assert batch.frequency.min() >= 0.5
    assert batch.frequency.max() <= 3.0
    np.testing.assert_allclose(batch.amplitude.std(axis=0), [1.0, 0.5], rtol=0.03)
    assert abs((batch.decay > 0).mean() - 0.5) < 0.02
    assert batch.decay.max() <= 2.5
    assert abs(batch.decay[batch.decay > 0].mean() - 1.25) < 0.02
    assert (batch.noise == 0.05).all()
    np.testing.assert_allclose([batch.offset.std(), batch.slope.std()], 1.0, rtol=0.03)
    assert batch.rise.size == batch.height.size == 0


def test_a_function_is_the_sum_of_its_terms() -> None:
    one = {"noise": [0.1], "offset": [2.0], "slope": [3.0]}
    waves = {"amplitude": [[1.5]], "frequency": [[2.0]], "phase": [[0.3]], "decay": [[0.7]]}
    steps = {"rise": [[4.0]], "edge": [[0.4]], "sharpness": [[0.01]]}
    bumps = {"height": [[-1.0]], "middle": [[0.8]], "width": [[0.1]]}
    batch = FunctionBatch(**{name: np.array(values) for name, values in (one | waves | steps | bumps).items()})
    wave = 1.5 * np.sin(4 * np.pi * 0.8 + 0.3) * np.exp(-0.7 * 0.8)
    np.testing.assert_allclose(batch.values([0.8]), [[2.0 + 3.0 * 0.8 + wave + 4.0 - 1.0]])
    # In the middle of the step half of it is there.
    wave = 1.5 * np.sin(4 * np.pi * 0.4 + 0.3) * np.exp(-0.7 * 0.4)
    np.testing.assert_allclose(batch.values([0.4]), [[2.0 + 3.0 * 0.4 + wave + 2.0 - np.exp(-8.0)]])


def test_the_broad_family_has_each_kind() -> None:
    batch = broad(20_000, np.random.default_rng(6))
    waves, steps, bumps = (np.abs(term).sum(axis=1) > 0 for term in (batch.amplitude, batch.rise, batch.height))
    for kind, share in {(1, 0, 0): 0.4, (0, 1, 0): 0.2, (0, 0, 1): 0.2, (1, 1, 1): 0.2}.items():
        found = (waves == kind[0]) & (steps == kind[1]) & (bumps == kind[2])
        assert abs(found.mean() - share) < 0.02
    assert batch.noise.max() > 5 * batch.noise.min()


def test_observing_one_channel_as_a_matrix() -> None:
    batch = oscillations(6, np.random.default_rng(0))
    times, values = observe(batch, 8, np.random.default_rng(1))
    again = FAMILIES["oscillations"].observe(batch, 8, np.random.default_rng(1))
    np.testing.assert_array_equal(times, again[0])
    np.testing.assert_array_equal(values[:, :, None], again[1])


def test_a_batch_to_train_on_costs_less_than_a_training_step() -> None:
    rng = np.random.default_rng(0)
    taken = []
    for _ in range(50):
        start = time.perf_counter()
        observe(oscillations(64, rng), 30, rng)
        taken.append(time.perf_counter() - start)
    assert min(taken) < 1e-3


# Spirals -------------------------------------------------------------------------------------------------------------


def test_spirals_wind_outwards_in_opposite_directions() -> None:
    batch = spirals(1000, np.random.default_rng(7))
    assert abs(batch.clockwise.mean() - 0.5) < 0.05
    assert (batch.start.min(), batch.start.max()) == (100, 300)
    paths = batch.paths(np.append(np.arange(STEPS) / STEPS, times_beyond()))
    centred = paths - np.stack([np.where(batch.clockwise, -5.0, 5.0), np.zeros(1000)], axis=-1)[:, None]
    radius = np.hypot(*centred.transpose(2, 0, 1))
    assert (np.diff(radius, axis=1) > 0).all()
    assert radius.max() <= 15.0 * (1 + 1e-9)
    x, y = centred.transpose(2, 0, 1)
    turns = x[:, :-1] * y[:, 1:] - y[:, :-1] * x[:, 1:]
    assert ((turns < 0) == batch.clockwise[:, None]).all()


def test_the_curves_are_those_of_the_reference() -> None:
    batch = spirals(50, np.random.default_rng(8))
    angle = np.linspace(0.0, 6 * np.pi, 500)
    back = 6 * np.pi + 1 - angle
    outer = np.stack([15.0 / back * np.cos(back) - 5.0, 15.0 / back * np.sin(back)], axis=1)
    inner = np.stack([0.3 * angle * np.cos(angle) + 5.0, 0.3 * angle * np.sin(angle)], axis=1)
    steps = np.concatenate([np.arange(STEPS) / STEPS, times_beyond()])
    for path, start, clockwise in zip(batch.paths(steps), batch.start, batch.clockwise, strict=True):
        np.testing.assert_allclose(
            path, (outer if clockwise else inner)[start : start + 2 * STEPS], rtol=1e-9, atol=1e-9
        )


def test_spirals_are_observed_at_steps_of_their_first_half_each_once() -> None:
    rng = np.random.default_rng(9)
    times, _ = SPIRALS.observe(spirals(20, rng), 30, rng)
    steps = times * STEPS
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-9)
    assert (np.diff(steps, axis=1) > 0.5).all()
    all_of_them, _ = SPIRALS.observe(spirals(2, rng), 100, rng)
    np.testing.assert_allclose(all_of_them, [np.arange(100) / 100] * 2)
