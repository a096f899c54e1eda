"""Tells systemd how the daemon is, by its notify protocol (sd_notify(3)); without systemd, nothing at all."""

import os
import socket
from collections.abc import Mapping

_STATUS_CHARS_MAX = 200


class Health:
    """Speaks to the socket that systemd named. Never blocks and never raises: a full socket loses one message.

    A watchdog message is owed every WATCHDOG_USEC; it is sent at most every third of that, and only from `turned`,
    so that a daemon whose pump stands still is restarted (S7).
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self._every_ms = _watchdog_ms(environ) // 3 if self._address else 0
        self._fed_ms: int | None = None
        self._socket: socket.socket | None = None
        if self._address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)  # noqa: FBT003 -- socket's own way

    def ready(self, status: str = "") -> None:
        """Tell that the hub is armed."""
        self._send("READY=1", status)

    def turned(self, now_ms: int) -> None:
        """Tell that the pump turned, at `now_ms` on the boot-relative clock."""
        if not self._every_ms or (self._fed_ms is not None and now_ms - self._fed_ms < self._every_ms):
            return
        self._fed_ms = now_ms
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """Give the line that `systemctl status` shows. No names (S11)."""
        self._send("", text)

    def stopping(self) -> None:
        """Tell that the end is planned."""
        self._send("STOPPING=1")

    def close(self) -> None:
        """Let go of the socket; whatever is told after is not sent."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, state: str, status: str = "") -> None:
        if self._socket is None:
            return
        line = f"STATUS={' '.join(status.split())[:_STATUS_CHARS_MAX]}" if status else ""
        try:
            self._socket.sendto("\n".join(part for part in (state, line) if part).encode(), self._address)
        except OSError:
            return  # nobody reads it: the watchdog decides what that means


def _address(name: str) -> str:
    """Give the socket's address: `@` begins an abstract one. Others, such as vsock, are not for a hub."""
    if name.startswith("@"):
        return "\0" + name[1:]
    return name if name.startswith("/") else ""


def _watchdog_ms(environ: Mapping[str, str]) -> int:
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0  # another process is watched
    usec = environ.get("WATCHDOG_USEC", "")
    return int(usec) // 1_000 if usec.isdecimal() else 0
