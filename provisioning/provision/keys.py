"""A hub's keys, and the requests they sign: made on the hub, and never anywhere else."""

import secrets

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.x509.oid import NameOID
from joserfc.jwk import ECKey

from agent.wire.enrolment import Request
from agent.wire.envelope import HUB_ALGORITHM, Signer
from agent.wire.papers import Decommissioned, Report


def new_key() -> EllipticCurvePrivateKey:
    """Make a private key on P-256."""
    return generate_private_key(SECP256R1())


def private_pem(key: EllipticCurvePrivateKey) -> bytes:
    """Write a private key as it is kept: PKCS #8, PEM. What protects it is the file's mode (0600)."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_pem(key: EllipticCurvePrivateKey) -> str:
    """Write the public half as a request carries it."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def read_private(pem: bytes) -> EllipticCurvePrivateKey:
    """Read a private key on P-256. Raises ValueError."""
    key = serialization.load_pem_private_key(pem, None)
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise ValueError("not a private key on P-256")  # noqa: TRY004 -- as what cannot be read at all
    return key


def signing_request(key: EllipticCurvePrivateKey, hub: str = "") -> str:
    """Make the PKCS #10 of a key: proof that we have it. Who is to be named in the certificate is the site's to say."""
    names = [x509.NameAttribute(NameOID.COMMON_NAME, hub)] if hub else []
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names)).sign(key, hashes.SHA256())
    return csr.public_bytes(serialization.Encoding.PEM).decode()


def new_request_id() -> str:
    """Make the name of a request: new for each key pair (S4)."""
    return secrets.token_hex(16)


def sealed(said: Request | Report | Decommissioned, signing: bytes) -> bytes:
    """Sign what a hub says to its site, with its signing key (PEM)."""
    return Signer(ECKey.import_key(signing), HUB_ALGORITHM).seal(msgspec.json.encode(said))
