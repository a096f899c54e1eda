"""What a hub and its site say to each other when a hub is made a member: the code, the requests, the site's word.

A request is a compact JWS (`ES256`), signed by the hub's own key and naming it, so that it proves itself, whether it
comes by HTTPS or on a stick. The site's word is a compact JWS of the issuing authority, whose chain ends in the root
that the enrolment code names. No secret is in either: the code's is only proven to be known.
"""

import base64
import hashlib
import hmac
from typing import Annotated, Literal, NamedTuple

import msgspec

from agent.wire.messages import Text
from agent.wire.topics import HUB_ID

AUDIENCE = "enrolment"
"""The audience of everything a hub sends to the enrolment service."""

REQUEST_BYTES_MAX = 16 * 1024
"""The largest request or answer, in bytes (S12)."""

EST = "/.well-known/est"
"""Where the service answers, under names after those of EST (RFC 7030): `cacerts`, `simpleenroll`, `simplereenroll`.

What they carry is JOSE and JSON, not EST's PKCS #7.
"""

Pem = Annotated[str, msgspec.Meta(max_length=8_192)]
HubName = Annotated[str, msgspec.Meta(pattern=rf"^{HUB_ID.pattern}\Z")]
Hex = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{1,64}$")]
Endpoint = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9.:\[\]-]{1,260}\Z")]
"""A host, or a host and a port."""
Line = Annotated[str, msgspec.Meta(max_length=1_000, pattern=r"^[^\x00-\x1f\x7f-\x9f]*\Z")]
"""What is shown to a person as it came, on a stick from anybody: nothing in it commands the terminal."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """The base of both requests. `request` is new for each key pair: the same request gets the same answer (S4)."""

    aud: str
    iat: int
    request: Hex
    csr: Pem
    """PKCS #10, P-256: the key of the connection to the broker; signed by it."""


class Enrol(Request, frozen=True, kw_only=True):
    """A box asks to become a hub. `token` and `proof` come from the enrolment code (`Code.proof`).

    `signing` and `plan` are public keys in PEM: the one that signs this and every message to come, and the one that
    care plans are encrypted to.
    """

    token: Hex
    proof: Hex
    signing: Pem
    plan: Pem
    software: Annotated[str, msgspec.Meta(max_length=40)] = ""


class Renew(Request, frozen=True, kw_only=True):
    """A hub asks for a new certificate, for a new key. Signed by the key that the site knows it by."""

    hub: HubName


class WayIn(msgspec.Struct, frozen=True, kw_only=True):
    """A way to the site's broker, as it stands in `[[uplink]]`: the installer adds what only the home knows."""

    name: Annotated[str, msgspec.Meta(pattern="^[a-z0-9-]{1,40}$")] = "main"
    host: Annotated[str, msgspec.Meta(min_length=1, max_length=253)]
    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)] = 8883
    address: Annotated[str, msgspec.Meta(max_length=45)] = ""


class SiteWord(msgspec.Struct, frozen=True, kw_only=True):
    """What a site tells its hubs of itself. `version` only rises: an older word never replaces a newer one (S9).

    `ca` is the PEM of the authorities a hub trusts for the broker, the root first; `centre` the centre's public keys
    (PEM, Ed25519), two while they change. `enrolment` is the host and port of the service. A certificate is renewed
    when it is good for less than three times `offline_days`, the longest a hub may be cut off and still be expected.
    """

    aud: Literal["hub"] = "hub"
    iat: int
    version: Annotated[int, msgspec.Meta(ge=1)]
    name: Text
    ca: Pem
    centre: Annotated[tuple[Pem, ...], msgspec.Meta(min_length=1, max_length=2)]
    ways: Annotated[tuple[WayIn, ...], msgspec.Meta(min_length=1, max_length=8)]
    enrolment: Endpoint
    offline_days: Annotated[int, msgspec.Meta(ge=1, le=120)] = 30
    valid_days: Annotated[int, msgspec.Meta(ge=7, le=1_100)] = 365


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to either request: the hub's certificate (PEM, leaf first, then the issuing authority).

    `word` is the site's word, a JWS; `issuing` the certificate (PEM) whose key signed it, issued by the root.
    """

    request: Hex
    hub: HubName
    certificate: Pem
    word: Annotated[str, msgspec.Meta(max_length=REQUEST_BYTES_MAX * 2)]
    issuing: Pem


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request was refused: RFC 9457's problem document. `code` is for machines, `detail` says what to do."""

    title: Line
    status: int
    detail: Line
    code: Literal["unreadable", "unproven", "used", "expired", "unknown", "revoked", "too-many", "clock", "down"]


