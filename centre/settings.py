"""What the running centre's parts are told by whoever starts them (`centre.running`): the line, and the console."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from agent.wire.envelope import Key
from centre.store.periods import Policy


@dataclass(frozen=True, kw_only=True)
class LineSettings:
    """How the centre's workers speak over the broker. `key` is the centre's private Ed25519 key, to sign by.

    `tls` is asked at each connection, so that a renewed certificate counts from the next one on. `group` is known to
    the centre's workers alone: who is in it gets a share of every home's alarms.
    """

    host: str
    port: int
    group: str
    key: Key
    tls: Callable[[], ssl.SSLContext] | None = None


@dataclass(frozen=True, kw_only=True)
class ConsoleSettings:
    """How staff reach the console. `address` is where, such as `https://console.example.org`, without a slash.

    `secure`: over TLS, so that cookies may be for TLS alone. Without it the console listens on loopback only.
    """

    address: str = "http://127.0.0.1:8080"
    secure: bool = False


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything. `data` is the centre's folder; `worker` names this process among the centre's, and no other has it.

    `line` is None in a process that only shows the console. `private_webhooks`: webhooks may go to machines of one's
    own network, and unencrypted. `retention` says how long things are kept; of the hubs of `holds` everything is.
    """

    data: Path
    worker: str
    line: LineSettings | None = None
    console: ConsoleSettings = ConsoleSettings()
    private_webhooks: bool = False
    retention: Policy = field(default_factory=Policy)
    holds: tuple[str, ...] = ()
