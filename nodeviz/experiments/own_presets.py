"""The user's own presets: one JSON file each, with a PNG beside it, in the folder of the settings.

A file that is damaged, or that a newer nodeviz has written, is left where it is and out of what is listed.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

from nodeviz.config_path import config_folder
from nodeviz.experiments.kinds import ParamError, nearest, shown
from nodeviz.experiments.presets import Preset, presets
from nodeviz.whole_file import reason_of, write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

VERSION = 1  # of the files
MAX_BYTES = 16_000_000  # several times what 100,000 painted points need
LONGEST_NAME, LONGEST_SENTENCE = 60, 300  # characters


def presets_folder(panel: str, folder: Path | None = None) -> Path:
    """Return where the user's presets of a panel lie; ``folder`` is that of the settings."""
    return (config_folder() if folder is None else folder) / "presets" / panel


def own_presets(panel: str, folder: Path | None = None) -> dict[str, Preset]:
    """Return the user's presets of a panel by name, in the order of the alphabet."""
    found: dict[str, Preset] = {}
    place = presets_folder(panel, folder)
    with contextlib.suppress(OSError):  # no such folder, or one that cannot be read
        for path in sorted(place.glob("*.json")):
            with contextlib.suppress(OSError, ValueError, RecursionError):
                preset = _read(path, panel)
                found.setdefault(preset.name, preset)
    return dict(sorted(found.items(), key=lambda item: item[0].casefold()))


def _read(path: Path, panel: str) -> Preset:
    """Return the preset of a file; raise a ValueError for one that cannot be used."""
    with open(path, "rb") as file:
        raw = file.read(MAX_BYTES + 1)
    data = json.loads(raw.decode("utf-8")) if len(raw) <= MAX_BYTES else None
    if not isinstance(data, dict) or data.get("version") != VERSION or data.get("panel") != panel:
        raise ValueError("no preset of this panel and version")
    name, sentence, params, seed = (data.get(key) for key in ("name", "sentence", "params", "seed"))
    if not isinstance(params, dict) or not isinstance(sentence, str) or len(sentence) > LONGEST_SENTENCE:
        raise ValueError("damaged")
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**53:
        raise ValueError("damaged")
    if read_name(panel, name) != name or file_name(name) != path.stem:
        raise ValueError("damaged")
    picture = path.with_suffix(".png")
    return Preset(name, name, sentence, params, seed=seed, own=True, picture=picture if picture.is_file() else None)


def read_name(panel: str, name: object) -> str:
    """Return the name that a preset of the user can have, without the spaces around it.

    Raises
    ------
    ParamError : no text, nothing or too much of it, or the name of a preset that ships
    """
    if not isinstance(name, str):
        raise ParamError(f"name={shown(name)}: not text; use 1 to {LONGEST_NAME} characters")
    text = " ".join(name.split())
    if not 1 <= len(text) <= LONGEST_NAME:
        raise ParamError(f"name: {len(text)} characters; use 1 to {LONGEST_NAME}")
    if not text.isprintable() or not any(letter.isalnum() for letter in text):
        raise ParamError(f"name={shown(text)}: has no letter, or some that cannot be shown; use letters and digits")
    if file_name(text) in presets(panel):
        raise ParamError(f"name={shown(text)}: a preset that ships has it; use another name")
    return text


def file_name(name: str) -> str:
    """Return the name of a preset's file, without its ending; names that differ in signs alone share it."""
    return "-".join("".join(letter if letter.isalnum() else " " for letter in name.casefold()).split())


def save_own(
    panel: str,
    name: str,
    sentence: str,
    params: Mapping[str, Any],
    *,
    seed: int = 0,
    picture: bytes = b"",
    folder: Path | None = None,
    replace: bool = False,
) -> Preset:
    """Write a preset of the user.

    Parameters
    ----------
    panel, name, sentence : of the preset; params : its values as JSON; seed : of its run
    picture : a PNG of what it shows; folder : of the settings; replace : whether one of this name is written over

    Raises
    ------
    ParamError : a name that cannot be used, or a folder that cannot be written
    """
    name, sentence = read_name(panel, name), " ".join(sentence.split())
    if len(sentence) > LONGEST_SENTENCE:
        raise ParamError(f"sentence: {len(sentence)} characters, above the limit {LONGEST_SENTENCE}; shorten it")
    path = presets_folder(panel, folder) / f"{file_name(name)}.json"
    if path.exists() and not replace:
        raise ParamError(f"name={shown(name)}: there is a preset of yours of that name; use another, or replace it")
    data = {"version": VERSION, "panel": panel, "name": name, "sentence": sentence, "seed": seed, "params": params}
    text = json.dumps(data, indent=1, allow_nan=False)
    if len(text) > MAX_BYTES:
        raise ParamError(f"preset: {len(text):,} bytes, above the limit {MAX_BYTES:,}; save painted points as CSV")
    try:
        if picture:
            write_whole(path.with_suffix(".png"), picture)
        else:
            path.with_suffix(".png").unlink(missing_ok=True)
        write_whole(path, text.encode())
    except OSError as error:
        reason = reason_of(error)
        raise ParamError(f"preset: {path} cannot be written ({reason}); free it, or use another name") from None
    return _read(path, panel)


def rename_own(panel: str, name: str, new: str, folder: Path | None = None) -> Preset:
    """Give a preset of the user another name.

    Raises
    ------
    ParamError : none of the first name, or the second one cannot be used
    """
    old = find_own(panel, name, folder)
    path = presets_folder(panel, folder) / f"{file_name(old.name)}.json"
    same = file_name(new) == file_name(old.name)
    picture = b""
    with contextlib.suppress(OSError):
        picture = path.with_suffix(".png").read_bytes()
    made = save_own(
        panel,
        new,
        old.sentence,
        old.changes,
        seed=old.seed or 0,
        picture=picture,
        folder=folder,
        replace=same,
    )
    if not same:
        delete_own(panel, old.name, folder)
    return made


def delete_own(panel: str, name: str, folder: Path | None = None) -> None:
    """Delete a preset of the user and its picture.

    Raises
    ------
    ParamError : none of that name, or it cannot be deleted
    """
    path = presets_folder(panel, folder) / f"{file_name(find_own(panel, name, folder).name)}.json"
    try:
        path.unlink()
        path.with_suffix(".png").unlink(missing_ok=True)
    except OSError as error:
        raise ParamError(f"preset: {path} cannot be deleted ({error.strerror}); delete it by hand") from None


def find_own(panel: str, name: str, folder: Path | None = None) -> Preset:
    """Return one preset of the user.

    Raises
    ------
    ParamError : none of that name
    """
    known = own_presets(panel, folder)
    if name not in known:
        remedy = nearest(name, known) if known else "there is none yet"
        raise ParamError(f"preset={shown(name)}: none of yours for {panel}; {remedy}")
    return known[name]
