"""Side-by-side timing: the contenders of a workload run in turn, round after round.

A ratio is the median over the rounds of the ratio within a round, so that a machine that is slow for a while slows both
sides of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

OURS = "nodeviz"
LEAST_SECONDS = 0.02  # of one sample, so that a call of under a millisecond is not measured with cold caches


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One row group of the table.

    Attributes
    ----------
    name, title : as in the design's list of targets
    contenders : name -> function without arguments that does the work once and returns its answer; OURS is among them
    answer : turns a contender's answer into an array that all share, for the check
    tolerance : how far the answers may differ from ours, absolutely
    targets : peer -> the ratio peer's time / our time wanted
    """

    name: str
    title: str
    contenders: Mapping[str, Callable[[], Any]]
    answer: Callable[[str, Any], Any]
    tolerance: float
    targets: Mapping[str, float] = field(default_factory=dict)


def present(contenders: Mapping[str, Callable[[], Any] | None]) -> dict[str, Callable[[], Any]]:
    """Return the contenders that are installed here."""
    return {name: run for name, run in contenders.items() if run is not None}


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of each contender of one workload in every round, and how its answer differs from ours."""

    workload: Workload
    seconds: Mapping[str, Sequence[float]]
    differences: Mapping[str, float]

    def ratio(self, name: str) -> float:
        """Return how many times our time this contender takes."""
        return median(theirs / ours for theirs, ours in zip(self.seconds[name], self.seconds[OURS], strict=True))


def measure(workload: Workload, rounds: int) -> Timing:
    """Run all contenders once to warm up and check, then ``rounds`` times in turn, short ones several times over."""
    answers = {name: workload.answer(name, run()) for name, run in workload.contenders.items()}
    differences = {name: float(abs(answer - answers[OURS]).max()) for name, answer in answers.items()}
    repeats = {name: max(1, round(LEAST_SECONDS / _seconds(run, 1))) for name, run in workload.contenders.items()}
    times: dict[str, list[float]] = {name: [] for name in workload.contenders}
    for _ in range(rounds):
        for name, run in workload.contenders.items():
            times[name].append(_seconds(run, repeats[name]))
    return Timing(workload, times, differences)


def _seconds(run: Callable[[], Any], repeats: int) -> float:
    start = perf_counter()
    for _ in range(repeats):
        run()
    return (perf_counter() - start) / repeats


def table(timings: Sequence[Timing]) -> str:
    """Return the table as Markdown: milliseconds (median and best), ratio to ours, target, and whether it is met."""
    lines = [
        "| work | contender | ms | best | ratio | target | met | answer differs by |",
        "|---|---|--:|--:|--:|--:|---|--:|",
    ]
    for timing in timings:
        work = timing.workload
        for name, seconds in timing.seconds.items():
            ratio, target = timing.ratio(name), work.targets.get(name)
            wanted = "" if target is None else f"{target:g}"
            met = "" if target is None else ("yes" if ratio >= target else "NO")
            title = f"{work.name} {work.title}" if name == OURS else ""
            times = f"{median(seconds) * 1e3:.2f} | {min(seconds) * 1e3:.2f}"
            difference = f"{timing.differences[name]:.1e}"
            lines.append(f"| {title} | {name} | {times} | {ratio:.2f} | {wanted} | {met} | {difference} |")
    return "\n".join(lines)
