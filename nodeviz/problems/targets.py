"""What flows are to become: densities of the plane, sampled afresh at any size, most of them known in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from math import log, pi
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from nodeviz.problems import pinwheel
from nodeviz.problems.clouds import cloud_from_csv, cloud_of
from nodeviz.problems.mixtures import GaussianMixture
from nodeviz.problems.pictures import PictureDensity, density_from_picture
from nodeviz.problems.sources import eight_gaussians
from nodeviz.problems.words import density_from_word

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.problems.clouds import Cloud

VIEW = (-4.5, 4.5, -4.5, 4.5)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Target:
    """A distribution that flows are to end in.

    Attributes
    ----------
    name, title : as typed and as read
    note : one plain sentence; for a user's own data what was done to it
    sample : n, rng -> (n, 2) float64
    log_prob : (N, 2) -> (N,) nats, -inf outside of its support
    entropy_bound : its mean log-density under itself in nats, which no model's exceeds; None where it is not known
    view : x0, x1, y0, y1 that hold all of it that matters
    cloud : the points behind it and their units, where there are any
    """

    name: str
    title: str
    note: str
    sample: Callable[[int, np.random.Generator], FloatArray]
    log_prob: Callable[[FloatArray], FloatArray]
    entropy_bound: float | None
    view: tuple[float, float, float, float] = VIEW
    cloud: Cloud | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetKind:
    """One target of the list: ``needs`` is "", "path" or "word", whatever else it takes to make it."""

    name: str
    title: str
    note: str
    make: Callable[[str, str], Target]
    needs: str = ""


def make_target(name: str, *, path: str = "", word: str = "") -> Target:
    """Return a target by its name, from the file at ``path`` or the ``word`` where it needs one.

    Raises
    ------
    ValueError : an unknown name, a missing path or word, or a file or word that makes no density; one sentence.
        PictureError and TableError are ValueErrors.
    """
    kind = TARGETS.get(name)
    if kind is None:
        raise ValueError(f"target={name!r}: unknown; use one of {', '.join(TARGETS)}")
    if kind.needs and not {"path": path, "word": word}[kind.needs].strip():
        raise ValueError(f"{kind.needs} is empty: target={name} needs one; set {kind.needs}, or choose another target")
    return kind.make(path, word)


def target_of_points(points: npt.ArrayLike, *, name: str = "csv", title: str = "Points") -> Target:
    """Return the target of a user's points (N, 2): a narrow round Gaussian about each, normalised to within ±4.

    Raises
    ------
    ValueError : too few points, or none that spread over a plane; one sentence
    """
    return _of_cloud(name, title, cloud_of(points))


def _checkerboard_sample(n: int, rng: np.random.Generator) -> FloatArray:
    # Column x0 in -2..1, then a square of it that is filled: rows alternate from column to column.
    points = rng.uniform(0.0, 1.0, (n, 2))
    column, pair = rng.integers(-2, 2, n), rng.integers(0, 2, n)
    points[:, 0] += column
    points[:, 1] += 2 * pair - 2 + column % 2
    points *= 2.0
    return points


def _checkerboard_log_prob(x: FloatArray) -> FloatArray:
    cell = np.floor(0.5 * np.asarray(x))
    filled = (np.abs(cell + 0.5) < 2.0).all(axis=1) & (cell.sum(axis=1) % 2 == 0)
    return np.where(filled, -log(32.0), -np.inf)


def _polar(radius: npt.ArrayLike, angle: FloatArray) -> FloatArray:
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)


def _moons() -> GaussianMixture:
    arc = _polar(np.ones(80), pi * (np.arange(80) + 0.5) / 80)
    # The second arc is the first turned by half a turn about the middle of both.
    both = np.concatenate([arc, (1.0, 0.5) - arc]) - (0.5, 0.25)
    return GaussianMixture.of(2.0 * both, 0.2)


def _spirals() -> GaussianMixture:
    # The root puts about as many centres on each piece of an arm, however far out.
    along = 3.0 * pi * np.sqrt((np.arange(240) + 0.5) / 240)
    arm = _polar(along / 3.0, along)
    return GaussianMixture.of(np.concatenate([arm, -arm]), 0.1)


def _rings() -> GaussianMixture:
    # Every ring gets the same share of the points, and so of the centres: the outermost sets how many.
    angle = 2.0 * pi * np.arange(240) / 240
    return GaussianMixture.of(np.concatenate([_polar(radius, angle) for radius in (0.75, 1.5, 2.25, 3.0)]), 0.08)


def _toy(
    name: str,
    title: str,
    note: str,
    density: GaussianMixture
    | tuple[Callable[[int, np.random.Generator], FloatArray], Callable[[FloatArray], FloatArray]],
    entropy_bound: float,
) -> TargetKind:
    sample, log_prob = (density.sample, density.log_prob) if isinstance(density, GaussianMixture) else density
    target = Target(name=name, title=title, note=note, sample=sample, log_prob=log_prob, entropy_bound=entropy_bound)
    return TargetKind(name=name, title=title, note=note, make=lambda _path, _word: target)


def _of_picture(name: str, title: str, note: str, picture: PictureDensity) -> Target:
    return Target(
        name=name,
        title=title,
        note=note,
        sample=picture.sample,
        log_prob=picture.log_prob,
        entropy_bound=picture.entropy_bound,
    )


def _of_cloud(name: str, title: str, cloud: Cloud) -> Target:
    density = cloud.density
    return Target(
        name=name,
        title=title,
        note=cloud.note,
        sample=density.sample,
        log_prob=density.log_prob,
        entropy_bound=None,
        cloud=cloud,
    )


_ALL = (
    _toy(
        "eight-gaussians",
        "Eight Gaussians",
        "Round Gaussians on a circle, all but apart: a flow has to tear its source into eight.",
        eight_gaussians(),
        -2.83188,
    ),
    _toy(
        "moons",
        "Moons",
        "Two crescents that reach into each other.",
        _moons(),
        -2.39355,
    ),
    _toy(
        "pinwheel",
        "Pinwheel",
        "Five bent spokes, densest along their middles.",
        (pinwheel.sample, pinwheel.log_prob),
        -2.31779,
    ),
    _toy(
        "checkerboard",
        "Checkerboard",
        "Squares filled evenly: no smooth flow draws their edges, so that the bound stays out of reach.",
        (_checkerboard_sample, _checkerboard_log_prob),
        -log(32.0),
    ),
    _toy(
        "spirals",
        "Spirals",
        "Two arms of one and a half turns, wound into each other.",
        _spirals(),
        -2.54047,
    ),
    _toy(
        "rings",
        "Rings",
        "Four circles around each other, each with a quarter of the points.",
        _rings(),
        -2.62318,
    ),
    TargetKind(
        name="image",
        title="A picture",
        note="A PNG or JPEG as a density: ink is what differs from the ground.",
        make=lambda path, _word: _of_picture("image", "A picture", Path(path).name, density_from_picture(path)),
        needs="path",
    ),
    TargetKind(
        name="text",
        title="A word",
        note="A word as a density: letters filled evenly.",
        make=lambda _path, word: _of_picture("text", "A word", word.strip(), density_from_word(word)),
        needs="word",
    ),
    TargetKind(
        name="csv",
        title="Points of a CSV",
        note="A user's points, each a narrow round Gaussian, scaled to the view.",
        make=lambda path, _word: _of_cloud("csv", "Points of a CSV", cloud_from_csv(path)),
        needs="path",
    ),
)

TARGETS: Mapping[str, TargetKind] = MappingProxyType({kind.name: kind for kind in _ALL})
