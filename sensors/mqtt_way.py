"""Which way a connection leaves the machine: as its routes say, or by one network interface and no other."""

import socket
import ssl
from typing import NamedTuple


class Way(NamedTuple):
    """`interface`: the only one to be used, "" for any. `address`: the host's IP address, "" to ask a name server."""

    interface: str = ""
    address: str = ""


ANY_WAY = Way()


def open_socket(way: Way, host: str, port: int, timeout_s: float) -> socket.socket:
    """Connect by TCP, in at most `timeout_s` seconds for each address the host has. Blocks. Raises OSError.

    With an interface no name server is asked: the question would go by whatever line the machine prefers, which may
    be the very one that is down. The host must then be an IP address, or `way` must have one.
    """
    target = way.address or host
    if not way.interface:
        return socket.create_connection((target, port), timeout_s)
    found = socket.getaddrinfo(target, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    family, kind, protocol, _, where = found[0]  # a numeric address is one
    sock = socket.socket(family, kind, protocol)
    try:
        _bind(sock, way.interface)
        sock.settimeout(timeout_s)
        sock.connect(where)
    except BaseException:
        sock.close()
        raise
    return sock


def _bind(sock: socket.socket, interface: str) -> None:
    """Have the kernel route this socket by the interface alone: needs its own default route there, of any metric.

    Anybody may do this to a socket of their own since Linux 5.7 (socket(7)). To bind to the interface's address
    instead would choose what the packets say of themselves, not the line they go by.
    """
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
    except OSError as error:
        raise OSError(error.errno, f"interface {interface}: {error.strerror}") from None


class TlsSocket(ssl.SSLSocket):
    """Closes itself when its handshake fails: paho leaves that to the garbage collector."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 -- the base class's signature
        """Perform the handshake. Raises OSError, of which SSLError is one."""
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise
