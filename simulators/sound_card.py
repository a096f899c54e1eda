"""`python -m simulators.sound_card FILE`: a process in aplay's place, which writes down what it is fed, and when.

It takes sound as a card with a buffer of 60 ms does, and makes none. Like aplay it ends with its input.
"""

import argparse
import os
import struct
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

FRAME_BYTES = 882
FRAME_S = 0.02
BUFFER_S = 0.06

_HEAD = struct.Struct("<QI")
HEAD_BYTES = _HEAD.size

Heard = tuple[int, bytes]
"""When a frame was taken (ns, CLOCK_MONOTONIC), and the frame."""


def card(record: Path, *options: str) -> Callable[[str], list[str]]:
    """Give what starts such a card, whatever the device."""
    return lambda _device: [sys.executable, "-m", "simulators.sound_card", str(record), *options]


def frames(record: Path, after: int = 0) -> Iterator[Heard]:
    """Read what was written down so far, but for the first `after` bytes; what is only half written is left for later.

    A frame takes `HEAD_BYTES` more than it has.
    """
    if not record.exists():
        return
    with record.open("rb") as file:
        file.seek(after)
        content = file.read()
    at = 0
    while at + _HEAD.size <= len(content):
        ns, size = _HEAD.unpack_from(content, at)
        at += _HEAD.size + size
        if at > len(content):
            return
        yield ns, content[at - size : at]


def main() -> int:
    """Take sound until it ends."""
    parser = argparse.ArgumentParser(prog="python -m simulators.sound_card", description=__doc__)
    parser.add_argument("record", type=Path)
    parser.add_argument("--hang", type=int, default=-1, help="take so many frames and then no more")
    parser.add_argument("--frames", type=int, default=-1, help="break after so many frames")
    parser.add_argument("--pass-on", action="store_true", help="give what it takes to standard output as well")
    parser.add_argument("--slow", type=float, default=1.0, help="so many times slower than the clock")
    options = parser.parse_args()
    left, until_s, taken = options.frames, time.monotonic(), 0
    with options.record.open("ab", buffering=0) as record, open(0, "rb", buffering=0) as fed:
        while left:
            if taken == options.hang:
                time.sleep(3_600)
            if not (frame := fed.read(FRAME_BYTES)):
                break
            taken += 1
            ns = time.monotonic_ns()
            record.write(_HEAD.pack(ns, len(frame)) + frame)
            if options.pass_on:
                os.write(1, frame)
            until_s = max(until_s, ns / 1e9) + FRAME_S * options.slow
            time.sleep(max(0.0, until_s - BUFFER_S - time.monotonic()))
            left -= 1
    if not left:
        sys.stderr.write("card: unplugged\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
