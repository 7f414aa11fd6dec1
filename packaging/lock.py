"""Write the locks anew: name==version with hashes, for every platform and every Python from 3.11 on.

    .venv/bin/python -m pip install uv
    .venv/bin/python packaging/lock.py [--upgrade]

``run.lock`` holds what nodeviz needs and what installs it into ``.venv``; ``test.lock`` holds that and the tools of the
tests. Without ``--upgrade`` the versions stay, as far as pyproject.toml allows.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCKS = {"test": ["--extra", "test"], "run": ["--constraint", "packaging/test.lock"]}  # run: the versions of test


def main() -> None:
    """Resolve the tests' lock first; the other one is a part of it."""
    for name, options in LOCKS.items():
        command = [
            *(sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", "packaging/build.in", *options),
            *("--universal", "--python-version", "3.11", "--generate-hashes", "--no-emit-index-url", "--no-header"),
            *("--no-annotate", "--quiet", "--output-file", f"packaging/{name}.lock", *sys.argv[1:]),
        ]
        subprocess.run(command, cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
