"""Targets, sources and mixtures: each sampler against its own density, and the bounds against that density."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nodeviz.problems import pinwheel
from nodeviz.problems.mixtures import GaussianMixture
from nodeviz.problems.sources import SOURCES
from nodeviz.problems.targets import TARGETS, make_target, target_of_points

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TOYS = ("eight-gaussians", "moons", "pinwheel", "checkerboard", "spirals", "rings")
NAMES = (*TOYS, "image", "text", "csv")


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """Return the path of a picture: dark wedges of two strengths on white."""
    pixels = np.full((64, 48, 3), 255, np.uint8)
    pixels[10:30, 5:25] = 0
    pixels[35:50, 20:30] = 128
    Image.fromarray(pixels).save(tmp_path / "wedges.png")
    return tmp_path / "wedges.png"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Return the path of a CSV of 200 points on a bent line."""
    x = np.random.default_rng(1).normal(100.0, 20.0, 200)
    (tmp_path / "bent.csv").write_text("x,y\n" + "".join(f"{a},{0.01 * (a - 100) ** 2}\n" for a in x))
    return tmp_path / "bent.csv"


def made(name: str, picture: Path, table: Path) -> Any:
    return make_target(name, path=str(picture if name == "image" else table), word="node")


def density_on_grid(log_prob: Callable[[Any], Any], half: float, n: int) -> tuple[Any, float]:
    """Return log-densities (n, n), x along the first axis, at the middles of square cells, and a cell's area."""
    edges = np.linspace(-half, half, n + 1)
    middles = 0.5 * (edges[1:] + edges[:-1])
    points = np.stack(np.meshgrid(middles, middles, indexing="ij"), axis=-1).reshape(-1, 2)
    return log_prob(points).reshape(n, n), (2.0 * half / n) ** 2


def chi_square(sample: Any, probability: Any, half: float) -> float:
    """Return chi^2 per cell of a sample against probabilities (n, n) of the cells of a square, the likely ones only."""
    n = len(probability)
    counts, _, _ = np.histogram2d(sample[:, 0], sample[:, 1], bins=n, range=[(-half, half)] * 2)
    expected = probability * len(sample)
    likely = expected > 10
    assert likely.sum() > 20
    return float(np.mean(np.square(counts - expected)[likely] / expected[likely]))


def test_the_list_is_what_the_contract_names() -> None:
    assert tuple(TARGETS) == NAMES
    assert tuple(SOURCES) == ("gaussian", "eight-gaussians", "uniform")
    assert {name: kind.needs for name, kind in TARGETS.items() if kind.needs} == {
        "image": "path", "text": "word", "csv": "path",
    }  # fmt: skip
    assert all(kind.note.endswith(".") for kind in (*TARGETS.values(), *SOURCES.values()))


