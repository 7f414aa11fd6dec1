"""How much memory and time training takes, estimated before anything is allocated."""

from __future__ import annotations

from math import ceil, sqrt
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
ARENAS = 3 * 2**22  # bytes that a model's arenas ask for at least: tapes of one step and of many, and the measures
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
    # Values of every layer and their cotangents, per evaluation.
    evaluation = 2 * cut.columns * sum(spec.widths)
    if spec.discrete:
        return ARENAS + BYTES * (WEIGHT_COPIES * spec.n_parameters + spec.blocks * evaluation)
    stages, together = method.evaluations_per_step or 1, min(steps, cut.steps)
    step, state = stages * evaluation, cut.columns * spec.dim
    # What is on the tape at once, and the states from where the rest is solved again: of the sections that the way
    # through depth is cut into, and of the segments of the one that is worked on.
    segment = _steps_on_tape(params.gradient, together, state, step)
    begins = ceil(steps / together) + ceil(together / segment)
    copies = WEIGHT_COPIES + STAGE_COPIES * stages
    return ARENAS + BYTES * (copies * spec.n_parameters + segment * step + begins * state)


def _steps_on_tape(gradient: str, together: int, state: int, step: int) -> int:
    """Return how many steps are kept at once, of so many values each, of a section of ``together`` steps."""
    if gradient == "backprop":
        return together
    if gradient == "checkpoint":  # as engine.discrete.Checkpointed balances tape and states
        return max(1, round(sqrt(together * state / step)))
    return 1


def _fits(params: ClassifierParams) -> bool:
    return memory_of(params) <= LIMIT and longest_of(params) <= LONGEST


def _in_words(size: float) -> str:
    return f"{size / 1e9:.2g} GB" if size < 1e11 else f"{size / 1e9:,.0f} GB"
