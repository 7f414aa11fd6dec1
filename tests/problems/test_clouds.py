"""A user's own points: scaled to the view and back, with far outliers left out and said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeviz.problems.clouds import cloud_from_csv, cloud_of
from nodeviz.problems.tables import TableError

if TYPE_CHECKING:
    from pathlib import Path


def normal(n: int = 100, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=(n, 2))


def test_points_come_to_within_4_and_back() -> None:
    x = normal() * 30.0 + (1e4, -2.0)
    cloud = cloud_of(x)
    assert np.abs(cloud.points).max() == pytest.approx(4.0)
    np.testing.assert_allclose(cloud.to_data(cloud.points), x)
    np.testing.assert_allclose(cloud.to_plane(x), cloud.points)
    assert cloud.scale[0] == cloud.scale[1], "circles stay round"
    assert not cloud.points.flags.writeable


def test_axes_of_different_units_get_a_scale_each() -> None:
    cloud = cloud_of(normal() * (1e3, 1e-3))
    np.testing.assert_allclose(np.ptp(cloud.points, axis=0), 8.0)
    assert cloud.note.startswith("100 points; the plane shows (x ")


@pytest.mark.parametrize("far", [1e9, -1e9, 1e200, np.inf, np.nan])
def test_outliers_are_left_out_and_said(far: float) -> None:
    x = np.concatenate([normal(200), [[far, 0.0], [0.0, far]]])
    cloud = cloud_of(x)
    assert len(cloud.points) == 200
    assert cloud.note.startswith("2 points far from all others left out. 200 points; the plane shows (x")
    np.testing.assert_allclose(cloud.points, cloud_of(x[:200]).points, rtol=1e-12)
    assert "1 point far" in cloud_of(x[:201]).note


def test_heavy_tails_and_two_distant_groups_stay_whole() -> None:
    tails = np.random.default_rng(0).standard_t(4, (500, 2))
    groups = np.concatenate([normal(80), normal(20) + 1e4])
    for x in (tails, groups):
        assert len(cloud_of(x).points) == len(x)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (normal(2), "2 points to use, below the limit 10; give 10 or more"),
        (normal(9), "9 points to use, below the limit 10"),
        (np.full((50, 2), np.nan), "0 points to use"),
        (normal(20_001), "20001 points, above the limit 20000; give a random part of them"),
        (normal(12).ravel(), "points of shape (24,): not points of the plane; give an array of shape (N, 2)"),
        (np.zeros((20, 3)), "points of shape (20, 3)"),
        (np.zeros((20, 2)), "x is the same for nearly all points; give points that spread over a plane"),
        (normal(20) * (1.0, 0.0) + 7.0, "y is the same for nearly all points"),
        (normal(20) * (1.0, 1e-13) + 7.0, "y is the same for nearly all points"),
    ],
)
def test_what_is_no_density_of_the_plane_is_said(points: Any, message: str) -> None:
    with pytest.raises(ValueError, match=r"; ") as caught:
        cloud_of(points)
    assert message in str(caught.value)


def test_a_csv_is_read_by_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "measured.csv"
    x = normal(50)
    path.write_text("id;y;x\n" + "".join(f"{i};{b};{a}\n" for i, (a, b) in enumerate(x)) + "7;;3\n")
    cloud = cloud_from_csv(path)
    np.testing.assert_allclose(cloud.to_data(cloud.points), x)
    assert cloud.note.startswith("measured.csv: 1 row with missing values skipped. 50 points; the plane shows")


def test_two_rows_are_too_few_and_the_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "short.csv"
    path.write_text("x,y\n1,2\n3,4\n")
    with pytest.raises(TableError, match=r"^short.csv: 2 points to use, below the limit 10; give 10 or more$"):
        cloud_from_csv(path)


@given(
    st.lists(st.tuples(st.floats(allow_nan=True), st.floats(allow_infinity=True)), min_size=0, max_size=40),
    st.sampled_from([1.0, 1e-300, 1e300]),
)
def test_any_points_are_scaled_or_refused(points: list[tuple[float, float]], factor: float) -> None:
    with np.errstate(over="ignore"):
        data = np.array(points, dtype=float).reshape(-1, 2) * factor
    message = ""
    try:
        cloud = cloud_of(data)
        assert np.isfinite(cloud.points).all()
        assert np.abs(cloud.points).max() == pytest.approx(4.0)
        assert (cloud.scale > 0).all()
        assert np.isfinite(cloud.density.log_prob(cloud.points)).all()
    except ValueError as error:
        message = str(error)
    assert "\n" not in message
