"""The note of an export (what it was made from, as JSON text) in files of every format."""

from __future__ import annotations

import html
import os
import re
import struct
import zlib
from typing import TYPE_CHECKING

from nodeviz.media.formats import MediaError
from nodeviz.media.stills import NOTE, NOTE_FILE

if TYPE_CHECKING:
    from pathlib import Path

LARGEST = 4 << 20  # bytes of a file's head in which a note is looked for, and of a note
SVG_NOTE = re.compile(rb"<desc>(.*?)</desc>", re.DOTALL)
END = b"\0\0\0\0IEND\xaeB`\x82"  # of a PNG
PDF_NOTE = re.compile(rb"/Creator\s*(?:<([0-9A-Fa-f\s]*)>|\(((?:\\.|[^\\()])*)\))", re.DOTALL)


def add_note(path: Path, name: str, note: str) -> None:
    """Put a note into a finished APNG, whose encoder takes none; other formats have theirs already.

    Raises
    ------
    OSError : the file cannot be read or written
    """
    if note and name == ".apng":
        with path.open("r+b") as file:  # before its end, however large it is
            file.seek(-len(END), os.SEEK_END)
            file.write(_png_chunk(b"iTXt", NOTE.encode() + b"\0\0\0\0\0" + note.encode()) + END)


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def read_note(path: Path) -> str:
    """Return the note of an exported file or folder.

    Raises
    ------
    MediaError : no such file, or nothing that nodeviz has exported
    """
    try:
        note = _note_of(path)
    except OSError as error:
        raise MediaError(f"{path}: {error.strerror or error}; name a file that nodeviz has exported") from None
    if not note:
        raise MediaError(f"{path}: it does not say how it was made; name a file that nodeviz has exported")
    return note


def _note_of(path: Path) -> str:
    if path.is_dir():
        return (path / NOTE_FILE).read_text("utf-8").strip()
    with path.open("rb") as file:
        head = file.read(LARGEST)
    if head.startswith(b"\x89PNG"):
        return _from_png(path)
    if head.startswith(b"GIF8"):
        return _from_gif(head)
    if head.startswith(b"RIFF"):
        return _from_webp(path)
    if head.startswith(b"%PDF"):
        return _from_pdf(path.read_bytes())
    if b"<svg" in head[:2000]:
        return _from_svg(head)
    return _from_video(path)


def _from_png(path: Path) -> str:
    whole = path.stat().st_size
    with path.open("rb") as file:
        file.seek(8)
        while file.tell() + 8 <= whole:
            size, kind = struct.unpack(">I4s", file.read(8))
            if kind == b"iTXt":
                data = file.read(min(size, LARGEST))
                if data.startswith(NOTE.encode() + b"\0"):
                    return data[len(NOTE) + 5 :].decode("utf-8", "replace")
                size -= len(data)
            file.seek(size + 4, os.SEEK_CUR)
    return ""


def _from_gif(head: bytes) -> str:
    place = head.find(b"\x21\xfe")
    if place < 0:
        return ""
    place, parts = place + 2, []
    while place < len(head) and head[place]:
        parts.append(head[place + 1 : place + 1 + head[place]])
        place += 1 + head[place]
    return b"".join(parts).decode("utf-8", "replace")


def _from_webp(path: Path) -> str:
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(12)
        while file.tell() + 8 <= size:
            kind, length = file.read(4), struct.unpack("<I", file.read(4))[0]
            if kind == b"XMP ":
                return file.read(min(length, LARGEST)).decode("utf-8", "replace")
            file.seek(length + length % 2, 1)
    return ""


def _from_pdf(data: bytes) -> str:
    found = PDF_NOTE.search(data)
    if found is None:
        return ""
    if found[1] is not None:
        raw = bytes.fromhex(re.sub(rb"\s", b"", found[1]).decode("ascii"))
    else:
        raw = re.sub(rb"\\(.)", rb"\1", found[2], flags=re.DOTALL)
    return raw.decode("utf-16" if raw.startswith((b"\xfe\xff", b"\xff\xfe")) else "utf-8", "replace")


def _from_svg(head: bytes) -> str:
    found = SVG_NOTE.search(head)
    return html.unescape(found[1].decode("utf-8", "replace")) if found else ""


def _from_video(path: Path) -> str:
    import av

    try:
        with av.open(str(path)) as container:
            told = {name.lower(): text for name, text in container.metadata.items()}
    except (av.FFmpegError, ValueError):
        return ""
    return told.get("comment", "")
