"""What a hub and its site leave each other on a stick, where no network joins them. None of it is secret."""

import os
import stat
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from agent.wire.enrolment import REQUEST_BYTES_MAX


class Carried(msgspec.Struct, frozen=True, kw_only=True):
    """A request on a stick: the JWS of an `Enrol` or a `Renew`, under `request_name`."""

    what: Literal["enrol", "renew"]
    jws: Annotated[str, msgspec.Meta(max_length=REQUEST_BYTES_MAX)]


def read_plain(path: Path, bytes_max: int) -> bytes:
    """Read a plain file; nothing of one that is too large, or no file. Anybody may have written it. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return b""
        with os.fdopen(handle, "rb", closefd=False) as file:
            content = file.read(bytes_max + 1)
        return content if len(content) <= bytes_max else b""
    finally:
        os.close(handle)


def request_name(request: str) -> str:
    """Give the file of a request."""
    return f"request-{request}.json"


def answer_name(request: str) -> str:
    """Give the file of an `Answer`."""
    return f"answer-{request}.json"


def refusal_name(request: str) -> str:
    """Give the file of a `Refusal`."""
    return f"refused-{request}.json"
