"""Decides when a hub renews its certificate, when it tries again, and what it makes of a trial. Values in and out."""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from cryptography.x509 import load_pem_x509_certificates
from msgspec.structs import replace

from agent.status import RenewalStatus, RenewalTrouble
from agent.uplink.trying import Tried

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

MARGINS = 3
"""How many times the longest tolerated offline time (`offline_days`) is left when a certificate is renewed."""

JITTER = 0.1
"""The share of the validity by which hubs that were made on one day are spread, each by its id; always earlier."""

SHORT = 2 / 3
"""The most of the validity that the margin may take: a certificate of a few days is not renewed at every look."""

AGAIN_MS = HOUR_MS, DAY_MS
"""The pause after a failure, doubling from the first to the second."""

NEAR_DAYS, NEAR_AGAIN_MS = 30, 6 * HOUR_MS
"""With so few days left the pause is never longer than this, and one way that takes a new certificate is enough."""


class Validity(NamedTuple):
    """From when until when a certificate is good, in Unix ms."""

    from_ms: int
    until_ms: int


def validity(chain: str) -> Validity:
    """Give the period in which a chain (PEM, the leaf first) is good. Raises ValueError."""
    certificates = load_pem_x509_certificates(chain.encode())
    begins = certificates[0].not_valid_before_utc
    ends = min(each.not_valid_after_utc for each in certificates)
    return Validity(round(begins.timestamp() * 1_000), round(ends.timestamp() * 1_000))


def due_ms(hub: str, period: Validity, offline_days: int) -> int:
    """When a hub begins to renew, in Unix ms: three offline times before the end, and earlier by its own jitter."""
    length_ms = period.until_ms - period.from_ms
    margin_ms = min(MARGINS * offline_days * DAY_MS, round(SHORT * length_ms))
    return period.until_ms - margin_ms - round(JITTER * length_ms * _share(hub))


def _share(of: str) -> float:
    """Give a number from 0 to 1 that is always the same for a text, and even over many."""
    return int.from_bytes(hashlib.sha256(of.encode()).digest()[:4]) / 2**32


def best_time(wall_ms: int, *, trusted: bool, server_ms: int | None) -> int | None:
    """Give the time to judge by: our clock if it is trusted, else that of the proven service, else none (S6)."""
    return wall_ms if trusted else server_ms


def may_try(status: RenewalStatus, now_ms: int | None) -> bool:
    """Whether the pause after the last failure is over. One that is longer than any was timed by a clock gone wrong."""
    if status.again_ms is None or now_ms is None:
        return True
    return not now_ms < status.again_ms <= now_ms + AGAIN_MS[1]


def well(status: RenewalStatus, now_ms: int | None) -> RenewalStatus:
    """Note that nothing is due, or that it is done."""
    return RenewalStatus(looked_ms=_later(status, now_ms))


def failed(
    hub: str, status: RenewalStatus, now_ms: int | None, until_ms: int, why: RenewalTrouble, *, pause_ms: int = 0
) -> RenewalStatus:
    """Note that what was due could not be done. `until_ms` is the certificate's end, `pause_ms` asked by the service.

    Without a time nothing is dated (S6): neither since when it fails, nor until when to wait.
    """
    failures = status.failures + 1
    if now_ms is None:
        return replace(status, failures=failures, why=why, again_ms=None)
    longest_ms = NEAR_AGAIN_MS if is_near(until_ms, now_ms) else AGAIN_MS[1]
    doubled_ms = min(AGAIN_MS[0] * 2 ** min(failures - 1, 10), longest_ms)
    jittered_ms = round(doubled_ms * (0.5 + _share(f"{hub} {failures}") / 2))
    return RenewalStatus(
        looked_ms=_later(status, now_ms),
        failing_ms=now_ms if status.failing_ms is None else min(status.failing_ms, now_ms),
        failures=failures,
        why=why,
        again_ms=now_ms + min(max(jittered_ms, pause_ms), AGAIN_MS[1]),
    )


def is_near(until_ms: int, now_ms: int | None) -> bool:
    """Whether an end is so near that less is asked of what comes after it."""
    return now_ms is not None and until_ms - now_ms <= NEAR_DAYS * DAY_MS


def _later(status: RenewalStatus, now_ms: int | None) -> int | None:
    return status.looked_ms if now_ms is None else now_ms


def hindrance(tried: Iterable[Tried], *, one_will_do: bool) -> RenewalTrouble | None:
    """Say what keeps a certificate, or new ways, from being used after a trial; None: use it.

    One broker must take it, and no other refuse it, unless one will do: for ways that the site itself has moved (the
    old ones are being left), and where what is in use is about to end.
    """
    outcomes = [each.outcome for each in tried]
    if "taken" in outcomes and (one_will_do or "refused" not in outcomes):
        return None
    return "the broker refuses" if "refused" in outcomes else "no way to the broker"
