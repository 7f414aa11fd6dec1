"""What the small plots of the latent panel show and say, on frames of a closed form."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from nodeviz.app.panels.latent_captions import time_text
from nodeviz.app.plots import label_number
from nodeviz.experiments.latent_params import INSTRUMENTS
from nodeviz.problems.real_series import REAL

from .latent_panels import change, fixture_panel, fixture_shared, show
from .latent_scene import make_frame, make_model

BOTH = ("gp", "rnn")
FIXTURES = fixture_shared, fixture_panel  # which pytest finds by these names


def test_errors_over_many_draws_are_said_and_stand_in_the_table(panel: Any) -> None:
    change(panel, upper="errors")
    frame = make_frame(baselines=BOTH, errors=("latent", *BOTH), draws=40)
    many = dataclasses.replace(frame.draws.errors[0], mse_interpolation=0.0484, mse_extrapolation=0.386)
    draws = dataclasses.replace(frame.draws, errors=(many, *frame.draws.errors[1:]))
    show(panel, dataclasses.replace(frame, draws=draws))
    text = panel.words.text()
    assert "mean square error over 40 fresh draws" in text
    assert "latent ODE</span> 0.0484 within and 0.386 beyond, 89 % in its 90 % band" in text
    table = panel.instruments["upper"].table
    column = [table.item(row, 1).text() for row in range(table.rowCount())]
    assert column == ["latent ODE", "0.0484", "0.386", "48 %", "89 %"]
    assert "means over 40 fresh draws" in panel.instruments["upper"].words.text()
    show(panel, frame := make_frame(errors=("latent",)))
    assert table.item(table.rowCount() - 1, 0).text() == "noise"
    assert "between the observations" in panel.instruments["upper"].words.text()
    beyond = dataclasses.replace(frame.errors[0], mse_interpolation=np.nan)
    show(panel, dataclasses.replace(frame, errors=(beyond,)))
    assert "beyond them" in panel.instruments["upper"].words.text()


def test_what_the_instruments_say_can_be_read_alone(panel: Any) -> None:
    show(panel, make_frame(baselines=BOTH, draws=40))
    said = {}
    for kind in INSTRUMENTS:
        change(panel, upper=kind)
        panel.redraw()
        said[kind] = panel.instruments["upper"].words.text()
    assert "smooth" not in said["hidden"]  # what is drawn has the corners of the solver's steps
    assert "one per observation; an ODE between, drawn at its solver's steps; 20 units" in said["hidden"]
    assert "the samples lie" in said["latent"]
    assert "3 of 6 coordinates less than half as wide" in said["posterior"]
    assert "40 draws, each seen at 8 times: the latent ODE errs less (below the line) than" in said["draws"]
    assert "filled: up to time 1, hollow: beyond" in said["draws"]
    # The last step of refinement and the caption differ: both numbers are named.
    answer = panel.frame.answer
    changed = dataclasses.replace(answer, elbo=answer.elbo - 0.2)
    show(panel, dataclasses.replace(panel.frame, answer=changed))
    change(panel, upper="elbo")
    panel.redraw()
    for part in ("−9 → −3.11 nats in 60 steps", "as if the curve were linear in z0: by samples it is −3.31"):
        assert part in panel.instruments["upper"].words.text()
    assert "ELBO −3.31 nats" in panel.words.text()
    assert "refined in 60 steps until converged" in panel.words.text()


def ranges(panel: Any) -> Any:
    return panel.instruments["upper"].plot.box.viewRange()


def test_the_first_step_of_refinement_does_not_flatten_the_others(panel: Any) -> None:
    change(panel, upper="elbo")
    frame = make_frame()
    for first, clipped in ((-7000.0, True), (-12.0, False)):
        elbos = np.concatenate([[first], -10.0 + 6.0 * (1 - np.exp(-np.arange(10) / 3))])
        answer = dataclasses.replace(frame.answer, elbos=elbos, refine_step=10, edit=int(clipped))
        show(panel, dataclasses.replace(frame, answer=answer))
        low, high = ranges(panel)[1]
        assert low < elbos[1:].min() < elbos.max() < high
        assert high - low < 3 * np.ptp(elbos[1:])
        assert (low > first) == clipped
        written = [text.toPlainText() for text in panel.instruments["upper"]._texts]
        assert written == ["↓ −7000 at first"] * clipped


def test_errors_per_draw_do_not_inherit_the_axes_of_the_plot_before(panel: Any) -> None:
    change(panel, upper="elbo")
    change(panel, upper="draws")
    panel.redraw()
    assert ranges(panel)[0] == pytest.approx([-3.0, 1.0], abs=0.3)
    assert ranges(panel)[1] == pytest.approx([-3.0, 1.0], abs=0.4)
    assert panel.instruments["upper"]._texts[0].toPlainText() == "no draws yet"


def test_training_says_how_long_it_takes_on_an_axis_that_grows_with_it(panel: Any) -> None:
    panel.history = {"step": [10.0, 20.0, 300.0], "loss": [3.0, 2.0, 1.5]}  # type: ignore[assignment]
    ends = []
    for step in (20, 300, 20000):
        model = make_model(step=step, steps=20000, loss=1.5, kl_weight=0.4, seconds_per_step=0.012)
        show(panel, make_frame(model=model))
        change(panel, upper="loss")
        panel.redraw()
        ends.append(ranges(panel)[0][1])
        words = panel.instruments["upper"].words.text()
        assert (f"at least {240 * (20000 - step) / 20000 / 60:.0f} min of training left" in words) == (step < 20000)
        assert ("hardly trained" in words) == (step < 20000)
    assert ends == pytest.approx([128, 512, 20000], rel=0.1)


def test_the_latent_plane_fits_the_answer_at_rest(panel: Any) -> None:
    change(panel, upper="latent")
    frame = make_frame()
    wide = dataclasses.replace(frame.inside, view=np.array([-3.0, 3.0, -3.0, 3.0]))
    show(panel, dataclasses.replace(frame, inside=wide))
    far = np.ptp(ranges(panel), axis=1)
    show(panel, frame)
    assert np.ptp(ranges(panel), axis=1) == pytest.approx(far / 2, rel=0.05)
    going = dataclasses.replace(frame.answer, refining=True)
    show(panel, dataclasses.replace(frame, inside=wide, answer=going))
    show(panel, dataclasses.replace(frame, answer=going))
    assert np.ptp(ranges(panel), axis=1) == pytest.approx(far, rel=0.05)  # while it goes on nothing jumps


def test_it_is_said_when_the_latent_path_leaves_the_picture(panel: Any) -> None:
    change(panel, upper="latent")
    frame = make_frame()
    show(panel, frame)
    words = panel.instruments["upper"].words
    assert "leaves" not in words.text()
    z_mean = frame.inside.z_mean.copy()
    z_mean[frame.inside.z_t > 1.04, 0] = 7.0
    show(panel, dataclasses.replace(frame, inside=dataclasses.replace(frame.inside, z_mean=z_mean)))
    assert words.text().endswith("it leaves the picture at t = 1.05")


def test_the_title_says_that_a_number_is_that_of_a_draw(panel: Any) -> None:
    show(panel, make_frame(title="Oscillations", number=52, count=100_000))
    assert panel.own_title().startswith("Oscillations, draw 52 · 8 ")


def test_whole_years_are_written_as_such() -> None:
    assert [time_text(t, "date") for t in (1899.0, 1958.25)] == ["1899", "1958.25"]
    assert time_text(2005.0, "") == "t = 2005"
    for name in REAL:
        assert REAL[name].read().unit == "date"


def test_years_and_figures_up_to_five_digits_are_plain() -> None:
    written = (2005, 2388.4, 17920, -7012.6, 99_999, 999.4, 123_456, 0.00012)
    said = ["2005", "2388", "17920", "−7013", "99999", "999", "1.23e5", "0.00012"]
    assert [label_number(value) for value in written] == said
