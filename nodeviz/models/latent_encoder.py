"""The encoder of a latent ODE: an ODE-RNN that runs backwards in time, over any spacing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray
    from nodeviz.models.latent_batch import SeriesBatch


def euler_rows(batch: SeriesBatch, longest: float) -> list[FloatArray]:
    """Return the Euler steps before each observation on the way back, and after the last one to s = 0.

    Parameters
    ----------
    longest : step; a gap is cut into as many equal steps as that takes, for each series by itself, so that what is made
        of one does not depend on those beside it

    Returns
    -------
    N + 1 arrays (K_i, B) of step sizes: item i is what lies between observation i + 1 and i (nothing for the last,
    where the way begins), and item N what lies between observation 0 and s = 0. Where a series needs fewer steps than
    others the rest are 0.
    """
    later = np.concatenate([batch.times[1:], batch.times[-1:]])
    gaps = np.concatenate([later - batch.times, batch.times[:1] * ~batch.empty])
    counts = np.ceil(np.abs(gaps) / longest - 1e-9).astype(int)
    most = counts.max(axis=1)
    sizes = gaps / np.maximum(counts, 1)
    return [
        np.where(np.arange(k)[:, None] < count, size, 0.0) for k, count, size in zip(most, counts, sizes, strict=True)
    ]
