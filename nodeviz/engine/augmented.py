"""A net as a vector field with integrals along its paths beside the state: the change of log p, and regularisers.

Along a path, d(log p)/dt = -tr(df/dy): what starts with log p(t0) at y(t0) has log p(t0) + delta_log_prob at y(t1).

References
----------
Chen et al. 2018, arXiv:1806.07366, theorem 1; Grathwohl et al. 2019 (FFJORD), arXiv:1810.01367;
Finlay et al. 2020, arXiv:2002.02798, for the two regularisers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.engine.traces import ProbeTape, TraceTape, has_closed_form, identity

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.engine.mlp import MLP


class AugmentedField:
    """The rates of (y, delta_log_prob[, Jacobian norm][, kinetic energy]): (f, -tr J[, |J|_F^2][, |f|^2]), J = df/dy.

    A trainable field (see trainable.TrainableField) of states (rows, B), so that every solver and every way to
    differentiate a solve trains likelihoods. Solved backwards in time, all integrals have the sign of dt.

    Parameters
    ----------
    net : MLP with as many outputs as inputs
    trace : "exact", or probes (D, K, B), or (D, K, 1) for the same ones in every column, for Hutchinson's estimate
    jacobian, kinetic : whether the squared Frobenius norm of J and |f|^2 are integrated too; with probes the former is
        the mean of |J v|^2, whose expectation it is

    Attributes
    ----------
    dim, rows : D, and the number of rows of a state
    jacobian_row, kinetic_row : where the regularisers are, or None; delta_log_prob is in row D
    probes : the field's own; they stay the same for a solve, and before the next one others may be written there

    Raises
    ------
    ValueError : a net that is no field, or probes of another shape
    """

    def __init__(
        self, net: MLP, trace: str | FloatArray = "exact", *, jacobian: bool = False, kinetic: bool = False
    ) -> None:
        self.net, self.parameters, self.timed, self.dtype = net, net.parameters, net.timed, net.dtype
        self.dim = d = net.widths[0]
        if net.widths[-1] != d:
            raise ValueError(f"net.widths={net.widths}: not a field; its first and last width must be equal")
        self.exact = isinstance(trace, str)
        self.probes = _probes(trace, d, net.dtype)
        self.jacobian_row = d + 1 if jacobian else None
        self.kinetic_row = d + 1 + jacobian if kinetic else None
        self.rows = d + 1 + jacobian + kinetic
        self._scratch: AugmentedTape | None = None

    @property
    def shared(self) -> bool:
        """Whether all columns have the same probes, so that columns may come and go."""
        return bool(self.probes.shape[2] == 1)

    def columns(self, part: slice) -> AugmentedField:
        """Return this field for a part of the columns."""
        if self.shared:
            return self
        jacobian, kinetic = self.jacobian_row is not None, self.kinetic_row is not None
        return AugmentedField(self.net, self.probes[:, :, part], jacobian=jacobian, kinetic=kinetic)

    def augment(self, y: npt.ArrayLike) -> FloatArray:
        """Return the state that starts at y, (D, B), with all integrals 0; (rows, B)."""
        start = np.asarray(y)
        state = np.zeros((self.rows, *start.shape[1:]), self.dtype)
        state[: self.dim] = start
        return state

    def __call__(self, t: Any, y: npt.ArrayLike) -> FloatArray:
        """Return the rates, shape of ``y``, (rows, B) or (rows,); t is a float or, in a batch, (B,)."""
        state = np.asarray(y, self.dtype)
        if state.ndim not in (1, 2) or len(state) != self.rows:
            raise ValueError(f"y has shape {state.shape}; this field wants ({self.rows},) or ({self.rows}, B)")
        out = np.empty(state.shape, self.dtype)
        self.into(t, state, out)
        return out

    def into(self, t: Any, y: FloatArray, out: FloatArray) -> None:
        """Write the rates into ``out``."""
        shape = self.rows, 1 if y.ndim == 1 else y.shape[1]
        if self._scratch is None or self._scratch.batch != shape[1]:
            self._scratch = self.tape(shape[1], 1)
        if out.dtype == self.dtype and out.flags.c_contiguous:
            self._scratch.evaluate(0, t, y.reshape(shape), out.reshape(shape))
        else:
            rates = np.empty(shape, self.dtype)
            self._scratch.evaluate(0, t, y.reshape(shape), rates)
            out[...] = rates.reshape(out.shape)

    def tape(self, batch: int, slots: int, beside: AugmentedTape | None = None) -> AugmentedTape:
        """Return room for ``slots`` evaluations and their pull-backs; tapes ``beside`` share what is pulled back.

        Raises
        ------
        ValueError : a batch of another size than that of the probes
        """
        if not self.shared and batch != self.probes.shape[2]:
            raise ValueError(
                f"batch={batch}: the probes are for {self.probes.shape[2]} columns; give (D, K, 1) for any number"
            )
        return AugmentedTape(self, batch, slots, beside)

    def inner_tape(self, batch: int, slots: int, beside: Any) -> TraceTape | ProbeTape:
        """Return a tape of y -> (f, tr J[, |J|_F^2]), the quickest there is for this net."""
        jacobian = self.jacobian_row is not None
        if self.exact and not jacobian and has_closed_form(self.net):
            return TraceTape(self.net, batch, slots, beside)
        share = 1.0 if self.exact else 1.0 / self.probes.shape[1]
        return ProbeTape(self.net, batch, slots, self.probes, share=share, jacobian=jacobian, beside=beside)


def _probes(trace: str | FloatArray, d: int, dtype: Any) -> FloatArray:
    if isinstance(trace, str):
        if trace != "exact":
            raise ValueError(f"trace={trace!r}: unknown; use 'exact', or give probes for Hutchinson's estimate")
        return identity(d, dtype)
    if trace.ndim != 3 or len(trace) != d or trace.size == 0:
        raise ValueError(f"trace: probes have shape {trace.shape}; give ({d}, K, B) or ({d}, K, 1), K 1 or more")
    return np.array(trace, dtype)


class AugmentedTape:
    """Evaluations of an augmented field in numbered slots; see trainable.Tape."""

    inner: TraceTape | ProbeTape
    cotangents: FloatArray

    def __init__(self, field: AugmentedField, batch: int, slots: int, beside: AugmentedTape | None) -> None:
        self.batch, self._dim, self._kinetic_row = batch, field.dim, field.kinetic_row
        self.inner = inner = field.inner_tape(batch, slots, None if beside is None else beside.inner)
        self._seen = inner.cotangents.shape[1]
        self.inputs = np.empty((slots, field.rows, batch), field.dtype)
        self.cotangents = np.empty_like(self.inputs) if beside is None else beside.cotangents
        self._velocities = np.empty((slots, field.dim, batch), field.dtype)
        self.nbytes = inner.nbytes + self.inputs.nbytes + self._velocities.nbytes

    def evaluate(self, slot: int, t: Any, y: FloatArray | None, out: FloatArray) -> None:
        """Write the rates at y into ``out``, both (rows, B); t is a float or (B,)."""
        d, state = self._dim, self.inputs[slot] if y is None else y
        self.inner.evaluate(slot, t, state[:d], out[: self._seen])
        np.negative(out[d], out[d])
        if self._kinetic_row is not None:
            velocity = self._velocities[slot]
            velocity[...] = out[:d]
            np.einsum("db,db->b", velocity, velocity, out=out[self._kinetic_row])

    def pull(self, slot: int, cotangent: FloatArray | None, out: FloatArray) -> None:
        """Write J^T cotangent into ``out``, both (rows, B): no rate depends on the integrals, so their rows are 0."""
        given = self.cotangents[slot] if cotangent is None else cotangent
        d, above = self._dim, self.inner.cotangents[slot]
        above[...] = given[: self._seen]
        np.negative(above[d], above[d])
        if self._kinetic_row is not None:
            above[:d] += (2.0 * given[self._kinetic_row]) * self._velocities[slot]
        self.inner.pull(slot, None, out[:d])
        out[d:] = 0.0

    def pull_time(self, slot: int) -> float:
        """Return <cotangent, df/dt> of a slot just pulled, summed over the batch."""
        return self.inner.pull_time(slot)

    def add_gradient(self, grad: FloatArray, weights: FloatArray | None = None) -> None:
        """Add the weight gradients of all slots, each times its weight, to ``grad``, (n_parameters,)."""
        self.inner.add_gradient(grad, weights)


class BlendedField:
    """The rates of (y, delta_log_prob) for f(t, y) = a(t) y + b(t) net(t, y): the probability flow of a score, say.

    Parameters
    ----------
    field : an augmented field without regularisers
    blend : t -> (a, b); t is a float or (B,), and a and b likewise
    """

    def __init__(self, field: AugmentedField, blend: Callable[[Any], tuple[Any, Any]]) -> None:
        if field.rows != field.dim + 1:
            raise ValueError(f"field: has {field.rows} rows; a blended one has no regularisers, leave them out")
        self._field, self._blend = field, blend
        self.dim, self.rows, self.dtype, self.shared = field.dim, field.rows, field.dtype, field.shared
        self.augment = field.augment

    def columns(self, part: slice) -> BlendedField:
        """Return this field for a part of the columns."""
        return self if self.shared else BlendedField(self._field.columns(part), self._blend)

    def __call__(self, t: Any, y: npt.ArrayLike) -> FloatArray:
        """Return the rates, shape of ``y``, (D + 1, B) or (D + 1,); t is a float or, in a batch, (B,)."""
        state = np.asarray(y, self.dtype)
        return self._mix(t, state, self._field(t, state))

    def into(self, t: Any, y: FloatArray, out: FloatArray) -> None:
        """Write the rates into ``out``."""
        self._field.into(t, y, out)
        self._mix(t, y, out)

    def _mix(self, t: Any, y: FloatArray, rates: FloatArray) -> FloatArray:
        d, (a, b) = self.dim, self._blend(t)
        rates *= b
        rates[:d] += a * y[:d]
        rates[d] -= d * a
        return rates
