"""About nodeviz: versions and licences of everything, to read and to copy."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from nodeviz.app import licences
from nodeviz.app.about import About
from nodeviz.app.licences import REQUIRED, components, installed

ROOT = Path(__file__).resolve().parents[2]


def test_every_dependency_is_named_with_its_version_and_the_text_of_its_licence() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(REQUIRED) == {re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in project["dependencies"]}
    names = {name.lower() for name in installed()}
    assert {"tornado", "shiboken6", "pygments"} <= names  # what those need
    assert "pytest" not in names
    for part in components():
        assert part.licence, part
        assert part.version or part.name == "Data"
        assert len(part.text()) > 200, part


def test_what_is_peculiar_is_said_plainly() -> None:
    texts = {part.name.lower(): (part.licence, part.text()) for part in components()}
    licence, text = texts["pyside6_essentials"]
    assert licence == "LGPL-3.0"
    assert "GNU LESSER GENERAL PUBLIC LICENSE" in text
    licence, text = texts["av"]
    assert "x264" in licence
    assert "GPL" in licence
    assert "under the terms of the GPL" in text
    assert "GNU GENERAL PUBLIC LICENSE" in text
    assert "Mauna Loa" in texts["data"][1]


def test_licences_are_found_without_a_list_of_files_as_in_a_packaged_build(monkeypatch: Any) -> None:
    monkeypatch.setattr(importlib.metadata.Distribution, "files", None)
    assert all(len(part.text()) > 200 for part in components())


def test_a_package_of_another_platform_is_left_out(monkeypatch: Any) -> None:
    monkeypatch.setattr(licences, "REQUIRED", ("numpy", "no-such-package"))
    assert installed() == ["numpy"]


def test_the_dialog_shows_the_licence_of_each_row_and_copies(window: Any) -> None:
    window.commands.run("about")
    (dialog,) = window.findChildren(About)
    names = [dialog.table.item(row, 0).text() for row in range(dialog.table.rowCount())]
    assert "MIT License" in dialog.terms.toPlainText()
    dialog.table.setFocus()
    for _ in range(names.index("av")):
        QTest.keyClick(dialog.table, Qt.Key.Key_Down)
    assert "x264" in dialog.terms.toPlainText()
    for text, wanted in (("Copy versions", "numpy 2"), ("Copy this licence", "x264")):
        (button,) = (each for each in dialog.findChildren(QPushButton) if each.text() == text)
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        assert wanted in QGuiApplication.clipboard().text()
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()
