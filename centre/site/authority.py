"""Makes a site's certificates and its list of revoked ones: EC P-256, X.509. No files and no clock."""

import datetime as dt
import ipaddress
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

ROOT_DAYS, ISSUING_DAYS, OWN_DAYS = 20 * 365, 10 * 365, 3 * 365
"""How long the root, the issuing authority and the site's own servers and clients are good for."""

EARLY = dt.timedelta(days=1)
"""How long before its making a certificate is good already: clocks of small computers go wrong."""

_NAME_MAX = 64
_PEM = serialization.Encoding.PEM
_NEVER_MIND = dt.timedelta(days=365)


class Authority(NamedTuple):
    """A certificate and its key: what it takes to issue."""

    certificate: x509.Certificate
    key: EllipticCurvePrivateKey


def moment(wall_ms: int) -> dt.datetime:
    """Give a time as certificates have it: UTC, whole seconds."""
    return dt.datetime.fromtimestamp(wall_ms // 1000, dt.UTC)


def new_key() -> EllipticCurvePrivateKey:
    """Make a P-256 key."""
    return generate_private_key(SECP256R1())


def private_pem(key: EllipticCurvePrivateKey | Ed25519PrivateKey) -> bytes:
    """Give a private key as PKCS #8 in PEM, in the clear: the file's mode protects it."""
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def public_pem(key: EllipticCurvePrivateKey | Ed25519PrivateKey) -> bytes:
    """Give the public part of a key in PEM."""
    return key.public_key().public_bytes(_PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def certificate_pem(certificate: x509.Certificate) -> str:
    """Give a certificate in PEM."""
    return certificate.public_bytes(_PEM).decode()


def crl_pem(crl: x509.CertificateRevocationList) -> bytes:
    """Give a list of revoked certificates in PEM."""
    return crl.public_bytes(_PEM)


def make_root(site: str, key: EllipticCurvePrivateKey, wall_ms: int) -> x509.Certificate:
    """Make the root, which signs itself and issuing authorities."""
    name = _name(f"{site} root")
    builder = _builder(name, name, key.public_key(), wall_ms, moment(wall_ms) + dt.timedelta(days=ROOT_DAYS))
    return _authority(builder, key, key, path_length=1)


def make_issuing(site: str, key: EllipticCurvePrivateKey, root: Authority, wall_ms: int) -> x509.Certificate:
    """Make the issuing authority, which signs hubs, servers, the list of revoked certificates and the site's word."""
    ends = min(moment(wall_ms) + dt.timedelta(days=ISSUING_DAYS), root.certificate.not_valid_after_utc)
    builder = _builder(_name(f"{site} issuing"), root.certificate.subject, key.public_key(), wall_ms, ends)
    return _authority(builder, key, root.key, path_length=0)


def make_client(name: str, key: CertificatePublicKeyTypes, by: Authority, wall_ms: int, days: int) -> x509.Certificate:
    """Certify a hub, or the centre, as a client of the broker: never as a server."""
    return _leaf(name, key, by, wall_ms, days, ExtendedKeyUsageOID.CLIENT_AUTH).sign(by.key, hashes.SHA256())


def make_server(
    name: str, hosts: Iterable[str], key: CertificatePublicKeyTypes, by: Authority, wall_ms: int
) -> x509.Certificate:
    """Certify a server under these host names and addresses: never as a client."""
    names = x509.SubjectAlternativeName([_host(each) for each in hosts])
    builder = _leaf(name, key, by, wall_ms, OWN_DAYS, ExtendedKeyUsageOID.SERVER_AUTH)
    return builder.add_extension(names, critical=False).sign(by.key, hashes.SHA256())


def hosts_of(certificate: x509.Certificate) -> set[str]:
    """Give the host names and addresses a server's certificate is for."""
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(each.value) for each in names}


def make_crl(
    by: Authority, revoked: Mapping[int, int], before: x509.CertificateRevocationList | None = None
) -> x509.CertificateRevocationList:
    """Make the list of revoked certificates: serial number → when, in Unix ms. `before` is the list it replaces.

    It never runs out before the authority does: a broker refuses everybody by a list that has, and a site whose people
    are on holiday would fall silent. So it does by one that begins in the future: each is dated to the authority's own
    beginning, whatever a clock said on the day, and a second later than the one before: of two, which a reload leaves
    it with, OpenSSL goes by the later.
    """
    certificate = by.certificate
    since = certificate.not_valid_before_utc + dt.timedelta(seconds=len(revoked))
    if before is not None:
        since = max(since, before.last_update_utc + dt.timedelta(seconds=1))
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(certificate.subject)
        .last_update(since)
        .next_update(certificate.not_valid_after_utc + _NEVER_MIND)
        .add_extension(x509.CRLNumber(len(revoked) + 1), critical=False)
        .add_extension(_known_by(by), critical=False)
    )
    for serial, at_ms in sorted(revoked.items()):
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(moment(at_ms)).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(by.key, hashes.SHA256())


def _leaf(
    name: str,
    key: CertificatePublicKeyTypes,
    by: Authority,
    wall_ms: int,
    days: int,
    use: ObjectIdentifier,
) -> x509.CertificateBuilder:
    ends = min(moment(wall_ms) + dt.timedelta(days=days), by.certificate.not_valid_after_utc)
    return (
        _builder(_name(name), by.certificate.subject, key, wall_ms, ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        .add_extension(_known_by(by), critical=False)
    )


def _authority(
    builder: x509.CertificateBuilder, key: EllipticCurvePrivateKey, by: EllipticCurvePrivateKey, path_length: int
) -> x509.Certificate:
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key())
    return (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(identifier, critical=False)
        .sign(by, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: CertificatePublicKeyTypes, wall_ms: int, ends: dt.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment(wall_ms) - EARLY)
        .not_valid_after(ends)
    )


def _known_by(by: Authority) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(by.key.public_key())


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[-_NAME_MAX:].strip())])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        # The issuing authority signs the site's word too, which is a digital signature like any other.
        digital_signature=True,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
