"""Which panel a file is for that was dropped on the window, by what it looks like."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nodeviz.experiments.params import ParamError

if TYPE_CHECKING:
    from collections.abc import Sequence

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
TABLES = (".csv", ".tsv", ".txt")
TIMES = frozenset({"t", "time", "date", "datetime", "timestamp", "year", "month", "day", "hour"})
HEAD = 4096  # bytes of a table that are looked at


def panel_for(path: str, panels: Sequence[str]) -> str:
    """Return the name of the panel that a file is for.

    Parameters
    ----------
    panels : those that there are

    Raises
    ------
    ParamError : a file for none of them, or one that must be dropped on the panel it is for
    """
    suffix = Path(path).suffix.lower()
    if suffix in PICTURES:
        wanted = ["flow"]
    elif suffix in TABLES:
        wanted = _for_table(Path(path))
    else:
        raise ParamError(f"{Path(path).name}: neither a session, a table nor a picture; drop weights on their panel")
    for name in wanted:
        if name in panels:
            return name
    raise ParamError(f"{Path(path).name}: none of the panels here takes it; open the {wanted[0]} panel")


def _for_table(path: Path) -> list[str]:
    """Return the panels that a table may be for: times, points with labels, or points."""
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD).decode("utf-8", "replace").lstrip("\ufeff")
    except OSError as error:
        raise ParamError(f"{path.name}: cannot be read ({error.strerror}); choose another file") from None
    first = next((line for line in head.splitlines() if line.strip() and not line.startswith("#")), "")
    mark = next((mark for mark in (";", "\t", ",") if mark in first), " ")
    columns = [column.strip().strip("\"'").lower() for column in first.split(mark)]
    if columns[0] in TIMES:
        return ["latent"]
    if len(columns) >= 3:
        return ["classifier"]
    return ["flow", "phase"]
