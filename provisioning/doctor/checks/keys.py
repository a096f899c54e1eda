"""Are the keys there, ours alone, and do they go together: with each other, with the hub's id, with the authority?"""

import stat
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import (
    Certificate,
    ExtendedKeyUsage,
    ExtensionNotFound,
    load_pem_x509_certificates,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from agent.config import Uplink
from agent.wire.envelope import CENTRE_ALGORITHM, HUB_ALGORITHM, Algorithm, KeyFileError, read_key
from provisioning.doctor.finding import Check, Finding, skipped, warning, well, wrong
from provisioning.doctor.scene import Scene
from rules.supervision import NEAR_DAYS, URGENT_DAYS

RENEW = "sudo hearthline provision renew"
ENROL = "enrol the hub anew: sudo hearthline provision enrol"


class FileFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A key file: `trouble` is why it cannot be used, "" if it can; `mode` None where it is not to be had."""

    about: str
    path: str
    private: bool
    mode: int | None = None
    trouble: str = ""


class CertificateFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The certificate of an uplink. `chain`: how it hangs together with the authority; `days` None without a clock."""

    uplink: str
    path: str
    hub: str
    name: str = ""
    trouble: str = ""
    pair: bool = True
    client: bool = True
    chain: Literal["whole", "foreign", "broken"] = "whole"
    days: int | None = None
    authority_days: int | None = None


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """All keys and certificates."""

    files: tuple[FileFacts, ...]
    certificates: tuple[CertificateFacts, ...]


def judge(facts: Facts) -> Iterator[Finding]:
    """Say what is wrong with each; what is well in a few words."""
    for file in facts.files:
        yield _file(file)
    for each in facts.certificates:
        yield from _certificate(each)


def _file(file: FileFacts) -> Finding:
    if file.trouble:
        return wrong(file.about, file.trouble, ENROL)
    if file.private and file.mode is not None and file.mode & (stat.S_IRWXG | stat.S_IRWXO):
        return wrong(file.about, f"others can read it: mode {file.mode:04o}", f"sudo chmod 600 {file.path}")
    return well(file.about, "there, and the hub's alone" if file.private else "there")


def _certificate(found: CertificateFacts) -> Iterator[Finding]:
    about = f"certificate of uplink {found.uplink}"
    if found.trouble:
        yield wrong(about, found.trouble, ENROL)
        return
    troubles = list(_unfit(found))
    for what, remedy in troubles:
        yield wrong(about, what, remedy)
    if not troubles:
        yield well(about, f"{found.name}, issued by this site's authority, with its key")
    yield _days(about, found.days, RENEW)
    if found.authority_days is not None and found.authority_days <= NEAR_DAYS:
        yield _days(f"authority of uplink {found.uplink}", found.authority_days, "ask the site for its new authority")


def _unfit(found: CertificateFacts) -> Iterator[tuple[str, str]]:
    if not found.pair:
        yield "it belongs to another key than the one named beside it", ENROL
    if found.name != found.hub:
        yield f"it is {found.name!r}'s, and this hub is {found.hub!r}", f"set hub in hub.toml right, or {ENROL}"
    if not found.client:
        yield "it is not for a client: brokers refuse it", ENROL
    if found.chain == "foreign":
        yield "another authority issued it than the one in `ca`", f"put this site's ca.pem there, or {ENROL}"
    if found.chain == "broken":
        yield "a certificate between it and the authority is missing", ENROL


def _days(about: str, days: int | None, remedy: str) -> Finding:
    if days is None:
        return skipped(about, "its days are not judged: the clock is not synchronised")
    if days < 0:
        return wrong(about, f"it expired {-days} days ago", remedy)
    if days <= URGENT_DAYS:
        return wrong(about, f"it is good for {days} more days only", remedy)
    if days <= NEAR_DAYS:
        return warning(about, f"it is good for {days} more days", remedy)
    return well(about, f"good for {days} more days")


# --- probing ------------------------------------------------------------------------------------------


def probe(scene: Scene) -> Facts:
    """Read every key file. Nothing of a private key leaves this function (S11)."""
    config = scene.config
    if config is None:
        return Facts(files=(), certificates=())
    now = scene.clock.now()
    files = [_key("signing key", config.keys.hub, HUB_ALGORITHM, private=True)]
    if config.keys.plan is not None:
        files.append(_key("key for care plans", config.keys.plan, HUB_ALGORITHM, private=True))
    for number, path in enumerate(config.keys.centre, start=1):
        files.append(_key(f"centre's key {number}", path, CENTRE_ALGORITHM, private=False))
    at_s = now.wall_ms / 1000 if now.synced else None
    found = {each.name: _examined(each, config.hub, at_s) for each in config.uplinks if each.certificate}
    files += [_uplink_key(each) for each in config.uplinks if each.key is not None]
    return Facts(files=tuple(files), certificates=tuple(found.values()))


def _key(about: str, path: Path, algorithm: Algorithm, *, private: bool) -> FileFacts:
    trouble = ""
    try:
        key = read_key(path, algorithm)
        if private != key.is_private:
            trouble = f"{path}: a {'public' if private else 'private'} key where the other kind belongs"
    except KeyFileError as error:
        trouble = str(error)
    return FileFacts(about=about, path=str(path), private=private, mode=_mode(path), trouble=trouble)


def _uplink_key(uplink: Uplink) -> FileFacts:
    path = uplink.key or Path()
    trouble = ""
    try:
        load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        trouble = f"{path}: {error.strerror}"
    except (ValueError, TypeError):
        trouble = f"{path}: not a private key in PEM"
    about = f"key of uplink {uplink.name}"
    return FileFacts(about=about, path=str(path), private=True, mode=_mode(path), trouble=trouble)


def _mode(path: Path) -> int | None:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return None


def _examined(uplink: Uplink, hub: str, at_s: float | None) -> CertificateFacts:
    path = uplink.certificate or Path()
    try:
        chain = load_pem_x509_certificates(path.read_bytes())
        authorities = load_pem_x509_certificates((uplink.ca or Path()).read_bytes())
    except OSError as error:
        return CertificateFacts(
            uplink=uplink.name, path=str(path), hub=hub, trouble=f"{error.filename}: {error.strerror}"
        )
    except ValueError:
        trouble = f"{path} or {uplink.ca}: not certificates in PEM"
        return CertificateFacts(uplink=uplink.name, path=str(path), hub=hub, trouble=trouble)
    names = chain[0].subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return CertificateFacts(
        uplink=uplink.name,
        path=str(path),
        hub=hub,
        name=str(names[0].value) if names else "",
        pair=_is_pair(chain[0], uplink.key),
        client=_is_client(chain[0]),
        chain=_chain(chain, authorities),
        days=_days_left(min(each.not_valid_after_utc for each in chain), at_s),
        authority_days=_days_left(max(each.not_valid_after_utc for each in authorities), at_s),
    )


def _is_pair(certificate: Certificate, key: Path | None) -> bool:
    try:
        private = load_pem_private_key((key or Path()).read_bytes(), None)
    except (OSError, ValueError, TypeError):
        return True  # told of the key itself
    public = certificate.public_key()
    if not isinstance(private, EllipticCurvePrivateKey) or not isinstance(public, EllipticCurvePublicKey):
        return False
    return private.public_key().public_numbers() == public.public_numbers()


def _is_client(certificate: Certificate) -> bool:
    try:
        uses = certificate.extensions.get_extension_for_class(ExtendedKeyUsage).value
    except (ExtensionNotFound, ValueError):
        return True
    return ExtendedKeyUsageOID.CLIENT_AUTH in uses


def _chain(chain: list[Certificate], authorities: list[Certificate]) -> Literal["whole", "foreign", "broken"]:
    """Follow issuers from the hub's certificate to one that the hub trusts."""
    here, others = chain[0], [*chain[1:], *authorities]
    for _ in range(len(others) + 1):
        if any(_issued(here, each) for each in authorities):
            return "whole"
        above = next((each for each in others if _issued(here, each) and each != here), None)
        if above is None:
            known = {each.subject for each in (*others,)}
            return "foreign" if here.issuer in known or len(chain) == 1 else "broken"
        here = above
    return "foreign"


def _issued(certificate: Certificate, by: Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(by)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _days_left(end: datetime, at_s: float | None) -> int | None:
    return None if at_s is None else int((end.timestamp() - at_s) // 86_400)


def _look(scene: Scene) -> Iterable[Finding]:
    return judge(probe(scene))


CHECK = Check("keys", "Keys and certificates", _look)
