"""The sentence of a classifier's measures: it says what the numbers say, whichever way round they are."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeviz.experiments.classifier_words import percent, what_the_numbers_show


@dataclass(frozen=True, kw_only=True)
class Numbers:
    name: str
    n_parameters: int = 1218
    train_accuracy: float = math.nan
    test_accuracy: float = math.nan
    dense_error: float = math.nan
    nfe: float = math.nan
    max_stretch: float = math.nan


def test_about_the_same_at_a_price() -> None:
    node = Numbers(name="node", dense_error=1.2e-3, nfe=32, max_stretch=64)
    anode = Numbers(name="anode", dense_error=0.0, nfe=20, max_stretch=4)
    assert what_the_numbers_show([node, anode], "disc-annulus") == (
        "Fresh points wrong: neural ODE 0.12 %, augmented ODE 0 %. At about the same error the neural ODE stretches "
        "the plane up to 64-fold against 4.0-fold, with 32 evaluations against 20."
    )


def test_the_price_goes_to_whoever_pays_it() -> None:
    node = Numbers(name="node", dense_error=0.0, nfe=20, max_stretch=4)
    anode = Numbers(name="anode", dense_error=1e-3, nfe=20, max_stretch=64)
    words = what_the_numbers_show([node, anode], "disc-annulus")
    assert "the augmented ODE stretches the plane up to 64-fold against 4.0-fold." in words
    assert "evaluations" not in words


def test_no_price_is_said_to_be_none() -> None:
    models = [
        Numbers(name=name, dense_error=0.0, nfe=20, max_stretch=4 + 0.1 * i) for i, name in enumerate(["node", "anode"])
    ]
    assert what_the_numbers_show(models, "circles").endswith(
        "None pays much more for it: the plane is stretched between 4.0- and 4.1-fold."
    )


def test_what_a_flow_of_the_plane_cannot_do_is_said_of_sets_that_surround() -> None:
    node, anode = Numbers(name="node", dense_error=0.12), Numbers(name="anode", dense_error=0.0)
    assert "cannot lead the inner points out" in what_the_numbers_show([node, anode], "circles")
    assert what_the_numbers_show([node, anode], "moons").endswith("The augmented ODE is ahead.")
    assert what_the_numbers_show([node, anode]).endswith("The augmented ODE is ahead.")
    better = Numbers(name="node", dense_error=0.0), Numbers(name="anode", dense_error=0.2)
    assert what_the_numbers_show(better, "circles").endswith("The neural ODE is ahead.")


def test_before_training_is_done_no_reason_is_given() -> None:
    node, anode = Numbers(name="node", dense_error=0.22), Numbers(name="anode", dense_error=0.1)
    words = what_the_numbers_show([node, anode], "circles", trained=False)
    assert words.endswith("The neural ODE has not led the inner points out yet.")
    assert "cannot" not in words


def test_nobody_is_ahead_where_all_are_bad() -> None:
    models = [Numbers(name="node", dense_error=0.5), Numbers(name="anode", dense_error=0.26)]
    assert what_the_numbers_show(models, "moons") == "Fresh points wrong: neural ODE 50.0 %, augmented ODE 26.0 %."


@pytest.mark.parametrize(("many", "said"), [(2436, False), (12_310, True)])
def test_who_has_more_than_twice_the_parameters_is_said_to(many: int, said: bool) -> None:
    models = [
        Numbers(name="resnet", dense_error=0.0, n_parameters=many),
        Numbers(name="node", dense_error=0.1),
    ]
    words = what_the_numbers_show(models, "moons")
    assert ("12,310 parameters against 1,218 of the neural ODE" in words) is said
    assert "The ResNet is ahead." in words


def test_a_range_of_equal_ends_is_one_number() -> None:
    models = [Numbers(name=name, dense_error=0.0, max_stretch=4.01) for name in ("node", "anode")]
    assert what_the_numbers_show(models).endswith("the plane is stretched 4.0-fold.")


def test_given_points_are_judged_by_those_held_out_and_else_by_those_trained_on() -> None:
    tested = Numbers(name="node", train_accuracy=1.0, test_accuracy=0.9, nfe=26, max_stretch=12)
    assert what_the_numbers_show([tested]) == (
        "Held-out points wrong: neural ODE 10.0 %. It stretches the plane up to 12-fold and takes 26 evaluations."
    )
    trained = Numbers(name="resnet", train_accuracy=0.75, max_stretch=2.5, nfe=10)
    assert what_the_numbers_show([trained]) == (
        "Training points wrong: ResNet 25.0 %. It stretches the plane up to 2.5-fold."
    )


def test_nothing_is_said_before_anything_is_measured() -> None:
    assert what_the_numbers_show([Numbers(name="node"), Numbers(name="anode")], "circles") == ""
    assert what_the_numbers_show([]) == ""


def test_a_model_that_is_not_measured_yet_is_left_out() -> None:
    known, unknown = Numbers(name="node", dense_error=0.1), Numbers(name="anode")
    assert what_the_numbers_show([known, unknown]) == "Fresh points wrong: neural ODE 10.0 %."


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0 %"), (1, "100 %"), (0.5, "50.0 %"), (0.9996, "99.96 %"), (1e-5, "0.001 %"), (math.nan, "unknown")],
)
def test_percent(share: float, text: str) -> None:
    assert percent(share) == text


@given(st.floats(1e-9, 1 - 1e-9))
def test_a_share_between_never_reads_as_all_or_nothing(share: float) -> None:
    value = float(percent(share).removesuffix(" %"))
    assert 0 < value < 100
    assert value == pytest.approx(100 * share, abs=0.051)
