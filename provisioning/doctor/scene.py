"""What every check is given: the configuration as far as it can be read, the hub if one runs, and the machine."""

import os
import subprocess
from pathlib import Path
from typing import Literal

import msgspec

from agent.ask import AskError, ask
from agent.clock import Clock
from agent.config import HubConfig, examine
from agent.config.strict import Problem
from agent.status import HubStatus
from provisioning.doctor.access import User, owner, us

UNIT = "hearthline.service"

_ASK_S = 5.0
_SYSTEMCTL_S = 5.0

Running = Literal["running", "stopped", "silent"]
"""`silent`: there is a hub, or may be, and it does not say how it is. Nothing that it may hold is touched then."""


class Hub(msgspec.Struct, frozen=True, kw_only=True):
    """The hub on this machine. `why`: why it says nothing."""

    running: Running
    status: HubStatus | None = None
    why: str = ""


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """Where the doctor is. `root` is where devices and the kernel's files are looked for: a test may have its own.

    `unit` is what systemd says of the hub's service, as `systemctl show` names it; None without systemd.
    """

    path: Path
    config: HubConfig | None
    problems: tuple[Problem, ...]
    hub: Hub
    clock: Clock
    user: User
    unit: dict[str, str] | None = None
    root: Path = Path("/")

    @property
    def hands_off(self) -> bool:
        """Whether ports, pins and the sound card are, or may be, the hub's just now."""
        return self.hub.running != "stopped"

    @property
    def privileged(self) -> bool:
        """Whether we may look at everything."""
        return os.geteuid() == 0


def scene(path: Path, clock: Clock, root: Path = Path("/")) -> Scene:
    """Look around. Raises ConfigError for a configuration that cannot be read at all."""
    config, problems = examine(path)
    unit = ask_systemd(UNIT, root)
    hub = Hub(running="stopped") if config is None else ask_hub(config.socket)
    groups = (unit or {}).get("SupplementaryGroups", "").split()
    user = us() if config is None else owner(config.state_dir, groups)
    return Scene(path=path, config=config, problems=problems, hub=hub, clock=clock, user=user, unit=unit, root=root)


def ask_hub(socket: Path) -> Hub:
    """Ask whatever hub there is how it is."""
    try:
        answer = ask(socket, _ASK_S)
    except AskError as error:
        gone = isinstance(error.__context__, FileNotFoundError | ConnectionRefusedError)
        return Hub(running="stopped" if gone else "silent", why=str(error))
    try:
        return Hub(running="running", status=msgspec.json.decode(answer, type=HubStatus))
    except msgspec.DecodeError as error:
        return Hub(running="silent", why=f"its answer cannot be read ({error}): has it the same version as this?")


def ask_systemd(unit: str, root: Path = Path("/")) -> dict[str, str] | None:
    """Ask systemd about a unit; None where it does not run this machine, or says nothing."""
    if not (root / "run/systemd/system").is_dir():
        return None
    names = "LoadState,ActiveState,SubState,UnitFileState,NRestarts,Result,SupplementaryGroups"
    try:
        done = subprocess.run(
            ["systemctl", "show", unit, f"--property={names}"],  # noqa: S607 -- systemd's own
            capture_output=True,
            timeout=_SYSTEMCTL_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = done.stdout.decode(errors="replace").splitlines()
    return {key: value for key, _, value in (line.partition("=") for line in lines)} or None
