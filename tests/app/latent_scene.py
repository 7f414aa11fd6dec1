"""Frames of the latent ODE that look like real ones: curves and bands of a Gaussian process, and made-up states."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.experiments.latent_frame import (
    AnswerView,
    BaselineView,
    DrawsView,
    ErrorView,
    InsideView,
    LatentFrame,
    ModelView,
    SeriesView,
)
from nodeviz.problems.series import Series

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nodeviz.engine.arrays import FloatArray

EIGHT = Series(
    np.array([0.08, 0.17, 0.21, 0.39, 0.46, 0.6, 0.83, 0.91]),
    np.array([0.38, 0.83, 0.9, 0.09, -0.26, -0.42, 0.35, 0.57]),
)
VIEW = np.array([0.0, 1.5, -1.6, 1.6])
LATENT, HIDDEN = 6, 20
WIDTH, NOISE = 0.16, 0.05
NAMES = ("latent", "gp", "rnn")


def kernel(a: FloatArray, b: FloatArray) -> FloatArray:
    return np.exp(-0.5 * ((a[:, None] - b) / WIDTH) ** 2)


def gaussian_process(t: FloatArray, y: FloatArray, at: FloatArray, count: int, seed: int = 0) -> Any:
    """Return mean, standard deviation and samples (count, M) of one channel, given what is known of it."""
    known = np.isfinite(y)
    t, y = t[known], y[known]
    inverse = np.linalg.inv(kernel(t, t) + NOISE**2 * np.eye(len(t)))
    across = kernel(at, t)
    mean = across @ inverse @ y
    covariance = kernel(at, at) - across @ inverse @ across.T + 1e-8 * np.eye(len(at))
    root = np.linalg.cholesky(covariance + 1e-6 * np.eye(len(at)))
    samples = mean + np.random.default_rng(seed).standard_normal((count, len(at))) @ root.T
    return mean, np.sqrt(np.diag(covariance)), samples


def make_series(points: Series = EIGHT, *, held: Sequence[int] = (), thinned: Sequence[int] = (), **more: Any) -> Any:
    used = np.ones(len(points), bool)
    held_out = np.isin(np.arange(len(points)), held)
    used[held_out | np.isin(np.arange(len(points)), thinned)] = False
    seen = points.t[used]
    given: dict[str, Any] = {
        "title": "Clicked points",
        "note": "",
        "names": points.names,
        "unit": "",
        "t": points.t,
        "y": points.y,
        "used": used,
        "held": held_out,
        "editable": True,
        "window": np.array([0.0, 1.0]),
        "observed": seen[[0, -1]] if len(seen) else np.full(2, np.nan),
        "view": VIEW,
        "truth_t": np.empty(0),
        "truth": np.empty((0, points.channels)),
        "number": 0,
        "count": 1,
        "ids": (),
    }
    return SeriesView(**(given | more))


def make_answer(
    series: SeriesView, *, step: int = 60, samples: int = 64, M: int = 241, nudge: float = 0.0, edit: int = 0
) -> AnswerView:
    t = np.linspace(series.view[0], series.view[1], M)
    y = np.where(series.used[:, None], series.y, np.nan)
    span = (series.window[1] - series.window[0]) or 1.0
    parts = [
        gaussian_process((series.t - series.window[0]) / span, column, (t - series.window[0]) / span, samples, c)
        for c, column in enumerate(y.T)
    ]
    mean, sd = (np.stack([part[i] for part in parts], axis=1) for i in range(2))
    wide = np.sqrt(sd**2 + NOISE**2)
    edges = np.array([-1.0, 1.0])[:, None, None]
    elbos = -9.0 + 6.0 * (1 - np.exp(-np.arange(step + 1) / 15))
    return AnswerView(
        stage="refined" if step else "first",
        t=t,
        mean=mean,
        band50=mean + 0.674 * edges * sd,
        band90=mean + 1.645 * edges * sd,
        observed50=mean + 0.674 * edges * wide,
        observed90=mean + 1.645 * edges * wide,
        samples=np.stack([part[2] for part in parts], axis=2),
        nudged=mean + nudge * np.sin(5 * t)[:, None] if nudge else np.empty((0, len(series.names))),
        noise=np.full(len(series.names), NOISE),
        elbo=float(elbos[-1]),
        kl=7.3,
        elbos=elbos,
        refining=False,
        refine_step=step,
        converged=step > 0,
        milliseconds_first=13.8,
        milliseconds_refined=640.0 if step else np.nan,
        edit=edit,
    )


def make_inside(series: SeriesView, nudge: FloatArray | None = None) -> InsideView:
    nudge = np.zeros(LATENT) if nudge is None else nudge
    rng = np.random.default_rng(3)
    jumps = np.unique(series.t[series.used])[::-1]  # it runs backwards
    pieces, states, state = [], [], np.zeros(HIDDEN)
    for after, before in zip([*jumps, series.window[0]], [series.window[1], *jumps], strict=True):
        ways = np.linspace(before, after, 9)
        decay = np.exp(-1.2 * (before - ways) / (np.ptp(series.window) or 1.0))
        pieces.append(ways)
        states.append(state[:, None] * decay)
        state = np.tanh(state * decay[-1] + 0.7 * rng.standard_normal(HIDDEN))
    K = 61
    s = np.linspace(0.0, 1.5, K)
    turn = np.stack([np.cos(6 * s), np.sin(6 * s)], axis=1) * np.exp(-0.4 * s)[:, None]
    z_mean = np.concatenate([turn, 0.3 * rng.standard_normal((1, LATENT - 2)) * np.ones((K, 1))], axis=1)
    spread = 0.12 * rng.standard_normal((16, 1, LATENT)) * np.exp(0.4 * s)[:, None]
    places = np.stack(np.meshgrid(*[1.5 * (2 * (np.arange(15) + 0.5) / 15 - 1)] * 2), axis=-1)
    return InsideView(
        channel=0,
        separate=len(series.names) > 1,
        hidden_t=np.concatenate(pieces)[::-1],
        hidden=np.concatenate(states, axis=1)[:, ::-1],
        jumps=jumps[::-1],
        z_t=series.view[0] + s / 1.5 * (series.view[1] - series.view[0]),
        z_mean=z_mean,
        z_samples=z_mean + spread,
        z_nudged=z_mean + nudge if nudge.any() else np.empty((0, LATENT)),
        axes=np.eye(2, LATENT),
        origin=np.zeros(LATENT),
        plane_names=("principal 1", "principal 2"),
        view=np.array([-1.5, 1.5, -1.5, 1.5]),
        velocity=np.stack([-6 * places[..., 1] - 0.4 * places[..., 0], 6 * places[..., 0]], axis=-1),
        prior_mean=np.zeros(LATENT),
        prior_sd=np.ones(LATENT),
        posterior_mean=np.array([1.0, 0.1, -0.7, 0.4, 0.0, -0.2]),
        posterior_sd=np.array([0.12, 0.15, 0.3, 0.5, 0.95, 1.0]),
        encoded_mean=np.array([0.8, 0.3, -0.5, 0.2, 0.0, -0.1]),
        encoded_sd=np.array([0.2, 0.25, 0.4, 0.6, 0.97, 1.0]),
        nudge=nudge,
    )


def make_baseline(name: str, series: SeriesView, answer: AnswerView) -> BaselineView:
    shift = {"gp": 0.08, "rnn": -0.15}[name] * np.sin(3 * answer.t)[:, None]
    bands = answer.band50 + shift, answer.band90 + shift
    return BaselineView(
        name=name,
        t=answer.t,
        mean=answer.mean + shift,
        band50=bands[0] if name == "gp" else np.full_like(bands[0], np.nan),
        band90=bands[1] if name == "gp" else np.full_like(bands[1], np.nan),
        noise=np.full(len(series.names), 0.06 if name == "gp" else np.nan),
        edit=answer.edit,
        note="",
    )


def make_errors(names: Sequence[str] = NAMES) -> tuple[ErrorView, ...]:
    return tuple(
        ErrorView(
            name=name,
            mse_interpolation=0.004 * (1 + number),
            mse_extrapolation=0.21 * (1 + number),
            coverage_50=0.48 if name != "rnn" else np.nan,
            coverage_90=0.89 if name != "rnn" else np.nan,
        )
        for number, name in enumerate(names)
    )


def make_draws(count: int = 0) -> DrawsView:
    spread = 10 ** (-2.0 + 0.5 * np.random.default_rng(7).standard_normal((3, count)))
    return DrawsView(
        count=count,
        observations=8,
        done=1.0 if count else 0.0,
        names=NAMES,
        mse_interpolation=spread * np.array([[1.0], [1.3], [1.8]]),
        mse_extrapolation=30 * spread * np.array([[1.0], [1.2], [1.1]]),
        elbo=-4.2 if count else np.nan,
        errors=make_errors() if count else (),
        milliseconds_first=210.0 if count else np.nan,
        milliseconds_refined=9000.0 if count else np.nan,
    )


def make_model(**more: Any) -> ModelView:
    given: dict[str, Any] = {
        "spec_json": json.dumps({"latent": LATENT, "hidden": HIDDEN}),
        "calibration_json": "{}",
        "parameters": np.linspace(-1, 1, 40).astype(np.float32),
        "n_parameters": 40,
        "channels": 1,
        "latent": LATENT,
        "hidden": HIDDEN,
        "trained_on": "oscillations",
        "weights": "shipped",
        "step": 0,
        "steps": 0,
        "loss": np.nan,
        "kl_weight": np.nan,
        "test_mse_interpolation": np.nan,
        "test_mse_extrapolation": np.nan,
        "seconds_per_step": np.nan,
        "diverged": False,
        "message": "",
    }
    return ModelView(**(given | more))


def make_frame(
    points: Series = EIGHT,
    *,
    step: int = 60,
    edit: int = 0,
    baselines: Sequence[str] = (),
    errors: Sequence[str] = (),
    draws: int = 0,
    nudge: float = 0.0,
    nudge_of: int = 1,
    model: ModelView | None = None,
    **series: Any,
) -> LatentFrame:
    seen = make_series(points, **series)
    answer = make_answer(seen, step=step, edit=edit, nudge=nudge)
    moved = nudge * np.eye(LATENT)[nudge_of - 1]
    return LatentFrame(
        series=seen,
        answer=answer,
        inside=make_inside(seen, moved),
        baselines=tuple(make_baseline(name, seen, answer) for name in baselines),
        errors=make_errors(errors),
        draws=make_draws(draws),
        model=model or make_model(),
        words="It interpolates closely; beyond the window its band widens.",
    )


def make_spiral(count: int = 60, seed: int = 0) -> Series:
    """Return two channels of a spiral, observed at random times of its first half, in noise."""
    rng = np.random.default_rng(seed)
    t = np.sort(rng.uniform(0.0, 1.0, count))
    clean = spiral(t)
    return Series(t, clean + 0.05 * rng.standard_normal(clean.shape), ("x", "y"))


def spiral(t: FloatArray) -> FloatArray:
    return ((0.4 + 0.5 * t) * np.stack([np.cos(9 * t), np.sin(9 * t)])).T


def nothing(frame: LatentFrame) -> LatentFrame:
    """Return a frame before there is any answer."""
    answer = frame.answer
    C = len(frame.series.names)
    none, empty = np.empty((2, 0, C)), np.empty((0, C))
    return dataclasses.replace(
        frame,
        answer=dataclasses.replace(
            answer,
            stage="",
            t=np.empty(0),
            mean=empty,
            band50=none,
            band90=none,
            observed50=none,
            observed90=none,
            samples=np.empty((0, 0, C)),
            noise=np.full(C, np.nan),
            elbo=np.nan,
            kl=np.nan,
            elbos=np.empty(0),
            refine_step=0,
            converged=False,
            milliseconds_first=np.nan,
            milliseconds_refined=np.nan,
        ),
        words="",
    )
