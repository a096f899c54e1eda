"""What people decide about a running centre: `centre.toml`, read strictly, and written once with words that explain."""

import ipaddress
import stat
import tomllib
import zoneinfo
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from agent.wire.topics import HUB_ID
from centre.store.periods import Policy, plan

FILE = "centre.toml"
CONSOLE_PORT = 8080

_Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]


class SetUpError(Exception):
    """A centre cannot be set up, opened or run as asked; the text names the file or key and says what to do."""


def is_loopback(host: str) -> bool:
    """Tell whether only this very computer reaches a host's address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class BrokerChoice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`run`: a Mosquitto of the centre's own, on the address `listen` (empty for every one).

    Without it, somebody else runs the broker that `host` and `port` name; by default the one that hubs are told of.
    """

    run: bool = True
    listen: str = ""
    host: str = ""
    port: _Port = 0


class EnrolmentChoice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`run`: boxes enrol and hubs renew at this very process, on the address `listen` and the port of `site.toml`."""

    run: bool = True
    listen: str = "0.0.0.0"  # noqa: S104 -- boxes come from everywhere


class ConsoleChoice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the console listens, `HOST:PORT`, and how staff reach it.

    With `certificate` and `key` it speaks TLS. `proxy`: a web server on this computer does that before it, and is
    believed when it says from where a request came. `address` is what staff type, such as `https://console.example.org`.
    `zone` is the time zone of its pages; this computer's own if it is empty.
    """

    listen: str = f"127.0.0.1:{CONSOLE_PORT}"
    address: str = ""
    certificate: str = ""
    key: str = ""
    proxy: bool = False
    zone: str = ""

    def __post_init__(self) -> None:
        """Refuse what would show people's lives to whoever is on the line. Raises ValueError."""
        host, _ = self.place
        if bool(self.certificate) != bool(self.key):
            raise ValueError("certificate and key go together: name both files, or neither")
        if not self.certificate and not is_loopback(host):
            raise ValueError(
                f"listen = {self.listen!r} is for other computers, and needs TLS: name certificate and key,"
                " or listen on 127.0.0.1 behind a web server that has them, with proxy = true"
            )
        if self.proxy and not is_loopback(host):
            raise ValueError(
                "proxy = true: whoever reached the console past the proxy would be believed: listen on 127.0.0.1"
            )
        if self.proxy and not self.address.startswith("https://"):
            raise ValueError('proxy = true needs address = "https://…": what staff type to reach the proxy')
        if self.address:
            self._check_address()
        if self.zone and self.zone not in zoneinfo.available_timezones():
            raise ValueError(f"zone = {self.zone!r}: write one such as Europe/London, or leave it out")

    def _check_address(self) -> None:
        parts = urlsplit(self.address)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.query or parts.fragment:
            raise ValueError(
                f"address = {self.address!r}: write https://HOST or https://HOST:PORT, with nothing behind"
            )
        if parts.scheme == "http" and (self.certificate or not is_loopback(parts.hostname)):
            raise ValueError(f"address = {self.address!r}: staff sign in there, so it begins with https://")

    @property
    def place(self) -> tuple[str, int]:
        """Give the host and port to listen on. Raises ValueError."""
        try:
            parts = urlsplit(f"//{self.listen}")
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if not host or port is None:
            raise ValueError(f'listen = {self.listen!r}: write HOST:PORT, such as "127.0.0.1:{CONSOLE_PORT}"')
        return host, port

    @property
    def secure(self) -> bool:
        """Whether staff reach it over TLS."""
        return bool(self.certificate) or self.proxy

    def at(self, host: str, port: int) -> str:
        """Give what staff type, when it listens there."""
        return (
            self.address or f"{'https' if self.certificate else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
        )


class WebhookChoice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`private`: webhooks may go to machines of one's own network, and unencrypted; otherwise to the internet alone."""

    private: bool = False


class RetentionChoice(Policy, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many days each thing is kept; `holds` names hubs of which nothing is deleted: an inquest, a complaint."""

    holds: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what would delete the proof of what was done, and a hold that holds nothing. Raises ValueError."""
        plan(self, 0)
        if wrong := [each for each in self.holds if not HUB_ID.fullmatch(each)]:
            raise ValueError(f"holds = {wrong[0]!r}: write hubs' names, as the console has them")


class Choices(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of `centre.toml`. `store` is empty for a file of SQLite's in the folder, else PostgreSQL's URL."""

    store: str = ""
    broker: BrokerChoice = BrokerChoice()
    enrolment: EnrolmentChoice = EnrolmentChoice()
    console: ConsoleChoice = ConsoleChoice()
    webhooks: WebhookChoice = WebhookChoice()
    retention: RetentionChoice = RetentionChoice()

    def __post_init__(self) -> None:
        """Refuse another store than the two there are. Raises ValueError."""
        if self.store and not self.store.startswith(("postgresql://", "postgresql+psycopg://")):
            # S11: not repeated, for it may hold a password.
            raise ValueError("store is postgresql://USER@HOST/DATABASE, or empty for a file in this folder")


def read_choices(path: Path) -> Choices:
    """Read `centre.toml`. Raises SetUpError."""
    try:
        mode = path.stat().st_mode
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise SetUpError(f"{path}: others can read it, and it may hold a password: chmod 600 {path}")
        return msgspec.convert(tomllib.loads(path.read_text("utf-8")), Choices)
    except OSError as error:
        raise SetUpError(f"{path}: {error.strerror}: run this as the owner of the centre's folder") from None
    except (msgspec.ValidationError, ValueError) as error:
        raise SetUpError(f"{path}: {error}: mend it") from None


_DAYS = "\n".join(
    f"{name} = {getattr(Policy(), name)}"
    for name in Policy.__struct_fields__
    if name not in ("way_in_days", "home_days")
)

TEMPLATE = f"""\
# A Hearthline centre. Restart it after a change. Where hubs reach it is said in site/site.toml.

# Where everything is kept. Empty: a file of SQLite's in this folder. For several workers, PostgreSQL:
# store = "postgresql://hearthline@localhost/hearthline"
store = ""

[broker]
# A Mosquitto of the centre's own. With run = false, name the one you run with the files of
# `hearthline provision broker-config`, unless it is the one that site/site.toml names.
run = true
# listen = "192.0.2.1"
# host = "broker.example.org"
# port = 8883

[enrolment]
# Where boxes enrol and hubs renew. With run = false, run `hearthline provision serve` yourself.
run = true
listen = "0.0.0.0"

[console]
# Where staff work. Other computers reach it over TLS only: name a certificate, or put a web server before it.
listen = "127.0.0.1:{CONSOLE_PORT}"
# certificate = "/etc/hearthline-centre/console.pem"
# key = "/etc/hearthline-centre/console.key"
# proxy = true
# address = "https://console.example.org"
# zone = "Europe/London"

[webhooks]
# Whether platforms that are told of cases may be on your own network: then a supervisor can have this computer call any
# machine there.
private = false

[retention]
# For how many days each is kept; every day what is older is deleted, for good, and the audit says how much. Decide this
# with whoever answers for data protection. Counted are readings, other reports of boxes, cases, audit, looks and
# messages that were refused from when they came or last changed; plans and consents from when another took their place.
{_DAYS}
# Of a home that has left: how to get in, and whom to call; then all else.
way_in_days = {Policy().way_in_days}
home_days = {Policy().home_days}
# Homes of which nothing is deleted, by their hubs' names: an inquest, a complaint.
# holds = ["hub-3f9a2c"]
"""
