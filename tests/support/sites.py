"""A site for tests, boxes that enrol at it, and what their clients show at its broker."""

import contextlib
import secrets
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from joserfc.jwk import ECKey

from agent.wire.enrolment import AUDIENCE, Answer, Code, Enrol, Renew, WayIn
from agent.wire.envelope import HUB_ALGORITHM, Signer
from centre.site.authority import new_key, private_pem, public_pem
from centre.site.site import Refused, Site, SiteSettings

NOW_MS = 1_800_000_000_000
FIRST_WORD = NOW_MS // 1_000
"""The version of a new site's word."""
HOUR_MS, DAY_MS = 3_600_000, 24 * 3_600_000
SETTINGS = SiteSettings(name="Test site", enrolment="localhost:8443", way=(WayIn(host="localhost"),))


class Box:
    """A box that would be a hub: its three keys, and what it asks. `change` replaces fields of a request."""

    def __init__(self) -> None:
        self.signing, self.plan, self.uplink = new_key(), new_key(), new_key()
        self.request = secrets.token_hex(8)

    def enrol(self, code: Code, **change: object) -> bytes:
        request = csr(self.uplink)
        signing, plan = public_pem(self.signing).decode(), public_pem(self.plan).decode()
        asked = Enrol(
            aud=AUDIENCE,
            iat=0,
            request=self.request,
            csr=request,
            token=code.token,
            proof=code.proof(request, signing, plan),
            signing=signing,
            plan=plan,
            software="test",
        )
        return self.sign(msgspec.structs.replace(asked, **change))

    def renew(self, hub: str, iat_ms: int, key: EllipticCurvePrivateKey, request: str, **change: object) -> bytes:
        asked = Renew(aud=AUDIENCE, iat=iat_ms // 1000, request=request, csr=csr(key), hub=hub)
        return self.sign(msgspec.structs.replace(asked, **change))

    def sign(self, document: object) -> bytes:
        return signed(self.signing, msgspec.json.encode(document))


def csr(key: EllipticCurvePrivateKey) -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def signed(key: EllipticCurvePrivateKey, payload: bytes) -> bytes:
    return Signer(ECKey.import_key(private_pem(key)), HUB_ALGORITHM).seal(payload)


def enrolled(site: Site, hub: str, wall_ms: int = NOW_MS, box: Box | None = None) -> tuple[Box, Answer]:
    """Make a box a hub of a site."""
    box = box or Box()
    return box, site.enrol(box.enrol(site.issue_token(hub, 3_600, wall_ms)), wall_ms)


@contextlib.contextmanager
def refusal(code: str) -> Iterator[None]:
    """Fail unless what is done inside is refused with this code."""
    with pytest.raises(Refused) as caught:
        yield
    assert caught.value.refusal.code == code, caught.value.refusal


def leaf_of(pem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificates(pem.encode())[0]


class Identity(NamedTuple):
    """What a client shows at the broker."""

    ca: Path
    certificate: Path
    key: Path

    def tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.ca))
        context.load_cert_chain(self.certificate, self.key)
        return context


def identity(folder: Path, ca: str, certificate: str, key: EllipticCurvePrivateKey) -> Identity:
    """Write down a client's files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = Identity(folder / "ca.pem", folder / "certificate.pem", folder / "key.pem")
    for path, content in zip(files, (ca, certificate, private_pem(key).decode()), strict=True):
        path.write_text(content)
    return files
