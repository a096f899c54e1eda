"""A new second factor, from its drawing on a page to its being kept: nothing is kept until the app has shown a code."""

from collections.abc import Sequence

from msgspec.structs import replace

from centre.staff import codes
from centre.staff.held import Proof, seal, unseal
from centre.staff.values import StaffError
from centre.store.sealing import Keyring, Sealed, SealError
from rules.values import Value


class Offer(Value, frozen=True):
    """A secret for somebody's app, and the sealed form of it that the page carries until its form comes back."""

    name: str
    secret: bytes
    carried: str

    @property
    def drawing(self) -> str:
        """The QR code, as a `data:` address."""
        return codes.drawing(self.secret, self.name)

    @property
    def readable(self) -> str:
        """The secret, to be typed."""
        return codes.readable(self.secret)


def offer(keyring: Keyring, name: str) -> Offer:
    """Draw a secret for somebody's app."""
    secret = codes.new_secret()
    sealed = seal(keyring, name, secret)
    return Offer(name, secret, f"{sealed.key_id}.{sealed.content.hex()}")


def offered(keyring: Keyring, name: str, carried: str) -> Offer:
    """Open what a form carried. Raises StaffError."""
    try:
        return Offer(name, unseal(keyring, name, _sealed(carried)), carried)
    except (SealError, ValueError):
        raise StaffError("This page is too old: load it again, and take the secret that it then shows") from None


def proved(proof: Proof, offer: Offer, code: str, wall_ms: int) -> Proof:
    """Give a proof with this second factor in it, if the app shows its code. Raises StaffError."""
    step = codes.step_of(offer.secret, code, wall_ms)
    if step is None:
        raise StaffError(
            "This is not the code that the app shows now: see that the app's clock is right, and take the next one"
        )
    sealed = _sealed(offer.carried)
    return replace(proof, key_id=sealed.key_id, secret=sealed.content, step=step)


def with_recovery(proof: Proof, recovery: Sequence[str]) -> Proof:
    """Give a proof with these recovery codes, and no others."""
    return replace(proof, recovery=tuple(codes.digest(code) for code in recovery))


def _sealed(carried: str) -> Sealed:
    key_id, _, content = carried.partition(".")
    return Sealed(key_id, bytes.fromhex(content))
