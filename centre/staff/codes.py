"""The second factor: codes of an app (RFC 6238), each good once, and recovery codes. Time is an argument."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Collection

import segno
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

STEP_S = 30
DIGITS = 6
SECRET_BYTES = 20
AROUND = 1
"""Steps by which an app's clock may be off, before or after: ASVS 5.0 6.5.5 wants codes to be short-lived."""

ISSUER = "Hearthline"
RECOVERY = 10
_RECOVERY_BYTES = 15
"""120 bits: a plain digest keeps them (ASVS 5.0 6.5.2: from 112 bits on)."""

_GROUP = 4


def new_secret() -> bytes:
    """Draw a secret for an app."""
    return secrets.token_bytes(SECRET_BYTES)


def step_of(secret: bytes, code: str, wall_ms: int) -> int | None:
    """Say which step's code this is, of the three that are good at a moment; None if it is none of them."""
    totp = TOTP(secret, DIGITS, SHA1(), STEP_S)  # noqa: S303 -- within HMAC, and what all apps know
    now, given, found = wall_ms // 1000 // STEP_S, tidy(code).encode(), None
    for step in range(now - AROUND, now + AROUND + 1):  # all of them, so that it always takes as long
        if step >= 0 and hmac.compare_digest(totp.generate(step * STEP_S), given):
            found = step
    return found


def code_at(secret: bytes, wall_ms: int) -> str:
    """Give the code an app shows at a moment."""
    return TOTP(secret, DIGITS, SHA1(), STEP_S).generate(wall_ms // 1000).decode()  # noqa: S303 -- likewise


def readable(secret: bytes) -> str:
    """Give a secret as people type it into an app that cannot see."""
    return _grouped(base64.b32encode(secret).decode())


def drawing(secret: bytes, name: str) -> str:
    """Give the QR code of a secret as a `data:` address of an image."""
    address = TOTP(secret, DIGITS, SHA1(), STEP_S).get_provisioning_uri(name, ISSUER)  # noqa: S303 -- likewise
    # On white whatever the page is: phones do not read one that is light on dark.
    return segno.make(address, error="m", micro=False).svg_data_uri(scale=5, border=4, dark="#000", light="#fff")


def new_recovery() -> list[str]:
    """Draw the codes for who has lost the app."""
    return [_grouped(base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode()) for _ in range(RECOVERY)]


def digest(code: str) -> str:
    """Give what is kept of a recovery code."""
    return hashlib.sha256(tidy(code).upper().encode()).hexdigest()


def found(code: str, kept: Collection[str]) -> str:
    """Give which of the kept ones a code is; empty if none."""
    given, match = digest(code), ""
    for each in kept:
        if hmac.compare_digest(each, given):
            match = each
    return match


def tidy(code: str) -> str:
    """Take away what people put between characters."""
    return "".join(each for each in code if each.isascii() and each.isalnum())


def _grouped(text: str) -> str:
    return " ".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))
