"""What the store's tests share: each runs on a real file of SQLite's and on a real PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from centre.store.database import Database
from tests.centre.store.postgres import WHERE, Postgres, binaries, running


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    programs = binaries()
    if programs is None:
        pytest.skip(f"no PostgreSQL server under {WHERE} or on the PATH: apt install postgresql")
    with running(programs) as server:
        yield server


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a store without a row: copied faster than made."""
    path = tmp_path_factory.mktemp("made") / "store.db"
    Database(f"sqlite:///{path}").close()
    return path.read_bytes()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a store without a row, that nobody else uses."""
    return address(request, tmp_path)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database without a table."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.new()


def address(request: pytest.FixtureRequest, folder: Path) -> str:
    if request.param == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        return server.store()
    (folder / "store.db").write_bytes(request.getfixturevalue("made"))
    return f"sqlite:///{folder / 'store.db'}"


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = Database(url)
    yield opened
    opened.close()
