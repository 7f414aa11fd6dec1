"""Run or test nodeviz from a checkout, with nothing but Python 3.11 or newer.

    python3 packaging/start.py run [arguments of nodeviz]
    python3 packaging/start.py test [arguments of pytest]

``run`` makes ``.venv`` beside this folder, installs the locked dependencies and the system libraries that a window
needs (on Debian and its relatives as root or with passwordless sudo; elsewhere it prints the exact line) and starts
nodeviz. Without a display it renders every panel into ``nodeviz-pictures/`` instead. A second run starts at once.

``test`` does the same with the tools of the tests, then runs every check: style, types, import contracts, tests, a real
window, an installed wheel. Given arguments, it runs pytest alone, with these.

The locks are written by ``packaging/lock.py``.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - older ones must hear of it, so this file has to parse there
    _found = ".".join(str(number) for number in sys.version_info[:2])
    sys.exit(f"nodeviz needs Python 3.11 or newer and this is Python {_found}; start {__file__} with a newer one")

import hashlib
import importlib.util
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
UNFINISHED = VENV / "nodeviz-unfinished"  # there while packages are being installed
PICTURES = ROOT / "nodeviz-pictures"
LOCKS = {"run": ROOT / "packaging" / "run.lock", "test": ROOT / "packaging" / "test.lock"}
SIDE_BY_SIDE = ("--numprocesses", "logical", "--dist", "worksteal")  # one pytest for each processor
TEXT_ONLY = (
    "list",
    "run",
    "train",
    "export",
    "doctor",
    "-h",
    "--help",
    "--version",
    "--reset",
)  # what asks for no window

sys.path.insert(0, str(ROOT))
from nodeviz import doctor  # noqa: E402 - standard library alone; the checkout is no installed package yet


def main(arguments: Sequence[str]) -> int:
    """Do what the first argument says and return the exit code."""
    if not arguments or arguments[0] not in LOCKS:
        print("usage: python3 packaging/start.py run|test [arguments]", file=sys.stderr)
        return 2
    try:
        return run(arguments[1:]) if arguments[0] == "run" else test(arguments[1:])
    except KeyboardInterrupt:
        return 130
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"nodeviz: {error}\nThen start the same command again.", file=sys.stderr)
        return 1


def run(arguments: Sequence[str]) -> int:
    """Start nodeviz; render pictures where no window can be shown."""
    prepare("run")
    if arguments and arguments[0] in TEXT_ONLY:
        return start([PYTHON, "-m", "nodeviz", *arguments])
    if doctor.has_display():
        return start([PYTHON, "-m", "nodeviz", *arguments]) if provide_libraries(x11=True) else 1
    print(f"There is no display: nodeviz renders each panel into {PICTURES} instead of opening its window.", flush=True)
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    return start([PYTHON, "-m", "nodeviz.app.render", "--out", PICTURES]) if provide_libraries(x11=False) else 1


def start(command: Sequence[str | Path]) -> int:
    """Become the given program, or wait for it where a process cannot become another."""
    words = [str(word) for word in command]
    if os.name == "nt":
        return subprocess.run(words, check=False).returncode
    sys.stdout.flush()
    return os.execv(words[0], words)


# The environment -----------------------------------------------------------------------------------------------------


def prepare(kind: str) -> None:
    """Make ``.venv`` hold exactly what the lock says, unless it does already; what was interrupted is made anew."""
    if is_prepared(kind) or (kind == "run" and is_prepared("test")):  # the tests' lock holds all of the other
        return
    if VENV.exists() and (UNFINISHED.exists() or not fits()):
        print(f"{VENV} is unfinished, moved or of another Python: making it anew.", flush=True)
        shutil.rmtree(VENV)
    if not VENV.exists():
        provide_venv_module()
        VENV.mkdir()
        UNFINISHED.touch()
        print(f"Making {VENV}", flush=True)
        call([getattr(sys, "_base_executable", sys.executable), "-m", "venv", VENV])
    UNFINISHED.touch()
    print("Installing the dependencies: about 300 MB the first time", flush=True)
    pip: list[str | Path] = [PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    pip += [] if sys.stdout.isatty() else ["--quiet"]
    call([*pip, "--require-hashes", "-r", LOCKS[kind]])
    call([*pip, "--no-deps", "--no-build-isolation", "--editable", ROOT])
    stamp_file(kind).write_text(stamp(kind), encoding="utf-8")
    UNFINISHED.unlink()


def is_prepared(kind: str) -> bool:
    """Return whether the environment was finished for this lock, project, place and Python."""
    file = stamp_file(kind)
    return not UNFINISHED.exists() and file.exists() and file.read_text(encoding="utf-8") == stamp(kind)


def stamp_file(kind: str) -> Path:
    """Return the file that a finished installation leaves in the environment."""
    return VENV / f"nodeviz-{kind}.stamp"


def stamp(kind: str) -> str:
    """Return what an installation depends on: where it is, whose Python, which packages and entry points."""
    packages = hashlib.sha256(LOCKS[kind].read_bytes() + (ROOT / "pyproject.toml").read_bytes()).hexdigest()
    return f"{place()}\n{packages}\n"


def place() -> str:
    """Return where the environment lies and whose Python it is, which no installation can mend afterwards."""
    return f"{VENV} Python {sys.version_info[0]}.{sys.version_info[1]}"


def fits() -> bool:
    """Return whether the environment works, here, with this Python and with pip."""
    stamps = [file.read_text(encoding="utf-8").splitlines()[:1] for file in VENV.glob("nodeviz-*.stamp")]
    if any(first != [place()] for first in stamps) or not PYTHON.exists():
        return False
    code = "import pip, sys; print('%s Python %d.%d' % (sys.prefix, *sys.version_info[:2]))"
    shown = subprocess.run([PYTHON, "-c", code], capture_output=True, text=True, check=False)
    return shown.returncode == 0 and shown.stdout.strip() == place()


def provide_venv_module() -> None:
    """Install Debian's venv module where Python came without it, or say how to."""
    if importlib.util.find_spec("ensurepip") is not None:
        return
    package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    if not install([package]):
        raise OSError(f"this Python has no venv module, which brings: sudo apt-get install -y {package}")


