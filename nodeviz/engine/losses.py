"""Losses of a classifier: the mean over a batch, and its cotangent of the outputs.

Labels are whole numbers 0..C-1, one per column. Outputs are (C, B), or (1, B) for two classes: the one number then
speaks for class 1, by its sign. Whatever the loss, the largest output is the class.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nodeviz.engine.arrays import FloatArray, IntArray

    LossFunction = Callable[[FloatArray, IntArray, FloatArray | None], tuple[float, FloatArray]]


def bce(logits: FloatArray, labels: IntArray, out: FloatArray | None = None) -> tuple[float, FloatArray]:
    """Return the binary cross entropy of each output, one class against the rest, and its cotangent.

    Parameters
    ----------
    logits : (1, B) or (C, B), log-odds of class 1, or of each class against the rest
    labels : (B,) whole numbers in 0..C-1
    out : shape of ``logits``, where the cotangent goes; a new array by default

    Returns
    -------
    the mean over outputs and columns, in nats, and its derivative by ``logits`` (that is ``out``). Outputs that are
    not finite give a loss that is not finite, without a warning.
    """
    signs = _signs(logits, labels)
    margin = signs * logits
    # exp of what is never positive: neither the loss nor its derivative can overflow, and small ones keep their digits.
    small = np.exp(-np.abs(margin))
    loss = np.log1p(small)
    loss -= np.minimum(margin, 0)
    cotangent = np.divide(np.where(margin < 0, 1, small), 1 + small, out=out)
    signs *= -1.0 / logits.size
    cotangent *= signs
    return _mean(loss), cotangent


def softmax_cross_entropy(
    logits: FloatArray, labels: IntArray, out: FloatArray | None = None
) -> tuple[float, FloatArray]:
    """Return the cross entropy of the softmax over the outputs, and its cotangent.

    Parameters
    ----------
    logits, labels, out : as for `bce`. A single output is one against a fixed 0, where this is `bce`.

    Returns
    -------
    the mean over columns, in nats, and its derivative by ``logits``
    """
    if len(logits) == 1:
        return bce(logits, labels, out)
    with np.errstate(invalid="ignore"):  # infinity minus infinity: the loss then says so
        shifted = logits - logits.max(axis=0)
        own = (labels, np.arange(labels.size))
        cotangent = np.exp(shifted, out=out)
        total = cotangent.sum(axis=0)
        loss = np.log(total) - shifted[own]
        cotangent /= total
    cotangent[own] -= 1
    cotangent *= 1.0 / labels.size
    return _mean(loss), cotangent


def mse(outputs: FloatArray, labels: IntArray, out: FloatArray | None = None) -> tuple[float, FloatArray]:
    """Return the mean squared distance from +1 where an output speaks for the label and -1 where not.

    Parameters
    ----------
    outputs, labels, out : as for `bce`

    Returns
    -------
    the mean over outputs and columns, and its derivative by ``outputs``
    """
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.subtract(outputs, _signs(outputs, labels), out=out)
        loss = _mean(np.square(difference))
        difference *= 2.0 / outputs.size
    return loss, difference


def _signs(outputs: FloatArray, labels: IntArray) -> FloatArray:
    """Return +1 where an output speaks for its column's label and -1 elsewhere, shape of ``outputs``."""
    if len(outputs) == 1:
        signs = labels[None].astype(outputs.dtype)
        signs *= 2
        signs -= 1
        return signs
    signs = np.full_like(outputs, -1)
    signs[labels, np.arange(labels.size)] = 1
    return signs


def _mean(loss: FloatArray) -> float:
    return float(loss.sum(dtype=np.float64)) / loss.size


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """One loss of the list: what it is called, and ``evaluate(outputs, labels, out) -> (mean, cotangent)``."""

    name: str
    title: str
    evaluate: LossFunction


_ALL = (
    Loss(name="bce", title="Binary cross entropy", evaluate=bce),
    Loss(name="softmax", title="Softmax cross entropy", evaluate=softmax_cross_entropy),
    Loss(name="mse", title="Mean squared error", evaluate=mse),
)

LOSSES: Mapping[str, Loss] = MappingProxyType({loss.name: loss for loss in _ALL})
