"""A first guess for the step size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray, VectorField


def first_step(
    vector_field: VectorField,
    t0: float,
    y0: FloatArray,
    f0: FloatArray,
    order: int,
    rtol: float,
    atol: float,
    span: float,
) -> float:
    """Return a first |dt|, at most |span|, from the sizes of y, y' and y''. Costs one evaluation, at t0 + dt.

    Parameters
    ----------
    y0, f0 : (D,) or (D, B); the state and its slope
    order : of the error estimate, plus one
    span : t1 - t0, signed

    References
    ----------
    Hairer, Norsett, Wanner: Solving ODEs I, section II.4, "Starting step size"; there without the bound by the span.
    """
    scale = atol + rtol * np.abs(y0)
    d0, d1 = _rms(y0 / scale), _rms(f0 / scale)
    guess = 1e-6 if d0 < 1e-5 or d1 < 1e-5 else 0.01 * d0 / d1
    guess = min(guess, abs(span))
    direction = 1.0 if span > 0 else -1.0
    f1 = np.asarray(vector_field(t0 + direction * guess, y0 + (direction * guess) * f0))
    d2 = _rms((f1 - f0) / scale) / guess
    steepest = max(d1, d2)
    better = max(1e-6, guess * 1e-3) if steepest <= 1e-15 else (0.01 / steepest) ** (1.0 / order)
    dt = min(100 * guess, better, abs(span))
    # A field that is infinite at the start gives no guess at all: begin tiny, the controller does the rest.
    return float(dt) if np.isfinite(dt) and dt > 0 else 1e-6 * abs(span)


def _rms(values: FloatArray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
