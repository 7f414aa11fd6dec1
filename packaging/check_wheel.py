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
    check_desktop(venv)
    solvers = ", ".join(summary["metrics"]["solvers"])
    print(f"nodeviz list and nodeviz run phase work: {solvers} in {summary['seconds']:.2f} s")


def check_desktop(venv: Path) -> None:
    """See that the menu's entry, its icons and its description lie where a desktop looks below the prefix."""
    share = venv / "share"
    (entry,) = share.glob("applications/*.desktop")
    values = dict(line.split("=", 1) for line in entry.read_text("utf-8").splitlines() if "=" in line)
    if not (venv / SCRIPTS / values["Exec"]).exists():
        sys.exit(f"{entry.name}: Exec={values['Exec']} is no command of the wheel")
    if not list(venv.glob(f"{SCRIPTS}/nodeviz-window*")):
        sys.exit("the wheel has no nodeviz-window, which opens the window without a terminal")
    icons = [*share.glob(f"icons/hicolor/*/apps/{values['Icon']}.*")]
    if not {".png", ".svg"} <= {icon.suffix for icon in icons}:
        sys.exit(f"{entry.name}: Icon={values['Icon']} is not among the icons: {icons}")
    if not (share / "metainfo" / f"{entry.stem}.metainfo.xml").exists():
        sys.exit(f"{entry.name}: no AppStream data of that name in {share / 'metainfo'}")
    print(f"{entry.name}, its description and {len(icons)} icons are in {share.name}/")


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
