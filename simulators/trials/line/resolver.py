"""A name server that may say nothing, and a process that knows no other: `python -m simulators.trials.line.resolver`.

The process gets a mount namespace of its own, with its own resolv.conf and nsswitch.conf: the machine's stay as they
are. It needs root.
"""

import asyncio
import ctypes
import os
import socket
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from simulators.trials.trial import NotHereError

NAME = "localhost"
"""What is asked for: the broker's certificate has it, and with this nsswitch.conf it is a name like any other."""

_CLONE_NEWNS, _MS_BIND, _MS_REC, _MS_PRIVATE = 0x20000, 0x1000, 0x4000, 1 << 18
_FILES = {"resolv.conf": "nameserver {address}\n", "nsswitch.conf": "hosts: dns\n"}
_TYPE_A, _ANSWER_S = 1, 1
_HEADER_BYTES = 12


class Resolver(asyncio.DatagramProtocol):
    """Answers every question for an IPv4 address with 127.0.0.1 while `answering`, and otherwise swallows it.

    `folder` gets the two files for a hub that shall ask here.
    """

    def __init__(self, folder: Path, address: str) -> None:
        self.folder, self.address = folder, address
        self.answering = True
        self.swallowed = 0
        self._heard = asyncio.Event()
        self._transport: asyncio.DatagramTransport

    async def __aenter__(self) -> Self:
        if os.geteuid() != 0:
            raise NotHereError("a name server of its own for the hub needs root")
        try:
            await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, local_addr=(self.address, 53))
        except OSError as error:
            raise NotHereError(f"no name server can listen on {self.address}: {error.strerror}") from None
        for name, text in _FILES.items():
            (self.folder / name).write_text(text.format(address=self.address))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._transport.close()

    def through(self) -> tuple[str, ...]:
        """Give the Python arguments that a program's own follow, so that it asks here."""
        return ("-m", "simulators.trials.line.resolver", str(self.folder))

    async def until_swallowed(self, count: int, timeout_s: float = 10) -> None:
        """Wait until so many questions were swallowed. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while self.swallowed < count:
                self._heard.clear()
                await self._heard.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what answers go by."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer a question, or do not."""
        if self.answering:
            self._transport.sendto(_answer(data), addr)
        else:
            self.swallowed += 1
            self._heard.set()


def _answer(question: bytes) -> bytes:
    """Answer with 127.0.0.1, or with nothing to a question of another kind (RFC 1035 §4.1)."""
    end = question.index(0, _HEADER_BYTES) + 5
    asked, kind = question[_HEADER_BYTES:end], struct.unpack("!H", question[end - 4 : end - 2])[0]
    records = b""
    if kind == _TYPE_A:
        records = struct.pack("!HHHIH", 0xC00C, kind, 1, _ANSWER_S, 4) + socket.inet_aton("127.0.0.1")
    return question[:2] + struct.pack("!HHHHH", 0x8180, 1, bool(records), 0, 0) + asked + records


def main(arguments: Sequence[str]) -> int:
    """Run a Python program, given by its arguments, that finds `FOLDER/resolv.conf` and its like in /etc."""
    folder, *program = arguments
    libc = ctypes.CDLL(None, use_errno=True)
    flags = _MS_REC | _MS_PRIVATE
    failed = libc.unshare(_CLONE_NEWNS) or libc.mount(b"none", b"/", None, flags, None)
    for name in _FILES:
        failed = failed or libc.mount(os.fsencode(f"{folder}/{name}"), f"/etc/{name}".encode(), None, _MS_BIND, None)
    if failed:
        print(f"no mount namespace: {os.strerror(ctypes.get_errno())}", file=sys.stderr)
        return 1
    # The very same process, so that it can be killed. It never returns.
    return os.execv(sys.executable, [sys.executable, *program])  # noqa: S606 -- starts the hub, as told


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
