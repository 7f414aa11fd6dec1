"""What a vector field must offer so that a solve through it can be differentiated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray


class Tape(Protocol):
    """Evaluations of a field, each in a numbered slot with all that its vector-Jacobian product needs.

    A slot is evaluated, then pulled; ``add_gradient`` comes when every slot has been pulled, and before any is pulled
    again.

    Attributes
    ----------
    inputs : (slots, D, B); an argument already written there is named None, which saves a copy
    cotangents : (slots, D, B), C-contiguous; likewise for the cotangents that are pulled back
    nbytes : memory that the evaluations take
    """

    inputs: FloatArray
    cotangents: FloatArray
    nbytes: int

    def evaluate(self, slot: int, t: Any, y: FloatArray | None, out: FloatArray) -> None:
        """Write f(t, y), (D, B), into ``out``, which is C-contiguous; y=None is ``inputs[slot]``."""
        ...

    def pull(self, slot: int, cotangent: FloatArray | None, out: FloatArray) -> None:
        """Write J^T cotangent into ``out``, both (D, B), C-contiguous; J = df/dy where the slot was evaluated.

        cotangent=None is ``cotangents[slot]``, where it is kept.
        """
        ...

    def pull_time(self, slot: int) -> float:
        """Return <cotangent, df/dt> for the slot just pulled, summed over the batch."""
        ...

    def add_gradient(self, grad: FloatArray, weights: FloatArray | None = None) -> None:
        """Add sum over the slots of weight <cotangent, df/dparameters> to ``grad``, (n_parameters,).

        ``weights`` is (slots,), in the dtype of the field; 1 each by default.
        """
        ...


class TrainableField(Protocol):
    """A vector field with parameters, all in one flat vector.

    Attributes
    ----------
    parameters : (n_parameters,); whoever trains changes it in place, but not between an evaluation and its pull
    timed : whether f depends on t
    """

    parameters: FloatArray
    timed: bool

    def __call__(self, t: Any, y: Any, /) -> Any:
        """Return dy/dt, shape of ``y``."""
        ...

    def tape(self, batch: int, slots: int, beside: Any = None) -> Tape:
        """Return a tape for states of shape (D, batch).

        ``beside`` is another tape of this field and size: the two may share the memory of what is pulled back, so that
        one of them must be done with before the other is pulled.
        """
        ...
