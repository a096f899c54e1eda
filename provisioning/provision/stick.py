"""Carries a request to the site on a stick, and its answer back: what lies there is nobody's until it is proven."""

from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from agent.files import write_whole
from agent.wire.enrolment import Answer, Refusal
from agent.wire.stick import Carried, answer_name, read_plain, refusal_name, request_name
from provisioning.provision.client import ANSWER_BYTES_MAX, RefusedError

T = TypeVar("T", Answer, Refusal)


class StickError(Exception):
    """The stick cannot be used; the text says what to do."""


def leave(folder: Path, what: Literal["enrol", "renew"], request: str, jws: bytes) -> Path:
    """Leave a request for the site; give where. Raises StickError."""
    path = folder / request_name(request)
    content = msgspec.json.encode(Carried(what=what, jws=jws.decode()))
    try:
        write_whole(path, content, new=folder / f"{path.name}.new")
    except OSError as error:
        raise StickError(f"{path}: {error.strerror}: is the stick in, and can it be written to?") from None
    return path


def take(folder: Path, request: str) -> Answer | None:
    """Take the site's answer to a request, unproven; None if there is none yet. Raises StickError, RefusedError."""
    answer = _read(folder / answer_name(request), Answer)
    refusal = None if answer else _read(folder / refusal_name(request), Refusal)
    if refusal is not None:
        raise RefusedError(refusal)
    return answer


def clear(folder: Path, request: str) -> None:
    """Remove what is done with: the request, and what was said to it. A stick that is gone by then keeps it."""
    for name in (request_name(request), answer_name(request), refusal_name(request)):
        try:
            (folder / name).unlink(missing_ok=True)
        except OSError:
            return


def _read(path: Path, kind: type[T]) -> T | None:
    try:
        content = read_plain(path, ANSWER_BYTES_MAX)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StickError(f"{path}: {error.strerror}: is the stick in, and can it be read?") from None
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise StickError(f"{path}: not what a site writes: have it answer again (hearthline provision sign)") from None
