"""Does an alarm arrive? A test alarm, silent at home, which the hub ends itself once the centre's receipt is there."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from time import monotonic, sleep

import msgspec

from agent.ask import AskError, do
from agent.status import DeliveryStatus, HubStatus
from provisioning.doctor.finding import Check, Finding, skipped, warning, well, wrong
from provisioning.doctor.scene import Scene, ask_hub

ABOUT = "test alarm"
KIND = "test"
WAIT_S = 30.0
"""A receipt for an alarm is late after 10 s (DESIGN §4); a second line may have to be opened first."""

SLOW_MS = 5_000
_LOOK_EVERY_S = 0.2


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it: `sent` whether the hub sent one, `round_trip_ms` from its commit to the centre's receipt."""

    trouble: str = ""
    sent: bool = True
    round_trip_ms: int | None = None


def judge(facts: Facts) -> Finding:
    """Say whether an alarm arrives."""
    if facts.trouble:
        return wrong(ABOUT, facts.trouble, "restart the hub after an update: sudo systemctl restart hearthline")
    if not facts.sent:
        return wrong(ABOUT, "the hub took the order, and sent nothing", "journalctl -u hearthline -n 50 says why")
    if facts.round_trip_ms is None:
        found = f"the centre gave no receipt within {WAIT_S:g} s"
        return wrong(ABOUT, found, "does the centre run, and know this hub? Ask the site what it heard")
    found = f"the centre's receipt came after {facts.round_trip_ms} ms"
    make = (
        well(ABOUT, found) if facts.round_trip_ms <= SLOW_MS else warning(ABOUT, found, "the line is slow: try another")
    )
    return msgspec.structs.replace(make, round_trip_ms=facts.round_trip_ms)


def probe(socket: Path, before: HubStatus) -> Facts:
    """Have the hub raise a test alarm, and watch for its receipt. One that is open already is watched instead."""
    known = {each.alarm for each in _tests(before) if each.receipted_ms is not None}
    try:
        do(socket, "test-alarm")
    except AskError as error:
        return Facts(trouble=str(error))
    until, sent = monotonic() + WAIT_S, False
    while monotonic() < until:
        status = ask_hub(socket).status
        new = [each for each in _tests(status) if each.alarm not in known]
        sent = sent or bool(new)
        for each in new:
            if each.receipted_ms is not None:
                return Facts(round_trip_ms=each.receipted_ms)
        sleep(_LOOK_EVERY_S)
    return Facts(sent=sent)


def _tests(status: HubStatus | None) -> Iterator[DeliveryStatus]:
    yield from (each for each in (status.deliveries if status else ()) if each.kind == KIND)


def _look(scene: Scene) -> Iterable[Finding]:
    status = scene.hub.status
    if status is None or scene.config is None:
        return [skipped(ABOUT, "not sent: no hub runs that could send it")]
    if not any(each.up for each in status.links):
        return [skipped(ABOUT, "not sent: no line to the centre is up")]
    return [judge(probe(scene.config.socket, status))]


CHECK = Check("alarm", "Alarm to the centre and back", _look, timeout_s=WAIT_S + 15)
