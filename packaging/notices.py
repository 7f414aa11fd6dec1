"""Write the licence notices of a built application, from what it really holds.

    PYTHON packaging/notices.py APPLICATION_FOLDER

PYTHON is the environment that the application was built from: each package's texts are those of its installation.
"""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TEXTS = ROOT / "resources" / "licences"  # GPL and LGPL
TERMS = re.compile(r"(?i)(licen[cs]e|copying|notice|authors)[^/]*$")

# What the wheels carry besides their own package: library, licence. By the name that the file begins with.
CARRIED = {
    "libx264": "x264, GPL-2.0-or-later",
    "libx265": "x265, GPL-2.0-or-later",
    "libav": "FFmpeg, LGPL-3.0-or-later in this build",
    "libsw": "FFmpeg, LGPL-3.0-or-later in this build",
    "libavif": "libavif, BSD-2-Clause",
    "libSvtAv1Enc": "SVT-AV1, BSD-3-Clause-Clear",
    "libdav1d": "dav1d, BSD-2-Clause",
    "libvpx": "libvpx, BSD-3-Clause",
    "libvpl": "Intel VPL, MIT",
    "libopus": "Opus, BSD-3-Clause",
    "libmp3lame": "LAME, LGPL-2.0-or-later",
    "libopencore": "OpenCORE AMR, Apache-2.0",
    "libgnutls": "GnuTLS, LGPL-2.1-or-later",
    "libnettle": "Nettle, LGPL-3.0-or-later or GPL-2.0-or-later",
    "libhogweed": "Nettle, LGPL-3.0-or-later or GPL-2.0-or-later",
    "libgmp": "GMP, LGPL-3.0-or-later or GPL-2.0-or-later",
    "libunistring": "libunistring, LGPL-3.0-or-later or GPL-2.0-or-later",
    "libasound": "ALSA, LGPL-2.1-or-later",
    "libdrm": "libdrm, MIT",
    "libxcb": "XCB, MIT",
    "libXau": "libXau, MIT",
    "libwebp": "WebP, BSD-3-Clause",
    "libsharpyuv": "WebP, BSD-3-Clause",
    "libjpeg": "libjpeg-turbo, IJG and BSD-3-Clause",
    "libtiff": "LibTIFF, libtiff licence",
    "libfreetype": "FreeType, FTL or GPL-2.0-or-later",
    "libharfbuzz": "HarfBuzz, MIT",
    "libraqm": "Raqm, MIT",
    "liblcms2": "Little CMS, MIT",
    "libopenjp2": "OpenJPEG, BSD-2-Clause",
    "libpng": "libpng, libpng-2.0",
    "libzstd": "Zstandard, BSD-3-Clause or GPL-2.0",
    "liblzma": "XZ Utils, 0BSD",
    "libbrotli": "Brotli, MIT",
    "libscipy_openblas": "OpenBLAS, BSD-3-Clause",
    "libgfortran": "GCC runtime, GPL-3.0-or-later with the runtime library exception",
    "libquadmath": "GCC runtime, LGPL-2.1-or-later",
    "libzmq": "ZeroMQ, MPL-2.0",
    "libsodium": "libsodium, ISC",
}

WHOLE = """\
nodeviz: the licence notices of this application
=================================================

The application as a whole
--------------------------
nodeviz itself is under the MIT licence (LICENSE in this folder). This application carries it together with other
programs and libraries, each under its own terms, which stand below or in the folders beside this file.

Two of them decide what you may do with the whole: the video encoders x264 and x265, which come with the FFmpeg
libraries of the PyAV package and are loaded by them. Both are under the GNU General Public License, version 2 or later,
and these FFmpeg libraries are under the GNU Lesser General Public License, version 3 or later. So whoever passes on
THIS APPLICATION AS A WHOLE does so under the terms of the GNU GENERAL PUBLIC LICENSE, VERSION 3 or later
(GPL-3.0.txt), with the offer of the corresponding source. nodeviz's own source, and nodeviz installed by pip, remain
under the MIT licence.

Corresponding source: nodeviz and the scripts that built this folder (packaging/build_app.py with app.lock, which names
every package's version) are the source distribution of the version named below. FFmpeg, x264, x265 and the libraries
beside them: https://github.com/PyAV-Org/pyav-ffmpeg builds them from https://ffmpeg.org,
https://code.videolan.org/videolan/x264 and https://bitbucket.org/multicoreware/x265_git.

Qt and Qt for Python
--------------------
This application uses Qt, Qt for Python (PySide6) and Shiboken, (c) The Qt Company Ltd. and other contributors, under
the GNU Lesser General Public License, version 3 (LGPL-3.0.txt, which refers to GPL-3.0.txt). They are separate
libraries in _internal/PySide6 and _internal/shiboken6: you may replace them by versions of your own that have the same
interface, and reverse-engineer the application as far as debugging such a change needs it. Their source:
https://download.qt.io/official_releases/qt/ and https://download.qt.io/official_releases/QtForPython/. Qt itself
contains code of others: https://doc.qt.io/qt-6/licenses-used-in-qt.html.
"""


