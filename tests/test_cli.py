"""The command line: exit codes, what is printed where, what is written and what is not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from nodeviz import __version__, cli
from nodeviz.experiments import registry
from nodeviz.experiments.base import Update, flatten
from nodeviz.experiments.params import declared
from nodeviz.experiments.phase import PHASE
from nodeviz.experiments.presets import presets
from nodeviz.media.formats import Options
from nodeviz.media.stills import write_png
from nodeviz.problems.systems import SYSTEMS

if TYPE_CHECKING:
    from collections.abc import Callable

KEYS = ["panel", "preset", "params", "seed", "status", "message", "seconds", "metrics"]
SOLVER_KEYS = {
    "y_final",
    "final_error",
    "max_error",
    "nfe",
    "n_accepted",
    "n_rejected",
    "status",
    "message",
    "observed_order",
    "remark",
    "starts",
}


def run_cli(*arguments: str, timeout: float = 60.0, **environment: str | None) -> subprocess.CompletedProcess[str]:
    """Run the program as a process of its own; a variable given as None is taken away."""
    variables = {**os.environ, **environment}
    return subprocess.run(
        [sys.executable, "-m", "nodeviz", *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={name: value for name, value in variables.items() if value is not None},
        check=False,
    )


def call(*arguments: str) -> int:
    """Run a command in this process and return its exit code."""
    try:
        return cli.main(list(arguments))
    except SystemExit as end:
        return int(end.code or 0)


def refuse_constant(text: str) -> Any:
    raise AssertionError(f"{text} is not JSON")


def strict_json(text: str) -> Any:
    return json.loads(text, parse_constant=refuse_constant)


# What is printed.


def test_run_json_prints_the_summary_and_nothing_else() -> None:
    done = run_cli("run", "phase", "--preset", "spiral", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    summary = strict_json(done.stdout)
    assert list(summary) == KEYS
    assert (summary["panel"], summary["preset"], summary["seed"]) == ("phase", "spiral", 0)
    assert (summary["status"], summary["message"]) == ("ok", "")
    assert set(summary["params"]) == set(declared(PHASE.params))
    assert list(summary["metrics"]) == ["solvers", "reference", "equilibria", "limit_cycles"]
    assert list(summary["metrics"]["solvers"]) == ["euler", "rk4"]
    for entry in summary["metrics"]["solvers"].values():
        assert set(entry) == SOLVER_KEYS
        assert len(entry["starts"]) == 1
    assert summary["metrics"]["solvers"]["euler"]["final_error"] == pytest.approx(2.5090755, rel=1e-7)
    (rest,) = summary["metrics"]["equilibria"]
    assert rest == {
        "point": [0.0, 0.0],
        "eigenvalues": [pytest.approx([-0.1, -1.0]), pytest.approx([-0.1, 1.0])],
        "kind": "stable spiral",
    }


def test_what_is_not_finite_is_null(capsys: pytest.CaptureFixture[str]) -> None:
    code = call("run", "phase", "--set", "equations=x' = x*x; y' = -y", "--set", "start=1,1", "--set", "t1=3", "--json")
    summary = strict_json(capsys.readouterr().out)
    assert code == 0  # a solver that blows up is a result, not a failure of the run
    assert summary["metrics"]["reference"]["y_final"] == [None, None]
    assert summary["metrics"]["solvers"]["rk4"]["final_error"] is None
    assert summary["metrics"]["solvers"]["rk4"]["status"] == "nonfinite"


def test_the_same_seed_gives_the_same_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    printed = []
    for _ in range(2):
        assert call("run", "phase", "--preset", "typed", "--seed", "3", "--json") == 0
        printed.append(strict_json(capsys.readouterr().out))
    assert printed[0]["metrics"] == printed[1]["metrics"]
    assert printed[0]["seed"] == 3


def test_params_of_a_summary_repeat_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        call("run", "phase", "--preset", "typed", "--set", "parameters=a=0.5", "--set", "solvers=rk4:30", "--json") == 0
    )
    first = strict_json(capsys.readouterr().out)
    from nodeviz.experiments.run import Run

    again = Run("phase", changes=first["params"]).summary()
    assert strict_json(json.dumps(again))["metrics"] == first["metrics"]


def test_without_json_the_summary_is_still_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("run", "phase") == 0
    assert list(strict_json(capsys.readouterr().out)) == KEYS


def test_list_json_names_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("list", "--json") == 0
    listed = strict_json(capsys.readouterr().out)
    assert set(listed) == set(registry.REGISTRY)
    phase = listed["phase"]
    assert set(phase["presets"]) == set(presets("phase"))
    assert set(phase["params"]) == set(declared(PHASE.params))
    assert set(phase["metrics"]) == set(PHASE.metrics)
    assert phase["params"]["n_steps"]["limits"] == "whole number, 1 to 1000000"
    assert phase["params"]["n_steps"]["default"] == 15
    for entry in phase["params"].values():
        assert entry["help"]
        assert entry["limits"]


def test_list_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("list") == 0
    text = capsys.readouterr().out
    for word in (
        "phase: Phase portrait",
        "van-der-pol",
        "rtol",
        "1e-12 to 0.1; default 1e-6",
        "limit_cycles",
        SYSTEMS["hopf"].note,
    ):
        assert word in text


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--version") == 0
    assert capsys.readouterr().out == f"nodeviz {__version__}\n"
    assert call("--help") == 0
    text = capsys.readouterr().out
    for word in ("list", "run", "export", "doctor", "--panel", "--preset"):
        assert word in text


def test_export_writes_an_animation_that_run_repeats(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "spiral.gif"
    arguments = ("--preset", "spiral", "--set", "n_steps=20", "--seed", "4", "--size", "320x180", "--seconds", "1")
    assert call("export", "phase", *arguments, "--fps", "10", "--out", str(path)) == 0
    assert f"wrote {path}" in capsys.readouterr().out
    with Image.open(path) as image:
        assert (image.size, image.n_frames) == ((320, 180), 10)  # type: ignore[attr-defined]
    assert call("run", "--from", str(path), "--json") == 0
    repeated = json.loads(capsys.readouterr().out)
    assert call("run", "phase", "--preset", "spiral", "--set", "n_steps=20", "--seed", "4", "--json") == 0
    first = json.loads(capsys.readouterr().out)
    assert (repeated["params"], repeated["seed"]) == (first["params"], 4)
    assert repeated["metrics"]["solvers"] == first["metrics"]["solvers"]


def still(tmp_path: Path, note: object) -> str:
    """Write a picture with a note, as JSON or as it is."""
    path = tmp_path / "a.png"
    text = note if isinstance(note, str) else json.dumps(note)
    write_png(path, np.zeros((8, 8, 4), np.uint8), Options(size=(8, 8), note=text))
    return str(path)


def test_what_stands_beside_from_is_heard(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    note = {"panel": "phase", "preset": "spiral", "params": {"n_steps": 12}, "seed": 4}
    path = still(tmp_path, note)
    assert call("run", "--from", path, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["preset"], told["seed"]) == ("spiral", 4)
    assert call("run", "--from", path, "--seed", "7", "--json") == 0
    assert json.loads(capsys.readouterr().out)["seed"] == 7
    assert call("run", "--from", path, "--preset", "spiral", "--json") == 2
    assert "beside --from" in capsys.readouterr().err
    assert call("run", "--from", path, "--seed", "-1", "--json") == 2
    assert "seed=-1" in capsys.readouterr().err


@pytest.mark.parametrize(
    "note",
    [
        "5", "[]", "null", '"text"', "[" * 100_000, {}, {"panels": 5}, {"panels": []}, {"panels": [5]},
        {"panel": 3, "params": {}, "seed": 0}, {"panel": "phase", "params": [], "seed": 0},
        {"panel": "phase", "params": {}}, {"panel": "phase", "params": {"n_steps": [1]}, "seed": 0},
        {"panel": "phase", "params": {}, "seed": {}}, {"panel": "none", "params": {}, "seed": 0},
    ],
)  # fmt: skip
def test_any_note_is_read_or_refused_in_one_line(
    note: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("run", "--from", still(tmp_path, note), "--json") == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--out", "x.avi"], [".avi is not a format", ".mp4"]),
        (["--out", "none/x.gif"], ["there is no folder none", "make it first"]),
        (["--out", "x.mp4", "--size", "321x180"], ["321x180", "even numbers", "322x180"]),
        (["--out", "x.gif", "--fps", "0"], ["--fps 0", "use 1 to 50"]),
        (["--out", "x.gif", "--over", "training"], ["nothing to train"]),
        (["--out", "x.png", "--at", "99"], ["--at 99", "use 0 to 6"]),
        (["--out", "x.png", "--plot", "9"], ["--plot 9", "use 1 to"]),
        (["--out", "x.png", "--size", "big"], ["--size big", "WIDTHxHEIGHT"]),
    ],
)
def test_a_bad_export_is_one_line_and_leaves_nothing(
    arguments: list[str], words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert call("export", "phase", "--preset", "spiral", *arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert all(word in printed.err for word in words), printed.err
    assert not list(tmp_path.iterdir())


# Bad usage: one line on stderr, nothing on stdout, exit code 2.


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "n_steps=0"], ["n_steps=0", "below the limit 1", "use 1 or more"]),
        (["--set", "n_steps=1000000000000"], ["n_steps=1000000000000", "above the limit 1000000", "or less"]),
        (["--set", "n_steps=2.5"], ["n_steps=2.5", "not a whole number"]),
        (["--set", "rtol=-1"], ["rtol=-1", "below the limit 1e-12", "use 1e-12 or more"]),
        (["--set", "rtol=1e-17"], ["rtol=1e-17", "below the limit 1e-12", "use 1e-12 or more"]),
        (["--set", "rtol=nan"], ["rtol=nan", "not a finite number"]),
        (["--set", "t1=0"], ["t1=0", "equal to t0", "use another"]),
        (["--set", "t0=3", "--set", "t1=3"], ["t1=3", "equal to t0"]),
        (["--set", "t1=inf"], ["t1=inf", "not a finite number"]),
        (["--set", "t0=-inf"], ["t0=-inf", "not a finite number"]),
        (["--set", "t1=soon"], ["t1=soon", "not a number", "write it like"]),
        (["--set", "start=1"], ["start=1", "a point has 2", "2,0"]),
        (["--set", "start=1,2,3"], ["start=1,2,3", "3 numbers", "a point has 2"]),
        (["--set", "start=1,nan"], ["start=nan", "not a finite number"]),
        (["--set", "start="], ["start", "0 points", "1 to 64"]),
        (["--set", "parameters=mu"], ["parameters=mu", "no value", "name=number"]),
        (["--set", "parameters=mu=1"], ["'mu'", "not a parameter of this system"]),
        (["--set", "parameters=decay=inf"], ["decay", "not a finite number"]),
        (["--set", "x_range=4,-4"], ["x_range=4,-4", "must be larger"]),
        (["--set", "work=effort"], ["work=effort", "unknown"]),
        (["--set", "system=van-der-pole"], ["system=van-der-pole", "did you mean 'van-der-pol'"]),
        (["--set", "solvers=rk5"], ["solvers=rk5", "unknown solver", "did you mean"]),
        (["--set", "solvers=rk4:0"], ["solvers=rk4:0", "fixed steps", "rk4:60"]),
        (["--set", "solvers=rk4:1e-6"], ["rk4:1e-6", "fixed steps", "rk4:60"]),
        (["--set", "solvers=dopri5:1e-17"], ["dopri5", "1e-17", "below the limit 1e-12"]),
        (["--set", "solvers="], ["solvers", "0 entries", "1 to 8"]),
        (["--set", "stepz=3"], ["stepz", "no such parameter", "did you mean 'n_steps'"]),
        (["--set", "n_steps"], ["--set n_steps", "no value", "name=value"]),
        (["--set", "equations=x' = sinn(y); y' = 1"], ["equations", "sinn", "sin"]),
        (["--set", "equations=x' = 10**10**10; y' = 1"], ["equations"]),
        (["--set", "equations=x' = __import__('os'); y' = 1"], ["equations"]),
        (["--set", "equations=x' = y"], ["equations", "y'"]),
        (["--set", "equations=x' = y; y' = -x", "--set", "system=hopf"], ["equations", "system=hopf", "leave one out"]),
        (["--set", "system=custom", "--set", "equations="], ["equations"]),
        (["--preset", "spirral"], ["preset=spirral", "did you mean 'spiral'"]),
        (["--seed", "-1"], ["seed=-1", "below the limit 0"]),
        (["--seed", "1.5"], ["seed=1.5", "not a whole number"]),
        (["--seed", "x"], ["seed=x", "not a number"]),
        (["--seed", "99999999999999999999"], ["seed", "above the limit"]),
        (["--speed", "3"], ["--speed", "--help"]),
        (["--out"], ["--out", "expected one argument"]),
    ],
)
def test_bad_usage_is_one_line(arguments: list[str], words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert call("run", "phase", *arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("nodeviz: ")
    assert printed.err.count("\n") == 1
    assert len(printed.err) < 400
    for word in words:
        assert word in printed.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "fase"], ["panel=fase", "did you mean 'phase'"]),
        (["run"], ["PANEL"]),
        (["rum", "phase"], ["rum", "did you mean 'run'"]),
        (["it's"], ["it's: no such command", "did you mean 'list'"]),
        (["--panel", "fase"], ["panel=fase", "did you mean 'phase'"]),
        (["--preset", "spirral"], ["preset=spirral", "did you mean 'spiral'"]),
        (["--colour"], ["--colour"]),
    ],
)
def test_unknown_names_get_the_nearest_one(
    arguments: list[str], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(*arguments) == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    for word in words:
        assert word in printed.err


def test_every_letter_of_a_long_seed_counts(capsys: pytest.CaptureFixture[str]) -> None:
    seed = 2**53 - 1
    assert call("run", "phase", "--seed", str(seed), "--json") == 0
    assert strict_json(capsys.readouterr().out)["seed"] == seed
    assert call("run", "phase", "--seed", str(2**53 + 1), "--json") == 2  # it would be another one


# What is written.


def test_out_writes_the_summary_and_the_frames(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "deep" / "er"
    assert call("run", "phase", "--preset", "van-der-pol", "--out", str(folder), "--json") == 0
    summary = strict_json(capsys.readouterr().out)
    assert sorted(path.name for path in folder.iterdir()) == ["frames.npz", "summary.json"]
    assert strict_json((folder / "summary.json").read_text("utf-8")) == summary
    from nodeviz.experiments.run import Run

    frames = list(Run("phase", preset="van-der-pol"))
    with np.load(folder / "frames.npz", allow_pickle=False) as stored:
        assert set(stored.files) == {name for name, _ in flatten(frames[-1])}
        assert {len(stored[name]) for name in stored.files} == {len(frames)}
        np.testing.assert_array_equal(stored["paths.y"][-1], frames[-1].paths.y)  # type: ignore[attr-defined]
        assert stored["portrait.kinds"][-1].tolist() == ["unstable spiral"]


def test_out_without_json_says_what_was_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("run", "phase", "--out", str(tmp_path)) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith(f"wrote {tmp_path}")
    assert printed.err == ""


@pytest.mark.parametrize("where", ["file", "under_file", "read_only"])
def test_an_out_that_cannot_be_written_is_bad_usage(
    where: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "read_only").mkdir(mode=0o555)
    if where == "read_only" and os.access(tmp_path / "read_only", os.W_OK):
        target = Path("/proc/nodeviz")  # root may write anywhere but there
    else:
        target = {"file": tmp_path / "file", "under_file": tmp_path / "file" / "x"}.get(where, tmp_path / "read_only")
    assert call("run", "phase", "--out", str(target)) == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert f"--out {target}" in printed.err
    assert "name a folder that can be written" in printed.err


# Runs that fail, and runs that are stopped.


def with_steps(monkeypatch: pytest.MonkeyPatch, steps: Callable[..., Any]) -> None:
    changed = replace(PHASE, steps=steps)
    monkeypatch.setattr(registry, "REGISTRY", MappingProxyType({"phase": changed}))


def test_a_run_that_raises_is_exit_code_1_and_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def steps(*_: object) -> Any:
        yield Update(progress=0.5)
        raise ZeroDivisionError("planted")

    with_steps(monkeypatch, steps)
    assert call("run", "phase", "--json", "--out", str(tmp_path / "out")) == 1
    printed = capsys.readouterr()
    assert printed.err == "nodeviz: ZeroDivisionError: planted\n"
    summary = strict_json(printed.out)
    assert list(summary) == KEYS
    assert (summary["status"], summary["message"]) == ("failed", "ZeroDivisionError: planted")
    assert summary["metrics"] == {}
    assert list(tmp_path.rglob("*.*")) == []


def test_a_run_that_diverges_is_exit_code_1_with_its_summary_and_its_frames(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    changes = [f"--set={change}" for change in ("lr=1e6", "steps=20", "n_points=200")]
    assert call("run", "classifier", *changes, "--json", "--out", str(tmp_path)) == 1
    printed = capsys.readouterr()
    summary = strict_json(printed.out)
    assert summary["status"] == "nonfinite"
    assert "lower lr=1e+06" in summary["message"]
    assert printed.err == f"nodeviz: {summary['message']}\n"
    assert summary["metrics"]
    assert {path.name for path in tmp_path.iterdir()} == {"summary.json", "frames.npz"}


def test_a_full_disk_is_exit_code_1_and_leaves_nothing_half_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def full(file: Any, **_: object) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    assert call("run", "phase", "--out", str(tmp_path)) == 1
    assert capsys.readouterr().err == f"nodeviz: --out {tmp_path}: No space left on device; nothing was written\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("json_wanted", [True, False])
def test_ctrl_c_ends_with_130_and_nothing_half_written(tmp_path: Path, json_wanted: bool) -> None:
    arguments = [
        "run",
        "phase",
        "--set",
        "n_steps=1000000",
        "--set",
        "solvers=rk4, rk38, heun, kutta3",
        "--set",
        "t1=900",
    ]
    arguments += ["--out", str(tmp_path / "out"), *(["--json"] if json_wanted else [])]
    process = subprocess.Popen(
        [sys.executable, "-m", "nodeviz", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 20
    while not (tmp_path / "out").exists() and time.monotonic() < deadline:  # made when the run begins
        time.sleep(0.01)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert out == ""
    assert err == "nodeviz: interrupted; nothing was written\n"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_reader_that_goes_away_is_no_error() -> None:
    done = subprocess.run(
        f"{sys.executable} -m nodeviz list --json | head -n 1", shell=True, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("{\n", "")


# What is loaded, and what is not.


def test_run_and_list_load_no_qt() -> None:
    code = (
        "import sys; from nodeviz import cli; "
        "codes = [cli.main(['run', 'phase', '--json']), cli.main(['list'])]; "
        "print(codes, sorted(n for n in sys.modules if 'PySide' in n or 'pyqtgraph' in n or 'qtconsole' in n))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "[0, 0] []"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is always a display")
def test_without_a_display_the_window_is_one_sentence_and_exit_code_2() -> None:
    done = run_cli(QT_QPA_PLATFORM=None, DISPLAY=None, WAYLAND_DISPLAY=None)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    for word in (
        "no display",
        "nodeviz list",
        "nodeviz run PANEL --json",
        "nodeviz export PANEL --out FILE",
        "nodeviz doctor",
    ):
        assert word in done.stderr


def test_one_blas_thread_unless_the_user_says_otherwise() -> None:
    code = (
        "import atexit, os, sys; sys.argv[1:] = ['--version']; import nodeviz.__main__ as program; "
        "atexit.register(lambda: print(os.environ['OPENBLAS_NUM_THREADS'])); program.main()"
    )
    for given, expected in ((None, "1"), ("3", "3")):
        variables = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
        if given:
            variables["OPENBLAS_NUM_THREADS"] = given
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=variables, check=True)
        assert done.stdout.split()[-1] == expected
