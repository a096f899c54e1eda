"""`hearthline provision renew` as it is typed: what it says, and how it exits."""

import fcntl
import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from provisioning.provision.folder import FolderError
from provisioning.provision.renew import renew
from tests.support.renewing import HUB, Home
from tests.support.sites import FIRST_WORD


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def run(cli: CliRunner, home: Home, *arguments: str) -> Result:
    return cli.invoke(renew, ["--config", str(home.folder.config), *arguments])


def test_nothing_due_is_no_failure_even_where_nobody_answers(cli: CliRunner, home: Home) -> None:
    result = run(cli, home)
    assert result.exit_code == 0, result.output
    assert f"The certificate of {HUB} ends 20" in result.output
    told = json.loads(run(cli, home, "--json").output)
    assert (told["outcome"], told["hub"], told["word"], told["restart"]) == ("nothing", HUB, FIRST_WORD, False)


def test_what_cannot_be_done_now_says_why_and_exits_with_1(cli: CliRunner, home: Home) -> None:
    result = run(cli, home, "--force")
    assert result.exit_code == 1
    assert "does `hearthline provision serve` run at the site?" in result.output
    assert home.restart() is None


def test_by_stick_it_says_what_to_do_with_the_stick(cli: CliRunner, home: Home, tmp_path: Path) -> None:
    stick = tmp_path / "usb"
    stick.mkdir()
    result = run(cli, home, "--force", "--stick", str(stick))
    assert result.exit_code == 0, result.output
    assert "hearthline provision sign" in result.output
    assert [each.name.startswith("request-") for each in stick.iterdir()] == [True]


def test_a_box_that_is_no_hub_exits_with_2(cli: CliRunner, tmp_path: Path) -> None:
    result = cli.invoke(renew, ["--config", str(tmp_path / "hub.toml")])
    assert result.exit_code == 2
    assert "hearthline provision enrol comes first" in result.output
    missing = cli.invoke(renew, ["--config", str(tmp_path / "nowhere" / "hub.toml")])
    assert missing.exit_code == 2


def test_two_at_once_are_one_too_many(cli: CliRunner, home: Home) -> None:
    with home.folder.held():
        result = run(cli, home)
    assert (result.exit_code, "another command is changing this hub" in result.output) == (2, True)


def test_who_may_only_read_the_folder_keeps_nobody_from_renewing(cli: CliRunner, home: Home) -> None:
    """Any user of the box can open the folder, and hold a lock on it for as long as he likes."""
    handle = os.open(home.folder.folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        assert run(cli, home).exit_code == 0
    finally:
        os.close(handle)
    with home.folder.held():
        (lock,) = home.folder.folder.glob(".lock")
        assert lock.stat().st_mode & 0o077 == 0
    assert not lock.exists()


def test_a_lock_that_was_let_go_between_two_steps_is_nobodys(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    flock = fcntl.flock

    def late(handle: int, how: int) -> None:
        (home.folder.folder / ".lock").unlink()  # as whoever held it does, when he is done
        flock(handle, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with pytest.raises(FolderError, match="another command"), home.folder.held():
        pass


def test_a_hub_toml_that_cannot_be_read_is_told(cli: CliRunner, home: Home) -> None:
    home.folder.config.write_text("hub = ")
    result = run(cli, home)
    assert (result.exit_code, "not valid TOML" in result.output) == (2, True)


def test_no_key_is_ever_said(cli: CliRunner, home: Home, tmp_path: Path) -> None:
    said = run(cli, home, "--force").output + run(cli, home, "--force", "--json").output
    secret = (home.keys / "hub.key").read_text().splitlines()[1]
    assert secret not in said
    assert "PRIVATE" not in said
