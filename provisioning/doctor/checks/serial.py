"""Are the serial adapters there, may the hub open them, does nobody else hold them? Opens none that a hub may hold."""

import contextlib
import errno
import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from provisioning.doctor.access import group_name
from provisioning.doctor.finding import Check, Finding, skipped, warning, well, wrong
from provisioning.doctor.scene import Scene

_UNSTABLE = re.compile(r"/dev/tty(USB|ACM)\d+")

Opened = Literal["", "not tried", "busy", "forbidden", "failed"]


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """One adapter. `holders` are the programs that have it open, so far as we may see; `better` a path that stays.

    `opened` is what came of opening it, "" when it went well.
    """

    about: str
    path: str
    there: bool = True
    device: bool = True
    allowed: bool = True
    user: str = ""
    group: str = ""
    holders: tuple[str, ...] = ()
    better: str = ""
    console: bool = False
    opened: Opened = "not tried"
    reason: str = ""
    hub_runs: bool = False


def judge(facts: Facts) -> Iterator[Finding]:
    """Say what keeps the hub from using it, or may one day."""
    if not facts.there:
        remedy = "plug it in; `ls -l /dev/serial/by-id` lists what is there: correct the path in hub.toml"
        yield wrong(facts.about, f"{facts.path} is not there", remedy)
        return
    if not facts.device:
        yield wrong(facts.about, f"{facts.path} is no serial device", "name the adapter's own path in hub.toml")
        return
    troubles = list(_troubles(facts))
    yield from troubles
    if not troubles:
        yield well(facts.about, f"{facts.path} is there, and the hub may use it")
    if _UNSTABLE.fullmatch(facts.path):
        found = f"{facts.path} may be another adapter after the next start"
        remedy = f"name {facts.better} in hub.toml" if facts.better else "name its path in /dev/serial/by-id"
        yield warning(facts.about, found, remedy)


def _troubles(facts: Facts) -> Iterator[Finding]:
    if not facts.allowed:
        remedy = f"sudo usermod -aG {facts.group or 'dialout'} {facts.user}, then restart the hub"
        yield wrong(facts.about, f"the hub's user {facts.user} may not open {facts.path}", remedy)
    if "ModemManager" in facts.holders:
        remedy = "sudo systemctl disable --now ModemManager: it writes into every port it finds"
        yield wrong(facts.about, f"ModemManager holds {facts.path}", remedy)
    elif facts.console:
        remedy = "sudo raspi-config, Interface Options, Serial Port: no login shell, hardware on; then restart"
        yield wrong(facts.about, f"the machine's own console talks on {facts.path}", remedy)
    elif facts.opened == "busy" or (facts.holders and not facts.hub_runs):
        by = f" ({', '.join(facts.holders)})" if facts.holders else ""
        yield wrong(facts.about, f"another program holds {facts.path}{by}", "stop it: only the hub may have it")
    elif facts.opened == "forbidden" and facts.allowed:
        yield skipped(facts.about, "not opened: run the doctor with sudo")
    elif facts.opened == "failed":
        remedy = "pull it and plug it in again; try another port, cable or adapter"
        yield wrong(facts.about, f"{facts.path} cannot be opened: {facts.reason}", remedy)


# --- probing ------------------------------------------------------------------------------------------


def probe(scene: Scene) -> tuple[Facts, ...]:
    """Look at the adapter of every driver that has one, and at the modem's port."""
    config = scene.config
    if config is None:
        return ()
    devices = {f"driver {each.name}": getattr(each.options, "device", None) for each in config.drivers}
    if config.modem is not None:
        devices["modem"] = str(config.modem.port)
    return tuple(_probe(scene, about, device) for about, device in devices.items() if device)


def _probe(scene: Scene, about: str, device: str) -> Facts:
    path = Path(device)
    try:
        state = path.stat()
    except OSError:
        return Facts(about=about, path=device, there=False)
    if not stat.S_ISCHR(state.st_mode):
        return Facts(about=about, path=device, device=False)
    holders = _holders(path)
    opened: Opened = "not tried"
    reason = ""
    if not scene.hands_off and not holders:
        opened, reason = _open(path)
    return Facts(
        about=about,
        path=device,
        allowed=scene.user.may(state),
        user=scene.user.name,
        group=group_name(state.st_gid),
        holders=holders,
        better=_by_id(scene.root, path),
        console=_is_console(scene.root, path),
        opened=opened,
        reason=reason,
        hub_runs=scene.hands_off,
    )


def _open(path: Path) -> tuple[Opened, str]:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK))
    except PermissionError as error:
        return "forbidden", error.strerror or ""
    except OSError as error:
        return ("busy" if error.errno == errno.EBUSY else "failed"), error.strerror or ""
    return "", ""


def _holders(path: Path) -> tuple[str, ...]:
    """Name the programs that have a device open: all of them for root, else our own."""
    device, found = os.path.realpath(path), set()
    if device.startswith("/dev/pts/"):  # a simulated one, which its simulator holds open
        return ()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int(process.name) != os.getpid() and any(
                _leads_to(each) == device for each in (process / "fd").iterdir()
            ):
                found.add((process / "comm").read_text().strip())
    return tuple(sorted(found))


def _leads_to(handle: Path) -> str:
    try:
        return str(handle.readlink())
    except OSError:
        return ""


def _by_id(root: Path, path: Path) -> str:
    """Find a path of the same device that stays what it is."""
    for folder in ("dev/hearthline", "dev/serial/by-id", "dev/serial/by-path"):
        for each in sorted((root / folder).glob("*")):
            if each.resolve() == path.resolve():
                return str(each)
    return ""


def _is_console(root: Path, path: Path) -> bool:
    with contextlib.suppress(OSError):
        words = (root / "proc/cmdline").read_text().split()
        names = [word.removeprefix("console=").partition(",")[0] for word in words if word.startswith("console=")]
        return any((root / "dev" / name).resolve() == path.resolve() for name in names)
    return False


def _look(scene: Scene) -> Iterable[Finding]:
    found = probe(scene)
    return [each for facts in found for each in judge(facts)] or [skipped("serial adapters", "this hub uses none")]


CHECK = Check("serial", "Serial adapters", _look)
