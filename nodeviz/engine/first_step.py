"""A first guess for the step size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray, VectorField
    from nodeviz.engine.checks import Tolerances


def first_step(
    vector_field: VectorField,
    t0: float,
    y0: FloatArray,
    f0: FloatArray,
    *,
    order: int,
    tolerances: Tolerances,
    span: float,
    per_sample: bool = False,
) -> FloatArray:
    """Return a first |dt|, at most |span|, from the sizes of y, y' and y''. Costs one evaluation, at t0 + dt.

    Parameters
    ----------
    y0, f0 : (D,) or (D, B); the state and its slope
    order : of the error estimate, plus one
    span : t1 - t0, signed
    per_sample : whether every column has its own guess, (B,); otherwise one for all, ()

    References
    ----------
    Hairer, Norsett, Wanner: Solving ODEs I, section II.4, "Starting step size"; there without the bound by the span.
    """
    scale = tolerances.atol + tolerances.rtol * np.abs(y0)

    def rms(values: FloatArray) -> FloatArray:
        return np.sqrt(np.mean(np.square(values / scale), axis=0 if per_sample else None, dtype=np.float64))

    d0, d1 = rms(y0), rms(f0)
    guess = np.minimum(np.where((d0 < 1e-5) | (d1 < 1e-5), 1e-6, 0.01 * d0 / d1), abs(span))
    step = np.copysign(guess, span)
    f1 = np.asarray(vector_field(t0 + step if per_sample else float(t0 + step), (y0 + step * f0).astype(y0.dtype)))
    steepest = np.maximum(d1, rms(f1 - f0) / guess)
    better = np.where(steepest <= 1e-15, np.maximum(1e-6, guess * 1e-3), (0.01 / steepest) ** (1.0 / order))
    dt = np.minimum(np.minimum(100 * guess, better), abs(span))
    # A field that is infinite at the start gives no guess at all: begin tiny, the controller does the rest.
    return np.asarray(np.where(np.isfinite(dt) & (dt > 0), dt, 1e-6 * abs(span)))
