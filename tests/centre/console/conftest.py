"""What the console's tests share: a desk of invented cases, a browser, and the console served to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.centre.console.desk_of_cases import DeskOfCases, SetClock
from tests.centre.store.conftest import made  # noqa: F401 -- a fixture


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def desk(tmp_path: Path, clock: SetClock, made: bytes) -> Iterator[DeskOfCases]:  # noqa: F811
    """A desk on an SQLite store of its own, with staff, and nothing that has happened yet."""
    opened = DeskOfCases(tmp_path, clock, store=made)
    yield opened
    opened.close()
