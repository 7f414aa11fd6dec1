"""The packages that nodeviz is built on, with their versions and licences, as their own metadata tell them."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import sys
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from nodeviz import __version__
from nodeviz.resources_path import PACKAGE, resource_path

if TYPE_CHECKING:
    from collections.abc import Mapping

# As in pyproject.toml, which a checkout that is not installed has no metadata of.
REQUIRED = (
    "PySide6-Essentials", "pyqtgraph", "numpy", "scipy", "av", "Pillow", "ipython", "ipykernel", "qtconsole",
    "jupyter-client", "pyzmq", "platformdirs", "threadpoolctl", "tqdm", "ziamath",
)  # fmt: skip
_FIELDS = ("License-Expression", "License")
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_TERMS = re.compile(r"(?i)(licen[cs]e|copying|notice)[^/]*$")
_FILES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENSE.rst", "LICENCE", "COPYING", "COPYING.txt")

# Of several licences the one that nodeviz uses; and what a wheel carries beside its own package.
_CHOSEN: Mapping[str, str] = MappingProxyType({
    "pyside6-essentials": "LGPL-3.0",
    "shiboken6": "LGPL-3.0",
    "av": "BSD-3-Clause; its x264 and x265: GPL-2.0-or-later",
})  # fmt: skip

# What the metadata do not say: a sentence, and the texts that ship with nodeviz.
_NOTES: Mapping[str, tuple[str, tuple[str, ...]]] = MappingProxyType({
    "pyside6-essentials": (
        "Qt for Python and Qt itself, (c) The Qt Company Ltd. and other contributors. nodeviz uses them under the GNU "
        "Lesser General Public License, version 3: you may replace them by versions of your own. Their source is at "
        "https://code.qt.io.",
        ("LGPL-3.0.txt", "GPL-3.0.txt"),
    ),
    "shiboken6": (
        "The bindings of Qt for Python, used under the GNU Lesser General Public License, version 3.",
        ("LGPL-3.0.txt", "GPL-3.0.txt"),
    ),
    "av": (
        "PyAV itself is under the BSD licence below. Its wheel carries FFmpeg with the encoders x264 and x265, which "
        "are under the GNU General Public License, version 2 or later: whoever passes on nodeviz together with them, "
        "as the packaged application does, does so under the terms of the GPL. Their sources are at https://ffmpeg.org "
        "and https://www.videolan.org.",
        ("GPL-2.0.txt",),
    ),
    "latex2mathml": (
        "(c) Ronie Martinez, under the MIT licence: it may be used, changed and passed on by everybody, without any "
        "warranty, as long as the notice of its copyright stays with it. Its wheel brings no text of it; it is at "
        "https://github.com/roniemartinez/latex2mathml/blob/master/LICENSE.",
        (),
    ),
    "numpy": ("Its wheel carries OpenBLAS and the GCC runtime library; their terms follow its own.", ()),
    "scipy": ("Its wheel carries OpenBLAS and the GCC runtime library; their terms follow its own.", ()),
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Component:
    """Something that nodeviz is built on: name, version, short name of its licence, and where its text comes from."""

    name: str
    version: str
    licence: str

    def text(self) -> str:
        """Return the terms of its licence, with what is peculiar about it first."""
        if self.name == "nodeviz":
            return _own_licence()
        if self.name == "Python":
            return f"{sys.copyright}\n\nThe terms are at https://docs.python.org/3/license.html."
        if self.name == "Data":
            return _sources_of_data()
        note, texts = _NOTES.get(_plain(self.name), ("", ()))
        own = _licence_texts(importlib.metadata.distribution(self.name))
        shipped = [resource_path("licences", name).read_text("utf-8") for name in texts]
        return "\n\n\n".join([*([note] if note else []), *own, *shipped]) or f"Its licence: {self.licence}."


def components() -> list[Component]:
    """Return nodeviz, Python, and the packages that are installed, those that nodeviz names itself first."""
    made = [
        Component("nodeviz", __version__, "MIT"),
        Component("Python", platform.python_version(), "PSF-2.0"),
    ]
    for name in installed():
        metadata = importlib.metadata.distribution(name).metadata
        made.append(Component(metadata["Name"], metadata["Version"], _short(metadata)))
    return [*made, Component("Data", "", "public domain")]


def installed() -> list[str]:
    """Return the packages that nodeviz requires and those that these require, as far as they are there."""
    waiting, found = list(REQUIRED), dict[str, str]()
    while waiting:
        name = waiting.pop(0)
        if _plain(name) in found:
            continue
        try:
            requires = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:  # of another platform
            continue
        found[_plain(name)] = name
        names = (_NAME.match(line) for line in requires if "extra ==" not in line)
        waiting += [match[0] for match in names if match]
    first = [name for name in REQUIRED if _plain(name) in found]
    return [*first, *sorted((name for name in found.values() if name not in REQUIRED), key=str.lower)]


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _short(metadata: importlib.metadata.PackageMetadata) -> str:
    """Return a licence's short name; some packages put the whole text where that belongs."""
    name = _plain(metadata["Name"])
    if name in _CHOSEN:
        return _CHOSEN[name]
    given = next((str(line) for field in _FIELDS for line in metadata.get_all(field) or []), "")
    if given not in {"", "UNKNOWN"} and "\n" not in given and len(given) < 80:
        return given
    classified = [str(line) for line in metadata.get_all("Classifier") or [] if str(line).startswith("License ::")]
    return ", ".join(line.rpartition(" :: ")[2] for line in classified) or "see its text"


def _licence_texts(distribution: importlib.metadata.Distribution) -> list[str]:
    """Return the texts that a package brings; a packaged build has no list of its files."""
    named = [str(name) for name in distribution.metadata.get_all("License-File") or []]
    listed = [str(file).partition(".dist-info/licenses/")[2] for file in distribution.files or []]
    listed = [name for name in listed if _TERMS.search(name)]
    texts = (
        distribution.read_text(f"licenses/{name}") or distribution.read_text(name)
        for name in dict.fromkeys([*named, *listed, *_FILES])
    )
    return list(dict.fromkeys(text.strip("\n") for text in texts if text))


def _own_licence() -> str:
    for path in (PACKAGE.parent / "LICENSE", PACKAGE / "LICENSE"):
        if path.is_file():
            return path.read_text("utf-8")
    try:
        texts = _licence_texts(importlib.metadata.distribution("nodeviz"))
    except importlib.metadata.PackageNotFoundError:
        texts = []
    return "\n\n".join(texts) or "The MIT licence: https://opensource.org/license/mit."


def _sources_of_data() -> str:
    """Return what the first lines of the series that ship say about where they come from."""
    heads = []
    for path in sorted(resource_path("data").glob("*.csv")):
        lines = path.read_text("utf-8").splitlines()
        heads.append("\n".join(line.removeprefix("# ") for line in lines if line.startswith("#")))
    return "\n\n".join(heads)
