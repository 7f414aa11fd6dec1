"""The latent ODE as an experiment: first answers, refined ones, edits, holding out, baselines, draws."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from nodeviz.experiments.base import flatten
from nodeviz.experiments.latent import LATENT
from nodeviz.experiments.latent_data import BLOCK, draws_of
from nodeviz.problems.families import FAMILIES
from nodeviz.resources_path import resource_path

from .latent_runs import EIGHT, finish, params_of, random_points, untimed, watch

if TYPE_CHECKING:
    from pathlib import Path

BASELINE = {"mse_interpolation", "mse_extrapolation", "coverage_90"}


def test_eight_points_are_answered_at_once_and_then_refined() -> None:
    done = finish(points=EIGHT)
    first, refined = done.frames[0].answer, done.frames[-1].answer
    assert (first.stage, refined.stage, refined.refining) == ("first", "refined", False)
    assert first.edit == refined.edit == 0
    assert refined.refine_step >= 2
    assert refined.elbo > first.elbo
    assert len(refined.elbos) == refined.refine_step + 1
    assert isnan(first.milliseconds_refined)
    assert 0.0 < refined.milliseconds_first < refined.milliseconds_refined


def test_frames_have_the_shapes_they_are_said_to_have() -> None:
    frame = finish(points=EIGHT, nudge=0.5).frames[-1]
    answer, inside, series, model = frame.answer, frame.inside, frame.series, frame.model
    m, samples, latent = len(answer.t), 64, model.latent
    assert (series.t.shape, series.y.shape, series.used.sum(), series.held.sum()) == ((8,), (8, 1), 8, 0)
    assert answer.mean.shape == answer.nudged.shape == (m, 1)
    for band in (answer.band50, answer.band90, answer.observed50, answer.observed90):
        assert band.shape == (2, m, 1)
    assert answer.samples.shape == (samples, m, 1)
    assert (answer.t[0], answer.t[-1]) == pytest.approx(tuple(series.view[:2]))
    k = len(inside.z_t)
    assert inside.z_mean.shape == inside.z_nudged.shape == (k, latent)
    assert inside.z_samples.shape[1:] == (k, latent)
    assert inside.hidden.shape == (model.hidden, len(inside.hidden_t))
    assert len(inside.jumps) == 8
    assert inside.axes.shape == (2, latent)
    np.testing.assert_allclose(inside.axes @ inside.axes.T, np.eye(2), atol=1e-6)
    assert inside.velocity.shape[2] == 2
    for name in ("prior_mean", "prior_sd", "posterior_mean", "posterior_sd", "encoded_mean", "encoded_sd", "nudge"):
        assert getattr(inside, name).shape == (latent,)
    assert model.parameters.size == model.n_parameters


def test_all_arrays_of_a_frame_are_read_only() -> None:
    frame = finish(points=EIGHT, baselines="gp", data="family", holdout="random").frames[-1]
    arrays = [value for _, value in flatten(frame) if isinstance(value, np.ndarray)]
    assert arrays
    assert not any(array.flags.writeable for array in arrays)


def test_the_curve_goes_through_the_points_and_bands_hold_each_other() -> None:
    answer = finish(points=EIGHT).frames[-1].answer
    points = np.array([[float(entry) for entry in row.split(",")] for row in EIGHT.split(";")])
    curve = np.interp(points[:, 0], answer.t, answer.mean[:, 0])
    assert np.abs(curve - points[:, 1]).max() < 0.3
    assert (answer.band90[0] <= answer.band50[0] + 1e-9).all()
    assert (answer.band50[0] <= answer.band50[1]).all()
    assert (answer.observed90[1] > answer.band90[1]).all()
    inside, beyond = answer.t < 0.9, answer.t > 1.2
    width = (answer.band90[1] - answer.band90[0])[:, 0]
    assert width[beyond].mean() > 2.0 * width[inside].mean()


def test_metrics_are_those_that_are_listed() -> None:
    metrics = finish(data="family", baselines="gp,rnn").metrics
    assert set(metrics) == set(LATENT.metrics)
    assert set(metrics["gp"]) == set(metrics["rnn"]) == BASELINE
    assert all(np.isfinite(value) for name in ("gp", "rnn") for value in metrics[name].values())
    assert metrics["held_out"] is None


def test_the_same_seed_gives_the_same_metrics_to_the_last_digit() -> None:
    runs = [finish(seed, data="family", baselines="gp", draws=3) for seed in (3, 3, 4)]
    first, second, other = (untimed(run.metrics) for run in runs)
    assert first == second
    assert first != other


def test_without_points_the_prior_is_shown_and_nothing_is_refined() -> None:
    done = finish()
    answer, inside = done.frames[-1].answer, done.frames[-1].inside
    assert answer.stage == "first"
    assert np.isfinite(answer.mean).all()
    np.testing.assert_allclose(inside.posterior_sd, inside.prior_sd, rtol=1e-6)
    assert done.metrics["elbo"] == pytest.approx(0.0, abs=0.2)  # there is nothing to explain
    assert "prior" in done.frames[-1].words
    assert isnan(done.metrics["mse_interpolation"])


def test_every_edit_has_its_answer_or_that_of_a_newer_one() -> None:
    run = watch(points=EIGHT)
    run.rest()
    for number in range(1, 6):
        points = random_points(5 + number, seed=number)
        run.change(points=points)
        count = len(run.frames)
        while len(run.frames) == count:
            run.next()
        answer = run.frames[count].answer
        assert (answer.stage, answer.edit) == ("first", number)
        assert len(run.frame.series.t) == 5 + number
    run.rest()
    assert (run.frame.answer.stage, run.frame.answer.edit) == ("refined", 5)


def test_the_next_edit_cuts_refinement_short_and_the_newest_one_counts() -> None:
    run = watch(points=EIGHT)
    run.rest()
    run.change(points=random_points(8, seed=1))
    while run.frame.answer.edit != 1:
        run.next()
    for seed in (2, 3, 4):  # three before anybody looks
        run.change(points=random_points(8, seed=seed))
    run.rest()
    stages = [(frame.answer.edit, frame.answer.stage) for frame in run.frames]
    assert (1, "refined") not in stages
    assert stages[-1] == (2, "refined")
    np.testing.assert_array_equal(run.frame.series.t, random_points(8, seed=4)[:, 0])


def test_an_answer_does_not_depend_on_the_way_to_it() -> None:
    run = watch()
    run.rest()
    run.change(points=random_points(6, seed=1))
    run.next()
    run.change(points=EIGHT)
    run.rest()
    np.testing.assert_array_equal(run.frame.answer.mean, finish(points=EIGHT).frames[-1].answer.mean)


def test_what_decides_nothing_but_the_view_does_not_refine_again() -> None:
    run = watch(points=EIGHT)
    run.rest()
    before = run.frame.answer
    run.change(samples=128)
    run.rest()
    after = run.frame.answer
    assert (after.edit, after.refine_step, len(after.samples)) == (before.edit, before.refine_step, 128)
    count = len(run.frames)
    run.change(show_samples=True)
    run.rest()
    assert len(run.frames) == count


def test_moving_a_coordinate_by_hand_moves_the_curve_and_not_the_answer() -> None:
    run = watch(points=EIGHT)
    run.rest()
    before = run.frame
    assert not len(before.answer.nudged)
    run.change(nudge_of=2, nudge=1.5)
    run.rest()
    answer, inside = run.frame.answer, run.frame.inside
    np.testing.assert_allclose(answer.mean, before.answer.mean, atol=1e-5)
    assert np.abs(answer.nudged - answer.mean).max() > 0.01
    assert inside.nudge.tolist() == [0.0, 1.5] + [0.0] * (len(inside.nudge) - 2)
    assert inside.z_t[0] == 0.0
    np.testing.assert_allclose((inside.z_nudged - inside.z_mean)[0], inside.nudge, atol=1e-5)


@pytest.mark.parametrize(("plane", "names"), [("z1-z2", ("z1", "z2")), ("z3-z4", ("z3", "z4"))])
def test_paths_are_shown_in_the_plane_that_is_asked_for(plane: str, names: tuple[str, str]) -> None:
    inside = finish(points=EIGHT, plane=plane).frames[-1].inside
    assert inside.plane_names == names
    assert (inside.axes.sum(axis=1) == 1.0).all()
    flat = (inside.z_mean - inside.origin) @ inside.axes.T
    x0, x1, y0, y1 = inside.view
    assert x0 <= flat[:, 0].min()
    assert flat[:, 0].max() <= x1
    assert y0 <= flat[:, 1].min()
    assert flat[:, 1].max() <= y1


@pytest.mark.parametrize(("data", "begun"), [("points", EIGHT), ("nile", ""), ("family", "")])
def test_clicks_beyond_the_observations_leave_the_axis_as_long_as_it_is(data: str, begun: str) -> None:
    run = watch(data=data, points=begun, refine=False)
    run.rest()
    series = run.frame.series
    first, end = series.view[:2]
    for share in (0.85, 0.9, 0.8, 0.88):
        t, y = first + share * (end - first), float(np.nanmean(series.y))
        run.change(points=np.vstack([np.column_stack([run.frame.series.t, run.frame.series.y]), [t, y]]))
        run.rest()
    assert run.frame.series.t[-1] > series.t[-1]
    assert run.frame.series.view[1] <= end + 0.02 * (end - first)
    assert np.isfinite(run.frame.answer.mean).all()


@pytest.mark.parametrize(
    ("data", "span", "said"),
    [
        ("sunspots", "", "About 28 cycles are more than the model follows"),
        ("co2", "", "About 44 cycles are more than the model follows"),
        ("co2", "1958.2,1961", "Shown here: 1958 to 1962."),
        ("sunspots", "1975,2000", "Shown here: 1975 to 2008."),
        (
            "nile",
            "",
            "Water that the Nile brought to Aswan in each year from 1871 to 1970; less since 1899 (Cobb 1978).",
        ),
    ],
)
def test_which_part_of_a_real_series_is_used_is_said(data: str, span: str, said: str) -> None:
    series = finish(data=data, span=span, refine=False).frames[-1].series
    assert said in series.note
    assert ("choose a few of them" in series.note) == ("cycles are more" in said)
    assert ("Shown here" in series.note) == ("Shown here" in said)


def test_one_early_point_has_a_curve_over_the_whole_window() -> None:
    for points in ("1.6,0.5", "1.6,0.5; 1.601,0.4"):
        answer = finish(points=points).frames[-1].answer
        assert answer.t[0] <= 0.0
        assert answer.t[-1] >= 1.6 * 1.05


def test_points_are_thinned_one_after_the_other() -> None:
    used = [set(finish(points=EIGHT, thin=thin).frames[-1].series.t[_used(thin)]) for thin in (0.25, 0.5, 0.75, 1.0)]
    assert [len(times) for times in used] == [2, 4, 6, 8]
    assert used[0] < used[1] < used[2] < used[3]
    assert "prior" in finish(points=EIGHT, thin=0.0).frames[-1].words


def _used(thin: float) -> Any:
    return finish(points=EIGHT, thin=thin).frames[-1].series.used


@pytest.mark.parametrize(("holdout", "inside"), [("random", True), ("last", False)])
def test_errors_are_measured_on_what_is_held_out(holdout: str, inside: bool) -> None:
    done = finish(data="nile", holdout=holdout, holdout_share=0.2, baselines="gp")
    series, errors, answer = done.frames[-1].series, done.frames[-1].errors, done.frames[-1].answer
    assert series.held.sum() == 20
    assert not (series.held & series.used).any()
    assert [error.name for error in errors] == ["latent", "gp"]
    measured = errors[0].mse_interpolation if inside else errors[0].mse_extrapolation
    held = series.held & ((series.t > series.observed[0]) & (series.t < series.observed[1]) if inside else True)
    curve = np.interp(series.t[held], answer.t, answer.mean[:, 0])
    assert measured == pytest.approx(((curve - series.y[held, 0]) ** 2).mean(), rel=0.05)
    assert 0.5 < errors[0].coverage_90 <= 1.0


def test_of_a_draw_the_function_is_known_and_errors_are_against_it() -> None:
    frame = finish(5, data="family", n_observations=12).frames[-1]
    series, answer = frame.series, frame.answer
    np.testing.assert_allclose(series.truth_t, answer.t)
    inside = (answer.t >= 0.0) & (answer.t <= 1.0)
    exact = ((answer.mean - series.truth)[inside] ** 2).mean()
    assert frame.errors[0].mse_interpolation == pytest.approx(exact)


def test_the_numbered_draws_are_those_that_are_measured_together() -> None:
    done = finish(2, data="family", draws=3, number=2, refine=False)
    draws = done.frames[-1].draws
    assert (draws.count, draws.names, draws.done) == (3, ("latent",), 1.0)
    assert draws.mse_interpolation.shape == (1, 3)
    assert draws.mse_interpolation[0, 2] == pytest.approx(done.frames[-1].errors[0].mse_interpolation, rel=0.05)


def test_draws_are_the_same_whenever_asked_and_others_in_another_block() -> None:
    family = FAMILIES["broad"]
    first, again, other = (draws_of(family, 5, 7, block) for block in (0, 0, 1))
    assert len(first.curves) == BLOCK
    np.testing.assert_array_equal(first.values, again.values)
    assert not np.array_equal(first.values, other.values)


def test_refining_many_draws_brings_the_error_down() -> None:
    errors = [finish(1, data="family", draws=64, refine=refine).metrics for refine in (False, True)]
    assert errors[1]["mse_interpolation"] < 0.6 * errors[0]["mse_interpolation"]
    assert errors[1]["elbo"] > errors[0]["elbo"]
    assert isnan(errors[0]["milliseconds_refined"])


def test_a_baseline_comes_and_goes_while_the_run_rests() -> None:
    run = watch(points=EIGHT)
    run.rest()
    assert run.frame.baselines == ()
    run.change(baselines="gp")
    run.rest()
    (gp,) = run.frame.baselines
    assert (gp.name, gp.edit) == ("gp", 0)
    assert gp.mean.shape == run.frame.answer.mean.shape
    run.change(points=random_points(5))
    run.rest()
    assert run.frame.baselines[0].edit == 1
    run.change(baselines="none")
    run.rest()
    assert run.frame.baselines == ()


def test_refinement_can_be_switched_off_and_limited() -> None:
    assert finish(points=EIGHT, refine=False).frames[-1].answer.stage == "first"
    assert finish(points=EIGHT, refine_steps=0).frames[-1].answer.stage == "first"
    assert finish(points=EIGHT, refine_steps=2).frames[-1].answer.refine_step == 2


def test_weights_that_follow_the_observations_explain_more_of_them() -> None:
    fixed, moved = (finish(points=EIGHT, refine_steps=12, refine_weights=on).frames[-1] for on in (False, True))
    assert moved.answer.elbo > fixed.answer.elbo
    np.testing.assert_array_equal(moved.model.parameters, fixed.model.parameters)  # those of the run stay


def test_one_channel_models_answer_each_channel_by_itself() -> None:
    points = random_points(10, channels=2)
    both = finish(points=points, channel=2).frames[-1]
    one = finish(points=points[:, [0, 2]]).frames[-1]
    assert both.answer.mean.shape[1] == both.answer.noise.shape[0] == 2
    np.testing.assert_allclose(both.answer.mean[:, 1], one.answer.mean[:, 0], atol=1e-4)
    assert both.inside.separate
    assert both.inside.channel == 1
    np.testing.assert_allclose(both.inside.posterior_mean, one.inside.posterior_mean, atol=1e-3)


def test_spirals_are_answered_with_both_channels_at_once() -> None:
    frame = finish(data="spirals", n_observations=30).frames[-1]
    assert frame.answer.mean.shape[1] == 2
    assert not frame.inside.separate
    assert frame.series.names == ("x", "y")
    assert frame.errors[0].mse_extrapolation < 0.3


def test_points_of_one_channel_are_answered_by_a_model_of_two() -> None:
    frame = finish(data="spirals", points="0.1,1; 0.4,2; 0.8,3").frames[-1]
    assert frame.answer.mean.shape[1] == 1
    assert np.isfinite(frame.answer.mean).all()


def test_time_may_be_years_or_milliseconds_negative_unsorted_or_equal() -> None:
    points = random_points(9, seed=3)
    # Of points that are brought to units of their own anyway, all that can change is the digits.
    reference = finish(points=points * [7.0, 9.0]).frames[-1]
    for shift, factor in ((1950.0, 30.0), (-3.0, 1e-3), (0.0, -1.0)):
        moved = np.column_stack([shift + factor * points[:, 0], 9.0 * points[:, 1]])
        frame = finish(points=moved[::-1]).frames[-1]
        order = slice(None) if factor > 0 else slice(None, None, -1)
        assert np.isfinite(frame.answer.mean).all()
        if factor > 0:
            np.testing.assert_allclose(frame.answer.mean[order], reference.answer.mean, atol=0.05)


def test_draws_are_measured_anew_when_something_that_decides_them_changes() -> None:
    run = watch(data="family", draws=6)
    run.rest()
    before = run.frame.draws
    run.change(show_samples=True)
    run.rest()
    assert run.frame.draws is before
    run.change(refine=False)
    run.rest()
    assert run.frame.draws.errors[0].mse_interpolation != before.errors[0].mse_interpolation


def test_a_baseline_that_cannot_answer_says_why_and_all_else_goes_on() -> None:
    weights = str(resource_path("weights", "latent", "oscillations.npz"))
    steps, _ = LATENT.start(params_of(data="spirals", weights=weights, baselines="rnn,gp"), 0)
    updates = [update for update in steps if update is not None]
    frames: list[Any] = [update.frame for update in updates if update.frame is not None]
    assert [view.name for view in frames[-1].baselines] == ["gp"]
    assert "baselines=rnn: that of the family spirals has 2 channels" in updates[-1].note


def test_what_is_edited_while_a_file_is_read_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    path.write_text("t,y\n" + "\n".join(f"{i / 50_000:.6f},{i % 7}{' ' * 20}" for i in range(50_000)), "utf-8")
    run = watch(csv=str(path))
    for _ in range(3):
        assert not run.next()
    assert not run.frames
    run.change(points=EIGHT)
    run.rest()
    assert len(run.frame.series.t) == 8