def call(command: Sequence[str | Path]) -> None:
    """Run a command that has to succeed."""
    subprocess.run([str(word) for word in command], check=True, stdin=subprocess.DEVNULL)


# System packages -----------------------------------------------------------------------------------------------------


def provide_libraries(*, x11: bool) -> bool:
    """Install what Qt lacks, or print the line that does; return whether all is there."""
    missing = tuple(library for library in doctor.missing_libraries() if x11 or not library.x11)
    if not missing:
        return True
    if install([library.package for library in missing]):
        return True
    names = ", ".join(library.soname for library in missing)
    print(f"nodeviz: Qt needs {names}; to install: {doctor.install_command(missing)}", file=sys.stderr)
    return False


def install(packages: Sequence[str]) -> bool:
    """Install Debian packages if this user may without being asked; return whether it worked."""
    if not shutil.which("apt-get"):
        return False
    as_root = [] if doctor.is_root() else ["sudo", "-n", "env"]
    if as_root and not (shutil.which("sudo") and succeeds(["sudo", "-n", "true"], quiet=True)):
        return False
    print(f"Installing the system packages {' '.join(packages)}", flush=True)
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    apt = [*as_root, *(["DEBIAN_FRONTEND=noninteractive"] if as_root else []), "apt-get", "-qq"]
    # An old list is better than none: what is already known can still be installed when the update fails.
    succeeds([*apt, "update"])
    return succeeds([*apt, "install", "-y", "--no-install-recommends", *packages])


def succeeds(command: Sequence[str], *, quiet: bool = False) -> bool:
    """Run a command without showing its output; show what it complained of if it failed, unless quiet."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode and not quiet:
        print(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}", file=sys.stderr)
    return done.returncode == 0


# The checks ----------------------------------------------------------------------------------------------------------


def test(arguments: Sequence[str]) -> int:
    """Run every check, each whatever became of the others, and return 1 if one failed."""
    prepare("test")
    if not provide_libraries(x11=False):
        return 1
    # Checks see neither a real screen nor what an outer Python set up.
    os.environ.pop("PYTHONPATH", None)
    offscreen = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}

    def module(*words: str) -> Callable[[], str]:
        return lambda: outcome(subprocess.run([PYTHON, "-m", *words], cwd=ROOT, env=offscreen, check=False))

    if arguments:
        return subprocess.run([PYTHON, "-m", "pytest", *arguments], cwd=ROOT, env=offscreen, check=False).returncode
    stages: dict[str, Callable[[], str]] = {
        "style": module("ruff", "check"),
        "format": module("ruff", "format", "--check"),
        "types": module("mypy"),
        "import contracts": lambda: outcome(
            subprocess.run([PYTHON.parent / "lint-imports"], cwd=ROOT, env=offscreen, check=False)
        ),
        "tests": module("pytest", *SIDE_BY_SIDE, "-m", "not alone"),
        "tests one by one": module("pytest", "-m", "alone"),
        "real window": check_window,
        "wheel": lambda: outcome(subprocess.run([PYTHON, ROOT / "packaging" / "check_wheel.py"], check=False)),
    }
    results = {title: timed(title, stage) for title, stage in stages.items()}
    print("\nAll checks:")
    for title, (result, seconds) in results.items():
        print(f"  {title:18} {seconds:6.1f} s  {result}")
    return 1 if any(result == "failed" for result, _ in results.values()) else 0


def timed(title: str, stage: Callable[[], str]) -> tuple[str, float]:
    """Run one check under its heading; return its result and its seconds."""
    print(f"\n=== {title}", flush=True)
    begin = time.monotonic()
    result = stage()
    seconds = time.monotonic() - begin
    print(f"=== {title}: {result} after {seconds:.1f} s", flush=True)
    return result, seconds


def outcome(done: "subprocess.CompletedProcess[bytes]") -> str:
    """Return the result of a check that ran as a process."""
    return "failed" if done.returncode else "ok"


def check_window() -> str:
    """Open the real window on a virtual X server, where there is one."""
    if not sys.platform.startswith("linux"):
        return "skipped: the virtual screen of this check (Xvfb) is for Linux; start nodeviz and look"
    if not provide_libraries(x11=True):
        return "skipped: the libraries named above are missing"
    if not shutil.which("Xvfb") and not install(["xvfb"]):
        return "skipped: no Xvfb; install it with: sudo apt-get install -y xvfb"
    return outcome(subprocess.run([PYTHON, ROOT / "packaging" / "check_window.py"], check=False))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
