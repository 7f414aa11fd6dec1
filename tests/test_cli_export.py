"""The command ``nodeviz export``: all panels at once, very many pictures, and being ended from outside."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from nodeviz import api, cli_export
from nodeviz.cli import main
from nodeviz.experiments.params import ParamError, declared
from nodeviz.experiments.run import Run
from nodeviz.experiments.shoot import Shoot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SMALL = ["--size", "320x180", "--fps", "10", "--seconds", "1"]
pytestmark = pytest.mark.usefixtures("qapp")


def test_all_panels_are_exported_into_one_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "grid", "--out", str(tmp_path / "a.gif"), *SMALL]) == 0
    assert "wrote" in capsys.readouterr().out
    with Image.open(tmp_path / "a.gif") as image:
        assert image.size == (320, 180)
        image.seek(0)
        first = np.asarray(image.convert("RGB")).astype(int)
        image.seek(image.n_frames - 1)  # type: ignore[attr-defined]
        moved = np.abs(first - np.asarray(image.convert("RGB"))).max(-1) > 20
    corners = [moved[y : y + 90, x : x + 160] for y in (0, 90) for x in (0, 160)]
    assert all(corner.any() for corner in corners)  # each panel has its own that moves
    assert main(["run", "phase", "--from", str(tmp_path / "a.gif"), "--json"]) == 0
    assert main(["run", "--from", str(tmp_path / "a.gif"), "--json"]) == 2
    assert "name one of them: phase, classifier, flow, latent" in capsys.readouterr().err


def test_python_exports_all_panels_too(tmp_path: Path) -> None:
    path = api.export("grid", tmp_path / "a.png", size=(640, 360), theme="light")
    with Image.open(path) as image:
        assert image.size == (640, 360)
    with pytest.raises(ParamError, match="those of one panel"):
        api.export("grid", tmp_path / "b.png", preset="spiral")
    assert main(["export", "all", "--out", str(tmp_path), "--preset", "spiral"]) == 2


@pytest.mark.parametrize("name", list(declared(Shoot)))
def test_each_option_is_there_in_command_line_and_python(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["export", "--help"])
    flag = f"--{name.replace('_', '-')}"
    text = capsys.readouterr().out
    assert flag in text or f"--no-{name}" in text
    assert f"{name}=" in (api.export.__doc__ or "")


def test_very_many_pictures_go_ahead_without_a_terminal_and_say_what_they_take(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli_export, "MANY", 5)
    assert main(["export", "phase", "--out", str(tmp_path / "a.mp4"), *SMALL]) == 0
    told = capsys.readouterr()
    assert told.err.startswith("nodeviz: 10 pictures, about ")
    assert (tmp_path / "a.mp4").is_file()


@pytest.mark.parametrize("answer", ["n", ""])
def test_a_million_pictures_are_asked_about_on_a_terminal(tmp_path: Path, answer: str) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "nodeviz", "export", "phase", "--out", str(tmp_path / "a.mp4")]
    with subprocess.Popen([*command, "--seconds", "33334"], stdin=theirs, stderr=theirs, stdout=theirs) as child:
        os.close(theirs)
        said = b""
        while b"[y/N]" not in said:
            said += os.read(ours, 1000)
        os.write(ours, f"{answer}\n".encode())
        assert child.wait(60) == 2
    os.close(ours)
    assert b"1,000,020 pictures, about " in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_export_ended_from_outside_leaves_nothing(tmp_path: Path, sign: signal.Signals, code: int) -> None:
    command = [sys.executable, "-m", "nodeviz", "export", "phase", "--out", str(tmp_path / "a.mp4"), "--seconds", "600"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as child:
        until = time.monotonic() + 60.0
        while not list(tmp_path.iterdir()) and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(0.3)
        child.send_signal(sign)
        assert child.wait(60) == code
    assert not list(tmp_path.iterdir())


def test_a_run_without_a_picture_ends_as_one_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(run: Run) -> Iterator[None]:
        run.message = "The file went away."
        yield None

    monkeypatch.setattr(Run, "updates", fails)
    for panel, over in (("phase", "time"), ("classifier", "training")):
        arguments = ["--set", "weights=fresh"] if over == "training" else []
        target = tmp_path / "a.gif"
        assert main(["export", panel, *arguments, "--over", over, "--out", str(target), *SMALL]) == 1
        assert capsys.readouterr().err == "nodeviz: The file went away.\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--at", "1"], "--at 1: each panel has a time of its own"),
        (["--plot", "2"], "no plot alone"),
        (["--over", "training"], "not all panels can"),
        (["--codec", "h264"], "leave it out"),
        (["--fps", "100"], "use 1 to 50"),
    ],
)
def test_what_a_gallery_cannot_be_is_said_before_its_first_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert main(["export", "all", "--out", str(tmp_path), *arguments]) == 2
    printed = capsys.readouterr()
    assert words in printed.err
    assert printed.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_gallery_has_the_size_rate_and_length_that_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[tuple[str, Shoot]] = []
    monkeypatch.setattr(cli_export, "write", lambda *given: written.append((given[2].name, given[3])))
    assert main(["export", "all", "--out", str(tmp_path), *SMALL]) == 0
    moving = [shoot for name, shoot in written if name.endswith(".gif")]
    assert {(shoot.size, shoot.fps, shoot.seconds, shoot.there_and_back) for shoot in moving} == {
        ((320, 180), 10.0, 1.0, True)
    }
    assert len(moving) == len(written) / 2 == 4
    assert main(["export", "all", "--out", str(tmp_path)]) == 0
    assert (written[-1][1].size, written[-1][1].fps, written[-1][1].seconds) == ((800, 450), 15.0, 6.0)
