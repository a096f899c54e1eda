"""Puts a certificate and its key in place of the old ones, both at once: cut off anywhere, they still belong together.

Two files cannot be renamed in one step, a link to their folder can. So `uplink.pem` and `uplink.key` are links through
`uplink.now` into a folder that holds a pair: every reader finds them under the names it always did. The pair before
stays, as `uplink.previous`; one in the making is `uplink.next`.
"""

import contextlib
import hashlib
import os
import shutil
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.x509 import load_pem_x509_certificate

from agent.files import sync_folder, write_whole
from provisioning.provision.keys import new_key, private_pem, read_private, signing_request

CSR = "uplink.csr"
"""The request that belongs to a pair in the making: sent again, it is the same."""

_FOLDER_MODE = 0o700


class Pair(NamedTuple):
    """Where a hub's certificate chain and its key are, in one folder. The key is only ever renewed with it."""

    certificate: Path
    key: Path

    @property
    def folder(self) -> Path:
        """The folder that everything here is in."""
        return self.certificate.parent

    def beside(self, suffix: str) -> Path:
        """Name what belongs to the pair: `uplink.next` for `uplink.pem`."""
        return self.certificate.with_name(f"{self.certificate.stem}.{suffix}")

    def within(self, folder: Path) -> "Pair":
        """Give the same two files in another folder."""
        return Pair(folder / self.certificate.name, folder / self.key.name)

    @property
    def next(self) -> "Pair":
        """The pair in the making, if there is one."""
        return self.within(self.beside("next"))

    @property
    def previous(self) -> "Pair":
        """The pair that was in use before, if there was one."""
        return self.within(self.beside("previous"))


# --- making one ---------------------------------------------------------------------------------------


class Begun(NamedTuple):
    """A pair in the making: the name of its request, the certificate request itself (PEM), and the public key."""

    request: str
    csr: str
    key: EllipticCurvePublicKey


def begin(pair: Pair, hub: str) -> Begun:
    """Make a new key and its certificate request, or give those that were begun. Raises OSError, ValueError."""
    making = pair.beside("next")
    if not (making / CSR).is_file():
        new = new_key()
        folder = pair.beside(request_id(new.public_key()))
        _make_folder(folder)
        put(folder / pair.key.name, private_pem(new))
        put(folder / CSR, signing_request(new, hub).encode())
        _link(making, Path(folder.name))
    key = read_private(pair.next.key.read_bytes()).public_key()
    return Begun(request_id(key), (making / CSR).read_text("ascii"), key)


def request_id(public: PublicKeyTypes) -> str:
    """Name a key pair, its folder and the request for it: the same key always makes the same request (S4)."""
    info = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(info).hexdigest()[:32]


def drop(pair: Pair) -> None:
    """Give up a pair in the making. Raises OSError."""
    pair.beside("next").unlink(missing_ok=True)
    _forget(pair)


def put(path: Path, content: bytes) -> None:
    """Write one of a hub's own files, whole, for the folder's owner alone. Raises OSError."""
    write_whole(path, content, new=path.with_name(f"{path.name}.new"), owner=owner_of(path.parent))


# --- putting it in place ------------------------------------------------------------------------------


def install(pair: Pair) -> None:
    """Put the pair in the making in place. What is in use stays valid at every moment, and whole. Raises OSError.

    Cut off before that, it is done again; after it, `finish` does the rest.
    """
    _link_through(pair)
    now = pair.beside("now")
    _link(pair.beside("previous"), now.readlink())
    _link(now, pair.beside("next").readlink())
    finish(pair)


def finish(pair: Pair) -> None:
    """End what was cut off after the new pair was in place, if anything was. Raises OSError."""
    now, making = pair.beside("now"), pair.beside("next")
    if now.is_symlink() and making.is_symlink() and now.readlink() == making.readlink():
        drop(pair)


def _link_through(pair: Pair) -> None:
    """Have both names lead through `uplink.now`, if they do not yet: each step leaves what they lead to as it is."""
    now = pair.beside("now")
    wanted = {path: Path(now.name, path.name) for path in pair}
    if all(path.is_symlink() and path.readlink() == target for path, target in wanted.items()):
        return
    present = load_pem_x509_certificate(pair.certificate.read_bytes())
    own = pair.beside(request_id(present.public_key()))
    _make_folder(own)
    for path in pair:
        put(own / path.name, path.read_bytes())
    _link(now, Path(own.name))
    for path, target in wanted.items():
        _link(path, target)


def _link(path: Path, target: Path) -> None:
    """Make or turn a link in one step."""
    if path.is_symlink() and path.readlink() == target:
        return
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.replace(path)
    sync_folder(path.parent)


def _forget(pair: Pair) -> None:
    """Remove the pairs that are neither in use, nor the one before, nor in the making: keys that nobody needs."""
    links = [pair.beside(which) for which in ("now", "previous", "next")]
    kept = {link.readlink().name for link in links if link.is_symlink()}
    for folder in pair.folder.glob(f"{pair.certificate.stem}.*"):
        number = folder.name.removeprefix(f"{pair.certificate.stem}.")
        is_one = set(number) <= set("0123456789abcdef") and folder.is_dir() and not folder.is_symlink()
        if is_one and folder.name not in kept:
            shutil.rmtree(folder)
    sync_folder(pair.folder)


def _make_folder(folder: Path) -> None:
    with contextlib.suppress(FileExistsError):
        folder.mkdir(_FOLDER_MODE)
    owner = owner_of(folder.parent)
    if owner is not None:
        os.chown(folder, *owner)
    sync_folder(folder.parent)


def owner_of(folder: Path) -> tuple[int, int] | None:
    """Give whose new files in a folder are to be: root writes for whom the folder belongs to. Raises OSError."""
    found = folder.stat()
    return (found.st_uid, found.st_gid) if os.geteuid() == 0 else None
