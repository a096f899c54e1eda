"""Throw-away certificates for tests of TLS, valid from yesterday."""

import datetime as dt
import ssl
from pathlib import Path

from agent.clock import SystemClock
from simulators import keys
from simulators.mosquitto import ServerFiles


class Authority(keys.Authority):
    """A certificate authority that makes clients too."""

    def __init__(self, folder: Path, name: str = "test authority") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(folder, dt.datetime.fromtimestamp(SystemClock().now().wall_ms / 1000, dt.UTC), name)

    def server(self) -> ServerFiles:
        """Give what a server at 127.0.0.1 and localhost is configured with."""
        files = self.issue("server", "localhost", server=True)
        return ServerFiles(self.certificate, files.certificate, files.key)

    def client_context(self, common_name: str) -> ssl.SSLContext:
        """Make the TLS context of a client with a fresh certificate, which trusts this authority alone."""
        files = self.issue(common_name, common_name)
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(self.certificate))
        context.load_cert_chain(files.certificate, files.key)
        return context
