"""Will the hub be there after a power cut: is it a service, enabled and running, and is its renewal timed?"""

from collections.abc import Iterable, Iterator

import msgspec

from provisioning.doctor.finding import Check, Finding, skipped, warning, well, wrong
from provisioning.doctor.scene import UNIT, Scene, ask_systemd

TIMER = "hearthline-renew.timer"
INSTALL = "sudo hearthline provision install"


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What systemd says of the two, by `systemctl show`; None without systemd."""

    unit: dict[str, str] | None
    timer: dict[str, str] | None
    answers: bool = False


def judge(facts: Facts) -> Iterator[Finding]:
    """Say whether it starts by itself."""
    if facts.unit is None:
        yield skipped(UNIT, "systemd does not run this machine")
        return
    yield _installed(facts.unit, answers=facts.answers)
    if facts.unit.get("LoadState") == "loaded":
        yield from _restarts(facts.unit)
        yield _timed(facts.timer or {})


def _installed(unit: dict[str, str], *, answers: bool) -> Finding:
    if unit.get("LoadState") != "loaded":
        return wrong(UNIT, "not installed: after a power cut there is no hub", INSTALL)
    if unit.get("ActiveState") == "failed":
        why = unit.get("Result", "")
        return wrong(
            UNIT, f"failed ({why})", "journalctl -u hearthline -n 50 says why; then sudo systemctl restart hearthline"
        )
    if unit.get("ActiveState") not in ("active", "reloading"):
        by = ", though a hub answers: it was started by hand" if answers else ""
        return wrong(UNIT, f"not running{by}", "sudo systemctl enable --now hearthline")
    if unit.get("UnitFileState") != "enabled":
        return wrong(UNIT, "running, but not started after a power cut", "sudo systemctl enable hearthline")
    return well(UNIT, "running, and started after a power cut")


def _restarts(unit: dict[str, str]) -> Iterator[Finding]:
    count = unit.get("NRestarts", "0")
    if count.isdigit() and int(count) > 1:
        found = f"systemd had to start it {count} times anew"
        yield warning(UNIT, found, "journalctl -u hearthline says why it ended")


def _timed(timer: dict[str, str]) -> Finding:
    if timer.get("ActiveState") == "active" and timer.get("UnitFileState") == "enabled":
        return well(TIMER, "certificates are renewed by themselves")
    return wrong(TIMER, "certificates are not renewed by themselves", f"sudo systemctl enable --now {TIMER}")


def _look(scene: Scene) -> Iterable[Finding]:
    timer = None if scene.unit is None else ask_systemd(TIMER, scene.root)
    return judge(Facts(unit=scene.unit, timer=timer, answers=scene.hub.status is not None))


CHECK = Check("service", "Service", _look, needs_config=False)
