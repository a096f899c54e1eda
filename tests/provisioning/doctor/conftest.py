"""What the doctor's tests share: a box with its keys, and a clock that is trusted or not."""

import datetime as dt
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
import pytest

from agent.clock import SystemClock
from agent.config import examine
from provisioning.doctor.access import us
from provisioning.doctor.finding import WORST_FIRST, Finding
from provisioning.doctor.scene import Hub, Scene
from rules.values import Now
from simulators.keys import KeySet, make_keys

HUB = "hub-test"


class Clock:
    """The machine's time, `synced` as told."""

    boot = "boot"

    def __init__(self, *, synced: bool = True) -> None:
        self.synced = synced

    def now(self) -> Now:
        return msgspec.structs.replace(SystemClock().now(), synced=self.synced)


class Box:
    """A hub that is configured in `folder`; `write` again after a change of `way` or `keys`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys: KeySet = make_keys(folder / "keys", SystemClock().now().wall_ms, [HUB])
        self.hub, self.ca = HUB, self.keys.ca
        self.tls = self.keys.hubs[HUB].tls
        self.state = folder / "state"
        self.state.mkdir(mode=0o700)
        self.path = folder / "hub.toml"

    def write(self, way: str = 'host = "127.0.0.1"', tables: str = "") -> Path:
        keys = self.keys.hubs[HUB]
        self.path.write_text(
            f'hub = "{self.hub}"\nstate_dir = "{self.state}"\nsocket = "{self.folder}/ask"\noutputs = "log"\n'
            f'[keys]\nhub = "{keys.signing}"\nplan = "{keys.plan}"\ncentre = ["{self.keys.centre_public}"]\n'
            f'[[uplink]]\nname = "main"\n{way}\nca = "{self.ca}"\n'
            f'certificate = "{self.tls.certificate}"\nkey = "{self.tls.key}"\n{tables}\n'
        )
        return self.path

    def scene(self, *, synced: bool = True, hub: Hub | None = None, root: Path = Path("/")) -> Scene:
        config, problems = examine(self.path)
        return Scene(
            path=self.path,
            config=config,
            problems=problems,
            hub=hub or Hub(running="stopped"),
            clock=Clock(synced=synced),
            user=us(),
            root=root,
        )


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


@pytest.fixture
def now() -> dt.datetime:
    return dt.datetime.fromtimestamp(SystemClock().now().wall_ms / 1000, dt.UTC)


@pytest.fixture
def states() -> Callable[[Iterable[Finding]], list[tuple[str, str]]]:
    def of(findings: Iterable[Finding]) -> list[tuple[str, str]]:
        found = list(findings)
        for each in found:
            assert bool(each.remedy) is (each.state in ("wrong", "warning")), each
        return [(each.state, each.about) for each in found]

    return of


@pytest.fixture
def worst() -> Callable[[Iterable[Finding]], Finding]:
    return lambda found: min(found, key=lambda each: WORST_FIRST.index(each.state))
