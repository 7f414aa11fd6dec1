"""Exports are decoded again by another reader: count, size, rate, colours and the note."""

from __future__ import annotations

import errno
import json
import os
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from PIL import Image

from nodeviz.media import writer as writers
from nodeviz.media.formats import FORMATS, MediaError, Options, check_options, format_of
from nodeviz.media.notes import read_note
from nodeviz.media.stills import NOTE_FILE
from nodeviz.media.writer import Writer, write_still

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

SIZE = (160, 90)
NOTE = json.dumps({"panel": "phase", "title": "größer – “quoted” (x) \\ <&>", "long": "x" * 600})
MOVING = [name for name, kind in FORMATS.items() if kind.moving]


def picture(number: int, *, still: bool = False) -> npt.NDArray[np.uint8]:
    """A dark ground with a bar that moves, blue to the left and red to the right."""
    width, height = SIZE
    made = np.full((height, width, 4), (31, 28, 23, 255), np.uint8)
    made[20:70, 10:60, :3] = (232, 168, 110)
    made[20:70, 100:150, :3] = (74, 138, 240)
    if not still:
        made[75:85, 4 * number : 4 * number + 12, :3] = (230, 230, 230)
    return made


def export(path: Path, pictures: int, **changes: object) -> Path:
    options = Options(**({"size": SIZE, "fps": 25.0, "note": NOTE} | changes))  # type: ignore[arg-type]
    with Writer(path, options) as writer:
        for number in range(pictures):
            writer.add(picture(number))
    return path


def plain(path: Path) -> npt.NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def pictures_of(path: Path) -> tuple[list[npt.NDArray[np.uint8]], float]:
    """All frames (height, width, 3) as red, green, blue, and the seconds that they last."""
    if path.is_dir():
        return [plain(file) for file in sorted(path.glob("*.png"))], np.nan
    if path.suffix in {".mp4", ".webm"}:
        with av.open(str(path)) as container:
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
            assert container.duration is not None
            return frames, container.duration / 1e6
    frames, seconds = [], 0.0
    with Image.open(path) as image:
        for number in range(image.n_frames):  # type: ignore[attr-defined]
            image.seek(number)
            image.load()
            seconds += image.info.get("duration", np.nan) / 1000
            frames.append(np.asarray(image.convert("RGB")))
    return frames, seconds


@pytest.mark.parametrize("ending", MOVING)
def test_every_frame_is_there_again_with_its_colours(tmp_path: Path, ending: str) -> None:
    path = export(tmp_path / ("frames" if ending == "folder" else f"a{ending}"), 13) if ending != "folder" else None
    if path is None:
        folder = tmp_path / "frames"
        folder.mkdir()
        path = export(folder, 13)
    frames, seconds = pictures_of(path)
    assert len(frames) == 13
    if not np.isnan(seconds):
        assert seconds == pytest.approx(13 / 25, abs=0.011)
    for number in (0, 12):
        wanted = picture(number)[..., 2::-1].astype(int)
        assert frames[number].shape == (90, 160, 3)
        assert np.abs(frames[number][25:65, 20:50].astype(int) - wanted[25:65, 20:50]).max() <= 6
        assert np.abs(frames[number].astype(int) - wanted).mean() < 2.5
    assert read_note(path) == NOTE


@pytest.mark.parametrize("codec", ["h264", "vp9", "av1"])
def test_each_codec_keeps_size_and_rate(tmp_path: Path, codec: str) -> None:
    path = export(tmp_path / ("a.webm" if codec == "vp9" else "a.mp4"), 7, codec=codec, fps=30.0)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == SIZE
        assert stream.average_rate == 30
        assert sum(1 for _ in container.decode(stream)) == 7


@pytest.mark.parametrize("fps", [7.0, 12.5, 15.0, 30.0, 50.0])
def test_a_gif_lasts_exactly_as_long_as_it_should(tmp_path: Path, fps: float) -> None:
    _, seconds = pictures_of(export(tmp_path / "a.gif", 23, fps=fps))
    assert seconds == pytest.approx(round(100 * 23 / fps) / 100, abs=1e-9)


def test_equal_neighbours_of_a_gif_become_one_frame_that_stays(tmp_path: Path) -> None:
    with Writer(tmp_path / "a.gif", Options(size=SIZE, fps=10.0)) as writer:
        for number in (0, 0, 0, 1, 1, 0):
            writer.add(picture(number))
    frames, seconds = pictures_of(tmp_path / "a.gif")
    assert len(frames) == 3
    assert seconds == pytest.approx(0.6)


