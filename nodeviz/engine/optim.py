"""Optimisers over one flat vector of parameters, schedules of the learning rate, and clipping of the gradient."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi, sqrt
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nodeviz.engine.arrays import FloatArray


class Optimizer(Protocol):
    """Takes steps downhill; ``weight_decay`` may be changed between steps."""

    weight_decay: float

    def step(self, parameters: FloatArray, grad: FloatArray, lr: float) -> None:
        """Change ``parameters`` (n,) in place by ``grad`` (n,), which stays as it is, at learning rate ``lr``."""
        ...


class Adam:
    """Adam over a flat vector, with the decoupled weight decay of AdamW.

    Parameters
    ----------
    n_parameters, dtype : of the vector
    beta1, beta2 : decay per step of the means of the gradient and of its square
    eps : floor of the root of the latter, in units of the gradient
    weight_decay : part of the parameters, times lr, taken off per step

    References
    ----------
    Kingma, Ba 2015, arXiv:1412.6980, algorithm 1; Loshchilov, Hutter 2019, arXiv:1711.05101, algorithm 2.
    """

    def __init__(
        self,
        n_parameters: int,
        dtype: Any = np.float32,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        self.weight_decay = weight_decay
        self._beta1, self._beta2, self._eps = beta1, beta2, eps
        self._mean = np.zeros(n_parameters, dtype)
        self._square = np.zeros(n_parameters, dtype)
        self._work = np.empty(n_parameters, dtype)
        self._steps = 0

    def step(self, parameters: FloatArray, grad: FloatArray, lr: float) -> None:
        """Change ``parameters`` (n,) in place by ``grad`` (n,), which stays as it is, at learning rate ``lr``."""
        mean, square, work = self._mean, self._square, self._work
        self._steps += 1
        np.subtract(grad, mean, work)
        work *= 1 - self._beta1
        mean += work
        np.multiply(grad, grad, work)
        work -= square
        work *= 1 - self._beta2
        square += work
        # theta -= lr mean' / (sqrt(square') + eps), where ' divides by what the means still lack of their start at 0.
        np.sqrt(square, work)
        work *= 1 / sqrt(1 - self._beta2**self._steps)
        work += self._eps
        np.divide(mean, work, work)
        work *= lr / (1 - self._beta1**self._steps)
        _decay(parameters, lr * self.weight_decay)
        parameters -= work


class SGD:
    """Gradient descent with momentum: velocity = momentum velocity + gradient, parameters -= lr velocity.

    Parameters
    ----------
    n_parameters, dtype : of the vector
    momentum : part of the velocity kept per step, from 0 (none) to below 1
    weight_decay : part of the parameters, times lr, taken off per step, apart from the velocity

    References
    ----------
    Sutskever, Martens, Dahl, Hinton 2013, "On the importance of initialization and momentum in deep learning",
    with lr outside of the velocity, so that a changed lr acts at once.
    """

    def __init__(
        self, n_parameters: int, dtype: Any = np.float32, *, momentum: float = 0.9, weight_decay: float = 0.0
    ) -> None:
        self.weight_decay = weight_decay
        self._momentum = momentum
        self._velocity = np.zeros(n_parameters, dtype)
        self._work = np.empty(n_parameters, dtype)

    def step(self, parameters: FloatArray, grad: FloatArray, lr: float) -> None:
        """Change ``parameters`` (n,) in place by ``grad`` (n,), which stays as it is, at learning rate ``lr``."""
        self._velocity *= self._momentum
        self._velocity += grad
        np.multiply(self._velocity, lr, self._work)
        _decay(parameters, lr * self.weight_decay)
        parameters -= self._work


def _decay(parameters: FloatArray, part: float) -> None:
    """Take a part of the parameters off; all of it at most, for beyond that they would grow."""
    if part:
        parameters *= max(0.0, 1.0 - part)


def clip(grad: FloatArray, max_norm: float) -> float:
    """Scale a gradient (n,) in place down to a Euclidean norm of ``max_norm``, and return the norm it had.

    The norm is not finite where its square is beyond the dtype (1.8e19 in float32). Such a gradient stays as it is;
    a step along it must not be taken, for Adam would never forget its square.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        norm = sqrt(float(np.dot(grad, grad)))
    if max_norm < norm < np.inf:
        grad *= max_norm / norm
    return norm


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """One schedule: the factor of the learning rate as a function of the part of the steps done, from 0 to 1.

    Beyond the end the last factor stays, and none is 0, so that training that goes on still learns.
    """

    name: str
    title: str
    factor: Callable[[float], float]


def _constant(_done: float) -> float:
    return 1.0


def _cosine(done: float) -> float:
    return 0.01 + 0.99 * (0.5 + 0.5 * cos(pi * min(done, 1.0)))


def _step(done: float) -> float:
    return 1.0 if done < 0.5 else (0.1 if done < 0.75 else 0.01)


_SCHEDULES = (
    Schedule(name="constant", title="Constant", factor=_constant),
    Schedule(name="cosine", title="Half a cosine down to 1 %", factor=_cosine),
    Schedule(name="step", title="A tenth from 50 %, a hundredth from 75 % of the steps", factor=_step),
)

SCHEDULES: Mapping[str, Schedule] = MappingProxyType({schedule.name: schedule for schedule in _SCHEDULES})

# name -> its title, and optimizer(n_parameters, dtype, **options)
OPTIMIZERS: Mapping[str, tuple[str, Callable[..., Optimizer]]] = MappingProxyType(
    {"adam": ("Adam", Adam), "sgd": ("Gradient descent with momentum", SGD)}
)
