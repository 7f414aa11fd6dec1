"""The way through the blocks of a ResNet and back, exact, over arrays that are bound once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray
    from nodeviz.models.depth import DepthClassifier


class ResidualPass:
    """h_{l+1} = h_l + s f_l(h_l) through all blocks of a model, and the gradient of what follows.

    Parameters
    ----------
    model : a resnet, whose parameters may be changed between a pass forward and the next
    batch : number of columns
    """

    def __init__(self, model: DepthClassifier, batch: int) -> None:
        spec = model.spec
        self._scale = np.array(spec.residual_scale, model.dtype)
        self._dt, self._blocks = spec.block_dt, spec.blocks
        # One tape with a slot per block where they share their weights, otherwise one of a single slot for each.
        slots = spec.blocks if len(model.nets) == 1 else 1
        self._tapes = [net.tape(batch, slots) for net in model.nets]
        places = [(tape, slot) for tape in self._tapes for slot in range(slots)]
        self._steps = [(tape, slot, tape.inputs[slot], tape.cotangents[slot]) for tape, slot in places]
        self._spans = [slice(i * spec.n_net_parameters, (i + 1) * spec.n_net_parameters) for i in range(spec.n_nets)]
        shape = (spec.dim, batch)
        self._y1, self._out, self._cotangent = (np.empty(shape, model.dtype) for _ in range(3))

    def forward(self, y0: FloatArray) -> FloatArray:
        """Return the state (D, B) behind the last block, in memory of its own that the next call overwrites."""
        states = [inputs for _, _, inputs, _ in self._steps]
        states[0][...] = y0
        for index, (tape, slot, state, _) in enumerate(self._steps):
            after = states[index + 1] if index + 1 < self._blocks else self._y1
            tape.evaluate(slot, index * self._dt, None, self._out)
            np.multiply(self._out, self._scale, self._out)
            np.add(state, self._out, after)
        return self._y1

    def backward(self, cotangent: FloatArray, grad: FloatArray) -> FloatArray:
        """Return the cotangent (D, B) of y0 for that of y1, and add that of the weights to ``grad``.

        ``grad`` has the parameters of all nets, one after the other. The answer is overwritten by the next call.
        """
        back = self._cotangent
        back[...] = cotangent
        for tape, slot, _, above in reversed(self._steps):
            np.multiply(back, self._scale, above)
            tape.pull(slot, None, self._out)
            np.add(back, self._out, back)
        for tape, span in zip(self._tapes, self._spans, strict=True):
            tape.add_gradient(grad[span])
        return back
