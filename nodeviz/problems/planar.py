"""The vector field of a plane, whoever made it: typed equations or any callable, with its Jacobian and its orbits."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.engine.arrays import BoolArray, FloatArray, VectorField
from nodeviz.engine.integrate import MAX_STEPS, Solution, solve_steps
from nodeviz.engine.methods import find_method
from nodeviz.problems.compiled import orbit_steps
from nodeviz.problems.pieces import finish, in_pieces

if TYPE_CHECKING:
    import numpy.typing as npt

    from nodeviz.problems.equations import Equations

Jacobian = Callable[[Any, Any], FloatArray]

# Where a field is probed: no special points, so that a field looks there as it does elsewhere.
_PROBES = np.array([[0.31, -1.27, 2.05], [0.83, 0.46, -0.94]])
# When: parts of the span, the start first.
_MOMENTS = (0.0, 0.031, 0.117, 0.24, 0.37, 0.49, 0.63, 0.75, 0.88, 1.0)


class FieldError(ValueError):
    """A callable that cannot serve as a field of the plane; the message is one sentence."""


@dataclass(frozen=True)
class PlanarField:
    """A vector field of the plane.

    Attributes
    ----------
    field : f(t, y), y (2,) or (2, ...); poles and domain errors give inf and NaN
    jacobian : df/dy (t, y), (2, 2) or (2, 2, ...); by differences where the symbolic one is 0/0 and the field smooth
    autonomous : t makes no difference
    exact_jacobian : the Jacobian comes from symbolic differentiation, not from differences
    vectorised : a batch costs little more than a point
    typed : the equations and parameters it came from, if any
    span : (t0, t1) within which a callable is tried
    """

    field: VectorField
    jacobian: Jacobian
    autonomous: bool
    exact_jacobian: bool
    vectorised: bool
    typed: tuple[Equations, Mapping[str, float]] | None = None
    span: tuple[float, float] = (0.0, 1.0)

    @cached_property
    def separable(self) -> bool:
        """Whether x' is free of x and y' of y. Without it symplectic methods lose an order and what they preserve."""
        if self.typed is not None:
            equations, parameters = self.typed
            return equations.is_separable(parameters)
        jacobians = np.stack([self.jacobian(t, _PROBES) for t in _times(self.span)[::3]], axis=-1).reshape(4, -1)
        jacobians = np.abs(jacobians[:, np.isfinite(jacobians).all(axis=0)])
        return bool(jacobians.size) and bool((jacobians[[0, 3]] <= 1e-6 * jacobians.max()).all())

    @classmethod
    def from_equations(cls, equations: Equations, parameters: Mapping[str, float]) -> PlanarField:
        """Return the field of typed equations; raises EquationError where a parameter is unusable."""
        checked = equations.check(parameters)
        autonomous = equations.autonomous or equations.is_autonomous(checked)  # a forcing of amplitude 0 is none
        field = equations.field(checked)
        return cls(field, _mended(equations.jacobian(checked), field), autonomous, True, True, (equations, checked))

    @classmethod
    def from_callable(cls, f: Callable[[Any, Any], Any], span: tuple[float, float] = (0.0, 1.0)) -> PlanarField:
        """Return the field of any f(t, y) that takes y of shape (2,) and returns two numbers.

        Parameters
        ----------
        span : (t0, t1) of interest. f is tried at times within it and at no other

        Raises
        ------
        FieldError : not callable, raises, or returns something else; one sentence
        """
        field = _CallableField(f, span[0])
        autonomous = _is_autonomous(field, _times(span))
        return cls(field, _differences(field), autonomous, False, field.takes_batches, span=span)

    def orbit_steps(
        self,
        y0: npt.ArrayLike,
        t0: float,
        t1: float,
        *,
        method: str = "dopri5",
        n_steps: int | None = None,
        rtol: float = 1e-6,
        atol: float = 1e-9,
        max_steps: int = MAX_STEPS,
        record: bool = True,
    ) -> Generator[None, None, Solution]:
        """Return a generator that solves one orbit from t0 to t1 and returns its Solution, nodes included.

        Typed equations run compiled with explicit methods, everything else in the engine. Wrong arguments raise
        ValueError at once; a TimeoutError thrown in ends it with status ``timeout``.
        """
        chosen = find_method(method)
        explicit = chosen.tableau is not None and chosen.tableau.explicit
        if self.typed is not None and explicit:
            return orbit_steps(
                *self.typed, y0, t0, t1, method=method, n_steps=n_steps, rtol=rtol, atol=atol, max_steps=max_steps,
                record=record,
            )  # fmt: skip
        return solve_steps(
            self.field, y0, [t0, t1], method=method, n_steps=n_steps, rtol=rtol, atol=atol, max_steps=max_steps,
            record=record, jacobian=self.jacobian,
        )  # fmt: skip

    def field_steps(self, t: float, y: FloatArray) -> Generator[None, None, FloatArray]:
        """Return field(t, y), yielding every few milliseconds where it must be asked point by point."""
        if self.vectorised:
            return np.asarray(self.field(t, y))
        return (yield from in_pieces(lambda points: self.field(t, points), y))

    def jacobian_steps(self, t: float, y: FloatArray) -> Generator[None, None, FloatArray]:
        """Return jacobian(t, y), yielding as ``field_steps`` does."""
        if self.vectorised:
            return np.asarray(self.jacobian(t, y))
        return (yield from in_pieces(lambda points: self.jacobian(t, points), y))

    def exact_at(self, t: float, y: FloatArray) -> BoolArray:
        """Return whether the Jacobian at points (2, N) is exact to rounding, (N,)."""
        if self.typed is None:
            return np.zeros(y.shape[1], dtype=bool)
        equations, parameters = self.typed
        return np.asarray(np.isfinite(equations.jacobian(parameters)(t, y)).all(axis=(0, 1)))

    def is_affine(self, t: float) -> bool:
        """Return whether the Jacobian is the same all over the plane, so that the linearisation tells everything."""
        return finish(self.is_affine_steps(t))

    def is_affine_steps(self, t: float) -> Generator[None, None, bool]:
        """Return what ``is_affine`` returns, yielding as ``field_steps`` does."""
        radii = np.repeat([1e-2, 0.3, 1.0, 4.0, 30.0], 6)
        angles = 2.4 * np.arange(radii.size)
        jacobians = yield from self.jacobian_steps(t, radii * np.stack([np.cos(angles), np.sin(angles)]))
        with np.errstate(all="ignore"):
            samples = jacobians.reshape(4, -1)
            spread, size = np.ptp(samples, axis=1).max(), np.abs(samples).max()
        return bool(spread <= (1e-12 if self.exact_jacobian else 1e-6) * size)


class _CallableField:
    """A user's f(t, y) made to take batches, checked, and quiet about poles."""

    def __init__(self, f: Callable[[Any, Any], Any], t: float) -> None:
        if not callable(f):
            raise FieldError(f"system={f!r}: not callable; give a function f(t, y) that returns [dx/dt, dy/dt]")
        self._f = f
        self._name = getattr(f, "__name__", type(f).__name__)
        columns = np.stack([self._safe_column(t, probe) for probe in _PROBES.T], axis=1)
        if np.isnan(columns).all():
            self._column(t, _PROBES[:, 0])  # raises, unless f is NaN without an exception
        self.takes_batches = self._agrees(t, columns)

    def __call__(self, t: Any, y: Any) -> FloatArray:
        y = np.asarray(y, dtype=y.dtype if isinstance(y, np.ndarray) and y.dtype.kind == "f" else np.float64)
        if y.ndim == 1:
            return self._safe_column(t, y)
        flat = y.reshape(2, -1)
        if self.takes_batches and np.ndim(t) == 0:
            try:
                return self._batch(t, flat).reshape(y.shape).astype(y.dtype, copy=False)
            except Exception:  # noqa: BLE001 - one bad column must not take the others with it
                pass
        times = np.broadcast_to(t, y.shape[1:]).ravel()
        rates = [self._safe_column(time, column) for time, column in zip(times, flat.T, strict=True)]
        return np.stack(rates, axis=1).reshape(y.shape) if rates else np.empty_like(y)

    def _column(self, t: Any, y: FloatArray) -> FloatArray:
        """Return f at one point; FieldError if the answer is not two numbers."""
        rate = self._call(t, y.copy())
        try:
            answer = np.asarray(rate, dtype=y.dtype)
        except (TypeError, ValueError):
            raise FieldError(f"{self._name}(t, y) returned {rate!r:.60}; it must return two numbers") from None
        if answer.shape != (2,):
            raise FieldError(
                f"{self._name}(t, y) returned shape {answer.shape} for y of shape (2,); it must return [dx/dt, dy/dt]"
            )
        return answer

    def _safe_column(self, t: Any, y: FloatArray) -> FloatArray:
        try:
            return self._column(t, y)
        except FieldError as error:
            # f has answered elsewhere: math.log(-1) and 1/0 at this point are its poles, not its mistakes.
            if isinstance(error.__cause__, (ArithmeticError, ValueError)):
                return np.full(2, np.nan, y.dtype)
            raise

    def _batch(self, t: Any, y: FloatArray) -> FloatArray:
        with np.errstate(all="ignore"):
            first, second = self._f(t, y.copy())
            out = np.empty_like(y)
            out[0], out[1] = first, second
        return out

    def _call(self, t: Any, y: FloatArray) -> Any:
        try:
            with np.errstate(all="ignore"):
                return self._f(t, y)
        except Exception as error:
            what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            raise FieldError(
                f"{self._name}(t, y) failed at t={float(t):g}, y=({y[0]:g}, {y[1]:g}) with {' '.join(what.split())}"
            ) from error

    def _agrees(self, t: float, columns: FloatArray) -> bool:
        """Return whether a batch gives what its columns gave, so that no loop is needed."""
        try:
            return bool(np.allclose(self._batch(t, _PROBES), columns, rtol=1e-12, atol=0, equal_nan=True))
        except Exception:  # noqa: BLE001 - whatever a field does with a batch it was not written for
            return False


