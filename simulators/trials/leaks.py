"""Looks for what must not be found: secrets, and what is personal, in everything that a run leaves behind (S11)."""

import base64
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_private_key

_PEM_LINE_CHARS = 24
"""So much of a line of base64 is enough to know it by."""


def key_traces(path: Path) -> Iterator[bytes]:
    """Give how a private key could be met: its file's lines, its number in hexadecimal, bytes and base64."""
    pem = path.read_bytes()
    yield from (line[:_PEM_LINE_CHARS] for line in pem.splitlines() if b"-----" not in line)
    key = load_pem_private_key(pem, None)
    raw = _raw(key)
    for one in (raw, raw.hex().encode(), base64.b64encode(raw), base64.urlsafe_b64encode(raw)):
        yield one.rstrip(b"=")


def _raw(key: object) -> bytes:
    private_value = getattr(getattr(key, "private_numbers", lambda: None)(), "private_value", None)
    if isinstance(private_value, int):
        return private_value.to_bytes(32)
    raw: bytes = key.private_bytes_raw()  # type: ignore[attr-defined]
    return raw


def number_traces(number: str) -> Iterator[bytes]:
    """Give how a telephone number could be met: as it is written, without its sign, and in pairs, as PDUs have it."""
    digits = number.removeprefix("+")
    padded = digits + "F" * (len(digits) % 2)
    swapped = "".join(padded[at + 1] + padded[at] for at in range(0, len(padded), 2))
    national = "0" + digits[2:]
    for one in (digits, national, swapped):
        yield one.encode()
    yield bytes.fromhex(swapped)


def found(
    folder: Path, traces: Mapping[str, Iterable[bytes]], *, kept: Callable[[Path], bool], also: Mapping[str, bytes]
) -> list[str]:
    """Name what was found, and where. Files for which `kept` says so may have it; `also` is looked at besides."""
    places = {str(each.relative_to(folder)): each.read_bytes() for each in _files(folder) if not kept(each)}
    places |= {name: _rows(folder / name) for name in places if name.endswith(".db")}
    looked = places | dict(also)
    return [
        f"{what} in {place}"
        for what, all_of in traces.items()
        for trace in tuple(all_of)
        for place, content in looked.items()
        if trace.lower() in content.lower()
    ]


def _files(folder: Path) -> Iterator[Path]:
    return (each for each in folder.rglob("*") if each.is_file() and not each.is_symlink())


def _rows(path: Path) -> bytes:
    """Give all that a database says now, whatever its pages look like; what is no database of SQLite is bytes."""
    content = path.read_bytes()
    if not content.startswith(b"SQLite format 3"):
        return content
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        return content + "\n".join(connection.iterdump()).encode()
