"""S8: what the centre says is proven before it may change anything."""

import base64
from typing import Any

import msgspec
import pytest
from joserfc.jwk import OKPKey

from agent.uplink.inward import KEPT, KEPT_BYTES, Inward
from agent.wire.envelope import Signer, Verifier
from rules.values import Now

CENTRE = OKPKey.generate_key("Ed25519")
STRANGER = OKPKey.generate_key("Ed25519")
NONCE = "nonce-of-this-connection"
NONCES = frozenset({NONCE, "nonce-of-another-line"})
SYNCED = Now(0, 1_000_000_000, synced=True)
UNSYNCED = Now(0, 0, synced=False)


def receipt(key: OKPKey = CENTRE, **changes: Any) -> bytes:
    message = {
        "aud": "hub-1",
        "iat": 1_000_000,
        "ref": "e-a-1",
        "digest": "0" * 64,
        "nonce": NONCE,
        "result": "accepted",
    }
    return Signer(key, "Ed25519").seal(msgspec.json.encode(message | changes))


def command(**changes: Any) -> bytes:
    message = {
        "aud": "hub-1",
        "iat": 1_000_000,
        "id": "c1",
        "type": "locate",
        "expires": 1_000_060,
        "nonce": NONCE,
        "data": {},
    }
    return Signer(CENTRE, "Ed25519").seal(msgspec.json.encode(message | changes))


def tampered(token: bytes) -> bytes:
    """Change a character in the middle of the signature: its last bits may mean nothing."""
    at = len(token) - 40
    return token[:at] + (b"A" if token[at : at + 1] != b"A" else b"B") + token[at + 1 :]


@pytest.fixture
def inward() -> Inward:
    return Inward("hub-1", Verifier([CENTRE], "Ed25519"))


def test_a_true_receipt_is_taken(inward: Inward) -> None:
    taken = inward.receipt(receipt(), SYNCED, NONCES, retained=False)
    assert taken is not None
    assert taken.ref == "e-a-1"
    assert not inward.refused


@pytest.mark.parametrize(
    ("payload", "now", "retained", "reason"),
    [
        (receipt(STRANGER), SYNCED, False, "receipt: signed by an unknown key"),
        (tampered(receipt()), SYNCED, False, "receipt: not a valid signature"),
        (receipt(aud="hub-2"), SYNCED, False, "receipt: for another hub"),
        (receipt(), SYNCED, True, "receipt: retained"),
        (receipt(nonce="an-older-nonce", iat=1_000_000 - 301), SYNCED, False, "receipt: not fresh"),
        (receipt(nonce="an-older-nonce"), UNSYNCED, False, "receipt: not fresh"),
        # A clock that happens to agree, and that nobody vouches for, proves nothing.
        (receipt(nonce="an-older-nonce"), Now(0, 1_000_000_000, synced=False), False, "receipt: not fresh"),
        (receipt(result="fine"), SYNCED, False, "receipt: not of the contract"),
        (receipt(digest="short"), SYNCED, False, "receipt: not of the contract"),
        (b"", SYNCED, False, "receipt: not a valid signature"),
        (b"\xff" * 100, SYNCED, False, "receipt: not a valid signature"),
        (b"x" * 20_000, SYNCED, False, "receipt: larger than 16384 bytes"),
    ],
)
def test_s8_a_receipt_that_is_not_proven_is_refused_counted_and_kept(
    inward: Inward, payload: bytes, now: Now, retained: bool, reason: str
) -> None:
    assert inward.receipt(payload, now, NONCES, retained=retained) is None
    assert inward.refused == {reason: 1}
    assert inward.kept[0].payload == payload[:KEPT_BYTES]


def test_s8_with_a_trusted_clock_a_recent_receipt_of_an_older_connection_counts(inward: Inward) -> None:
    assert inward.receipt(receipt(nonce="an-older-nonce"), SYNCED, NONCES, retained=False) is not None


def test_s8_without_a_trusted_clock_the_nonce_alone_decides(inward: Inward) -> None:
    assert inward.receipt(receipt(iat=5), UNSYNCED, NONCES, retained=False) is not None
    assert inward.receipt(receipt(iat=5, nonce="nonce-of-another-line"), UNSYNCED, NONCES, retained=False) is not None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"expires": 999_999}, "command: expired"),
        ({"type": "Locate!"}, "command: not of the contract"),
        ({"id": ""}, "command: not of the contract"),
        ({"aud": "hub-2"}, "command: for another hub"),
    ],
)
def test_s8_a_command_that_is_not_proven_is_refused(inward: Inward, changes: dict[str, Any], reason: str) -> None:
    assert inward.command(command(**changes), SYNCED, NONCES, retained=False) is None
    assert inward.refused == {reason: 1}


def test_s8_a_retained_command_is_never_taken(inward: Inward) -> None:
    assert inward.command(command(), SYNCED, NONCES, retained=True) is None


def test_two_keys_of_the_centre_are_valid_at_once() -> None:
    inward = Inward("hub-1", Verifier([STRANGER, CENTRE], "Ed25519"))
    assert inward.receipt(receipt(), SYNCED, NONCES, retained=False) is not None
    assert inward.receipt(receipt(STRANGER), SYNCED, NONCES, retained=False) is not None


def test_s12_what_is_kept_for_inspection_is_bounded(inward: Inward) -> None:
    for _ in range(500):
        inward.receipt(b"y" * 10_000, SYNCED, NONCES, retained=False)
    assert len(inward.kept) == KEPT
    assert all(len(each.payload) <= KEPT_BYTES for each in inward.kept)


@pytest.mark.parametrize("algorithm", ["none", "HS256", "ES256", "EdDSA"])
def test_s8_the_algorithm_is_never_negotiated(inward: Inward, algorithm: str) -> None:
    _, body, signature = receipt().split(b".")
    claimed = msgspec.json.encode({"alg": algorithm, "kid": CENTRE.thumbprint()})
    forged = base64.urlsafe_b64encode(claimed).rstrip(b"=") + b"." + body + b"." + signature
    assert inward.receipt(forged, SYNCED, NONCES, retained=False) is None
