"""What the sentences of the latent ODE's presets claim of what they show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

import nodeviz
from nodeviz.experiments.presets import presets

if TYPE_CHECKING:
    from nodeviz.experiments.latent_frame import LatentFrame


def last_frame(preset: str, **changes: Any) -> LatentFrame:
    return cast("LatentFrame", list(nodeviz.run("latent", preset=preset, **changes))[-1])


def test_the_draw_beside_a_gaussian_process_is_a_typical_one() -> None:
    draws = last_frame("held-out").draws
    number = presets("latent")["beside-a-gaussian-process"].changes["number"]
    for errors in (draws.mse_interpolation, draws.mse_extrapolation):
        shares = (errors < errors[:, number, None]).mean(axis=1)
        assert shares == pytest.approx(np.full(3, 0.5), abs=0.2)
    for preset in ("held-out", "train-fresh"):
        assert presets("latent")[preset].changes["number"] == number


def test_the_model_goes_on_where_the_gaussian_process_forgets_and_other_draws_differ() -> None:
    for errors in (last_frame("beside-a-gaussian-process").errors, last_frame("held-out").draws.errors):
        latent, gp = errors[:2]
        assert latent.mse_interpolation < gp.mse_interpolation
        assert 2 * latent.mse_extrapolation < gp.mse_extrapolation
    latent, gp = last_frame("beside-a-gaussian-process", number=0).errors[:2]
    assert latent.mse_interpolation > 2 * gp.mse_interpolation


def test_two_cycles_of_the_sun_and_a_rise_are_shown_and_its_fall_is_held_out() -> None:
    series = last_frame("sunspots").series
    seen, held = series.y[series.used, 0], series.y[series.held, 0]
    lows = [float(t) for t, y in zip(series.t[series.used], seen, strict=True) if y < 14]
    assert {int(t // 5) for t in lows} == {395, 397, 399}  # 1976, 1986 and 1996: two cycles between them
    assert series.t[series.used][-1] == 2000
    assert seen[-1] == seen[series.t[series.used] > 1996].max()
    assert (np.diff(held) < 0).all()
