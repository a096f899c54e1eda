"""What the tests of the pages of homes share: a site, made once and copied."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.centre.console.desk_of_cases import SetClock
from tests.centre.console.homes_desk import HomesDesk, new_site


@pytest.fixture(scope="session")
def bare_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_site(tmp_path_factory.mktemp("bare"))


@pytest.fixture
def homes(made: bytes, clock: SetClock, bare_site: Path, tmp_path: Path) -> Iterator[HomesDesk]:
    opened = HomesDesk(tmp_path, bare_site, clock, store=made)
    yield opened
    opened.close()
