"""Hutchinson's estimate of the trace of a Jacobian from random probes, and how much it scatters."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.engine.tangents import jvp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.engine.mlp import MLP


def trace_estimates(net: MLP, t: Any, y: npt.ArrayLike, probes: FloatArray) -> FloatArray:
    """Return Hutchinson's estimate v' J v of tr J from each probe, (K, B); their mean over K is the estimate to use.

    Parameters
    ----------
    net : MLP
    t : float or (B,)
    y : (D, B)
    probes : (D, K, B), or (D, K, 1) for the same ones in every column, as from `draw_probes`

    References
    ----------
    Hutchinson, Commun. Statist. Simula. 19 (1990) 433.
    """
    estimates: FloatArray = (probes * jvp(net, t, y, probes)[1]).sum(axis=0)
    return estimates


def estimate_variance(jacobian: FloatArray, kind: str) -> FloatArray:
    """Return the variance of the estimate from one probe, (B,), for Jacobians (D, D, B); K probes have a K-th of it.

    With S the symmetric part of J it is 2 |S|^2 for Gaussian probes (Frobenius norm), and for Rademacher probes that
    without the diagonal, 2 (|S|^2 - sum_i S_ii^2), which is never more.

    References
    ----------
    Avron, Toledo, J. ACM 58 (2011) 8, table 1.
    """
    check_kind(kind)
    symmetric = 0.5 * (jacobian + jacobian.swapaxes(0, 1))
    size: FloatArray = np.square(symmetric).sum(axis=(0, 1))
    if kind == "rademacher":
        size -= np.square(np.einsum("iib->ib", symmetric)).sum(axis=0)
    return 2.0 * size


def _rademacher(rng: np.random.Generator, shape: tuple[int, ...], dtype: npt.DTypeLike) -> FloatArray:
    return (2 * rng.integers(0, 2, shape, np.int8) - 1).astype(dtype)


def _gaussian(rng: np.random.Generator, shape: tuple[int, ...], dtype: npt.DTypeLike) -> FloatArray:
    return rng.standard_normal(shape).astype(dtype)


PROBES: Mapping[str, Callable[[np.random.Generator, tuple[int, ...], Any], FloatArray]] = MappingProxyType(
    {"rademacher": _rademacher, "gaussian": _gaussian}
)
"""Kind -> (rng, shape, dtype) -> independent entries of mean 0 and variance 1."""


def check_kind(kind: str) -> None:
    """Check the name of a distribution of probes.

    Raises
    ------
    ValueError : it is not one of PROBES
    """
    if kind not in PROBES:
        raise ValueError(f"probes: no such distribution {kind!r}; choose one of {', '.join(PROBES)}")


def draw_probes(
    rng: np.random.Generator, kind: str, n_probes: int, d: int, batch: int = 1, dtype: npt.DTypeLike = np.float64
) -> FloatArray:
    """Return probes for Hutchinson's estimate, (d, n_probes, batch), to be drawn once per solve.

    Parameters
    ----------
    rng : Generator
    kind : "rademacher" (entries -1 and 1: the smaller variance) or "gaussian"
    n_probes, d, batch : K, the dimension of the state, and its columns; 1 for the same probes in every column
    dtype : of the net

    Raises
    ------
    ValueError : no such kind, or fewer than one probe
    """
    check_kind(kind)
    if n_probes < 1:
        raise ValueError(f"probes={n_probes}: below the limit 1; use 1 or more, or the exact trace")
    return PROBES[kind](rng, (d, n_probes, batch), dtype)
