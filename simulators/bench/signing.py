"""What proof costs: signing an event and opening a receipt, as the hub does, beside `cryptography` alone."""

import time
from collections.abc import Callable

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import ECKey, OKPKey

from agent.wire.envelope import CENTRE_ALGORITHM, HUB_ALGORITHM, Signer, Verifier

TIMES = 2_000
_BODY = b"x" * 700
"""As long as an alarm."""

Step = tuple[str, float, float]


class Signing(msgspec.Struct, frozen=True, kw_only=True):
    """Each step's name, its median in µs with `cryptography` alone, and as the hub does it."""

    steps: list[Step]


def signing(times: int = TIMES) -> Signing:
    """Measure each, floor and hub by turns."""
    hub, centre = generate_private_key(SECP256R1()), Ed25519PrivateKey.generate()
    signer = Signer(ECKey.import_key(hub), HUB_ALGORITHM)
    opener = Verifier([OKPKey.import_key(centre.public_key())], CENTRE_ALGORITHM)
    receipt = Signer(OKPKey.import_key(centre), CENTRE_ALGORITHM).seal(_BODY)
    bare, public = centre.sign(_BODY), centre.public_key()
    event = signer.seal(_BODY)
    intake, signature = Verifier([ECKey.import_key(hub.public_key())], HUB_ALGORITHM), hub.sign(_BODY, ECDSA(_SHA))
    return Signing(
        steps=[
            _measured(
                "an event is signed (P-256)", lambda: hub.sign(_BODY, ECDSA(_SHA)), lambda: signer.seal(_BODY), times
            ),
            _measured(
                "a receipt is proven (Ed25519)", lambda: public.verify(bare, _BODY), lambda: opener.open(receipt), times
            ),
            _measured(
                "an event is proven, at the centre",
                lambda: hub.public_key().verify(signature, _BODY, ECDSA(_SHA)),
                lambda: intake.open(event),
                times,
            ),
        ]
    )


_SHA = hashes.SHA256()


def _measured(name: str, floor: Callable[[], object], ours: Callable[[], object], times: int) -> Step:
    taken: tuple[list[int], list[int]] = ([], [])
    for _ in range(times):
        for work, samples in zip((floor, ours), taken, strict=True):
            began = time.perf_counter_ns()
            work()
            samples.append(time.perf_counter_ns() - began)
    bare, made = (sorted(samples)[times // 2] / 1_000 for samples in taken)
    return name, bare, made
