"""What the classifier's plots show right now, in words."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.app.plots import label_number
from nodeviz.app.theme import Theme, model_style
from nodeviz.experiments.classifier_params import DEPTH_SOLVERS
from nodeviz.experiments.classifier_picture import trained_solver
from nodeviz.experiments.classifier_words import CALLED, percent, what_the_numbers_show

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.experiments.classifier_frame import (
        ClassifierFrame,
        DataView,
        ModelStability,
        ModelView,
        StabilityView,
    )
    from nodeviz.experiments.classifier_params import ClassifierParams

GAP = "&nbsp;&nbsp; "
UNMEASURED = "measured when training rests"
BRIEF = MappingProxyType({"resnet": "ResNet", "node": "ODE", "anode": "augmented"})  # where there is little room


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """What a small plot draws: the newest frame, all numbers of the run so far, and the newest answer about a point."""

    frame: ClassifierFrame
    history: Mapping[str, Sequence[float]]
    stability: StabilityView
    theme: Theme
    params: ClassifierParams

    def numbers(self, name: str) -> FloatArray:
        """Return a history as an array of its own: the one that grows must not be held."""
        return np.array(self.history.get(name, ()), float)


def named(scene: Scene, words: Callable[[ModelView], str], called: Mapping[str, str] = BRIEF) -> str:
    """Return what ``words`` says of every model, each behind its name in its colour."""
    parts = []
    for model in scene.frame.models:
        said = words(model)
        if said:
            parts.append(f"{coloured(model.name, scene.theme, called)} {said}")
    return GAP.join(parts)


def coloured(name: str, theme: Theme, called: Mapping[str, str] = BRIEF) -> str:
    """Return what a model is called, in its colour."""
    return f"<span style='color:{model_style(name, theme)[0]}'>{called[name]}</span>"


def whole_percent(share: float) -> str:
    """Return a share in percent without decimals; what is neither all nor nothing never reads as if it were."""
    if not np.isfinite(share):
        return "–"
    rounded = round(100 * share)
    if rounded in {0, 100} and share not in {0.0, 1.0}:
        return "0.1 %" if rounded == 0 else f"{min(99.9, np.floor(1000 * share) / 10):.1f} %"
    return f"{rounded} %"


def probe_place(model: ModelView, t: float) -> tuple[float, float]:
    """Return the place on the curve of the linear accuracy at depth t, of a ResNet at the last block probed."""
    if not len(model.probe_t):
        return t, float("nan")
    if model.discrete:
        node = max(0, int(np.searchsorted(model.probe_t, t + 1e-9, side="right")) - 1)
        return float(model.probe_t[node]), float(model.probe_accuracy[node])
    return t, float(np.interp(t, model.probe_t, model.probe_accuracy))


def probe_at(model: ModelView, t: float) -> float:
    """Return the accuracy of the linear probe at depth t."""
    return probe_place(model, t)[1]


def right_as_shown(model: ModelView, data: DataView) -> float:
    """Return the share of the points shown that the model gets right with the solver that is shown."""
    if not len(model.states):
        return float("nan")
    logits = model.states[-1] @ model.readout_weights.T + model.readout_bias
    labels = logits[:, 0] > 0 if logits.shape[1] == 1 else logits.argmax(axis=1)
    return float(np.mean((labels == data.labels) & np.isfinite(logits).all(axis=1)))


def other_solver(scene: Scene) -> str:
    """Return what the models are shown with, in words, where that is not what they are trained with."""
    trained = trained_solver(scene.params)
    for model in scene.frame.models:
        if model.discrete or not model.depth_method:
            continue
        title = DEPTH_SOLVERS[model.depth_method]
        if model.depth_steps:
            steps = f"{model.depth_steps} step{'s' if model.depth_steps > 1 else ''}"
            same = (model.depth_method, model.depth_steps) == (trained.method, trained.n_steps)
            return "" if same else f"{title}, {steps}"
        same = (model.depth_method, model.depth_rtol) == (trained.method, trained.rtol)
        return "" if same else f"{title}, tolerance {label_number(model.depth_rtol)}"
    return ""


def plane_words(scene: Scene, model: ModelView, t: float) -> tuple[str, str]:
    """Return the number beside the name of a model in its plane, and what it is of."""
    if scene.params.plane != "input":
        return whole_percent(probe_at(model, t)), "linear"
    measured = np.isfinite(model.train_accuracy) and model.measured_step == scene.frame.step
    if measured and not other_solver(scene):
        return whole_percent(model.train_accuracy), "right"
    return whole_percent(right_as_shown(model, scene.frame.data)), "right"


def main_words(scene: Scene, t: float) -> str:
    """Return the caption of the panel: the linear accuracy at the cursor, then what the measures show."""
    frame = scene.frame
    accuracy = named(scene, lambda model: whole_percent(probe_at(model, t)), CALLED)
    head = f"<span style='color:{scene.theme.text}'>t = {t:.2f}, linear accuracy</span> {accuracy}"
    notes = [model.message for model in frame.models if model.message]
    return GAP.join(filter(None, (head, *notes, what_was_measured(scene), frame.data.note)))


def what_was_measured(scene: Scene) -> str:
    """Return what the measures show, of when and of which solver they are, and how right what is shown instead is."""
    frame, other = scene.frame, other_solver(scene)
    step = min(model.measured_step for model in frame.models)
    said = what_the_numbers_show(
        frame.models,
        "" if frame.data.painted else scene.params.dataset,
        trained=step >= frame.steps or scene.params.weights != "fresh",
    )
    of = ", ".join(filter(None, ("as trained" if other else "", dated(scene))))
    if said and of:
        said = f"{of[:1].upper()}{of[1:]}: {said[:1].lower()}{said[1:]}"
    if other:
        right = named(
            scene,
            lambda model: "" if model.discrete else f"{whole_percent(right_as_shown(model, frame.data))} right",
            CALLED,
        )
        said = f"{said} Shown with {other}: {right}."
    return said.strip()


def dated(scene: Scene) -> str:
    """Return of which training step the measures are, where that is not the one that is shown."""
    step = min(model.measured_step for model in scene.frame.models)
    return "" if step in {-1, scene.frame.step} else f"at step {step}"


def with_date(scene: Scene, words: str) -> str:
    """Return words about measures behind the training step that they are of, where it is not the one that is shown."""
    date = dated(scene)
    return f"{date}: {words}" if date else words


def point_words(scene: Scene, index: int) -> str:
    """Return what the card of a point says."""
    data = scene.frame.data
    x, y = data.points[index]
    label = int(data.labels[index])
    lines = [
        f"<b style='color:{scene.theme.classes[label]}'>class {data.names[label]}</b> "
        f"at ({label_number(x)}, {label_number(y)})"
    ]
    for model in scene.frame.models:
        if not model.discrete and index < len(model.nfe_points) and np.isfinite(model.nfe_points[index]):
            count = label_number(float(model.nfe_points[index]))
            lines.append(f"{coloured(model.name, scene.theme)} {count} evaluations")
    return "<br>".join(lines)


def probe(scene: Scene, t: float) -> str:
    """Say the linear accuracies at the cursor, and what the extra dimensions are worth at the end."""
    words = named(scene, lambda model: whole_percent(probe_at(model, t)))
    extra = [whole_percent(model.first_two_accuracy) for model in scene.frame.models if model.augment]
    return f"{words}<br>h₁, h₂ alone end at {extra[0]}" if extra else words


def last(values: Sequence[float]) -> float:
    """Return the last number of a list, NaN for an empty one."""
    return float(values[-1]) if len(values) else float("nan")


def loss(scene: Scene, t: float) -> str:
    """Say the losses of the last steps."""
    del t
    frame = scene.frame

    def words(model: ModelView) -> str:
        recent = np.array(scene.history.get(f"{model.name}.loss", ())[-20:], float)
        return f"{float(recent.mean()) if len(recent) else model.loss:.2g}"

    return f"{steps_done(frame, scene.params.weights)}: {named(scene, words)}"


def steps_done(frame: ClassifierFrame, weights: str) -> str:
    """Return how far training is, in words, and where the weights came from that were not fresh."""
    if weights != "fresh":
        origin = "shipped weights" if weights == "shipped" else "weights from a file"
        return f"{origin} + {frame.step} step{'s' if frame.step > 1 else ''}" if frame.step else origin
    return f"step {frame.step} of {frame.steps}" if frame.step < frame.steps else f"{frame.step} steps"


def accuracy(scene: Scene, t: float) -> str:
    """Say the accuracies on all training points and on those held out."""
    del t

    def words(model: ModelView) -> str:
        if not np.isfinite(model.train_accuracy):
            return whole_percent(last(scene.history.get(f"{model.name}.accuracy", ())))
        test = f", test {percent(model.test_accuracy)}" if np.isfinite(model.test_accuracy) else ""
        return f"train {percent(model.train_accuracy)}{test}"

    return named(scene, words)


def augmented(scene: Scene, t: float) -> str:
    """Say of which model the states are."""
    model = most_dimensions(scene.frame)
    dims = model.states.shape[2]
    if dims == 2:
        return f"{coloured(model.name, scene.theme)} has two dimensions; choose the augmented one to see more"
    return f"{coloured(model.name, scene.theme)} at t = {t:.2f}, {dims} dimensions; drag to turn"


def most_dimensions(frame: ClassifierFrame) -> ModelView:
    """Return the model whose states have most dimensions, the first of several."""
    return max(frame.models, key=lambda model: model.states.shape[2])


def solver_accuracy(scene: Scene, t: float) -> str:
    """Say what the solver in force gives."""
    del t

    def words(model: ModelView) -> str:
        if model.discrete:
            return f"{model.depth_steps} blocks"
        steps = f"{model.depth_steps} steps" if model.depth_steps else f"rtol {label_number(model.depth_rtol)}"
        return f"{model.depth_method}, {steps}, {model.depth_nfe} evaluations"

    date = dated(scene)
    return f"{'curves of step ' + date.removeprefix('at step ') + '; ' if date else ''}shown: {named(scene, words)}"


def spread(values: FloatArray) -> str:
    """Return the smallest and the largest of some numbers."""
    good = values[np.isfinite(values)]
    if not len(good):
        return ""
    low, high = label_number(float(good.min())), label_number(float(good.max()))
    return low if low == high else f"{low} to {high}"


def nfe_map(scene: Scene, t: float) -> str:
    """Say how many evaluations the points of the plane need, each with its own step size."""
    del t
    words = named(scene, lambda model: "" if model.discrete else spread(model.nfe_map.ravel()))
    return with_date(scene, f"{words}; brighter: more") if words else UNMEASURED


def nfe_histogram(scene: Scene, t: float) -> str:
    """Say the mean and the most evaluations per point."""
    del t

    def words(model: ModelView) -> str:
        counts = model.nfe_points[np.isfinite(model.nfe_points)]
        return f"mean {counts.mean():.0f}, at most {counts.max():.0f}" if len(counts) and not model.discrete else ""

    said = named(scene, words)
    return with_date(scene, said) if said else UNMEASURED


def nfe_training(scene: Scene, t: float) -> str:
    """Say the last evaluations that were counted."""
    del t
    counted = [last(numbers) for name, numbers in scene.history.items() if name.endswith(".nfe_step")]
    newer = bool(counted) and max(counted) > max(model.measured_step for model in scene.frame.models)

    def words(model: ModelView) -> str:
        count = last(scene.history.get(f"{model.name}.nfe", ())) if newer else model.nfe
        return "" if model.discrete else label_number(count)

    date = (
        f"at step {max(counted):.0f}" if newer and max(counted) != scene.frame.step else "" if newer else dated(scene)
    )
    return f"dopri5 at 1e−3{', ' if date else ''}{date}: {named(scene, words)}"


def stability(scene: Scene, t: float) -> str:
    """Say the three numbers at the cursor, then what each of them is, and the eigenvalues they come from."""
    x, y = scene.stability.point
    if not scene.stability.models or not len(scene.stability.models[0].t):
        return "point at something, or click it, to see how its neighbours fare"
    lines, spectra = [], []
    for one in scene.stability.models:
        a, s, r = (
            label_number(stability_at(one, values, t)) for values in (one.abscissa, one.symmetric, one.flow_radius)
        )
        name = coloured(one.name, scene.theme)
        lines.append(f"{name} α {a}, σ {s}, ρ {r}")
        spectra.append(f"{name} {spectrum(one.eigenvalues[nearest_depth(one, t)])}")
    return "<br>".join(
        [
            *lines,
            f"at ({label_number(x)}, {label_number(y)}), t = {t:.2f}",
            "α: spectral abscissa of J (line), below 0 neighbours decay in the end",
            "σ: largest eigenvalue of sym J (dashed), below 0 they draw nearer at once",
            "ρ: spectral radius of the flow map (dotted, ln ρ), what has become of them since t = 0",
            f"eigenvalues of J: {GAP.join(spectra)}",
        ]
    )


def spectrum(values: Any) -> str:
    """Return eigenvalues (D,) in words, a complex pair as one."""
    parts = []
    for value in sorted(values, key=lambda value: (-value.real, -value.imag)):
        if value.imag >= 0:
            turn = f" ± {label_number(value.imag)}i" if value.imag > 1e-9 * max(1.0, abs(value)) else ""
            parts.append(f"{label_number(value.real)}{turn}")
    return ", ".join(parts)


def stability_at(one: ModelStability, values: FloatArray, t: float) -> float:
    """Return a number at the depth nearest to t."""
    return float(values[nearest_depth(one, t)]) if len(one.t) else float("nan")


def nearest_depth(one: ModelStability, t: float) -> int:
    """Return the index of the depth nearest to t."""
    return int(np.abs(one.t - t).argmin())


def measures(scene: Scene, t: float) -> str:
    """Say of when the measures are."""
    del t
    steps = sorted({model.measured_step for model in scene.frame.models})
    if steps[0] < 0:
        return UNMEASURED
    other = other_solver(scene)
    of = f"as trained; shown with {other}" if other else dated(scene)
    return f"{of}{'; ' if of else ''}fresh error: of 100,000 points never seen"
