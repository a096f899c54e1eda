"""What the tests of the store share: a store on a real file, and a disk that can be told to misbehave."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from agent.store.opening import open_store
from agent.store.store import Store
from agent.store.writer import Writer
from simulators.disk import DISK, VFS, Disk, available
from tests.agent.store.writing import Told, writing


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hearthline" / "hub.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    opened = open_store(path)
    yield opened.store
    opened.store.close()


@pytest.fixture
def disk() -> Iterator[Disk]:
    if not available():
        pytest.skip("this Python's sqlite3 is not linked to the shared libsqlite3: its disk cannot be wrapped")
    DISK.heal()
    yield DISK
    DISK.heal()


@pytest.fixture
def frail(path: Path, disk: Disk) -> Iterator[Store]:
    """A store on the disk that can be told to misbehave."""
    opened = open_store(path, vfs=VFS)
    yield opened.store
    disk.heal()
    opened.store.close()


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
async def writer(store: Store, told: Told) -> AsyncIterator[Writer]:
    async with writing(store, told) as writer:
        yield writer
