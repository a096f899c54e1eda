"""Judges what hubs ask of a site: is it readable, proven, fresh and first? Values in, values out."""

import hashlib
import hmac
from typing import Literal, NamedTuple, TypeVar

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from joserfc import jws
from joserfc.jwk import ECKey

from agent.wire.enrolment import AUDIENCE, REQUEST_BYTES_MAX, Enrol, Refusal, Renew, Request, proof
from agent.wire.envelope import HUB_ALGORITHM, EnvelopeError, KeyFileError, Verifier
from agent.wire.topics import HUB_ID

RESERVED = frozenset({"broker", "centre", "enrolment", "site"})
"""Names that the site's own certificates carry: a hub of that name could speak as the centre."""

FRESH_MS = 10 * 60_000
"""How far from now a renewal may have been made, by its own clock (S8)."""

RENEWALS_PER_DAY_MAX = 12
"""What a hub gets of certificates in a day (S12); one a year is the rule."""

Code = Literal["unreadable", "unproven", "used", "expired", "unknown", "revoked", "too-many", "clock", "down"]

_TITLES: dict[Code, tuple[int, str]] = {
    "unreadable": (400, "The request cannot be read"),
    "unproven": (403, "The request is not proven"),
    "used": (409, "The enrolment code is used"),
    "expired": (410, "The enrolment code has expired"),
    "unknown": (404, "Not known here"),
    "revoked": (403, "Revoked"),
    "too-many": (429, "Too many requests"),
    "clock": (409, "The clock is wrong"),
    "down": (503, "The site cannot answer now"),
}

_SPKI = serialization.PublicFormat.SubjectPublicKeyInfo

R = TypeVar("R", bound=Request)


class Refused(Exception):  # noqa: N818 -- a request is refused; nothing went wrong
    """A request is refused; `refusal` is what to answer."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


def refused(code: Code, detail: str) -> Refused:
    """Make a refusal: `detail` says to an installer what to do."""
    status, title = _TITLES[code]
    return Refused(Refusal(title=title, status=status, detail=detail, code=code))


class Token(NamedTuple):
    """What the site keeps of an enrolment code: never its secret. `request` and `keys` are of who used it."""

    hub: str
    derived: bytes
    ends_ms: int
    state: Literal["open", "used", "void"]
    request: str = ""
    keys: str = ""


class Known(NamedTuple):
    """What the site knows of a hub that asks. `renewals` are its certificates of the last day."""

    state: Literal["waiting", "enrolled", "revoked"]
    signing: str
    plan: str
    renewals: int


class Asked(NamedTuple):
    """A request that can be read. `keys` tells the same keys from others, `csr` is what is to be certified."""

    request: Enrol | Renew
    csr: x509.CertificateSigningRequest
    keys: str


# --- reading ------------------------------------------------------------------------------------------


def name_trouble(hub: str) -> str:
    """Say why a hub cannot have this name; nothing if it can."""
    if not HUB_ID.fullmatch(hub):
        return f"{hub!r} is no name of a hub: use 3 to 40 of a-z, 0-9 and -, or none, and a new one is made"
    if hub in RESERVED:
        return f"{hub!r} is the site's own name: choose another, or none, and a new one is made"
    return ""


def read_enrol(body: bytes) -> Asked:
    """Read a request to enrol, which must prove itself by the signing key that it names. Raises Refused."""
    request = _payload(body, Enrol)
    _proven(body, request.signing)
    csr = _csr(request.csr)
    return Asked(request, csr, _keys(csr, request.signing, request.plan))


def read_renew(body: bytes) -> Renew:
    """Read what a request to renew claims: who asks decides whose signature it needs. Raises Refused."""
    return _payload(body, Renew)


def prove_renew(body: bytes, request: Renew, known: Known | None) -> Asked:
    """Prove a request to renew by the hub's own key. Raises Refused."""
    if known is None or not known.signing:
        raise refused("unknown", f"{request.hub} never enrolled here: enrol it with a code of this site")
    _proven(body, known.signing)
    csr = _csr(request.csr)
    return Asked(request, csr, _keys(csr, known.signing, known.plan))


def signed_by(body: bytes) -> str:
    """Give the thumbprint of the key that a JWS says it is signed by. Raises Refused."""
    try:
        kid = jws.extract_compact(body).headers()["kid"]
    except Exception:  # noqa: BLE001 -- hostile headers trip the library over in more ways than it names
        kid = None
    if not isinstance(kid, str):
        raise refused("unreadable", "not a compact JWS that names its key")
    return kid


def open_signed(body: bytes, signing: str, bytes_max: int) -> bytes:
    """Open a JWS signed by this key (PEM). Raises Refused."""
    try:
        return Verifier([ECKey.import_key(signing)], HUB_ALGORITHM).open(body, bytes_max)
    except (EnvelopeError, KeyFileError) as error:
        raise refused("unproven", f"{error}: it must be signed by the key that the hub enrolled with") from None


