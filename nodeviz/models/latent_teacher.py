"""Training on a family whose curves are known everywhere: an encoder of whole curves teaches field and decoder.

An ODE-RNN that sees a few noisy points learns slowly, and as long as it errs so does all that hangs on it. The family
itself is learned sooner with an encoder that sees each curve whole, without noise; the ODE-RNN then learns, from few
noisy points, what that encoder says of the whole curve. In between, coordinates are chosen in which the posteriors
taken together are the prior.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, nan
from typing import TYPE_CHECKING, Self

import numpy as np
from scipy.linalg import expm, solve_triangular

from nodeviz.engine.mlp import MLP
from nodeviz.engine.solution import Status
from nodeviz.models.descent import Descent
from nodeviz.models.latent import LatentODE
from nodeviz.models.latent_elbo import ElboPass
from nodeviz.models.latent_encoder import EncoderTape
from nodeviz.models.latent_likelihood import Targets
from nodeviz.models.latent_start import oscillators
from nodeviz.models.latent_training import StepInfo

if TYPE_CHECKING:
    import numpy.typing as npt

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.models.latent_batch import SeriesBatch
    from nodeviz.models.latent_spec import LatentSpec

RIDGE = 0.5  # of the linear map that the encoder of curves begins with: what noise of the decoder it allows for


class CurveEncoder:
    """Posteriors of z0 from whole curves: a network plus, for the means, a linear map.

    Parameters
    ----------
    spec : of the latent ODE
    times : (T,) model times of the values
    hidden : widths of its network
    dtype, parameters : as for `MLP`

    Attributes
    ----------
    parameters : (n_parameters,) those of the network, then the linear map (L, T C) row after row
    """

    def __init__(
        self,
        spec: LatentSpec,
        times: FloatArray,
        *,
        hidden: tuple[int, ...] = (128, 128),
        dtype: npt.DTypeLike = np.float32,
        parameters: FloatArray | None = None,
    ) -> None:
        self.spec, self.times, self.dtype = spec, np.asarray(times, float), np.dtype(dtype)
        inputs = len(self.times) * spec.channels
        border = MLP((inputs, *hidden, 2 * spec.latent)).n_parameters
        self.n_parameters = border + spec.latent * inputs
        self.parameters = np.zeros(self.n_parameters, dtype) if parameters is None else parameters
        self.net = MLP((inputs, *hidden, 2 * spec.latent), dtype=dtype, parameters=self.parameters[:border])
        self.linear = self.parameters[border:].reshape(spec.latent, inputs)

    def start(self, rng: np.random.Generator) -> None:
        """Begin with what undoes a bank of oscillators, and a network that says little; the sds are exp(-2)."""
        MLP.init(rng, self.net.widths, dtype=self.dtype, parameters=self.net.parameters, last_scale=0.05)
        self.net.layers[-1].bias[self.spec.latent :] = -2.0
        field, decoder = oscillators(self.spec)
        seen = np.concatenate([decoder @ expm(field * s) for s in self.times])
        self.linear[:] = np.linalg.solve(seen.T @ seen + RIDGE * np.eye(self.spec.latent), seen.T)

    def __call__(self, curves: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return mean and log sd, (L, B) each, for curves (T, C, B)."""
        flat = curves.reshape(-1, curves.shape[2]).astype(self.dtype)
        found = self.net(0.0, flat)
        return found[: self.spec.latent] + self.linear @ flat, found[self.spec.latent :]


class CurveEncoderTape:
    """The way through an encoder of curves, and back; what `EncoderTape` is to series."""

    def __init__(self, encoder: CurveEncoder, batch: int, begin: int) -> None:
        self._encoder, self._tape = encoder, encoder.net.tape(batch, 1)
        self._found = np.empty((2 * encoder.spec.latent, batch), encoder.dtype)
        self._back = np.empty_like(self._tape.inputs[0])
        border = begin + encoder.net.n_parameters
        self._of_net, self._of_linear = slice(begin, border), slice(border, begin + encoder.n_parameters)

    def forward(self, seen: FloatArray) -> FloatArray:
        """Return means and log sds, (2 L, B), for curves (T, C, B)."""
        (inputs,), latent = self._tape.inputs, self._encoder.spec.latent
        inputs[...] = seen.reshape(inputs.shape)
        self._tape.evaluate(0, 0.0, None, self._found)
        self._found[:latent] += self._encoder.linear @ inputs
        return self._found

    def backward(self, cotangent: FloatArray, grad: FloatArray) -> None:
        """Add to ``grad`` given the cotangent of what `forward` returned, (2 L, B)."""
        (inputs,), latent = self._tape.inputs, self._encoder.spec.latent
        self._tape.pull(0, cotangent, self._back)
        self._tape.add_gradient(grad[self._of_net])
        grad[self._of_linear] += (cotangent[:latent] @ inputs.T).reshape(-1)


