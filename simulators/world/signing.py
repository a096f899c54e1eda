"""Signatures that cost nothing, a keyed hash for ES256 and Ed25519: a test shows that a day is the same with either."""

import hashlib
from collections.abc import Callable
from typing import NamedTuple

from agent.wire.envelope import EVENT_BYTES_MAX, EnvelopeError, Signer, Verifier

_TAG = 16


class CheapSigner(Signer):
    """Signs with a shared secret."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def seal(self, payload: bytes) -> bytes:
        """Give the tag and the payload."""
        return hashlib.blake2b(payload, digest_size=_TAG, key=self._secret).digest() + payload

    def mark(self, purpose: str) -> str:
        """Give what only this secret gives."""
        return hashlib.blake2b(purpose.encode(), digest_size=_TAG, key=self._secret).hexdigest()


class CheapVerifier(Verifier):
    """Opens what a CheapSigner of the same secret sealed, within the same limits as the real one."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def open(self, token: bytes, bytes_max: int = EVENT_BYTES_MAX) -> bytes:
        """Give the payload. Raises EnvelopeError."""
        if len(token) > bytes_max:
            raise EnvelopeError(f"larger than {bytes_max} bytes")
        payload = token[_TAG:]
        if hashlib.blake2b(payload, digest_size=_TAG, key=self._secret).digest() != token[:_TAG]:
            raise EnvelopeError("not a valid signature")
        return payload


class Signatures(NamedTuple):
    """Who signs with what, and who believes it. `look` opens an envelope without judging it, as on the line."""

    hub: Signer
    hub_verifier: Verifier
    centre: Signer
    centre_verifier: Verifier
    stranger: Signer
    look: Callable[[bytes], bytes]


def cheap() -> Signatures:
    """Give signatures that cost nothing."""
    hub, centre, stranger = b"the hub's", b"the centre's", b"a stranger's"
    return Signatures(
        CheapSigner(hub),
        CheapVerifier(hub),
        CheapSigner(centre),
        CheapVerifier(centre),
        CheapSigner(stranger),
        lambda token: token[_TAG:],
    )
