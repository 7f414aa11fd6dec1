"""The guide: every number that it states is what a run gives, and its tasks keep what they promise."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import nodeviz
from nodeviz.app.guide_text import chapters

if TYPE_CHECKING:
    from collections.abc import Callable

STEPS = {step.place: step for chapter in chapters() for step in chapter.steps}


@cache
def metrics(panel: str, preset: str, *changes: tuple[str, Any]) -> Any:
    run = nodeviz.run(panel, preset=preset, **dict(changes))
    for _ in run:
        pass
    return run.metrics


def solver(preset: str, entry: str, *changes: tuple[str, Any]) -> Any:
    return metrics("phase", preset, *changes)["solvers"][entry]


def model(preset: str, name: str, *changes: tuple[str, Any]) -> Any:
    # As the guide shows them: with the weights that ship, unless a step trains.
    return metrics("classifier", preset, *(changes or (("weights", "shipped"),)))["models"][name]


def flow(preset: str) -> Any:
    return metrics("flow", preset, ("weights", "shipped"))


def pendulum(number: int) -> list[list[float]]:
    found: list[list[float]] = metrics("phase", "pendulum")["equilibria"][number]["eigenvalues"]
    return found


def euler_beside_rk4() -> float:
    euler, rk4 = (solver("spiral-equal-work", name)["final_error"] for name in ("euler", "rk4"))
    return float(round(euler / rk4, -1))


Fact = tuple[str, str, "Callable[[], float]", str]  # the step, what it states, what is found, and how that is written
PHASE_FACTS: list[Fact] = [
    ("solvers/two-solvers", "2.51", lambda: solver("spiral", "euler")["final_error"], ".2f"),
    ("solvers/two-solvers", "0.0015", lambda: solver("spiral", "rk4")["final_error"], ".4f"),
    ("solvers/equal-work", "0.39", lambda: solver("spiral-equal-work", "euler")["final_error"], ".2f"),
    ("solvers/equal-work", "260", euler_beside_rk4, ".0f"),
    ("solvers/order", "1.00", lambda: solver("order", "euler")["observed_order"], ".2f"),
    ("solvers/order", "2.00", lambda: solver("order", "heun")["observed_order"], ".2f"),
    ("solvers/order", "4.03", lambda: solver("order", "rk4")["observed_order"], ".2f"),
    ("solvers/order", "5.01", lambda: solver("order", "dopri5")["observed_order"], ".2f"),
    ("solvers/stability", "1.04", lambda: abs(1 + 0.4 * (-0.1 + 1j)), ".2f"),
    ("solvers/stability", "0.198", lambda: 2 * 0.1 / (0.1**2 + 1), ".3f"),
    ("solvers/stiffness", "1126", lambda: solver("stiff", "dopri5:1e-5")["n_accepted"], "d"),
    ("solvers/stiffness", "155", lambda: solver("stiff", "radau:1e-5")["n_accepted"], "d"),
    ("solvers/adaptive", "370", lambda: solver("relaxation", "dopri5:1e-6")["n_accepted"], "d"),
    ("solvers/adaptive", "0.76", lambda: solver("relaxation", "rk4:200")["final_error"], ".2f"),
    (
        "adjoint/no-way-back",
        "11.6122",
        lambda: metrics("phase", "relaxation", ("t1", 30.0))["limit_cycles"][0]["period"],
        ".4f",
    ),
    ("dynamics/equilibria", "-1.105", lambda: pendulum(1)[0][0], ".3f"),
    ("dynamics/equilibria", "0.905", lambda: pendulum(1)[1][0], ".3f"),
    ("dynamics/equilibria", "-0.1", lambda: pendulum(0)[1][0], ".1f"),
    ("dynamics/equilibria", "0.995", lambda: pendulum(0)[1][1], ".3f"),
    ("dynamics/limit-cycle", "6.6633", lambda: metrics("phase", "van-der-pol")["limit_cycles"][0]["period"], ".4f"),
    ("dynamics/transient", "3.52", lambda: float(np.linalg.eigvalsh([[-1.0, 5.0], [5.0, -2.0]]).max()), ".2f"),
    ("dynamics/transient", "2.51", lambda: longest("linear-transient"), ".2f"),
]
FRESH = (("models", "node"), ("weights", "fresh"), ("steps", 200))
MODEL_FACTS: list[Fact] = [
    ("residual/layers", "1,221", lambda: model("resnet-vs-ode", "node")["n_parameters"], ",d"),
    ("residual/layers", "12,183", lambda: model("resnet-vs-ode", "resnet")["n_parameters"], ",d"),
    ("residual/own-depth", "20 to", lambda: model("adaptive-depth", "node")["nfe_per_sample"]["min"], ".0f"),
    ("residual/own-depth", "50 evaluations", lambda: model("adaptive-depth", "node")["nfe_per_sample"]["max"], ".0f"),
    ("residual/own-depth", "33 on average", lambda: model("adaptive-depth", "node")["nfe_per_sample"]["mean"], ".0f"),
    ("residual/own-depth", "14 to", lambda: model("adaptive-depth", "anode")["nfe_per_sample"]["min"], ".0f"),
    ("residual/own-depth", "32", lambda: model("adaptive-depth", "anode")["nfe_per_sample"]["max"], ".0f"),
    ("adjoint/backprop", "0.021284", lambda: model("moons", "node", *FRESH)["loss"], ".6f"),
    (
        "adjoint/backprop",
        "0.021284",
        lambda: model("moons", "node", *FRESH, ("gradient", "checkpoint"))["loss"],
        ".6f",
    ),
    (
        "adjoint/adjoint",
        "0.000003",
        lambda: (
            model("moons", "node", *FRESH, ("gradient", "adjoint"))["loss"] - model("moons", "node", *FRESH)["loss"]
        ),
        ".6f",
    ),
    ("adjoint/first-order", "0.0213", lambda: model("moons", "node", *FRESH)["loss"], ".4f"),
    (
        "adjoint/first-order",
        "0.0221",
        lambda: model("moons", "node", *FRESH, ("gradient", "article"))["loss"],
        ".4f",
    ),
    ("flows/change-of-variables", "2.844", lambda: -flow("eight-gaussians")["mean_log_prob"], ".3f"),
    ("flows/change-of-variables", "2.832", lambda: -flow("eight-gaussians")["entropy_bound"], ".3f"),
    ("flows/change-of-variables", "1.000", lambda: flow("eight-gaussians")["mass"], ".3f"),
    ("flows/matching", "62", lambda: flow("straight-paths")["nfe"], ".0f"),
    ("flows/matching", "44", lambda: flow("straight-paths")["compare"]["nfe"], ".0f"),
    ("flows/likelihood", "2.839", lambda: -flow("likelihood-and-matching")["compare"]["mean_log_prob"], ".3f"),
    ("flows/likelihood", "0.69", lambda: flow("likelihood-and-matching")["path_energy"], ".2f"),
    ("flows/likelihood", "0.04", lambda: flow("likelihood-and-matching")["compare"]["path_energy"], ".2f"),
    ("flows/likelihood", "38", lambda: flow("likelihood-and-matching")["compare"]["nfe"], ".0f"),
    ("flows/diffusion", "56", lambda: flow("matching-and-diffusion")["nfe"], ".0f"),
    ("flows/diffusion", "110", lambda: flow("matching-and-diffusion")["compare"]["nfe"], ".0f"),
    ("augmentation/no-crossing", "65", lambda: 100 * model("circles", "node")["probe_accuracy"][0][1], ".0f"),
    (
        "augmentation/finite-sample",
        "but 3",
        lambda: 2000 * (1 - model("disc-annulus", "node")["train_accuracy"]),
        ".0f",
    ),
    ("augmentation/finite-sample", "0.2", lambda: 100 * model("disc-annulus", "node")["dense_error"], ".1f"),
    ("augmentation/finite-sample", "27", lambda: model("disc-annulus", "node")["max_stretch"], ".0f"),
    ("augmentation/finite-sample", "10", lambda: model("disc-annulus", "anode")["max_stretch"], ".0f"),
    ("augmentation/finite-sample", "32 evaluations", lambda: model("disc-annulus", "node")["nfe"], ".0f"),
    ("augmentation/finite-sample", "26", lambda: model("disc-annulus", "anode")["nfe"], ".0f"),
    ("augmentation/lift", "78", lambda: 100 * model("article", "node")["train_accuracy"], ".0f"),
    ("latent/beyond", "0.009", lambda: metrics("latent", "beside-a-gaussian-process")["mse_interpolation"], ".3f"),
    ("latent/beyond", "0.06", lambda: metrics("latent", "beside-a-gaussian-process")["gp"]["mse_interpolation"], ".2f"),
    ("latent/beyond", "0.13", lambda: metrics("latent", "beside-a-gaussian-process")["mse_extrapolation"], ".2f"),
    ("latent/beyond", "0.47", lambda: metrics("latent", "beside-a-gaussian-process")["gp"]["mse_extrapolation"], ".2f"),
    ("latent/real", "0.5", lambda: metrics("latent", "co2")["mse_extrapolation"], ".1f"),
    ("latent/real", "7.0", lambda: metrics("latent", "co2")["gp"]["mse_extrapolation"], ".1f"),
    ("latent/real", "96", lambda: 100 * metrics("latent", "co2")["coverage_90"], ".0f"),
    ("latent/real", "66", lambda: 100 * metrics("latent", "co2")["gp"]["coverage_90"], ".0f"),
]


def longest(preset: str) -> float:
    """Return how far from the origin the reference of a preset gets."""
    frames = list(nodeviz.run("phase", preset=preset))
    return float(np.nanmax(np.linalg.norm(frames[-1].paths.reference_y[0], axis=1)))


def check(fact: Fact) -> None:
    place, said, find, written = fact
    assert said in f"{STEPS[place].text} {STEPS[place].task}".replace("\n", " ")
    assert format(find(), written) in said


@pytest.mark.parametrize("fact", PHASE_FACTS, ids=lambda fact: f"{fact[0]} {fact[1]}")
def test_numbers_of_the_phase_portrait_hold(fact: Fact) -> None:
    check(fact)


@pytest.mark.slow
@pytest.mark.parametrize("place", dict.fromkeys(fact[0] for fact in MODEL_FACTS))
def test_numbers_of_models_hold(place: str) -> None:
    # A step at a time: its numbers are those of one run or two, which are kept within a process.
    for fact in MODEL_FACTS:
        if fact[0] == place:
            check(fact)


def test_what_the_tasks_promise_of_solvers_holds() -> None:
    loose = ("solvers", "dopri5:1e-3, radau:1e-3")
    assert solver("stiff", "radau:1e-3", loose)["n_accepted"] < 155 / 2
    assert solver("stiff", "dopri5:1e-3", loose)["n_accepted"] > 1000
    tight = solver("relaxation", "dopri5:1e-9", ("solvers", "rk4:200, dopri5:1e-9"))
    usual = solver("relaxation", "dopri5:1e-6")["final_error"]
    assert usual == pytest.approx(6e-5, rel=0.05)
    assert usual / tight["final_error"] == pytest.approx(650, rel=0.05)
    assert abs(1 + 6 / 30 * (-0.1 + 1j)) > 1 > abs(1 + 6 / 31 * (-0.1 + 1j))


def test_going_backwards_fails_as_the_guide_says_and_forwards_does_not() -> None:
    cycle = (("start", "2.02150759,0.00138385"), ("solvers", "dopri5:1e-6, dopri5:1e-9"))
    back = metrics("phase", "relaxation", *cycle, ("t1", -11.6122))["solvers"]
    assert back["dopri5:1e-6"]["status"] == "dt_underflow"
    assert abs(back["dopri5:1e-6"]["y_final"][1]) > 1e15
    assert max(map(abs, back["dopri5:1e-9"]["y_final"])) < 0.05
    forth = metrics("phase", "relaxation", *cycle, ("t1", 11.6122))["solvers"]
    for entry in ("dopri5:1e-6", "dopri5:1e-9"):
        assert forth[entry]["y_final"] == pytest.approx([2.02150759, 0.00138385], abs=1e-4)


@pytest.mark.slow
def test_what_the_tasks_promise_of_models_holds() -> None:
    few = last_frame("classifier", "euler-depth")
    for view in few.models:
        accuracy = dict(zip(view.solver_steps.tolist(), view.solver_accuracy.tolist(), strict=True))
        assert accuracy[3] == pytest.approx(0.9, abs=0.01)
        assert accuracy[14] >= view.train_accuracy
    augmented = last_frame("classifier", "article").models[1]
    assert augmented.train_accuracy == 1.0
    assert augmented.probe_accuracy[1] > 0.99  # at t = 0.05
    assert augmented.probe_t[1] == pytest.approx(0.05)
    assert augmented.first_two_accuracy == pytest.approx(0.78, abs=0.005)


def last_frame(panel: str, preset: str) -> Any:
    return list(nodeviz.run(panel, preset=preset))[-1]
