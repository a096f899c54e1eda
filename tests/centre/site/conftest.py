"""A new site, made once and copied for each test."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from centre.site.site import Site
from tests.support.sites import NOW_MS, SETTINGS


@pytest.fixture(scope="session")
def new_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site that is whole and has no hub; to be copied."""
    folder = tmp_path_factory.mktemp("new") / "site"
    Site.create(folder, SETTINGS, NOW_MS).close()
    return folder


@pytest.fixture
def site(new_site: Path, tmp_path: Path) -> Iterator[Site]:
    with contextlib.closing(Site.open(shutil.copytree(new_site, tmp_path / "site"))) as copy:
        yield copy
