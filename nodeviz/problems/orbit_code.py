"""Straight-line Python for one orbit: the typed equations and a tableau's coefficients written out as plain arithmetic.

On single orbits of two components NumPy spends its time on calls; this code has none. It is written from the checked
graph and runs with empty builtins.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from nodeviz.engine.controllers import I_CONTROLLER
from nodeviz.engine.methods import METHODS
from nodeviz.problems.functions import GUARDED_NAMESPACE, SCALAR_NAMESPACE
from nodeviz.problems.kernels import ScalarWriter, constant_lines, state_names

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from nodeviz.engine.tableau import ButcherTableau
    from nodeviz.problems.equations import Equations

# How a piece of the walk ended. CONTINUE: the piece is used up, another may follow.
CONTINUE, DONE, FAILED = range(3)

_FIXED = """
def walk(i, n, stop, t, x, y, kx, ky, t0, t1, dt, record{locals}):
    while i < stop:
        i += 1
        t_new = t0 + i * dt if i < n else t1
        h = dt if i < n else t1 - t
        {fixed_step}
        if not (-inf < xn < inf and -inf < yn < inf):
            record += (h, nan, nan, nan, nan)
            return 2, i, t, x, y, kx, ky, xn, yn
        record += (h, nan, t_new, xn, yn)
        t, x, y = t_new, xn, yn
        {fixed_accept}
    return i == n, i, t, x, y, kx, ky, xn, yn
"""

# The law of engine.integrate and engine.controllers, on floats. Every line counts: it runs hundreds of times per orbit.
# ``least`` bounds 4 ulp(t) from above, so that the exact floor is asked for only near it; ``squares`` is err_ratio**2,
# the mean over two components being in the tolerances, which come multiplied by sqrt(2).
_ADAPTIVE = """
def walk(tries, t, x, y, kx, ky, stale, dt, t1, way, least, rtol, atol, record{locals}):
    ax = x if x >= 0.0 else -x
    ay = y if y >= 0.0 else -y
    for _ in tries:
        if dt < least and dt < 4.0 * ulp(t):
            dt = 4.0 * ulp(t)
        last = dt >= way * (t1 - t) * {almost}
        if last:
            h = t1 - t
            dt = fabs(h)
        else:
            h = way * dt
        {slope}
        {step}
        bx = xn if xn >= 0.0 else -xn
        by = yn if yn >= 0.0 else -yn
        ex /= atol + rtol * (bx if bx > ax else ax)
        ey /= atol + rtol * (by if by > ay else ay)
        squares = ex * ex + ey * ey
        {second_estimate}
        if squares <= 1.0 and bx < {infinite} and by < {infinite}:
            t = t1 if last else t + h
            x = xn
            y = yn
            ax = bx
            ay = by
            {accept}
            record += (h, squares, t, x, y)
            if last:
                return 1, t, x, y, kx, ky, stale, dt, xn, yn, ex, ey
            dt *= {safety} * squares ** {exponent} if squares > {tiny} else {largest}
        else:
            if squares <= 1.0:
                squares = nan
            record += (h, squares, nan, nan, nan)
            if dt <= least and dt <= 4.0 * ulp(t):
                return 2, t, x, y, kx, ky, stale, dt, xn, yn, ex, ey
            factor = {safety} * squares ** {exponent} if squares < {infinite} else {smallest}
            dt *= factor if factor > {smallest} else {smallest}
    return 0, t, x, y, kx, ky, stale, dt, xn, yn, ex, ey
