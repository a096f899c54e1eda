"""The envelope: what one side signed opens, and nothing else does, in exactly one way (S8)."""

import base64
import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey

from agent.wire.envelope import (
    DOCUMENT_BYTES_MAX,
    EVENT_BYTES_MAX,
    HUB_ALGORITHM,
    EnvelopeError,
    KeyFileError,
    Signer,
    Verifier,
    read_key,
)

HUB = ECKey.generate_key("P-256")
OLD = ECKey.generate_key("P-256")
STRANGER = ECKey.generate_key("P-256")
CENTRE = OKPKey.generate_key("Ed25519")
P384 = ECKey.generate_key("P-384")
X25519 = OKPKey.generate_key("X25519")
BODY = b'{"aud":"centre","iat":1}'
OF_HUB = Verifier([HUB, OLD], "ES256")
OF_CENTRE = Verifier([CENTRE], "Ed25519")
SIGNED = {OF_HUB: Signer(HUB, "ES256").seal(BODY), OF_CENTRE: Signer(CENTRE, "Ed25519").seal(BODY)}
BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def part(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")


def forged(header: dict[str, Any], key: Any, algorithm: str) -> bytes:
    with warnings.catch_warnings(action="ignore"):
        return jws.serialize_compact(header, BODY, key, algorithms=[algorithm]).encode()


@pytest.mark.parametrize(("key", "algorithm", "verifier"), [(HUB, "ES256", OF_HUB), (CENTRE, "Ed25519", OF_CENTRE)])
def test_what_is_sealed_opens(key: Any, algorithm: Any, verifier: Verifier) -> None:
    token = Signer(key, algorithm).seal(BODY)
    assert verifier.open(token) == BODY
    header = json.loads(base64.urlsafe_b64decode(token.split(b".")[0] + b"=="))
    assert header == {"alg": algorithm, "kid": key.thumbprint()}


def test_s8_two_keys_of_a_side_are_valid_at_once() -> None:
    assert OF_HUB.open(Signer(OLD, "ES256").seal(BODY)) == BODY
    assert OF_HUB.open(Signer(HUB, "ES256").seal(BODY)) == BODY
    with pytest.raises(EnvelopeError, match="unknown key"):
        Verifier([HUB], "ES256").open(Signer(OLD, "ES256").seal(BODY))


@settings(deadline=None)
@given(st.data())
def test_s8_any_byte_changed_closes_it(data: st.DataObject) -> None:
    verifier = data.draw(st.sampled_from([OF_HUB, OF_CENTRE]))
    token = SIGNED[verifier]
    place = data.draw(st.integers(0, len(token) - 1))
    value = data.draw(
        st.one_of(st.sampled_from(BASE64.encode()), st.integers(0, 255)).filter(lambda b: b != token[place])
    )
    with pytest.raises(EnvelopeError):
        verifier.open(token[:place] + bytes([value]) + token[place + 1 :])


@settings(deadline=None)
@given(st.integers(0, 400), st.binary(max_size=20))
def test_s8_no_other_length_opens(cut: int, tail: bytes) -> None:
    token = Signer(HUB, "ES256").seal(BODY)
    if cut < len(token):
        with pytest.raises(EnvelopeError):
            OF_HUB.open(token[:cut])
    if tail:
        with pytest.raises(EnvelopeError):
            OF_HUB.open(token + tail)


@given(st.one_of(st.binary(max_size=300), st.lists(st.binary(max_size=80), min_size=3, max_size=3).map(b".".join)))
def test_s8_garbage_raises_nothing_but_the_envelopes_error(token: bytes) -> None:
    with pytest.raises(EnvelopeError):
        OF_HUB.open(token)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["alg", "kid", "crit", "b64", "x"]), inner)
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(anything, st.booleans())
def test_s8_no_header_of_any_shape_raises_anything_else(header: Any, ours: bool) -> None:
    if ours and isinstance(header, dict):
        header = {"alg": "ES256", **header, "kid": HUB.thumbprint()}
    token = b".".join([part(json.dumps(header).encode()), part(BODY), part(bytes(64))])
    with pytest.raises(EnvelopeError):
        OF_HUB.open(token)


@pytest.mark.parametrize("header", [b'"alg"', b'["alg", "kid"]', b"[" * 380, b"\xff\xfe", b'{"alg":"ES256","kid":{}}'])
def test_s8_headers_that_once_tripped_the_library(header: bytes) -> None:
    with pytest.raises(EnvelopeError):
        OF_HUB.open(b".".join([part(header), part(BODY), part(bytes(64))]))


