"""What the numbers of a classifier show: words made from the numbers, and from nothing else."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

CALLED = MappingProxyType({"resnet": "ResNet", "node": "neural ODE", "anode": "augmented ODE"})
SURROUNDED = frozenset({"circles", "disc-annulus"})  # sets where one class lies around another
LEVEL = 0.02  # shares that differ by less are called the same
MUCH = 1.5  # the ratio from which one price is called higher
BAD = 0.25  # share that is wrong from which nobody is ahead of anybody
BIGGER = 2.0  # the ratio of parameters from which a comparison must not keep silent about them


class Measured(Protocol):
    """What the words are made from; a model of a frame has it all, NaN where it is not measured yet."""

    @property
    def name(self) -> str:
        """One of resnet, node and anode."""
        ...

    @property
    def n_parameters(self) -> int:
        """How many weights it has."""
        ...

    @property
    def train_accuracy(self) -> float:
        """Share of the training points that is right."""
        ...

    @property
    def test_accuracy(self) -> float:
        """Share of the held-out points that is right."""
        ...

    @property
    def dense_error(self) -> float:
        """Share of fresh points that is wrong."""
        ...

    @property
    def nfe(self) -> float:
        """Evaluations of the field."""
        ...

    @property
    def max_stretch(self) -> float:
        """Largest ratio of a grid edge to its length before."""
        ...


def what_the_numbers_show(models: Sequence[Measured], dataset: str = "", *, trained: bool = True) -> str:
    """Return what the measures say about the models on these points, in one to three sentences.

    Parameters
    ----------
    models : as in a frame, each with its measures
    dataset : the name of the data set; empty for points that were painted, set or read
    trained : whether training was done when they were measured; before, no reason is given for what is not yet there

    Returns
    -------
    text; empty where nothing has been measured
    """
    what, wrong = _wrong(models)
    known = [(model, share) for model, share in zip(models, wrong, strict=True) if math.isfinite(share)]
    if not known:
        return ""
    head = f"{what} wrong: {', '.join(f'{CALLED[model.name]} {percent(share)}' for model, share in known)}."
    best, least = min(known, key=lambda pair: pair[1])
    worst, most = max(known, key=lambda pair: pair[1])
    if len(known) == 1:
        price = _price_of_one(best)
    elif most - least < LEVEL:
        price = _price([model for model, _ in known])
    elif dataset in SURROUNDED and worst.name == "node" and best.name == "anode":
        price = (
            "A flow of the plane cannot lead the inner points out; with an extra dimension they pass above."
            if trained
            else "The neural ODE has not led the inner points out yet."
        )
    else:
        price = f"The {CALLED[best.name]} is ahead." if least <= BAD else ""
    return " ".join(filter(None, (head, price, _sizes([model for model, _ in known]))))


def percent(share: float) -> str:
    """Return a share in percent; what is not 0 or 100 never reads as if it were."""
    if not math.isfinite(share):
        return "unknown"
    if share in {0.0, 1.0}:
        return f"{100 * share:.0f} %"
    rest = 100 * min(share, 1 - share)
    if rest >= 1:
        return f"{100 * share:.1f} %"
    return f"{100 * share:.{1 - math.floor(math.log10(rest))}f}".rstrip("0") + " %"


def _wrong(models: Sequence[Measured]) -> tuple[str, list[float]]:
    """Return the best measured kind of error and its values: of fresh points, else held-out, else trained ones."""
    kinds = {
        "Fresh points": [model.dense_error for model in models],
        "Held-out points": [1 - model.test_accuracy for model in models],
        "Training points": [1 - model.train_accuracy for model in models],
    }
    measured = [what for what, shares in kinds.items() if any(map(math.isfinite, shares))]
    what = measured[0] if measured else "Training points"
    return what, kinds[what]


def _price_of_one(model: Measured) -> str:
    parts = []
    if math.isfinite(model.max_stretch):
        parts.append(f"it stretches the plane up to {_times(model.max_stretch)}")
    if math.isfinite(model.nfe) and model.name != "resnet":
        parts.append(f"takes {model.nfe:.0f} evaluations")
    text = " and ".join(parts)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _price(models: Sequence[Measured]) -> str:
    """Return who pays more for about the same accuracy, in stretch and in evaluations."""
    stretches = [(model.max_stretch, model) for model in models if math.isfinite(model.max_stretch)]
    counts = [(model.nfe, model) for model in models if math.isfinite(model.nfe) and model.name != "resnet"]
    if len(stretches) < 2:
        return ""
    (low, _), (high, dear) = min(stretches, key=_first), max(stretches, key=_first)
    if high < MUCH * low:
        return f"None pays much more for it: the plane is stretched {_from_to(low, high)}."
    far = f"{_times(high)} against {_times(low)}"
    text = f"At about the same error the {CALLED[dear.name]} stretches the plane up to {far}"
    own = [count for count, model in counts if model is dear]
    others = [count for count, model in counts if model is not dear]
    if own and others and own[0] > min(others):
        text += f", with {own[0]:.0f} evaluations against {min(others):.0f}"
    return f"{text}."


def _sizes(models: Sequence[Measured]) -> str:
    """Return how many parameters the largest model has, where the smallest has far fewer."""
    small, large = (which(models, key=lambda model: model.n_parameters) for which in (min, max))
    if large.n_parameters <= BIGGER * small.n_parameters:
        return ""
    more = f"{large.n_parameters:,} parameters against {small.n_parameters:,}"
    return f"The {CALLED[large.name]} has {more} of the {CALLED[small.name]}."


def _first(pair: tuple[float, Measured]) -> float:
    return pair[0]


def _times(ratio: float) -> str:
    return f"{ratio:.0f}-fold" if ratio >= 9.95 else f"{ratio:.1f}-fold"


def _from_to(low: float, high: float) -> str:
    """Return the range of two ratios: ``between 31- and 36-fold``, or one where they read the same."""
    first, last = _times(low), _times(high)
    return last if first == last else f"between {first.removesuffix('fold')} and {last}"
