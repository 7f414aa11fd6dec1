"""Which parameters of the latent ODE have no effect with the others as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nodeviz.experiments.latent_params import LatentParams

TRAINING = frozenset({"steps", "lr", "batch", "latent", "hidden", "dynamics", "kl_anneal", "noise"})
FILE = frozenset({"csv", "columns", "id_column"})


def idle_rows(params: LatentParams) -> frozenset[str]:
    """Return the names of the parameters that change nothing, so that their rows may be greyed."""
    idle: set[str] = set()
    if params.data != "csv":
        idle |= FILE - {"csv"}
    if params.data in {"points", "family", "spirals"}:
        idle.add("span")
    if params.data not in {"family", "spirals"} or len(params.points):
        idle.add("n_observations")
    if params.data not in {"family", "spirals"}:
        idle.add("show_truth")
    if params.data not in {"family", "spirals", "csv"}:
        idle.add("number")
    if params.holdout == "none":
        idle.add("holdout_share")
    if params.weights != "fresh":
        idle |= TRAINING
    if not params.refine:
        idle |= {"refine_steps", "refine_weights"}
    if params.data == "spirals":
        idle.add("family")
    if "latent" not in {params.upper, params.lower}:
        idle |= {"plane", "show_field"}
    return frozenset(idle)
