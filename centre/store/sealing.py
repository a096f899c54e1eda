"""Seals single fields of people's data, so that a copy of the database alone tells nobody's name (S11).

AES-256-GCM. Each sealed value carries the id of its key, so that keys can be changed while both are in use. The place
it belongs to is sealed with it: a value that was moved to another home or field does not open there.
"""

import base64
import os
import secrets
import stat
from pathlib import Path
from typing import Annotated

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from agent.files import write_whole
from rules.values import Value

_NONCE_BYTES = 12
"""Drawn at random for each value: good for 2^32 values of one key (NIST SP 800-38D section 8.3)."""

_KEY_BITS = 256


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


class Keyring:
    """The keys of a key file. The newest seals, all of them open."""

    def __init__(self, path: Path, keys: dict[str, bytes], newest: str) -> None:
        self._path, self._keys, self._newest = path, keys, newest

    @classmethod
    def load(cls, path: Path) -> "Keyring":
        """Read a key file. Raises SealError."""
        try:
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
        return cls(path, keys, held.newest)

    @classmethod
    def make(cls, path: Path) -> "Keyring":
        """Make a key file with one key. One that is there is never written over. Raises SealError."""
        if path.exists():
            raise SealError(f"{path}: is there already, and what it sealed could not be read without it")
        made = cls(path, {}, "")
        made.rotate()
        return made

    @property
    def newest(self) -> str:
        """The id of the key that seals."""
        return self._newest

    @property
    def ids(self) -> frozenset[str]:
        """The ids of all keys."""
        return frozenset(self._keys)

    def rotate(self) -> str:
        """Add a key that seals from now on; give its id. Copy the file before anything is sealed. Raises SealError."""
        name = secrets.token_hex(4)
        self._write({**self._keys, name: AESGCM.generate_key(_KEY_BITS)}, name)
        return name

    def forget(self, key_id: str) -> None:
        """Take a key away for good: what it sealed and was not sealed anew is erased by this. Raises SealError."""
        if key_id == self._newest:
            raise SealError(f"{self._path}: {key_id} is the key that seals: rotate first")
        self._write({name: key for name, key in self._keys.items() if name != key_id}, self._newest)

    def seal(self, value: bytes, *place: str) -> Sealed:
        """Seal a value for its place."""
        nonce = os.urandom(_NONCE_BYTES)
        content = AESGCM(self._keys[self._newest]).encrypt(nonce, value, _bound(place))
        return Sealed(self._newest, nonce + content)

    def open(self, sealed: Sealed, *place: str) -> bytes:
        """Open a value that was sealed for this place. Raises SealError."""
        key = self._keys.get(sealed.key_id)
        if key is None:
            raise SealError(f"{self._path}: has no key {sealed.key_id}: bring it back from its copy")
        nonce, content = sealed.content[:_NONCE_BYTES], sealed.content[_NONCE_BYTES:]
        try:
            return AESGCM(key).decrypt(nonce, content, _bound(place))
        except (InvalidTag, ValueError):
            raise SealError(f"{' '.join(place)}: not as it was sealed: bring the database back from a copy") from None

    def _write(self, keys: dict[str, bytes], newest: str) -> None:
        held = _File(newest, {name: base64.b64encode(key).decode() for name, key in keys.items()})
        try:
            write_whole(self._path, msgspec.json.encode(held), new=self._path.with_name(f"{self._path.name}.new"))
        except OSError as error:
            raise SealError(f"{self._path}: {error.strerror}: name a file in a writable folder") from None
        self._keys, self._newest = keys, newest


def _bound(place: tuple[str, ...]) -> bytes:
    return msgspec.json.encode(place)  # as a list: ("a", "bc") is not ("ab", "c")
