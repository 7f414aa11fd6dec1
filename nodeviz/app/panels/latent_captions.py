"""What the plots of the latent panel show right now, in words."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import Qt

from nodeviz.app.plots import label_number
from nodeviz.app.theme import answer_style

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nodeviz.app.panels.latent_points import Shown
    from nodeviz.app.theme import Theme
    from nodeviz.engine.arrays import FloatArray
    from nodeviz.experiments.latent_frame import AnswerView, ErrorView, LatentFrame

GAP = "&nbsp;&nbsp; "
CALLED = MappingProxyType({"latent": "latent ODE", "gp": "Gaussian process", "rnn": "RNN"})
SHORT = MappingProxyType({"latent": "latent ODE", "gp": "GP", "rnn": "RNN"})
_DASHES = {Qt.PenStyle.SolidLine: "━", Qt.PenStyle.DashLine: "╍", Qt.PenStyle.DashDotLine: "┅"}
WORDS_OF_STAGE = MappingProxyType({"first": "first answer", "refined": "refined", "": "no answer yet"})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """What a small plot draws: the newest frame, all numbers of the run so far, and how long edits took.

    Attributes
    ----------
    answered, drawn : (E,) milliseconds of each edit: until its first answer was computed, and until it was on screen
    field : whether the latent plane shows its vector field
    """

    frame: LatentFrame
    history: Mapping[str, Sequence[float]]
    answered: FloatArray
    drawn: FloatArray
    field: bool
    theme: Theme

    def numbers(self, name: str) -> FloatArray:
        """Return a history as an array of its own: the one that grows must not be held."""
        return np.array(self.history.get(name, ()), float)


def coloured(name: str, theme: Theme) -> str:
    """Return what a model is called, in its colour."""
    return f"<span style='color:{answer_style(name, theme)[0]}'>{CALLED[name]}</span>"


def strong(text: str, theme: Theme) -> str:
    """Return a text in the colour of what matters most."""
    return f"<span style='color:{theme.text}'>{text}</span>"


def counted(n: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}".replace(",", " ")


def percent(share: float) -> str:
    """Return a share in words."""
    return f"{100 * share:.0f} %" if np.isfinite(share) else "–"


def milliseconds(ms: float) -> str:
    """Return a time in words."""
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.1f} s"


def duration(seconds: float) -> str:
    """Return how long something takes, in words."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


# The main plot.


def main_words(frame: LatentFrame, theme: Theme, drawn: float) -> str:
    """Return the caption of the panel.

    Parameters
    ----------
    drawn : milliseconds from the last edit to its answer on screen; NaN where none was measured
    """
    answer = frame.answer
    parts = [strong(observed_words(frame, answer), theme), stage_words(answer, drawn)]
    if np.isfinite(answer.elbo):
        parts.append(f"ELBO {label_number(answer.elbo)} nats")
    parts += [baseline_words(frame, theme), error_words(frame, theme), draw_words(frame, theme)]
    parts += [frame.series.note, frame.model.message, *(view.note for view in frame.baselines)]
    return GAP.join(filter(None, parts))


def observed_words(frame: LatentFrame, answer: AnswerView) -> str:
    """Say how many observations there are, and in how much noise."""
    series = frame.series
    n_used, n_held = int(series.used.sum()), int(series.held.sum())
    said = counted(n_used, "observation") if n_used else "no observation used"
    thinned = len(series.t) - n_used - n_held
    rest = [f"{n_held} held out"] * (n_held > 0) + [f"{thinned} left out"] * (thinned > 0)
    noise = ", ".join(label_number(value) for value in answer.noise if np.isfinite(value))
    return said + (f" ({', '.join(rest)})" if rest else "") + (f", noise {noise}" if noise else "")


def stage_words(answer: AnswerView, drawn: float) -> str:
    """Say whether this is the first answer or the refined one, and how long it took."""
    if not answer.stage:
        return WORDS_OF_STAGE[""]
    first = f"first answer in {milliseconds(answer.milliseconds_first)}" if answer.stage == "first" else ""
    if answer.stage == "refined":
        more = " so far" if answer.refining else " until converged" if answer.converged else ""
        took = milliseconds(answer.milliseconds_refined)
        first = f"refined in {counted(answer.refine_step, 'step')}{more}, {took}"
        first += f"; first answer in {milliseconds(answer.milliseconds_first)}"
    return first + (f", on screen after {milliseconds(drawn)}" if np.isfinite(drawn) else "")


def baseline_words(frame: LatentFrame, theme: Theme) -> str:
    """Say what the other models take the noise to be, and which of them still compute."""
    parts = []
    for view in frame.baselines:
        late = view.edit < frame.answer.edit
        noise = [label_number(value) for value in view.noise if np.isfinite(value)]
        said = "for the points before" if late else f"noise {', '.join(noise)}" if noise else ""
        if said:
            parts.append(f"{coloured(view.name, theme)} {said}")
    return GAP.join(parts)


