"""One enrolment service in a real process for all tests here; each takes its own code from the site."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from agent.wire.enrolment import Code
from tests.support.enrolling import Served, code_for, serving

_numbers = count(1)


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("enrolment")) as served:
        yield served


@pytest.fixture
def code(service: Served) -> Code:
    return code_for(service.site, f"hub-{next(_numbers)}")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "etc"
    folder.mkdir()
    return folder
