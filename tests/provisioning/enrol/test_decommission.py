"""The end of a hub: a real one that ran, wiped whole, its receipt with the site, no alarm lost by accident."""

import asyncio
import base64
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from agent.store.left import left
from agent.wire.enrolment import Code
from agent.wire.papers import Decommissioned
from provisioning.provision.decommission import decommission
from provisioning.provision.wiping import _overwrite, wipe
from simulators.hub_process import HubProcess
from tests.support.enrolling import Served, code_for, enrolled


@pytest.fixture
def hub(home: Path, code: Code) -> str:
    """Give a hub's id: it has just enrolled, and keeps its state and socket beside its hub.toml."""
    outcome = enrolled(home, code)
    assert outcome.identity is not None
    return outcome.identity.hub


def ended(home: Path, *arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(decommission, ["--config", str(home / "hub.toml"), *arguments], input=typed)


async def test_a_hub_that_ran_is_wiped_and_its_site_knows(home: Path, hub: str, service: Served) -> None:
    process = HubProcess(home / "hub.toml", pins=False)
    await process.start()
    running = await asyncio.to_thread(ended, home, "--yes-wipe", hub)
    assert running.exit_code == 1
    assert "stop it first" in running.output
    await process.stop()
    process.log.unlink()
    (home / "hub.toml.checked").write_text("a leftover")
    ran = await asyncio.to_thread(ended, home, typed=hub)
    assert ran.exit_code == 0, ran.output
    assert "The site knows" in ran.output
    assert names(home) == {f"decommissioned-{hub}.jws", "state"}
    assert not names(home / "state")
    known = service.site.hub(hub)
    assert known is not None
    assert (known.state, known.reports) == ("revoked", 1)
    again = ended(home)
    assert again.exit_code == 0
    assert "no hub here" in again.output


def names(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


@pytest.mark.parametrize("typed", ["", "hub-other\n"])
def test_without_its_name_nothing_is_wiped(home: Path, hub: str, typed: str) -> None:
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    assert ended(home, typed=typed).exit_code == 1
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before


def store(home: Path, *ranks: int) -> None:
    """Make a store in which rows of these ranks wait."""
    (home / "state").mkdir()
    with closing(sqlite3.connect(home / "state" / "hub.db")) as connection, connection:
        connection.execute("CREATE TABLE outbox (rank INTEGER, state INTEGER)")
        connection.executemany("INSERT INTO outbox VALUES (?, ?)", [*((rank, 0) for rank in ranks), (0, 1)])


def test_s2_alarms_that_never_arrived_are_not_wiped_by_accident(home: Path, hub: str) -> None:
    store(home, 0, 0, 1, 2, 3)
    assert left(home / "state") == {"a": 4, "t": 1, "alarms": 2}
    ran = ended(home, "--yes-wipe", hub)
    assert ran.exit_code == 1
    assert "2 alarms never reached the centre" in ran.output
    assert (home / "keys").is_dir()
    ran = ended(home, "--yes-wipe", hub, "--lose-alarms", "--json")
    assert ran.exit_code == 0
    receipt = Path(json.loads(ran.output)["receipt"])
    payload = receipt.read_bytes().split(b".")[1]
    said = msgspec.json.decode(base64.urlsafe_b64decode(payload + b"=="), type=Decommissioned)
    assert said.waiting == {"a": 4, "t": 1, "alarms": 2}


def test_s2_a_store_that_cannot_be_read_may_hold_alarms(home: Path, hub: str) -> None:
    (home / "state").mkdir()
    (home / "state" / "hub.db").write_bytes(b"junk" * 1_000)
    ran = ended(home, "--yes-wipe", hub)
    assert ran.exit_code == 1
    assert "cannot be read" in ran.output
    assert ended(home, "--yes-wipe", hub, "--lose-alarms").exit_code == 0


def test_a_hub_without_its_site_is_wiped_and_the_receipt_is_to_be_carried(home: Path, hub: str) -> None:
    (home / "keys" / "site.jws").unlink()  # and whatever else is damaged
    ran = ended(home, "--yes-wipe", hub)
    assert ran.exit_code == 0, ran.output
    assert "provision sign" in ran.output
    assert not (home / "keys").exists()


def test_another_box_may_then_be_made_of_it(home: Path, hub: str, service: Served) -> None:
    assert ended(home, "--yes-wipe", hub).exit_code == 0
    outcome = enrolled(home, code_for(service.site, f"{hub}-next"))
    assert outcome.identity is not None
    assert outcome.identity.hub == f"{hub}-next"


def test_a_hub_with_keys_of_another_make_is_wiped_by_what_its_file_names(home: Path) -> None:
    for name in ("own.key", "plan.pem", "line.key"):
        (home / name).write_text("secret")
    (home / "hub.toml").write_text(
        'hub = "hub-old"\nstate_dir = "state"\nsocket = "hub.sock"\n[keys]\nhub = "own.key"\nplan = "plan.pem"\n'
        '[[uplink]]\nkey = "line.key"\n'
    )
    ran = ended(home, "--yes-wipe", "hub-old")
    assert ran.exit_code == 0
    assert "no receipt" in ran.output
    assert not list(home.iterdir())


def test_what_is_wiped_is_overwritten_first_and_links_lead_nowhere(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("not ours")
    folder = tmp_path / "keys"
    (folder / "deep").mkdir(parents=True)
    (folder / "link").symlink_to(kept)
    (folder / "deep" / "hub.key").write_bytes(b"secret")
    (folder / "deep" / "up").symlink_to(tmp_path)
    witness = tmp_path / "witness"
    witness.hardlink_to(folder / "deep" / "hub.key")
    wipe([folder, tmp_path / "gone"])
    assert not folder.exists()
    assert witness.read_bytes() == bytes(6)
    assert kept.read_text() == "not ours"


def test_wiping_follows_no_link_that_took_a_files_place(tmp_path: Path) -> None:
    """Root wipes in a folder where the hub's user may write: a link that comes between two looks leads nowhere."""
    other, link = tmp_path / "shadow", tmp_path / "link"
    other.write_text("not the hub's")
    link.symlink_to(other)
    with pytest.raises(OSError, match="symbolic"):
        _overwrite(link, None)
    wipe([link])
    assert (other.read_text(), link.is_symlink()) == ("not the hub's", False)
