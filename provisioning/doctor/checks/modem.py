"""Does the modem answer, is its SIM card ready, and does it have a network? Asked of the hub while one runs."""

import os
import re
import select
import termios
import tty
from collections.abc import Iterable, Iterator
from pathlib import Path
from time import monotonic

import msgspec

from agent.config import ModemConfig
from agent.status import HubStatus
from provisioning.doctor.finding import Check, Finding, skipped, warning, well, wrong
from provisioning.doctor.scene import Scene

PART = "modem"
_ANSWER_S = 2.0
_WEAK, _UNKNOWN = 6, 99
_REGISTERED = ("1", "5")
_SPEEDS = {
    speed: getattr(termios, f"B{speed}")
    for speed in (9_600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800, 921_600)
}


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What it says: `answers` to AT, its `sim` by AT+CPIN?, `registered` by AT+CREG?, its `signal` by AT+CSQ."""

    path: str
    trouble: str = ""
    answers: bool = True
    sim: str = ""
    pin_file: bool = False
    registered: bool = True
    signal: int | None = None


def judge(facts: Facts) -> Iterator[Finding]:
    """Say whether texts can go."""
    if facts.trouble:
        yield wrong(PART, f"{facts.path} cannot be opened: {facts.trouble}", "see what is said of the serial adapters")
        return
    if not facts.answers:
        remedy = "is it its AT port? A SIM7600 has it as its third (…-if02); has the modem power?"
        yield wrong(PART, f"nothing answers at {facts.path}", remedy)
        return
    yield well(PART, f"answers at {facts.path}")
    yield from _sim(facts)


def _sim(facts: Facts) -> Iterator[Finding]:
    if facts.sim == "SIM PIN" and facts.pin_file:
        yield skipped("SIM card", "wants its PIN: the hub gives it when it starts")  # a wrong guess here would lock it
        return
    if facts.sim == "SIM PIN":
        remedy = "write the PIN to a file, chmod 600, and name it in [modem] pin_file; or switch the PIN off"
        yield wrong("SIM card", "wants its PIN", remedy)
        return
    if facts.sim == "SIM PUK":
        yield wrong("SIM card", "locked: its PIN was wrong three times", "put it into a telephone and enter its PUK")
        return
    if facts.sim != "READY":
        yield wrong(
            "SIM card", "there is none, or it is not seated", "switch off, push it in until it clicks, switch on"
        )
        return
    yield well("SIM card", "ready")
    if not facts.registered:
        remedy = "move the aerial to a window; is the SIM card's contract active?"
        yield wrong("mobile network", "not registered", remedy)
    elif facts.signal is not None and facts.signal < _WEAK:
        yield warning(
            "mobile network", f"registered, with a weak signal ({facts.signal} of 31)", "move the aerial to a window"
        )
    else:
        yield well(
            "mobile network", "registered" + (f", signal {facts.signal} of 31" if facts.signal is not None else "")
        )


def judge_by_hub(status: HubStatus) -> Iterator[Finding]:
    """Say what the running hub, whose the port is, says of it."""
    faults = [each for each in status.faults if each.subject == PART or each.fault == "texts"]
    for fault in faults:
        remedy = "see what is said of the serial adapters; then SIM card, PIN and aerial"
        yield wrong(PART, f"the hub says: {fault.reason or fault.fault}", remedy)
    if not faults:
        yield well(PART, "the hub has it, and can send texts")


# --- probing ------------------------------------------------------------------------------------------


def probe(modem: ModemConfig) -> Facts:
    """Ask the modem by its port, which nobody else may have. No PIN is tried."""
    path, pin_file = str(modem.port), modem.pin_file is not None
    try:
        handle = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError as error:
        return Facts(path=path, trouble=error.strerror or str(error), pin_file=pin_file)
    try:
        _set_up(handle, modem.baud)
        if "OK" not in _ask(handle, "ATE0"):
            return Facts(path=path, answers=False, pin_file=pin_file)
        sim = re.search(r"\+CPIN: ([A-Z ]+)", _ask(handle, "AT+CPIN?"))
        network = re.search(r"\+C(?:E)?REG: \d,(\d)", _ask(handle, "AT+CREG?"))
        signal = re.search(r"\+CSQ: (\d+)", _ask(handle, "AT+CSQ"))
    except OSError as error:
        return Facts(path=path, trouble=error.strerror or str(error), pin_file=pin_file)
    finally:
        os.close(handle)
    strength = int(signal[1]) if signal else _UNKNOWN
    return Facts(
        path=path,
        sim=sim[1].strip() if sim else "",
        pin_file=pin_file,
        registered=network is not None and network[1] in _REGISTERED,
        signal=None if strength == _UNKNOWN else strength,
    )


def _set_up(handle: int, baud: int) -> None:
    try:
        tty.setraw(handle)
        speed = _SPEEDS.get(baud)
        if speed is not None:
            attributes = termios.tcgetattr(handle)
            attributes[4] = attributes[5] = speed
            termios.tcsetattr(handle, termios.TCSANOW, attributes)
        termios.tcflush(handle, termios.TCIFLUSH)
    except termios.error as error:
        raise OSError(error.args[0], "not a serial port") from None


def _ask(handle: int, command: str) -> str:
    """Send a command; give all that came until its end, or until time was up. Raises OSError."""
    os.write(handle, f"{command}\r".encode())
    said, until = b"", monotonic() + _ANSWER_S
    while (left := until - monotonic()) > 0 and not re.search(rb"(^|\r|\n)(OK|ERROR|\+CME ERROR: \d+)\r", said):
        if select.select([handle], [], [], left)[0]:
            said += os.read(handle, 4_096)
    return said.decode(errors="replace")


def _look(scene: Scene) -> Iterable[Finding]:
    modem = scene.config.modem if scene.config else None
    if modem is None:
        return [skipped(PART, "this hub has none")]
    if scene.hub.status is not None:
        return judge_by_hub(scene.hub.status)
    if scene.hands_off:
        return [skipped(PART, "not asked: the hub may have its port, and does not say how it is")]
    if not Path(modem.port).exists():
        return [skipped(PART, f"{modem.port} is not there")]
    return judge(probe(modem))


CHECK = Check("modem", "Modem and SIM card", _look)
