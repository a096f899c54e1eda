"""What the hub's memory holds, names and keys, is never left in a file by its end, whoever started it."""

from pathlib import Path

import pytest

from agent.__main__ import EXIT_CONFIG, main
from agent.clock import SystemClock
from simulators.hub_process import HubProcess
from simulators.keys import make_keys


async def test_s11_a_real_hub_leaves_no_core_file_with_systemd_or_without(tmp_path: Path) -> None:
    keys = make_keys(tmp_path / "keys", SystemClock().now().wall_ms, ["hub-test"])
    config = tmp_path / "hub.toml"
    config.write_text(
        f'hub = "hub-test"\nstate_dir = "{tmp_path}/state"\nsocket = "{tmp_path}/ask"\noutputs = "log"\n'
        f'[keys]\nhub = "{keys.hubs["hub-test"].signing}"\ncentre = ["{keys.centre_public}"]\n'
        f'[[uplink]]\nname = "main"\nhost = "127.0.0.1"\nport = 1\n'
    )
    hub = HubProcess(config, pins=False)
    await hub.start()
    try:
        assert core_limits(hub.pid) == ["0", "0"]  # nor can it be raised again
    finally:
        await hub.stop()


def core_limits(pid: int) -> list[str]:
    """Give the soft and the hard one."""
    limits = Path(f"/proc/{pid}/limits").read_text().splitlines()
    (core,) = [line.split()[4:6] for line in limits if line.startswith("Max core file size")]
    return core


def test_where_limits_may_not_be_set_the_hub_starts_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_limit: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("resource.setrlimit", forbidden)
    assert main(["--config", str(tmp_path / "none.toml")]) == EXIT_CONFIG  # it got as far as its configuration