@pytest.mark.parametrize("name", NAMES)
def test_points_fall_as_the_density_says(name: str, picture: Path, table: Path) -> None:
    target = made(name, picture, table)
    n = 480 if name == "image" else 240  # whole numbers of grid cells per pixel and per square
    log_density, area = density_on_grid(target.log_prob, 6.0, n)
    mass = np.exp(log_density) * area
    assert mass.sum() == pytest.approx(1.0, abs=0.03 if name == "text" else 1e-5)
    cells = mass.reshape(60, n // 60, 60, n // 60).sum(axis=(1, 3))
    sample = target.sample(50_000, np.random.default_rng(3))
    if name != "text":  # its pixels do not fit the cells
        assert chi_square(sample, cells, 6.0) == pytest.approx(1.0, abs=0.3)
    x0, x1, y0, y1 = target.view
    assert ((sample > (x0, y0)) & (sample < (x1, y1))).all(axis=1).mean() > 0.999


@pytest.mark.parametrize("name", NAMES)
def test_no_model_beats_the_bound(name: str, picture: Path, table: Path) -> None:
    target = made(name, picture, table)
    log_prob = target.log_prob(target.sample(40_000, np.random.default_rng(4)))
    assert np.isfinite(log_prob).all()
    if name == "csv":
        assert target.entropy_bound is None
        return
    spread = log_prob.std() / np.sqrt(len(log_prob))
    assert target.entropy_bound == pytest.approx(log_prob.mean(), abs=max(4.0 * spread, 1e-9))


@pytest.mark.parametrize("name", ["eight-gaussians", "moons", "pinwheel", "checkerboard", "spirals", "rings"])
def test_bounds_are_the_integral_of_p_log_p(name: str) -> None:
    target = make_target(name)
    log_density, area = density_on_grid(target.log_prob, 6.4, 320)
    filled = np.isfinite(log_density)
    bound = (np.exp(log_density[filled]) * log_density[filled]).sum() * area
    assert target.entropy_bound == pytest.approx(bound, abs=2e-4 if name == "pinwheel" else 1e-5)


def test_the_bounds_known_from_elsewhere() -> None:
    assert make_target("checkerboard").entropy_bound == -log(32.0)
    assert make_target("eight-gaussians").entropy_bound == pytest.approx(-2.828, abs=0.005)
    # Far apart, they would have the entropy of the choice and of one of them.
    apart = -log(8.0) - log(2.0 * np.pi * np.e * (0.5 / 1.414) ** 2)
    assert apart < make_target("eight-gaussians").entropy_bound < apart + 0.01


@pytest.mark.parametrize("name", SOURCES)
def test_sources_are_what_their_density_says(name: str) -> None:
    source = SOURCES[name]
    log_density, area = density_on_grid(source.log_prob, 6.0, 240)
    mass = np.exp(log_density) * area
    assert mass.sum() == pytest.approx(1.0, abs=1e-6)
    cells = mass.reshape(60, 4, 60, 4).sum(axis=(1, 3))
    assert chi_square(source.sample(50_000, np.random.default_rng(5)), cells, 6.0) == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize("name", SOURCES)
@given(x=st.lists(st.floats(-50, 50), min_size=2, max_size=2))
def test_scores_are_the_slope_of_the_density_anywhere(name: str, x: list[float]) -> None:
    source, point, step = SOURCES[name], np.array([x]), 1e-5
    assert np.isfinite(source.log_prob(point)).all()
    for axis in range(2):
        shift = np.zeros(2)
        shift[axis] = step
        ahead, behind = source.log_prob(point + shift), source.log_prob(point - shift)
        slope = float((ahead - behind)[0]) / (2 * step)
        assert source.score(point)[0, axis] == pytest.approx(slope, rel=2e-4, abs=2e-4 * (1 + abs(slope)))


def test_the_square_has_a_density_however_far_out() -> None:
    log_prob = SOURCES["uniform"].log_prob(np.array([[0.0, 0.0], [1e3, 0.0], [1e6, -1e6]]))
    assert log_prob[0] == pytest.approx(-log(36.0))
    assert np.isfinite(log_prob).all()


@given(st.integers(1, 40), st.integers(1, 3), st.floats(0.05, 2.0), st.integers(0, 2**32 - 1))
def test_a_mixture_is_the_mean_of_its_gaussians(k: int, d: int, std: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    centres, x = rng.normal(0.0, 2.0, (k, d)), rng.normal(0.0, 3.0, (7, d))
    squares = np.square(x[:, None] - centres).sum(axis=-1)
    plain = np.exp(-0.5 * squares / std**2).mean(axis=1) / (2 * np.pi * std**2) ** (d / 2)
    with np.errstate(divide="ignore"):
        expected = np.log(plain)
    seen = plain > 1e-250
    np.testing.assert_allclose(GaussianMixture.of(centres, std).log_prob(x)[seen], expected[seen], rtol=1e-9, atol=1e-9)


def test_a_large_mixture_is_taken_in_pieces() -> None:
    rng = np.random.default_rng(0)
    centres, x = rng.normal(size=(5_000, 2)), rng.normal(size=(300, 2))
    whole = GaussianMixture.of(centres, 0.3)
    one_by_one = np.concatenate([whole.log_prob(x[i : i + 1]) for i in range(len(x))])
    np.testing.assert_allclose(whole.log_prob(x), one_by_one, rtol=1e-12)


def test_a_diffused_mixture_is_what_its_points_become() -> None:
    mixture, rng = GaussianMixture.of([[1.0, 0.0], [-1.0, 2.0]], 0.3), np.random.default_rng(2)
    moved = 0.6 * mixture.sample(200_000, rng) + 0.8 * rng.standard_normal((200_000, 2))
    diffused = mixture.diffused(0.6, 0.8)
    assert diffused.std == pytest.approx(np.hypot(0.18, 0.8))
    np.testing.assert_allclose(moved.mean(axis=0), diffused.centres.mean(axis=0), atol=0.01)
    assert moved.var(axis=0) == pytest.approx(diffused.std**2 + diffused.centres.var(axis=0), rel=0.02)


def test_the_pinwheel_counts_every_solution() -> None:
    """Move each point by the bend's derivative with respect to u and v, and compare areas with the density."""
    u, v = np.meshgrid(np.linspace(0.2, 1.8, 9), np.linspace(-0.3, 0.3, 7), indexing="ij")
    u, v = u.ravel(), v.ravel()
    turn = 0.25 * np.exp(u)
    x = 2.0 * np.stack([u * np.cos(turn) + v * np.sin(turn), v * np.cos(turn) - u * np.sin(turn)], axis=-1)
    straight = -0.5 * (np.square((u - 1) / 0.3) + np.square(v / 0.1)) - log(2 * np.pi * 0.03 * 5)
    expected = straight - np.log(4.0 * np.abs(1.0 + v * turn))
    # Other arms only add, and hardly anything but near the hub.
    excess = pinwheel.log_prob(x) - expected
    assert (excess > -1e-9).all()
    assert (excess[u >= 0.8] < 1e-6).all()
    assert np.isneginf(pinwheel.log_prob(np.array([[30.0, 0.0], [1e9, 1e9]]))).all()


def test_same_seed_same_points(picture: Path, table: Path) -> None:
    for name in NAMES:
        target = made(name, picture, table)
        first, again = (target.sample(50, np.random.default_rng(9)) for _ in range(2))
        assert first.shape == (50, 2)
        assert first.dtype == np.float64
        np.testing.assert_array_equal(first, again)


def test_points_of_a_user_are_a_target_too() -> None:
    x = np.random.default_rng(0).normal(size=(30, 2))
    target = target_of_points(x, name="painted", title="Painted")
    assert (target.name, target.title) == ("painted", "Painted")
    assert target.cloud is not None
    np.testing.assert_allclose(target.cloud.to_data(target.cloud.points), x, atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "moon"}, "target='moon': unknown; use one of eight-gaussians, moons"),
        ({"name": "image"}, "path is empty: target=image needs one; set path"),
        ({"name": "csv", "path": "  "}, "path is empty: target=csv"),
        ({"name": "text"}, "word is empty: target=text needs one"),
        ({"name": "text", "word": " \n"}, "word is empty"),
        ({"name": "csv", "path": "missing.csv"}, "missing.csv: cannot be opened"),
        ({"name": "image", "path": "missing.png"}, "missing.png: cannot be opened"),
    ],
)
def test_what_is_missing_is_said_in_one_sentence(arguments: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=r"; ") as caught:
        make_target(**arguments)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
