"""Seals single fields of people's data, so that a copy of the database alone tells nobody's name (S11).

AES-256-GCM. Each sealed value carries the id of its key, so that keys can be changed while both are in use. The place
it belongs to is sealed with it: a value that was moved to another home or field does not open there.
"""

import base64
import logging
import os
import secrets
import stat
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from agent.files import write_whole
from rules.values import Value

_NONCE_BYTES = 12
"""Drawn at random for each value: good for 2^32 values of one key (NIST SP 800-38D section 8.3)."""

_KEY_BITS = 256

_log = logging.getLogger(__name__)


class SealError(Exception):
    """The key file, or a sealed value, cannot be used; the text says which and what to do, and nothing of the value."""


class _File(msgspec.Struct, forbid_unknown_fields=True):
    """What a key file holds: keys by their id, in base 64, and the one that seals."""

    newest: str
    keys: Annotated[dict[str, str], msgspec.Meta(min_length=1)]


class Sealed(Value, frozen=True):
    """A sealed value, and the id of the key that opens it."""

    key_id: str
    content: bytes


class _Ring(NamedTuple):
    """What a key file held, and by what one state of the file is told from the next."""

    keys: dict[str, bytes]
    newest: str
    mark: tuple[int, int, int]


class Keyring:
    """The keys of a key file. The newest seals, all of them open.

    A key that another process adds or takes away counts here from the next value on: staff read on while keys are
    changed. From any thread.
    """

    def __init__(self, path: Path, ring: _Ring) -> None:
        self._path, self._ring = path, ring

    @classmethod
    def load(cls, path: Path) -> "Keyring":
        """Read a key file. Raises SealError."""
        return cls(path, _read(path))

    @classmethod
    def make(cls, path: Path) -> "Keyring":
        """Make a key file with one key. One that is there is never written over. Raises SealError."""
        if path.exists():
            raise SealError(f"{path}: is there already, and what it sealed could not be read without it")
        made = cls(path, _Ring({}, "", (0, 0, 0)))
        made._add({})
        return made

    @property
    def newest(self) -> str:
        """The id of the key that seals."""
        return self._now().newest

    @property
    def ids(self) -> frozenset[str]:
        """The ids of all keys."""
        return frozenset(self._now().keys)

    @property
    def changed_ms(self) -> int:
        """When the key file was last written, by this computer's clock (Unix ms)."""
        return self._now().mark[1] // 1_000_000

    def rotate(self) -> str:
        """Add a key that seals from now on; give its id. One process at a time. Raises SealError.

        `centre.store.resealing` then seals everything with it.
        """
        return self._add(_read(self._path).keys)

    def forget(self, key_id: str, used: Collection[str]) -> None:
        """Take a key away for good. `used` are the keys by which anything is sealed still. Raises SealError."""
        ring = _read(self._path)
        if key_id == ring.newest:
            raise SealError(f"{self._path}: {key_id} is the key that seals: rotate first")
        if key_id in used:
            raise SealError(f"{self._path}: {key_id} has sealed what is there still: seal that anew first")
        self._write({name: key for name, key in ring.keys.items() if name != key_id}, ring.newest)

    def seal(self, value: bytes, *place: str) -> Sealed:
        """Seal a value for its place."""
        ring = self._now()
        nonce = os.urandom(_NONCE_BYTES)
        content = AESGCM(ring.keys[ring.newest]).encrypt(nonce, value, _bound(place))
        return Sealed(ring.newest, nonce + content)

    def open(self, sealed: Sealed, *place: str) -> bytes:
        """Open a value that was sealed for this place. Raises SealError."""
        key = self._now().keys.get(sealed.key_id)  # never by one that was forgotten: it might be kept so sealed
        if key is None:
            raise SealError(f"{self._path}: has no key {sealed.key_id}: bring it back from its copy")
        nonce, content = sealed.content[:_NONCE_BYTES], sealed.content[_NONCE_BYTES:]
        try:
            return AESGCM(key).decrypt(nonce, content, _bound(place))
        except (InvalidTag, ValueError):
            raise SealError(f"{' '.join(place)}: not as it was sealed: bring the database back from a copy") from None

    def _now(self) -> _Ring:
        """Give the keys as the file has them now; those it had, when it cannot be read."""
        try:
            if _mark(self._path) != self._ring.mark:
                self._ring = _read(self._path)
        except OSError as error:
            _log.warning("%s: %s: its keys are used as they were", self._path, error.strerror)
        except SealError as error:
            _log.warning("%s; its keys are used as they were", error)
        return self._ring

    def _add(self, keys: dict[str, bytes]) -> str:
        name = secrets.token_hex(4)
        self._write({**keys, name: AESGCM.generate_key(_KEY_BITS)}, name)
        return name

    def _write(self, keys: dict[str, bytes], newest: str) -> None:
        held = _File(newest, {name: base64.b64encode(key).decode() for name, key in keys.items()})
        try:
            owner = _owner(self._path)
            new = self._path.with_name(f"{self._path.name}.new")
            write_whole(self._path, msgspec.json.encode(held), new=new, owner=owner)
            self._ring = _Ring(keys, newest, _mark(self._path))
        except OSError as error:
            raise SealError(f"{self._path}: {error.strerror}: name a file in a writable folder") from None


def _read(path: Path) -> _Ring:
    try:
        mark = _mark(path)  # before the reading: what is written in between is read the next time
        mode = path.stat().st_mode
        content = path.read_bytes()
    except OSError as error:
        raise SealError(
            f"{path}: {error.strerror}: bring it back from its copy; without it nobody's name can be read"
        ) from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SealError(f"{path}: others can read it (mode {stat.S_IMODE(mode):04o}): chmod 600 {path}")
    try:
        held = msgspec.json.decode(content, type=_File)
        keys = {name: base64.b64decode(key, validate=True) for name, key in held.keys.items()}
    except ValueError:  # msgspec's and base 64's; never their words, which may hold a key
        keys, held = {}, None
    if held is None or held.newest not in keys or any(len(key) * 8 != _KEY_BITS for key in keys.values()):
        raise SealError(f"{path}: not a key file: bring it back from its copy")
    return _Ring(keys, held.newest, mark)


def _mark(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size


def _owner(path: Path) -> tuple[int, int] | None:
    """What root writes belongs to whose file it was, or whose folder it is: or the centre could not read its keys."""
    if os.geteuid() != 0:
        return None
    found = (path if path.exists() else path.parent).stat()
    return found.st_uid, found.st_gid


def _bound(place: tuple[str, ...]) -> bytes:
    return msgspec.json.encode(place)  # as a list: ("a", "bc") is not ("ab", "c")
