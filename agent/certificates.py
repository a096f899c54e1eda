"""Looks daily at how long the certificates in use are still good for: expired, they would keep every alarm at home.

What is looked at is what this process loaded when it started: a new file on the disk helps only once it is in use.
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

from cryptography.x509 import Certificate, load_pem_x509_certificates

from agent.clock import Clock
from agent.config import Uplink
from rules.events import CertificateChanged

LOOK_EVERY_S = 600.0
"""How often it is asked whether a look is due: a clock that is not trusted yet soon may be."""

DAY_MS = 24 * 3_600_000


def ends_ms(uplink: Uplink) -> int | None:
    """Give the end of an uplink's certificates in Unix ms; None for one without TLS or whose files cannot be read.

    The first of its own chain to end counts. Of the authorities the last one does: while a site changes to a new one,
    the old one is still in the file. Files that cannot be read are `agent.uplink.tls`'s to refuse.
    """
    if uplink.ca is None or uplink.certificate is None:
        return None
    try:
        own = min(_ends(uplink.certificate))
        authority = max(_ends(uplink.ca))
    except (OSError, ValueError):
        return None
    return round(min(own, authority).replace(tzinfo=UTC).timestamp() * 1000)


def _ends(path: Path) -> list[datetime]:
    return [_end(each) for each in load_pem_x509_certificates(path.read_bytes())]


def _end(certificate: Certificate) -> datetime:
    return certificate.not_valid_after_utc


class Certificates:
    """Tells each uplink's days left: when the hub starts, and daily. S6: never by a clock that is not trusted."""

    def __init__(
        self,
        uplinks: Iterable[Uplink],
        clock: Clock,
        tell: Callable[[CertificateChanged], object],
        *,
        every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._ends = {each.name: end for each in uplinks if (end := ends_ms(each)) is not None}
        self._clock = clock
        self._tell = tell
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
        for name, end_ms in self._ends.items():
            self._tell(CertificateChanged(name, (end_ms - now.wall_ms) // DAY_MS))
