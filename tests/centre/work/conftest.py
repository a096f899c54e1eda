"""What the tests of the running centre share: stores as the store's tests have them, and a town."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.centre.store.conftest import made, postgres, url  # noqa: F401 -- fixtures
from tests.centre.work.town import Office, Town


@pytest.fixture
def store(tmp_path: Path, made: bytes) -> str:  # noqa: F811
    """The address of an SQLite store without a row."""
    path = tmp_path / "store.db"
    path.write_bytes(made)
    return f"sqlite:///{path}"


@pytest.fixture
def office(url: str, tmp_path: Path) -> Iterator[Office]:  # noqa: F811
    """An office over SQLite, and one over PostgreSQL."""
    opened = Office(url, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def town(store: str, tmp_path: Path) -> Iterator[Town]:
    opened = Town(tmp_path, store)
    with opened.broker:
        yield opened
    opened.office.close()
