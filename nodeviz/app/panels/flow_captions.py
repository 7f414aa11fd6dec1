"""What the flow's plots show right now, in words."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from nodeviz.app.plots import label_number
from nodeviz.experiments.flow_words import nats

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from nodeviz.app.theme import Theme
    from nodeviz.engine.arrays import FloatArray
    from nodeviz.experiments.flow_frame import FlowFrame, FlowView, PathView, TraceView

GAP = "&nbsp;&nbsp; "
SHORT = MappingProxyType(
    {
        "likelihood": "likelihood",
        "flow-matching": "flow matching",
        "ot-flow-matching": "flow matching, OT",
        "diffusion": "diffusion",
    }
)
BRIEF = MappingProxyType({**SHORT, "flow-matching": "matching", "ot-flow-matching": "OT"})  # heads of narrow columns
# Dark and light colour of each method, and its marker: after Okabe and Ito, apart from the solvers' and the models'.
STYLES = MappingProxyType(
    {
        "flow-matching": ("#e78ac3", "#b03a7e", "o"),
        "ot-flow-matching": ("#f0c84b", "#8a6d00", "d"),
        "likelihood": ("#a79df7", "#5a48b5", "s"),
        "diffusion": ("#f08a5d", "#b8501c", "t"),
    }
)


def method_style(name: str, theme: Theme) -> tuple[str, str]:
    """Return the colour and the marker that a method keeps in every plot and table."""
    dark, light, marker = STYLES[name]
    return (dark if theme.name == "dark" else light), marker


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """What a small plot draws: the newest frame, all numbers of the run so far, and the newest answers."""

    frame: FlowFrame
    history: Mapping[str, Sequence[float]]
    path: PathView
    trace: TraceView
    theme: Theme

    def numbers(self, name: str) -> FloatArray:
        """Return a history as an array of its own: the one that grows must not be held."""
        return np.array(self.history.get(name, ()), float)


def coloured(name: str, theme: Theme) -> str:
    """Return what a method is called, in its colour."""
    return f"<span style='color:{method_style(name, theme)[0]}'>{SHORT[name]}</span>"


def named(scene: Scene, words: Callable[[FlowView], str]) -> str:
    """Return what ``words`` says of every flow, each behind its name where there are two."""
    said = [(flow.name, words(flow)) for flow in scene.frame.flows]
    return GAP.join(one_of(scene, name, text) for name, text in said if text)


def one_of(scene: Scene, name: str, text: str) -> str:
    """Return what is said of a flow behind its name in its colour, which one that is alone does not need."""
    return f"{coloured(name, scene.theme)} {text}" if len(scene.frame.flows) > 1 else text


def mass_text(mass: float) -> str:
    """Return a mass with as many digits as tell it from 1."""
    return f"{mass:.3f}" if np.isfinite(mass) and mass < 100 else label_number(mass)


def likelihood(scene: Scene, flow: FlowView) -> float:
    """Return the mean log-likelihood that was measured, or the last rough one of the training."""
    recent = scene.history.get(f"{flow.name}.mean_log_prob", ())
    known = np.isfinite(flow.mean_log_prob) or not len(recent)
    return flow.mean_log_prob if known else float(recent[-1])


def main_words(scene: Scene, note: str) -> str:
    """Return the caption of the panel: the measures that are always on show, then what is peculiar."""
    frame, bound = scene.frame, scene.frame.target.entropy_bound
    several = len(frame.flows) > 1
    most = f"at most {nats(bound)} nats" if np.isfinite(bound) else ""

    def words(flow: FlowView) -> str:
        value = likelihood(scene, flow)
        said = f"log p {nats(value)}" if np.isfinite(value) else "training"
        limit = f" of {most}" if most and not several else ""
        parts = [f"<span style='color:{scene.theme.text}'>{said}</span>{limit}"]
        if np.isfinite(flow.mass):
            parts.append(f"mass {mass_text(flow.mass)}")
        if np.isfinite(flow.inversion_error):
            parts.append(f"inversion {label_number(flow.inversion_error)}")
        if np.isfinite(flow.nfe):
            parts.append(f"evaluations {flow.nfe:.0f}")
        return GAP.join(parts)

    head = named(scene, words)
    limit = f"log p is {most}" if most and several else ""
    stale = {flow.measured_step for flow in frame.flows if flow.measured_step >= 0} - {frame.step}
    when = f"measured at step {stale.pop()}" if len(stale) == 1 else ""
    messages = [f"{coloured(flow.name, scene.theme)} {flow.message}" for flow in frame.flows if flow.message]
    return GAP.join(filter(None, (head, limit, when, *messages, note)))


def plane_words(scene: Scene, flow: FlowView, mass: float) -> str:
    """Return the title of a plane: the method, and the mass of the density it shows."""
    text = f"<b style='color:{method_style(flow.name, scene.theme)[0]}'>{SHORT[flow.name]}</b>"
    return f"{text}&nbsp; mass {mass_text(mass)}" if np.isfinite(mass) else text


def log_prob(scene: Scene, t: float) -> str:
    """Say the log-likelihood, and how far it is from the bound."""
    del t
    bound, several = scene.frame.target.entropy_bound, len(scene.frame.flows) > 1
    known = all(np.isfinite(flow.mean_log_prob) for flow in scene.frame.flows)

    def words(flow: FlowView) -> str:
        if not np.isfinite(flow.mean_log_prob):
            rough = likelihood(scene, flow)
            return f"{nats(rough)}, roughly" if np.isfinite(rough) else "measured soon"
        # Of two the caption of the panel has the likelihoods themselves.
        if several and known and np.isfinite(bound):
            return nats(bound - flow.mean_log_prob)
        return f"{nats(flow.mean_log_prob)} ± {flow.log_prob_error:.3f}"

    said = named(scene, words)
    if not np.isfinite(bound):
        return f"held out: {said}; the bound is not known"
    if not known:
        return f"held out: {said}; the bound is {nats(bound)}"
    if several:
        return f"nats below the bound: {said}"
    return f"held out: {said} nats, {nats(bound - scene.frame.flows[0].mean_log_prob)} below the bound"


def loss(scene: Scene, t: float) -> str:
    """Say the losses of the last steps."""
    del t
    frame = scene.frame

    def words(flow: FlowView) -> str:
        recent = np.array(scene.history.get(f"{flow.name}.loss", ())[-20:], float)
        return f"{label_number(float(recent.mean())) if len(recent) else '–'} at step {flow.step}"

    end = "; they are not the same quantity" if len(frame.flows) > 1 else ""
    again = "; trained on: the learning rate began anew" if frame.flows[0].step > frame.flows[0].steps else ""
    return named(scene, words) + end + again


def path(scene: Scene, t: float) -> str:
    """Say log p at the cursor along the path."""
    if not np.isfinite(scene.path.t):
        return "click a point of the plane: its path, and log p along it"
    parts = [one_of(scene, one.name, hundredths(at_time(one.t, one.log_prob, t))) for one in scene.path.flows]
    return f"log p at t = {t:.2f}: {GAP.join(parts)}; {passing(scene)}"


def hundredths(value: float) -> str:
    """Return a number with two decimals and a true minus."""
    return f"{value:.2f}".replace("-", "−") if np.isfinite(value) else "unknown"


def passing(scene: Scene) -> str:
    """Say through which place the path goes."""
    x, y = scene.path.point
    return f"through ({label_number(x)}, {label_number(y)}) at {scene.path.t:.2f}"


def speed(scene: Scene, t: float) -> str:
    """Say the speed at the cursor, and the length of the path against the distance it covers."""
    if not np.isfinite(scene.path.t):
        return "click a point of the plane: how fast it moves"
    parts = []
    for one in scene.path.flows:
        here = label_number(at_time(one.t, one.speed, t))
        steps = np.linalg.norm(np.diff(one.path, axis=0), axis=1)
        straight = float(np.linalg.norm(one.path[-1] - one.path[0])) if len(one.path) else np.nan
        detour = f", path {float(steps.sum()) / straight:.3g} × the distance" if straight > 0 else ""
        parts.append(one_of(scene, one.name, f"{here}{detour}"))
    return f"speed at t = {t:.2f}: {GAP.join(parts)}; {passing(scene)}"


def at_time(t: FloatArray, values: FloatArray, now: float) -> float:
    """Return a value between the times at which it is known."""
    return float(np.interp(now, t, values)) if len(t) else float("nan")


def trace(scene: Scene, t: float) -> str:
    """Say what one probe gives against the exact trace."""
    del t
    if not len(scene.trace.probes) or not np.isfinite(scene.trace.t):
        return "made when training rests"
    parts = [
        one_of(
            scene,
            one.name,
            f"{hundredths(one.exact)}, one probe ± {first(one.rademacher_std)}, Gaussian ± {first(one.gaussian_std)}",
        )
        for one in scene.trace.flows
    ]
    return f"div f at t = {scene.trace.t:.2f}: {GAP.join(parts)} (dashed)"


def trace_log_prob(scene: Scene, t: float) -> str:
    """Say what an estimated trace does to log p."""
    del t
    if not len(scene.trace.probes) or not np.isfinite(scene.trace.t):
        return "made when training rests"
    parts = [
        one_of(scene, one.name, f"{first(one.log_prob_rademacher)} nats, Gaussian {first(one.log_prob_gaussian)}")
        for one in scene.trace.flows
    ]
    return f"one probe per solve puts log p off by {GAP.join(parts)} (dashed)"


def first(curve: FloatArray) -> str:
    """Return what one probe gives: the first of a curve over the number of probes."""
    return hundredths(float(curve[0])) if len(curve) else "–"


def mass(scene: Scene, t: float) -> str:
    """Say the mass at the known time that is nearest to the cursor."""
    frame = scene.frame

    def words(flow: FlowView) -> str:
        known = np.flatnonzero(flow.density_known)
        if not len(known):
            return ""
        k = int(known[np.abs(frame.t[known] - t).argmin()])
        lost = f", {100 * flow.density_lost[k]:.2g} % of the plane lost" if flow.density_lost[k] > 0 else ""
        return f"{mass_text(float(flow.density_mass[k]))} at t = {frame.t[k]:.2f}{lost}"

    return named(scene, words) or "made when training rests"


def tolerance(scene: Scene, t: float) -> str:
    """Say evaluations and error of the tightest tolerance."""
    del t

    def words(flow: FlowView) -> str:
        if not len(flow.tolerance_rtol):
            return ""
        k = int(np.argmin(flow.tolerance_rtol))
        return f"{flow.tolerance_nfe[k]} evaluations, error {label_number(float(flow.tolerance_error[k]))}"

    tightest = min((float(flow.tolerance_rtol.min(initial=1.0)) for flow in scene.frame.flows), default=1.0)
    said = named(scene, words)
    return f"dopri5 at {label_number(tightest)}: {said}" if said else "measured when training rests"


def measures(scene: Scene, t: float) -> str:
    """Say what the measures show, and of when they are."""
    del t
    steps = {flow.measured_step for flow in scene.frame.flows}
    if max(steps) < 0:
        return "measured when training rests"
    # The table says the log-likelihoods already, with which the words begin.
    rest = scene.frame.words.partition(". ")[2]
    return f"{rest} The floor of W₂: two fresh sets of points."
