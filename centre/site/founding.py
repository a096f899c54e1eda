"""Founds a site: makes what is missing, in an order in which any cut leaves something that can be gone on with."""

import contextlib
import datetime as dt
import secrets

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from centre.site.authority import (
    Authority,
    certificate_pem,
    crl_pem,
    make_crl,
    make_issuing,
    make_root,
    moment,
    private_pem,
    public_pem,
)
from centre.site.folder import CA, CRL, GROUP, ISSUING, ISSUING_KEY, REGISTRY, ROOT, ROOT_KEY, SETTINGS, Folder
from centre.site.own import own_certificate
from centre.site.registry import Registry
from centre.site.settings import SiteError, SiteSettings, read_settings, write_settings

SANE = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
"""A clock before this is certainly wrong, and would make certificates that have run out."""

_GROUP_BYTES = 10


def found(folder: Folder, settings: SiteSettings, wall_ms: int) -> list[str]:
    """Make what is missing of a site that is not whole yet; name it. The settings that are there stay.

    Whole is a site with `ca.pem`, which comes last: what it lacks is lost, and is not made anew. Raises SiteError.
    """
    if folder.has(CA):
        return []
    if moment(wall_ms) < SANE:
        raise SiteError(f"this computer's clock says {moment(wall_ms):%Y-%m-%d}: set it right first")
    made: list[str] = []

    def make(name: str, content: bytes | str) -> None:
        folder.write(name, content)
        made.append(name)

    if not folder.has(SETTINGS):
        make(SETTINGS, write_settings(settings))
    read = read_settings(folder / SETTINGS)
    if not folder.has(ISSUING):
        _make_authorities(folder, read.name, wall_ms)
        made += [ROOT, ROOT_KEY, ISSUING, ISSUING_KEY]
    issuing = Authority(folder.certificate(ISSUING), folder.key(ISSUING_KEY))
    make(CRL, crl_pem(make_crl(issuing, {})))
    if not folder.has(GROUP):
        make(GROUP, secrets.token_hex(_GROUP_BYTES))
    with contextlib.closing(Registry(folder / REGISTRY, make=True)) as registry:
        made.append(REGISTRY)
        if not registry.centre_keys():
            add_centre_key(folder, registry, 1, wall_ms)
            made.append(centre_key(1))
        client = own_certificate(folder, registry, read, issuing, "centre", wall_ms)
        made += [str(each.relative_to(folder.path)) for each in client[1:]]
    make(CA, certificate_pem(folder.certificate(ROOT)) + certificate_pem(issuing.certificate))
    return made


def _make_authorities(folder: Folder, site: str, wall_ms: int) -> None:
    root_key = folder.key_made(ROOT_KEY)
    if not folder.has(ROOT):
        folder.write(ROOT, certificate_pem(make_root(site, root_key, wall_ms)))
    root = Authority(folder.certificate(ROOT), root_key)
    issuing_key = folder.key_made(ISSUING_KEY)
    folder.write(ISSUING, certificate_pem(make_issuing(site, issuing_key, root, wall_ms)))


def centre_key(number: int) -> str:
    """Name the file of one of the centre's private keys."""
    return f"centre/centre-{number}.key"


def add_centre_key(folder: Folder, registry: Registry, number: int, wall_ms: int) -> None:
    """Make a key of the centre's, and have hubs believe it. The file comes first: no word names a key that is lost."""
    name = centre_key(number)
    if not folder.has(name):
        folder.write(name, private_pem(Ed25519PrivateKey.generate()))
    key = load_pem_private_key(folder.read(name), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise SiteError(f"{folder / name}: not an Ed25519 key: move it away")
    pem = public_pem(key)
    folder.write(name.replace(".key", ".pem"), pem)
    with registry.change():
        registry.add_centre_key(number, pem.decode(), wall_ms)
