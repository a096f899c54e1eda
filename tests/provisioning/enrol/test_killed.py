"""The commands, killed by SIGKILL before each of their steps in turn, and run again: as if nothing had been.

Each runs in a process of its own, over real HTTPS where it asks the site.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from cryptography.x509 import load_pem_x509_certificate

from agent.config import load
from agent.wire.envelope import HUB_ALGORITHM, Verifier, read_key
from agent.wire.papers import Decommissioned
from centre.site.signing import sign_all
from centre.site.site import Site
from tests.support.dying import KILLED, Dying
from tests.support.enrolling import FILES, RIGHT, Served, box, code_for, enrolled, make_site

ENROL = "provisioning.provision.enrol:enrol"
DECOMMISSION = "provisioning.provision.decommission:decommission"

STEPS_MAX = 150
STRIDE = 1 if "HEARTHLINE_EVERY_STEP" in os.environ else 6
"""`make test` dies at every sixth step: all of them take half a minute of processor time."""


@pytest.fixture(scope="module")
def dying(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dying]:
    with Dying((ENROL, DECOMMISSION), tmp_path_factory.mktemp("dying") / "output") as made:
        yield made


def boxes(folder: Path, prefix: str) -> Iterator[tuple[int, str, Path]]:
    """Give the step to die at, and a box with its hub id to try it on."""
    for at in range(1, STEPS_MAX, STRIDE):
        home = folder / f"{prefix}-{at}"
        home.mkdir()
        yield at, f"{prefix}-{at}", home
    pytest.fail(f"{STEPS_MAX} steps were not enough")


def the_only_certificate(site: Site, hub: str) -> int:
    """Give the serial number of the one certificate that the site ever made for a hub."""
    rows = site._registry._ask("SELECT serial, pem FROM certificate WHERE hub = ?", hub)
    assert len(rows) == 1
    return load_pem_x509_certificate(rows[0]["pem"].encode()).serial_number


def is_whole(home: Path, site: Site, hub: str) -> None:
    assert {each.name for each in home.iterdir() if each.name != "code"} == {"hub.toml", "keys"}
    assert {each.name for each in (home / "keys").iterdir()} == FILES
    assert {each.stat().st_mode & 0o777 for each in (home / "keys").iterdir()} == {0o600}
    assert load(home / "hub.toml").hub == hub
    taken = load_pem_x509_certificate((home / "keys" / "uplink.pem").read_bytes())
    assert taken.serial_number == the_only_certificate(site, hub)


def test_enrol_killed_at_each_step_ends_with_one_identity(service: Served, tmp_path: Path, dying: Dying) -> None:
    died = 0
    for at, hub, home in boxes(tmp_path, "cut"):
        code = code_for(service.site, hub)
        (tmp_path / "code").write_text(str(code))
        again = ["--config", str(home / "hub.toml")]
        first = [*again, "--code-file", str(tmp_path / "code")]
        ended = dying.run(ENROL, first, within=home, die_at=at)
        begun = (home / "keys.new" / "enrolment.json").exists() or (home / "keys").exists()
        died += ended == KILLED
        # the code is asked for again only where nothing had begun
        assert dying.run(ENROL, again if begun else first, within=home) == 0, dying.output.read_text()
        is_whole(home, service.site, hub)
        assert str(code).split("#")[1] not in dying.output.read_text()
        if ended == 0:
            break
    assert died * STRIDE > 20


def test_enrol_by_stick_killed_at_each_step_ends_with_one_identity(tmp_path: Path, dying: Dying) -> None:
    stick, died = tmp_path / "stick", 0
    stick.mkdir()
    with closing(make_site(tmp_path / "site")) as site:
        for at, hub, home in boxes(tmp_path, "cut"):
            (tmp_path / "code").write_text(str(code_for(site, hub)))
            line = [
                "--config",
                str(home / "hub.toml"),
                "--stick",
                str(stick),
                "--code-file",
                str(tmp_path / "code"),
            ]
            assert dying.run(ENROL, line, within=home) == 0
            ended = dying.run(ENROL, line, within=stick, die_at=at)  # while it writes the request again
            assert all(not each.refused for each in sign_all(stick, site, RIGHT.now().wall_ms))
            took = dying.run(ENROL, line, within=home, die_at=at)  # while it takes the answer
            died += took == KILLED
            assert dying.run(ENROL, line, within=home) == 0, dying.output.read_text()
            is_whole(home, site, hub)
            for each in stick.iterdir():
                each.unlink()
            if ended == took == 0:
                break
    assert died * STRIDE > 10


def test_decommission_killed_at_each_step_leaves_the_receipt_and_nothing_else(tmp_path: Path, dying: Dying) -> None:
    stick, died = tmp_path / "stick", 0
    stick.mkdir()
    whole = tmp_path / "whole"
    with closing(make_site(tmp_path / "site")) as site:
        code = code_for(site, "hub-1")
        enrolled(whole, code, stick=stick)
        sign_all(stick, site, RIGHT.now().wall_ms)
        assert enrolled(whole, None, stick=stick).new
    public = read_key(whole / "keys" / "hub.key", HUB_ALGORITHM)
    for at, _, home in boxes(tmp_path, "cut"):
        state = furnished(whole, home)
        line = ["--config", str(home / "hub.toml"), "--yes-wipe", "hub-1"]
        ended = dying.run(DECOMMISSION, line, within=tmp_path, die_at=at)
        died += ended == KILLED
        assert dying.run(DECOMMISSION, line, within=home) == 0, dying.output.read_text()
        assert [each.name for each in home.iterdir() if each.is_file()] == ["decommissioned-hub-1.jws"]
        assert {each.name for each in home.iterdir()} == {"decommissioned-hub-1.jws", "state"}
        assert [each.name for each in state.iterdir()] == ["not-ours"]
        receipt = (home / "decommissioned-hub-1.jws").read_bytes()
        said = msgspec.json.decode(Verifier([public], HUB_ALGORITHM).open(receipt), type=Decommissioned)
        assert (said.hub, said.wiped) == ("hub-1", ("messages", "plans"))
        if ended == 0:
            break
    assert died * STRIDE > 20


def furnished(whole: Path, home: Path) -> Path:
    """Make a copy of a hub with what it gathers while it runs."""
    shutil.copytree(whole, home, dirs_exist_ok=True)
    state = home / "state"
    for folder in ("plans", "messages"):
        (state / folder).mkdir(parents=True)
        (state / folder / "1.json").write_text("+44 7700 900123")
    (state / "not-ours").write_text("a person's own")
    assert box(home).identity() is not None
    return state
