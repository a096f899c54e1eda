"""The certificates of the site's own: the broker's, the enrolment service's, and that of the centre's workers."""

import datetime as dt
from pathlib import Path
from typing import Literal, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from centre.site.authority import (
    OWN_DAYS,
    Authority,
    certificate_pem,
    hosts_of,
    make_client,
    make_server,
    moment,
    public_pem,
)
from centre.site.folder import CA, Folder
from centre.site.registry import Registry
from centre.site.settings import SiteSettings

What = Literal["broker", "enrolment", "centre"]

RENEW_DAYS = OWN_DAYS // 3
"""Made anew when it is good for less: these are looked at whenever somebody asks for them, and that may be seldom."""

_CARRIED: tuple[tuple[What, str], ...] = (
    ("broker", "and reload the broker"),
    ("centre", "and give it to the centre's workers"),
)


class ServerFiles(NamedTuple):
    """What a TLS server or client of the site is configured with. `certificate` is the chain, leaf first."""

    ca: Path
    certificate: Path
    key: Path


def own_certificate(
    folder: Folder, registry: Registry, settings: SiteSettings, issuing: Authority, what: What, wall_ms: int
) -> ServerFiles:
    """Give the files, made or made anew if need be. The key stays: one file is replaced, so no cut parts the two.

    A key that others know is deleted by hand: another is made, and what was certified for the first counts as revoked.
    Raises SiteError.
    """
    certificate, key_file = _names(what)
    key = folder.key_made(key_file)
    hosts = {"broker": settings.broker_hosts, "enrolment": {settings.enrolment_host}, "centre": set()}[what]
    held = folder.certificate(certificate) if folder.has(certificate) else None
    if held is None or not _good(held, key.public_key(), issuing, hosts, wall_ms):
        leaf = (
            make_server(what, sorted(hosts), key.public_key(), issuing, wall_ms)
            if hosts
            else make_client(what, key.public_key(), issuing, wall_ms, OWN_DAYS)
        )
        with registry.change():
            registry.add_own(leaf.serial_number, what, public_pem(key).decode(), wall_ms)
        folder.write(certificate, certificate_pem(leaf) + certificate_pem(issuing.certificate))
    return ServerFiles(folder / CA, folder / certificate, folder / key_file)


def run_down(folder: Folder, wall_ms: int) -> list[str]:
    """Say which of the certificates that people must carry somewhere are to be made anew. Raises SiteError."""
    told = []
    for what, remedy in _CARRIED:
        name = _names(what)[0]
        if folder.has(name):
            ends = folder.certificate(name).not_valid_after_utc
            if ends - moment(wall_ms) <= dt.timedelta(days=RENEW_DAYS):
                told.append(f"{folder / name} is good until {ends:%Y-%m-%d}: run broker-config, {remedy}")
    return told


def _names(what: What) -> tuple[str, str]:
    """Name certificate and key. The centre's are beside its signing keys, so they say what they are."""
    stem = "centre/client" if what == "centre" else f"{what}/{what}"
    return f"{stem}.pem", f"{stem}.key"


def _good(
    held: x509.Certificate,
    key: CertificatePublicKeyTypes,
    issuing: Authority,
    hosts: set[str],
    wall_ms: int,
) -> bool:
    left = held.not_valid_after_utc - moment(wall_ms)
    ours = held.public_key() == key and held.issuer == issuing.certificate.subject
    return ours and left > dt.timedelta(days=RENEW_DAYS) and (not hosts or hosts_of(held) == hosts)
