"""What people do to the latent ODE: no points, equal times, constants, huge values and tables, files that are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from nodeviz.experiments.params import ParamError

from .latent_runs import EIGHT, finish, params_of, random_points, train, watch

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "points",
    [
        "0.3,1",
        "0.3,1; 0.3,-1",
        "0.3,1; 0.3,1; 0.3,1",
        "0.5,0; 0.5000000000000001,3",
        "0,0.7; 0.2,0.7; 0.4,0.7; 0.6,0.7; 0.8,0.7",
        "0,1e300; 0.5,-1e300; 1,1e300",
        "0,1e-300; 0.5,-1e-300",
        "1e20,1; -1e20,2; 0,3",
        "1e20,1; 1e20,2",
        "-1e-20,1; 1e-20,2",
        "0.1,,2; 0.4,1,; 0.6,2,3",
        "0,0; 0,0",
        "1.3,1; 1.4,2; -0.04,1",
        "5,1; 9,2",
    ],
)
@pytest.mark.parametrize("data", ["points", "family"])
def test_what_is_observed_may_be_anything(points: str, data: str) -> None:
    done = finish(points=points, data=data, baselines="gp", holdout="random", refine_steps=12)
    frame = done.frames[-1]
    assert done.message == ""
    for values in (frame.answer.mean, frame.answer.band90, frame.answer.noise, frame.baselines[0].mean):
        assert np.isfinite(values).all()
    assert np.isfinite(frame.series.view).all()
    assert frame.series.view[1] > frame.series.view[0]
    assert frame.series.view[3] > frame.series.view[2]
    assert frame.words


def test_a_hundred_thousand_points_are_thinned_and_it_is_said() -> None:
    rng = np.random.default_rng(0)
    t = np.sort(rng.random(100_000))
    frame = finish(points=np.column_stack([t, np.sin(9.0 * t) + 0.1 * rng.standard_normal(len(t))])).frames[-1]
    assert frame.series.used.sum() == 350
    assert "350 of 100000 observations used" in frame.series.note
    assert np.abs(np.interp(t, frame.answer.t, frame.answer.mean[:, 0]) - np.sin(9.0 * t)).mean() < 0.1


def test_a_constant_series_is_said_to_be_one() -> None:
    frame = finish(points="10,7; 20,7; 30,7; 40,7").frames[-1]
    assert "7 everywhere" in frame.series.note
    inside = (frame.answer.t >= 10) & (frame.answer.t <= 40)
    assert np.abs(frame.answer.mean[inside] - 7.0).max() < 3.0


def test_far_values_are_left_out_and_it_is_said() -> None:
    points = random_points(30)
    points[7, 1] = 1e9
    frame = finish(points=points * [100.0, 1.0]).frames[-1]
    assert frame.series.used.sum() == 29
    assert "1 value far from all others left out" in frame.series.note


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "csv: bad.csv: the file is empty"),
        ("a,b\nx,y\n", "csv: bad.csv"),
        ("t,y\n1,x\n2,z\n", "csv: bad.csv"),
        ("\0\1\2", "csv: bad.csv: not a text file"),
    ],
)
def test_a_file_without_numbers_is_refused_in_one_sentence(text: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(ParamError, match=sentence) as caught:
        params_of(csv=str(path))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParamError, match=r"csv: none\.csv: cannot be opened"):
        params_of(csv=str(tmp_path / "none.csv"))
    with pytest.raises(ParamError, match="csv=: no file; name one"):
        params_of(data="csv")


def test_a_file_with_dates_gaps_commas_and_comments_is_answered(tmp_path: Path) -> None:
    path = tmp_path / "flow.csv"
    rows = [f"{day:02d}.03.2020;{day % 7},5;" for day in range(28, 0, -1)]
    rows[4] = "24.03.2020;;3"
    path.write_bytes(("\ufeff# by hand\nDatum;Fluss;Rest\n" + "\n".join([*rows, rows[0]])).encode("utf-8"))
    frame = finish(csv=str(path), columns="Datum,Fluss").frames[-1]
    assert frame.series.unit == "date"
    assert frame.series.names == ("Fluss",)
    assert 2020.1 < frame.series.t.min() < frame.series.t.max() < 2020.3
    assert frame.series.note.count("left out") == 1
    assert np.isfinite(frame.answer.mean).all()


def test_dates_in_two_formats_are_refused_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "mixed.csv"
    path.write_text("date,y\n2020-03-01,1\n15.03.2020,2\n2020-03-20,3\n", "utf-8")
    with pytest.raises(ParamError, match=r"csv: mixed\.csv, line 3, column date: '15\.03\.2020' is written otherwise"):
        params_of(csv=str(path))


def test_a_large_file_is_read_while_others_go_on(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    t = np.arange(40_000) / 40_000
    path.write_text("t,y\n" + "\n".join(f"{a:.6f},{np.sin(9 * a):.6f},,,,,,,,,," for a in t), "utf-8")
    assert path.stat().st_size > 1_000_000
    run = watch(csv=str(path))
    run.rest()
    assert len(run.frame.series.t) == 40_000
    assert len(run.gaps) > 50
    assert run.frame.answer.stage == "refined"


def test_a_large_file_that_is_none_is_refused_when_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    path.write_text("t,y\n" + "\n".join("a,b" for _ in range(400_000)), "utf-8")
    with pytest.raises(ParamError, match=r"csv: large\.csv"):
        finish(csv=str(path))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"data": "moon"}, "data=moon: unknown"),
        ({"span": "3"}, "span: |span=3: not two numbers"),
        ({"span": "3,1"}, "span=3,1: the second number must be larger"),
        ({"weights": "/nowhere.npz"}, r"weights: nowhere\.npz: cannot be opened"),
        ({"weights": ""}, "weights=: names nothing"),
        ({"baselines": "gp,moon"}, "baselines=moon: unknown"),
        ({"thin": 2}, "thin=2: above the limit 1"),
        ({"weights": "fresh", "batch": 1024}, "batch=1024: a training step would take"),
        ({"points": "1"}, "points: observation 1 has 1 of 2 numbers"),
    ],
)
def test_values_that_cannot_be_are_refused_in_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ParamError, match=sentence) as caught:
        params_of(**changes)
    assert "\n" not in str(caught.value)


def test_an_rnn_that_does_not_ship_is_said_and_all_else_goes_on(tmp_path: Path) -> None:
    done = finish(points=random_points(5, channels=2), data="spirals", baselines="rnn")
    assert [view.name for view in done.frames[-1].baselines] == ["rnn"]
    done = finish(points=random_points(5, channels=2), baselines="rnn,gp")
    assert "gp" in [view.name for view in done.frames[-1].baselines]
    del tmp_path


def test_draws_need_a_model_of_their_channels(tmp_path: Path) -> None:
    with pytest.raises(ParamError, match="draws=4: those of oscillations have 1 channels, the model has 2"):
        finish(data="family", draws=4, weights=_spirals(tmp_path))


def _spirals(tmp_path: Path) -> str:
    from nodeviz.resources_path import resource_path

    del tmp_path
    return str(resource_path("weights", "latent", "spirals.npz"))


def test_edits_of_many_kinds_in_a_row_leave_a_whole_answer() -> None:
    run = watch(points=EIGHT)
    for changes in (
        {"holdout": "last"},
        {"points": ""},
        {"points": "0.5,1"},
        {"thin": 0.0},
        {"thin": 1.0, "points": random_points(40)},
        {"samples": 2},
        {"samples": 300, "nudge": 2.0},
        {"refine": False},
        {"refine": True, "baselines": "gp"},
        {"channel": 8, "plane": "z5-z6"},
    ):
        run.change(**changes)
        run.next()
    run.rest()
    assert run.frame.answer.stage == "refined"
    assert len(run.frame.answer.samples) == 300
    assert [view.name for view in run.frame.baselines] == ["gp"]


def test_one_latent_dimension_is_enough_to_run() -> None:
    frame = train(latent=1, points=EIGHT, nudge=0.5).frames[-1]
    assert frame.inside.axes.shape == (2, 1)
    assert np.isfinite(frame.answer.mean).all()
