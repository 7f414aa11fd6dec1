"""What answers reckon with: checked, and the way to JSON and back."""

from __future__ import annotations

from typing import Any

import pytest

from nodeviz.models.latent_calibration import Calibration


def test_levels_hold_noise_and_misfit() -> None:
    calibration = Calibration(noise=(0.03, 0.3), misfit=0.04)
    assert calibration.levels == pytest.approx((0.05, 0.30265), rel=1e-4)
    assert calibration.noise_of(0.05) == pytest.approx(0.03)
    assert calibration.noise_of(0.01) == 0.0
    assert calibration.first == calibration.levels[1]


def test_data_from_elsewhere_may_have_more_noise() -> None:
    assert Calibration(noise=(0.05,)).for_any().noise == (0.05, 0.12, 0.35, 0.8)
    assert Calibration(noise=(0.02, 0.2)).for_any().noise == (0.02, 0.2, 0.35, 0.8)


def test_json_comes_back() -> None:
    calibration = Calibration(noise=(0.02, 0.2), misfit=0.01)
    assert Calibration.from_json(calibration.to_json()) == calibration
    assert Calibration.from_json({}) == Calibration()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ([], "not a mapping"),
        ({"sigma": 1}, "not a mapping of a calibration's fields"),
        ({"noise": 0.05}, "noise=0.05: not a list"),
        ({"noise": []}, "noise: 0 levels; use 1 to 16"),
        ({"noise": [0.0]}, "noise=0.0: not a standard deviation"),
        ({"noise": [0.2, 0.1]}, "not rising"),
        ({"noise": ["x"]}, "noise='x': not a standard deviation"),
        ({"misfit": -1.0}, "misfit=-1.0: not a standard deviation"),
        ({"misfit": float("inf")}, "misfit=inf"),
    ],
)
def test_what_is_no_calibration_is_refused(data: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Calibration.from_json(data)
