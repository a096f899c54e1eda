"""`centre.toml`: what can be said, and what is refused with its remedy."""

import re
from pathlib import Path

import pytest

from centre.running.settings import FILE, TEMPLATE, Choices, RetentionChoice, SetUpError, read_choices
from centre.store.periods import Policy

SECRET = "hunter2"  # noqa: S105 -- to be looked for in messages


def read(tmp_path: Path, text: str, mode: int = 0o600) -> Choices:
    path = tmp_path / FILE
    path.write_text(text)
    path.chmod(mode)
    return read_choices(path)


def refused(tmp_path: Path, text: str, mode: int = 0o600) -> str:
    with pytest.raises(SetUpError) as caught:
        read(tmp_path, text, mode)
    told = str(caught.value)
    assert str(tmp_path / FILE) in told
    return told


def test_what_is_written_at_first_is_what_holds_without_a_word(tmp_path: Path) -> None:
    assert read(tmp_path, TEMPLATE) == read(tmp_path, "")


def test_every_line_that_is_offered_can_be_used(tmp_path: Path) -> None:
    """Each comment that is a setting, uncommented, is a setting that is understood."""
    text = re.sub(r"^# (\w+ = )", r"\1", TEMPLATE, flags=re.MULTILINE)
    text = text.replace('store = ""\n', "").replace("proxy = true", "proxy = false")
    choices = read(tmp_path, text)
    assert choices.store.startswith("postgresql://")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("consle = 1", "consle"),
        ("[console]\nlisten = 8080", "listen"),
        ('[console]\nlisten = "127.0.0.1"', "HOST:PORT"),
        ('[console]\nlisten = "127.0.0.1:x"', "HOST:PORT"),
        ('[console]\nlisten = "0.0.0.0:8080"', "TLS"),
        ('[console]\nlisten = "console.example.org:8080"', "TLS"),
        ('[console]\ncertificate = "c.pem"', "go together"),
        ("[console]\nproxy = true", "https://"),
        ('[console]\nproxy = true\nlisten = "0.0.0.0:1"\ncertificate = "c"\nkey = "k"', "127.0.0.1"),
        ('[console]\naddress = "http://console.example.org"', "https://"),
        ('[console]\naddress = "https://console.example.org/x"', "nothing behind"),
        ('[console]\naddress = "ftp://console.example.org"', "https://HOST"),
        ('[console]\nzone = "Mars/Base"', "Europe/London"),
        ("[broker]\nport = 70000", "port"),
        ("[broker]\nrunn = true", "runn"),
        (f'store = "mysql://x:{SECRET}@y/z"', "postgresql://"),
        ("store = \n[console]", "line 1"),
        ("[retention]\nreadings_days = 1", "readings_days"),
        ("[retention]\nreading_days = 0", "a day at least"),
        ("[retention]\nreading_days = 1.5", "reading_days"),
        ("[retention]\naudit_days = 10", "its proof"),
        ('[retention]\nholds = ["Mrs Jones"]', "hubs' names"),
    ],
)
def test_what_cannot_be_is_refused_by_name(tmp_path: Path, text: str, told: str) -> None:
    assert told in (said := refused(tmp_path, text))
    assert SECRET not in said


def test_s11_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    assert "chmod 600" in refused(tmp_path, "", 0o640)


def test_a_proxy_with_its_own_name_is_where_staff_go(tmp_path: Path) -> None:
    choices = read(tmp_path, '[console]\nproxy = true\naddress = "https://console.example.org"')
    console = choices.console
    assert (console.secure, console.at("127.0.0.1", 8080)) == (True, "https://console.example.org")


def test_without_a_word_the_console_is_for_this_computer_alone(tmp_path: Path) -> None:
    console = read(tmp_path, "").console
    assert (console.secure, console.place) == (False, ("127.0.0.1", 8080))
    assert console.at("::1", 1) == "http://[::1]:1"


def test_how_long_things_are_kept_is_as_policy_says_unless_it_is_said(tmp_path: Path) -> None:
    assert read(tmp_path, "").retention == RetentionChoice()
    assert read(tmp_path, TEMPLATE).retention == RetentionChoice()
    chosen = read(tmp_path, '[retention]\nreading_days = 31\nholds = ["hub-1"]').retention
    assert (chosen.reading_days, chosen.home_days, chosen.holds) == (31, Policy().home_days, ("hub-1",))
    for name in Policy.__struct_fields__:  # everybody sees each figure there is to decide
        assert f"\n{name} = {getattr(Policy(), name)}\n" in TEMPLATE
