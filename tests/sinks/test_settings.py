"""Settings: one file, private, nothing unknown, nothing from the environment."""

from pathlib import Path

import pytest

from overt_schemas.errors import Refused
from overt_sinks import settings
from overt_sinks.rolling import Limits
from overt_sinks.stores.store import Keys, Site

GOOD = """
state_dir = "/var/lib/overt/sink"
[kafka]
bootstrap = "127.0.0.1:9"
ca = "/ca.pem"
username = "sink"
password_file = "/password"
[store]
url = "file:///objects"
hot = "hot"
[index]
url = "sqlite:////index.db"
"""

ALONE = GOOD.replace(
    'url = "file:///objects"',
    'url = "http://127.0.0.1:9"\naccess_key_file = "a"\nsecret_key_file = "b"',
)


def write(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "settings.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_what_is_not_said_has_its_default(tmp_path: Path) -> None:
    config = settings.load(write(tmp_path, GOOD))

    assert config.sink.limits() == Limits()
    assert config.sink.group == "sink"
    assert settings.store_keys(config.store) is None


def test_the_age_of_a_flush_is_a_setting(tmp_path: Path) -> None:
    config = settings.load(write(tmp_path, f"{GOOD}[sink]\nflush_age_s = 0.25\n"))

    assert config.sink.limits().age_ns == 250_000_000


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"{GOOD}surprise = 1\n", "index.surprise"),
        (f"{GOOD}[other]\nx = 1\n", "other"),
        (f"{GOOD}[sink]\nflush_age_s = 0\n", "sink.flush_age_s"),
        (f"{GOOD}[sink]\nbudget_bytes = 1048576\n", "sink: Value error, object_bytes is more"),
        (GOOD.replace("[index]", "[indices]"), "index"),
        (f"{GOOD}[tiers]\nafter = 1\n", "tiers.after"),
        (
            f"{GOOD}[retention]\ninput_days = 9\nmark_days = 8\n",
            "retention: Value error, mark_days",
        ),
        (f"{GOOD}[retention]\nmark_days = 8\n", "retention: Value error, mark_days"),
        ("state_dir = ", "is not a TOML file"),
        (b"\xff\xfe".decode("latin1"), "is not a TOML file"),
    ],
)
def test_a_file_that_is_wrong_is_refused_in_one_line_that_names_the_key(
    tmp_path: Path, text: str, says: str
) -> None:
    with pytest.raises(Refused) as refused:
        settings.load(write(tmp_path, text))

    assert says in str(refused.value)
    assert "\n" not in str(refused.value)
    assert refused.value.reason == "settings"


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="chmod 600"):
        settings.load(write(tmp_path, GOOD, 0o640))


def test_a_secret_that_others_may_read_is_refused(tmp_path: Path) -> None:
    secret = write(tmp_path, "password\n", 0o644)

    with pytest.raises(Refused, match="chmod 600"):
        settings.read_secret(secret)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="cannot be read"):
        settings.load(tmp_path / "none.toml")


def test_the_environment_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIR", "/elsewhere")
    monkeypatch.setenv("INDEX", '{"url": "sqlite:///elsewhere"}')

    config = settings.load(write(tmp_path, GOOD))

    assert str(config.state_dir) == "/var/lib/overt/sink"
    assert config.index.url == "sqlite:////index.db"


def test_an_error_never_shows_the_value_it_was_given(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        settings.load(write(tmp_path, GOOD.replace('hot = "hot"', "hot = 'x'\naccess = 'SECRET'")))

    assert "SECRET" not in str(refused.value)


def test_the_second_identity_is_another(tmp_path: Path) -> None:
    for name, content in (("a", "SAME"), ("b", "secret"), ("c", "SAME\n"), ("d", "other")):
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o600)
    second = 'second_access_key_file = "c"\nsecond_secret_key_file = "d"\n[index]'
    text = ALONE.replace("[index]", second)
    for name in "abcd":
        text = text.replace(f'"{name}"', f'"{tmp_path / name}"')
    config = settings.load(write(tmp_path, text))

    with pytest.raises(Refused, match="the same"):
        settings.second_keys(config.store)


def test_an_s3_store_is_not_probed_without_a_second_identity(tmp_path: Path) -> None:
    config = settings.load(write(tmp_path, ALONE))

    with pytest.raises(Refused, match="second identity") as refused:
        settings.second_keys(config.store)

    assert refused.value.reason == "settings"


def test_other_clouds_have_one_file_of_credentials_and_their_site(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("secret\n")
    (tmp_path / "c").chmod(0o600)
    own = f'url = "az://"\naccount = "a"\ncredentials_file = "{tmp_path / "c"}"'
    config = settings.load(write(tmp_path, GOOD.replace('url = "file:///objects"', own)))

    assert settings.store_keys(config.store) == Keys(access="", secret="secret")
    assert settings.second_keys(config.store) is None
    assert settings.site(config.store) == Site(account="a")


def test_the_second_credentials_are_others(tmp_path: Path) -> None:
    for name in "cd":
        (tmp_path / name).write_text("secret\n")
        (tmp_path / name).chmod(0o600)
    own = (
        f'url = "gs://"\ncredentials_file = "{tmp_path / "c"}"'
        f'\nsecond_credentials_file = "{tmp_path / "d"}"'
    )
    config = settings.load(write(tmp_path, GOOD.replace('url = "file:///objects"', own)))

    with pytest.raises(Refused, match="the same"):
        settings.second_keys(config.store)


def test_a_class_is_kept_for_ever_unless_it_is_said(tmp_path: Path) -> None:
    text = f"{GOOD}[retention]\nframe_days = 30\n"

    config = settings.load(write(tmp_path, text))

    assert [config.retention.days(name) for name in ("input", "frame", "mark")] == [0, 30, 0]