def error_words(frame: LatentFrame, theme: Theme) -> str:
    """Say the errors between the observations, or beyond them where there are no others."""
    for where, name in (("between", "mse_interpolation"), ("beyond", "mse_extrapolation")):
        known = [(error.name, getattr(error, name)) for error in frame.errors]
        said = [f"{coloured(model, theme)} {label_number(value)}" for model, value in known if np.isfinite(value)]
        if said:
            return f"mean square error {where} the observations {', '.join(said)}"
    return ""


def draw_words(frame: LatentFrame, theme: Theme) -> str:
    """Say how well the models do on the many draws that were asked for, or how far these are."""
    draws = frame.draws
    if not draws.count:
        return ""
    if not draws.errors:
        return f"{counted(draws.count, 'fresh draw')}: {percent(draws.done)} done"
    each = [
        f"{coloured(error.name, theme)} {label_number(error.mse_interpolation)} within and "
        f"{label_number(error.mse_extrapolation)} beyond"
        + (f", {percent(error.coverage_90)} in its 90 % band" if np.isfinite(error.coverage_90) else "")
        for error in draws.errors
    ]
    return strong(f"mean square error over {counted(draws.count, 'fresh draw')}:", theme) + f" {'; '.join(each)}"


def legend_words(frame: LatentFrame, truth: bool, mean: bool, theme: Theme) -> str:
    """Return the legend of the plot, an empty text where there is one curve alone."""
    entries = [f"<span style='color:{answer_style('latent', theme)[0]}'>━ {CALLED['latent']}</span>"] if mean else []
    for view in frame.baselines:
        colour, dash = answer_style(view.name, theme)
        entries.append(f"<span style='color:{colour}'>{_DASHES[dash]} {CALLED[view.name]}</span>")
    if truth and len(frame.series.truth_t):
        entries.append(strong("╍ truth", theme))
    if len(frame.answer.nudged):
        entries.append(strong("┈ moved by hand", theme))
    return GAP.join(entries) if len(entries) > 1 else ""


def point_words(shown: Shown, row: int, channel: int, answer: AnswerView) -> str:
    """Return the card of an observation: where it is, and what the curve says there."""
    t, y = float(shown.t[row]), float(shown.y[row, channel])
    state = "used" if shown.used[row] else "held out" if shown.held[row] else "left out"
    said = [f"<b>point {row}</b>, {state}", f"{shown.names[channel]} = {label_number(y)} at {time_text(t, shown.unit)}"]
    if len(answer.t):
        mean = float(np.interp(t, answer.t, answer.mean[:, channel]))
        low, high = (float(np.interp(t, answer.t, edge)) for edge in answer.observed90[:, :, channel])
        said.append(f"curve {label_number(mean)}, 90 % of observations {label_number(low)} to {label_number(high)}")
    return "<br>".join(said)


def time_text(t: float, unit: str) -> str:
    """Return a time as captions show it: years with enough digits for a week, or none."""
    if unit == "date":
        return f"{t:.0f}" if t == round(t) else f"{t:.2f}"
    return f"t = {label_number(t)}"


# The instruments.


def hidden(scene: Scene, t: float) -> str:
    """Say how large the encoder's state is, and how it gets there."""
    inside = scene.frame.inside
    del t
    if not inside.hidden.size:
        return "follows when the answer is there" if scene.frame.series.used.any() else "nothing to run over yet"
    jumps = counted(len(inside.jumps), "jump")
    which = f" of {scene.frame.series.names[inside.channel]}" if inside.separate else ""
    return (
        f"runs backwards in time: {jumps}, one per observation{which}; an ODE between, drawn at its solver's steps; "
        f"{len(inside.hidden)} units, those that jump most in colour"
    )


def latent(scene: Scene, t: float) -> str:
    """Say where the latent state is, and how far the samples spread around it."""
    inside = scene.frame.inside
    if not len(inside.z_t):
        return "no latent path yet"
    k = int(np.abs(inside.z_t - t).argmin())
    spread = float(np.sqrt(np.square(inside.z_samples[:, k] - inside.z_mean[k]).sum(axis=-1).mean()))
    when = time_text(t, scene.frame.series.unit)
    return (
        f"a plane through {inside.z_mean.shape[1]} dimensions; at {when} the samples lie "
        f"{label_number(spread)} from the mean path (RMS)" + _leaving_words(scene)
    )


def _leaving_words(scene: Scene) -> str:
    """Say when the mean path leaves the picture, which shows the plane about the times of the observations."""
    inside = scene.frame.inside
    path = (inside.z_mean - inside.origin) @ inside.axes.T
    low, high = inside.view[::2], inside.view[1::2]
    outside = np.flatnonzero(((path < low) | (path > high)).any(axis=1))
    if not len(outside):
        return ""
    return f"; it leaves the picture at {time_text(float(inside.z_t[outside[0]]), scene.frame.series.unit)}"


