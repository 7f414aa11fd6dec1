"""What is imported when: no Qt below the app, nothing heavy by ``import nodeviz``."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys

import nodeviz

QT = ("PySide6", "shiboken6", "pyqtgraph", "qtconsole", "qtpy", "ipykernel")
BLOCK = f"""
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {QT!r}:
            raise ImportError(f"{{name}} is blocked in this test")
sys.meta_path.insert(0, Blocked())
"""


def fresh(code: str) -> str:
    """Return what code prints in a new interpreter."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def below_app() -> list[str]:
    """Return every module of the package but the app's."""
    found = pkgutil.walk_packages(nodeviz.__path__, "nodeviz.")
    return [name for name in (module.name for module in found) if not f"{name}.".startswith("nodeviz.app.")]


def test_everything_below_the_app_imports_without_qt() -> None:
    modules = below_app()
    assert {"nodeviz.engine.arrays", "nodeviz.cli", "nodeviz.api", "nodeviz.doctor"} <= set(modules)
    fresh(f"{BLOCK}\nimport importlib\nfor name in {modules!r}: importlib.import_module(name)")


def test_commands_without_a_window_work_without_qt() -> None:
    main = "from nodeviz.cli import main"
    assert "phase" in fresh(f"{BLOCK}\n{main}\nassert main(['list']) == 0")
    run = "main(['run', 'phase', '--set', 'n_steps=5', '--json'])"
    assert json.loads(fresh(f"{BLOCK}\n{main}\nassert {run} == 0"))["panel"] == "phase"


def test_import_nodeviz_takes_the_standard_library_alone() -> None:
    show = (
        "import json, sys; before = set(sys.modules); import nodeviz; print(json.dumps([*set(sys.modules) - before]))"
    )
    loaded = {name.partition(".")[0] for name in json.loads(fresh(show))}
    assert loaded - sys.stdlib_module_names == {"nodeviz"}
    assert not loaded & {"importlib.metadata", "argparse", "asyncio", "logging", "subprocess"}, "slow to import"
