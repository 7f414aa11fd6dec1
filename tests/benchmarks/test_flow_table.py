"""The table of flows."""

from __future__ import annotations

import pytest
from benchmarks import flow_table


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
