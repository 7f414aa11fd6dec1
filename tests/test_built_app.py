"""What the built application and the desktop need: icons, entry, description, notices, and what is left out.

Building it takes minutes: `python3 packaging/build_app.py` does, and uses what it built.
"""

from __future__ import annotations

import ast
import configparser
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest
from PIL import Image
from test_packaging import script

import nodeviz
from nodeviz.app.application import DESKTOP_FILE
from nodeviz.resources_path import resource_path

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
PACKAGING = ROOT / "packaging"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
ENTRY = PACKAGING / "desktop" / f"{DESKTOP_FILE}.desktop"
METAINFO = PACKAGING / "desktop" / f"{DESKTOP_FILE}.metainfo.xml"


@pytest.fixture
def contents(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return the module that says what is left out."""
    monkeypatch.syspath_prepend(str(PACKAGING))
    yield script("app_contents")
    sys.modules.pop("app_contents", None)


def read_entry(path: Path) -> dict[str, str]:
    """Return the keys of a desktop entry."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(path, encoding="utf-8")
    return dict(parser["Desktop Entry"])


# The desktop ---------------------------------------------------------------------------------------------------------


def test_versions_agree() -> None:
    release = ElementTree.parse(METAINFO).getroot().find("releases/release")
    assert release is not None
    assert release.get("version") == nodeviz.__version__ == PYPROJECT["project"]["version"]


def test_the_entry_starts_a_command_of_the_wheel_and_shows_an_icon_that_ships() -> None:
    entry = read_entry(ENTRY)
    assert entry["Exec"] in PYPROJECT["project"]["scripts"]
    assert entry["Type"] == "Application"
    assert entry["Terminal"] == "false"
    assert entry["Categories"].endswith(";")
    for folder in resource_path("icons", "hicolor").iterdir():
        assert (folder / "apps" / f"{entry['Icon']}.png").is_file()
    assert resource_path("icons", f"{entry['Icon']}.svg").is_file()


def test_the_description_names_the_entry_and_the_command() -> None:
    root = ElementTree.parse(METAINFO).getroot()
    assert root.findtext("id") == DESKTOP_FILE
    assert root.findtext("launchable") == ENTRY.name
    assert root.findtext("provides/binary") == read_entry(ENTRY)["Exec"]
    assert root.findtext("icon") == read_entry(ENTRY)["Icon"]
    assert root.findtext("project_license") == PYPROJECT["project"]["license"]
    assert [category.text for category in root.iterfind("categories/category")] == (
        read_entry(ENTRY)["Categories"].rstrip(";").split(";")
    )


@pytest.mark.parametrize(
    ("tool", "file"), [(("desktop-file-validate",), ENTRY), (("appstreamcli", "validate", "--no-net"), METAINFO)]
)
def test_the_desktop_s_own_tools_find_no_fault(tool: tuple[str, ...], file: Path) -> None:
    """Where they are installed; the build says so where they are not."""
    if shutil.which(tool[0]):
        done = subprocess.run([*tool, str(file)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_wheel_carries_all_of_it() -> None:
    shared = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    assert all((ROOT / source).exists() for source in shared)
    assert set(shared.values()) >= {f"share/applications/{ENTRY.name}", f"share/metainfo/{METAINFO.name}"}
    assert shared["resources/icons/hicolor"] == "share/icons/hicolor"


# The icons -----------------------------------------------------------------------------------------------------------


def test_each_icon_has_its_size_a_picture_and_round_corners() -> None:
    sizes = set()
    for folder in resource_path("icons", "hicolor").iterdir():
        size = int(folder.name.partition("x")[0])
        with Image.open(folder / "apps" / "nodeviz.png") as icon:
            assert icon.size == (size, size)
            pixels = icon.convert("RGBA")
        assert pixels.getpixel((0, 0))[3] < 128  # type: ignore[index]
        assert len(pixels.getcolors(size * size) or ()) > 30
        sizes.add(size)
    assert {16, 24, 32, 48, 64, 128, 256} <= sizes


def test_the_containers_of_windows_and_macos_hold_small_and_large_pictures() -> None:
    with Image.open(PACKAGING / "icons" / "nodeviz.ico") as ico:
        assert {(16, 16), (32, 32), (48, 48), (256, 256)} <= ico.info["sizes"]
    with Image.open(PACKAGING / "icons" / "nodeviz.icns") as icns:
        assert {(16, 16, 2), (512, 512, 2)} <= set(icns.info["sizes"])


def test_the_icons_are_those_that_the_script_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = script("draw_icons")
    monkeypatch.setattr(draw, "ICONS", tmp_path / "icons")
    monkeypatch.setattr(draw, "BUNDLES", tmp_path / "bundles")
    draw.main()
    drawn = {path.relative_to(tmp_path / "icons") for path in tmp_path.rglob("icons/**/nodeviz.*")}
    assert drawn == {
        path.relative_to(ROOT / "resources" / "icons") for path in resource_path("icons").rglob("nodeviz.*")
    }
    assert (tmp_path / "icons" / "nodeviz.svg").read_text() == resource_path("icons", "nodeviz.svg").read_text()


# What the application holds ------------------------------------------------------------------------------------------


def test_every_resource_is_bundled(contents: Any) -> None:
    assert '(str(ROOT / "resources"), "nodeviz/resources")' in (PACKAGING / "nodeviz.spec").read_text("utf-8")
    files = [path.relative_to(ROOT) for path in resource_path().rglob("*") if path.is_file()]
    assert {path.parts[1] for path in files} >= {"presets", "weights", "data", "icons", "pictures"}
    assert [path for path in files if not contents.keeps(f"nodeviz/{path.as_posix()}")] == []


def test_nothing_that_nodeviz_imports_is_left_out(contents: Any) -> None:
    imported = set()
    for path in (ROOT / "nodeviz").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                imported.add(node.module)
    assert {"PySide6.QtWidgets", "scipy.linalg", "qtconsole.rich_jupyter_widget"} <= imported
    excluded = tuple(contents.EXCLUDED_MODULES)
    assert [name for name in imported if any(f"{name}.".startswith(f"{module}.") for module in excluded)] == []


def test_the_fonts_of_the_guide_s_equations_come_along(contents: Any) -> None:
    for package in contents.DATA_PACKAGES:
        spec = importlib.util.find_spec(package)
        assert spec is not None
        assert spec.origin is not None
        files = [path for path in Path(spec.origin).parent.rglob("*.*") if path.suffix in {".ttf", ".txt"}]
        assert files, f"{package} is all modules: PyInstaller finds these by itself"
        assert all(contents.keeps(f"{package}/{path.name}") for path in files)


@pytest.mark.parametrize(
    ("place", "kept"),
    [
        ("PySide6/Qt/plugins/platforms/libqxcb.so", True),
        ("PySide6/Qt/plugins/platforms/libqwayland.so", True),
        ("PySide6/Qt/plugins/platforms/libqoffscreen.so", True),
        ("PySide6\\plugins\\platforms\\qwindows.dll", True),
        ("PySide6\\translations\\qt_de.qm", False),
        ("PySide6/Qt/translations/qt_de.qm", False),
        ("PySide6/Qt/plugins/platforms/libqvnc.so", False),
        ("PySide6/Qt/plugins/platformthemes/libqgtk3.so", False),
        ("numpy-2.4.6.dist-info/METADATA", True),
        ("numpy-2.4.6.dist-info/licenses/LICENSE.txt", True),
        ("numpy-2.4.6.dist-info/RECORD", False),
    ],
)
def test_what_is_left_out(contents: Any, place: str, kept: bool) -> None:
    assert contents.keeps(place) == kept


def test_a_library_of_the_system_stays_if_something_that_stays_loads_it(contents: Any) -> None:
    loads = {"app": ["liba.so"], "/lib/liba.so": ["libb.so", "libc.so.6"], "/lib/libgtk.so": ["libglib.so"]}
    candidates = {name: f"/lib/{name}" for name in ("liba.so", "libb.so", "libgtk.so", "libglib.so")}
    assert contents.reached(["app"], candidates, lambda path: loads.get(path, [])) == {"liba.so", "libb.so"}


def test_each_file_is_counted_for_a_package_and_links_for_none(contents: Any, tmp_path: Path) -> None:
    sizes = {
        "nodeviz": 7, "_internal/PySide6/Qt/lib/libQt6Core.so.6": 100, "_internal/av/a.so": 20,
        "_internal/av.libs/b.so": 30, "_internal/numpy-2.4.6.dist-info/METADATA": 1, "_internal/numpy/x.so": 2,
        "_internal/libz.so.1": 3,
        "_internal/libpython3.11.so.1.0": 5, "share/applications/a.desktop": 4,
    }  # fmt: skip
    for name, size in sizes.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * size)
    (tmp_path / "_internal" / "libQt6Core.so.6").symlink_to("PySide6/Qt/lib/libQt6Core.so.6")
    assert contents.sizes(tmp_path) == {
        "executable": 7, "PySide6 (Qt)": 100, "av": 50, "numpy": 3, "system libraries": 3, "Python": 5,
        "desktop entry, icons, licence notices": 4,
    }  # fmt: skip


def test_the_program_is_a_python_for_the_doctor_s_children_and_nodeviz_for_all_else() -> None:
    def said(*words: str, **more: str) -> str:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **more}
        command = [sys.executable, str(PACKAGING / "app_start.py"), *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()

    assert said("-c", "import sys; print(sys.argv)", "more") == "['-c', 'more']"
    assert said("--version") == said("-m", "nodeviz", "--version") == f"nodeviz {nodeviz.__version__}"
    path = said(
        "-c", "import os; print(os.environ['LD_LIBRARY_PATH'])", LD_LIBRARY_PATH="/mine", LD_LIBRARY_PATH_ORIG="/x"
    )
    assert path == "/x", "what it starts finds its own libraries"


# Notices, and the menu -----------------------------------------------------------------------------------------------


def test_the_notices_tell_of_each_package_and_of_what_the_whole_is_under(tmp_path: Path) -> None:
    notices = script("notices")
    section = notices.package("numpy", tmp_path)
    assert section.startswith("numpy ")
    assert "BSD-3-Clause" in section
    assert "Redistribution" in (tmp_path / "numpy" / "LICENSE.txt").read_text("utf-8")
    assert "PSF-2.0" in notices.python(tmp_path)
    whole = " ".join(notices.WHOLE.split())
    assert "x264" in whole
    assert "GNU GENERAL PUBLIC LICENSE, VERSION 3" in whole
    assert "you may replace them by versions of your own" in whole
    (tmp_path / "av.libs").mkdir()
    for name in ("libx264-d65.so.165", "libavcodec-5e.so.62", "libavif-c6.so.16", "libnew-1.so"):
        (tmp_path / "av.libs" / name).touch()
    told = dict(line.split(maxsplit=1) for line in notices.carried(tmp_path).splitlines() if "/" in line)
    assert told["av.libs/libx264-d65.so.165"] == "x264, GPL-2.0-or-later"
    assert told["av.libs/libavcodec-5e.so.62"].startswith("FFmpeg, LGPL-3.0")
    assert told["av.libs/libavif-c6.so.16"].startswith("libavif")
    assert told["av.libs/libnew-1.so"] == "see the notices of the package"


@pytest.mark.skipif(os.name == "nt", reason="a script of the shell, for Linux")
def test_the_application_goes_into_the_menu_and_out_of_it(tmp_path: Path) -> None:
    folder = tmp_path / 'a 100 % "good" $place' / "back\\slash"
    (folder / "share" / "applications").mkdir(parents=True)
    shutil.copy(PACKAGING / "add-to-menu", folder / "add-to-menu")
    shutil.copy(ENTRY, folder / "share" / "applications")
    data = tmp_path / "data"
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "XDG_DATA_HOME": str(data)}
    subprocess.run([str(folder / "add-to-menu")], env=environment, check=True, capture_output=True)
    entry = data / "applications" / ENTRY.name
    quoted = read_entry(entry)["Exec"]
    assert "100 %%" in quoted
    text = quoted.replace("\\\\", "\\").replace("%%", "%")  # the file's escapes, then those of Exec's quotes
    plain = re.sub(r"\\(.)", r"\1", text[1:-1])
    assert Path(plain) == folder / "nodeviz"
    assert read_entry(entry) == {**read_entry(ENTRY), "Exec": quoted}
    subprocess.run([str(folder / "add-to-menu"), "--remove"], env=environment, check=True, capture_output=True)
    assert not entry.exists()
