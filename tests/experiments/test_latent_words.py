"""What the words of the latent ODE say: what the numbers are, and nothing else."""

from __future__ import annotations

import dataclasses

from nodeviz.experiments.latent_words import number, what_the_answer_shows

from .latent_runs import EIGHT, finish


def words(**changes: object) -> str:
    return finish(**changes).frames[-1].words


def test_observations_noise_elbo_and_milliseconds_are_named() -> None:
    frame = finish(points=EIGHT).frames[-1]
    answer = frame.answer
    assert frame.words.startswith("8 observations, noise ")
    assert f"ELBO {number(answer.elbo)} nats" in frame.words
    assert f"refined in {answer.refine_step} steps" in frame.words
    assert f"{answer.milliseconds_refined:.0f} ms" in frame.words


def test_it_is_said_whether_refinement_converged() -> None:
    frame = finish(points=EIGHT).frames[-1]
    assert frame.answer.converged
    assert f"refined in {frame.answer.refine_step} steps until converged" in frame.words
    short = finish(points=EIGHT, refine_steps=1).frames[-1]
    assert not short.answer.converged
    assert "refined in 1 step, " in short.words
    assert not finish(points=EIGHT, refine=False).frames[-1].answer.converged


def test_a_first_answer_is_called_one() -> None:
    assert "at once" in words(points=EIGHT, refine=False)


def test_one_observation_and_those_held_out_are_counted() -> None:
    assert words(points="0.5,1").startswith("1 observation, ")
    assert "6 observations (2 held out)" in words(points=EIGHT, holdout="last", holdout_share=0.25)


def test_errors_name_the_models_and_where() -> None:
    text = words(data="family", baselines="gp,rnn")
    assert "Mean square error between the observations: latent ODE " in text
    assert ", Gaussian process " in text
    assert ", RNN " in text
    assert "beyond the observations" in words(data="nile", holdout="last")


def test_draws_are_counted_and_their_coverage_said() -> None:
    text = words(data="family", draws=20)
    assert "over 20 draws" in text
    assert "lie within the 90 % band" in text


def test_numbers_have_three_digits_and_a_true_minus() -> None:
    assert (number(-12.3456), number(0.00012345), number(float("nan"))) == ("−12.3", "0.000123", "unknown")


def test_what_went_wrong_comes_first() -> None:
    frame = finish(points=EIGHT).frames[-1]
    model = dataclasses.replace(frame.model, message="Training step 3: not finite; lower lr=9.", diverged=True)
    text = what_the_answer_shows(frame.series, frame.answer, frame.errors, frame.draws, model)
    assert text.startswith("Training step 3")
