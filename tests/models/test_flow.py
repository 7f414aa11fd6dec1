"""Flows: one velocity field, invertible, whose densities have mass 1 whatever taught it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models.flows import blown_up, finish, lattice, trained

from nodeviz.engine.hutchinson import draw_probes
from nodeviz.engine.solution import Status
from nodeviz.models import diffusion
from nodeviz.models.flow import CHUNK, METHODS, Flow, FlowSpec
from nodeviz.problems.sources import SOURCES

TIGHT: dict[str, Any] = {"method": "dopri5", "n_steps": None, "rtol": 1e-10}
CASES = [(method, "gaussian") for method in METHODS] + [
    ("ot-flow-matching", "eight-gaussians"),
    ("flow-matching", "uniform"),
    ("likelihood", "uniform"),
]


def random_flow(seed: int = 0, **fields: Any) -> Flow:
    return Flow.init(FlowSpec(**fields), np.random.default_rng(seed), np.float64)


@given(
    st.sampled_from(list(METHODS)),
    st.integers(1, 40),
    st.integers(1, 4),
    st.sampled_from(["tanh", "softplus", "relu", "sigmoid"]),
)
def test_a_spec_says_what_a_flow_is_made_of(method: str, hidden: int, layers: int, activation: str) -> None:
    spec = FlowSpec(method=method, hidden=hidden, layers=layers, activation=activation)
    flow = Flow.init(spec, np.random.default_rng(0))
    assert flow.parameters.shape == (spec.n_parameters,)
    assert flow.parameters.dtype == np.float32
    assert FlowSpec.from_json(spec.to_json()) == spec
    assert flow.astype(np.float64).spec == spec


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"method": "gan"}, "method='gan': no such choice; choose one of likelihood, flow-matching"),
        ({"source": "moons"}, "source='moons': no such choice; choose one of gaussian"),
        ({"activation": "sine"}, "activation='sine': no such choice"),
        ({"hidden": 0}, "hidden=0: must be a whole number from 1 to 10000"),
        ({"hidden": 2.5}, "hidden=2.5: must be a whole number"),
        ({"layers": True}, "layers=True: must be a whole number from 1 to 16"),
        ({"method": "diffusion", "source": "uniform"}, "a diffusion starts from the noise it ends in; use gaussian"),
    ],
)
def test_what_a_spec_cannot_say(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="; ") as caught:
        FlowSpec(**fields)
    assert message in str(caught.value)


@pytest.mark.parametrize("data", [None, [], "flow", {"width": 3}])
def test_json_that_is_no_spec_is_said(data: object) -> None:
    with pytest.raises(ValueError, match=r"not a mapping of a flow's fields; use activation, hidden"):
        FlowSpec.from_json(data)


@pytest.mark.parametrize("method", METHODS)
def test_all_ways_to_ask_for_the_velocity_agree(method: str) -> None:
    flow, rng = random_flow(method=method, hidden=8), np.random.default_rng(1)
    y, out = rng.normal(size=(2, 5)), np.empty((2, 5))
    velocity = flow(0.3, y)
    flow.into(0.3, y, out)
    np.testing.assert_array_equal(out, velocity)
    np.testing.assert_allclose(flow(0.3, y[:, 2]), velocity[:, 2], rtol=1e-12)
    np.testing.assert_allclose(flow(np.full(5, 0.3), y), velocity, rtol=1e-12)
    np.testing.assert_allclose(flow.velocity(0.3, y.T), velocity.T, rtol=1e-12)
    np.testing.assert_allclose(flow.density_field()(0.3, flow.density_field().augment(y))[:2], velocity, rtol=1e-12)
    factor = diffusion.velocity_factor(0.3) if method == "diffusion" else 1.0
    np.testing.assert_allclose(velocity, factor * flow.net(0.3, y), rtol=1e-12)
    assert flow.astype(np.float32)(0.3, y).dtype == np.float32


@pytest.mark.parametrize(("method", "source"), CASES)
def test_what_flows_comes_back(method: str, source: str) -> None:
    flow = trained(method, source)
    z0 = flow.source.sample(200, np.random.default_rng(2))
    there = finish(flow.paths_steps(z0, (0.0, 1.0), **TIGHT))
    back = finish(flow.paths_steps(there.ys[-1], (1.0, 0.0), **TIGHT))
    assert there.status is back.status is Status.OK
    assert np.abs(back.ys[-1] - z0).max() < 1e-6
    assert np.abs(there.ys[-1] - z0).max() > 0.5, "it moves"


@pytest.mark.parametrize(("method", "source"), CASES)
@pytest.mark.parametrize("t", [0.5, 1.0])
def test_the_mass_of_the_density_is_1(method: str, source: str, t: float) -> None:
    points, area = lattice(6.0, 150 if source == "gaussian" else 240)
    found = finish(trained(method, source).astype(np.float32).log_prob_steps(points, t=t, n_steps=40))
    assert found.ok
    assert np.exp(found.log_prob).sum() * area == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize(("method", "source"), CASES)
def test_the_density_is_that_of_the_source_moved_along(method: str, source: str) -> None:
    """log p(x) = log p0(z) + log |det dz/dx|, with the determinant from differences of the flow's own map."""
    flow, step = trained(method, source), 1e-4
    x = finish(flow.sample_steps(40, np.random.default_rng(3), **TIGHT)).ys[-1]
    found = finish(flow.log_prob_steps(x, **TIGHT))
    columns = []
    for axis in range(2):
        shift = np.zeros(2)
        shift[axis] = step
        ahead, behind = (
            finish(flow.paths_steps(place, (1.0, 0.0), **TIGHT)).ys[-1] for place in (x + shift, x - shift)
        )
        columns.append((ahead - behind) / (2.0 * step))
    stretch = np.log(np.abs(np.linalg.det(np.stack(columns, axis=-1))))
    np.testing.assert_allclose(found.z0, finish(flow.paths_steps(x, (1.0, 0.0), **TIGHT)).ys[-1].T, atol=1e-6)
    np.testing.assert_allclose(found.log_prob, flow.source.log_prob(found.z0.T) + stretch, atol=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_a_fresh_flow_hardly_moves(method: str) -> None:
    flow, z0 = random_flow(method=method), np.random.default_rng(4).normal(size=(100, 2))
    found = finish(flow.paths_steps(z0, (0.0, 1.0)))
    assert 0.0 < np.abs(found.ys[-1] - z0).max() < 0.2
    log_prob = finish(flow.log_prob_steps(z0)).log_prob
    np.testing.assert_allclose(log_prob, flow.source.log_prob(z0), atol=0.5)


@pytest.mark.parametrize("source", SOURCES)
def test_at_the_start_the_density_is_the_sources(source: str) -> None:
    flow, x = random_flow(source=source), np.random.default_rng(4).normal(0.0, 2.0, (50, 2))
    np.testing.assert_allclose(finish(flow.log_prob_steps(x, t=0.0)).log_prob, SOURCES[source].log_prob(x), rtol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_an_estimated_trace_gives_the_same_density_in_the_mean(method: str) -> None:
    flow, rng = trained(method), np.random.default_rng(5)
    x = finish(flow.sample_steps(60, rng)).ys[-1]
    exact = finish(flow.log_prob_steps(x)).log_prob
    estimated = finish(flow.log_prob_steps(x, trace=draw_probes(rng, "rademacher", 32, 2, 60))).log_prob
    errors = estimated - exact
    assert 0.0 < errors.std() < 0.5
    assert abs(errors.mean()) < 4.0 * errors.std() / np.sqrt(60) + 0.01


@given(st.lists(st.floats(0.0, 1.0), min_size=2, max_size=6, unique=True), st.booleans())
@settings(max_examples=20)
def test_paths_are_where_points_are_at_any_times_both_ways(times: list[float], backwards: bool) -> None:
    flow, points = trained("flow-matching"), np.random.default_rng(6).normal(size=(7, 2))
    ts = sorted(times, reverse=backwards)
    found = finish(flow.paths_steps(points, ts, **TIGHT))
    assert found.ys.shape == (len(ts), 7, 2)
    np.testing.assert_allclose(found.ys[0], points)
    for t, ys in zip(ts, found.ys, strict=True):
        if t != ts[0]:
            np.testing.assert_allclose(finish(flow.paths_steps(points, (ts[0], t), **TIGHT)).ys[-1], ys, atol=1e-6)


def test_many_points_are_taken_in_pieces() -> None:
    flow, n = trained("diffusion"), CHUNK + 100
    points = flow.source.sample(n, np.random.default_rng(7))
    found, steps = flow.paths_steps(points, (0.0, 0.5, 1.0), n_steps=10), 0
    try:
        while True:
            next(found)
            steps += 1
    except StopIteration as stop:
        whole = stop.value
    assert steps >= 2, "it yields while it works"
    few = finish(flow.paths_steps(points[CHUNK - 3 : CHUNK + 3], (0.0, 0.5, 1.0), n_steps=10))
    np.testing.assert_allclose(whole.ys[:, CHUNK - 3 : CHUNK + 3], few.ys, atol=1e-9)
    assert whole.nfe == few.nfe


def test_samples_are_the_sources_points_and_where_they_go() -> None:
    flow = trained("flow-matching")
    found = finish(flow.sample_steps(30, np.random.default_rng(8), **TIGHT))
    np.testing.assert_array_equal(found.ys[0], flow.source.sample(30, np.random.default_rng(8)))
    again = finish(flow.paths_steps(found.ys[0], (0.0, 1.0), **TIGHT))
    np.testing.assert_array_equal(found.ys[1], again.ys[1])


def test_a_field_that_blows_up_is_a_status_and_the_rest_is_kept() -> None:
    flow = blown_up(backwards=False)
    points = np.random.default_rng(9).normal(size=(20, 2))
    found = finish(flow.paths_steps(points, (0.0, 0.5, 1.0)))
    assert found.status is Status.NONFINITE
    assert "finite" in found.message
    np.testing.assert_array_equal(found.ys[0], points.astype(np.float32))
    assert np.isnan(found.ys[1:]).all()
    lost = finish(blown_up(backwards=True).log_prob_steps(points))
    assert not lost.ok
    assert "lost on the way from t=1 to 0" in lost.message


def test_wrong_memory_is_refused() -> None:
    with pytest.raises(ValueError, match="parameters"):
        Flow(FlowSpec(), parameters=np.zeros(3, np.float32))
