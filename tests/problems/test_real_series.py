"""The series that ship: they are there, whole, and say where they come from."""

from __future__ import annotations

import numpy as np
import pytest

from nodeviz.problems.real_series import REAL, RealSeries
from nodeviz.problems.series import observations
from nodeviz.resources_path import resource_path


@pytest.mark.parametrize("real", REAL.values(), ids=list(REAL))
def test_a_file_names_its_source(real: RealSeries) -> None:
    lines = real.path.read_text("utf-8").splitlines()
    assert lines[0].startswith("# ")
    assert "Public domain." in lines[0]
    assert "statsmodels" in " ".join(lines[:3])


def test_they_are_all_the_data_that_ship_and_small() -> None:
    files = list(resource_path("data").iterdir())
    assert {file.name for file in files} == {f"{name}.csv" for name in REAL}
    assert sum(file.stat().st_size for file in files) < 60_000


@pytest.mark.parametrize(
    ("name", "n", "first", "last", "unit"),
    [
        ("co2", 2225, (1958 + 87 / 365, 316.1), (2001 + 362 / 365, 371.5), "date"),
        ("sunspots", 309, (1700.0, 5.0), (2008.0, 2.9), "date"),
        ("nile", 100, (1871.0, 1120.0), (1970.0, 740.0), "date"),
    ],
)
def test_what_is_in_them(name: str, n: int, first: tuple[float, float], last: tuple[float, float], unit: str) -> None:
    series = REAL[name].read()
    assert len(series) == n
    np.testing.assert_allclose((series.t[0], series.y[0, 0]), first)
    np.testing.assert_allclose((series.t[-1], series.y[-1, 0]), last)
    assert series.unit == unit
    assert series.channels == 1
    assert series.note == REAL[name].note
    seen = observations(series, own=False)
    assert np.abs(seen.x).max() < 5


def test_the_longest_gap_is_that_of_the_note() -> None:
    series = REAL["co2"].read()
    weeks = np.diff(series.t).max() * 365.25 / 7
    assert round(float(weeks)) - 1 == 18
