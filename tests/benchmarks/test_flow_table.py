"""The table of flows, and that training with the methods' own plans reaches what is asked of it."""

from __future__ import annotations

import pytest
from benchmarks import flow_table

from nodeviz.models.flow import FlowSpec
from nodeviz.models.flow_training import PLANS
from nodeviz.problems.targets import make_target

# target, source, method: seconds on one core, and the log-likelihood (nats) or the path energy to reach
REACH = {
    ("eight-gaussians", "gaussian", "flow-matching"): (20.0, -2.828 - 0.03, None),
    ("checkerboard", "gaussian", "flow-matching"): (40.0, -3.466 - 0.18, None),
    ("eight-gaussians", "gaussian", "likelihood"): (60.0, -2.828 - 0.03, None),
    ("moons", "eight-gaussians", "ot-flow-matching"): (40.0, -2.394 - 0.06, 0.1),
    ("eight-gaussians", "gaussian", "diffusion"): (20.0, -2.828 - 0.03, None),
}


@pytest.mark.slow
@pytest.mark.parametrize(("case", "reach"), REACH.items(), ids=["-".join(case) for case in REACH])
def test_training_reaches_what_is_asked(case: tuple[str, str, str], reach: tuple[float, float, float | None]) -> None:
    (name, source, method), (seconds, log_prob, path_energy) = case, reach
    target, plan = make_target(name), PLANS[method]
    spec = FlowSpec(method=method, source=source)
    flow, taken = flow_table.train(target, spec, steps=plan.steps, lr=plan.lr, seed=1)
    row = flow_table.measure(target, flow, steps=plan.steps, seconds=taken, seed=1)
    assert row.mean_log_prob > log_prob
    assert row.mean_log_prob < row.bound + 3.0 * row.error, "no model is better than the target itself"
    assert taken <= seconds
    if path_energy is not None:
        assert row.path_energy <= path_energy
    assert row.mass == pytest.approx(1.0, abs=5e-3)
    assert row.wasserstein2 < row.floor + 0.15
    assert row.inversion_error < 1e-3


def test_the_command_prints_a_row_for_each_flow(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, few in (("HELD_OUT", 500), ("TRANSPORTED", 64), ("CELLS", 20)):
        monkeypatch.setattr(flow_table, name, few)
    assert flow_table.main(["moons", "--method", "diffusion", "--method", "flow-matching", "--share", "0.003"]) == 0
    header, rule, *rows = capsys.readouterr().out.splitlines()
    assert len(rows) == 2
    assert {line.count("|") for line in (header, rule, *rows)} == {17}
    assert rows[0].startswith("| moons | gaussian | diffusion | 90 |")


def test_an_unknown_target_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        flow_table.main(["moon"])
    assert ended.value.code == 2
    assert "unknown target 'moon'" in capsys.readouterr().err
