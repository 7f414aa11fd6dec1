"""Batches of series: sorted, padded, with a mask; and what a latent ODE may be made of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nodeviz.models.latent import LatentODE
from nodeviz.models.latent_batch import SeriesBatch
from nodeviz.models.latent_spec import LatentSpec

NAN = np.nan


def test_series_are_sorted_padded_and_masked() -> None:
    batch = SeriesBatch.of(
        [([0.5, 0.1, 0.5], [[2, NAN], [1, 1], [-2, 3]]), ([], np.empty((0, 2))), ([0.7, 0.2], [[NAN, NAN], [4, NAN]])]
    )
    assert batch.batch == 3
    assert batch.channels == 2
    np.testing.assert_array_equal(batch.times, [[0.1, 0, 0.2], [0.5, 0, 0.2], [0.5, 0, 0.2]])
    np.testing.assert_array_equal(batch.values[:, 0], [[1, 0, 4], [-2, 0, 0], [2, 0, 0]])
    np.testing.assert_array_equal(batch.mask[:, 1], [[1, 0, 0], [1, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(batch.seen, [[1, 0, 1], [1, 0, 0], [1, 0, 0]])
    np.testing.assert_array_equal(batch.empty, [0, 1, 0])
    one = batch.column(-1)
    assert (one.times.shape, one.values.shape, one.batch) == ((3, 1), (3, 2, 1), 1)


def test_what_is_sorted_already_is_taken_as_it_is() -> None:
    times, values = np.array([[0.1, 0.2], [0.3, 0.4]]), np.array([[1.0, 2.0], [NAN, 4.0]])
    batch = SeriesBatch.stack(times, values)
    np.testing.assert_array_equal(batch.values[:, 0], [[1, 2], [0, 4]])
    np.testing.assert_array_equal(batch.mask[:, 0], [[1, 1], [0, 1]])
    assert batch.times is times


@pytest.mark.parametrize(
    ("series", "sentence"),
    [
        ([], "series: none; give at least one"),
        ([([1, 2], [1.0])], r"series\[0\]: 2 times and values of shape \(1, 1\); give"),
        ([([1], [1.0]), ([1], [[1.0, 2.0]])], "series: of 1 and 2 channels; give all the same"),
        ([([NAN], [1.0])], r"series\[0\]: time nan is beyond 100; bring times to model units"),
        ([([50.0, 2020.0], [1.0, 2.0])], r"series\[0\]: time 2020 is beyond 100"),
        ([([1.0, 2.0], [NAN, -1e300])], r"series\[0\]: a value of 1e\+300 is beyond 1e\+09; bring values to model"),
        ([([1.0], [np.inf])], r"series\[0\]: an infinite value; leave it out"),
    ],
)
def test_wrong_series_are_said(series: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        SeriesBatch.of(series)


def test_a_spec_is_written_and_read() -> None:
    spec = LatentSpec(channels=3, hidden=7, latent=2, encoder_dt=1, activation="softplus")
    assert LatentSpec.from_json(spec.to_json()) == spec
    assert LatentSpec.from_json({"latent": 4}) == LatentSpec(latent=4)
    assert LatentODE(spec).parameters.shape == (spec.n_parameters,)
    assert spec.inputs == 7
    assert LatentSpec().inputs == 2


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"hidden": 0}, "hidden=0: must be a whole number from 1 to 2000"),
        ({"latent": 2.5}, "latent=2.5: must be a whole number"),
        ({"steps": True}, "steps=True: must be a whole number"),
        ({"activation": "elu"}, "activation='elu': no such choice; choose one of tanh, relu"),
        ({"encoder_dt": 0.0}, "encoder_dt=0.0: must be from 0.001 to 1e\\+06"),
        ({"encoder_dt": NAN}, "encoder_dt=nan: must be from"),
        ({"speed": -1}, "speed=-1: must be from 0.001"),
        ({"encoder_dt": "a"}, "encoder_dt='a': must be from"),
    ],
)
def test_wrong_fields_are_said(fields: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        LatentSpec(**fields)


@pytest.mark.parametrize("data", [None, [1], {"depth": 3}, "latent"])
def test_what_is_no_spec_is_refused(data: Any) -> None:
    with pytest.raises(ValueError, match="not a mapping of a latent ODE's fields; use activation, channels"):
        LatentSpec.from_json(data)
