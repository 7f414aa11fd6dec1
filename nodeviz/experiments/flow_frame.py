"""What the flow panel shows at one moment.

Time runs from 0 (the source) to 1 (the target) for every method; a diffusion's own time is 1 - t. K times ``t``, evenly
from 0 to 1; N points that flow, P points of the target, R cells a side of the density's lattice, V places a side of the
velocity's. Points are rows, log-densities in nats. A lattice is given by ``view`` = x0, x1, y0, y1: entry [i, j] stands
in row i (y from low to high) and column j (x from low to high).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nodeviz.experiments.base import Frame

if TYPE_CHECKING:
    from nodeviz.engine.arrays import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetView:
    """Source and target, the same for both flows.

    Attributes
    ----------
    name : of the target, as the parameter has it, or ``points`` where points are given; title : as read
    source : its name
    points : (P, 2) fresh points of the target that are drawn, 2,000 of them
    given : (M, 2) what a brush starts from: the points given, or of the file, in units of the plane; else (0, 2)
    centre, scale : (2,) data = centre + scale * plane; 0 and 1 where nothing was scaled
    view : (4,) x0, x1, y0, y1 of the plane shown, the same at every time
    entropy_bound : the mean log-likelihood that no model exceeds, in nats; NaN where it is not known
    note : what is to be seen, and what was left out or changed, in sentences
    """

    name: str
    title: str
    source: str
    points: FloatArray
    given: FloatArray
    centre: FloatArray
    scale: FloatArray
    view: FloatArray
    entropy_bound: float
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowView:
    """One flow: its weights, what it does to the plane, and how well.

    All down to ``sample_nfe`` is of the weights in ``parameters``. While it trains N is smaller (its points are the
    first of the 2,000), and the densities are those of ``density_step``, that of the cursor's time alone. Measures that
    take long, from ``mean_log_prob`` to ``tolerance_error``, are made when training rests: until then they are NaN, or
    of zero length, and while it goes on those of ``measured_step``. The log-likelihood that follows the training comes
    with the scalars.

    Attributes
    ----------
    name : its method: likelihood, flow-matching, ot-flow-matching or diffusion; spec_json : its `FlowSpec` as JSON
    parameters : (n,) float32, all weights in one row; n_parameters : n
    step, steps : its own training steps, done and in all; with two flows the cheaper one takes more of them
    samples : (K, N, 2) points from the source at each time; samples[k, n] is the n-th point at t[k]. With the sampler
        ``sde`` the points of a diffusion leave its ODE: they begin at the source too, and end at the target
    grid : (K, G, G, 2) an even grid over ``view`` at t = 0, as it is deformed; grid[0] is the grid itself
    velocity : (K, V, V, 2) the field at an even lattice of cell centres of ``view``
    sample_method, sample_steps : the solver of samples and grid and its steps (0: it chooses them, by
        ``sample_rtol``); sample_nfe : evaluations of the field from 0 to 1 with that solver
    density : (K, R, R) log p_t at the centres of R x R cells of ``view``, by the reverse solve, whatever the sampler:
        by ``sample_method``, or by bosh3 at 3e-3 where that is the trained one, since it is quicker; NaN where it is
        not known (yet). The first time has the source's own density
    density_known : (K,) whether the density at t[k] is there
    density_mass : (K,) the sum of p times the cell's area; NaN where the density is not known
    density_lost : (K,) share of the cells whose reverse solve did not arrive; 0 where all is well
    density_step : training step of the densities; -1: none yet
    mean_log_prob : over held-out points, by the exact trace; log_prob_error : its standard error
    mass : of the density at t = 1 within ``view``, on a finer lattice; 1 where nothing is lost and nothing leaves it;
        lost : share of its cells whose reverse solve did not arrive
    inversion_error : RMS distance, in units of the plane, of held-out points brought to t = 0 and back
    nfe : evaluations of dopri5 at rtol = atol = 1e-5 from the source to the target
    path_energy : normalised: |E int |v|^2 dt - W2^2(source, target)| / W2^2(source, target) (Tong et al. 2023)
    wasserstein2 : distance of samples from fresh points; wasserstein2_floor : of two fresh sets of points
    tolerance_rtol, tolerance_nfe, tolerance_error : (Q,) of dopri5: tolerance, evaluations, RMS distance of its samples
        from an exact solution's
    seconds_per_step : median seconds of a training step, NaN before the first; train_seconds : all of them together
    diverged : whether a training step was not finite; the weights are then the last finite ones
    message : what went wrong or is peculiar and what to change, in sentences, or an empty text
    measured_step : training step of the measures; -1: not measured yet
    """

    name: str
    spec_json: str
    parameters: FloatArray
    n_parameters: int
    step: int
    steps: int
    samples: FloatArray
    grid: FloatArray
    velocity: FloatArray
    sample_method: str
    sample_steps: int
    sample_rtol: float
    sample_nfe: int
    density: FloatArray
    density_known: BoolArray
    density_mass: FloatArray
    density_lost: FloatArray
    density_step: int
    mean_log_prob: float
    log_prob_error: float
    mass: float
    lost: float
    inversion_error: float
    nfe: float
    path_energy: float
    wasserstein2: float
    wasserstein2_floor: float
    tolerance_rtol: FloatArray
    tolerance_nfe: IntArray
    tolerance_error: FloatArray
    seconds_per_step: float
    train_seconds: float
    diverged: bool
    message: str
    measured_step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DensityView:
    """One density of one flow, as `DensityAnswer` has it.

    Attributes
    ----------
    name : the flow's method
    log_prob : (R, R) log p_t at the cell centres of ``view``; NaN where the reverse solve did not arrive
    mass : the sum of p times the cell's area; lost : share of the cells that did not arrive
    """

    name: str
    log_prob: FloatArray
    mass: float
    lost: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DensityAnswer:
    """The answer to a request of kind ``density`` with the payload (t, resolution).

    Its time is also the cursor's: the densities of the frames are filled from there, and while a run trains it is the
    time whose density the frames have.

    Attributes
    ----------
    t : as asked for, within 0 and 1; resolution : R; step : training step of the first flow
    flows : one per flow, in the frame's order
    """

    t: float
    resolution: int
    step: int
    flows: tuple[DensityView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowPath:
    """The path of one point under one flow.

    Attributes
    ----------
    name : the flow's method
    t : (S,) times from 0 to 1; path : (S, 2); log_prob : (S,) log p_t along it; NaN where the solver did not get
    speed : (S,) length of the velocity; a straight path at even speed has the same everywhere
    """

    name: str
    t: FloatArray
    path: FloatArray
    log_prob: FloatArray
    speed: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class PathView:
    """The answer to a request of kind ``path`` with the payload (x, y, t), and a part of every frame.

    Without t it is the cursor's.

    Attributes
    ----------
    point : (2,) a place of the plane; t : the time at which the paths pass there. NaN: none asked for yet
    flows : one per flow, in the frame's order; of zero length (S = 0) before the first was asked for
    """

    point: FloatArray
    t: float
    flows: tuple[FlowPath, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowTrace:
    """The exact trace of df/dy against Hutchinson's estimates of it, for one flow at one time.

    Attributes
    ----------
    name : the flow's method
    exact : mean trace over points of the flow at that time
    rademacher_mean, rademacher_std : (J,) mean of the estimates with that many probes, and their standard deviation
        about the exact trace of the same point
    gaussian_mean, gaussian_std : (J,) the same with Gaussian probes
    rademacher_theory, gaussian_theory : (J,) the standard deviations that follow from the Jacobians
    log_prob_rademacher, log_prob_gaussian : (J,) RMS error that the estimate makes in log p at t = 1, with probes
        drawn once per solve
    """

    name: str
    exact: float
    rademacher_mean: FloatArray
    rademacher_std: FloatArray
    rademacher_theory: FloatArray
    gaussian_mean: FloatArray
    gaussian_std: FloatArray
    gaussian_theory: FloatArray
    log_prob_rademacher: FloatArray
    log_prob_gaussian: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceView:
    """The answer to a request of kind ``trace`` with the payload t, and a part of every frame.

    Attributes
    ----------
    t : the time; NaN: not made yet
    probes : (J,) numbers of probes
    flows : one per flow, in the frame's order; of zero length (J = 0) while it trains and no plot shows them
    """

    t: float
    probes: IntArray
    flows: tuple[FlowTrace, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowFrame(Frame):
    """One flow, or two side by side, complete in itself.

    Attributes
    ----------
    step, steps : training steps of the first flow, done and in all
    t : (K,) times, evenly from 0 to 1
    target : source and target
    flows : 1 or 2: that of ``method``, and that of ``compare`` unless it is none
    path, trace : what was asked for last
    words : what the numbers show, in one or two sentences; empty before they are measured
    """

    step: int
    steps: int
    t: FloatArray
    target: TargetView
    flows: tuple[FlowView, ...]
    path: PathView
    trace: TraceView
    words: str