def _times(span: tuple[float, float]) -> list[float]:
    """Return times all over a span, its ends included."""
    return [(1.0 - moment) * span[0] + moment * span[1] for moment in _MOMENTS]


def _is_autonomous(field: VectorField, times: Sequence[float]) -> bool:
    """Return whether the field answers the same at all these times."""
    rates = [np.asarray(field(t, _PROBES)) for t in times]
    return all(np.array_equal(rate, rates[0], equal_nan=True) for rate in rates[1:])


def _differences(field: VectorField, scale: float = 1.0) -> Jacobian:
    """Return the Jacobian by central differences; its relative error is about 1e-10. ``scale`` multiplies the step."""

    def jacobian(t: Any, y: Any) -> FloatArray:
        y = np.asarray(y, dtype=np.float64)
        steps = scale * np.cbrt(np.finfo(np.float64).eps) * np.maximum(np.abs(y), 1.0)
        shifts = np.zeros((2, 4, *y.shape[1:]))
        shifts[0, 0], shifts[0, 1], shifts[1, 2], shifts[1, 3] = steps[0], -steps[0], steps[1], -steps[1]
        points = y[:, None] + shifts
        times = t if np.ndim(t) == 0 else np.broadcast_to(t, points.shape[1:])
        rates = np.asarray(field(times, points))
        with np.errstate(all="ignore"):
            by_x = (rates[:, 0] - rates[:, 1]) / (points[0, 0] - points[0, 1])
            by_y = (rates[:, 2] - rates[:, 3]) / (points[1, 2] - points[1, 3])
        return np.stack([by_x, by_y], axis=1)

    return jacobian


