"""Where settings come from, which source wins, and what is said when one is wrong."""

from __future__ import annotations

import os
from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from recommender.errors import SettingsError
from recommender.settings import Settings, load


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run in an empty folder, with no variable of ours."""
    monkeypatch.chdir(tmp_path)
    for variable in os.environ:
        if variable.startswith("RECOMMENDER_"):
            monkeypatch.delenv(variable)


def write(text: str, name: str = "recommender.toml") -> Path:
    path = Path(name)
    path.write_text(text)
    return path


# Sources


def test_the_defaults() -> None:
    settings = load()
    assert settings == Settings()
    assert settings.model_dump() == {
        "store": "sqlite:///recommender.sqlite",
        "models": Path("models"),
        "site": "",
        "sites": (),
        "host": "127.0.0.1",
        "port": 8000,
        "workers": 1,
        "live": True,
        "cors": (),
        "read": "open",
        "read_limit": 0,
        "write_limit": 0,
        "proxies": 0,
        "cache": 64,
        "log": "text",
        "access_log": False,
        "shutdown": 20,
        "engine": "local",
        "scheduler": "",
        "neighbours": 50,
        "zone": "UTC",
    }


def test_the_zone_is_one_that_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load().tzinfo is UTC
    monkeypatch.setenv("RECOMMENDER_ZONE", "Europe/Berlin")
    assert load().tzinfo == ZoneInfo("Europe/Berlin")
    for wrong in ("Europe/Nowhere", "CEST+2", "/etc/passwd", "../UTC", "Europe", "\0"):
        with pytest.raises(SettingsError, match=r"'zone'.*such as Europe/Berlin"):
            load(zone=wrong)


def test_flags_win_over_environment_over_file_over_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    write("port = 1\nworkers = 1\nneighbours = 11\nhost = 'file'")
    monkeypatch.setenv("RECOMMENDER_PORT", "2")
    monkeypatch.setenv("RECOMMENDER_WORKERS", "2")
    settings = load(port=3, neighbours=None)  # a flag that was not given
    assert (settings.port, settings.workers, settings.neighbours, settings.host) == (3, 2, 11, "file")


def test_which_file_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    write("port = 1")
    write("port = 2", "named.toml")
    third = write("port = 3", "flag.toml")
    assert load().port == 1
    monkeypatch.setenv("RECOMMENDER_CONFIG", "named.toml")
    assert load().port == 2
    assert load(third).port == 3


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOMMENDER_PORT", "")
    monkeypatch.setenv("RECOMMENDER_CONFIG", "")
    assert load() == Settings()


def test_a_worker_loads_what_its_parent_had(monkeypatch: pytest.MonkeyPatch) -> None:
    write("neighbours = 20\nport = 1")
    parent = load(
        port=9, store="postgresql+psycopg://u:p%40ss@db/news?options=-csearch_path%3Dx", engine="local"
    )
    for variable, value in parent.environment().items():
        monkeypatch.setenv(variable, value)
    assert load() == parent


# What is wrong


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("flag", "setting 'port' (from a flag)"),
        ("environment", "setting 'port' (from the environment, RECOMMENDER_PORT)"),
        ("file", "setting 'port' (from recommender.toml)"),
    ],
)
def test_a_bad_value_is_named_with_its_source(
    source: str, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = {}
    if source == "flag":
        flags["port"] = "many"
    elif source == "environment":
        monkeypatch.setenv("RECOMMENDER_PORT", "many")
    else:
        write("port = 'many'")
    with pytest.raises(SettingsError) as caught:
        load(None, **flags)
    assert str(caught.value).startswith(named)
    assert "valid integer" in str(caught.value)
    assert str(caught.value).endswith("got 'many'")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("port", -1, "greater than or equal to 0"),
        ("port", 65_536, "less than or equal to 65535"),
        ("workers", 0, "greater than or equal to 1"),
        ("engine", "steam", "'local', 'processes' or 'dask'"),
        ("neighbours", 9, "greater than or equal to 10"),
        ("neighbours", 201, "less than or equal to 200"),
        ("host", "", "at least 1 character"),
        ("store", "", "at least 1 character"),
        ("models", 3, "not a valid path"),
    ],
)
def test_values_that_cannot_be(name: str, value: object, expected: str) -> None:
    with pytest.raises(SettingsError, match=f"setting '{name}' .*{expected}"):
        load(None, **{name: value})


def test_all_that_is_wrong_is_said_at_once() -> None:
    write("port = -1\nengine = 'x'\nprot = 1")
    with pytest.raises(SettingsError) as caught:
        load(workers=0)
    for part in ("'port'", "'engine'", "'prot'", "'workers'"):
        assert part in str(caught.value)


def test_unknown_names_suggest_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("neighbors = 20")
    with pytest.raises(
        SettingsError, match=r"'neighbors' \(from recommender.toml\); did you mean 'neighbours'"
    ):
        load()
    path.write_text("[server]\nport = 1")
    with pytest.raises(SettingsError, match=r"no setting 'server' .*there are: store, models, site"):
        load()
    path.unlink()
    with pytest.raises(SettingsError, match=r"no setting 'prot' \(from a flag\); did you mean 'port'"):
        load(prot=1)
    monkeypatch.setenv("RECOMMENDER_STROE", "sqlite:///x")
    with pytest.raises(SettingsError, match=r"RECOMMENDER_STROE.*did you mean 'RECOMMENDER_STORE'"):
        load()


@pytest.mark.parametrize(
    "value", [5, {"url": "postgresql://u:hunter2@db/x"}, ["postgresql://u:hunter2@db/x"]]
)
def test_a_password_is_never_shown(value: object) -> None:
    with pytest.raises(SettingsError, match="'store'") as caught:
        load(store=value)
    assert "hunter2" not in str(caught.value)
    # A traceback shows these too.
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert "hunter2" not in repr(load(store="postgresql://u:hunter2@db/x"))


def test_a_long_value_is_cut() -> None:
    with pytest.raises(SettingsError) as caught:
        load(port="9" * 10_000)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"port = ", "not TOML"), (b"host = '\xff'", "not TOML"), (b"port = 1\nport = 2", "not TOML")],
)
def test_a_file_that_is_not_toml(content: bytes, message: str) -> None:
    Path("recommender.toml").write_bytes(content)
    with pytest.raises(SettingsError, match=f"recommender.toml is {message}"):
        load()


def test_a_file_that_is_named_must_be_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for missing in (Path("none.toml"), tmp_path):
        with pytest.raises(SettingsError, match="no settings file"):
            load(missing)
    monkeypatch.setenv("RECOMMENDER_CONFIG", "none.toml")
    with pytest.raises(SettingsError, match=r"none\.toml"):
        load()


def test_a_file_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    write("port = 1")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(SettingsError, match=r"recommender\.toml cannot be read: Permission denied"):
        load()


def test_settings_do_not_change_and_explain_themselves() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load().port = 1
    for name, field in Settings.model_fields.items():
        assert field.description, name
