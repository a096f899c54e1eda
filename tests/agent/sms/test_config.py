"""`[modem]` in hub.toml: read strictly, at most once, its PIN file private."""

from pathlib import Path

import pytest

from agent.config import ConfigError, HubConfig, load

HUB = """
hub = "hub-3f9a"
outputs = "log"
[keys]
hub = "hub.pem"
centre = ["centre.pem"]
[[uplink]]
name = "main"
host = "127.0.0.1"
"""


def read(folder: Path, tables: str) -> HubConfig:
    for name in ("hub.pem", "centre.pem", "pin"):
        (folder / name).write_text("1234")
        (folder / name).chmod(0o600)
    (folder / "hub.toml").write_text(HUB + tables)
    return load(folder / "hub.toml")


def problem(folder: Path, tables: str) -> str:
    with pytest.raises(ConfigError) as refused:
        read(folder, tables)
    (line,) = str(refused.value).splitlines()
    assert "1234" not in line
    return line.removeprefix(f"{folder / 'hub.toml'}: ")


def test_a_hub_without_a_modem(tmp_path: Path) -> None:
    assert read(tmp_path, "").modem is None


def test_a_modem_and_its_defaults(tmp_path: Path) -> None:
    modem = read(tmp_path, '[modem]\nport = "/dev/ttyUSB2"\n').modem
    assert modem is not None
    assert (modem.port, modem.baud, modem.pin_file) == (Path("/dev/ttyUSB2"), 115_200, None)


def test_a_modem_with_everything(tmp_path: Path) -> None:
    modem = read(tmp_path, '[modem]\nport = "/dev/ttyUSB2"\nbaud = 460800\npin_file = "pin"\n').modem
    assert modem is not None
    assert (modem.baud, modem.pin_file) == (460_800, tmp_path / "pin")


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("[modem]\n", "modem.port: found nothing"),
        ('[modem]\nport = ""\n', 'modem.port: found "", expected a path in quotes'),
        ('[modem]\nprot = "/dev/ttyUSB2"\n', 'did you mean "port"?'),
        ('[modem]\nport = "/dev/ttyUSB2"\nbaud = 300\n', "modem.baud: found 300, expected a speed from 9600"),
        ('[modem]\nport = "/dev/ttyUSB2"\npin = "9999"\n', "modem.pin: found an unknown key"),
        ('[modem]\nport = "/dev/ttyUSB2"\npin_file = "nothing"\n', "No such file or directory: put it there"),
        ('[[modem]]\nport = "/dev/ttyUSB2"\n', "one table [modem], in single brackets"),
    ],
)
def test_what_is_wrong_is_told_with_what_to_do(tmp_path: Path, table: str, expected: str) -> None:
    assert expected in problem(tmp_path, table)


def test_a_pin_that_others_can_read_is_refused(tmp_path: Path) -> None:
    table = '[modem]\nport = "/dev/ttyUSB2"\npin_file = "open"\n'
    (tmp_path / "open").write_text("1234")
    (tmp_path / "open").chmod(0o644)
    assert problem(tmp_path, table).endswith(f"a file that only its owner can read: chmod 600 {tmp_path / 'open'}")
