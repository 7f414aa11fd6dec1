"""What every test gets: no screen, no settings of the user, and the same random examples each time."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from pathlib import Path

# Before Qt or NumPy is imported. The real-window tests choose their platform themselves.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

pytest_plugins = ["pytester"]

hypothesis.settings.register_profile("nodeviz", deadline=None, derandomize=True, max_examples=60, database=None)
hypothesis.settings.load_profile("nodeviz")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long studies where tests run side by side: whoever is done early takes from the end."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(autouse=True)
def _own_settings(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the user's settings out of the tests, and the tests out of the user's settings."""
    folder = tmp_path_factory.mktemp("config")
    monkeypatch.setenv("NODEVIZ_CONFIG_DIR", str(folder))
    monkeypatch.setenv("IPYTHONDIR", str(folder / "ipython"))
    return folder
