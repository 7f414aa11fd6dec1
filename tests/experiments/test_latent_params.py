"""The parameters of the latent ODE: what a change brings with it, and what is checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nodeviz.experiments.latent_costs import LONGEST, check_costs, step_seconds
from nodeviz.experiments.latent_params import HOLDOUT_TITLES, SHOWS, LatentParams, span_of
from nodeviz.experiments.params import ParamError, change, declared, to_json
from nodeviz.experiments.presets import presets

from .latent_runs import EIGHT, params_of

if TYPE_CHECKING:
    from pathlib import Path


def test_other_data_forget_the_points_that_were_clicked() -> None:
    clicked = params_of(points=EIGHT, number=3)
    assert len(clicked.points) == 8
    other = change(clicked, {"data": "nile"})
    assert (len(other.points), other.number) == (0, 0)
    kept = change(clicked, {"samples": 128, "holdout": "last", "family": "broad"})
    assert (len(kept.points), kept.number) == (8, 3)


def test_a_file_selects_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("t,y\n1,2\n2,3\n", "utf-8")
    assert params_of(csv=str(path)).data == "csv"
    assert params_of(csv=str(path), data="nile").data == "nile"


def test_edits_and_views_need_no_new_run() -> None:
    live = {name for name, spec in declared(LatentParams).items() if spec.live}
    assert {"points", "thin", "holdout", "samples", "refine_steps", "baselines", "nudge", "lr"} <= live
    assert not {"data", "csv", "weights", "family", "steps", "latent", "n_observations"} & live
    assert set(declared(LatentParams)) >= SHOWS


def test_every_value_comes_back_from_its_text_and_its_json() -> None:
    params = params_of(points=EIGHT, baselines="gp,rnn", nudge=-1.5, span="1900,1950")
    for name, spec in declared(LatentParams).items():
        value = getattr(params, name)
        if name != "csv":
            assert spec.kind.coerce(name, spec.kind.to_text(value), None) == value
    assert change(LatentParams(), {k: v for k, v in to_json(params).items() if k != "csv"}) == params


@pytest.mark.parametrize(("text", "span"), [("1960,1963.5", (1960.0, 1963.5)), ("-2;3", (-2.0, 3.0))])
def test_a_span_is_two_times(text: str, span: tuple[float, float]) -> None:
    assert span_of(text) == span
    assert span_of("")[0] < -1e19


@pytest.mark.parametrize("changes", [{"batch": 1024}, {"dynamics": 256, "latent": 64, "batch": 256}, {"hidden": 256}])
def test_the_largest_value_that_is_named_does_fit(changes: dict[str, int]) -> None:
    with pytest.raises(ParamError, match=r"a training step would take about .* use ") as caught:
        params_of(weights="fresh", **changes)
    name, _, rest = str(caught.value).partition("=")
    largest = int(rest.rsplit("use ", 1)[1].split()[0])
    fits = LatentParams(weights="fresh", **(changes | {name: largest}))
    check_costs(fits)
    assert step_seconds(fits) <= LONGEST


def test_what_a_span_holds_out_is_not_hidden_behind_what_is_held_out_besides() -> None:
    known = declared(LatentParams)
    assert not known["span"].more
    names = [name for name, spec in known.items() if not spec.more]
    assert names.index("span") == names.index("holdout") + 1
    assert HOLDOUT_TITLES["none"] == "Nothing more"
    assert "Between" in known["holdout"].help


def test_sizes_that_nothing_is_trained_with_are_not_checked() -> None:
    assert params_of(batch=1024).batch == 1024


def test_presets_say_what_they_set_and_the_first_one_has_eight_points() -> None:
    found = presets("latent")
    assert next(iter(found)) == "eight-points"
    assert len(params_of(**found["eight-points"].changes).points) == 8
    assert {"spirals", "co2", "sunspots", "nile", "held-out", "train-fresh"} <= set(found)


def test_other_data_forget_the_span_of_those_before() -> None:
    params = change(LatentParams(), {"data": "co2", "span": "1958,1962"})
    assert change(params, {"data": "sunspots"}).span == ""
    assert change(params, {"data": "co2", "holdout": "last"}).span == params.span
    assert change(params, {"data": "nile", "span": "1900,1950"}).span != ""