def main(folder: Path) -> int:
    """Write ``LICENCES`` into an application's folder; return how many packages it tells of."""
    out = folder / "LICENCES"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    for name in ("GPL-2.0.txt", "GPL-3.0.txt", "LGPL-3.0.txt"):
        shutil.copyfile(TEXTS / name, out / name)
    shutil.copyfile(ROOT / "LICENSE", out / "LICENSE")
    packages = bundled(folder)
    sections = [WHOLE, python(out), *(package(name, out) for name in packages), carried(folder), system(folder, out)]
    (out / "NOTICES.txt").write_text("\n\n".join(section.strip() for section in sections) + "\n", encoding="utf-8")
    return len(packages)


def bundled(folder: Path) -> list[str]:
    """Return the names of the distributions that any module or file of the application comes from."""
    from app_contents import modules

    tops = {name.partition(".")[0] for name in modules(folder)}
    tops |= {path.name.partition(".")[0] for path in (folder / "_internal").iterdir()}
    owners = importlib.metadata.packages_distributions()
    names = {name for top in tops for name in owners.get(top, ())}
    return sorted(names - {"nodeviz", "pyinstaller", "pyinstaller-hooks-contrib"}, key=str.lower)


def package(name: str, out: Path) -> str:
    """Copy the texts of one distribution; return its section."""
    distribution = importlib.metadata.distribution(name)
    metadata = distribution.metadata
    found = [
        file for file in distribution.files or [] if TERMS.search(str(file)) and file.suffix not in (".py", ".pyc")
    ]
    target = out / name.lower()
    copied = []
    for file in found:
        source = Path(str(distribution.locate_file(file)))
        if source.is_file() and ("dist-info" in file.parts[0] or len(file.parts) <= 2):
            target.mkdir(exist_ok=True)
            flat = "-".join(part for part in file.parts[1:] if part != "licenses")
            shutil.copyfile(source, target / flat)
            copied.append(flat)
    listed = [f"Licence: {licence(metadata)}"]
    listed += [f"Home: {home}" for home in [first(metadata, "Home-page")] if home not in ("", "UNKNOWN")]
    listed += [f"Texts, in {target.name}/: {', '.join(copied)}"] if copied else []
    if name.lower().startswith(("pyside6", "shiboken6")):
        listed.append("Used under LGPL-3.0; texts: LGPL-3.0.txt, GPL-3.0.txt")
    return heading(f"{metadata['Name']} {metadata['Version']}") + "\n".join(listed)


def licence(metadata: importlib.metadata.PackageMetadata) -> str:
    """Return a licence's short name, as far as the metadata tell it."""
    for field in ("License-Expression", "License"):
        given = first(metadata, field)
        if given not in ("", "UNKNOWN"):
            return given.strip().splitlines()[0]
    classified = [line for line in metadata.get_all("Classifier") or [] if line.startswith("License ::")]
    return ", ".join(line.rpartition(" :: ")[2] for line in classified) or "see its text"


def first(metadata: importlib.metadata.PackageMetadata, field: str) -> str:
    """Return the first value of a field, empty if there is none."""
    return next(iter(metadata.get_all(field) or []), "")


def python(out: Path) -> str:
    """Copy Python's own licence; return its section."""
    folder = Path(sysconfig.get_path("stdlib"))
    places = (folder / "LICENSE.txt", folder.parent / "LICENSE.txt", Path(sys.base_prefix) / "LICENSE.txt")
    source = next((path for path in places if path.is_file()), None)
    lines = ["Licence: PSF-2.0"]
    if source is not None:
        shutil.copyfile(source, out / "Python-LICENSE.txt")
        lines.append("Text: Python-LICENSE.txt")
    else:
        lines.append("Text: https://docs.python.org/3/license.html")
    lines.append("The loader of PyInstaller: GPL-2.0-or-later with an exception that leaves what it loads free.")
    return heading(f"Python {sys.version.split()[0]}") + "\n".join(lines)


def carried(folder: Path) -> str:
    """Return the section of the libraries inside the packages' own folders."""
    lines = set()
    for path in folder.rglob("*"):
        if path.is_symlink() or not path.is_file() or not path.parent.name.endswith((".libs", ".dylibs")):
            continue
        name = path.name.removeprefix("lib")  # which Windows leaves out
        known = [begin for begin in CARRIED if name.startswith(begin.removeprefix("lib"))]
        says = CARRIED[max(known, key=len)] if known else "see the notices of the package"
        lines.add(f"{path.parent.name + '/' + path.name:56} {says}")
    return heading("Libraries that the packages carry") + "\n".join(sorted(lines))


def system(folder: Path, out: Path) -> str:
    """Copy what the system says about its libraries in the folder (Debian's copyright files); return their section."""
    if not shutil.which("dpkg-query"):
        return ""
    lines = []
    for path in sorted((folder / "_internal").glob("lib*.so*")):
        if path.is_symlink():
            continue
        found = subprocess.run(["dpkg-query", "-S", f"*/{path.name}"], capture_output=True, text=True, check=False)
        owner = found.stdout.partition(":")[0]
        source = Path("/usr/share/doc") / owner / "copyright"
        if owner and source.is_file():
            (out / "system").mkdir(exist_ok=True)
            shutil.copyfile(source, out / "system" / f"{owner}.txt")
            lines.append(f"{path.name:40} system/{owner}.txt")
        elif "python" not in path.name:
            lines.append(f"{path.name:40} of the system that built this folder")
    return heading("Libraries of the system that built this folder") + "\n".join(lines)


def heading(title: str) -> str:
    """Return an underlined title."""
    return f"{title}\n{'-' * len(title)}\n"


if __name__ == "__main__":
    print(f"licence notices of {main(Path(sys.argv[1]))} packages")
