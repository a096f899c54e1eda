"""How is the running hub, by its own account: faults, drivers, lines, what waits, and what it never heard?"""

from collections.abc import Iterable, Iterator

from agent.status import HubStatus
from provisioning.doctor.finding import Check, Finding, skipped, warning, well, wrong
from provisioning.doctor.scene import Hub, Scene
from provisioning.provision.software import software

HOUSEKEEPING = 4
_TOLD_ELSEWHERE = frozenset({"no-outputs", "clock"})
"""Faults that another check tells with its own remedy."""

_REMEDIES = {
    "driver": "see what is said of the serial adapters and the local broker",
    "sensor-silent": "is it in range, has it a battery? hearthline sensors test shows it when it speaks",
    "sensor-battery-low": "change its battery",
    "sensor-tamper": "close its case",
    "sensor-unavailable": "is it in range, has it a battery?",
    "link": "see what is said of the lines to the centre",
    "centre": "the broker is there, the centre does not answer: tell the site",
    "certificate": "sudo hearthline provision renew",
    "storage": "see what is said of the disk",
    "store-quarantined": "tell the site, which knows what is missing; watch this card",
    "texts": "see what is said of the modem",
    "mains": "put the hub's plug back in",
    "battery": "put the hub's plug back in; if it is in, the battery is old",
}


def judge(hub: Hub, here: str) -> Iterator[Finding]:
    """Say what the hub says, worst things in its own words. `here` is the version of this software."""
    if hub.running == "stopped":
        remedy = "sudo systemctl start hearthline (or hearthline run); journalctl -u hearthline -n 50 says why it ended"
        yield wrong("hub", "no hub runs on this machine", remedy)
    elif hub.status is None:
        remedy = "run the doctor with sudo" if "not allowed" in hub.why else "sudo systemctl restart hearthline"
        yield wrong("hub", hub.why, remedy)
    else:
        yield from _told(hub.status, here)


def _told(status: HubStatus, here: str) -> Iterator[Finding]:
    yield well("hub", f"{status.hub} runs, version {status.version or 'unknown'}, mode {status.mode}")
    if here and status.version != here:
        found = f"it still runs version {status.version}; {here} is installed"
        yield warning("hub", found, "sudo systemctl restart hearthline")
    if status.mode == "engineer":
        remedy = "let `hearthline sensors learn` or `test` come to its end; the mode ends by itself, too"
        yield warning("mode", "engineer: calls go out marked as tests", remedy)
    yield from _faults(status)
    yield from _drivers(status)
    yield from _links(status)
    yield from _waiting(status)
    yield from _sensors(status)


def _faults(status: HubStatus) -> Iterator[Finding]:
    covered = {"driver": {each.name for each in status.drivers}, "link": {each.name for each in status.links}}
    told = 0
    for each in status.faults:
        if each.fault in _TOLD_ELSEWHERE or each.subject in covered.get(each.fault, ()):
            continue
        told += 1
        make = warning if each.priority >= HOUSEKEEPING else wrong
        about = f"fault {each.fault} {each.subject}".rstrip()
        yield make(about, each.reason or "it stands", _REMEDIES.get(each.fault, "hearthline status says more"))
    if not told:
        yield well("faults", "none that is not told here")


def _drivers(status: HubStatus) -> Iterator[Finding]:
    for each in status.drivers:
        if each.listening:
            yield well(f"driver {each.name}", "hears")
        else:
            yield wrong(f"driver {each.name}", f"deaf: {each.reason or 'not open yet'}", _REMEDIES["driver"])


def _links(status: HubStatus) -> Iterator[Finding]:
    for each in status.links:
        about = f"uplink {each.name}"
        at_rest = each.standby and not each.wanted and not each.up
        if each.up:
            yield well(about, "up")
        elif not at_rest:
            yield wrong(about, f"down: {each.reason or 'not connected yet'}", _REMEDIES["link"])
        elif each.tested_s is None:
            yield warning(about, "a standby, not tested yet", "wait two minutes, and look again")
        elif each.passed:
            yield well(about, "a standby, and its last test was well")
        else:
            yield wrong(about, "a standby whose last test failed", _REMEDIES["link"])


def _waiting(status: HubStatus) -> Iterator[Finding]:
    late = sum(each.late for each in status.alarms)
    waiting = sum(status.outbox.values())
    if not status.storage.ok:
        yield wrong("storage", status.storage.reason or "it does not keep up", _REMEDIES["storage"])
    if late:
        yield wrong("alarms", f"{late} without the centre's receipt", _REMEDIES["link"])
    elif any(not each.test for each in status.alarms):
        yield warning("alarms", "a real alarm is open", "see that somebody takes it before you go on")
    if waiting and not any(each.up for each in status.links):
        yield warning("outbox", f"{waiting} events wait for a line", _REMEDIES["link"])


def _sensors(status: HubStatus) -> Iterator[Finding]:
    silent = [each.id for each in status.sensors if each.heard is None]
    if silent:
        found = f"never heard: {', '.join(silent)}"
        yield warning("sensors", found, "press or trip each one: hearthline sensors test")
    elif status.sensors:
        yield well("sensors", f"all {len(status.sensors)} heard")


def _look(scene: Scene) -> Iterable[Finding]:
    if scene.config is None and scene.hub.running == "stopped":
        return [skipped("hub", "not asked: mend the configuration first")]
    return judge(scene.hub, software())


CHECK = Check("hub", "Running hub", _look, needs_config=False)