class CurveTrainer:
    """Trains field, decoder and noise of a latent ODE, and an encoder of whole curves with them.

    Parameters
    ----------
    spec : of the latent ODE
    times : (T,) model times at which the curves are given
    rng : for the weights and the samples
    batch : curves of a step
    steps : length of the schedules
    hidden : widths of the encoder's network
    kl_anneal : part of the steps over which the weight of the KL divergence rises from 0 to 1
    clip, average : as for `Descent`

    Attributes
    ----------
    model, encoder : what is trained
    descent : what takes the steps
    """

    def __init__(
        self,
        spec: LatentSpec,
        times: FloatArray,
        rng: np.random.Generator,
        *,
        batch: int = 64,
        steps: int = 25_000,
        hidden: tuple[int, ...] = (128, 128),
        kl_anneal: float = 0.1,
        clip: float = 5.0,
        average: float = 0.999,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        first, n = LatentODE.init(spec, rng, dtype), spec.n_parameters
        self._vector = np.zeros(n + CurveEncoder(spec, times, hidden=hidden).n_parameters, dtype)
        self._vector[:n] = first.parameters
        self.model = LatentODE(spec, dtype=dtype, parameters=self._vector[:n])
        self.encoder = CurveEncoder(spec, times, hidden=hidden, dtype=dtype, parameters=self._vector[n:])
        self.encoder.start(rng)
        self._rng, self._kl_anneal, self._grad = rng, kl_anneal, np.zeros_like(self._vector)
        tape = CurveEncoderTape(self.encoder, batch, n)
        self._work = ElboPass(self.model, batch, len(times), own=False, encoder=tape)
        self.descent = Descent(self._vector, steps=steps, clip=clip, beta2=0.99, average=average)

    def step(self, curves: FloatArray, lr: float) -> StepInfo:
        """Take one step on curves (T, C, B) at the learning rate ``lr`` times the schedule's factor."""
        weight = min(1.0, self.descent.done / self._kl_anneal) if self._kl_anneal else 1.0
        eps = self._rng.standard_normal((self.model.spec.latent, 1, curves.shape[2]))
        self._grad.fill(0.0)
        # Per value rather than per curve, so that the longest gradient used does not depend on their number.
        share = 1.0 / curves[:, :, 0].size
        with np.errstate(all="ignore"):
            found = self._work.evaluate(curves, Targets.at(self.encoder.times, curves), eps, weight, self._grad, share)
        norm, taken = self.descent.move(self._grad, lr) if isfinite(found.loss) else (nan, self.descent.refuse())
        status, message = (Status.OK, "") if taken else (Status.NONFINITE, self.descent.sentence(lr))
        return StepInfo(found.loss, found.elbo, found.kl, found.mse, weight, norm, status, message)

    def finish(self) -> None:
        """Take the mean of the last parameters for the parameters."""
        self._vector[:] = self.descent.averaged


@dataclass(frozen=True, slots=True)
class Whitening:
    """A change of latent coordinates z = mean + factor w, after which posteriors taken together are N(0, I) in w.

    Attributes
    ----------
    mean : (L,)
    factor : (L, L), lower triangular
    """

    mean: FloatArray
    factor: FloatArray

    @classmethod
    def of(cls, encoder: CurveEncoder, curves: FloatArray) -> Self:
        """Return the one that whitens the posteriors of curves, (T, C, B)."""
        means, log_sds = (part.astype(np.float64) for part in encoder(curves))
        covariance = np.cov(means) + np.diag(np.exp(2.0 * log_sds).mean(axis=1))
        return cls(means.mean(axis=1), np.linalg.cholesky(np.atleast_2d(covariance)))

    def apply(self, model: LatentODE) -> None:
        """Change field and decoder so that w takes the place of z. What encodes is to be trained anew."""
        layers = model.dynamics.layers
        for first in (layers[0], model.decoder.layers[0]):
            weight = first.weight.astype(np.float64)
            first.bias[:] = first.bias + weight @ self.mean
            first.weight[:] = weight @ self.factor
        layers[-1].both[:] = solve_triangular(self.factor, layers[-1].both, lower=True)

    def change(self, z: FloatArray) -> FloatArray:
        """Return w, (L, B), for z."""
        found: FloatArray = solve_triangular(self.factor, z - self.mean[:, None], lower=True)
        return found


class EncoderTrainer:
    """Trains the ODE-RNN alone: its posteriors are to give samples of others a high density.

    So they become as wide as what is not known, rather than settle on one of several answers.

    Parameters
    ----------
    model : whose encoder is trained in place
    batch : series of a step
    steps, clip, average : as for `Descent`
    """

    def __init__(
        self, model: LatentODE, *, batch: int = 64, steps: int = 15_000, clip: float = 1.0, average: float = 0.999
    ) -> None:
        self.model, self._tape = model, EncoderTape(model, batch)
        self._own = model.parameters[: model.spans[2].stop]
        self._grad = np.zeros_like(model.parameters)
        self.descent = Descent(self._own, steps=steps, clip=clip, beta2=0.99, average=average)

    def loss(self, batch: SeriesBatch, z: FloatArray, grad: FloatArray) -> float:
        """Return minus the log-density of z, (L, B), per coordinate and but for a constant; add its gradient."""
        latent, size = self.model.spec.latent, z.size
        found = self._tape.forward(batch)
        mean, log_sd = found[:latent], found[latent:]
        precision = np.exp(-log_sd)
        miss = (z - mean) * precision
        value = float((0.5 * miss * miss + log_sd).sum()) / size
        cotangent = np.concatenate([miss * precision, miss * miss - 1.0]) * (-1.0 / size)
        self._tape.backward(cotangent.astype(self.model.dtype), grad)
        return value

    def step(self, batch: SeriesBatch, z: FloatArray, lr: float) -> tuple[float, bool]:
        """Take one step on series and a sample of what each is to be taken for, (L, B); return loss and whether."""
        self._grad.fill(0.0)
        with np.errstate(all="ignore"):
            value = self.loss(batch, z, self._grad)
        taken = self.descent.move(self._grad[: self._own.size], lr)[1] if isfinite(value) else self.descent.refuse()
        return value, taken

    def finish(self) -> None:
        """Take the mean of the last parameters for the parameters."""
        self._own[:] = self.descent.averaged
