"""By one network interface and no other, and without asking a name server over whatever line there is."""

import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from sensors.mqtt_way import ANY_WAY, Way, open_socket

_NOBODY = 65_534


@pytest.fixture
def port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def bound_to(sock: socket.socket) -> bytes:
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16).rstrip(b"\0")


def test_a_socket_goes_by_its_interface_alone(port: int) -> None:
    with open_socket(Way("lo"), "127.0.0.1", port, 5) as sock:
        assert bound_to(sock) == b"lo"
    with open_socket(ANY_WAY, "localhost", port, 5) as sock:
        assert bound_to(sock) == b""


def test_an_interface_that_is_not_there_is_named(port: int) -> None:
    with pytest.raises(OSError, match="interface wwan9: No such device"):
        open_socket(Way("wwan9"), "127.0.0.1", port, 5)


def test_no_name_server_is_asked_for_a_way_with_an_interface(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    resolve = socket.getaddrinfo

    def watched(*arguments: Any, **options: Any) -> Any:
        asked.append(options.get("flags", 0))
        return resolve(*arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", watched)
    open_socket(Way("lo", "127.0.0.1"), "broker.example", port, 5).close()
    with pytest.raises(socket.gaierror):
        open_socket(Way("lo"), "localhost", port, 5)
    assert asked == [socket.AI_NUMERICHOST] * 2


def test_the_hub_needs_no_privilege_for_it(port: int) -> None:
    child = os.fork()
    if not child:
        try:
            if os.geteuid() == 0:
                os.setresgid(_NOBODY, _NOBODY, _NOBODY)
                os.setresuid(_NOBODY, _NOBODY, _NOBODY)
            open_socket(Way("lo"), "127.0.0.1", port, 5).close()
        except BaseException:  # noqa: BLE001 -- nothing of pytest's may go on in here
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