def _payload(body: bytes, kind: type[R]) -> R:
    if len(body) > REQUEST_BYTES_MAX:
        raise refused("unreadable", f"larger than {REQUEST_BYTES_MAX} bytes")
    try:
        request = msgspec.json.decode(jws.extract_compact(body).payload, type=kind)
    except Exception as error:  # noqa: BLE001 -- whatever a stranger sends
        why = str(error) if isinstance(error, msgspec.ValidationError) else "not a compact JWS over JSON"
        raise refused("unreadable", f"{why}: do the hub and the site have the same version?") from None
    if request.aud != AUDIENCE:
        raise refused("unreadable", "not addressed to an enrolment service")
    return request


def _proven(body: bytes, signing: str) -> None:
    _public(signing, "signing key")
    open_signed(body, signing, REQUEST_BYTES_MAX)


def _csr(pem: str) -> x509.CertificateSigningRequest:
    """Read a certificate request, which must be signed by the key it is for. Raises Refused."""
    try:
        csr = x509.load_pem_x509_csr(pem.encode())
        key = csr.public_key()
        whole = isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1) and csr.is_signature_valid
    except Exception:  # noqa: BLE001 -- whatever a stranger sends
        whole = False
    if not whole:
        raise refused("unreadable", "the certificate request must be PKCS #10 in PEM, for a P-256 key and signed by it")
    return csr


def _public(pem: str, what: str) -> bytes:
    """Give a P-256 public key's DER. Raises Refused, also for whatever else stands in the PEM: others read it too."""
    try:
        key = serialization.load_pem_public_key(pem.encode())
    except Exception:  # noqa: BLE001 -- whatever a stranger sends
        key = None
    if (
        not isinstance(key, EllipticCurvePublicKey)
        or not isinstance(key.curve, SECP256R1)
        or key.public_bytes(serialization.Encoding.PEM, _SPKI).decode().strip() != pem.strip()
    ):
        raise refused("unreadable", f"the {what} must be a P-256 public key in PEM, and nothing else")
    return _der(key)


def _keys(csr: x509.CertificateSigningRequest, signing: str, plan: str) -> str:
    """Give a digest of the three keys, which must differ: one that leaks must not take the others along."""
    key = csr.public_key()
    assert isinstance(key, EllipticCurvePublicKey)  # noqa: S101 -- `_csr` saw to it
    told = [_der(key), _public(signing, "signing key"), _public(plan, "plan's key")]
    if len(set(told)) != len(told):
        raise refused("unreadable", "the keys for the connection, for signing and for the plan must be three")
    return hashlib.sha256(b"".join(told)).hexdigest()


def _der(key: EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, _SPKI)


# --- judging ------------------------------------------------------------------------------------------


def judge_enrol(asked: Asked, token: Token | None, hub: Known | None, owner: str, wall_ms: int) -> bool:
    """Tell whether this was answered before, and gets the same answer again. Raises Refused.

    `hub` is what is known of the token's hub, `owner` the hub that has the signing key already, if one has.
    """
    request = asked.request
    assert isinstance(request, Enrol)  # noqa: S101 -- the caller read it as one
    if token is None:
        raise refused("unknown", "no such enrolment code here: is it a code of this site?")
    expected = proof(token.derived, request.token, request.csr, request.signing, request.plan)
    if not hmac.compare_digest(expected, request.proof):
        raise refused("unproven", "the enrolment code is not proven: type or scan it again")
    if hub is None or hub.state == "revoked":
        raise refused("revoked", f"{token.hub} was revoked: have a new code issued, with a new name")
    if token.state == "used":
        if (request.request, asked.keys) == (token.request, token.keys):
            return True  # S4: the power went between our answer and the hub's disk
        raise refused("used", "this enrolment code was used, by other keys: have a new one issued, with a new name")
    if token.state == "void":
        raise refused("expired", "a newer enrolment code was issued for this hub: use that one")
    if wall_ms >= token.ends_ms:
        raise refused("expired", "the enrolment code is too old: have a new one issued")
    if owner:
        raise refused("used", f"these keys are those of {owner}: decommission it first, which makes new ones")
    return False


def judge_renew(asked: Asked, known: Known, before: str | None, wall_ms: int, *, carried: bool) -> bool:
    """Tell whether this was answered before, and gets the same answer again. Raises Refused.

    `before` are the keys of the certificate that was given for this request, if one was.
    """
    request = asked.request
    if known.state == "revoked":
        raise refused("revoked", "this hub was revoked: enrol the box anew, with a new name")
    if before is not None:
        if before == asked.keys:
            return True  # S4
        raise refused("used", "a request of this number was answered, for other keys: make a new request")
    if not carried and abs(request.iat * 1000 - wall_ms) > FRESH_MS:
        raise refused("clock", "this was not made within ten minutes of now, by the site's clock, which the answer has")
    if known.renewals >= RENEWALS_PER_DAY_MAX:
        raise refused("too-many", f"this hub had {known.renewals} certificates in a day: something is wrong with it")
    return False
