"""Measures of flows, against flows for which they are known."""

from __future__ import annotations

from time import process_time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from models.flows import blown_up, finish, trained

from nodeviz.models import flow_measures as measures
from nodeviz.models.flow import METHODS, Flow, FlowSpec
from nodeviz.models.transport import wasserstein2
from nodeviz.problems.targets import Target, make_target

if TYPE_CHECKING:
    from collections.abc import Generator


def constant(velocity: tuple[float, float], dtype: Any = np.float64, **fields: Any) -> Flow:
    """Return a flow whose field is the same everywhere."""
    flow = Flow(FlowSpec(hidden=4, **fields), dtype=dtype)
    flow.net.layers[-1].bias[:] = velocity
    return flow


def shifted(flow: Flow, shift: tuple[float, float], bound: float | None) -> Target:
    """Return the flow's source, moved."""
    return Target(
        name="shifted", title="Shifted", note="", entropy_bound=bound,
        sample=lambda n, rng: flow.source.sample(n, rng) + shift,
        log_prob=lambda x: flow.source.log_prob(x - np.array(shift)),
    )  # fmt: skip


ENTROPY = np.log(2.0 * np.pi * np.e)  # of the round Gaussian


@pytest.mark.parametrize("bound", [None, -float(ENTROPY)])
def test_a_flow_that_is_the_target_has_its_likelihood(bound: float | None) -> None:
    flow = constant((0.5, -1.0))
    target = shifted(flow, (0.5, -1.0), bound)
    found = finish(measures.held_out_steps(flow, target, target.sample(5_000, np.random.default_rng(0))))
    assert found.mean == pytest.approx(-ENTROPY, abs=1e-6 if bound else 4.0 * found.error)
    assert found.error == pytest.approx(0.0 if bound else 1.0 / np.sqrt(5_000), rel=0.1, abs=1e-6)
    assert (found.lost, found.message) == (0.0, "")


def test_the_known_density_takes_the_chance_of_the_draw_out() -> None:
    """Both ways to take the mean agree, and the one that knows the target errs less."""
    flow, moons = trained("flow-matching"), make_target("moons")
    plain = Target(
        name="moons", title="", note="", entropy_bound=None, sample=moons.sample, log_prob=moons.log_prob
    )  # fmt: skip
    x = moons.sample(4_000, np.random.default_rng(1))
    known, unknown = (finish(measures.held_out_steps(flow, target, x)) for target in (moons, plain))
    assert known.error < 0.9 * unknown.error
    assert known.mean == pytest.approx(unknown.mean, abs=4.0 * unknown.error)
    assert unknown.mean == pytest.approx(finish(flow.log_prob_steps(x)).log_prob.mean(), abs=1e-12)


@pytest.mark.parametrize("name", ["pinwheel", "rings"])
def test_no_piece_of_the_work_is_long(name: str) -> None:
    target, flow = make_target(name), trained("flow-matching").astype(np.float32)
    steps, gaps = measures.held_out_steps(flow, target, target.sample(3_000, np.random.default_rng(0))), []

    def timed() -> Generator[None, None, None]:
        while True:
            started = process_time()
            try:
                next(steps)
            except StopIteration:
                return
            gaps.append(process_time() - started)
            yield

    finish(timed())
    assert len(gaps) > 20
    assert np.quantile(gaps, 0.9) < 0.01


def test_the_bound_is_missed_by_the_divergence() -> None:
    """The source of a still flow, shifted by c: KL = |c|^2 / 2."""
    flow = constant((0.0, 0.0))
    target = shifted(flow, (0.6, 0.8), -float(ENTROPY))
    found = finish(measures.held_out_steps(flow, target, target.sample(20_000, np.random.default_rng(2))))
    assert -ENTROPY - found.mean == pytest.approx(0.5, abs=4.0 * found.error)


def test_what_is_lost_is_said_and_gives_no_number() -> None:
    moons, flow = make_target("moons"), blown_up(backwards=True)
    x = moons.sample(50, np.random.default_rng(0))
    found = finish(measures.held_out_steps(flow, moons, x))
    assert np.isnan([found.mean, found.error]).all()
    assert found.lost == 1.0
    assert "points were lost" in found.message
    assert np.isnan(finish(measures.inversion_error_steps(flow, x)))
    away, z0 = blown_up(backwards=False), flow.source.sample(50, np.random.default_rng(1))
    assert np.isnan(finish(measures.nfe_steps(away, z0)))
    assert np.isnan(finish(measures.path_energy_steps(away, z0)))


@pytest.mark.parametrize("method", METHODS)
def test_the_inversion_error_falls_with_the_steps(method: str) -> None:
    x = make_target("moons").sample(300, np.random.default_rng(3))
    errors = [finish(measures.inversion_error_steps(trained(method), x, n_steps=n)) for n in (5, 20, 80)]
    assert errors[0] > errors[1] > errors[2] > 0.0
    assert errors[2] < 1e-3
    rough = finish(measures.inversion_error_steps(trained(method), x, method="euler", n_steps=20))
    assert rough > 10.0 * errors[1]


def test_evaluations_are_those_of_the_solver() -> None:
    still, bent = constant((0.0, 0.0)), trained("flow-matching")
    z0 = still.source.sample(3_000, np.random.default_rng(4))
    assert finish(measures.nfe_steps(still, z0)) < finish(measures.nfe_steps(bent, z0)) < 300
    found = finish(bent.paths_steps(z0[:1024], (0.0, 1.0), method="dopri5", n_steps=None, rtol=1e-5))
    assert finish(measures.nfe_steps(bent, z0)) == found.nfe


def test_a_tighter_tolerance_costs_more_and_errs_less() -> None:
    z0 = np.random.default_rng(5).standard_normal((500, 2))
    found = finish(measures.tolerances_steps(trained("ot-flow-matching"), z0, (1e-2, 1e-4, 1e-6)))
    assert found.rtol.tolist() == [1e-2, 1e-4, 1e-6]
    assert (np.diff(found.nfe) > 0).all()
    assert (np.diff(np.log10(found.error)) < -0.5).all()
    assert found.error[-1] < 1e-4


def test_the_path_energy_of_an_even_motion_is_its_square() -> None:
    flow = constant((3.0, -4.0))
    z0 = flow.source.sample(1_100, np.random.default_rng(6))
    energy = finish(measures.path_energy_steps(flow, z0))
    assert energy == pytest.approx(25.0)
    assert measures.normalised_path_energy(
        energy, wasserstein2(z0[:200], z0[:200] + np.array([3.0, -4.0])) ** 2
    ) == pytest.approx(0.0, abs=1e-9)
    assert measures.normalised_path_energy(3.0, 2.0) == measures.normalised_path_energy(1.0, 2.0) == 0.5
    assert np.isnan(measures.normalised_path_energy(1.0, 0.0))


def test_the_path_energy_of_a_motion_that_changes_is_its_integral() -> None:
    """A field that depends on t alone: v = tanh(t) along x, whose square integrates to 1 - tanh(1)."""
    flow = Flow(FlowSpec(hidden=1, layers=1), dtype=np.float64)
    flow.net.layers[0].weight[:] = [[0.0, 0.0, 1.0]]
    flow.net.layers[1].weight[:] = [[1.0], [0.0]]
    energy = finish(measures.path_energy_steps(flow, np.zeros((3, 2))))
    assert energy == pytest.approx(1.0 - np.tanh(1.0), abs=1e-8)


def test_transport_makes_paths_straighter() -> None:
    energies = {}
    for method in ("flow-matching", "ot-flow-matching"):
        flow, rng = trained(method, "eight-gaussians"), np.random.default_rng(7)
        z0, x = flow.source.sample(400, rng), make_target("moons").sample(400, rng)
        energy = finish(measures.path_energy_steps(flow, z0))
        energies[method] = measures.normalised_path_energy(energy, wasserstein2(z0, x) ** 2)
    assert energies["ot-flow-matching"] < 0.2
    assert energies["flow-matching"] > 1.0


def test_distances_are_rms() -> None:
    assert measures.rms_distance(np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([[3.0, 4.0], [1.0, 1.0]])) == (
        pytest.approx(np.sqrt(12.5))
    )
