"""The RNN beside the latent ODE: how it is trained on a family, and the weights that ship.

python -m nodeviz.experiments.latent_rnn oscillations resources/weights/rnn/oscillations.npz
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass, replace
from math import exp, log
from time import process_time
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.engine.optim import SCHEDULES
from nodeviz.experiments.params import ParamError
from nodeviz.experiments.saved import read_models, training_log, write_models
from nodeviz.models.files import RNNS
from nodeviz.models.latent_batch import SeriesBatch
from nodeviz.models.time_rnn import RNNSpec, TimeRNN
from nodeviz.models.time_rnn_training import RNNTrainer, train_step
from nodeviz.problems.families import FAMILIES, SPIRALS
from nodeviz.resources_path import resource_path

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from nodeviz.models.time_rnn_training import RNNStep
    from nodeviz.problems.families import Family

EVERY_FAMILY: Mapping[str, Family] = MappingProxyType({**FAMILIES, SPIRALS.name: SPIRALS})
WARM_UP = 200  # steps over which the learning rate rises
HELD_OUT = 256  # functions never trained on, for each number of observations
_NONE = 0.8  # whose whole part is 0: where the logarithms of numbers of observations begin if there may be none
_Z90 = 1.6448536269514722


@dataclass(frozen=True, slots=True, kw_only=True)
class RNNPlan:
    """How an RNN is trained: two minutes of one core.

    Attributes
    ----------
    hidden : size of its states
    steps, batch, lr : training steps, fresh functions in each, and the highest learning rate
    counts : least and largest number of observations, evenly by their logarithm; 0 at every 18th step or so
    held_out : numbers of observations at which it is measured
    horizon : last time that it is taught; None for the family's. Up to 1 it has to find what lies beyond by itself
    """

    hidden: int = 48
    steps: int = 24_000
    batch: int = 64
    lr: float = 4e-3
    counts: tuple[int, int] = (0, 40)
    held_out: tuple[int, ...] = (3, 5, 8, 15, 30)
    horizon: float | None = None


PLANS: Mapping[str, RNNPlan] = MappingProxyType(
    {
        "oscillations": RNNPlan(),
        "broad": RNNPlan(),
        "spirals": RNNPlan(steps=8_000, counts=(20, 100), held_out=(30, 50, 100)),
    }
)


def train_rnn(family: Family, plan: RNNPlan, seed: int) -> Generator[RNNStep, None, TimeRNN]:
    """Return an RNN trained on fresh draws of a family, the same for the same seed; yields what each step found."""
    rng = np.random.default_rng(seed)
    model = TimeRNN.init(RNNSpec(channels=family.channels, hidden=plan.hidden), rng)
    trainer = RNNTrainer(model, plan.batch, plan.counts[1])
    least, most = plan.counts
    for step in range(plan.steps):
        n = int(exp(rng.uniform(log(least or _NONE), log(most + 1))))
        rate = plan.lr * min(1.0, (step + 1) / WARM_UP) * SCHEDULES["cosine"].factor(step / plan.steps)
        yield train_step(trainer, family, n, rate, rng, plan.horizon)
    return model


def measure_rnn(model: TimeRNN, family: Family, counts: Sequence[int], seed: int) -> dict[str, dict[str, float]]:
    """Return errors and coverage on fresh functions, in the units of the family, by the number of observations.

    The mean squared error is over even times from 0 to 1 and from there to the horizon; coverage is of the function by
    the 90 % band from 0 to 1.
    """
    found = {}
    within = np.linspace(0.0, 1.0, 101)
    beyond = np.linspace(1.0, family.horizon, 101)[1:]
    for n in counts:
        rng = np.random.default_rng([seed, n])
        curves = family.draw(HELD_OUT, rng)
        times, values = family.observe(curves, n, rng)
        batch = SeriesBatch.stack(times.T, values.transpose(1, 2, 0) / family.scale)
        inner, outer = (model.predict(batch, ts) for ts in (within, beyond))
        missed, missed_beyond = (
            (prediction.mean * family.scale - curves.paths(ts).transpose(1, 2, 0)).astype(np.float64)
            for prediction, ts in ((inner, within), (outer, beyond))
        )
        found[str(n)] = {
            "mse_interpolation": float(np.square(missed).mean()),
            "mse_extrapolation": float(np.square(missed_beyond).mean()),
            "coverage_90": float((np.abs(missed) < _Z90 * family.scale * inner.sd).mean()),
        }
    return found


def shipped_rnn(family: str) -> TimeRNN:
    """Return the RNN that ships for a family; shared, so change a copy of its weights.

    Raises
    ------
    ParamError : there is none
    """
    try:
        path = resource_path("weights", "rnn", f"{family}.npz")
    except (FileNotFoundError, ValueError):
        raise ParamError(f"baselines=rnn: none ships for the family {family}; use baselines=gp") from None
    return read_models(path, RNNS)[0][0]


def main(arguments: Sequence[str] | None = None) -> None:
    """Train an RNN on a family and write it, with its training log and what was measured."""
    parser = argparse.ArgumentParser(prog="python -m nodeviz.experiments.latent_rnn", description=main.__doc__)
    parser.add_argument("family", choices=list(EVERY_FAMILY))
    parser.add_argument("out", help="a file, .npz or .json")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, help="instead of those of the plan")
    parser.add_argument("--horizon", type=float, help="last time that is taught, instead of the family's")
    options = parser.parse_args(arguments)
    family, plan = EVERY_FAMILY[options.family], PLANS[options.family]
    plan = replace(plan, steps=options.steps or plan.steps, horizon=options.horizon)
    start = process_time()
    training, log_rows = train_rnn(family, plan, options.seed), []
    while True:
        try:
            log_rows.append(next(training))
        except StopIteration as done:
            model: TimeRNN = done.value
            break
    extra: dict[str, Any] = {
        "family": family.name,
        "seed": options.seed,
        "plan": asdict(plan),
        "seconds": round(process_time() - start, 1),
        "log": training_log(
            {
                "step": list(range(1, len(log_rows) + 1)),
                "loss": [row.loss for row in log_rows],
                "mse": [row.mse for row in log_rows],
            }
        ),
        "held_out": measure_rnn(model, family, plan.held_out, seed=options.seed + 1),
    }
    write_models({family.name: model}, options.out, {family.name: extra}, RNNS)


if __name__ == "__main__":
    main()
