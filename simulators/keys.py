"""Makes every key and certificate a demonstration or a test needs. Never for a real home.

`python -m simulators.keys FOLDER [--hub ID ...]`
"""

import argparse
import datetime as dt
import ipaddress
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from agent.clock import SystemClock
from agent.wire.topics import topic

VALID_DAYS = 365
_MODE = 0o600


class TlsFiles(msgspec.Struct, frozen=True):
    """A certificate of the set's authority, and its key."""

    certificate: Path
    key: Path


class HubKeys(msgspec.Struct, frozen=True):
    """A hub's identity: its TLS certificate (CN = hub id), the P-256 key it signs with, and the one for care plans."""

    tls: TlsFiles
    signing: Path
    public: Path
    plan: Path
    plan_public: Path


class KeySet(msgspec.Struct, frozen=True):
    """Where everything is. `centre` is the centre's private Ed25519 key, `centre_public` what a hub is given of it.

    `centre_next` is the one that will follow it, while the centre's key changes.
    """

    ca: Path
    broker: TlsFiles
    centre_tls: TlsFiles
    centre: Path
    centre_public: Path
    hubs: dict[str, HubKeys]
    centre_next: Path | None = None

    @property
    def centres(self) -> list[Path]:
        """Give every key of the centre's that a hub believes."""
        return [self.centre_public, *([self.centre_next] if self.centre_next else [])]


def make_keys(folder: Path, wall_ms: int, hubs: Iterable[str] = ("demo-hub",)) -> KeySet:
    """Make a whole new set in `folder`, which is made if need be; every file has mode 0600.

    `wall_ms` is Unix time in milliseconds: the certificates are valid from a day before for a year. Raises OSError,
    and ValueError for a hub id that is none.
    """
    names = list(hubs)
    for hub in names:
        topic(hub, "event")  # refuses what is no hub id
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority = Authority(folder, dt.datetime.fromtimestamp(wall_ms / 1000, dt.UTC))
    centre = Ed25519PrivateKey.generate()
    return KeySet(
        ca=authority.certificate,
        broker=authority.issue("broker", "localhost", server=True),
        centre_tls=authority.issue("centre-tls", "centre"),
        centre=_write(folder / "centre.key.pem", _private(centre)),
        centre_public=_write(folder / "centre.pub.pem", _public(centre)),
        hubs={hub: _hub(folder, authority, hub) for hub in names},
    )


class Authority:
    """A certificate authority of its own, which writes into `folder`. Two authorities do not trust each other."""

    def __init__(self, folder: Path, now: dt.datetime, name: str = "Hearthline demonstration authority") -> None:
        self._folder, self._now = folder, now
        self._key = generate_private_key(SECP256R1())
        self._name = _name(name)
        identifier = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        builder = (
            self._builder(self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(authority=True), critical=True)
            .add_extension(identifier, critical=False)
        )
        self.certificate = self._sign(builder, "ca.pem")
        _write(folder / "ca.key.pem", _private(self._key))

    def issue(self, file: str, common_name: str, *, server: bool = False) -> TlsFiles:
        """Issue a certificate to a client, or to a server on this machine."""
        key = generate_private_key(SECP256R1())
        use = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = (
            self._builder(_name(common_name), key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
            .add_extension(issuer, critical=False)
        )
        if server:
            names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = self._sign(builder, f"{file}.crt.pem")
        return TlsFiles(certificate, _write(self._folder / f"{file}.key.pem", _private(key)))

    def _builder(self, subject: x509.Name, key: EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - dt.timedelta(days=1))
            .not_valid_after(self._now + dt.timedelta(days=VALID_DAYS))
        )

    def _sign(self, builder: x509.CertificateBuilder, file: str) -> Path:
        certificate = builder.sign(self._key, hashes.SHA256())
        return _write(self._folder / file, certificate.public_bytes(serialization.Encoding.PEM))


def _hub(folder: Path, authority: Authority, hub: str) -> HubKeys:
    key, plan = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())
    return HubKeys(
        tls=authority.issue(f"{hub}.tls", hub),
        signing=_write(folder / f"{hub}.signing.key.pem", _private(key)),
        public=_write(folder / f"{hub}.signing.pub.pem", _public(key)),
        plan=_write(folder / f"{hub}.plan.key.pem", _private(plan)),
        plan_public=_write(folder / f"{hub}.plan.pub.pem", _public(plan)),
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _private(key: EllipticCurvePrivateKey | Ed25519PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _public(key: EllipticCurvePrivateKey | Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _write(path: Path, content: bytes) -> Path:
    """Write a file nobody else may read, not even for the moment of its making."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE), "wb") as file:
        file.write(content)
    return path


def main(arguments: Sequence[str] | None = None) -> int:
    """Make a set from the command line."""
    parser = argparse.ArgumentParser(prog="python -m simulators.keys", description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--hub", action="append", metavar="ID", help="a hub to make keys for; may be repeated")
    options = parser.parse_args(arguments)
    try:
        made = make_keys(options.folder, SystemClock().now().wall_ms, options.hub or ("demo-hub",))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    print(msgspec.json.format(msgspec.json.encode(made, enc_hook=str)).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