def posterior(scene: Scene, t: float) -> str:
    """Say what the observations told about z0, and what was moved by hand."""
    del t
    inside = scene.frame.inside
    if not len(inside.posterior_sd):
        return "no posterior yet"
    known = int(np.sum(inside.posterior_sd < 0.5 * inside.prior_sd))
    moved = np.flatnonzero(inside.nudge)
    said = (
        f"grey what was known before, coloured after the observations: KL {label_number(scene.frame.answer.kl)} nats; "
        f"{known} of {counted(len(inside.posterior_sd), 'coordinate')} less than half as wide"
    )
    if len(moved):
        return said + "; " + ", ".join(f"z{i + 1} moved by {label_number(inside.nudge[i])}" for i in moved)
    return said + "; drag a row: the curve follows"


def elbo(scene: Scene, t: float) -> str:
    """Say what refining has gained."""
    del t
    answer = scene.frame.answer
    if not len(answer.elbos):
        return "no observation yet"
    if len(answer.elbos) == 1:
        return f"{label_number(answer.elbos[0])} nats, not refined"
    more = ", still refining" if answer.refining else ""
    first, last = label_number(answer.elbos[0]), label_number(answer.elbos[-1])
    return (
        f"{first} → {last} nats in {counted(answer.refine_step, 'step')}{more}; each step is measured as if the curve "
        f"were linear in z0: by samples it is {label_number(answer.elbo)}"
    )


def error_rows(scene: Scene) -> tuple[ErrorView, ...]:
    """Return the errors over many draws where there are some, else those on these observations."""
    frame = scene.frame
    return frame.draws.errors or frame.errors


def errors(scene: Scene, t: float) -> str:
    """Say what the errors are measured by."""
    del t
    frame = scene.frame
    if frame.draws.errors:
        return f"means over {counted(frame.draws.count, 'fresh draw')}: mean square error, coverage up to time 1"
    if not frame.errors:
        return "hold points out, or take a draw of the family: errors are measured there"
    known = len(frame.series.truth_t)
    by = (
        "against the function without noise"
        if known
        else f"on {counted(int(frame.series.held.sum()), 'point')} held out"
    )
    return f"mean square error {by}; how much lies in the bands is counted {_where_counted(frame)}"


def _where_counted(frame: LatentFrame) -> str:
    """Say where it is counted what lies in a band: in the window or between observations, unless all is beyond."""
    if len(frame.series.truth_t):
        first, last = (label_number(t) for t in frame.series.window)
        return f"from time {first} to {last}"
    between = any(np.isfinite(error.mse_interpolation) for error in frame.errors)
    return "between the observations" if between else "beyond them"


def draws(scene: Scene, t: float) -> str:
    """Say on how many draws the latent ODE is ahead."""
    del t
    view = scene.frame.draws
    if not view.count:
        return "set Fresh draws, under More, to measure errors on many functions"
    if not view.mse_interpolation.shape[1]:
        return f"{view.count} fresh draws, {percent(view.done)} done"
    parts = []
    for name in view.names[1:]:
        row = view.names.index(name)
        shares = [np.mean(mse[0] < mse[row]) for mse in (view.mse_interpolation, view.mse_extrapolation)]
        parts.append(
            f"than {coloured(name, scene.theme)} within on {percent(shares[0])}, beyond on {percent(shares[1])}"
        )
    return (
        f"{counted(view.count, 'draw')}, each seen at {counted(view.observations, 'time')}: the latent ODE errs less "
        f"(below the line) {', '.join(parts)}; filled: up to time 1, hollow: beyond"
    )


def loss(scene: Scene, t: float) -> str:
    """Say the loss of the last steps, and what is measured on series that are not trained on."""
    del t
    model = scene.frame.model
    if not np.isfinite(model.loss):
        return f"trained before, on {model.trained_on}" if model.trained_on else "not trained yet"
    said = (
        f"{label_number(model.loss)} at step {model.step} of {model.steps}, KL weight {label_number(model.kl_weight)}"
    )
    left = model.seconds_per_step * (model.steps - model.step)
    if not left > 0:
        return said
    said += f", at least {duration(left)} of training left"
    refined = scene.frame.answer.stage == "refined"
    return said + "; refining fits even a hardly trained model: untick Refine to see what it has learned" * refined


def tests(scene: Scene, t: float) -> str:
    """Say the errors on series that are not trained on."""
    del t
    model = scene.frame.model
    if not np.isfinite(model.test_mse_interpolation):
        return "measured on series that are not trained on, now and then"
    within, beyond = label_number(model.test_mse_interpolation), label_number(model.test_mse_extrapolation)
    return f"series not trained on: within what is observed {within}, beyond {beyond} (dashed)"


def edits(scene: Scene, t: float) -> str:
    """Say how long edits take."""
    del t
    if not len(scene.drawn):
        return "click in the plot: how long its answer takes"
    worst, middle = np.max(scene.drawn), np.median(scene.drawn)
    computed = f", computed in {label_number(float(np.median(scene.answered)))}"
    return f"{counted(len(scene.drawn), 'edit')}: on screen after {middle:.0f} ms, at most {worst:.0f}{computed}"