def _mended(exact: Jacobian, field: VectorField) -> Jacobian:
    """Return a symbolic Jacobian whose gaps are filled by differences.

    x*sqrt(x*x + y*y) is smooth enough at the origin, where its derivative as written gives 0/0. A kink or a root stays
    a gap: there, differences with other steps, or to one side, do not agree.
    """
    wide, narrow = _differences(field), _differences(field, 0.5)

    def jacobian(t: Any, y: Any) -> FloatArray:
        answer = np.asarray(exact(t, y))
        finite = np.isfinite(answer)
        if finite.all():
            return answer
        points = np.asarray(y, dtype=np.float64).reshape(2, -1)
        times = np.broadcast_to(t, np.shape(y)[1:]).ravel()
        (gaps,) = np.nonzero(~finite.all(axis=(0, 1)).ravel() & np.isfinite(field(times, points)).all(axis=0))
        filled = answer.reshape(2, 2, -1).copy()
        times, points = times[gaps], points[:, gaps]
        with np.errstate(all="ignore"):
            first, second = wide(times, points), narrow(times, points)
            size = np.abs(second).max(axis=(0, 1))
            doubt = np.maximum(np.abs(first - second).max(axis=(0, 1)), _bend(field, times, points))
            good = doubt <= 1e-3 * size
            # Of what is smooth but once, the error falls with the step: extrapolated, it is gone.
            filled[:, :, gaps[good]] = (2 * second - first)[:, :, good]
        return filled.reshape(answer.shape)

    return jacobian


def _bend(field: VectorField, times: FloatArray, points: FloatArray) -> FloatArray:
    """Return how much the differences to both sides of points (2, N) disagree at most, (N,)."""
    step = 1e-5 * np.maximum(np.abs(points), 1.0)
    here, bends = np.asarray(field(times, points)), []
    for shift in (np.array([[1.0], [0.0]]), np.array([[0.0], [1.0]])):
        ahead, behind = (np.asarray(field(times, points + sign * shift * step)) for sign in (1.0, -1.0))
        bends.append(np.abs(ahead - 2 * here + behind).max(axis=0) / (shift * step).max(axis=0))
    return np.asarray(np.maximum(*bends))
