"""What the tests of staff share: a store on SQLite, a key ring, a clock moved by hand, and a roster of cheap hashes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from centre.staff.roster import Roster
from centre.store.database import Database
from centre.store.sealing import Keyring
from tests.support.renewing import HandClock
from tests.support.staff import make_roster


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("made") / "store.db"
    Database(f"sqlite:///{path}").close()
    return path.read_bytes()


@pytest.fixture
def database(made: bytes, tmp_path: Path) -> Iterator[Database]:
    (tmp_path / "store.db").write_bytes(made)
    opened = Database(f"sqlite:///{tmp_path / 'store.db'}")
    yield opened
    opened.close()


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    return Keyring.make(tmp_path / "keyring")


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def roster(database: Database, keyring: Keyring, clock: HandClock) -> Roster:
    return make_roster(database, keyring, clock)
