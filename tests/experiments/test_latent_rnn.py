"""The RNNs that ship: they are those of their plans, as good as their files say, and trained anew by one command."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pytest

from nodeviz.experiments.latent_rnn import EVERY_FAMILY, PLANS, main, measure_rnn, shipped_rnn, train_rnn
from nodeviz.experiments.params import ParamError
from nodeviz.models.files import RNNS, load
from nodeviz.resources_path import resource_path

if TYPE_CHECKING:
    from pathlib import Path


def test_every_family_has_a_plan() -> None:
    assert list(PLANS) == list(EVERY_FAMILY)


@pytest.mark.parametrize("name", list(EVERY_FAMILY))
def test_what_ships_is_as_good_as_its_file_says(name: str) -> None:
    path = resource_path("weights", "rnn", f"{name}.npz")
    assert path.stat().st_size < 130_000
    model, extra = load(path, RNNS)
    assert extra["family"] == name
    assert extra["plan"]["steps"] == PLANS[name].steps
    np.testing.assert_array_equal(shipped_rnn(name).parameters, model.parameters)
    counts = PLANS[name].held_out
    found = measure_rnn(model, EVERY_FAMILY[name], counts[1:3], seed=extra["seed"] + 1)
    for n, figures in found.items():
        assert figures == pytest.approx(extra["held_out"][n], rel=1e-3)
        assert 0.8 < figures["coverage_90"] < 0.97


def test_a_family_without_weights_is_said() -> None:
    with pytest.raises(ParamError, match="baselines=rnn: none ships for the family elsewhere; use baselines=gp"):
        shipped_rnn("elsewhere")


def test_the_command_trains_and_keeps_a_log(tmp_path: Path) -> None:
    out = tmp_path / "rnn.npz"
    main(["oscillations", str(out), "--seed", "4", "--steps", "40"])
    model, extra = load(out, RNNS)
    assert model.spec.hidden == PLANS["oscillations"].hidden
    assert extra["seed"] == 4
    assert extra["plan"]["steps"] == 40
    assert extra["log"]["step"][-1] == 40
    assert len(extra["log"]["mse"]) == 40
    assert set(extra["held_out"]) == {"3", "5", "8", "15", "30"}


@pytest.mark.parametrize("name", list(EVERY_FAMILY))
def test_what_ships_is_what_its_plan_trains(name: str) -> None:
    # Another machine's BLAS adds in another order, and training enlarges the difference: so its beginning alone.
    extra = load(resource_path("weights", "rnn", f"{name}.npz"), RNNS)[1]
    steps, losses = (extra["log"][key][:3] for key in ("step", "loss"))
    begun = list(islice(train_rnn(EVERY_FAMILY[name], PLANS[name], extra["seed"]), int(steps[-1])))
    assert [begun[int(step) - 1].loss for step in steps] == pytest.approx(losses, rel=0.02)
