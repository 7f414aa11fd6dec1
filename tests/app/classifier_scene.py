"""Frames of the classifier that look like real ones, made without training anything."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from nodeviz.experiments.classifier_frame import (
    ClassifierFrame,
    DataView,
    ModelStability,
    ModelView,
    StabilityView,
)
from nodeviz.problems.datasets import DATASETS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nodeviz.engine.arrays import FloatArray

Flow = "Callable[[FloatArray, float], FloatArray]"
DEPTHS, GRID, REGIONS, MAP = 21, 21, 64, 32


def make_points(dataset: str = "disc-annulus", n: int = 400, classes: int = 2, seed: int = 0) -> DataView:
    made = DATASETS[dataset]
    points, labels = made.make(n, classes, 0.0, np.random.default_rng(seed))
    return DataView(
        points=points,
        labels=labels,
        given=points,
        given_labels=labels,
        given_held_out=np.zeros(n, bool),
        n_train=n,
        n_test=n // 4,
        classes=classes,
        names=np.array([str(number + 1) for number in range(classes)]),
        view=np.array(made.view, float),
        painted=False,
        note="",
    )


def flow_of(name: str, augment: int) -> Callable[[FloatArray, float], FloatArray]:
    """Return a map of points (..., 2) to states (..., D) at depth t that does what such a model would do."""

    def squeeze(x: FloatArray, t: float) -> FloatArray:
        turn = 1.2 * t * np.exp(-np.square(x).sum(axis=-1))
        a, b = np.cos(turn), np.sin(turn)
        u = a * x[..., 0] - b * x[..., 1]
        v = b * x[..., 0] + a * x[..., 1]
        return np.stack([u + 0.9 * t * np.tanh(1.5 * v), v * np.exp(-0.5 * t) + 1.1 * t * np.exp(-3 * u * u)], axis=-1)

    def lift(x: FloatArray, t: float) -> FloatArray:
        height = 1.6 * t * np.exp(-1.6 * np.square(x).sum(axis=-1, keepdims=True)) - 0.3 * t
        extra = [height * (1.0 - 0.5 * k) for k in range(augment)]
        return np.concatenate([x * (1 - 0.2 * t), *extra], axis=-1)

    return lift if name == "anode" else squeeze


def make_model(name: str, data: DataView, *, augment: int = 1, step: int = 940, t1: float = 1.0) -> ModelView:
    discrete, dims = name == "resnet", 2 + augment * (name == "anode")
    t = np.linspace(0.0, t1, 11 if discrete else DEPTHS)
    flow = flow_of(name, augment)
    x0, x1, y0, y1 = data.view
    plane = np.stack(np.meshgrid(np.linspace(x0, x1, GRID), np.linspace(y0, y1, GRID)), axis=-1)
    states = np.array([flow(data.points, now) for now in t], np.float32)
    outputs = 1 if data.classes == 2 else data.classes
    weights = np.zeros((outputs, dims), np.float32)
    weights[:, -1] = -9.0 if outputs == 1 else np.linspace(-4, 4, outputs)
    weights[:, 0] = 1.0 if outputs == 1 else np.cos(np.arange(outputs))
    weights[:, 1] = -2.0
    cells = np.stack(np.meshgrid(np.linspace(x0, x1, REGIONS), np.linspace(y0, y1, REGIONS)), axis=-1)
    logits = flow(cells, t1) @ weights[0] + 3.0
    sure = np.clip(np.abs(np.tanh(logits / 4)), 0, 0.999)
    places = np.stack(np.meshgrid(np.linspace(x0, x1, MAP), np.linspace(y0, y1, MAP)), axis=-1)
    counts = 20 + 6 * np.round(8 * np.exp(-4 * (np.hypot(places[..., 0], places[..., 1]) - 0.75) ** 2))
    good = 0.97 if name == "anode" else 0.86
    flat = states.reshape(-1, dims).astype(float)
    axes = np.zeros((dims, 3), np.float32)
    axes[:, : min(dims, 3)] = np.linalg.svd(flat - flat.mean(axis=0), full_matrices=False)[2].T[:, :3]
    measured = step > 0
    empty = np.zeros((0, 0), np.float32)
    return ModelView(
        name=name,
        spec_json=json.dumps({"kind": name, "augment": augment * (name == "anode")}),
        parameters=np.zeros(1219 + dims, np.float32),
        n_parameters=1219 + dims,
        augment=dims - 2,
        discrete=discrete,
        t=t,
        states=states,
        grid=np.array([flow(plane, now) for now in t], np.float32),
        readout_weights=weights,
        readout_bias=np.full(outputs, 3.0, np.float32),
        regions=((logits > 0) + sure).astype(np.float32),
        axes=axes,
        centre=flat.mean(axis=0),
        depth_method="" if discrete else "rk4",
        depth_steps=10,
        depth_rtol=1e-3,
        depth_nfe=10 if discrete else 40,
        probe_t=t,
        probe_accuracy=0.75 + (good - 0.75) * np.sin(t / t1 * np.pi / 2) ** 2,
        first_two_accuracy=0.75,
        train_accuracy=good if measured else np.nan,
        test_accuracy=good - 0.01 if measured else np.nan,
        loss=0.02,
        nfe=26.0 if name == "node" else 10.0 if discrete else 20.0,
        dense_error=1 - good if measured else np.nan,
        max_stretch=31.0 if name == "node" else 3.1,
        nfe_map=empty if discrete else counts.astype(np.float32),
        nfe_points=np.full(len(data.points), 10.0) if discrete else counts.ravel()[: len(data.points)],
        solver_steps=np.array([1, 2, 3, 5, 10, 20, 50]),
        solver_accuracy=good - 0.3 / np.array([1, 2, 3, 5, 10, 20, 50]),
        seconds_per_step=2.1e-3,
        diverged=False,
        message="",
        measured_step=step if measured else -1,
    )


def make_stability(point: Sequence[float], models: Sequence[ModelView]) -> StabilityView:
    def one(model: ModelView) -> ModelStability:
        t = model.t
        path = flow_of(model.name, model.augment)(np.asarray(point, float), t[:, None] if False else 0.0)
        dims = model.states.shape[2]
        rate = 1.5 * np.cos(3 * t)
        return ModelStability(
            name=model.name,
            t=t,
            path=np.tile(path, (len(t), 1)),
            eigenvalues=np.tile(rate[:, None], (1, dims)) + 1j * np.linspace(-1, 1, dims),
            abscissa=rate,
            symmetric=rate + 0.6,
            flow_radius=np.exp(0.5 * np.sin(3 * t)),
        )

    return StabilityView(point=np.asarray(point, float), models=tuple(map(one, models)))


def make_frame(
    names: Sequence[str] = ("node", "anode"),
    *,
    dataset: str = "disc-annulus",
    n: int = 400,
    classes: int = 2,
    augment: int = 1,
    step: int = 940,
    seed: int = 0,
) -> ClassifierFrame:
    data = make_points(dataset, n, classes, seed)
    models = tuple(make_model(name, data, augment=augment, step=step) for name in names)
    return ClassifierFrame(
        step=step, steps=940, t1=1.0, data=data, models=models, stability=make_stability(data.points[0], models)
    )


def make_history(names: Sequence[str] = ("node", "anode"), steps: int = 940) -> dict[str, list[float]]:
    rng = np.random.default_rng(1)
    history: dict[str, list[float]] = {}
    at = np.arange(1, steps + 1)
    for number, name in enumerate(names):
        loss = 0.7 * np.exp(-at / (200 + 150 * number)) * np.exp(0.3 * rng.standard_normal(steps))
        history[f"{name}.loss"] = loss.tolist()
        history[f"{name}.accuracy"] = np.clip(1 - 0.4 * loss, 0, 1).tolist()
        history[f"{name}.nfe"] = (14 + 12 * at[::50] / steps).tolist()
        history[f"{name}.nfe_step"] = at[::50].astype(float).tolist()
    return history
