"""A number of random actions, and what must hold meanwhile and afterwards."""

from __future__ import annotations

import ctypes
import gc
import os
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np
import psutil
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication, QFileDialog

from .person import Person

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

SAMPLE = 50  # actions between two looks at the memory
WARM = 0.4  # share of the actions in which caches, undo and every panel's parts fill up
GROWTH = 60.0  # MB between the first and the last third of what follows


@contextmanager
def own_files(folder: Path, rng: np.random.Generator) -> Generator[None, None, None]:
    """Answer file dialogs by files of a folder, or not at all, and be in it."""

    def pick(*_: object, **__: object) -> tuple[str, str]:
        files = sorted(str(file) for file in folder.iterdir() if file.is_file())
        return (files[rng.integers(len(files))] if files and rng.random() < 0.7 else ""), ""

    def name(*_: object, **__: object) -> tuple[str, str]:
        ending = (".npz", ".csv", ".nodeviz", ".py", ".png", ".json", "")[rng.integers(7)]
        return (str(folder / f"saved{rng.integers(3)}{ending}") if rng.random() < 0.7 else ""), ""

    answers = {"getOpenFileName": pick, "getSaveFileName": name, "getExistingDirectory": lambda *_, **__: str(folder)}
    before = Path.cwd()
    with ExitStack() as stack:
        for method, answer in answers.items():
            stack.enter_context(patch.object(QFileDialog, method, answer))
        os.chdir(folder)
        stack.callback(os.chdir, before)
        yield


def resident() -> float:
    """Return the memory of this process, after what can be freed is, in MB."""
    gc.collect()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's
    if trim is not None:
        trim(0)  # what is freed, but scattered, is no growth
    return psutil.Process().memory_info().rss / 1e6


def flat(memory: list[float]) -> str:
    """Return what is wrong with a memory, in MB over time: nothing if its end holds about what its middle did.

    What the first actions load and cache does not count.
    """
    warm = memory[int(WARM * len(memory)) :]
    if len(warm) < 6:
        return ""
    third = len(warm) // 3
    grown = float(np.median(warm[-third:]) - np.median(warm[:third]))
    return f"memory grew by {grown:.0f} MB, above the limit {GROWTH:.0f}: {memory}" if grown > GROWTH else ""


def play(
    window: Any, *, actions: int, seed: int, folder: Path, tell: Callable[[str], None], trace: IO[str] | None = None
) -> list[str]:
    """Let a person act, and return what went wrong, each with what came before it; ``trace`` gets all actions."""
    rng = np.random.default_rng(seed)
    folder.mkdir(exist_ok=True)
    with own_files(folder, rng):
        person = Person(window, rng, folder)
        wrong: list[str] = []
        memory: list[float] = []
        try:
            for number in range(actions):
                person.act()
                if trace is not None:
                    trace.write(f"{number} {person.done[-1]}\n")
                if person.troubles:
                    last = "\n  ".join(person.done)
                    wrong += [f"seed {seed}, action {number}, after\n  {last}\n{it}" for it in person.troubles]
                    person.troubles.clear()
                if number % SAMPLE == SAMPLE - 1:
                    memory.append(resident())
                    tell(f"{number + 1} actions, {memory[-1]:.0f} MB")
            person.check_runs()
            wrong += [f"seed {seed}, at the end: {it}" for it in [*person.troubles, flat(memory)] if it]
        finally:
            person.leave()
    tell(", ".join(f"{name} {count} ({person.seconds[name]:.1f} s)" for name, count in person.counts.most_common()))
    return wrong