def test_a_gif_takes_new_colours_when_the_old_ones_no_longer_serve(tmp_path: Path) -> None:
    ramp = np.zeros((90, 160, 4), np.uint8)
    ramp[..., 1] = np.linspace(0, 255, 160)
    ramp[..., 2] = np.linspace(255, 0, 90)[:, None]
    with Writer(tmp_path / "a.gif", Options(size=SIZE, fps=10.0)) as writer:
        for made in (picture(0), ramp, picture(1)):
            writer.add(made)
    frames, _ = pictures_of(tmp_path / "a.gif")
    for frame, made in zip(frames, (picture(0), ramp, picture(1)), strict=True):
        assert np.abs(frame.astype(int) - made[..., 2::-1]).mean() < 8


@pytest.mark.parametrize("ending", [".gif", ".apng", ".webp", ".png"])
def test_a_see_through_ground_stays_so(tmp_path: Path, ending: str) -> None:
    made = picture(3)
    made[:15, :, 3] = 0
    options = Options(size=SIZE, fps=10.0, transparent=True, note=NOTE)
    path = tmp_path / f"a{ending}"
    if ending == ".png":
        write_still(path, made, options)
    else:
        with Writer(path, options) as writer:
            writer.add(made)
            writer.add(picture(4))
    with Image.open(path) as image:
        alpha = np.asarray(image.convert("RGBA"))[..., 3]
    assert alpha[:12].max() == 0
    assert alpha[20:].min() == 255
    assert read_note(path) == NOTE


def test_a_file_is_replaced_only_when_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError):
        interrupted(path)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.gif"]
    export(path, 3)
    assert len(pictures_of(path)[0]) == 3


