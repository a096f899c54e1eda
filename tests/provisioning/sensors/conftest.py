"""A hub.toml with its keys, for what edits one."""

from pathlib import Path

import pytest

from agent.clock import SystemClock
from simulators.keys import KeySet, make_keys


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeySet:
    return make_keys(tmp_path_factory.mktemp("keys"), SystemClock().now().wall_ms, ["hub-1"])


@pytest.fixture
def hub_toml(tmp_path: Path, keys: KeySet) -> Path:
    path = tmp_path / "hub.toml"
    path.write_text(
        f'# kept\nhub = "hub-1"\nstate_dir = "{tmp_path / "state"}"\nsocket = "{tmp_path / "ask"}"\noutputs = "log"\n'
        f'[keys]\nhub = "{keys.hubs["hub-1"].signing}"\ncentre = ["{keys.centre_public}"]\n'
        '[[uplink]]\nname = "main"\nhost = "localhost"\n'
        '[driver.radio]  # behind the wardrobe\ntype = "rfxtrx"\ndevice = "/dev/none"\n'
    )
    (tmp_path / "state").mkdir()
    return path
