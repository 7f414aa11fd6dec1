"""Less work for tests that are not about its figures, and budgets that hold on a busy machine too."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from nodeviz.experiments import budget, classifier_measures, flow_measures, flow_screen, flow_training


@pytest.fixture
def computing_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let budgets count what this thread computes, not what others on the machine make it wait."""
    monkeypatch.setattr(budget, "time", SimpleNamespace(perf_counter=time.thread_time))


@pytest.fixture
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw every density with as many cells as points are solved at once."""
    monkeypatch.setattr(flow_screen, "CELLS", 32)


@pytest.fixture
def fewer_points(monkeypatch: pytest.MonkeyPatch, coarse: None) -> None:
    """Measure with fewer points, as many at a time as ever."""
    del coarse
    for module, name, value in (
        (classifier_measures, "FRESH", classifier_measures.PIECE),
        (flow_measures, "FRESH", 2000),
        (flow_measures, "INVERTED", 1200),
        (flow_training, "TRANSPORTED", 256),
    ):
        monkeypatch.setattr(module, name, value)
