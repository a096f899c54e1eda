"""A care plan on the wire: signed by the centre, addressed to one hub, its private part encrypted to that hub (S11).

A compact JWS (Ed25519) over the plan's document as JSON, with `aud`, `iat` and `version`; `private` in it is a compact
JWE (ECDH-ES+A256KW, A256GCM, P-256) to a key that the hub has for that alone. So is what a `say` command has said.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from joserfc import jwe
from joserfc.jwk import ECKey

from agent.wire.envelope import DOCUMENT_BYTES_MAX, EnvelopeError, Key, KeyFileError, Signer, Verifier

KEY_WRAP = "ECDH-ES+A256KW"
CONTENT = "A256GCM"
_ALLOWED = [KEY_WRAP, CONTENT]  # S8: and nothing else, whatever the header says; no compression either

MESSAGE_CHARS_MAX = 300
"""The longest message: as long as any text of a care plan."""

WITHOUT_A_KEY = 'this hub has no key for private parts: make one, and name it as [keys] plan = "plan.pem" in hub.toml'


class SealError(Exception):
    """The centre signed a plan for this hub, and it cannot be opened; the text says why. `version` is 0 if unknown."""

    def __init__(self, reason: str, version: int = 0) -> None:
        self.version = version
        super().__init__(reason)


class AddressError(Exception):
    """A message is signed by the centre and is not for this hub."""


class _Head(msgspec.Struct):
    """What tells a plan from the other things that the centre signs: they have no version (S8)."""

    aud: str
    iat: int
    version: Any

    @property
    def number(self) -> int:
        return self.version if isinstance(self.version, int) else 0


def seal_plan(document: Mapping[str, Any], hub: str, iat: int, signer: Signer, key: Key | None) -> bytes:
    """Seal a plan's document for a hub: `key` is the hub's public one for plans. `iat` is Unix seconds.

    Raises ValueError for one with a private part and no key, and for one too large for the wire.
    """
    private = document.get("private")
    if private is not None and key is None:
        raise ValueError("a plan with a private part needs the hub's public key for plans")
    if private is not None:
        document = {**document, "private": _encrypt(msgspec.json.encode(private), key)}
    token = signer.seal(msgspec.json.encode({**document, "aud": hub, "iat": iat}))
    if len(token) > DOCUMENT_BYTES_MAX:
        raise ValueError(f"the sealed plan has {len(token)} bytes, more than the {DOCUMENT_BYTES_MAX} of the wire")
    return token


def open_plan(token: bytes, hub: str, verifier: Verifier, key: Key | None) -> dict[str, Any]:
    """Open a sealed plan; give its document, with the private part in the clear.

    Raises EnvelopeError or AddressError for what the centre did not sign for this hub, and SealError for what it did
    and yet cannot be opened.
    """
    payload = verifier.open(token, DOCUMENT_BYTES_MAX)
    try:
        head = msgspec.json.decode(payload, type=_Head)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise EnvelopeError("not of the contract") from None
    if head.aud != hub:
        raise AddressError("for another hub")
    try:
        document = msgspec.json.decode(payload, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise SealError("not JSON that can be read", head.number) from None
    del document["aud"], document["iat"]
    if "private" in document:
        document["private"] = _open_private(document["private"], head.number, key)
    return document


def seal_message(text: str, language: str, key: Key) -> str:
    """Encrypt a message for a hub: `key` is its public one for plans, `language` as BCP 47 writes it.

    Raises ValueError for one that no hub would say.
    """
    if not 0 < len(text.strip()) <= MESSAGE_CHARS_MAX:
        raise ValueError(f"a message has 1 to {MESSAGE_CHARS_MAX} characters")
    return _encrypt(msgspec.json.encode({"text": text, "language": language}), key)


def open_message(sealed: str, key: Key | None) -> object:
    """Open a message: whatever JSON stands in it. Raises SealError, which repeats none of it."""
    if not isinstance(key, ECKey):
        raise SealError(WITHOUT_A_KEY)
    try:
        return _decrypt(sealed, key)
    except Exception:  # noqa: BLE001 -- as for a plan
        raise SealError("the message is not encrypted to this hub's key for plans") from None


def require_plan_key(key: Key, path: Path) -> None:
    """Refuse a key that cannot open a plan, now rather than when one comes. Raises KeyFileError."""
    if not isinstance(key, ECKey) or not key.is_private:
        raise KeyFileError(f"{path}: a public key opens no plan: name the private one")


def _encrypt(content: bytes, key: Key | None) -> str:
    if not isinstance(key, ECKey):
        raise TypeError("the hub's key for plans must be on P-256")
    header = {"alg": KEY_WRAP, "enc": CONTENT, "kid": key.thumbprint()}
    return jwe.encrypt_compact(header, content, key, algorithms=_ALLOWED)


def _open_private(sealed: object, version: int, key: Key | None) -> Any:  # noqa: ANN401 -- whatever stands in it
    if not isinstance(sealed, str):
        # S11: it went through brokers and their disks in the clear.
        raise SealError("private stands in the clear: encrypt it to this hub, and change what it gave away", version)
    if not isinstance(key, ECKey):
        raise SealError(WITHOUT_A_KEY, version)
    try:
        return _decrypt(sealed, key)
    except Exception:  # noqa: BLE001 -- hostile headers trip the library over in more ways than it names
        raise SealError("private is not encrypted to this hub's key for plans", version) from None


def _decrypt(sealed: str, key: ECKey) -> Any:  # noqa: ANN401 -- whatever stands in it
    return msgspec.json.decode(jwe.decrypt_compact(sealed, key, algorithms=_ALLOWED).plaintext or b"")
