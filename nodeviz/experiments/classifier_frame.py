"""What the classifier shows at one moment.

N points shown, M points given, C classes, K depths with t[0] = 0 and t[-1] = t1, D = 2 + p dimensions of a state (p
extra ones in an augmented model, else 0), O outputs of a readout (1 for two classes, else C). Points are rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nodeviz.experiments.base import Frame

if TYPE_CHECKING:
    from nodeviz.engine.arrays import ComplexArray, FloatArray, IntArray

TextArray = npt.NDArray[np.str_]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataView:
    """The points, the same for all models.

    Attributes
    ----------
    points : (N, 2) training points that are drawn, at most 400; labels : (N,) their classes, 0 to C-1
    given : (M, 2), given_labels : (M,) what a brush starts from: all given points where points or a file are given,
        otherwise the training points of the data set
    given_held_out : (M,) whether a given point is held out for the test
    n_train, n_test : points trained on, and held out
    classes : C; names : (C,) what the classes are called
    view : (4,) x0, x1, y0, y1 of the input plane, for the grid, the regions and the NFE map
    painted : whether the points are set, painted or read from a file rather than drawn from a data set
    note : what was left out of the data, in a sentence, or an empty text
    """

    points: FloatArray
    labels: IntArray
    given: FloatArray
    given_labels: IntArray
    given_held_out: npt.NDArray[np.bool_]
    n_train: int
    n_test: int
    classes: int
    names: TextArray
    view: FloatArray
    painted: bool
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelView:
    """One model: its weights, what it does to the points, and how well.

    All down to ``first_two_accuracy`` is of the frame's own step. Measures that take long, from ``train_accuracy`` to
    ``solver_accuracy``, are made when training rests, one after the other: until then they are NaN, or of zero length,
    and while it goes on they are those of ``measured_step``, as long as the data are the same.

    Attributes
    ----------
    name : resnet, node or anode; spec_json : its `ModelSpec` as JSON; parameters : (n,) float32, all weights in one row
    n_parameters : n; augment : p; discrete : whether its depths are blocks (K = blocks + 1) rather than times
    t : (K,) depths, every second one while somebody watches it train; states : (K, N, D) the points shown at each depth
    grid : (K, G, G, D) the grid of the input plane at each depth; grid[k, i, j] started at row i (y from low to high)
        and column j (x from low to high) of an even grid over ``view``
    readout_weights : (O, D), zero in dimensions that the readout does not see; readout_bias : (O,)
        logits = states @ readout_weights.T + readout_bias; with O = 1 class 1 where the logit is above 0
    regions : (R, R) over ``view``, row 0 at the lowest y, column 0 at the lowest x: the whole part is the predicted
        class, the fraction how sure it is, 0 at a tie and 0.999 where it is certain; (0, 0) while it trains and the
        planes do not show them
    axes : (D, 3) the principal axes of all states over depth as orthonormal columns; the third is zero where D = 2
    centre : (D,) the mean that the axes start from
    depth_method, depth_steps : the solver of ``states`` and its steps (0: it chooses them, by ``depth_rtol``)
    depth_nfe : evaluations of the field that the solve of ``states`` and ``grid`` took (blocks for a ResNet)
    probe_t : (J,) depths; probe_accuracy : (J,) share of the training points that a linear probe, fitted at that depth,
        gets right; while it trains of the points shown, at every second depth
    first_two_accuracy : the same at t1 from the first two dimensions alone; equal to the last one where D = 2
    train_accuracy, test_accuracy : shares of points classified right; test is NaN where none are held out
    loss : over the training points
    nfe : evaluations of dopri5 at rtol = atol = 1e-3, all training points (2,000 at most) in the same steps; blocks for
        a ResNet
    dense_error : share of 100,000 fresh points classified wrong; NaN for given points, of which there are no fresh ones
    max_stretch : largest ratio of a grid edge at t1 to its length at 0
    nfe_map : (R2, R2) over ``view`` as ``regions``, evaluations where every sample has its own step size; zero length
        for a ResNet; nfe_points : (N,) the same for the points shown
    solver_steps : (Q,) numbers of steps; solver_accuracy : (Q,) accuracy on the training points with as many steps
    seconds_per_step : median seconds of a training step; NaN before the first
    diverged : whether a training step was not finite; the weights are then the last finite ones
    message : what went wrong and what to change, in a sentence, or an empty text
    measured_step : training step of the measures; -1: not measured yet
    """

    name: str
    spec_json: str
    parameters: FloatArray
    n_parameters: int
    augment: int
    discrete: bool
    t: FloatArray
    states: FloatArray
    grid: FloatArray
    readout_weights: FloatArray
    readout_bias: FloatArray
    regions: FloatArray
    axes: FloatArray
    centre: FloatArray
    depth_method: str
    depth_steps: int
    depth_rtol: float
    depth_nfe: int
    probe_t: FloatArray
    probe_accuracy: FloatArray
    first_two_accuracy: float
    train_accuracy: float
    test_accuracy: float
    loss: float
    nfe: float
    dense_error: float
    max_stretch: float
    nfe_map: FloatArray
    nfe_points: FloatArray
    solver_steps: IntArray
    solver_accuracy: FloatArray
    seconds_per_step: float
    diverged: bool
    message: str
    measured_step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelStability:
    """How one model treats the neighbours of one point along depth (corrections.md, row 20).

    Attributes
    ----------
    name : resnet, node or anode
    t : (S,) depths; path : (S, D) the point itself
    eigenvalues : (S, D) of the Jacobian df/dh there; for a ResNet f is its residual per unit of depth
    abscissa : (S,) largest real part of them
    symmetric : (S,) largest eigenvalue of the symmetric part of the Jacobian
    flow_radius : (S,) spectral radius of the flow map's Jacobian dh(t)/dh(0); 1 at t = 0
    """

    name: str
    t: FloatArray
    path: FloatArray
    eigenvalues: ComplexArray
    abscissa: FloatArray
    symmetric: FloatArray
    flow_radius: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class StabilityView:
    """The answer to a request of kind ``stability`` with the payload (x, y), and a part of every frame.

    Attributes
    ----------
    point : (2,) where in the input plane: where it was asked for last, at first the first point shown
    models : one per model, in the frame's order; of zero length (S = 0) while it trains and no plot shows them
    """

    point: FloatArray
    models: tuple[ModelStability, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifierFrame(Frame):
    """Models side by side, complete in itself.

    Attributes
    ----------
    step : training steps done; steps : how many there will be
    t1 : the depth of the continuous models, and of the axis that all share
    models : 1 to 3, in the order of the parameter ``models``
    """

    step: int
    steps: int
    t1: float
    data: DataView
    models: tuple[ModelView, ...]
    stability: StabilityView