"""


class OrbitCode:
    """The functions of one system and one method, compiled; ``bind`` gives the parameters their values."""

    def __init__(self, equations: Equations, tableau: ButcherTableau, *, adaptive: bool) -> None:
        self.source = _source(equations, tableau, adaptive=adaptive)
        namespace: dict[str, Any] = {
            "__builtins__": {"ArithmeticError": ArithmeticError, "ValueError": ValueError},
            **SCALAR_NAMESPACE,
            **GUARDED_NAMESPACE,
            "ulp": math.ulp,
        }
        exec(compile(self.source, f"<{tableau.name}>", "exec"), namespace)
        self._bind = namespace["bind"]

    def bind(self, parameters: Mapping[str, float]) -> Mapping[str, Callable[..., Any]]:
        """Return the functions ``rates(t, x, y)`` and ``walk``, the loop over the steps."""
        return self._bind(parameters)  # type: ignore[no-any-return]


@lru_cache(maxsize=64)
def orbit_code(equations: Equations, method: str, *, adaptive: bool) -> OrbitCode:
    """Return the code of one system and one explicit method, with adaptive or fixed steps, compiled once."""
    tableau = METHODS[method].tableau
    if tableau is None or not tableau.explicit:
        raise ValueError(f"method={method!r}: not an explicit Runge-Kutta method; such orbits are the engine's")
    return OrbitCode(equations, tableau, adaptive=adaptive)


def _source(equations: Equations, tableau: ButcherTableau, *, adaptive: bool) -> str:
    """Return the source of ``bind(parameters)``."""
    constants, names = constant_lines(equations.graph, equations.rates)
    writer = _StepWriter(equations, tableau, names)
    used = {name: f", {name}={name}" for name in names.values()}
    blanks = {"locals": "".join(used.values()), **writer.pieces(), **_controller(tableau)}
    parts = [writer.rates(guarded=False), writer.rates(guarded=True), writer.careful()]
    parts += [_fill(_ADAPTIVE if adaptive else _FIXED, blanks)]
    body = [line for part in parts for line in part.strip("\n").split("\n")]
    lines = [*constants, *body, "return {'rates': rates, 'walk': walk}"]
    return "\n".join(["def bind(parameters):", *(f"    {line}" for line in lines)])


class _StepWriter:
    """Writes the stages of one step, in fast or guarded arithmetic."""

    def __init__(self, equations: Equations, tableau: ButcherTableau, names: dict[int, str]) -> None:
        self._tableau = tableau
        self._graph, self._rates, self._autonomous = equations.graph, equations.rates, equations.autonomous
        self._names = names

    def pieces(self) -> dict[str, str]:
        """Return what fills the blanks of the loops."""
        tab, fsal = self._tableau, self._tableau.fsal
        outputs = _outputs(tab)
        first = [] if fsal else self._lines("t", "x", "y", "kx", "ky", guarded=False)
        fixed, adaptive = (
            "\n".join(
                [
                    "try:",
                    *(f"    {line}" for line in lines),
                    "except (ArithmeticError, ValueError):",
                    f"    {outputs} = careful(t, x, y, kx, ky, h)",
                ]
            )
            for lines in (first + self._stages(guarded=False), self._stages(guarded=False) + self._errors())
        )
        return {
            "fixed_step": fixed,
            "fixed_accept": "kx = kx_new\nky = ky_new" if fsal else "",
            "step": adaptive,
            "slope": "" if fsal else "if stale:\n    kx, ky = rates(t, x, y)\n    stale = False",
            "accept": "kx = kx_new\nky = ky_new" if fsal else "stale = True",
        }

    def rates(self, *, guarded: bool) -> str:
        """Return the function rates(t, x, y), or its guarded twin."""
        code = self._lines("t", "x", "y", "kx", "ky", guarded=guarded)
        if guarded:
            return "\n".join(["def careful_rates(t, x, y):", *(f"    {line}" for line in code), "    return kx, ky"])
        inner = [f"        {line}" for line in code]
        rescue = ["    except (ArithmeticError, ValueError):", "        return careful_rates(t, x, y)"]
        return "\n".join(["def rates(t, x, y):", "    try:", *inner, *rescue, "    return kx, ky"])

    def careful(self) -> str:
        """Return the function that repeats a step in which plain arithmetic raised."""
        first = [] if self._tableau.fsal else self._lines("t", "x", "y", "kx", "ky", guarded=True)
        code = first + self._stages(guarded=True) + self._errors()
        end = f"    return {_outputs(self._tableau)}"
        return "\n".join(["def careful(t, x, y, kx, ky, h):", *(f"    {line}" for line in code), end])

    def _lines(self, t: str, x: str, y: str, kx: str, ky: str, *, guarded: bool) -> list[str]:
        leaves = self._names | state_names(self._graph, t, x, y)
        return ScalarWriter(self._graph, self._rates, guarded=guarded).lines(leaves, (kx, ky))

    def _stages(self, *, guarded: bool) -> list[str]:
        """Return the lines from (t, x, y, kx, ky, h) to (xn, yn), and to (kx_new, ky_new) where that is a stage."""
        tab, lines, last = self._tableau, list[str](), self._tableau.n_stages - 1
        for i in range(1, tab.n_stages):
            end = tab.fsal and i == last
            x, y = ("xn", "yn") if end else ("xs", "ys")
            kx, ky = ("kx_new", "ky_new") if end else (f"k{i}x", f"k{i}y")
            lines += _sums((x, y), ("x + ", "y + "), tab.a[i], tab)
            if not self._autonomous:
                lines.append(f"ts = t + {tab.c[i]!r} * h")
            lines += self._lines("ts", x, y, kx, ky, guarded=guarded)
        if not tab.fsal:
            lines += _sums(("xn", "yn"), ("x + ", "y + "), tab.b, tab)
        return lines

    def _errors(self) -> list[str]:
        """Return the lines of the error estimates: (ex, ey), and (gx, gy) of dop853's second one."""
        tab, lines = self._tableau, list[str]()
        for targets, weights in ((("ex", "ey"), tab.b_err), (("gx", "gy"), tab.b_err_low)):
            if weights is not None:
                lines += _sums(targets, ("", ""), weights, tab)
        return lines


