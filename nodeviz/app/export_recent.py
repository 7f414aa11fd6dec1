"""Exports that were made before: kept with the settings, to be made again."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nodeviz.app.export_draft import Draft
from nodeviz.app.export_text import changed_options
from nodeviz.experiments.params import ParamError, declared
from nodeviz.experiments.registry import REGISTRY
from nodeviz.experiments.shoot import Shoot, make_shoot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KEPT = 10


@dataclass(frozen=True, slots=True)
class Recent:
    """One export: panel, file and options."""

    panel: str
    path: str
    options: Mapping[str, Any] = field(default_factory=dict)
    grid: bool = False

    @classmethod
    def of(cls, panel: str, draft: Draft, shoot: Shoot) -> Recent:
        """Return what is kept of an export."""
        kinds = declared(shoot)
        options = {name: kinds[name].kind.to_json(value) for name, value in changed_options(shoot).items()}
        return cls(panel, draft.target, options, draft.grid)

    def draft(self) -> Draft:
        """Return the draft that makes it again."""
        options = {name: tuple(value) if isinstance(value, list) else value for name, value in self.options.items()}
        return Draft(path=self.path, shoot=make_shoot(options), grid=self.grid)

    def title(self) -> str:
        """Return what a menu calls it."""
        path = Path(self.path)
        what = "all panels" if self.grid else REGISTRY[self.panel].title
        return f"{path.name}{'/' if self.path.endswith('/') else ''}   {what}, {path.parent}"

    def to_json(self) -> dict[str, Any]:
        """Return it for the settings."""
        return {"panel": self.panel, "path": self.path, "options": dict(self.options), "grid": self.grid}


def read_recent(entries: Sequence[Mapping[str, Any]]) -> list[Recent]:
    """Return those that can be made again; what is damaged or unknown by now is left out."""
    found = []
    for entry in entries:
        try:
            recent = Recent(
                str(entry["panel"]), str(entry["path"]), dict(entry.get("options", {})), bool(entry.get("grid"))
            )
            recent.draft()
        except (KeyError, TypeError, ValueError, ParamError):
            continue
        if recent.panel in REGISTRY:
            found.append(recent)
    return found


def with_newest(entries: Sequence[Mapping[str, Any]], newest: Recent) -> tuple[dict[str, Any], ...]:
    """Return the entries with one more in front; a file stands there once."""
    rest = [dict(entry) for entry in entries if entry.get("path") != newest.path]
    return (newest.to_json(), *rest)[:KEPT]
