"""A centre with invented homes, and machines that ask it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from centre.attaching.tokens import Tokens, Use
from centre.console.app import application
from centre.store.database import Database
from tests.centre.console import desk_of_cases
from tests.centre.console.desk_of_cases import DeskOfCases, SetClock
from tests.centre.store.conftest import made, postgres, url  # noqa: F401 -- fixtures

PAGES = ("centre.attaching.api", "centre.attaching.health")


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def desk(tmp_path: Path, clock: SetClock, made: bytes) -> Iterator[DeskOfCases]:  # noqa: F811
    (tmp_path / "store.db").write_bytes(made)
    opened = DeskOfCases(tmp_path, clock)
    yield opened
    opened.close()


@pytest.fixture
def desk_on(
    url: str,  # noqa: F811
    tmp_path: Path,
    clock: SetClock,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[DeskOfCases]:
    """The same over SQLite, and over PostgreSQL."""
    monkeypatch.setattr(desk_of_cases, "Database", lambda _: Database(url))
    opened = DeskOfCases(tmp_path, clock)
    yield opened
    opened.close()


@pytest.fixture
def client(desk: DeskOfCases) -> Iterator[TestClient[Any]]:
    with TestClient(application(desk.services, pages=PAGES), base_url="http://127.0.0.1") as asking:
        yield asking


@pytest.fixture
def bearer(desk: DeskOfCases) -> Any:
    """Gives the header of a new token."""

    def header(use: Use = "read", days: int = 30) -> dict[str, str]:
        secret, _ = Tokens(desk.database).make("a platform", use, days, "asha", desk.now_ms)
        return {"authorization": f"Bearer {secret}"}

    return header
