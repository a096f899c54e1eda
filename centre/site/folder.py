"""A site's folder: what lies where, for its owner alone; each file is there whole or not at all, whenever it is cut."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from agent.files import write_whole
from centre.site.authority import new_key, private_pem
from centre.site.settings import FILE, SiteError

SETTINGS = FILE
REGISTRY = "registry.db"
ROOT, ROOT_KEY = "root/root.pem", "root/root.key"
ISSUING, ISSUING_KEY = "issuing/issuing.pem", "issuing/issuing.key"
CA = "ca.pem"
"""The last thing made: with it, a site is whole."""

CRL = "crl.pem"
REPORTS = "reports"
GROUP = "centre/group"
RETIRED = "centre/retired"

_FOLDER_MODE = 0o700


class Folder:
    """Reads and writes below one folder. What root writes belongs to the folder's owner. Raises SiteError."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return (self.path / name).exists()

    def prepare(self) -> None:
        """Make the folder itself."""
        try:
            _make(self.path, None)
        except OSError as error:
            raise _trouble(self.path, error) from None

    def write(self, name: str, content: bytes | str) -> None:
        """Write a file, in a folder that is made if need be."""
        path = self.path / name
        try:
            owner = self._owner()
            _make(path.parent, owner)
            data = content.encode() if isinstance(content, str) else content
            write_whole(path, data, new=path.with_name(f"{path.name}.new"), owner=owner)
        except OSError as error:
            raise _trouble(path, error) from None

    def move(self, name: str, to: str) -> None:
        """Rename a file, if it is there still."""
        source, target = self.path / name, self.path / to
        try:
            _make(target.parent, self._owner())
            with suppress(FileNotFoundError):
                source.rename(target)
            _sync(target.parent)
            _sync(source.parent)
        except OSError as error:
            raise _trouble(source, error) from None

    def read(self, name: str) -> bytes:
        """Read a file."""
        path = self.path / name
        try:
            return path.read_bytes()
        except OSError as error:
            raise _trouble(path, error) from None

    def key(self, name: str) -> EllipticCurvePrivateKey:
        """Read a P-256 key."""
        try:
            key = load_pem_private_key(self.read(name), None)
        except (ValueError, TypeError):
            key = None
        if not isinstance(key, EllipticCurvePrivateKey):
            raise SiteError(f"{self.path / name}: not a P-256 key in PEM: bring it back from the last copy")
        return key

    def key_made(self, name: str) -> EllipticCurvePrivateKey:
        """Read a P-256 key, or make it: a key that is there is never written over."""
        if not self.has(name):
            self.write(name, private_pem(new_key()))
        return self.key(name)

    def certificate(self, name: str) -> x509.Certificate:
        """Read a certificate, the first in its file."""
        try:
            return x509.load_pem_x509_certificates(self.read(name))[0]
        except ValueError:
            raise SiteError(f"{self.path / name}: not a certificate in PEM: bring it back from the last copy") from None

    @contextmanager
    def alone(self, name: str = ".lock") -> Iterator[None]:
        """Keep other processes and threads from changing files meanwhile. Not within itself, unless by another name."""
        try:
            handle = os.open(self.path / name, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            if (owner := self._owner()) is not None:
                os.fchown(handle, *owner)
        except OSError as error:
            raise _trouble(self.path / name, error) from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _owner(self) -> tuple[int, int] | None:
        if os.geteuid() != 0:
            return None
        found = self.path.stat()
        return found.st_uid, found.st_gid


def _make(folder: Path, owner: tuple[int, int] | None) -> None:
    """Make a folder, and those above it; each name is durable once the folder it is in was synced."""
    if folder.is_dir():
        return
    _make(folder.parent, owner)
    with suppress(FileExistsError):
        folder.mkdir(_FOLDER_MODE)
        if owner is not None:
            os.chown(folder, *owner)
    _sync(folder.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _trouble(path: Path, error: OSError) -> SiteError:
    return SiteError(f"{path}: {error.strerror}: run this as the owner of the site's folder, and look at the disk")
