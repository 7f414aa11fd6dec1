"""Build the wheel, install it with the locked dependencies into an empty environment, use it from another folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = "Scripts" if os.name == "nt" else "bin"


def main() -> None:
    """Fail at the first thing that a user of the wheel would miss."""
    with tempfile.TemporaryDirectory(prefix="nodeviz-wheel-") as folder:
        check(Path(folder))


def check(folder: Path) -> None:
    """Build, install and use the wheel below a folder that is empty."""
    venv, elsewhere = folder / "venv", folder / "elsewhere"
    elsewhere.mkdir()
    call(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT)
    (wheel,) = folder.glob("*.whl")
    print(f"{wheel.name}: {wheel.stat().st_size / 1e3:.0f} kB", flush=True)

    call(sys.executable, "-m", "venv", venv)
    pip: list[str | Path] = [venv / SCRIPTS / "python", "-m", "pip", "--disable-pip-version-check", "install"]
    pip += ["--quiet", "--no-compile"]  # little of all the code is used, once
    call(*pip, "--require-hashes", "-r", ROOT / "packaging" / "run.lock")
    call(*pip, "--no-deps", wheel)

    nodeviz = venv / SCRIPTS / "nodeviz"
    listed = call(nodeviz, "list", cwd=elsewhere)
    if "phase" not in listed:
        sys.exit(f"nodeviz list: does not name the phase panel:\n{listed}")
    summary = json.loads(call(nodeviz, "run", "phase", "--json", cwd=elsewhere))
    if summary["panel"] != "phase" or summary["status"] != "ok" or not summary["metrics"]["solvers"]:
        sys.exit(f"nodeviz run phase --json: not the expected summary:\n{summary}")
    if left := list(elsewhere.iterdir()):
        sys.exit(f"nodeviz left files in the current folder: {left}")
    solvers = ", ".join(summary["metrics"]["solvers"])
    print(f"nodeviz list and nodeviz run phase work: {solvers} in {summary['seconds']:.2f} s")


def call(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a command that has to succeed, without the checkout on its path; return what it printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHONPATH")}
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(words)}: ended with code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
