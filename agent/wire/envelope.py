"""Signed envelopes: a compact JWS around UTF-8 JSON, the algorithm of each side fixed and never negotiated (S8)."""

import hmac
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey

CONTENT_TYPE = "application/jose"

EVENT_BYTES_MAX = 16 * 1024
"""The largest event on the wire, receipt or command too (DESIGN §4)."""

DOCUMENT_BYTES_MAX = 64 * 1024
"""The largest state or plan on the wire (DESIGN §4)."""

_MARK_BYTES = 8

Algorithm = Literal["ES256", "Ed25519"]
Key = ECKey | OKPKey

HUB_ALGORITHM: Algorithm = "ES256"
CENTRE_ALGORITHM: Algorithm = "Ed25519"


class EnvelopeError(Exception):
    """A message is not what it must be; the text says in what way, without repeating its content."""


class KeyFileError(Exception):
    """A key file cannot be used; the text names the file and the remedy."""


def read_key(path: Path, algorithm: Algorithm) -> Key:
    """Read a PEM key (PKCS#8 private or public) for this algorithm. Raises KeyFileError."""
    kind: type[ECKey | OKPKey] = ECKey if algorithm == "ES256" else OKPKey
    curve = "P-256" if algorithm == "ES256" else "Ed25519"
    try:
        key = kind.import_key(path.read_bytes())
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}: name a readable PEM file with a {curve} key") from None
    except (ValueError, JoseError):
        raise KeyFileError(f"{path}: not a {curve} key in PEM: make one, or name the right file") from None
    if key.curve_name != curve:
        raise KeyFileError(f"{path}: the key is on {key.curve_name}, expected {curve}")
    return key


def _require(key: Key, algorithm: Algorithm) -> None:
    """Refuse a key that does not go with the algorithm now, rather than at the first alarm."""
    kind, curve = (ECKey, "P-256") if algorithm == "ES256" else (OKPKey, "Ed25519")
    if not isinstance(key, kind) or key.curve_name != curve:
        raise KeyFileError(f"{algorithm} needs a {curve} key, this one is on {key.curve_name}")


class Signer:
    """Signs what one side sends, with its current key."""

    def __init__(self, key: Key, algorithm: Algorithm) -> None:
        """Take a private key. Raises KeyFileError for a public one, or one of another algorithm."""
        _require(key, algorithm)
        if not key.is_private:
            raise KeyFileError("a public key cannot sign: name the private one")
        self._key = key
        self._algorithm = algorithm
        self._header = {"alg": algorithm, "kid": key.thumbprint()}

    def mark(self, purpose: str) -> str:
        """Give 16 hexadecimal signs that only who has the key can know: always the same for a purpose."""
        secret = str(self._key.as_dict(private=True)["d"]).encode()
        return hmac.digest(secret, purpose.encode(), "sha256")[:_MARK_BYTES].hex()

    def seal(self, payload: bytes) -> bytes:
        """Sign `payload`; give the compact JWS."""
        return jws.serialize_compact(self._header, payload, self._key, algorithms=[self._algorithm]).encode()


class Verifier:
    """Opens what the other side sends. Several keys may be valid at once, so that they can be rotated."""

    def __init__(self, keys: Iterable[Key], algorithm: Algorithm) -> None:
        """Take the public keys; only `algorithm` is accepted, whatever a message claims. Raises KeyFileError."""
        self._keys = {key.thumbprint(): key for key in keys}
        for key in self._keys.values():
            _require(key, algorithm)
        self._algorithm = algorithm

    def open(self, token: bytes, bytes_max: int = EVENT_BYTES_MAX) -> bytes:
        """Give the payload of a valid envelope. Raises EnvelopeError."""
        if len(token) > bytes_max:
            raise EnvelopeError(f"larger than {bytes_max} bytes")
        try:
            key = self._keys.get(jws.extract_compact(token).headers()["kid"])
            # S8: the algorithm is ours to say: whatever else the header names is refused.
            opened = None if key is None else jws.deserialize_compact(token, key, algorithms=[self._algorithm])
        except Exception:  # noqa: BLE001 -- hostile headers trip the library over in more ways than it names
            raise EnvelopeError("not a valid signature") from None
        if opened is None:
            raise EnvelopeError("signed by an unknown key")
        return bytes(opened.payload)
