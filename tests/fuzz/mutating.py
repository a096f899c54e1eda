"""Changes bytes a little: what a radio, a line or an attacker would make of a good message."""

import random
from collections.abc import Sequence

BYTES_MAX = 4_096


def mutated(dice: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Give one of the seeds with a few changes."""
    data = bytearray(dice.choice(seeds))
    for _ in range(dice.randrange(1, 6)):
        at = dice.randrange(len(data) + 1)
        match dice.randrange(7):
            case 0:
                data[at : at + 1] = dice.randbytes(1)
            case 1:
                del data[at : at + dice.randrange(1, 9)]
            case 2:
                data[at:at] = dice.randbytes(dice.randrange(1, 9))
            case 3:
                data[at:at] = data[at : at + dice.randrange(1, 33)]
            case 4:
                data[at:at] = dice.choice(seeds)
            case 5 if at < len(data):
                data[at] ^= 1 << dice.randrange(8)
            case _:
                data[at:at] = dice.choice((b"\0", b"\xff\xff", b"-1", b"1e999", b"9" * 40, b"null", b"[" * 50, b'"'))
    return bytes(data[:BYTES_MAX])
