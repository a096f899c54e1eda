"""A real Mosquitto for trials and tests: on a free port that it keeps across restarts; TLS if asked."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

_READY_S = 10.0


class MosquittoError(Exception):
    """The broker cannot be started or is not running; the message has its log."""


class ServerFiles(NamedTuple):
    """What a TLS server is configured with."""

    ca: Path
    certificate: Path
    key: Path


def _binary() -> str:
    return shutil.which("mosquitto") or "/usr/sbin/mosquitto"


def free_port() -> int:
    """Find a TCP port nobody listens on right now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


class Mosquitto:
    """A broker on 127.0.0.1:`port`. `folder` keeps its configuration, log and database, so it survives a restart.

    With `tls` it demands client certificates of that authority and takes their common name as the user name.
    `extra` is appended to its configuration as it is.
    """

    def __init__(
        self, folder: Path, *, tls: ServerFiles | None = None, extra: str = "", port: int | None = None
    ) -> None:
        self.folder, self.tls, self.extra = folder, tls, extra
        self.host = "127.0.0.1"
        self.port = port or free_port()
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        """What it logged so far."""
        path = self.folder / "mosquitto.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def configuration(self) -> str:
        """Write its configuration."""
        lines = [
            f"listener {self.port} {self.host}",
            "persistence true",
            f"persistence_location {self.folder}/",
            # DESIGN §6: without these two, kill -9 loses sessions and retained messages.
            "autosave_on_changes true",
            "autosave_interval 1",
            "log_type all",
            "set_tcp_nodelay true",  # else Nagle holds a receipt back for the 40 ms of a delayed TCP acknowledgement
            f"user {'root' if os.geteuid() == 0 else os.environ.get('USER', 'nobody')}",
        ]
        if self.tls is None:
            lines.append("allow_anonymous true")
        else:
            lines += [
                f"cafile {self.tls.ca}",
                f"certfile {self.tls.certificate}",
                f"keyfile {self.tls.key}",
                "require_certificate true",
                "use_identity_as_username true",
            ]
        return "\n".join([*lines, self.extra, ""])

    def start(self) -> Self:
        """Start, and return once it accepts connections."""
        if self.running:
            raise MosquittoError("this broker runs already")
        path = self.folder / "mosquitto.conf"
        path.write_text(self.configuration())
        with (self.folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen([_binary(), "-c", str(path)], stdout=log, stderr=log)
        deadline = time.monotonic() + _READY_S
        while True:
            try:
                socket.create_connection((self.host, self.port), timeout=1).close()
            except OSError:
                if not self.running or time.monotonic() > deadline:
                    raise MosquittoError(f"mosquitto does not accept connections:\n{self.log}") from None
                time.sleep(0.01)
            else:
                return self

    def stop(self) -> None:
        """End it politely: it saves its database."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would (kill -9)."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop and start, on the same port."""
        self.stop()
        self.start()

    def freeze(self) -> None:
        """Stop it from running while its connections stay open: a line that lies."""
        if self._process is None:
            raise MosquittoError("this broker does not run")
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it run again."""
        if self._process is None:
            raise MosquittoError("this broker does not run")
        self._process.send_signal(signal.SIGCONT)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)  # a frozen one would never end by SIGTERM
            process.send_signal(number)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)

    def __enter__(self) -> Self:
        return self if self.running else self.start()

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
