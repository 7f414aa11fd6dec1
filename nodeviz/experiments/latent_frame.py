"""What the latent ODE panel shows at one moment.

Two times: ``t`` is that of the data (years, milliseconds, or what a click gave), s the model's own: s = 0 and 1 are the
ends of ``window``, t = window[0] + s (window[1] - window[0]). Arrays in a frame have times in t and values in data
units, except where a latent state is meant. n observations, C channels, M times drawn, S posterior samples, L latent
coordinates, H hidden units, R refinement steps done, K times of a latent path, V places a side of a lattice. A lattice
is given by ``view`` = x0, x1, y0, y1: entry [i, j] stands in row i (y from low to high) and column j.

What is not there yet, or was not asked for, has zero length in the axis that counts it (M = 0, R = 0 ...), and a number
that is not known is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nodeviz.experiments.base import Frame

if TYPE_CHECKING:
    from nodeviz.engine.arrays import BoolArray, FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesView:
    """The observations, and what the model may see of them.

    Attributes
    ----------
    title : of the data, as read; note : what was left out or changed, and what is to be seen, in sentences
    names : the channels, C texts; unit : of t: ``date`` where t are decimal years that were read from dates, else empty
    t : (n,) times, increasing (equal ones stay side by side); y : (n, C) values, NaN where one is missing
    used : (n,) what the model sees; held : (n,) what is held out to measure errors. Neither: thinned away
    editable : whether clicks may change it: not one of a set of series that is trained on
    window : (2,) the times of s = 0 and s = 1
    observed : (2,) first and last time used, NaN without any: outside them the curve extrapolates
    view : (4,) t0, t1, y0, y1 that a plot shows of it all; it stays the same while points are edited within it
    truth_t : (M',) times, truth : (M', C) the function without noise at them, where it is known; else M' = 0
    number, count : which one of how many series, from 0; ids : the names of all of them, or an empty tuple
    """

    title: str
    note: str
    names: tuple[str, ...]
    unit: str
    t: FloatArray
    y: FloatArray
    used: BoolArray
    held: BoolArray
    editable: bool
    window: FloatArray
    observed: FloatArray
    view: FloatArray
    truth_t: FloatArray
    truth: FloatArray
    number: int
    count: int
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerView:
    """The curve that the latent ODE gives, and how sure it is.

    Attributes
    ----------
    stage : ``first`` (encoded and decoded at once), ``refined`` (R >= 1 steps were taken on the ELBO of these
        observations), or empty before there is any
    t : (M,) times from view[0] to view[1]
    mean : (M, C) of the function; band50, band90 : (2, M, C) lower and upper edges of the function's bands
    observed50, observed90 : (2, M, C) of new observations: the noise included
    samples : (S, M, C) curves of posterior samples
    nudged : (M, C) the mean's curve with the coordinate of the parameters moved by hand; M = 0 where none is
    noise : (C,) sd of the observation noise that is taken to be there, in data units
    elbo : in nats, of the observations used; kl : the part of it that is KL(posterior | prior)
    elbos : (R + 1,) the ELBO before the first refinement step and after each
    refining : whether more steps follow; refine_step : R; converged : whether more would gain nothing
    milliseconds_first : from the edit to the first answer, computing alone; milliseconds_refined : to this one; NaN
        where it was not refined
    edit : counts the edits this run has answered, from 0: one frame at least of each, or of a later one
    """

    stage: str
    t: FloatArray
    mean: FloatArray
    band50: FloatArray
    band90: FloatArray
    observed50: FloatArray
    observed90: FloatArray
    samples: FloatArray
    nudged: FloatArray
    noise: FloatArray
    elbo: float
    kl: float
    elbos: FloatArray
    refining: bool
    refine_step: int
    converged: bool
    milliseconds_first: float
    milliseconds_refined: float
    edit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InsideView:
    """What happens inside the model, of the channel ``channel`` where each channel is a series of its own.

    Attributes
    ----------
    channel : the channel; ``separate`` : whether the model has one channel and answers each of several by itself
    hidden_t : (G,) times along the encoder's way, increasing, though it runs from late to early; the time of an
        observation stands there twice: first with the state that the observation makes, then with the one that arrives.
        G = 0 in the first answer to many observations
    hidden : (H, G) the encoder's hidden state at them
    jumps : (J,) the times of the jumps
    z_t : (K,) times of the latent paths, from window[0], where z0 is, to view[1]
    z_mean : (K, L) the path of the posterior mean; z_samples : (S', K, L) of a few of the samples
    z_nudged : (K, L) with a coordinate moved by hand; K = 0 where none is
    axes : (2, L) the plane's two directions, orthonormal; origin : (L,) the point of the plane where both coordinates
        are 0. A path is drawn at (z - origin) @ axes.T
    plane_names : what the two directions are called
    view : (4,) of the plane, about the paths within the window: beyond, they may leave it
    velocity : (V, V, 2) the vector field on it, at the plane's own points and projected
    prior_mean, prior_sd, posterior_mean, posterior_sd : (L,) of z0, each coordinate by itself
    encoded_mean, encoded_sd : (L,) of the posterior before it was refined
    nudge : (L,) what was added to z0 by hand
    """

    channel: int
    separate: bool
    hidden_t: FloatArray
    hidden: FloatArray
    jumps: FloatArray
    z_t: FloatArray
    z_mean: FloatArray
    z_samples: FloatArray
    z_nudged: FloatArray
    axes: FloatArray
    origin: FloatArray
    plane_names: tuple[str, ...]
    view: FloatArray
    velocity: FloatArray
    prior_mean: FloatArray
    prior_sd: FloatArray
    posterior_mean: FloatArray
    posterior_sd: FloatArray
    encoded_mean: FloatArray
    encoded_sd: FloatArray
    nudge: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineView:
    """What another model says of the same observations, at the answer's times.

    Attributes
    ----------
    name : ``gp`` (Gaussian process) or ``rnn`` (RNN with time differences)
    t : (M,) times; mean : (M, C); band50, band90 : (2, M, C) of the function; NaN where the model has no bands
    noise : (C,) sd of the noise it takes to be there; NaN where it says nothing of it
    edit : the edit it answers, as in `AnswerView`: an older one while a new one is under way
    note : what is worth knowing, in a sentence, or an empty text
    """

    name: str
    t: FloatArray
    mean: FloatArray
    band50: FloatArray
    band90: FloatArray
    noise: FloatArray
    edit: int
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorView:
    """Errors of one model: against the function without noise where it is known, else on the points held out.

    Attributes
    ----------
    name : ``latent``, ``gp`` or ``rnn``
    mse_interpolation, mse_extrapolation : mean square error inside the window and after it where the function is known,
        else between the observations used and beyond them
    coverage_50, coverage_90 : the share that lies within the bands (of the function where it is known, else of new
        observations) inside, or outside where there is no inside; NaN where nothing can be counted
    """

    name: str
    mse_interpolation: float
    mse_extrapolation: float
    coverage_50: float
    coverage_90: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawsView:
    """Many fresh draws of the family, answered and refined as one batch.

    Attributes
    ----------
    count : D draws, 0 where none were asked for; observations : of each; done : the share that is done, 0 to 1
    names : the models, as in `ErrorView`
    mse_interpolation, mse_extrapolation : (models, D) of each draw; D = 0 until they are known
    errors : one per model, over all draws
    elbo : mean over the draws, in nats
    milliseconds_first, milliseconds_refined : of all draws together
    """

    count: int
    observations: int
    done: float
    names: tuple[str, ...]
    mse_interpolation: FloatArray
    mse_extrapolation: FloatArray
    errors: tuple[ErrorView, ...]
    elbo: float
    milliseconds_first: float
    milliseconds_refined: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelView:
    """The model: what it is made of, where it comes from, and how its training goes. Losses come with the scalars.

    Attributes
    ----------
    spec_json : its `LatentModelSpec` as JSON; calibration_json : its `Calibration`
    parameters : (P,) float32, all weights and the prior in one row; n_parameters : P
    channels, latent, hidden : C of the model, L, H
    trained_on : what it was trained on, in words; weights : as the parameter has it
    step, steps : training steps done and in all; 0, 0 where it is not trained here
    loss, kl_weight : of the last steps; NaN before the first
    test_mse_interpolation, test_mse_extrapolation : of series that are not trained on, now; NaN before the first
    seconds_per_step : median seconds of a training step; NaN before the first
    diverged : whether a training step was not finite; the weights are then the last finite ones
    message : what went wrong and what to change, in sentences, or an empty text
    """

    spec_json: str
    calibration_json: str
    parameters: FloatArray
    n_parameters: int
    channels: int
    latent: int
    hidden: int
    trained_on: str
    weights: str
    step: int
    steps: int
    loss: float
    kl_weight: float
    test_mse_interpolation: float
    test_mse_extrapolation: float
    seconds_per_step: float
    diverged: bool
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentFrame(Frame):
    """Observations, the model's answer, and what is inside; complete in itself.

    Attributes
    ----------
    series : the observations; answer : the curve; inside : the states behind it
    baselines : one per model of the parameter ``baselines``, in its order, as soon as it is known
    errors : of the latent ODE, then of the baselines, where there is something to measure by; else an empty tuple
    draws : the evaluation on many fresh draws
    model : what answers
    words : what the numbers show, in one or two sentences; empty before there is an answer
    """

    series: SeriesView
    answer: AnswerView
    inside: InsideView
    baselines: tuple[BaselineView, ...]
    errors: tuple[ErrorView, ...]
    draws: DrawsView
    model: ModelView
    words: str
