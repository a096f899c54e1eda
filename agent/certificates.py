"""Looks daily at how long the certificates in use are still good for: expired, they would keep every alarm at home.

What is looked at is what this process loaded when it started: a new file on the disk helps only once it is in use.
Whether new ones are got at all is what `hearthline provision renew` last wrote of itself in the state directory.
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
from cryptography.x509 import Certificate, load_pem_x509_certificates

from agent.clock import Clock
from agent.config import Uplink
from agent.files import read_small
from agent.status import RenewalStatus
from rules.events import CertificateChanged

LOOK_EVERY_S = 600.0
"""How often it is asked whether a look is due: a clock that is not trusted yet soon may be."""

DAY_MS = 24 * 3_600_000
_RENEWAL_BYTES_MAX = 4_096


class Period(NamedTuple):
    """When an uplink's certificates end, in Unix ms, and for how many days its own was made."""

    ends_ms: int
    valid_days: int


def period(uplink: Uplink) -> Period | None:
    """Give how long an uplink's certificates are good; None for one without TLS or whose files cannot be read.

    The first of its own chain to end counts. Of the authorities the last one does: while a site changes to a new one,
    the old one is still in the file. Files that cannot be read are `agent.uplink.tls`'s to refuse.
    """
    if uplink.ca is None or uplink.certificate is None:
        return None
    try:
        own = load_pem_x509_certificates(uplink.certificate.read_bytes())
        authority = max(_ends(load_pem_x509_certificates(uplink.ca.read_bytes())))
    except (OSError, ValueError):
        return None
    end = min(*_ends(own), authority)
    return Period(round(end.timestamp() * 1000), (min(_ends(own)) - own[0].not_valid_before_utc).days)


def _ends(certificates: Iterable[Certificate]) -> list[datetime]:
    return [each.not_valid_after_utc for each in certificates]


def read_renewal(path: Path) -> RenewalStatus | None:
    """Read what the last renewal came to; None where a hub is not renewed so, or nothing can be read of it.

    Junk in it must keep nobody from looking at certificates, or from renewing them.
    """
    try:
        return msgspec.json.decode(read_small(path, _RENEWAL_BYTES_MAX)[1], type=RenewalStatus)
    except (OSError, msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def unrenewed(status: RenewalStatus | None, wall_ms: int) -> tuple[int, str]:
    """Give for how many whole days renewing has failed, and why; that nobody even looks is a failure too (S7)."""
    if status is None:
        return 0, ""
    since_ms: int | None = status.failing_ms
    why: str = status.why or ""
    if since_ms is None:
        since_ms, why = status.looked_ms, "hearthline provision renew has not run"
    days = 0 if since_ms is None else max(0, (wall_ms - since_ms) // DAY_MS)
    return days, why if days else ""


class Certificates:
    """Tells each uplink's days left: when the hub starts, and daily. S6: never by a clock that is not trusted."""

    def __init__(
        self,
        uplinks: Iterable[Uplink],
        clock: Clock,
        tell: Callable[[CertificateChanged], object],
        *,
        renewal: Path | None = None,
        every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._periods = {each.name: found for each in uplinks if (found := period(each)) is not None}
        self._clock = clock
        self._tell = tell
        self._renewal = renewal
        self._every_s = every_s
        self._looked_ms: int | None = None

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(self._every_s)

    def look(self) -> None:
        """Tell, if a day has gone by and the clock is trusted."""
        now = self._clock.now()
        if not now.synced or (self._looked_ms is not None and now.ms - self._looked_ms < DAY_MS):
            return
        self._looked_ms = now.ms
        status = None if self._renewal is None else read_renewal(self._renewal)
        days, why = unrenewed(status, now.wall_ms)
        for name, (ends_ms, valid_days) in self._periods.items():
            left = (ends_ms - now.wall_ms) // DAY_MS
            self._tell(CertificateChanged(name, left, days, why, valid_days))
