"""Classifiers of points of the plane whose depth is time: a network of blocks, or an ODE that a solver solves."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from nodeviz.engine.integrate import solve_steps
from nodeviz.engine.mlp import MLP
from nodeviz.models.spec import PLANE, ModelSpec

if TYPE_CHECKING:
    from collections.abc import Generator

    import numpy.typing as npt

    from nodeviz.engine.arrays import FloatArray, IntArray
    from nodeviz.engine.solution import Solution

_WORK = 2_000_000  # products of one evaluation for which a step of any method still takes a few milliseconds
_MOST, _LEAST = 4096, 16  # columns of one piece
MAX_STEPS = 2000  # that an adaptive solver may attempt: a field that needs more has gone wild in training
READOUT_SCALES = (10.0, 3.0, 1.0)
"""How many times larger than 1 / sqrt(fan_in) a readout begins: for two classes, for more, and for squared errors.

With a large readout a small step in the state decides between two classes, so that the flow need not tear the plane
apart: from 1 to 10, the largest stretch of disc and annulus falls to a tenth, the evaluations by a third, and spirals
are learned more reliably. Several outputs at once bear less of it; squared errors want outputs near +1 and -1.
"""


class DepthClassifier:
    """A model with its weights: X (N, 2) -> states over depth (K, N, D) -> logits (N, O) -> labels (N,).

    Parameters
    ----------
    spec : what it is made of
    dtype : float32 or float64
    parameters : (n_parameters,) memory to use; by default its own, zeros

    Attributes
    ----------
    parameters : one flat vector, the networks one after the other, then the readout; change it in place
    nets : the networks f: one per block of a resnet without shared weights, otherwise one
    readout : the affine layer from the state, or its first two components, to the outputs
    """

    def __init__(
        self, spec: ModelSpec, *, dtype: npt.DTypeLike = np.float32, parameters: FloatArray | None = None
    ) -> None:
        self.spec, self.dtype = spec, np.dtype(dtype)
        self.parameters = np.zeros(spec.n_parameters, self.dtype) if parameters is None else parameters
        if self.parameters.shape != (spec.n_parameters,):
            raise ValueError(f"parameters has shape {self.parameters.shape}; the model needs ({spec.n_parameters},)")
        size, vector = spec.n_net_parameters, self.parameters
        self.nets: tuple[MLP, ...] = tuple(
            MLP(spec.widths, spec.activation, timed=spec.net_timed, dtype=dtype, parameters=vector[i : i + size])
            for i in range(0, spec.n_nets * size, size)
        )
        tail = self.parameters[spec.n_nets * size :]
        self.readout = MLP((spec.seen, spec.outputs), dtype=dtype, parameters=tail)

    @classmethod
    def init(
        cls, spec: ModelSpec, rng: np.random.Generator, dtype: npt.DTypeLike = np.float32, *, loss: str = "bce"
    ) -> Self:
        """Return a model with weights from N(0, 1/fan_in), no biases, and a readout as large as the loss wants it."""
        model = cls(spec, dtype=dtype)
        for net in (*model.nets, model.readout):
            for layer in net.layers:
                layer.weight[:] = rng.standard_normal(layer.weight.shape) / sqrt(layer.weight.shape[1])
        two, more, squares = READOUT_SCALES
        model.readout.layers[0].weight[:] *= squares if loss == "mse" else two if spec.outputs == 1 else more
        return model

    @property
    def field(self) -> MLP:
        """The vector field of an ODE; that of the first block of a ResNet."""
        return self.nets[0]

    @property
    def chunk(self) -> int:
        """Number of points to carry through at once, so that no step takes more than a few milliseconds."""
        return max(_LEAST, min(_MOST, _WORK // self.spec.n_net_parameters))

    def astype(self, dtype: npt.DTypeLike) -> DepthClassifier:
        """Return a copy that computes in another dtype, or the same."""
        return DepthClassifier(self.spec, dtype=dtype, parameters=self.parameters.astype(dtype))

    def lift(self, X: npt.ArrayLike) -> FloatArray:
        """Return the states (N, D) at the start for points (N, 2): further dimensions begin at 0."""
        points = np.asarray(X, self.dtype)
        states = np.zeros((len(points), self.spec.dim), self.dtype)
        states[:, :PLANE] = points
        return states

    def block(self, index: int, states: FloatArray) -> FloatArray:
        """Return what one block of a ResNet makes of states (N, D)."""
        net = self.nets[index if len(self.nets) > 1 else 0]
        return states + self.spec.residual_scale * net(index * self.spec.block_dt, states.T).T

    def paths_steps(
        self,
        X: npt.ArrayLike,
        ts: npt.ArrayLike,
        *,
        method: str = "rk4",
        n_steps: int | None = None,
        rtol: float = 1e-3,
    ) -> Generator[None, None, FloatArray]:
        """Return the states (K, N, D) of points (N, 2) over depth; the generator yields while it works.

        Parameters
        ----------
        ts : (K,) depths from 0 on, of an ODE. A ResNet has states before and after each block only, at ``spec.ticks``
        method, n_steps, rtol : as for `solve`, with atol = rtol where the steps are adaptive; unused by a ResNet

        Returns
        -------
        (K, N, D) array of the model's dtype, NaN from where the solver did not get
        """
        return self.flow_steps(self.lift(X), ts, method=method, n_steps=n_steps, rtol=rtol)

    def flow_steps(
        self,
        states: npt.ArrayLike,
        ts: npt.ArrayLike,
        *,
        method: str = "rk4",
        n_steps: int | None = None,
        rtol: float = 1e-3,
    ) -> Generator[None, None, FloatArray]:
        """Return the states (K, N, D) that follow from states (N, D) at ts[0]; backwards in depth if ts falls.

        Parameters and answer are those of `paths_steps`.
        """
        return (yield from self.flow_and_count_steps(states, ts, method=method, n_steps=n_steps, rtol=rtol))[0]

    def flow_and_count_steps(
        self,
        states: npt.ArrayLike,
        ts: npt.ArrayLike,
        *,
        method: str = "rk4",
        n_steps: int | None = None,
        rtol: float = 1e-3,
    ) -> Generator[None, None, tuple[FloatArray, int]]:
        """Return the states as `flow_steps`, and the evaluations of the field that this took; the blocks of a ResNet.

        Points that take the same steps are evaluated together; of several such pieces the one that needed most counts.
        """
        nfe = self.spec.blocks if self.spec.discrete else 0
        start, times = np.asarray(states, self.dtype), np.asarray(ts, np.float64)
        n_times = self.spec.blocks + 1 if self.spec.discrete else len(times)
        flowed = np.full((n_times, *start.shape), np.nan, self.dtype)
        for begin in range(0, len(start), self.chunk):
            piece = slice(begin, begin + self.chunk)
            finite = np.isfinite(start[piece]).all(axis=1)
            if not finite.any():
                continue
            if self.spec.discrete:
                yield from self._through_blocks(start[piece], flowed[:, piece])
                continue
            solution = yield from self.solve_steps(
                start[piece][finite], times, method=method, n_steps=n_steps, rtol=rtol
            )
            _write(solution, times, finite, flowed[:, piece])
            nfe = max(nfe, int(solution.nfe))
            yield  # a short solve does not pause by itself
        return flowed, nfe

    def _through_blocks(self, start: FloatArray, out: FloatArray) -> Generator[None, None, None]:
        out[0] = start
        with np.errstate(all="ignore"):
            for i in range(self.spec.blocks):
                out[i + 1] = self.block(i, out[i])
                yield

    def solve_steps(
        self,
        states: FloatArray,
        ts: npt.ArrayLike,
        *,
        method: str,
        n_steps: int | None = None,
        rtol: float = 1e-3,
        per_sample: bool = False,
    ) -> Generator[None, None, Solution]:
        """Solve an ODE from states (N, D), all at once, with ``n_steps`` or at rtol = atol, as for `solve`."""
        y0 = np.ascontiguousarray(np.asarray(states).T)
        how: dict[str, Any] = {"n_steps": n_steps} if n_steps is not None else {"rtol": rtol, "atol": rtol}
        if n_steps is None:
            how |= {"max_steps": MAX_STEPS, "per_sample": per_sample}
        return (yield from solve_steps(self.field, y0, ts, method=method, **how))

    def logits_of(self, states: npt.ArrayLike) -> FloatArray:
        """Return the outputs (..., O) of the readout for states (..., D); NaN where a state is not finite."""
        seen = np.asarray(states, self.dtype)[..., : self.spec.seen]
        layer = self.readout.layers[0]
        with np.errstate(all="ignore"):
            return np.asarray(seen @ layer.weight.T + layer.bias)

    def labels_of(self, logits: FloatArray) -> IntArray:
        """Return the class that outputs (..., O) speak for, (...,); -1 where they are not finite."""
        labels = (logits[..., 0] > 0).astype(np.int64) if self.spec.outputs == 1 else np.argmax(logits, axis=-1)
        labels[~np.isfinite(logits).all(axis=-1)] = -1
        return labels

    def probabilities_of(self, logits: FloatArray) -> FloatArray:
        """Return the share of belief in each class, (..., C), for outputs (..., O): their softmax."""
        both = np.concatenate([np.zeros_like(logits), logits], axis=-1) if self.spec.outputs == 1 else logits
        with np.errstate(all="ignore"):
            odds = np.exp(both - both.max(axis=-1, keepdims=True))
            return np.asarray(odds / odds.sum(axis=-1, keepdims=True))

    def logits_steps(
        self, X: npt.ArrayLike, *, method: str = "rk4", n_steps: int | None = None, rtol: float = 1e-3
    ) -> Generator[None, None, FloatArray]:
        """Return the outputs (N, O) at the end of depth for any number of points (N, 2), a piece at a time."""
        points, ends = np.asarray(X), np.array([0.0, self.spec.t1])
        logits = np.empty((len(points), self.spec.outputs), self.dtype)
        for begin in range(0, len(points), self.chunk):
            piece = slice(begin, begin + self.chunk)
            states = yield from self.paths_steps(points[piece], ends, method=method, n_steps=n_steps, rtol=rtol)
            logits[piece] = self.logits_of(states[-1])
        return logits

    def predict_steps(
        self, X: npt.ArrayLike, *, method: str = "rk4", n_steps: int | None = None, rtol: float = 1e-3
    ) -> Generator[None, None, IntArray]:
        """Return the predicted classes (N,) of points (N, 2), -1 where the solver failed."""
        return self.labels_of((yield from self.logits_steps(X, method=method, n_steps=n_steps, rtol=rtol)))

    def jacobian(self, t: float, states: npt.ArrayLike) -> FloatArray:
        """Return df/dh, (N, D, D), at states (N, D) and depth t, where dh/dt = f.

        For a ResNet f is the residual of the block that begins at t or before, per unit of depth, so that
        I + ``spec.block_dt`` J is the Jacobian of the block.
        """
        points, spec = np.asarray(states, self.dtype).T, self.spec
        if not spec.discrete:
            return np.moveaxis(self.field.jacobian(t, points), -1, 0)
        index = min(spec.blocks - 1, int(t / spec.block_dt + 1e-9))
        net, scale = self.nets[index if len(self.nets) > 1 else 0], spec.residual_scale / spec.block_dt
        return np.moveaxis(scale * net.jacobian(index * spec.block_dt, points), -1, 0)


def _write(solution: Solution, ts: FloatArray, columns: npt.NDArray[np.bool_], out: FloatArray) -> None:
    """Write what was solved of some columns into out (K, n, D), which is NaN elsewhere."""
    # A solve that ended early reports its last accepted time besides those that were asked for.
    n = min(len(ts), len(solution.ts))
    reached = int(np.count_nonzero(solution.ts[:n] == ts[:n]))
    out[:reached, columns] = np.swapaxes(solution.ys[:reached], 1, 2)
