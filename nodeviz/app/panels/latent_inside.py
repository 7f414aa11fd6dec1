"""Inside the model: what the encoder remembers, where the latent state goes, and what is known of where it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.app.plots import broken_lines, pen
from nodeviz.app.theme import answer_style, blend
from nodeviz.app.ways import arrows

if TYPE_CHECKING:
    from nodeviz.app.panels.latent_captions import Scene
    from nodeviz.app.panels.latent_instruments import LatentInstrument
    from nodeviz.engine.arrays import FloatArray
    from nodeviz.experiments.latent_frame import InsideView

TOLD_APART = 3  # hidden units in full colour: those that jump most
MOST_JUMPS = 30  # that are marked; more of them hide the curves
QUANTILE = 1.645  # of a normal distribution: 90 % lie within so many standard deviations
THICK = 0.45  # of the height of a row, for its bars
NAMED = 18  # pixels of height that the name of a row needs


def time_name(scene: Scene) -> str:
    """Return the name of the time axis."""
    return "year" if scene.frame.series.unit == "date" else "time"


def hidden(view: LatentInstrument, scene: Scene) -> None:
    """Draw the units of the encoder's state over time: solver steps between observations, a jump at each."""
    view.name_axes(time_name(scene), "hidden state")
    inside, theme = scene.frame.inside, scene.theme
    span = scene.frame.series.view[:2]
    columns: dict[str, Any] = {"t": inside.hidden_t}
    if inside.hidden.size:
        view.pale.setData(*units(inside, np.arange(len(inside.hidden))))
        colour, _ = answer_style("latent", theme)
        for layer, unit in enumerate(liveliest(inside)):
            drawn = view.layer(layer, blend((colour, theme.text), 0.45 * layer))
            drawn.curve.setData(inside.hidden_t, inside.hidden[unit])
            made = np.flatnonzero(np.diff(inside.hidden_t) == 0)  # by the observations
            drawn.steps.setSize(4)
            shown = made if len(made) <= MOST_JUMPS else made[:0]
            drawn.steps.setData(inside.hidden_t[shown], inside.hidden[unit, shown])
        columns |= {f"unit {unit + 1}": row for unit, row in enumerate(inside.hidden)}
    extent = float(np.nanmax(np.abs(inside.hidden), initial=0.0)) or 1.0
    view.plot.grow(("hidden", *span), span, np.array([-extent, extent]))
    view.give(columns)


def units(inside: InsideView, chosen: Any) -> tuple[FloatArray, FloatArray]:
    """Return some hidden units as one broken curve."""
    states = inside.hidden[chosen]
    return broken_lines(np.stack([np.broadcast_to(inside.hidden_t, states.shape), states], axis=-1))


def liveliest(inside: InsideView) -> list[int]:
    """Return the units that jump most, altogether."""
    before = np.flatnonzero(np.diff(inside.hidden_t) == 0)
    jumps = np.abs(inside.hidden[:, before + 1] - inside.hidden[:, before]).sum(axis=1)
    chosen: list[int] = np.argsort(-jumps, kind="stable")[:TOLD_APART].tolist()
    return chosen


def latent(view: LatentInstrument, scene: Scene) -> None:
    """Draw latent paths in a plane, with the vector field there."""
    inside, theme = scene.frame.inside, scene.theme
    names = inside.plane_names or ("z1", "z2")
    view.name_axes(*names)
    colour, _ = answer_style("latent", theme)
    if not len(inside.z_t):
        view.give({})
        return
    mean = projected(inside, inside.z_mean)
    view.arrows.setData(*(arrows(inside.velocity, inside.view) if scene.field else ([], [])))
    view.pale.setData(*broken_lines(projected(inside, inside.z_samples)))
    drawn = view.layer(0, colour)
    drawn.curve.setData(*mean.T)
    drawn.hollow.setSymbol("o")
    drawn.hollow.setBrush(None)
    drawn.hollow.setData(*mean[:1].T)
    view.moved.setData(*projected(inside, inside.z_nudged).T)
    (x0, x1, y0, y1) = inside.view
    if view.plot.settled and scene.frame.answer.stage == "refined" and not scene.frame.answer.refining:
        view.plot.forget_range()  # what other answers needed, and those of a drag, this one does not
    view.plot.grow(("latent", names, inside.channel), np.array([x0, x1]), np.array([y0, y1]), pad=0.0)
    columns: dict[str, Any] = {"t": inside.z_t, names[0]: mean[:, 0], names[1]: mean[:, 1]}
    view.give(columns | {f"z{i + 1}": column for i, column in enumerate(inside.z_mean.T)})


