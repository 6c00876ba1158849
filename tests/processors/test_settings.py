"""Settings that are wrong are told in one line that says what to do."""

import json
from pathlib import Path

import pytest

from overt_processors.apps import TABLE
from overt_processors.settings import Settings, load
from overt_schemas.errors import Permanent


def values(folder: Path) -> dict[str, object]:
    (folder / "root.pub").write_text("ab" * 32 + "\n")
    (folder / "password").write_text("secret\n")
    return {
        "state_dir": str(folder),
        "kafka": {
            "bootstrap": "127.0.0.1:1", "ca": "ca.pem", "username": "refine",
            "password_file": str(folder / "password"),
        },
        "authority": {
            "url": "https://127.0.0.1:2", "ca": "ca.pem", "cert": "c.pem", "key": "k.pem",
            "root_key": str(folder / "root.pub"),
        },
    }  # fmt: skip


def toml(given: dict[str, object]) -> str:
    """Return values as TOML; JSON's scalars are TOML's, and tables come last."""
    plain = {key: value for key, value in given.items() if not isinstance(value, dict)}
    tables = {key: value for key, value in given.items() if isinstance(value, dict)}
    lines = [f"{key} = {json.dumps(value)}" for key, value in plain.items()]
    for name, table in tables.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
    return "\n".join(lines)


def write(folder: Path, given: dict[str, object], mode: int = 0o600) -> Path:
    path = folder / "settings.toml"
    path.touch(mode)
    path.chmod(mode)
    path.write_text(toml(given))
    return path


def test_good_settings_are_read(tmp_path: Path) -> None:
    settings = load(write(tmp_path, values(tmp_path)))

    assert isinstance(settings, Settings)
    assert settings.kafka.password() == "secret"
    assert settings.authority.root() == bytes.fromhex("ab" * 32)
    assert settings.ready == tmp_path / "ready"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"colour": "red"}, "colour"),
        ({"refine": {"commit_interval_s": 60}}, "refine.commit_interval_s"),
        ({"kafka": {"bootstrap": "x"}}, "kafka"),
    ],
    ids=["unknown key", "out of range", "missing key"],
)
def test_bad_settings_name_the_key(tmp_path: Path, change: dict[str, object], says: str) -> None:
    path = write(tmp_path, {**values(tmp_path), **change})

    with pytest.raises(Permanent, match=says) as caught:
        load(path)

    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_settings_that_others_may_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="chmod 600"):
        load(write(tmp_path, values(tmp_path), 0o644))


def test_settings_that_are_not_there_are_told_so(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="cannot read"):
        load(tmp_path / "none.toml")


def test_what_is_not_toml_is_told_so(tmp_path: Path) -> None:
    path = write(tmp_path, {})
    path.write_text("= =")

    with pytest.raises(Permanent, match="not TOML"):
        load(path)


@pytest.mark.parametrize("text", ["", "zz", "ab" * 31])
def test_a_root_key_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    settings = load(write(tmp_path, values(tmp_path)))
    (tmp_path / "root.pub").write_text(text)

    with pytest.raises(Permanent, match="root key"):
        settings.authority.root()


def test_the_environment_overrides_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OVERT_PROCESSORS_REFINE__COMMIT_INTERVAL_S", "2.5")

    assert load(write(tmp_path, values(tmp_path))).refine.commit_interval_s == 2.5


def test_an_app_without_keys_needs_the_root_alone(tmp_path: Path) -> None:
    given = values(tmp_path)
    given["authority"] = {"root_key": str(tmp_path / "root.pub")}

    settings = load(write(tmp_path, given))

    assert settings.authority.root() == bytes.fromhex("ab" * 32)
    with pytest.raises(Permanent, match=r"authority\.ca"):
        settings.authority.require()


def test_each_app_has_a_pace_of_its_own(tmp_path: Path) -> None:
    given = values(tmp_path) | {"session": {"update_s": 2}, "feed": {"in_flight": 7}}

    settings = load(write(tmp_path, given))

    assert settings.session.update_s == 2.0
    assert settings.pace("feed").in_flight == 7
    assert {app.section for app in TABLE.values()} == {"refine", "feed", "session"}
    assert all(settings.pace(app.section) for app in TABLE.values())
