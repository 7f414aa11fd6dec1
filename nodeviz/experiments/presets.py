"""The shipped presets: one JSON file each, a gallery entry and a test case."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nodeviz.experiments.params import ParamError, nearest
from nodeviz.resources_path import resource_path

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Preset:
    """Named parameter values of a panel, with the sentence that says what to look at."""

    name: str
    title: str
    sentence: str
    changes: Mapping[str, Any]


def presets(panel: str) -> dict[str, Preset]:
    """Return the shipped presets of a panel by name, in the order of their ``order`` key."""
    read = [(path.stem, json.loads(path.read_text("utf-8"))) for path in resource_path("presets", panel).glob("*.json")]
    read.sort(key=lambda item: (item[1].get("order", 1000), item[0]))
    return {name: Preset(name, entry["title"], entry["sentence"], entry["params"]) for name, entry in read}


def find_preset(panel: str, name: str) -> Preset:
    """Return one preset.

    Raises
    ------
    ParamError : no preset of that name; the nearest one is suggested
    """
    known = presets(panel)
    if name not in known:
        raise ParamError(f"preset={name}: unknown for {panel}; {nearest(name, known)}")
    return known[name]
