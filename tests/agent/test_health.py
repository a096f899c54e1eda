import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.health import Health


def listener(address: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(address)
    sock.setblocking(False)
    return sock


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with listener(str(tmp_path / "notify")) as sock:
        yield sock


def said(sock: socket.socket) -> list[str]:
    messages = []
    while True:
        try:
            messages.append(sock.recv(4096).decode())
        except BlockingIOError:
            return messages


def environ(sock: socket.socket, **more: str) -> dict[str, str]:
    return {"NOTIFY_SOCKET": sock.getsockname(), **more}


def test_ready_status_and_stopping(systemd: socket.socket) -> None:
    health = Health(environ(systemd))
    health.ready("armed")
    health.status("2 open alarms")
    health.stopping()
    assert said(systemd) == ["READY=1\nSTATUS=armed", "STATUS=2 open alarms", "STOPPING=1"]
    health.close()
    health.ready()
    assert said(systemd) == []


def test_an_abstract_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"hearthline-test-{secrets.token_hex(8)}"
    with listener("\0" + name) as sock:
        health = Health({"NOTIFY_SOCKET": "@" + name})
        health.ready()
        assert said(sock) == ["READY=1"]
        health.close()


def test_s7_the_watchdog_is_fed_only_by_turns_and_at_most_every_third(systemd: socket.socket) -> None:
    health = Health(environ(systemd, WATCHDOG_USEC="30000000", WATCHDOG_PID=str(os.getpid())))
    health.ready()
    assert said(systemd) == ["READY=1"]
    for now_ms in range(0, 30_001, 500):
        health.turned(now_ms)
    assert said(systemd) == ["WATCHDOG=1"] * 4  # at 0, 10, 20 and 30 s
    health.close()


@pytest.mark.parametrize("usec", ["", "0", "soon", "-5"])
def test_no_watchdog_asked_for(systemd: socket.socket, usec: str) -> None:
    health = Health(environ(systemd, WATCHDOG_USEC=usec))
    health.turned(1)
    assert said(systemd) == []
    health.close()


def test_another_processs_watchdog_is_not_ours(systemd: socket.socket) -> None:
    health = Health(environ(systemd, WATCHDOG_USEC="3000000", WATCHDOG_PID="1"))
    health.turned(1)
    assert said(systemd) == []
    health.close()


@pytest.mark.parametrize("address", ["", "vsock:2:1", "relative"])
def test_without_systemd_nothing_happens(address: str) -> None:
    health = Health({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "3000000"})
    health.ready()
    health.turned(1)
    health.stopping()
    health.close()


def test_a_socket_nobody_reads_neither_blocks_nor_raises(systemd: socket.socket) -> None:
    health = Health(environ(systemd))
    for _ in range(10_000):
        health.status("full")
    assert 0 < len(said(systemd)) < 10_000
    systemd.close()
    health.status("gone")
    health.close()


def test_a_status_is_one_short_line(systemd: socket.socket) -> None:
    health = Health(environ(systemd))
    health.status("one\nREADY=1 " + "x" * 1000)
    (message,) = said(systemd)
    assert "\n" not in message
    assert len(message) == len("STATUS=") + 200
    health.close()
