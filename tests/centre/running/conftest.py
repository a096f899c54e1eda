"""A centre's folder for tests: its site on ports of this test's own, made once and copied."""

import shutil
from pathlib import Path

import msgspec
import pytest

from agent.clock import SystemClock
from agent.wire.enrolment import WayIn
from centre.running.folder import SITE, DataFolder
from centre.site.settings import FILE, write_settings
from centre.site.site import Site, SiteSettings
from simulators.mosquitto import free_port

WAY = WayIn(host="localhost", port=1)
SETTINGS = SiteSettings(name="Test centre", enrolment="localhost:1", way=(WAY,))


@pytest.fixture(scope="session")
def new_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("running") / SITE
    Site.create(folder, SETTINGS, SystemClock().now().wall_ms).close()
    return folder


@pytest.fixture
def data(new_site: Path, tmp_path: Path) -> Path:
    """A folder with a site whose ports are free, and nothing else."""
    folder = tmp_path / "centre"
    folder.mkdir(mode=0o700)
    shutil.copytree(new_site, folder / SITE)
    way = msgspec.structs.replace(WAY, port=free_port())
    settings = msgspec.structs.replace(SETTINGS, way=(way,), enrolment=f"localhost:{free_port()}")
    (folder / SITE / FILE).write_text(write_settings(settings))
    return folder


def written(data: Path, text: str) -> DataFolder:
    """Write settings; those of its own that every test needs come first."""
    path = data / "centre.toml"
    path.touch(0o600)
    path.write_text(text)
    return DataFolder(data)
