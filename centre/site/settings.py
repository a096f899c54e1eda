"""What people decide about a site: `site.toml`, read strictly and written once with words that explain it."""

import json
import re
import tomllib
from pathlib import Path
from typing import Annotated

import msgspec

from agent.wire.enrolment import Endpoint, WayIn
from agent.wire.messages import Text

FILE = "site.toml"
_HOST = re.compile(r"[A-Za-z0-9.:-]+")


class SiteError(Exception):
    """A site cannot be made, opened or used; the text names the file or key and says what to do."""


class SiteSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings, which the site's word (`SiteWord`) tells every hub. `enrolment` is the service's host and port."""

    name: Annotated[Text, msgspec.Meta(min_length=1)]
    enrolment: Endpoint
    way: Annotated[tuple[WayIn, ...], msgspec.Meta(min_length=1, max_length=8)]
    offline_days: Annotated[int, msgspec.Meta(ge=1, le=120)] = 30
    valid_days: Annotated[int, msgspec.Meta(ge=7, le=1_100)] = 365

    def __post_init__(self) -> None:
        """Refuse what no site can live by. Raises ValueError."""
        if self.valid_days < 4 * self.offline_days:
            raise ValueError(
                f"valid_days = {self.valid_days}: a certificate is renewed 3 x offline_days before its end, so it must"
                f" be good for 4 x {self.offline_days} days at least"
            )
        for host in (*self.broker_hosts, self.enrolment_host):
            if not _HOST.fullmatch(host):
                raise ValueError(f"{host!r} is no host name or address")
        if len({each.name for each in self.way}) < len(self.way):
            raise ValueError("two of the ways have one name: give each its own")

    @property
    def broker_hosts(self) -> set[str]:
        """The names that hubs call the broker by."""
        return {each.host for each in self.way}

    @property
    def enrolment_host(self) -> str:
        """The name that hubs call the enrolment service by."""
        host, _, port = self.enrolment.rpartition(":")
        return (host if host and port.isdecimal() else self.enrolment).strip("[]")


def read_settings(path: Path) -> SiteSettings:
    """Read `site.toml`. Raises SiteError."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text("utf-8")), SiteSettings)
    except FileNotFoundError:
        remedy = "name its folder (--site), or make one: hearthline provision init-site"
        raise SiteError(f"{path}: there is no site here: {remedy}") from None
    except OSError as error:
        raise SiteError(f"{path}: {error.strerror}: run this as the owner of the site's folder") from None
    except (msgspec.ValidationError, ValueError) as error:
        raise SiteError(f"{path}: {error}: mend it") from None


def write_settings(settings: SiteSettings) -> str:
    """Give the text of `site.toml`."""
    ways = "\n".join(_way(each) for each in settings.way)
    return f"""\
# A Hearthline site, told to every hub when it enrols and when it renews. Restart `serve` after a change.

name = {_quoted(settings.name)}

# Where boxes enrol and hubs renew: the host and port of `hearthline provision serve`, as hubs reach it.
enrolment = {_quoted(settings.enrolment)}

# The longest that a hub may be cut off and still be expected, in days. Its certificate is renewed when it is good for
# less than three times this; it is made to be good for valid_days.
offline_days = {settings.offline_days}
valid_days = {settings.valid_days}

# Every way to the broker. After a change of a host: `broker-config`, and restart the broker.
{ways}"""


def _way(way: WayIn) -> str:
    address = f"address = {_quoted(way.address)}\n" if way.address else ""
    return f"[[way]]\nname = {_quoted(way.name)}\nhost = {_quoted(way.host)}\nport = {way.port}\n{address}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
