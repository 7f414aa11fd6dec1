"""How much memory and time training takes, estimated before anything is allocated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nodeviz.engine.methods import METHODS
from nodeviz.experiments.classifier_models import spec_of
from nodeviz.experiments.costs import too_much
from nodeviz.models.cuts import cut_of, longest_piece

if TYPE_CHECKING:
    from nodeviz.experiments.classifier_params import ClassifierParams

LIMIT = 10**9  # bytes
LONGEST = 0.04  # seconds of a piece of a training step
BYTES = 4  # of a float32
WEIGHT_COPIES = 12  # the weights, the last finite ones, the gradient, the optimiser's means
STAGE_COPIES = 2  # the gradient's part of each stage, and room to spare
ADAPTIVE_STEPS = 100  # steps that an adaptive solver is taken to need
BLAMED = ("hidden", "n_steps", "batch", "blocks", "layers")


def check_costs(params: ClassifierParams) -> None:
    """Check that training fits into memory, and that no piece of a training step holds up everything else.

    Raises
    ------
    ParamError : it does not; the sentence has the figure, and the largest value of the parameter to blame that would do
    """
    memory, seconds = memory_of(params), longest_of(params)
    if memory > LIMIT:
        needed = f"training would take about {_in_words(memory)} of memory, above the limit {_in_words(LIMIT)}"
    elif seconds > LONGEST:
        took, most = (f"{1000 * value:.2g} ms" for value in (seconds, LONGEST))
        needed = f"a piece of a training step would take about {took}, above the limit {most}"
    else:
        return
    raise too_much(params, BLAMED, _fits, needed)


def longest_of(params: ClassifierParams) -> float:
    """Return about how many seconds the longest piece of a training step takes, of any of the models."""
    specs = [spec_of(params, name) for name in params.models]
    return max(longest_piece(spec, params.batch, params.solver, params.gradient) for spec in specs)


def memory_of(params: ClassifierParams) -> int:
    """Return about how many bytes training takes, all models together."""
    return sum(_memory_of(params, name) for name in params.models)


def _memory_of(params: ClassifierParams, name: str) -> int:
    spec, method = spec_of(params, name), METHODS[params.solver]
    steps = ADAPTIVE_STEPS if method.adaptive else params.n_steps
    cut = cut_of(spec, params.batch, method=params.solver, n_steps=steps, gradient=params.gradient)
    # Values of every layer and their cotangents, per evaluation; then the states where the way through depth is cut.
    kept, begins, copies = 2 * cut.columns * sum(spec.widths), 0, WEIGHT_COPIES
    if spec.discrete:
        kept *= spec.blocks
    else:
        together, stages = min(steps, cut.steps), method.evaluations_per_step or 1
        copies += STAGE_COPIES * stages
        stored = params.gradient == "backprop" or (params.gradient == "checkpoint" and together < steps)
        kept *= stages * (together if stored else 1)
        begins = cut.columns * spec.dim * (steps // together if together < steps else steps)
    return BYTES * (copies * spec.n_parameters + kept + begins)


def _fits(params: ClassifierParams) -> bool:
    return memory_of(params) <= LIMIT and longest_of(params) <= LONGEST


def _in_words(size: float) -> str:
    return f"{size / 1e9:.2g} GB" if size < 1e11 else f"{size / 1e9:,.0f} GB"