def test_s8_the_algorithm_is_never_negotiated() -> None:
    kid = HUB.thumbprint()
    none = b".".join([part(json.dumps({"alg": "none", "kid": kid}).encode()), part(BODY), b""])
    # The classic confusion: the public key, which everybody has, taken for a shared secret.
    for secret in (HUB.as_pem(private=False), json.dumps(HUB.as_dict(private=False)).encode()):
        confused = forged({"alg": "HS256", "kid": kid}, OctKey.import_key(base64.b64encode(secret).decode()), "HS256")
        with pytest.raises(EnvelopeError):
            OF_HUB.open(confused)
    for token, verifier in [
        (none, OF_HUB),
        (forged({"alg": "Ed25519", "kid": kid}, CENTRE, "Ed25519"), OF_HUB),
        (forged({"alg": "ES256", "kid": CENTRE.thumbprint()}, HUB, "ES256"), OF_CENTRE),
        (forged({"alg": "EdDSA", "kid": CENTRE.thumbprint()}, CENTRE, "EdDSA"), OF_CENTRE),
        (forged({"alg": "ES384", "kid": kid}, P384, "ES384"), OF_HUB),
        (forged({"alg": "ES256", "kid": kid}, STRANGER, "ES256"), OF_HUB),
    ]:
        # The library's warnings stay warnings here, as in production: they must not be what refuses a message.
        with warnings.catch_warnings(action="ignore"), pytest.raises(EnvelopeError, match="not a valid signature"):
            verifier.open(token)


def test_s8_an_unknown_or_missing_key_id_opens_nothing() -> None:
    with pytest.raises(EnvelopeError, match="unknown key"):
        OF_HUB.open(Signer(STRANGER, "ES256").seal(BODY))
    with pytest.raises(EnvelopeError):
        OF_HUB.open(forged({"alg": "ES256"}, HUB, "ES256"))
    for kid in (HUB.thumbprint(), STRANGER.thumbprint()):  # a key that a message brings along proves nothing
        brought = {"alg": "ES256", "kid": kid, "jwk": STRANGER.as_dict(private=False)}
        with pytest.raises(EnvelopeError):
            OF_HUB.open(forged(brought, STRANGER, "ES256"))


def test_s12_what_is_too_large_is_not_even_looked_at() -> None:
    signer = Signer(HUB, "ES256")
    large = signer.seal(b"x" * EVENT_BYTES_MAX)
    with pytest.raises(EnvelopeError, match=str(EVENT_BYTES_MAX)):
        OF_HUB.open(large)
    assert OF_HUB.open(large, DOCUMENT_BYTES_MAX) == b"x" * EVENT_BYTES_MAX


@pytest.mark.parametrize(
    ("key", "algorithm"), [(P384, "ES256"), (CENTRE, "ES256"), (HUB, "Ed25519"), (X25519, "Ed25519")]
)
def test_a_key_of_the_wrong_kind_is_refused_at_once(key: Any, algorithm: Any, tmp_path: Path) -> None:
    with pytest.raises(KeyFileError):
        Signer(key, algorithm)
    with pytest.raises(KeyFileError):
        Verifier([key], algorithm)
    path = tmp_path / "key.pem"
    path.write_bytes(key.as_pem())
    with pytest.raises(KeyFileError, match=r"key\.pem"):
        read_key(path, algorithm)


def test_a_public_key_does_not_sign(tmp_path: Path) -> None:
    (tmp_path / "pub.pem").write_bytes(HUB.as_pem(private=False))
    with pytest.raises(KeyFileError, match="private"):
        Signer(read_key(tmp_path / "pub.pem", "ES256"), "ES256")


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN", b"\xff" * 40])
def test_an_unusable_key_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "hub.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(KeyFileError, match=r"hub\.pem"):
        read_key(path, "ES256")


def test_a_mark_is_the_keys_own_and_always_the_same() -> None:
    one, other = ECKey.generate_key("P-256"), ECKey.generate_key("P-256")
    mark = Signer(one, HUB_ALGORITHM).mark("client id")
    assert Signer(one, HUB_ALGORITHM).mark("client id") == mark
    assert len(mark) == 16
    others = Signer(one, HUB_ALGORITHM).mark("another"), Signer(other, HUB_ALGORITHM).mark("client id")
    assert mark not in others
