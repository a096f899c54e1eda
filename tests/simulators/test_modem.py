"""The simulated modem: it speaks as a SIM7600 does, and can be used by hand."""

import asyncio
import sys
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.sms.sim import PinFile
from agent.sms.texting import Modem, Texting
from rules.actions import SendText
from rules.events import Event, Replied, TextDelivered
from simulators.modem import ModemCore
from simulators.text_pdus import deliver
from tests.support.book import Numbers
from tests.support.house import ROOT

ANNA = "+441632960001"


class Wire:
    """A modem's core, asked by hand."""

    def __init__(self, pin: str = "") -> None:
        self._said = b""
        self.core = ModemCore(self._hear, pin=pin)

    def _hear(self, data: bytes) -> None:
        self._said += data

    def ask(self, data: bytes) -> bytes:
        self._said = b""
        self.core.feed(data)
        return self._said


def test_it_echoes_until_it_is_told_not_to() -> None:
    wire = Wire()
    assert wire.ask(b"AT\r") == b"AT\r\r\nOK\r\n"
    assert wire.ask(b"ATE0\r") == b"ATE0\r\r\nOK\r\n"
    assert wire.ask(b"AT\r") == b"\r\nOK\r\n"
    wire.core.restart()
    assert wire.ask(b"AT\r") == b"AT\r\r\nOK\r\n"


def test_three_wrong_pins_lock_its_sim() -> None:
    wire = Wire(pin="1234")
    wire.ask(b"ATE0\rAT+CMEE=1\r")
    assert wire.ask(b"AT+CMGF=0\r") == b"\r\n+CME ERROR: 11\r\n"
    for left in (2, 1, 0):
        assert wire.ask(b'AT+CPIN="9999"\r') == b"\r\n+CME ERROR: 16\r\n"
        assert f"+SPIC: {left}," in wire.ask(b"AT+SPIC\r").decode()
    assert wire.ask(b"AT+CPIN?\r") == b"\r\n+CPIN: SIM PUK\r\n\r\nOK\r\n"
    assert wire.ask(b'AT+CPIN="1234"\r') == b"\r\n+CME ERROR: 16\r\n"


def test_a_message_is_broken_off_by_escape_and_ended_by_control_z() -> None:
    wire = Wire()
    wire.ask(b"ATE0\rAT+CMGF=0\r")
    assert wire.ask(b"AT+CMGS=18\r") == b"\r\n> "
    assert wire.ask(b"0031\x1b") == b"\r\nOK\r\n"
    wire.ask(b"AT+CMGS=18\r")
    assert wire.ask(b"junk\x1a") == b"\r\n+CMS ERROR: 304\r\n"
    assert wire.core.sent == []


def test_what_comes_in_is_announced_listed_read_and_deleted() -> None:
    wire = Wire()
    wire.ask(b'ATE0\rAT+CMGF=0\rAT+CPMS="SM"\r')
    wire.core.receive(ANNA, "1 42")  # nobody asked to be told
    assert wire.ask(b"AT+CNMI=2,1,0,1,0\r") == b"\r\nOK\r\n"
    wire.core.receive(ANNA, "1 17")
    assert wire._said.endswith(b'\r\n+CMTI: "SM",1\r\n')
    assert wire.ask(b"AT+CMGR=0\r") == f"\r\n+CMGR: 0,,23\r\n{deliver(ANNA, '1 42')}\r\n\r\nOK\r\n".encode()
    assert wire.ask(b"AT+CMGL=4\r").count(b"+CMGL:") == 2
    assert wire.ask(b"AT+CMGD=0\r") == b"\r\nOK\r\n"
    assert wire.ask(b"AT+CMGR=0\r") == b"\r\n+CMS ERROR: 321\r\n"


@pytest.mark.slow
async def test_by_hand(tmp_path: Path) -> None:
    """`python -m simulators.modem` prints what is sent, and a line typed there is a reply."""
    link = tmp_path / "modem"
    hand = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "simulators.modem", "--link", str(link)),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert hand.stdin is not None
    assert hand.stdout is not None
    events: asyncio.Queue[Event] = asyncio.Queue()

    def put(event: Event, _durable: object) -> bool:
        events.put_nowait(event)
        return True

    texting = Texting(
        Modem(str(link), 115_200, PinFile(None, tmp_path / "tried")),
        Numbers({"anna": ANNA}),
        put,
        SystemClock(),
        lambda _: True,
    )
    try:
        async with asyncio.timeout(15):
            hand.stdin.write(b"nonsense\n")
            assert (await hand.stdout.readline()).startswith(b"reply NUMBER")  # it is there
            running = asyncio.create_task(texting.run())
            texting.send(SendText("t1", "anna", 1, "en", "alarm", "pendant", test=True, code=42))
            assert await hand.stdout.readline() == (
                f"to {ANNA}: TEST. Hearthline: the person you help has called for help. "
                "If you can go now, answer: 1 42\n".encode()
            )
            while await events.get() != TextDelivered("t1"):
                pass
            hand.stdin.write(f"reply {ANNA} 1 42\n".encode())
            assert await events.get() == Replied("anna", 1, 42)
            running.cancel()
            await asyncio.wait([running])
            hand.stdin.close()
            assert await hand.wait() == 0
    finally:
        if hand.returncode is None:
            hand.kill()
            await hand.wait()
