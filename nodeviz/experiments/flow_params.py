"""The parameters of the flow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from nodeviz.experiments.cloud_kind import Cloud
from nodeviz.experiments.flow_costs import check_costs
from nodeviz.experiments.flow_data import target_of
from nodeviz.experiments.flow_models import methods_of, saved_flows, spec_of, weights_bring
from nodeviz.experiments.params import Choice, ParamError, Text, param
from nodeviz.experiments.solvers import EXPLICIT_SOLVERS
from nodeviz.models.flow import METHODS
from nodeviz.models.flow_training import PLANS
from nodeviz.problems.clouds import FEWEST, MOST
from nodeviz.problems.labelled import LabelledPoints, no_points
from nodeviz.problems.sources import SOURCES
from nodeviz.problems.targets import TARGETS

if TYPE_CHECKING:
    from collections.abc import Mapping


TARGET_TITLES = MappingProxyType({name: target.title for name, target in TARGETS.items()})
SOURCE_TITLES = MappingProxyType({name: source.title for name, source in SOURCES.items()})
METHOD_TITLES = MappingProxyType({name: METHODS[name] for name in sorted(METHODS, key="flow-matching".__ne__)})
COMPARE_TITLES = MappingProxyType({"none": "Nothing", **METHOD_TITLES})
TRACE_TITLES = MappingProxyType({"exact": "Exact", "rademacher": "Rademacher probes", "gaussian": "Gaussian probes"})
ACTIVATION_TITLES = MappingProxyType({"tanh": "tanh", "softplus": "softplus"})
SAMPLER_TITLES = MappingProxyType({"ode": "Its ODE", "sde": "Its reverse SDE"})
RESOLUTION_TITLES = MappingProxyType({"64": "64 x 64", "128": "128 x 128"})
SAMPLE_SOLVERS = MappingProxyType({"trained": "As trained", **EXPLICIT_SOLVERS})
INSTRUMENTS = MappingProxyType(
    {
        "log-prob": "Log-likelihood",
        "loss": "Loss",
        "path": "Log p along a path",
        "speed": "Speed along a path",
        "trace": "Trace, spread and probes",
        "trace-log-prob": "Log p, error and probes",
        "mass": "Mass over time",
        "tolerance": "Evaluations and tolerance",
        "measures": "Measures",
    }
)
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowParams:
    """What becomes of what, by which method, and how it is trained and shown.

    A target or a method brings its own number of steps and learning rate.
    """

    target: str = param(
        "eight-gaussians",
        label="Target",
        kind=Choice(TARGET_TITLES, notes=MappingProxyType({name: kind.note for name, kind in TARGETS.items()})),
        help="What the flow ends in.",
    )
    source: str = param(
        "gaussian",
        label="Source",
        kind=Choice(SOURCE_TITLES, notes=MappingProxyType({name: kind.note for name, kind in SOURCES.items()})),
        help="What the flow starts from.",
    )
    method: str = param(
        "flow-matching", label="Method", choices=METHOD_TITLES, help="How the velocity field is learned."
    )
    compare: str = param(
        "none",
        label="Beside it",
        choices=COMPARE_TITLES,
        help="A second method on the same target, from the same seed, with its own number of steps.",
    )
    steps: int = param(
        PLANS["flow-matching"].steps,
        label="Training steps",
        lo=1,
        hi=1_000_000,
        log=True,
        help="Steps of one run; the learning rate rises, then falls to 1 % over them, and anew if you train on.",
    )
    lr: float = param(
        PLANS["flow-matching"].lr,
        label="Learning rate",
        lo=1e-6,
        hi=1e6,
        log=True,
        help="Of Adam, the highest of its schedule.",
        live=True,
    )
    hidden: int = param(64, label="Hidden units", lo=1, hi=1024, log=True, help="Width of every hidden layer.")
    word: str = param(
        "flow", label="Word", kind=Text(24), help="The letters become a density. Selects the target text.", more=True
    )
    path: str = param(
        "",
        label="File",
        kind=Text(1000),
        help="A picture that becomes a density, or a CSV file of points x, y. Selects the target image or csv.",
        more=True,
    )
    layers: int = param(2, label="Hidden layers", lo=1, hi=6, help="Of the vector field.", more=True)
    activation: str = param(
        "tanh", label="Activation", choices=ACTIVATION_TITLES, help="Of the hidden layers.", more=True
    )
    batch: int = param(512, label="Batch", lo=2, hi=20_000, log=True, help="Points of one training step.", more=True)
    solver: str = param(
        "rk4",
        label="Solver",
        choices=EXPLICIT_SOLVERS,
        help="Solves the ODE; likelihood trains with it.",
        more=True,
    )
    n_steps: int = param(
        20, label="Solver steps", lo=1, hi=1000, log=True, help="Of a solver with fixed steps.", more=True
    )
    rtol: float = param(
        1e-4, label="Tolerance", lo=1e-6, hi=0.1, log=True, help="Of an adaptive solver; atol is the same.", more=True
    )
    trace: str = param(
        "exact",
        label="Trace",
        choices=TRACE_TITLES,
        help="How training by likelihood finds the divergence. What is shown is always exact.",
        more=True,
    )
    probes: int = param(
        1, label="Probes", lo=1, hi=64, log=True, help="Random directions of an estimated trace.", more=True
    )
    weights: str = param(
        "fresh", label="Weights", kind=Text(1000), help="fresh, shipped, or a file of them.", more=True
    )
    points: LabelledPoints = param(
        no_points(),
        label="Points",
        kind=Cloud(FEWEST, MOST),
        help="Given points, in place of the target where there are any.",
        live=True,
        more=True,
    )
    fit_points: bool = param(
        True,
        label="Fit points",
        help="Bring given points that lie close together to the plane's scale; what is painted stays where it is.",
        live=True,
        more=True,
    )
    sample_solver: str = param(
        "trained", label="Solver now", choices=SAMPLE_SOLVERS, help="Solves what is shown.", live=True, more=True
    )
    sample_steps: int = param(
        20, label="Steps now", lo=1, hi=1000, log=True, help="Of that solver, with fixed steps.", live=True, more=True
    )
    sample_rtol: float = param(
        1e-4, label="Tolerance now", lo=1e-6, hi=0.1, log=True, help="Of that solver, adaptive.", live=True, more=True
    )
    sampler: str = param(
        "ode",
        label="Diffusion by",
        choices=SAMPLER_TITLES,
        help="How the samples of a diffusion move: both ways have the same density at every time.",
        live=True,
        more=True,
    )
    resolution: str = param(
        "64", label="Density", choices=RESOLUTION_TITLES, help="Cells of the density's picture.", live=True, more=True
    )
    upper: str = param(
        "log-prob", label="Upper plot", choices=INSTRUMENTS, help="The upper instrument.", live=True, more=True
    )
    lower: str = param(
        "path", label="Lower plot", choices=INSTRUMENTS, help="The lower instrument.", live=True, more=True
    )
    show_density: bool = param(True, label="density", help="The density at t, by the reverse solve.", live=True)
    show_contours: bool = param(False, label="contours", help="Lines of equal density.", live=True)
    show_samples: bool = param(True, label="samples", help="Points that flow from the source.", live=True)
    show_trails: bool = param(False, label="trails", help="The way of each sample up to t.", live=True)
    show_target: bool = param(False, label="target", help="Points of the target.", live=True)
    show_velocity: bool = param(False, label="velocity", help="The field at t.", live=True)
    show_grid: bool = param(False, label="deformed grid", help="What becomes of a grid of the plane.", live=True)

    def implied(self, changes: Mapping[str, object]) -> dict[str, object]:
        """Return what another target, method, file or word, or weights from a file, bring with them.

        Raises
        ------
        ParamError : weights that cannot be used
        """
        implied: dict[str, object] = {}
        if "weights" in changes:
            implied = weights_bring(str(changes["weights"]).strip())
        elif self.weights != "fresh" and DECIDES_WEIGHTS.intersection(changes):
            implied = {"weights": "fresh"}
        target = str(changes.get("target") or _target_of(changes) or implied.get("target", self.target)).strip()
        method = str(changes.get("method") or implied.get("method", self.method)).strip()
        compare = str(changes.get("compare") or implied.get("compare", self.compare)).strip()
        if compare == method and "compare" not in changes:
            compare = "none"
        if {"target", "path", "word"}.intersection(changes):
            implied["points"] = no_points()
        if "points" in changes:
            implied["fit_points"] = True
        if "diffusion" in {method, compare}:
            implied["source"] = "gaussian"
        if method in PLANS and method != self.method:
            implied |= {"steps": PLANS[method].steps, "lr": PLANS[method].lr}
        return {**implied, "target": target, "method": method, "compare": compare}

    def check(self, changes: Mapping[str, object]) -> None:
        """Check what the fields must satisfy together.

        Raises
        ------
        ParamError : a method beside itself, a source or a target that cannot be, or weights that do not fit
        """
        if self.compare == self.method:
            raise ParamError(f"compare={self.compare}: the same as method; use another one, or none")
        try:
            for method in methods_of(self):
                spec_of(self, method)
            if {"target", "path", "word", "points"}.intersection(changes):
                target_of(self)
        except ValueError as error:
            raise ParamError(f"points: {error}" if len(self.points) else str(error)) from None
        check_costs(self)
        if self.weights != "fresh":
            saved_flows(self)


def _target_of(changes: Mapping[str, object]) -> str:
    """Return the target that a file or a word selects, or an empty text."""
    path = str(changes.get("path") or "").strip()
    if path:
        return "image" if Path(path).suffix.lower() in PICTURES else "csv"
    return "text" if "word" in changes else ""


# What weights were made for: with another value of one of these they are worth nothing.
DECIDES_WEIGHTS = frozenset({"target", "source", "method", "compare", "word", "path", "hidden", "layers", "activation"})
# What decides nothing but what is seen, or where weights come from.
SHOWS = frozenset(
    {
        *("sample_solver", "sample_steps", "sample_rtol", "sampler", "resolution", "upper", "lower"),
        *("show_density", "show_contours", "show_samples", "show_trails", "show_target", "show_velocity", "show_grid"),
        *("points", "fit_points", "weights"),
    }
)
