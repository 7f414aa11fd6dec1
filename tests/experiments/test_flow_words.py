"""Words about flows say what the numbers say, and nothing where there are none."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

import pytest

from nodeviz.experiments.flow_words import nats, what_is_wrong, what_the_numbers_show


@dataclass
class Flow:
    """Measures of a flow that never was."""

    name: str = "flow-matching"
    mean_log_prob: float = -2.85
    log_prob_error: float = 0.005
    path_energy: float = 0.3
    nfe: float = 80.0


def test_one_flow_is_held_against_the_bound() -> None:
    text = what_the_numbers_show([Flow()], -2.832)
    assert "flow matching −2.850, where no model exceeds −2.832." in text
    assert "bent or uneven (normalised energy 0.3), and dopri5 takes 80 evaluations." in text
    assert "nearly straight" in what_the_numbers_show([Flow(path_energy=0.02)], nan)


def test_without_a_bound_none_is_named() -> None:
    assert "exceeds" not in what_the_numbers_show([Flow()], nan)


def test_nothing_is_said_of_what_was_not_measured() -> None:
    assert what_the_numbers_show([Flow(mean_log_prob=nan)], -2.8) == ""
    text = what_the_numbers_show([Flow(path_energy=nan, nfe=nan)], -2.8)
    assert "paths" not in text
    assert "nan" not in text


def test_two_flows_are_compared_only_where_they_differ() -> None:
    other = Flow(name="likelihood", mean_log_prob=-2.88, path_energy=2.4, nfe=140.0)
    text = what_the_numbers_show([Flow(), other], -2.832)
    assert "Flow matching is ahead by 0.030." in text
    assert (
        "The paths of flow matching are straighter: normalised energy 0.3 against 2.4, evaluations 80 against 140."
        in text
    )
    level = what_the_numbers_show([Flow(), Flow(name="diffusion", mean_log_prob=-2.857)], -2.832)
    assert "level within the error" in level
    assert "straighter" not in level


@pytest.mark.parametrize(
    ("mass", "lost", "steps", "said"),
    [
        (1.0, 0.0, 20, ""),
        (0.995, 0.0, 0, ""),
        (nan, 0.0, 20, ""),
        (0.8, 0.0, 20, "holds 80.0 % of the mass: the rest lies outside of it, or take more steps"),
        (1.3, 0.0, 0, "The mass is 1.3 where it must be 1: the solver is too coarse for this field; use a smaller"),
        (0.9, 0.25, 10, "From 25.0 % of the plane there is no way back"),
    ],
)
def test_the_mass_tells_what_is_wrong_with_a_density(mass: float, lost: float, steps: int, said: str) -> None:
    sentence = what_is_wrong(mass, lost, steps)
    assert said in sentence
    assert bool(sentence) == bool(said)


def test_nats_have_a_true_minus() -> None:
    assert nats(-2.8321) == "−2.832"
    assert nats(nan) == "unknown"
