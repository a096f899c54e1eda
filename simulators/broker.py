"""An embedded MQTT broker for demonstrations and for a simulated home's own devices: loopback only, nothing to install.

It is rumqttd (by way of iotcore 0.4.0) in a child process that ends when ours does, however ours ends. Good for plain
publishing and subscribing at QoS 1, retained messages, wills and shared subscriptions. Measured, and not to be proven
on it (a real deployment and those tests use Mosquitto):

- retain-as-published and retain-handling are ignored: a live retained message always looks unretained, and a new
  subscription always gets what is retained;
- Receive Maximum is neither granted nor obeyed: no window;
- session expiry is ignored: a session stays until the broker ends, even one with expiry 0, and nothing survives a
  restart;
- TLS lets anybody in, whatever the CA: never use it for identity. This one has no TLS at all.
"""

import socket
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from iotcore import Broker

HOST = "127.0.0.1"
_START_TRIES = 3  # a free port may be taken by somebody else before the broker has it
_PACKET_BYTES_MAX = 128 * 1024  # a signed state document of 64 KiB, in base64, with room to spare

_ROUTER = """\
id = 0
[router]
id = 0
max_connections = 1000
max_outgoing_packet_count = 200
max_segment_size = 1048576
max_segment_count = 10
"""

_LISTENER = """\
[v{version}.1]
name = "v{version}"
listen = "{host}:{port}"
next_connection_delay_ms = 1
[v{version}.1.connections]
connection_timeout_ms = 5000
max_payload_size = {packet_bytes_max}
max_inflight_count = 100
dynamic_filters = true
"""


class BrokerStartError(Exception):
    """The broker does not come up; the message says why."""


def free_port() -> int:
    """Find a TCP port nobody listens on right now."""
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        port: int = sock.getsockname()[1]
        return port


class DemoBroker:
    """An MQTT 5 broker on 127.0.0.1:`port`; with `v4`, an MQTT 3.1.1 listener too, on `v4_port` (for older tools).

    Port 0 takes a free one, kept across `stop()` and `start()`. Both block for some 200 ms: from an event loop, call
    them in a thread.
    """

    def __init__(self, port: int = 0, *, v4: bool = False) -> None:
        self.host = HOST
        self.port = port
        self.v4_port = 0
        self._v4 = v4
        self._broker: Broker | None = None

    @property
    def running(self) -> bool:
        """Whether the broker's process lives."""
        return self._broker is not None and self._broker.is_running

    def start(self) -> Self:
        """Start, and return once every listener accepts connections. Raises BrokerStartError."""
        if self.running:
            return self
        movable = not self.port
        tries = _START_TRIES if movable else 1
        while True:
            tries -= 1
            self.port = free_port() if movable else self.port
            self.v4_port = free_port() if self._v4 and not self.v4_port else self.v4_port
            try:
                self._broker = self._launch()
            except (OSError, RuntimeError) as problem:
                if not tries:
                    raise BrokerStartError(f"no MQTT broker on {HOST}:{self.port}: {problem}") from problem
            else:
                return self

    def stop(self) -> None:
        """End the broker: retained messages and sessions are gone. Does nothing when it does not run."""
        broker, self._broker = self._broker, None
        if broker is not None:
            broker.stop()

    def _launch(self) -> Broker:
        # Only a TOML file can ask for MQTT 5. It is read once, at start, so nothing of it needs to stay behind.
        with tempfile.TemporaryDirectory(prefix="hearthline-broker-") as folder:
            path = Path(folder, "rumqttd.toml")
            path.write_text(self._configuration())
            broker = Broker(config_path=str(path))
            return broker.start()

    def _configuration(self) -> str:
        ports = {5: self.port} | ({4: self.v4_port} if self._v4 else {})
        return _ROUTER + "".join(
            _LISTENER.format(version=version, host=HOST, port=port, packet_bytes_max=_PACKET_BYTES_MAX)
            for version, port in ports.items()
        )

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
