"""What frames of a flow are made of: densities, pictures, paths and traces of a field with random weights."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pytest

from nodeviz.experiments.flow_density import Densities, cell_centres, lattice_steps
from nodeviz.experiments.flow_picture import QUICK, TIMES, diffused_steps, picture_steps
from nodeviz.experiments.flow_probes import PROBE_COUNTS, jacobians, path_steps, probe_counts, trace_steps
from nodeviz.experiments.solvers import Solver
from nodeviz.models.flow import Flow, FlowSpec

if TYPE_CHECKING:
    from collections.abc import Generator

T = TypeVar("T")

VIEW = np.array([-4.5, 4.5, -4.5, 4.5])
FINE = Solver("dopri5", None, 1e-6)


def flow_of(method: str = "flow-matching", seed: int = 0, scale: float = 1.0) -> Flow:
    flow = Flow.init(FlowSpec(method=method, hidden=16), np.random.default_rng(seed), np.float64)
    flow.parameters *= scale
    return flow


def run(steps: Generator[None, None, T]) -> T:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


def test_cells_have_their_centres_row_by_row_from_below() -> None:
    centres = cell_centres(np.array([0.0, 4.0, 10.0, 12.0]), 2)
    assert centres.tolist() == [[1.0, 10.5], [3.0, 10.5], [1.0, 11.5], [3.0, 11.5]]


@pytest.mark.parametrize("method", ["flow-matching", "diffusion"])
@pytest.mark.parametrize("t", [0.0, 0.35, 1.0])
def test_the_mass_of_a_density_is_one_at_every_time(method: str, t: float) -> None:
    lattice = run(lattice_steps(flow_of(method, scale=0.7), 2 * VIEW, t, 100, QUICK))
    assert lattice.mass == pytest.approx(1.0, abs=2e-3)
    assert lattice.lost == 0.0


def test_a_density_at_the_start_is_the_source_itself() -> None:
    flow = flow_of()
    lattice = run(lattice_steps(flow, VIEW, 0.0, 8, QUICK))
    exact = flow.source.log_prob(cell_centres(VIEW, 8)).reshape(8, 8)
    np.testing.assert_allclose(lattice.log_prob, exact, rtol=1e-6)


def test_where_the_field_blows_up_on_the_way_back_the_cells_are_lost() -> None:
    flow = flow_of()
    flow.net.layers[-1].weight[:] *= 1e200
    lattice = run(lattice_steps(flow, VIEW, 1.0, 12, Solver("rk4", 4, 1e-3)))
    assert lattice.lost == 1.0
    assert np.isnan(lattice.log_prob).all()
    assert lattice.mass == 0.0


def test_densities_are_filled_from_the_cursor_on_and_kept() -> None:
    flow, densities = flow_of(), Densities(TIMES, 6, ("key",), 3)
    order = []
    for _ in range(5):
        k = densities.missing(0.5)
        assert k is not None
        run(densities.fill(k, flow, VIEW, QUICK))
        order.append(k)
    assert order[0] == densities.index(0.5) == 20
    assert sorted(order) == list(range(18, 23))
    fields = densities.fields
    assert densities.fields["density"] is fields["density"]
    assert fields["density_known"].sum() == 5
    assert np.isfinite(fields["density_mass"]).sum() == 5
    assert np.isnan(fields["density"][0]).all()
    assert not fields["density"].flags.writeable
    assert fields["density_step"] == 3
    before = time.thread_time()
    again = run(densities.fill(20, flow, VIEW, QUICK))
    assert time.thread_time() - before < 1e-3
    np.testing.assert_array_equal(again.log_prob, fields["density"][20])
    assert densities.index(0.5123) is None
    assert densities.state == (6, ("key",), 5)


def test_a_picture_follows_the_flow_from_the_source() -> None:
    flow, z0 = flow_of(), np.random.default_rng(1).normal(size=(30, 2))
    made = run(picture_steps(flow, VIEW, z0, Solver("rk4", 20, 1e-3), grid=True, field=True))
    np.testing.assert_array_equal(made["samples"][0], z0)
    fine = run(flow.paths_steps(z0, TIMES, **FINE.how)).ys
    np.testing.assert_allclose(made["samples"], fine, atol=1e-3)
    assert made["grid"].shape[0] == len(TIMES)
    np.testing.assert_allclose(made["grid"][0, 0, -1], [4.5, -4.5])
    np.testing.assert_allclose(made["grid"][0, -1, 0], [-4.5, 4.5])
    places = cell_centres(VIEW, made["velocity"].shape[1])
    np.testing.assert_allclose(made["velocity"][8].reshape(-1, 2), flow.velocity(TIMES[8], places), rtol=1e-5)
    assert (made["sample_method"], made["sample_steps"]) == ("rk4", 20)
    assert made["sample_nfe"] in {80, 81}  # the slope at the very end is one of its own where somebody wants it


def test_what_is_not_wanted_is_not_made() -> None:
    made = run(picture_steps(flow_of(), VIEW, np.zeros((3, 2)), QUICK, grid=False, field=False))
    assert made["grid"].size == made["velocity"].size == 0
    assert made["samples"].shape == (len(TIMES), 3, 2)


def test_the_reverse_sde_starts_where_the_ode_does_and_follows_its_generator() -> None:
    flow, z0 = flow_of("diffusion", scale=0.5), np.random.default_rng(1).normal(size=(50, 2))
    paths = run(diffused_steps(flow, z0, 5))
    assert paths.shape == (len(TIMES), 50, 2)
    np.testing.assert_allclose(paths[0], z0, rtol=1e-6)
    np.testing.assert_array_equal(paths, run(diffused_steps(flow, z0, 5)))
    assert np.abs(paths - run(diffused_steps(flow, z0, 6))).max() > 0.1


@pytest.mark.parametrize("t", [0.0, 0.3, 1.0])
def test_a_path_passes_its_point_and_carries_the_density_of_every_time(t: float) -> None:
    flow, point = flow_of(), np.array([0.7, -0.4])
    path = run(path_steps("flow-matching", flow, point, t))
    k = int(np.flatnonzero(path.t == t)[0])
    np.testing.assert_allclose(path.path[k], point, atol=1e-7)
    assert (path.t[0], path.t[-1]) == (0.0, 1.0)
    for i in (0, 40, len(path.t) - 1):
        exact = run(flow.log_prob_steps(path.path[i][None], t=float(path.t[i]), **FINE.how)).log_prob[0]
        assert path.log_prob[i] == pytest.approx(exact, abs=1e-4)
        assert path.speed[i] == pytest.approx(np.linalg.norm(flow.velocity(float(path.t[i]), path.path[i][None])))


@pytest.mark.parametrize("method", ["flow-matching", "diffusion"])
def test_jacobians_are_those_of_the_velocity(method: str) -> None:
    flow, points, h = flow_of(method), np.random.default_rng(2).normal(size=(7, 2)), 1e-6
    found = jacobians(flow, 0.6, points)
    for j in range(2):
        shift = h * np.eye(2)[j]
        slope = (flow.velocity(0.6, points + shift) - flow.velocity(0.6, points - shift)) / (2 * h)
        np.testing.assert_allclose(found[:, j].T, slope, atol=1e-8)


def test_estimates_of_the_trace_scatter_as_theory_says_and_cost_log_p_accuracy() -> None:
    flow, rng = flow_of(), np.random.default_rng(3)
    z0, held_out = rng.normal(size=(400, 2)), rng.normal(size=(100, 2))
    trace = run(trace_steps("flow-matching", flow, 0.5, z0, held_out, probe_counts(3), rng))
    counts = probe_counts(3)
    assert counts.tolist() == sorted({*PROBE_COUNTS, 3})
    for kind in ("rademacher", "gaussian"):
        mean, std = getattr(trace, f"{kind}_mean"), getattr(trace, f"{kind}_std")
        theory = getattr(trace, f"{kind}_theory")
        np.testing.assert_allclose(std, theory, rtol=0.1)
        np.testing.assert_allclose(theory, theory[0] / np.sqrt(counts))
        assert np.abs(mean - trace.exact).max() < 5 * theory[0] / np.sqrt(400 * 32)
        error = getattr(trace, f"log_prob_{kind}")
        assert error[0] > 1.5 * error[-1] > 0
    assert (trace.rademacher_theory < trace.gaussian_theory).all()
