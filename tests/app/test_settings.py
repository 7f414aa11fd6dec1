"""Settings survive every file: cut, foreign, newer, unwritable, and a crash while Qt restores a layout."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeviz.app import settings as module
from nodeviz.app.settings import LAYOUT_VERSION, MAX_HISTORY, VERSION, Layout, Settings, SettingsStore

FULL = Settings(
    theme="dark",
    layout=Layout(geometry=b"\x00\x01place", state=b"\xffdocks"),
    panels={"phase": {"n_steps": 15, "start": [[2.0, 0.0]], "system": "spiral", "dashed": True, "csv": None}},
    console_history=50,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
all_settings = st.builds(
    Settings,
    theme=st.sampled_from(["system", "dark", "light"]),
    layout=st.none() | st.builds(Layout, geometry=st.binary(), state=st.binary()),
    panels=st.dictionaries(st.text(), st.dictionaries(st.text(), json_values, max_size=3), max_size=3),
    console_history=st.integers(0, MAX_HISTORY),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for the fuzzed tests, which write the whole file each time."""
    return tmp_path_factory.mktemp("settings")


def write(folder: Path, content: bytes) -> SettingsStore:
    folder.mkdir(exist_ok=True)
    (folder / "settings.json").write_bytes(content)
    return SettingsStore(folder)


@given(settings=all_settings)
def test_what_is_saved_is_loaded(folder: Path, settings: Settings) -> None:
    assert SettingsStore(folder).save(settings) == ""
    assert SettingsStore(folder).load() == (settings, "")


def test_a_first_start_has_defaults_and_nothing_to_tell(tmp_path: Path) -> None:
    store = SettingsStore(tmp_path / "not" / "yet")
    assert store.load() == (Settings(), "")
    assert store.save(FULL) == ""
    assert store.load() == (FULL, "")


def test_a_file_cut_anywhere_gives_defaults_and_keeps_a_copy(tmp_path: Path) -> None:
    SettingsStore(tmp_path).save(FULL)
    whole = (tmp_path / "settings.json").read_bytes()
    for length in range(len(whole)):
        settings, sentence = write(tmp_path, whole[:length]).load()
        assert settings == Settings()
        assert "damaged" in sentence
        assert (tmp_path / "settings.damaged.bak").read_bytes() == whole[:length]


@given(content=st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_load(folder: Path, content: bytes) -> None:
    settings, sentence = write(folder, content).load()
    assert settings == Settings()
    assert sentence.count("\n") == 0


@given(
    fields=st.fixed_dictionaries(
        {"version": st.just(VERSION)},
        optional={name: json_values for name in ("theme", "layout", "panels", "console_history", "unknown")},
    )
)
def test_any_values_load(folder: Path, fields: dict[str, object]) -> None:
    store = write(folder, json.dumps(fields).encode())
    settings, _ = store.load()
    assert store.save(settings) == ""
    assert store.load() == (settings, "")


@pytest.mark.parametrize(
    "content",
    [
        "thème".encode("latin-1"),
        b"\xff\xfe" + '{"version": 1}'.encode("utf-16-le"),
        b"",
        b"[" * 100_000,
        b'{"version": true}',
        b'{"version": "1"}',
        b'{"version": ' + b"9" * 5000 + b"}",
        b'{"theme": "dark"}',
        b'{"version": 1, "theme": "dark", "unused": "' + b"x" * module.MAX_BYTES + b'"}',
    ],
    ids=["latin-1", "utf-16", "empty", "deep", "version-bool", "version-text", "version-huge", "no-version", "huge"],
)
def test_files_that_are_no_settings(tmp_path: Path, content: bytes) -> None:
    settings, sentence = write(tmp_path, content).load()
    assert settings == Settings()
    assert "damaged" in sentence
    assert str(tmp_path / "settings.damaged.bak") in sentence


def test_a_newer_file_is_kept_beside_and_survives_the_next_save(tmp_path: Path) -> None:
    newer = json.dumps({"version": VERSION + 1, "theme": {"name": "dark"}}).encode()
    store = write(tmp_path, newer)
    settings, sentence = store.load()
    assert settings == Settings()
    assert "newer" in sentence
    store.save(settings)
    assert (tmp_path / "settings.newer.bak").read_bytes() == newer
    assert store.load() == (Settings(), "")


def test_one_wrong_value_costs_only_itself(tmp_path: Path) -> None:
    SettingsStore(tmp_path).save(FULL)
    data = json.loads((tmp_path / "settings.json").read_text())
    data["theme"] = 7
    data["layout"]["state"] = "not base64!"
    data["panels"]["flow"] = ["not", "a", "mapping"]
    settings, sentence = write(tmp_path, json.dumps(data).encode()).load()
    assert settings == Settings(panels=FULL.panels, console_history=50)
    assert sentence.startswith("Settings: theme, layout, panel 'flow' cannot be used")


def test_numbers_that_are_not_finite_cost_their_panel(tmp_path: Path) -> None:
    content = b'{"version": 1, "panels": {"phase": {"t1": NaN}, "flow": {"t1": 1.0}}}'
    settings, sentence = write(tmp_path, content).load()
    assert settings.panels == {"flow": {"t1": 1.0}}
    assert "panel 'phase'" in sentence


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"theme": "blue"}, "theme='blue'"),
        ({"console_history": -1}, "console_history=-1"),
        ({"console_history": 1.5}, "console_history=1.5"),
        ({"panels": {"phase": {"t1": float("nan")}}}, "panels['phase']"),
        ({"panels": {"phase": {"f": print}}}, "panels['phase']"),
        ({"panels": {"phase": 3}}, "panels['phase']"),
    ],
)
def test_values_that_are_not_allowed_are_named(change: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match="; use ") as caught:
        Settings(**change)  # type: ignore[arg-type]
    assert words in str(caught.value)


