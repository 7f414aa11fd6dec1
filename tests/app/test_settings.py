"""Settings survive every file: cut, foreign, newer and unwritable."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeviz.app import settings as module
from nodeviz.app.settings import MAX_HISTORY, MAX_SESSIONS, VERSION, Settings, SettingsStore

FULL = Settings(
    theme="dark",
    sessions=("/tmp/spirals.nodeviz", "/tmp/my first.nodeviz"),
    exports=({"panel": "phase", "size": [1280, 720], "at": None},),
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
    sessions=st.lists(st.text(min_size=1, max_size=50), max_size=MAX_SESSIONS).map(tuple),
    exports=st.lists(st.dictionaries(st.text(), json_values, max_size=3), max_size=3).map(tuple),
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
        optional={name: json_values for name in ("theme", "sessions", "exports", "console_history", "unknown")},
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
    data["sessions"] = "not a list"
    data["exports"] = [["not", "a", "mapping"]]
    settings, sentence = write(tmp_path, json.dumps(data).encode()).load()
    assert settings == Settings(console_history=50)
    assert sentence.startswith("Settings: theme, sessions, exports cannot be used")


def test_numbers_that_are_not_finite_cost_what_they_are_in(tmp_path: Path) -> None:
    content = b'{"version": 1, "exports": [{"fps": NaN}], "sessions": ["/tmp/a.nodeviz"]}'
    settings, sentence = write(tmp_path, content).load()
    assert settings == Settings(sessions=("/tmp/a.nodeviz",))
    assert "exports" in sentence


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"theme": "blue"}, "theme='blue'"),
        ({"console_history": -1}, "console_history=-1"),
        ({"console_history": 1.5}, "console_history=1.5"),
        ({"sessions": ["/tmp/a.nodeviz"]}, "sessions"),
        ({"sessions": ("",)}, "sessions"),
        ({"sessions": ("a",) * (MAX_SESSIONS + 1)}, "sessions"),
        ({"exports": ({"f": print},)}, "exports"),
        ({"exports": ({"fps": float("nan")},)}, "exports"),
    ],
)
def test_values_that_are_not_allowed_are_named(change: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match="; use ") as caught:
        Settings(**change)  # type: ignore[arg-type]
    assert words in str(caught.value)


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
