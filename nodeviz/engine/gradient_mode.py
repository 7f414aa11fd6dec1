"""What every way to differentiate a solve has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from nodeviz.engine.taped import TapedSteps

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray
    from nodeviz.engine.grids import Nodes
    from nodeviz.engine.tableau import ButcherTableau
    from nodeviz.engine.trainable import TrainableField


class GradientMode(ABC):
    """A solve over given nodes and its way back; states are flat, (n,).

    Attributes
    ----------
    nfe, nfe_backward : evaluations of the field in the last forward and in the last backward solve
    rebuilt : the state at t0 as the way back found it, for modes that solve backwards; else None
    """

    def __init__(self, tableau: ButcherTableau, field: TrainableField, batch: int) -> None:
        self.tableau, self.field, self.batch = tableau, field, batch
        self.nfe = self.nfe_backward = 0
        self.rebuilt: FloatArray | None = None
        self.steps = TapedSteps(tableau, field, batch)
        self.shape = self.steps.shape

    def forward(self, y0: FloatArray, nodes: Nodes, ys: FloatArray) -> None:
        """Solve from y0, (n,), through the nodes; write the states wanted into ys, (K, n)."""
        self.nfe = self.nfe_backward = 0
        self._nodes, self._ys = nodes, ys
        self._solve(y0)

    def backward(self, cotangents: FloatArray, grad: FloatArray) -> tuple[FloatArray, list[float]]:
        """Pull back the cotangents of the states wanted, (K, n).

        Adds to ``grad``, (n_parameters,), and returns the cotangent of y0, (n,), and the derivatives by all nodes.
        """
        self.nfe_backward = 0
        self._cotangents = cotangents
        self._by_node = [0.0] * len(self._nodes.times)
        return self._pull(grad), self._by_node

    @abstractmethod
    def _solve(self, y0: FloatArray) -> None:
        """Solve forwards, and report every node."""

    @abstractmethod
    def _pull(self, grad: FloatArray) -> FloatArray:
        """Go back over the nodes; return the cotangent of y0."""

    def _report(self, node: int, y: FloatArray) -> None:
        """Keep the state at a node where it is wanted."""
        place = self._nodes.places.get(node)
        if place is not None:
            self._ys[place] = y

    def _receive(self, node: int) -> FloatArray | None:
        """Return the cotangent that enters at a node, (n,), if one does."""
        place = self._nodes.places.get(node)
        return None if place is None else self._cotangents[place]
