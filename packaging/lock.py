"""Write the locks anew: name==version with hashes, for every platform and every Python from 3.11 on.

    .venv/bin/python -m pip install uv
    .venv/bin/python packaging/lock.py [--upgrade]

``run.lock`` holds what nodeviz needs and what installs it into ``.venv``; ``test.lock`` holds that and the tools of the
tests, ``app.lock`` that and what ``build_app.py`` builds the application with. Without ``--upgrade`` the versions stay,
as far as pyproject.toml allows.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SAME_VERSIONS = ["--constraint", "packaging/test.lock"]
LOCKS = {"test": ["--extra", "test"], "run": SAME_VERSIONS, "app": ["packaging/app.in", *SAME_VERSIONS]}


def main() -> None:
    """Resolve the tests' lock first; the others take their versions from it."""
    for name, options in LOCKS.items():
        command = [
            *(sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", "packaging/build.in", *options),
            *("--universal", "--python-version", "3.11", "--generate-hashes", "--no-emit-index-url", "--no-header"),
            *("--no-annotate", "--quiet", "--output-file", f"packaging/{name}.lock", *sys.argv[1:]),
        ]
        subprocess.run(command, cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
