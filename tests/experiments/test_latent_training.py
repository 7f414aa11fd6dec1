"""Training a latent ODE: on a family, on a set of series, into files and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from nodeviz.experiments.base import Trained
from nodeviz.experiments.latent import LATENT
from nodeviz.experiments.params import ParamError
from nodeviz.experiments.run import plain
from nodeviz.models.files import LATENTS, load

from .latent_runs import EIGHT, SMALL, finish, params_of, train, watch

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def series_file(tmp_path: Path) -> Path:
    """Return a file of twelve noisy sines with two channels, at irregular times from 1990 on."""
    rng, lines = np.random.default_rng(0), ["id,t,v,w"]
    for i in range(12):
        phase = rng.uniform(0.0, 6.0)
        for t in np.sort(rng.uniform(1990.0, 2000.0, rng.integers(8, 20))):
            v, w = np.sin(t + phase), 3.0 * np.cos(t + phase)
            lines.append(f"s{i},{t:.4f},{v + 0.05 * rng.standard_normal():.4f},{w:.4f}")
    path = tmp_path / "sines.csv"
    path.write_text("\n".join(lines), "utf-8")
    return path


def save(done: Any, changes: dict[str, Any], seed: int, path: Path) -> Path:
    """Write what a run has trained."""
    params = params_of(**(SMALL | changes))
    trained = Trained(
        params=params, seed=seed, frame=done.frames[-1], history=done.history, metrics=plain(done.metrics)
    )
    (written,) = LATENT.save(trained, path)  # type: ignore[misc]
    return written


def test_a_fresh_model_takes_all_its_steps_and_is_measured_on_the_way() -> None:
    done = train(points=EIGHT)
    model = done.frames[-1].model
    assert (model.step, model.steps, model.weights, model.trained_on) == (24, 24, "fresh", "oscillations")
    assert len(done.history["loss"]) == len(done.history["step"])
    assert done.history["step"][-1] == 24.0
    assert done.history["test_step"][-1] == 24.0
    assert np.isfinite(done.history["loss"]).all()
    assert done.frames[-1].answer.stage == "refined"
    assert '"misfit"' in model.calibration_json


def test_training_brings_the_loss_down() -> None:
    loss = train(steps=200, latent=8, dynamics=32, lr=3e-3).history["loss"]
    part = len(loss) // 5
    assert np.mean(loss[2 * part : 3 * part]) < 0.7 * np.mean(loss[:part])  # on whole curves; then begins the encoder
    assert np.mean(loss[-part:]) < np.mean(loss[-2 * part : -part])


def test_the_same_seed_trains_the_same_weights_and_another_one_others(tmp_path: Path) -> None:
    files = [save(train(seed), {}, seed, tmp_path / f"{i}.npz") for i, seed in enumerate((1, 1, 2))]
    first, again, other = (file.read_bytes() for file in files)
    assert first == again
    assert first != other


def test_a_file_keeps_the_model_its_calibration_its_log_and_its_figures(tmp_path: Path) -> None:
    changes = {"data": "family", "draws": 4, "baselines": "gp"}
    done = train(**changes)
    model, extra = load(save(done, changes, 0, tmp_path / "model.json"), LATENTS)
    np.testing.assert_array_equal(model.parameters, done.frames[-1].model.parameters)
    assert extra["data"] == {"family": "oscillations"}
    assert extra["calibration"]["noise"] == [0.05]
    assert extra["params"]["latent"] == 4
    assert "upper" not in extra["params"]
    assert len(extra["log"]["step"]) == len(extra["log"]["loss"])
    assert set(extra["metrics"]["held_out"]) == {"3", "5", "8", "15", "30"}
    assert set(extra["metrics"]["held_out"]["8"]) == {"latent", "gp"}
    assert not any(name.startswith("milliseconds") for name in extra["metrics"])


def test_weights_from_a_file_answer_as_they_did_where_they_were_trained(tmp_path: Path) -> None:
    done = train(points=EIGHT)
    path = save(done, {"points": EIGHT}, 0, tmp_path / "model.npz")
    again = finish(points=EIGHT, weights=str(path), samples=16, refine_steps=4)
    np.testing.assert_array_equal(again.frames[-1].answer.mean, done.frames[-1].answer.mean)
    assert again.frames[-1].model.weights == str(path)


def test_a_set_of_series_is_trained_on_and_its_series_are_shown_by_number(series_file: Path) -> None:
    done = train(csv=str(series_file), steps=40, number=3, holdout="last")
    frame = done.frames[-1]
    assert frame.series.ids == tuple(f"s{i}" for i in range(12))
    assert (frame.series.number, frame.series.count, frame.series.names) == (3, 12, ("v", "w"))
    assert (frame.model.channels, frame.model.trained_on) == (2, "sines.csv")
    assert not frame.inside.separate
    assert np.isfinite(done.history["test_mse_extrapolation"]).all()
    assert frame.answer.mean.shape[1] == 2
    assert np.isfinite(frame.errors[0].mse_extrapolation)
    assert finish(csv=str(series_file), number=99).frames[-1].series.number == 11


def test_training_on_a_set_learns_it(series_file: Path) -> None:
    errors = train(csv=str(series_file), steps=300, lr=5e-3, latent=6).history["test_mse_interpolation"]
    assert errors[-1] < 0.7 * errors[0]


def test_one_series_with_an_id_column_trains_on_the_family_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "one.csv"
    path.write_text("id,t,y\n" + "\n".join(f"a,{t},{t * t}" for t in range(9)), "utf-8")
    done = train(csv=str(path), steps=4)
    assert done.frames[-1].model.trained_on == "oscillations"
    assert "One series is no set to train on" in done.frames[-1].series.note


def test_series_of_one_observation_each_are_no_set(tmp_path: Path) -> None:
    path = tmp_path / "short.csv"
    path.write_text("id,t,y\na,1,2\nb,2,3\nc,3,4\nc,4,4\n", "utf-8")
    with pytest.raises(ParamError, match="1 series with 2 observations or more; give 2 of them or more"):
        train(csv=str(path))


def test_training_that_runs_off_says_so_and_a_lower_rate_goes_on() -> None:
    run = watch(**(SMALL | {"points": EIGHT, "lr": 10.0, "steps": 400}))
    run.rest()
    while not run.frame.model.message and run.inbox.step < 400:
        run.allow()
        run.rest()
    if run.frame.model.message:
        assert run.frame.model.diverged
        assert "lower lr=10" in run.frame.model.message
        assert np.isfinite(run.frame.model.parameters).all()
        run.change(lr=1e-3)
        run.allow()
        before = run.frame.model.step
        run.rest()
        assert run.frame.model.step > before
    else:
        assert np.isfinite(run.frame.answer.mean).all()


def test_edits_are_answered_while_training_goes_on() -> None:
    run = watch(**(SMALL | {"points": EIGHT, "steps": 10_000}))
    run.allow()
    run.until(lambda: run.inbox.step > 5)
    run.change(points="0.2,1; 0.6,-1")
    for _ in range(200):
        run.next()
        if len(run.frame.series.t) == 2:
            break
    assert len(run.frame.series.t) == 2
    assert run.frame.answer.edit == 1
    assert 0 < run.frame.model.step < 10_000


def test_weights_that_ship_rest_and_are_not_trained_on() -> None:
    run = watch(points=EIGHT)
    run.rest()
    run.allow()
    run.rest()
    assert run.frame.model.step == 0
    assert run.inbox.step == 0