def projected(inside: InsideView, z: FloatArray) -> FloatArray:
    """Return latent states (..., L) as points of the plane (..., 2)."""
    return (z - inside.origin) @ inside.axes.T


def move_latent(view: LatentInstrument, scene: Scene, t: float) -> None:
    """Move the marker along the latent path."""
    inside = scene.frame.inside
    if len(inside.z_t):
        z = np.array([np.interp(t, inside.z_t, column) for column in projected(inside, inside.z_mean).T])
        view.layers[0].steps.setSize(9)
        view.layers[0].steps.setData(z[:1], z[1:])


def posterior(view: LatentInstrument, scene: Scene) -> None:
    """Draw prior and posterior of each coordinate of z0, one row each, and how far one was moved by hand."""
    view.name_axes("z0", "")
    inside, theme = scene.frame.inside, scene.theme
    L = len(inside.posterior_mean)
    rows = -np.arange(L, dtype=float)
    colour, _ = answer_style("latent", theme)
    thick = min(9.0, max(2.0, THICK * view.plot.height() / max(1, L)))
    view.wide.setPen(pen(blend((theme.panel, theme.text), 0.16), thick))
    view.narrow.setPen(pen(blend((theme.panel, colour), 0.62), 0.45 * thick))
    view.wide.setData(*bars(inside.prior_mean, inside.prior_sd, rows))
    view.narrow.setData(*bars(inside.posterior_mean, inside.posterior_sd, rows))
    drawn = view.layer(0, colour)
    drawn.steps.setSize(7)
    drawn.steps.setData(inside.posterior_mean, rows)
    drawn.hollow.setSymbol("o")
    drawn.hollow.setBrush(None)
    drawn.hollow.setData(inside.encoded_mean, rows)
    moved = np.flatnonzero(inside.nudge)
    to = inside.posterior_mean + inside.nudge
    ends = np.stack([np.stack([inside.posterior_mean, rows], axis=1), np.stack([to, rows], axis=1)], axis=1)[moved]
    view.moved.setData(*broken_lines(ends))
    target = view.layer(1, theme.text)
    target.steps.setSize(9)
    target.steps.setData(to[moved], rows[moved])
    every = max(1, -(-L * NAMED // max(1, view.plot.height())))
    view.plot.getAxis("left").setTicks([[(-i, f"z{i + 1}") for i in range(0, L, every)]])
    reach = np.concatenate([np.abs(to), np.abs(inside.posterior_mean), QUANTILE * inside.prior_sd, np.full(1, 2.5)])
    far = float(np.max(reach[np.isfinite(reach)]))
    view.plot.grow(("posterior", L), np.array([-far, far]), np.array([0.6 - L, 0.4]), pad=0.0)
    view.give(
        {
            "coordinate": np.arange(1, L + 1),
            "prior mean": inside.prior_mean,
            "prior sd": inside.prior_sd,
            "posterior mean": inside.posterior_mean,
            "posterior sd": inside.posterior_sd,
            "encoded mean": inside.encoded_mean,
            "encoded sd": inside.encoded_sd,
            "moved by": inside.nudge,
        }
    )


def bars(mean: FloatArray, sd: FloatArray, rows: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return horizontal bars in which 90 % lie, as pairs of points."""
    ends = np.stack([mean - QUANTILE * sd, mean + QUANTILE * sd], axis=1)
    return ends.ravel(), np.repeat(rows, 2)