@pytest.mark.parametrize("ending", MOVING)
def test_an_encoder_that_fails_leaves_nothing_and_says_why(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = writers._encoder

    def broken(*arguments: object) -> object:
        encoder = made(*arguments)  # type: ignore[arg-type]
        calls = iter(range(100))

        def add(picture: object, add: object = encoder.add) -> None:
            if next(calls) == 2:
                raise OSError(errno.ENOSPC, "No space left on device")
            add(picture)  # type: ignore[operator]

        monkeypatch.setattr(encoder, "add", add)
        return encoder

    monkeypatch.setattr(writers, "_encoder", broken)
    target = f"{tmp_path}/a/" if ending == "folder" else tmp_path / f"a{ending}"
    with pytest.raises(MediaError, match=r"disk is full .* MB are free"):
        with_pictures(target, 30)
    assert not list(tmp_path.iterdir())


def interrupted(path: Path) -> None:
    with Writer(path, Options(size=SIZE)) as writer:
        writer.add(picture(0))
        writer.add(picture(1 // 0))


def with_pictures(target: Path | str, count: int) -> None:
    with Writer(target, Options(size=SIZE)) as writer:  # type: ignore[arg-type]
        for number in range(count):
            writer.add(picture(number % 20))


def test_a_folder_with_other_files_is_refused_and_an_earlier_export_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    export(folder, 5)
    assert len(list(folder.glob("frame-*.png"))) == 5
    export(folder, 2)
    assert len(list(folder.glob("frame-*.png"))) == 2
    (folder / NOTE_FILE).unlink()
    with pytest.raises(MediaError, match="other files"):
        export(folder, 2)
    assert len(list(folder.glob("frame-*.png"))) == 2


def earlier(folder: Path, pictures: int, **changes: object) -> Path:
    folder.mkdir()
    return export(folder, pictures, **changes)


def test_what_somebody_keeps_beside_an_earlier_export_is_never_removed(tmp_path: Path) -> None:
    folder = earlier(tmp_path / "frames", 3)
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(MediaError, match="other files"):
        export(folder, 2)
    (folder / "notes.txt").unlink()
    writer = Writer(folder, Options(size=SIZE), folder=True)
    writer.add(picture(0))
    (folder / "notes.txt").write_text("put there while it was drawn")
    with pytest.raises(MediaError, match="other files"):
        writer.finish()
    assert [entry.name for entry in tmp_path.iterdir()] == ["frames"]
    assert len(list(folder.glob("frame-*.png"))) == 3
    assert (folder / "notes.txt").read_text() == "put there while it was drawn"


@pytest.mark.parametrize(("count", "last"), [(0, "frame-00002"), (100_000, "frame-00002"), (100_001, "frame-000002")])
def test_pictures_of_a_folder_stand_in_the_order_of_their_names(tmp_path: Path, count: int, last: str) -> None:
    folder = earlier(tmp_path / "frames", 3, count=count)
    assert max(entry.stem for entry in folder.glob("*.png")) == last


def test_a_folder_that_cannot_be_replaced_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, rename = earlier(tmp_path / "frames", 3), os.replace

    def held(old: Path, new: Path) -> None:  # as where a program has a file of the new one open
        if new == folder and not (old / "frame-00002.png").exists():
            raise PermissionError(13, "Permission denied")
        rename(old, new)

    monkeypatch.setattr(os, "replace", held)
    with pytest.raises(MediaError, match="Permission denied"):
        export(folder, 1)
    assert [entry.name for entry in tmp_path.iterdir()] == ["frames"]
    assert len(list(folder.glob("frame-*.png"))) == 3


def test_a_file_never_takes_the_place_of_a_folder(tmp_path: Path) -> None:
    target = tmp_path / "a.gif"
    writer = Writer(target, Options(size=SIZE))
    writer.add(picture(0))
    target.mkdir()
    (target / "mine").touch()
    with pytest.raises(MediaError, match="nothing was written"):
        writer.finish()
    assert (target / "mine").exists()
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.gif"]


@pytest.mark.parametrize(
    ("path", "changes", "words"),
    [
        ("a.avi", {}, r"\.avi is not a format; use \.mp4, \.webm"),
        ("a", {}, "no ending"),
        ("a.mp4", {"size": (161, 90)}, "use 162x90"),
        ("a.gif", {"fps": 60.0}, "use 1 to 50"),
        ("a.mp4", {"fps": 0.0}, "use 1 to 240"),
        ("a.mp4", {"codec": "vp9"}, "use h264 or av1"),
        ("a.gif", {"codec": "h264"}, "leave it out"),
        ("a.mp4", {"transparent": True}, r"use \.gif, \.apng, \.webp"),
    ],
)
def test_what_a_format_cannot_do_is_said_in_one_sentence(path: str, changes: dict[str, object], words: str) -> None:
    with pytest.raises(MediaError, match=words) as caught:
        check_options(path, Options(**({"size": SIZE} | changes)))  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_a_missing_folder_is_said_before_anything_is_drawn(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="there is no folder"):
        Writer(tmp_path / "none" / "a.gif", Options(size=SIZE))


def test_formats_are_known_by_their_endings() -> None:
    assert format_of("a/b.MP4").name == ".mp4"
    assert format_of("frames/").name == "folder"


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP", b"%PDF-1.4", b"hello"])
def test_a_file_without_a_note_says_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(content)
    with pytest.raises(MediaError, match="does not say how it was made"):
        read_note(path)


@pytest.mark.parametrize("ending", [".gif", ".apng", ".webp"])
@pytest.mark.parametrize("times", [0, 1, 3])
def test_an_animated_picture_says_how_often_it_plays(tmp_path: Path, ending: str, times: int) -> None:
    path = export(tmp_path / f"a{ending}", 3, loop=times)
    with Image.open(path) as image:
        told = image.info.get("loop")
    if ending == ".gif":  # which counts how often it begins again, and says nothing where it does not
        assert told == {0: 0, 1: None, 3: 2}[times]
    else:
        assert told == times


def test_a_see_through_gif_has_no_ground_and_no_trace_of_what_was_there_before(tmp_path: Path) -> None:
    with Writer(tmp_path / "a.gif", Options(size=SIZE, fps=10.0, transparent=True)) as writer:
        for number in (0, 0, 5, 9):
            made = picture(number)
            made[made[..., 0] == 31] = 0
            made[40:50, 80:90] = (0, 0, 255, 40 if number == 5 else 200)
            writer.add(made)
    with Image.open(tmp_path / "a.gif") as image:
        assert image.n_frames == 3  # type: ignore[attr-defined]
        for place, number in enumerate((0, 5, 9)):
            image.seek(place)
            alpha = np.asarray(image.convert("RGBA"))[..., 3]
            wanted = picture(number)[..., 0] != 31
            wanted[40:50, 80:90] = number != 5
            assert np.array_equal(alpha > 0, wanted)


def test_a_gif_that_changes_its_colours_once_does_not_write_each_frame_whole_after_that(tmp_path: Path) -> None:
    ramp = np.zeros((90, 160, 4), np.uint8)
    ramp[..., 1] = np.linspace(0, 255, 160)
    ramp[..., 2] = np.linspace(255, 0, 90)[:, None]
    with Writer(tmp_path / "a.gif", Options(size=SIZE, fps=10.0)) as writer:
        writer.add(picture(0))
        for number in range(12):
            ramp[number, :4, :3] = 255
            writer.add(ramp.copy())
    assert (tmp_path / "a.gif").stat().st_size < 45_000
