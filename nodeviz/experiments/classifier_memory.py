"""How much memory training takes, estimated before anything is allocated."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from nodeviz.engine.methods import METHODS
from nodeviz.experiments.classifier_models import spec_of
from nodeviz.experiments.params import ParamError, declared, short

if TYPE_CHECKING:
    from nodeviz.experiments.classifier_params import ClassifierParams

LIMIT = 10**9  # bytes
BYTES = 4  # of a float32
WEIGHT_COPIES = 12  # the weights, the last finite ones, the gradient and its parts per stage, the optimiser's means
ADAPTIVE_STEPS = 100  # steps that an adaptive solver is taken to need
BLAMED = ("hidden", "n_steps", "batch", "blocks", "layers")


def check_memory(params: ClassifierParams) -> None:
    """Check that training fits into memory.

    Raises
    ------
    ParamError : it does not; the sentence has the figure, and the largest value of the parameter to blame that would do
    """
    needed = memory_of(params)
    if needed <= LIMIT:
        return
    name, largest = _to_blame(params)
    remedy = f"{short(largest)} or less"
    if params.gradient == "backprop" and memory_of(dataclasses.replace(params, gradient="checkpoint")) <= LIMIT:
        remedy = f"gradient=checkpoint, or {name}={remedy}"
    raise ParamError(
        f"{name}={short(getattr(params, name))}: training would take about {_in_words(needed)} of memory, "
        f"above the limit {_in_words(LIMIT)}; use {remedy}"
    )


def memory_of(params: ClassifierParams) -> int:
    """Return about how many bytes training takes, all models together."""
    return sum(_memory_of(params, name) for name in params.models)


def _memory_of(params: ClassifierParams, name: str) -> int:
    spec = spec_of(params, name)
    kept = 2 * params.batch * sum(spec.widths)  # values of every layer and their cotangents, for one evaluation
    if spec.discrete:
        evaluations = spec.blocks
    else:
        method = METHODS[params.solver]
        stages = len(method.tableau.b) if method.tableau is not None else 1
        steps = ADAPTIVE_STEPS if method.adaptive else params.n_steps
        evaluations = stages * (steps if params.gradient == "backprop" else 1)
        kept += params.batch * spec.dim * steps // evaluations
    return BYTES * (WEIGHT_COPIES * spec.n_parameters + evaluations * kept)


def _to_blame(params: ClassifierParams) -> tuple[str, int]:
    """Return the parameter whose default would make the rest fit, and its largest value that does."""
    known = declared(params)
    for name in BLAMED:
        if memory_of(_with(params, name, known[name].default)) <= LIMIT:
            return name, _largest(params, name)
    return "hidden", _largest(params, "hidden")


def _largest(params: ClassifierParams, name: str) -> int:
    """Return the largest value that fits, to two digits; 1 at least."""
    fits, too_large = 1, int(getattr(params, name))
    while too_large - fits > 1:
        middle = (fits + too_large) // 2
        if memory_of(_with(params, name, middle)) <= LIMIT:
            fits = middle
        else:
            too_large = middle
    unit = int(10 ** max(0, math.floor(math.log10(fits)) - 1))
    return fits // unit * unit


def _with(params: ClassifierParams, name: str, value: Any) -> ClassifierParams:
    return dataclasses.replace(params, **{name: value})


def _in_words(size: float) -> str:
    return f"{size / 1e9:.2g} GB" if size < 1e11 else f"{size / 1e9:,.0f} GB"