def _outputs(tableau: ButcherTableau) -> str:
    """Return the names of what one step computes."""
    names = ["xn", "yn"]
    names += ["kx_new", "ky_new"] if tableau.fsal else []
    names += ["ex", "ey"] if tableau.b_err is not None else []
    names += ["gx", "gy"] if tableau.b_err_low is not None else []
    return ", ".join(names)


def _sums(targets: Sequence[str], bases: Sequence[str], weights: Sequence[float], tableau: ButcherTableau) -> list[str]:
    """Return the lines of both components of base + h * (w0 * k0 + w1 * k1 + ...).

    The first weight is taken out of the bracket, where both components share its product with h.
    """
    used = [i for i, weight in enumerate(weights) if weight != 0.0]
    first = weights[used[0]]
    lines = ["g = h" if first == 1.0 else f"g = h * {first!r}"]
    for target, base, variable in zip(targets, bases, "xy", strict=True):
        names = [f"k{variable}", *(f"k{i}{variable}" for i in range(1, tableau.n_stages))]
        if tableau.fsal:
            names[-1] = f"k{variable}_new"
        terms = [names[i] if i == used[0] else f"{weights[i] / first!r} * {names[i]}" for i in used]
        lines.append(f"{target} = {base}g * ({' + '.join(terms)})")
    return lines


def _controller(tableau: ButcherTableau) -> dict[str, str]:
    """Return the numbers of the engine's default controller and what its error norm needs besides."""
    law = I_CONTROLLER
    order = 1 + (tableau.err_order or 0)
    second = ""
    if tableau.b_err_low is not None:
        second = "\n".join(
            [
                "if 0.0 < squares < inf:",
                "    gx /= atol + rtol * (bx if bx > ax else ax)",
                "    gy /= atol + rtol * (by if by > ay else ay)",
                "    squares *= squares / (squares + 0.01 * (gx * gx + gy * gy))",
            ]
        )
    return {
        "second_estimate": second,
        "almost": repr(1 - 1e-10),
        "infinite": "1e999",  # a literal is faster than a name
        "safety": repr(law.safety),
        "exponent": f"({-0.5 * law.beta1 / order!r})",
        "smallest": repr(law.min_factor),
        "largest": repr(law.max_factor),
        "tiny": repr((law.safety / law.max_factor) ** (2 * order / law.beta1)),  # squares that give the largest factor
    }


def _fill(template: str, blanks: Mapping[str, str]) -> str:
    """Fill a template whose blanks may hold several lines, indented as the blank is."""
    lines = []
    for line in template.split("\n"):
        blank = line.strip()[1:-1]
        if line.strip().startswith("{") and blank in blanks:
            indent = line[: len(line) - len(line.lstrip())]
            lines += [indent + inner for inner in blanks[blank].split("\n") if inner]
        else:
            lines.append(line.format(**blanks) if "{" in line else line)
    return "\n".join(lines)
