"""What a frame shows of the inside: the encoder's way, latent paths in a plane with its field, prior and posterior."""

from __future__ import annotations

from math import ceil, floor
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nodeviz.engine.arrays import freeze
from nodeviz.experiments.latent_frame import InsideView

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray
    from nodeviz.experiments.latent_answer import Answer, Latent
    from nodeviz.experiments.latent_seen import Seen
    from nodeviz.models.latent import HiddenPath, LatentODE
    from nodeviz.models.latent_model import LatentModel
    from nodeviz.models.latent_posterior import Posterior

LATTICE = 17  # places of the field a side
ROOM = 0.1  # of the paths' range, left free about them
GRAIN = 0.5  # to which the plane's edges are rounded: they stay where they are while little changes


class Plane(NamedTuple):
    """A plane of the latent space: two directions (2, L), the point (L,) where its coordinates are 0, and names."""

    axes: FloatArray
    origin: FloatArray
    names: tuple[str, str]


def plane_of(latent: Latent, window: int, name: str, before: Plane | None) -> Plane:
    """Return the plane in which paths are drawn.

    Parameters
    ----------
    window : how many of the times lie in the window of the observations: what comes after may run far off
    name : ``principal`` for the one along which the mean path and the samples spread most, or two coordinates, as in
        ``z1-z2``, as far as there are any
    before : the plane shown last: of the same principal plane, the directions nearest to its are taken
    """
    paths = np.concatenate([latent.mean[None], latent.samples])[:, :window].astype(np.float64)
    flat = paths.reshape(-1, paths.shape[-1])
    origin, size = flat.mean(axis=0), flat.shape[1]
    if name != "principal":
        numbers = [min(int(part[1:]), size) for part in name.split("-")]
        axes = np.eye(size)[[number - 1 for number in numbers]]
        return Plane(axes, origin, (f"z{numbers[0]}", f"z{numbers[1]}"))
    axes = np.zeros((2, size))
    if np.isfinite(flat).all():
        found = np.linalg.eigh((flat - origin).T @ (flat - origin))[1].T[::-1][:2]
        axes[: len(found)] = found * np.sign(found.sum(axis=1) + 1e-30)[:, None]
        if before is not None and before.axes.shape == axes.shape and before.names[0].startswith("p"):
            left, _, right = np.linalg.svd(axes @ before.axes.T)
            axes = (left @ right).T @ axes
    else:
        axes[:, :2] = np.eye(2)[:, :size]
    return Plane(axes, np.where(np.isfinite(origin), origin, 0.0), ("principal 1", "principal 2"))


def inside_of(
    model: LatentModel,
    seen: Seen,
    answer: Answer,
    posteriors: tuple[Posterior, Posterior],
    hidden: HiddenPath | None,
    plane: Plane,
    column: int,
    nudge: FloatArray,
) -> InsideView:
    """Return the inside of one series of the batch.

    Parameters
    ----------
    posteriors : what is shown of that series, and what the encoder said
    hidden : the encoder's way; None leaves it out
    """
    latent, (shown, encoded) = answer.latent[column], posteriors
    view, velocity = _field(model.ode, latent, seen.latent_window, plane)
    times, values = (np.zeros(0), np.zeros((model.ode.spec.hidden, 0))) if hidden is None else hidden
    separate = seen.separate
    return InsideView(
        channel=column if separate else 0,
        separate=separate,
        hidden_t=freeze(_times(seen, times)),
        hidden=freeze(values),
        jumps=freeze(_times(seen, times[1:][np.diff(times) == 0.0])),
        z_t=freeze(_times(seen, seen.latent_s)),
        z_mean=freeze(latent.mean),
        z_samples=freeze(latent.samples),
        z_nudged=freeze(latent.nudged),
        axes=freeze(plane.axes),
        origin=freeze(plane.origin),
        plane_names=plane.names,
        view=freeze(view),
        velocity=freeze(velocity),
        prior_mean=freeze(model.prior.mean),
        prior_sd=freeze(model.prior.sd),
        posterior_mean=freeze(shown.mean),
        posterior_sd=freeze(shown.sd),
        encoded_mean=freeze(encoded.mean),
        encoded_sd=freeze(encoded.sd),
        nudge=freeze(nudge),
    )


def _times(seen: Seen, s: FloatArray) -> FloatArray:
    """Return model times in the units of the data."""
    return seen.scaling.t_shift + seen.scaling.t_scale * s


def _field(model: LatentODE, latent: Latent, window: int, plane: Plane) -> tuple[FloatArray, FloatArray]:
    """Return the edges x0, x1, y0, y1 of the plane that is shown, and the projected field (V, V, 2) on it."""
    paths = np.concatenate([latent.mean[:window], *latent.samples[:, :window], latent.nudged[:window]])
    flat = (paths - plane.origin) @ plane.axes.T
    flat = flat[np.isfinite(flat).all(axis=1)]
    low, high = (flat.min(axis=0), flat.max(axis=0)) if len(flat) else (np.full(2, -1.0), np.ones(2))
    room = ROOM * np.maximum(high - low, 1.0)
    edges = [(GRAIN * floor(a / GRAIN), GRAIN * ceil(b / GRAIN)) for a, b in zip(low - room, high + room, strict=True)]
    x, y = (a + (b - a) * (np.arange(LATTICE) + 0.5) / LATTICE for a, b in edges)
    places = np.stack(np.broadcast_arrays(x[None, :], y[:, None]), axis=-1).reshape(-1, 2)
    with np.errstate(all="ignore"):
        field = model.velocity((plane.origin + places @ plane.axes).T)
    return np.array([*edges[0], *edges[1]]), (plane.axes @ field).T.reshape(LATTICE, LATTICE, 2)
