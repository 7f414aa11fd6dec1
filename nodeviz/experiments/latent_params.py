"""The parameters of the latent ODE."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from nodeviz.experiments.latent_costs import check_costs
from nodeviz.experiments.latent_data import check_file
from nodeviz.experiments.latent_models import saved_model
from nodeviz.experiments.params import Choice, Interval, Names, ParamError, PathText, Text, nearest, param
from nodeviz.experiments.series_kind import Observed
from nodeviz.problems.series import LATEST, Series, no_series

if TYPE_CHECKING:
    from collections.abc import Mapping

DATA_TITLES = MappingProxyType(
    {
        "points": "Clicked points",
        "family": "A draw of the family",
        "spirals": "Spirals",
        "co2": "CO2 at Mauna Loa",
        "sunspots": "Sunspots",
        "nile": "Nile",
        "csv": "CSV file",
    }
)
DATA_NOTES = MappingProxyType(
    {
        "points": "What the parameter points has.",
        "family": "n_observations at random times of a function that was never trained on.",
        "spirals": "Of Chen et al. 2018: two channels, half of them clockwise, observed in noise.",
        "co2": "Weekly, with gaps.",
        "sunspots": "Yearly numbers since 1700.",
        "nile": "Yearly flow at Aswan, 1871 to 1970.",
        "csv": "What the parameter csv names: a series, or a set of them with an id column.",
    }
)
FAMILY_TITLES = MappingProxyType({"oscillations": "Oscillations", "broad": "Broad: steps, bumps"})
HOLDOUT_TITLES = MappingProxyType({"none": "Nothing more", "random": "Points at random", "last": "The last part"})
BASELINE_TITLES = MappingProxyType({"gp": "Gaussian process", "rnn": "RNN with time steps"})
BAND_TITLES = MappingProxyType(
    {"function": "Of the function", "observations": "Of new observations", "none": "No bands"}
)
PLANES = MappingProxyType({"principal": "Principal plane", "z1-z2": "z1, z2", "z3-z4": "z3, z4", "z5-z6": "z5, z6"})
INSTRUMENTS = MappingProxyType(
    {
        "hidden": "Encoder's hidden state",
        "latent": "Latent paths",
        "posterior": "Posterior and prior",
        "elbo": "ELBO while refining",
        "errors": "Errors",
        "draws": "Errors per draw",
        "loss": "Loss",
        "tests": "Errors while training",
        "edits": "Milliseconds per edit",
    }
)
MOST_LATENT = 64


def _baseline(name: str, entry: str) -> str:
    if entry not in BASELINE_TITLES:
        raise ParamError(f"{name}={entry}: unknown; {nearest(entry, BASELINE_TITLES)}")
    return entry


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentParams:
    """What is observed, what answers, how it is refined, trained and shown.

    Given ``points`` stand in place of the data where there are any; another choice of data forgets them.
    """

    data: str = param("points", label="Data", kind=Choice(DATA_TITLES, notes=DATA_NOTES), help="What is observed.")
    family: str = param(
        "oscillations",
        label="Family",
        choices=FAMILY_TITLES,
        help="Functions that the model was trained on: it decides which shipped weights answer.",
    )
    thin: float = param(
        1.0, label="Points used", lo=0.0, hi=1.0, help="Share of the points that the model sees.", live=True
    )
    holdout: str = param(
        "none",
        label="Hold out",
        choices=HOLDOUT_TITLES,
        help="What the model does not see: errors are measured there. What comes after Between is held out besides.",
        live=True,
    )
    span: str = param(
        "",
        label="Between",
        kind=Text(100),
        help="First and last time of what is used, as in 1960,1963; what comes after is held out. Empty: all.",
    )
    baselines: tuple[str, ...] = param(
        (),
        label="Beside it",
        kind=Names(_baseline, str, BASELINE_TITLES, len(BASELINE_TITLES), least=0),
        help="Other models on the same observations.",
        live=True,
    )
    refine: bool = param(
        True, label="Refine", help="After the first answer, fit the posterior to these observations.", live=True
    )
    points: Series = param(
        no_series(),
        label="Points",
        kind=Observed(),
        help="Observations: time, then a value per channel. In place of the data where there are any.",
        live=True,
        more=True,
    )
    n_observations: int = param(
        8, label="Observations", lo=1, hi=500, log=True, help="Of a draw of the family, or of a spiral.", more=True
    )
    number: int = param(
        0,
        label="Series number",
        lo=0,
        hi=99_999,
        help="Which of the draws, the spirals, or the series of a file is shown, from 0.",
        live=True,
        more=True,
    )
    csv: str = param(
        "",
        label="CSV file",
        kind=PathText(1000),
        help="A time and one or more values. Selects the data csv.",
        more=True,
    )
    columns: str = param(
        "",
        label="Columns",
        kind=Text(500),
        help="Names or numbers of the file's columns: time, then values, with commas between. Empty: found by itself.",
        more=True,
    )
    id_column: str = param(
        "",
        label="Id column",
        kind=Text(200),
        help="The column that says to which series a row belongs. Empty: one series.",
        more=True,
    )
    holdout_share: float = param(
        0.3, label="Share held out", lo=0.01, hi=0.95, help="Of the points.", live=True, more=True
    )
    draws: int = param(
        0,
        label="Fresh draws",
        lo=0,
        hi=4096,
        help="So many draws of the family are answered as one batch, and errors measured over them all.",
        more=True,
    )
    samples: int = param(
        64,
        label="Samples",
        lo=2,
        hi=512,
        log=True,
        help="Of the posterior; the bands come from them.",
        live=True,
        more=True,
    )
    refine_steps: int = param(
        40,
        label="Refinement steps",
        lo=0,
        hi=10_000,
        help="On the ELBO of these observations; in the window they end after 2 s.",
        live=True,
        more=True,
    )
    refine_weights: bool = param(
        False,
        label="Refine weights too",
        help="Let the decoder's and the dynamics' weights follow these observations as well, until the next edit.",
        live=True,
        more=True,
    )
    weights: str = param(
        "shipped",
        label="Weights",
        kind=PathText(1000, words=("shipped", "fresh")),
        help="shipped, fresh (trained here, on the family's draws or on a set of series), or a file of them.",
        more=True,
    )
    steps: int = param(
        40_000, label="Training steps", lo=1, hi=10_000_000, log=True, help="Of one training run.", more=True
    )
    lr: float = param(
        1e-3,
        label="Learning rate",
        lo=1e-6,
        hi=10.0,
        log=True,
        help="Of Adam, the highest of its schedule.",
        live=True,
        more=True,
    )
    batch: int = param(64, label="Batch", lo=1, hi=1024, log=True, help="Series of one training step.", more=True)
    latent: int = param(16, label="Latent dimensions", lo=1, hi=MOST_LATENT, help="Of z.", more=True)
    hidden: int = param(32, label="Hidden units", lo=1, hi=256, log=True, help="Of the encoder's GRU.", more=True)
    dynamics: int = param(
        64, label="Dynamics units", lo=1, hi=256, log=True, help="Width of the latent field.", more=True
    )
    components: int = param(
        64,
        label="Prior's parts",
        lo=0,
        hi=256,
        help="Normal distributions that make up the prior of z0; 0: N(0, I).",
        more=True,
    )
    kl_anneal: float = param(
        0.1,
        label="KL annealing",
        lo=0.0,
        hi=1.0,
        help="Share of the training steps over which the KL's weight grows to 1.",
        more=True,
    )
    noise: float = param(
        0.1, label="First noise", lo=1e-3, hi=10.0, log=True, help="Sd that the learned noise starts from.", more=True
    )
    nudge_of: int = param(
        1, label="Coordinate", lo=1, hi=MOST_LATENT, help="Of z0, to be moved by hand.", live=True, more=True
    )
    nudge: float = param(
        0.0, label="Moved by", lo=-6.0, hi=6.0, help="What is added to that coordinate.", live=True, more=True
    )
    plane: str = param(
        "principal", label="Plane", choices=PLANES, help="In which latent paths are drawn.", live=True, more=True
    )
    channel: int = param(
        1,
        label="Channel",
        lo=1,
        hi=8,
        help="Of which the inside is shown where there are several.",
        live=True,
        more=True,
    )
    upper: str = param(
        "hidden", label="Upper plot", choices=INSTRUMENTS, help="The upper instrument.", live=True, more=True
    )
    lower: str = param(
        "latent", label="Lower plot", choices=INSTRUMENTS, help="The lower instrument.", live=True, more=True
    )
    bands: str = param(
        "function", label="Bands", choices=BAND_TITLES, help="50 % and 90 %, of what.", live=True, more=True
    )
    show_mean: bool = param(True, label="mean", help="The posterior mean of the curve.", live=True)
    show_samples: bool = param(False, label="samples", help="Curves of posterior samples.", live=True)
    show_truth: bool = param(True, label="truth", help="The function without noise, where it is known.", live=True)
    show_field: bool = param(True, label="field", help="The vector field of the latent plane.", live=True)

    def implied(self, changes: Mapping[str, object]) -> dict[str, object]:
        """Return what another choice of data, or a file, brings with it."""
        implied: dict[str, object] = {}
        if str(changes.get("csv") or "").strip() and "data" not in changes:
            implied["data"] = "csv"
        if FORGETS_POINTS.intersection(changes):
            implied |= {"points": no_series(), "number": 0}
        if str(changes.get("data", self.data)).strip() != self.data or "csv" in changes:
            implied["span"] = ""  # years of one series mean nothing in another
        return implied

    def check(self, changes: Mapping[str, object]) -> None:
        """Check what the fields must satisfy together.

        Raises
        ------
        ParamError : a file or weights that cannot be used, a span that is none, or too large a model
        """
        if "span" in changes:
            span_of(self.span)
        if self.data == "csv" and FILE.intersection(changes):
            check_file(self)
        check_costs(self)
        if self.weights != "fresh" and WEIGHTS.intersection(changes):
            saved_model(self)


def span_of(text: str) -> tuple[float, float]:
    """Return the first and the last time that a span names; all times where it is empty.

    Raises
    ------
    ParamError : not two numbers, or the second is not larger
    """
    return SPAN.coerce("span", text, None) if text else (-LATEST, LATEST)


SPAN = Interval(LATEST)
FILE = frozenset({"data", "csv", "columns", "id_column"})
WEIGHTS = frozenset({"weights", "data", "family"})
# With another value of one of these, points that were clicked are forgotten.
FORGETS_POINTS = frozenset({"data", "csv", "columns", "id_column", "span"})
# What decides nothing but what is seen.
SHOWS = frozenset(
    {
        *(
            "thin",
            "holdout",
            "holdout_share",
            "baselines",
            "refine",
            "points",
            "number",
            "samples",
            "refine_steps",
            "span",
        ),
        *("refine_weights", "weights", "nudge_of", "nudge", "plane", "channel", "upper", "lower", "bands"),
        *("show_mean", "show_samples", "show_truth", "show_field"),
    }
)