def test_a_layout_is_handed_out_once(tmp_path: Path) -> None:
    SettingsStore(tmp_path).save(FULL)
    assert SettingsStore(tmp_path).take_layout() == FULL.layout
    # What a start after a crash sees: the layout is gone, the rest is there.
    assert SettingsStore(tmp_path).take_layout() is None
    assert SettingsStore(tmp_path).load()[0] == Settings(theme="dark", panels=FULL.panels, console_history=50)


def test_a_layout_of_another_version_is_no_layout(tmp_path: Path) -> None:
    SettingsStore(tmp_path).save(FULL)
    data = json.loads((tmp_path / "settings.json").read_text())
    data["layout"]["version"] = LAYOUT_VERSION + 1
    store = write(tmp_path, json.dumps(data).encode())
    assert store.load()[1] == ""
    assert store.take_layout() is None


def test_a_layout_that_cannot_be_removed_is_not_handed_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SettingsStore(tmp_path)
    store.save(FULL)
    monkeypatch.setattr(os, "replace", refuse)
    assert store.take_layout() is None


def refuse(*_: object) -> None:
    raise PermissionError(13, "Permission denied")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SettingsStore(tmp_path)
    store.save(FULL)
    monkeypatch.setattr(os, "replace", refuse)
    sentence = store.save(Settings(theme="light"))
    assert sentence == (
        f"Settings: {tmp_path / 'settings.json'} cannot be used (Permission denied); "
        "changes last until nodeviz is closed"
    )
    assert store.save(Settings(theme="light")) == "", "told once"
    assert store.load() == (Settings(theme="light"), ""), "the session goes on in memory"
    assert [path.name for path in tmp_path.iterdir()] == ["settings.json"]
    monkeypatch.undo()
    assert SettingsStore(tmp_path).load() == (FULL, "")


def test_a_folder_in_the_way_works_in_memory(tmp_path: Path) -> None:
    (tmp_path / "settings.json").mkdir()
    store = SettingsStore(tmp_path)
    settings, sentence = store.load()
    assert settings == Settings()
    assert sentence.endswith("changes last until nodeviz is closed")
    assert store.save(FULL) == ""
    assert store.load() == (FULL, "")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="POSIX permissions")
def test_an_unwritable_home(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(stat.S_IRUSR | stat.S_IXUSR)
    store = SettingsStore(home / ".config" / "nodeviz")
    sentence = store.save(FULL)
    if os.geteuid() == 0:
        assert sentence == "", "root may write anywhere"
    else:
        assert "cannot be used" in sentence
    assert store.load() == (FULL, "")


def test_without_a_home_no_folder_named_tilde_appears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = SettingsStore(Path("~/.config/nodeviz"))
    assert "no home folder" in store.save(FULL)
    assert store.load() == (FULL, "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "symlink") or os.name == "nt", reason="links need rights on Windows")
def test_a_linked_file_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    (tmp_path / "settings.json").symlink_to(tmp_path / "dotfiles" / "nodeviz.json")
    SettingsStore(tmp_path).save(FULL)
    assert (tmp_path / "settings.json").is_symlink()
    assert SettingsStore(tmp_path).load() == (FULL, "")


def test_the_environment_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NODEVIZ_CONFIG_DIR", str(tmp_path / "here"))
    assert SettingsStore().path == tmp_path / "here" / "settings.json"
    monkeypatch.delenv("NODEVIZ_CONFIG_DIR")
    assert SettingsStore().path.parent.name == "nodeviz"
    assert SettingsStore(tmp_path).path == tmp_path / "settings.json"


def test_tests_never_touch_the_users_settings(tmp_path_factory: pytest.TempPathFactory) -> None:
    assert SettingsStore().path.is_relative_to(tmp_path_factory.getbasetemp())
