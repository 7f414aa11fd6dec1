"""What the numbers of a flow show: words made from the numbers, and from nothing else."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from nodeviz.experiments.classifier_words import percent

if TYPE_CHECKING:
    from collections.abc import Sequence

CALLED = MappingProxyType(
    {
        "likelihood": "maximum likelihood",
        "flow-matching": "flow matching",
        "ot-flow-matching": "flow matching with optimal transport",
        "diffusion": "diffusion",
    }
)
STRAIGHT = 0.1  # normalised path energy below which paths are called straight
OFF = 0.02  # share of the mass that may be missing before it is said
MUCH = 1.5  # the ratio from which one number is called higher
CERTAIN = 2.0  # standard errors by which two log-likelihoods must differ


class Measured(Protocol):
    """What the words are made from; a flow of a frame has it all, NaN where it is not measured yet."""

    @property
    def name(self) -> str:
        """The method."""
        ...

    @property
    def mean_log_prob(self) -> float:
        """Over held-out points, in nats."""
        ...

    @property
    def log_prob_error(self) -> float:
        """Its standard error."""
        ...

    @property
    def path_energy(self) -> float:
        """Normalised: 0 where the paths are as short and even as can be."""
        ...

    @property
    def nfe(self) -> float:
        """Evaluations of the field from source to target."""
        ...


def what_the_numbers_show(flows: Sequence[Measured], entropy_bound: float) -> str:
    """Return what the measures say about one flow or two, in one to three sentences.

    Parameters
    ----------
    entropy_bound : the mean log-likelihood that no model exceeds; NaN where it is not known

    Returns
    -------
    text; empty where nothing has been measured
    """
    known = [flow for flow in flows if math.isfinite(flow.mean_log_prob)]
    if not known:
        return ""
    parts = [_likelihoods(known, entropy_bound)]
    parts.append(_of_one(known[0]) if len(known) == 1 else _of_two(known[0], known[1]))
    return " ".join(filter(None, parts))


def what_is_wrong(mass: float, lost: float, steps: int) -> str:
    """Return what a density's mass says about it, or an empty text where it is 1.

    Parameters
    ----------
    mass : sum of p times the cell's area over the plane shown
    lost : share of the cells whose way back did not arrive
    steps : of the solver, 0 where it chooses them
    """
    finer = "take more steps" if steps else "use a smaller tolerance"
    if lost > 0.0:
        return f"From {percent(lost)} of the plane there is no way back, the field blows up: lower lr, or {finer}."
    if mass < 1.0 - OFF:
        return f"The plane shown holds {percent(mass)} of the mass: the rest lies outside of it, or {finer}."
    if mass > 1.0 + OFF:
        return f"The mass is {mass:.3g} where it must be 1: the solver is too coarse for this field; {finer}."
    return ""


def nats(value: float) -> str:
    """Return a number of nats, with a true minus."""
    return f"{value:.3f}".replace("-", "−") if math.isfinite(value) else "unknown"


def _likelihoods(flows: Sequence[Measured], bound: float) -> str:
    each = ", ".join(f"{CALLED[flow.name]} {nats(flow.mean_log_prob)}" for flow in flows)
    text = f"Held-out log-likelihood in nats: {each}"
    return f"{text}, where no model exceeds {nats(bound)}." if math.isfinite(bound) else f"{text}."


def _of_one(flow: Measured) -> str:
    energy = flow.path_energy
    if not math.isfinite(energy):
        return ""
    bent = "nearly straight and even" if energy < STRAIGHT else "bent or uneven"
    cost = f", and dopri5 takes {flow.nfe:.0f} evaluations" if math.isfinite(flow.nfe) else ""
    return f"Its paths are {bent} (normalised energy {energy:.2g}){cost}."


def _of_two(a: Measured, b: Measured) -> str:
    return " ".join(filter(None, (_who_is_likelier(a, b), _who_is_straighter(a, b))))


def _who_is_likelier(a: Measured, b: Measured) -> str:
    gap = a.mean_log_prob - b.mean_log_prob
    if not abs(gap) > CERTAIN * max(a.log_prob_error, b.log_prob_error):
        return "The two are level within the error of the measure."
    better = a if gap > 0 else b
    return f"{_begin(better)} is ahead by {nats(abs(gap))}."


def _who_is_straighter(a: Measured, b: Measured) -> str:
    straight, bent = sorted((a, b), key=lambda flow: flow.path_energy)
    if not bent.path_energy > MUCH * straight.path_energy:
        return ""
    text = f"The paths of {CALLED[straight.name]} are straighter: normalised energy {straight.path_energy:.2g} against "
    text += f"{bent.path_energy:.2g}"
    if math.isfinite(straight.nfe) and math.isfinite(bent.nfe):
        text += f", evaluations {straight.nfe:.0f} against {bent.nfe:.0f}"
    return f"{text}."


def _begin(flow: Measured) -> str:
    name = CALLED[flow.name]
    return name[:1].upper() + name[1:]
