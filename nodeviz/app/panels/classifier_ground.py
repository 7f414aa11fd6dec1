"""What lies behind the points: half-planes of a readout, regions of a decision, maps of a number, all as colours."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtGui import QColor

if TYPE_CHECKING:
    from nodeviz.app.panels.classifier_projection import Camera
    from nodeviz.app.sprites import Rgba
    from nodeviz.app.theme import Theme
    from nodeviz.engine.arrays import FloatArray
    from nodeviz.experiments.classifier_frame import ModelView

LEAST = 0.35  # of a full tint, where the decision is a tie
TRIANGLE = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])  # of the screen
LINE_POINTS = 181  # of one boundary, before it is cut to where it decides


def rgb(*colours: str) -> FloatArray:
    """Return colours as (C, 3) of 0 to 255."""
    return np.array([[one.red(), one.green(), one.blue()] for one in map(QColor, colours)], float)


def plane_logits(model: ModelView, camera: Camera, points: FloatArray) -> FloatArray:
    """Return the logits (C, ...) of points (..., 2) of the screen; what lies behind it is as at the mean of the states.

    A readout with one output decides between class 0 and class 1.
    """
    seen = model.readout_weights @ camera.screen
    ends = model.states[-1]
    middle = ends[np.isfinite(ends).all(axis=1)].mean(axis=0) if np.isfinite(ends).any() else np.zeros(ends.shape[1])
    behind = middle - camera.screen @ (camera.screen.T @ middle)
    offset = model.readout_bias + model.readout_weights @ behind
    logits = np.moveaxis(points @ seen.T + offset, -1, 0)
    return np.concatenate([np.zeros_like(logits), logits]) if len(logits) == 1 else logits


def ground_image(model: ModelView, camera: Camera, view: FloatArray, cells: int, theme: Theme) -> Rgba:
    """Return the tint of each place of the screen (cells, cells, 4): of the class that the readout gives to it."""
    x0, x1, y0, y1 = view
    constant, across, up = plane_logits(model, camera, TRIANGLE).T.astype(np.float32)
    across, up = across - constant, up - constant  # it is affine: three points tell all
    # So steep at most that the change takes two cells: a steeper one would show the cells.
    step = max(float(np.ptp(across)) * (x1 - x0), float(np.ptp(up)) * (y1 - y0)) / (cells - 1)
    scale = np.float32(min(1.0, 1.5 / max(step, 1e-12)))
    x, y = np.linspace(x0, x1, cells, dtype=np.float32), np.linspace(y0, y1, cells, dtype=np.float32)
    logits = scale * (constant[:, None, None] + across[:, None, None] * x + up[:, None, None] * y[:, None])
    shares = np.exp(logits - logits.max(axis=0))
    shares /= shares.sum(axis=0)
    even = np.float32(1 / len(shares))
    sure = (shares.max(axis=0) - even) / (1 - even)
    return tinted(shares * (theme.tint * (LEAST + (1 - LEAST) * sure)), theme)


def region_image(regions: FloatArray, theme: Theme) -> Rgba:
    """Return the colours of predicted classes (R, R) whose fractions say how sure they are."""
    known = np.isfinite(regions)  # where the solver leaves all bounds there is no class, and no colour
    labels = np.clip(np.where(known, regions, 0.0), 0, 3).astype(int)
    sure = np.where(known, regions, 0.0) - labels
    alpha = np.where(known, theme.tint * (LEAST + (1 - LEAST) * sure), 0.0)
    return tinted(np.where(labels == np.arange(4)[:, None, None], alpha, 0.0), theme)


def tinted(weights: FloatArray, theme: Theme) -> Rgba:
    """Return what tints of C classes (C, H, W) look like on the panel: opaque, which is faster to draw."""
    count, height, width = weights.shape
    parts = np.empty((count + 1, height * width), np.float32)
    parts[1:] = weights.reshape(count, -1)
    np.subtract(1, parts[1:].sum(axis=0), out=parts[0])
    colours = np.full((count + 1, 4), 255, np.float32)
    colours[:, :3] = rgb(theme.panel, *theme.classes[:count])
    mixed = np.nan_to_num(parts.T @ colours, copy=False, nan=0.0)
    return np.rint(np.clip(mixed, 0, 255, out=mixed), out=mixed).astype(np.uint8).reshape(height, width, 4)


def mapped(values: FloatArray, low: float, high: float, colours: FloatArray) -> Rgba:
    """Return the colours (H, W, 4) of values on a map (M, 3 or 4) from low to high; clear where not finite."""
    share = (values - low) / (high - low) if high > low else np.zeros_like(values)
    index = np.nan_to_num(np.clip(share, 0.0, 1.0) * (len(colours) - 1)).astype(int)
    image = np.full((*values.shape, 4), 255, np.uint8)
    image[..., :3] = colours[index, :3]
    image[~np.isfinite(values), 3] = 0
    return image


def readout_lines(model: ModelView, camera: Camera, view: FloatArray) -> FloatArray:
    """Return where the readout changes its mind, as one curve (M, 2) over the view with NaN between its pieces."""
    centre = np.array([view[0] + view[1], view[2] + view[3]]) / 2
    reach = 0.75 * float(np.hypot(view[1] - view[0], view[3] - view[2]))
    origin = plane_logits(model, camera, centre + TRIANGLE)
    pieces = []
    for a, b in itertools.combinations(range(len(origin)), 2):
        difference = origin[b] - origin[a]
        normal = difference[1:] - difference[0]
        length = float(np.linalg.norm(normal))
        if length == 0.0 or not np.isfinite(length):
            continue
        nearest = centre - difference[0] * normal / length**2
        if np.linalg.norm(nearest - centre) > reach:
            continue
        along = np.array([-normal[1], normal[0]]) / length
        line = nearest + np.linspace(-reach, reach, LINE_POINTS)[:, None] * along
        if len(origin) > 2:
            logits = plane_logits(model, camera, line)
            others = np.delete(logits, (a, b), axis=0).max(axis=0)
            line[logits[a] < others] = np.nan
        else:
            line = line[[0, -1]]
        pieces += [line, np.full((1, 2), np.nan)]
    return np.concatenate(pieces) if pieces else np.empty((0, 2))
