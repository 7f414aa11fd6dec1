"""The parameters of the classifier."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from nodeviz.engine.gradients import MODES
from nodeviz.engine.losses import LOSSES
from nodeviz.engine.optim import OPTIMIZERS, SCHEDULES
from nodeviz.experiments.classifier_costs import check_costs
from nodeviz.experiments.classifier_data import given_points, read_points
from nodeviz.experiments.classifier_models import OWN_FIELDS, SHARED_FIELDS, saved_models, weights_bring
from nodeviz.experiments.labelled_kind import Labelled
from nodeviz.experiments.params import Choice, Names, ParamError, PathText, nearest, param, shown
from nodeviz.experiments.solvers import EXPLICIT_SOLVERS
from nodeviz.problems.datasets import DATASETS
from nodeviz.problems.labelled import MOST_CLASSES, MOST_POINTS, LabelledPoints, no_points

if TYPE_CHECKING:
    from collections.abc import Mapping

# The set that the defaults stand for comes first.
DATASET_TITLES = MappingProxyType(
    {name: DATASETS[name].title for name in sorted(DATASETS, key=lambda name: name != "disc-annulus")}
)
MODEL_TITLES = MappingProxyType({"resnet": "ResNet", "node": "Neural ODE", "anode": "Augmented neural ODE"})
ACTIVATION_TITLES = MappingProxyType({"relu": "ReLU", "tanh": "tanh", "softplus": "softplus", "sigmoid": "sigmoid"})
READOUT_TITLES = MappingProxyType({"all": "all dimensions", "first-two": "the first two"})
RESIDUAL_TITLES = MappingProxyType({"1/L": "1/L, an ODE in the limit", "1": "1"})
GRADIENTS = Choice(
    MappingProxyType({name: mode.title for name, mode in MODES.items()}),
    notes=MappingProxyType({name: mode.note for name, mode in MODES.items()}),
)
LOSS_TITLES = MappingProxyType({name: loss.title for name, loss in LOSSES.items()})
OPTIMIZER_TITLES = MappingProxyType({name: title for name, (title, _) in OPTIMIZERS.items()})
SCHEDULE_TITLES = MappingProxyType({name: schedule.title for name, schedule in SCHEDULES.items()})
DEPTH_SOLVERS = MappingProxyType({"trained": "As trained", **EXPLICIT_SOLVERS})
WEIGHTS = PathText(1000, words=("fresh", "shipped"))
POINTS = Labelled(MOST_POINTS, MOST_CLASSES)
PLANES = MappingProxyType({"state": "State plane", "input": "Input plane"})
INSTRUMENTS = MappingProxyType(
    {
        "probe": "Linear accuracy over depth",
        "loss": "Loss",
        "accuracy": "Accuracy",
        "augmented": "Augmented states",
        "solver-accuracy": "Accuracy and solver steps",
        "nfe-map": "Evaluations, a map",
        "nfe-histogram": "Evaluations, a histogram",
        "nfe-training": "Evaluations over training",
        "stability": "Stability along depth",
        "measures": "Measures",
    }
)


def read_model(name: str, text: str) -> str:
    """Return the name of a model, checked.

    Raises
    ------
    ParamError : no model of that name; the nearest one is suggested
    """
    entry = text.strip().lower()
    if entry not in MODEL_TITLES:
        raise ParamError(f"{name}={shown(text)}: unknown model; {nearest(entry, MODEL_TITLES)}")
    return entry


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifierParams:
    """What is classified, by which models, and how they are trained and shown."""

    dataset: str = param(
        "disc-annulus",
        label="Data",
        kind=Choice(DATASET_TITLES, notes=MappingProxyType({name: DATASETS[name].note for name in DATASET_TITLES})),
        help="The points, drawn from the seed.",
    )
    models: tuple[str, ...] = param(
        ("node", "anode"),
        label="Models",
        kind=Names(read_model, str, MODEL_TITLES, most=3),
        help="One to three models that train in lockstep on the same data, from the same seed.",
    )
    steps: int = param(940, label="Training steps", lo=1, hi=1_000_000, log=True, help="Steps of one training run.")
    lr: float = param(1e-3, label="Learning rate", lo=1e-6, hi=1e6, log=True, help="Of the optimiser.", live=True)
    hidden: int = param(32, label="Hidden units", lo=1, hi=1_000_000, log=True, help="Width of every hidden layer.")
    noise: float = param(0.0, label="Noise", lo=0.0, hi=0.5, help="Standard deviation added to the positions.")
    n_points: int = param(
        2000, label="Points", lo=20, hi=100_000, log=True, help="Training points; the test points come on top of them."
    )
    classes: int = param(2, label="Classes", lo=2, hi=4, help="As far as the data set has them.", more=True)
    test_share: float = param(
        0.2, label="Test share", lo=0.0, hi=0.5, help="Share of all points held out for the test.", more=True
    )
    augment: int = param(1, label="Extra dimensions", lo=1, hi=16, help="Of the augmented model.", more=True)
    layers: int = param(2, label="Hidden layers", lo=1, hi=6, help="Of the vector field or block.", more=True)
    activation: str = param(
        "relu", label="Activation", choices=ACTIVATION_TITLES, help="Of the hidden layers.", more=True
    )
    readout: str = param(
        "all", label="Readout", choices=READOUT_TITLES, help="What the readout of the augmented model sees.", more=True
    )
    timed: bool = param(False, label="field depends on t", help="Whether the field sees the time.", more=True)
    t1: float = param(1.0, label="Depth", lo=0.1, hi=10.0, help="Where the depth of a neural ODE ends.", more=True)
    blocks: int = param(10, label="Blocks", lo=1, hi=200, log=True, help="Of the ResNet.", more=True)
    residual: str = param(
        "1/L", label="Residual", choices=RESIDUAL_TITLES, help="What scales the blocks of the ResNet.", more=True
    )
    shared: bool = param(False, label="shared weights", help="Whether all blocks have the same weights.", more=True)
    solver: str = param("rk4", label="Solver", choices=EXPLICIT_SOLVERS, help="Solves the ODE in training.", more=True)
    n_steps: int = param(
        10, label="Solver steps", lo=1, hi=10_000, log=True, help="Of a solver with fixed steps.", more=True
    )
    rtol: float = param(
        1e-3, label="Tolerance", lo=1e-6, hi=0.1, log=True, help="Of an adaptive solver; atol is the same.", more=True
    )
    gradient: str = param("backprop", label="Gradient", kind=GRADIENTS, help="How gradients are computed.", more=True)
    loss: str = param("bce", label="Loss", choices=LOSS_TITLES, help="What training makes small.", more=True)
    optimizer: str = param("adam", label="Optimiser", choices=OPTIMIZER_TITLES, help="Takes the steps.", more=True)
    momentum: float = param(0.9, label="Momentum", lo=0.0, hi=0.999, help="Of SGD.", more=True)
    weight_decay: float = param(
        0.0, label="Weight decay", lo=0.0, hi=1.0, help="Decoupled from the gradient.", live=True, more=True
    )
    clip: float = param(
        0.0, label="Clip", lo=0.0, hi=1e6, help="Longest gradient that is used as it is; 0 for any.", more=True
    )
    schedule: str = param(
        "constant", label="Schedule", choices=SCHEDULE_TITLES, help="Of the learning rate over the steps.", more=True
    )
    batch: int = param(64, label="Batch", lo=1, hi=100_000, log=True, help="Points of one training step.", more=True)
    points: LabelledPoints = param(
        no_points(),
        label="Given points",
        kind=POINTS,
        help="Painted or set points with their classes, instead of the data set.",
        live=True,
        more=True,
    )
    csv: str = param(
        "",
        label="CSV file",
        kind=PathText(1000),
        help="A file with x, y and label, instead of the data set.",
        more=True,
    )
    weights: str = param(
        "fresh",
        label="Weights",
        kind=WEIGHTS,
        help="fresh, shipped, or a model file or a folder of them.",
        more=True,
    )
    depth_solver: str = param(
        "trained", label="Solver now", choices=DEPTH_SOLVERS, help="Solves what is shown.", live=True, more=True
    )
    depth_steps: int = param(
        10, label="Steps now", lo=1, hi=1000, log=True, help="Of that solver, with fixed steps.", live=True, more=True
    )
    depth_rtol: float = param(
        1e-3, label="Tolerance now", lo=1e-6, hi=0.1, log=True, help="Of that solver, adaptive.", live=True, more=True
    )
    plane: str = param("state", label="Plane", choices=PLANES, help="What the planes show.", live=True, more=True)
    upper: str = param(
        "probe", label="Upper plot", choices=INSTRUMENTS, help="The upper instrument.", live=True, more=True
    )
    lower: str = param(
        "loss", label="Lower plot", choices=INSTRUMENTS, help="The lower instrument.", live=True, more=True
    )
    show_trails: bool = param(True, label="trails", help="The way of each point up to t.", live=True)
    show_grid: bool = param(True, label="deformed grid", help="What becomes of a grid of the input plane.", live=True)
    show_regions: bool = param(True, label="decision regions", help="The predicted class, as background.", live=True)
    show_readout: bool = param(True, label="readout line", help="Where the readout changes its mind.", live=True)

    def implied(self, changes: Mapping[str, object]) -> dict[str, object]:
        """Return what other points, or weights from a file, bring with them.

        Raises
        ------
        ParamError : points, a file of points or one of weights that cannot be used
        """
        implied: dict[str, object] = {}
        given = POINTS.coerce("points", changes["points"], None) if "points" in changes else no_points()
        if "dataset" in changes or changes.get("csv"):
            implied["points"] = no_points()
        if "dataset" in changes or len(given):
            implied["csv"] = ""
        if changes.get("csv"):
            given = read_points(str(changes["csv"]).strip())
        implied["classes"] = self._implied_classes(changes, given)
        if "weights" in changes:
            weights = WEIGHTS.coerce("weights", changes["weights"], None)
            implied |= weights_bring(weights, self._points_without(changes, given))
        elif self.weights != "fresh":
            decisive = MAKES_MODELS if self.weights != "shipped" else MAKES_MODELS | MAKES_POINTS
            if decisive.intersection(changes) or implied["classes"] != self.classes:
                implied["weights"] = "fresh"
        return implied

    def _points_without(self, changes: Mapping[str, object], given: LabelledPoints) -> str:
        """Return the data set whose points are classified; empty where others are, or where it is chosen anew."""
        others = len(given) or changes.get("csv") or ("csv" not in changes and self.csv)
        others = others or ("points" not in changes and len(self.points))
        return "" if others or "dataset" in changes else self.dataset

    def _implied_classes(self, changes: Mapping[str, object], given: LabelledPoints) -> int:
        """Return as many classes as the given points have, or as many of those before as the data set does."""
        if len(given):
            return given.classes
        dataset = DATASETS.get(str(changes.get("dataset", self.dataset)).strip())
        if dataset is None or not {"dataset", "csv", "points"}.intersection(changes):
            return self.classes
        return min(max(self.classes, dataset.classes[0]), dataset.classes[1])

    def check(self, changes: Mapping[str, object]) -> None:
        """Check what the fields must satisfy together.

        Raises
        ------
        ParamError : too much memory or time, classes that the points do not have, or weights that do not fit
        """
        del changes
        check_costs(self)
        given = given_points(self)
        if given.classes > self.classes:
            more = f"{given.classes} or more" if self.weights == "fresh" else "weights=fresh, or points of fewer"
            raise ParamError(f"classes={self.classes}: the points have {given.classes}; use {more}")
        if not len(given):
            try:
                DATASETS[self.dataset].check(self.classes)
            except ValueError as error:
                raise ParamError(str(error)) from None
        if self.weights != "fresh":
            saved_models(self)


# What weights were made for: with another value of one of these they are worth nothing.
MAKES_MODELS = frozenset({"models", *SHARED_FIELDS, *(field for own in OWN_FIELDS.values() for field in own)})
# What decides how a run is shown, and nothing of how it is trained; the given points are data of their own.
SHOWS = frozenset(
    {
        *("depth_solver", "depth_steps", "depth_rtol", "plane", "upper", "lower"),
        *("show_trails", "show_grid", "show_regions", "show_readout", "points", "weights"),
    }
)
MAKES_POINTS = frozenset({"dataset", "noise", "csv"})
