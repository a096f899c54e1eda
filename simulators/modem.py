"""A 4G modem of the SIM7600's kind on a pty: speaks the real dialogue, keeps what was sent, and fails on demand.

`python -m simulators.modem --link PATH` prints the texts that are sent and takes lines: `reply +441632960001 1 42`,
`network 0`, `refuse 3`, `pull`, `plug`.
"""

import argparse
import asyncio
import contextlib
import re
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path

from simulators.serial_line import SerialLine
from simulators.text_pdus import DELIVERED, SentText, deliver, read_submit, status_report, tpdu_octets

PLACES = 30
"""How many messages each of its stores holds."""

PIN_ATTEMPTS = 3
BUFFER_MAX = 1_024

_END, _BREAK = b"\x1a", b"\x1b"
_NO_SIM, _WRONG_PIN, _REFUSED = "+CME ERROR: 10", "+CME ERROR: 16", "+CMS ERROR: "
_PDU = "PDU"
_NO_NETWORK = 331
_BAD_PDU = 304
_LOST_INDEX = 321

Answer = tuple[list[str], str]


class ModemCore:
    """The modem without its wire: bytes in by `feed`, bytes out through `say`.

    What it is can be changed at any time: `sim` (there is one), `registration` (1: at home, 2: looking, 3: refused),
    `rssi` (0 to 31, 99: not known), `reports` (deliveries are reported at once), `mute` (it says nothing at all).
    """

    def __init__(self, say: Callable[[bytes], None], *, pin: str = "") -> None:
        self._say = say
        self.pin = pin
        self.attempts = PIN_ATTEMPTS
        self.sim = True
        self.registration, self.rssi = 1, 20
        self.reports = True
        self.mute = False
        self.sent: list[SentText] = []
        self.stores: dict[str, dict[int, str]] = {"SM": {}, "ME": {}, "SR": {}}
        self.waiting: deque[str] = deque()
        """What the network keeps for it, because its store is full."""
        self.commands: list[str] = []
        self.unknown: set[str] = set()
        """Commands it does not know."""
        self.changed = asyncio.Event()
        self._locked = bool(pin)
        self._refusals: deque[int] = deque()
        self._when: list[tuple[str, Callable[[], object]]] = []
        self._reference = 0
        self._power_on()

    def _power_on(self) -> None:
        self._echo, self._numeric, self._pdu_mode, self._announces, self._routes = True, False, False, False, ""
        self._store = "ME"
        self._waiting = b""
        self._message = False
        self._locked = bool(self.pin)

    # --- what a test or a demonstration does with it -----------------------------------------------

    def receive(self, number: str, body: str, *, store: str = "SM", part: int = 0) -> None:
        """Let a text come in: stored, and announced if the hub has asked for that."""
        self.receive_pdu(deliver(number, body, part=part), store)

    def receive_pdu(self, pdu: str, store: str = "SM") -> None:
        """Let a message come in as it is."""
        places = self.stores[store]
        index = next((at for at in range(PLACES) if at not in places), None)
        if index is None:
            self.waiting.append(pdu)
            return
        places[index] = pdu
        if self._announces:
            self._tell(f'+CMTI: "{store}",{index}')

    def report(self, text: SentText, status: int = DELIVERED) -> None:
        """Let the network say what became of a text."""
        pdu = status_report(text.reference, text.number, status)
        if self._routes == "1":
            self._tell(f"+CDS: {tpdu_octets(pdu)}\r\n{pdu}")
        elif self._routes == "2":
            index = len(self.stores["SR"])
            self.stores["SR"][index] = pdu
            self._tell(f'+CDSI: "SR",{index}')

    def refuse(self, count: int, error: int = 38) -> None:
        """Refuse the next texts with this CMS error."""
        self._refusals.extend([error] * count)

    def when(self, command: str, act: Callable[[], object]) -> None:
        """Do this, once, when a command that begins so is heard, before it is answered. `PDU` is a text's own."""
        self._when.append((command, act))

    def restart(self) -> None:
        """Lose power for a moment: every setting is gone."""
        self._power_on()
        self._tell("RDY")

    def urgent(self, data: bytes) -> None:
        """Say any bytes at all."""
        if not self.mute:
            self._say(data)

    async def texted(self, count: int = 1, timeout_s: float = 10) -> list[SentText]:
        """Wait until so many texts were sent in all, and give them. Raises TimeoutError."""
        await self.until(lambda: len(self.sent) >= count, timeout_s)
        return self.sent

    async def until(self, condition: Callable[[], object], timeout_s: float = 10) -> None:
        """Wait until something is so, looked at whenever the modem has heard something. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    # --- what it hears -----------------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """Hear what the hub says."""
        for octet in data:
            self._hear(bytes([octet]))

    def _hear(self, octet: bytes) -> None:
        if self._echo and not self.mute:
            self._say(octet)
        if octet == _BREAK:
            if self._message:
                self._message = False
                self._tell("OK")
            self._waiting = b""
        elif self._message and octet == _END:
            pdu, self._waiting, self._message = self._waiting, b"", False
            self._heard(_PDU, pdu.decode("ascii", errors="replace").strip())
        elif not self._message and octet in (b"\r", b"\n"):
            line, self._waiting = self._waiting, b""
            if line.strip():
                self._heard(line.decode("ascii", errors="replace").strip(), "")
        elif len(self._waiting) < BUFFER_MAX:
            self._waiting += octet

    def _heard(self, command: str, pdu: str) -> None:
        self.commands.append(command)
        due = [each for each in self._when if command.startswith(each[0])]
        self._when = [each for each in self._when if each not in due]
        for _, act in due:
            act()
        if not self.mute:
            lines, result = self._submitted(pdu) if command == _PDU else self._answered(command)
            for line in lines:
                self._tell(line)
            if result == ">":
                self._message = True
                self._say(b"\r\n> ")
            else:
                self._tell(self._worded(result))
            if command == _PDU and result == "OK" and self.reports:
                self.report(self.sent[-1])
        self.changed.set()

    def _answered(self, command: str) -> Answer:
        return ([], "ERROR") if command in self.unknown else self._obeyed(command)

    def _worded(self, result: str) -> str:
        return result if self._numeric or not result.startswith("+CME") else "ERROR"

    def _tell(self, line: str) -> None:
        self.urgent(f"\r\n{line}\r\n".encode())

    # --- what it answers ---------------------------------------------------------------------------

    def _obeyed(self, command: str) -> Answer:
        name, _, value = command.removeprefix("AT").partition("=")
        match name, value:
            case "", "":
                return [], "OK"
            case "E0", "":
                self._echo = False
            case "+CMEE", mode:
                self._numeric = mode == "1"
            case "+CPIN?" | "+CPIN" | "+SPIC", _:
                return self._sim_asked(name, value.strip('"'))
            case "+CREG?" | "+CEREG?" | "+CSQ", "":
                return [self._air(name)], "OK"
            case _ if not self.sim or self._locked:
                return [], _NO_SIM if not self.sim else "+CME ERROR: 11"
            case _:
                return self._texts_asked(name, value)
        return [], "OK"

    def _air(self, name: str) -> str:
        if name == "+CSQ":
            return f"+CSQ: {self.rssi},99"
        return f"{name[:-1]}: 0,{self.registration if self.sim and not self._locked else 0}"

    def _sim_asked(self, name: str, value: str) -> Answer:
        if not self.sim:
            return [], _NO_SIM
        if name == "+SPIC":
            return [f"+SPIC: {self.attempts},10,0,10"], "OK"
        if name == "+CPIN?":
            state = "READY" if not self._locked else "SIM PIN" if self.attempts else "SIM PUK"
            return [f"+CPIN: {state}"], "OK"
        if value == self.pin and self.attempts:
            self._locked, self.attempts = False, PIN_ATTEMPTS
            return [], "OK"
        self.attempts = max(0, self.attempts - 1)
        return [], _WRONG_PIN

    def _texts_asked(self, name: str, value: str) -> Answer:
        match name:
            case "+CMGF":
                self._pdu_mode = value == "0"
            case "+CNMI":
                mode = value.split(",")
                self._announces, self._routes = mode[1:2] == ["1"], "".join(mode[3:4])
            case "+CPMS":
                return self._chosen(value.split(",", maxsplit=1)[0].strip('"'))
            case "+CMGL" if self._pdu_mode:
                return [_listed("+CMGL", at, pdu) for at, pdu in sorted(self.stores[self._store].items())], "OK"
            case "+CMGR" if self._pdu_mode:
                pdu = self.stores[self._store].get(int(value))
                return ([_listed("+CMGR", None, pdu)], "OK") if pdu else ([], f"{_REFUSED}{_LOST_INDEX}")
            case "+CMGD":
                self._delete(int(value))
            case "+CMGS" if self._pdu_mode:
                return [], ">"
            case _:
                return [], "ERROR"
        return [], "OK"

    def _chosen(self, store: str) -> Answer:
        if store not in self.stores:
            return [], f"{_REFUSED}302"
        self._store = store
        used = ",".join(f"{len(self.stores[store])},{PLACES}" for _ in range(3))
        return [f"+CPMS: {used}"], "OK"

    def _delete(self, index: int) -> None:
        self.stores[self._store].pop(index, None)
        if self.waiting:
            self.receive_pdu(self.waiting.popleft(), self._store)

    def _submitted(self, pdu: str) -> Answer:
        if self._refusals:
            return [], f"{_REFUSED}{self._refusals.popleft()}"
        if self.registration not in (1, 5):
            return [], f"{_REFUSED}{_NO_NETWORK}"
        self._reference = (self._reference + 1) % 256
        try:
            text = read_submit(pdu, self._reference)
        except (ValueError, IndexError):
            return [], f"{_REFUSED}{_BAD_PDU}"
        self.sent.append(text)
        return [f"+CMGS: {self._reference}"], "OK"


def _listed(name: str, index: int | None, pdu: str) -> str:
    place = "" if index is None else f"{index},"
    return f"{name}: {place}0,,{tpdu_octets(pdu)}\r\n{pdu}"


class Modem(ModemCore):
    """The modem at `path`, on an event loop. `drip`: what it says comes byte by byte."""

    def __init__(self, path: Path, *, pin: str = "", drip: bool = False) -> None:
        super().__init__(self._wrote, pin=pin)
        self.line = SerialLine(path, self.feed)
        self.drip = drip
        self._dripping: deque[bytes] = deque()

    def plug(self) -> None:
        """Plug it in, switched off until now."""
        self._power_on()
        self.line.plug()

    def unplug(self) -> None:
        """Pull it."""
        self._dripping.clear()
        self.line.unplug()

    def _wrote(self, data: bytes) -> None:
        if not self.drip:
            self.line.write(data)
            return
        begun = bool(self._dripping)
        self._dripping.extend(bytes([octet]) for octet in data)
        if not begun:
            self._drop()

    def _drop(self) -> None:
        if self._dripping:
            self.line.write(self._dripping.popleft())
            asyncio.get_running_loop().call_later(0.0002, self._drop)


# --- by hand ------------------------------------------------------------------------------------------


def _told(modem: Modem, line: str) -> str:
    """Do what a line says; give what to print."""
    reply = re.fullmatch(r"reply\s+(\+?\d+)\s+(.+)", line)
    match line.split():
        case ["reply", *_] if reply:
            modem.receive(reply[1], reply[2])
        case ["network", ("0" | "1" | "2" | "3" | "5") as state]:
            modem.registration = int(state)
        case ["refuse", count] if count.isdecimal():
            modem.refuse(int(count))
        case ["pull"]:
            modem.unplug()
        case ["plug"]:
            modem.plug()
        case []:
            pass
        case _:
            return "reply NUMBER TEXT, network 0|1|2|3|5, refuse COUNT, pull, plug"
    return ""


async def _run(link: Path, pin: str) -> None:
    modem = Modem(link, pin=pin)
    modem.plug()
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    printing = asyncio.create_task(_print(modem))
    try:
        while line := await lines.readline():
            if words := _told(modem, line.decode(errors="replace").strip()):
                print(words, flush=True)
    finally:
        printing.cancel()
        modem.unplug()


async def _print(modem: Modem) -> None:
    printed = 0
    while True:
        modem.changed.clear()
        for text in modem.sent[printed:]:
            print(f"to {text.number}: {text.body}", flush=True)
        printed = len(modem.sent)
        await modem.changed.wait()


def main(arguments: list[str] | None = None) -> None:
    """Be a modem until told to stop, or until there are no more lines to read."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--link", type=Path, required=True, help="where the modem's port appears")
    parser.add_argument("--pin", default="", help="the SIM's PIN, if it has one")
    options = parser.parse_args(arguments)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(options.link, options.pin))


if __name__ == "__main__":
    main()