# --- the enrolment code -------------------------------------------------------------------------------

TOKEN_BYTES, SECRET_BYTES, ROOT_BYTES = 5, 10, 10
"""80 bits of secret and of the root's SHA-256: nobody guesses the one, nor makes a second root for the other."""

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O, U; case does not matter, and what is misread is read as what was meant."""

_STANDARD = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_MISREAD = str.maketrans({"O": "0", "I": "1", "L": "1"})
_GROUP = 7
_CHECK_BYTES = 1


class CodeError(ValueError):
    """This is no enrolment code; the text says what is wrong with it, without repeating it."""


class Code(NamedTuple):
    """An enrolment code: where to enrol, as which token, and the pin of the root that must answer."""

    endpoint: str
    token: str
    secret: bytes
    root: bytes

    def __str__(self) -> str:
        """Write it for people and for the QR code: `host:port#ABCDEFG-…`. It is a secret, until it is used."""
        body = bytes.fromhex(self.token) + self.secret + self.root
        coded = base64.b32encode(body + hashlib.sha256(body).digest()[:_CHECK_BYTES]).decode().rstrip("=")
        text = coded.translate(str.maketrans(_STANDARD, _ALPHABET))
        groups = [text[at : at + _GROUP] for at in range(0, len(text), _GROUP)]
        return f"{self.endpoint}#{'-'.join(groups)}"

    def __repr__(self) -> str:
        """Never show the secret."""
        return f"Code({self.endpoint}, {self.token})"

    def proof(self, csr: str, signing: str, plan: str) -> str:
        """Prove that the code is known, for these keys and no others."""
        return proof(derived(self.secret), self.token, csr, signing, plan)


def parse_code(text: str) -> Code:
    """Read a code as it was typed, scanned or pasted. Raises CodeError."""
    endpoint, sharp, rest = "".join(text.split()).removeprefix("https://").partition("#")
    if not sharp or not endpoint:
        raise CodeError("an enrolment code has the form host:port#ABCDEFG-ABCDEFG-…: copy all of it")
    signs = rest.upper().replace("-", "").translate(_MISREAD)
    if strange := set(signs) - set(_ALPHABET):
        raise CodeError(f"{min(strange)!r} is never in an enrolment code: look at it again")
    padded = signs.translate(str.maketrans(_ALPHABET, _STANDARD))
    wanted = TOKEN_BYTES + SECRET_BYTES + ROOT_BYTES
    try:
        raw = base64.b32decode(padded + "=" * (-len(padded) % 8))
    except ValueError:
        raw = b""
    body, check = raw[:wanted], raw[wanted:]
    if len(raw) != wanted + _CHECK_BYTES or check != hashlib.sha256(body).digest()[:_CHECK_BYTES]:
        raise CodeError("a sign is missing or mistyped: look at it again")
    token, secret, root = body[:TOKEN_BYTES], body[TOKEN_BYTES:-ROOT_BYTES], body[-ROOT_BYTES:]
    return Code(endpoint.rstrip("/"), token.hex(), secret, root)


def root_pin(root_der: bytes) -> bytes:
    """Give what a code says of the root: the first bytes of its certificate's SHA-256."""
    return hashlib.sha256(root_der).digest()[:ROOT_BYTES]


def derived(secret: bytes) -> bytes:
    """Give what the site keeps instead of a code's secret: it proves knowledge, and makes no code."""
    return hmac.digest(secret, b"hearthline enrolment v1", "sha256")


def proof(key: bytes, token: str, csr: str, signing: str, plan: str) -> str:
    """Give the proof for these keys, from the derived key of a token's secret."""
    told = b"".join(hashlib.sha256(each.encode()).digest() for each in (token, csr, signing, plan))
    return hmac.digest(key, told, "sha256").hex()
