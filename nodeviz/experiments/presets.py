"""Presets: those that ship, one JSON file each, a gallery entry and a test case; and those of the user by name."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nodeviz.experiments.params import ParamError, nearest
from nodeviz.resources_path import resource_path

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Preset:
    """Named parameter values of a panel, with the sentence that says what to look at.

    One of the user's ``own`` has the seed and the picture that it was saved with.
    """

    name: str
    title: str
    sentence: str
    changes: Mapping[str, Any]
    seed: int | None = None
    own: bool = False
    picture: Path | None = None


def presets(panel: str) -> dict[str, Preset]:
    """Return the shipped presets of a panel by name, in the order of their ``order`` key."""
    read = [(path.stem, json.loads(path.read_text("utf-8"))) for path in resource_path("presets", panel).glob("*.json")]
    read.sort(key=lambda item: (item[1].get("order", 1000), item[0]))
    return {name: Preset(name, entry["title"], entry["sentence"], entry["params"]) for name, entry in read}


def find_preset(panel: str, name: str, folder: Path | None = None) -> Preset:
    """Return one preset: of those that ship, else of the user's own; ``folder`` is that of the settings.

    Raises
    ------
    ParamError : no preset of that name; the nearest one is suggested
    """
    known = presets(panel)
    if name in known:
        return known[name]
    from nodeviz.experiments.own_presets import own_presets

    own = own_presets(panel, folder)
    if name not in own:
        raise ParamError(f"preset={name}: unknown for {panel}; {nearest(name, [*known, *own])}")
    return own[name]
