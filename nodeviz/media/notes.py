"""The note of an export (what it was made from, as JSON text) in files of every format."""

from __future__ import annotations

import html
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
PDF_NOTE = re.compile(rb"/Creator\s*(?:<([0-9A-Fa-f\s]*)>|\(((?:\\.|[^\\()])*)\))", re.DOTALL)


def add_note(path: Path, name: str, note: str) -> None:
    """Put a note into a finished APNG or WebP, whose encoders take none; other formats have theirs already.

    Raises
    ------
    OSError : the file cannot be read or written
    """
    if note and name == ".apng":
        _insert(path, 33, _png_chunk(b"iTXt", NOTE.encode() + b"\0\0\0\0\0" + note.encode()))
    elif note and name == ".webp":
        _add_to_webp(path, note.encode())


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _insert(path: Path, place: int, piece: bytes) -> None:
    """Put bytes into a file; 33 is where a PNG's first chunk ends."""
    data = path.read_bytes()
    path.write_bytes(data[:place] + piece + data[place:])


def _add_to_webp(path: Path, note: bytes) -> None:
    """Append the note as an XMP chunk, and say in the header that there is one."""
    data = bytearray(path.read_bytes())
    if data[12:16] != b"VP8X":  # a picture that does not move has no header of that kind
        return
    data[20] |= 0b0000_0100
    data += b"XMP " + struct.pack("<I", len(note)) + note + b"\0" * (len(note) % 2)
    data[4:8] = struct.pack("<I", len(data) - 8)
    path.write_bytes(bytes(data))


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
        return _from_png(head)
    if head.startswith(b"GIF8"):
        return _from_gif(head)
    if head.startswith(b"RIFF"):
        return _from_webp(path)
    if head.startswith(b"%PDF"):
        return _from_pdf(path.read_bytes())
    if b"<svg" in head[:2000]:
        return _from_svg(head)
    return _from_video(path)


def _from_png(head: bytes) -> str:
    place = 8
    while place + 8 <= len(head):
        (size,) = struct.unpack(">I", head[place : place + 4])
        kind, data = head[place + 4 : place + 8], head[place + 8 : place + 8 + size]
        if kind == b"iTXt" and data.startswith(NOTE.encode() + b"\0"):
            return data[len(NOTE) + 5 :].decode("utf-8", "replace")
        place += 12 + size
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
