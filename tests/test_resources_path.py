"""The shipped files are found in a checkout, an unpacked wheel and a PyInstaller bundle."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from nodeviz import resources_path as module
from nodeviz.resources_path import resource_path

CHECKOUT = Path(__file__).resolve().parents[1]
SHOW = "from nodeviz.resources_path import resource_path; print(resource_path())"


def test_a_checkout() -> None:
    """An editable install is the same: its package lies in the checkout."""
    assert resource_path() == CHECKOUT / "resources"


@pytest.mark.slow
def test_a_wheel(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(CHECKOUT)]
    built = subprocess.run(build, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    unpacked = tmp_path / "site-packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(unpacked)
    shipped = [path.relative_to(CHECKOUT / "resources") for path in (CHECKOUT / "resources").rglob("*.*")]
    assert all((unpacked / "nodeviz" / "resources" / path).is_file() for path in shipped)
    assert not (unpacked / "tests").exists()
    # -I: neither the checkout nor the environment's own nodeviz is on the path.
    code = f"import sys; sys.path.insert(0, {str(unpacked)!r}); {SHOW}"
    run = subprocess.run([sys.executable, "-I", "-c", code], check=True, capture_output=True, text=True, cwd=tmp_path)
    assert Path(run.stdout.strip()) == unpacked / "nodeviz" / "resources"


def test_a_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "nodeviz" / "resources"
    folder.mkdir(parents=True)
    (folder / "icon.svg").write_text("<svg/>")
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    assert resource_path("icon.svg") == folder / "icon.svg"


def test_a_missing_file_is_named() -> None:
    with pytest.raises(FileNotFoundError, match=r"'icons/none\.svg': not in .*resources"):
        resource_path("icons", "none.svg")


@pytest.mark.parametrize("parts", [("..", "pyproject.toml"), ("/",)])
def test_nothing_outside_is_handed_out(parts: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="leads out of"):
        resource_path(*parts)


def test_an_installation_without_resources_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PACKAGE", tmp_path / "nodeviz")
    with pytest.raises(FileNotFoundError, match="install nodeviz again"):
        resource_path()
