"""The table of how long edits of the latent ODE take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import latent_answers

if TYPE_CHECKING:
    import pytest


def test_the_command_prints_a_row_for_each_kind_of_edit(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latent_answers, "POINTS", (1, 8))
    latent_answers.main(["--edits", "2"])
    head, *rows = capsys.readouterr().out.splitlines()
    assert "first answer" in head
    assert len(rows) == 6
    for row in rows:
        label, *columns = row.split(" | ")
        assert label.strip()
        for column in columns:
            numbers = [float(number) for number in column.split()]
            assert len(numbers) == 4
            assert numbers == sorted(numbers)
            assert numbers[0] > 0.0
