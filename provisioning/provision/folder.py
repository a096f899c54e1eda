"""A hub's folder: its keys and the site's answer in `keys/`, and the attempt at them in `keys.new/` until it is whole.

The attempt becomes the identity by one renaming, so that a power cut leaves either, and never half of one.
"""

import base64
import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.x509.oid import NameOID

from agent.files import sync_folder
from agent.wire.enrolment import Code, Enrol, Hex, SiteWord, derived, proof
from provisioning.provision.answers import Proven
from provisioning.provision.keys import new_key, new_request_id, private_pem, public_pem, read_private, signing_request
from provisioning.provision.pair import owner_of, put

KEYS = "keys"
ATTEMPT = "keys.new"

HUB_KEY, PLAN_KEY, UPLINK_KEY = "hub.key", "plan.key", "uplink.key"
UPLINK, CA, WORD, ISSUING = "uplink.pem", "ca.pem", "site.jws", "site-issuing.pem"
RECORD = "enrolment.json"
LOCK = ".lock"


def centre_name(number: int) -> str:
    """Name the file of a key of the centre's, counted from 1."""
    return f"centre-{number}.pem"


class FolderError(Exception):
    """The hub's folder cannot be used, or has an identity already; the text says what to do."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """How a box asked to become a hub. The code's secret is not in it: the proof is, for these keys and no others.

    `root` is the pin in hexadecimal.
    """

    endpoint: str
    token: Hex
    root: Hex
    request: Hex
    csr: str
    signing: str
    plan: str
    proof: Hex

    def enrol(self, iat: int, software: str) -> Enrol:
        """Make the request, as of `iat` (Unix seconds)."""
        return Enrol(
            aud="enrolment",
            iat=iat,
            request=self.request,
            csr=self.csr,
            token=self.token,
            proof=self.proof,
            signing=self.signing,
            plan=self.plan,
            software=software,
        )


class Identity(msgspec.Struct, frozen=True):
    """Who this box is. `word` is what its site said when it was last asked."""

    hub: str
    word: SiteWord
    record: Record


class HubFolder:
    """The folder of `hub.toml`."""

    def __init__(self, config: Path) -> None:
        self.config = config
        self.folder = config.absolute().parent
        self.keys = self.folder / KEYS
        self.attempt = self.folder / ATTEMPT

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep other commands from changing this hub's identity meanwhile. Raises FolderError.

        A file is locked that its owner alone can open. The folder everybody can, and hold for ever: no hub would renew.
        """
        lock = self.folder / LOCK
        try:
            self.folder.mkdir(0o755, parents=True, exist_ok=True)
            handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise FolderError(f"{self.folder}: {error.strerror}: run this as root, or name another --config") from None
        try:
            if not _locked(handle, lock):
                raise FolderError(f"{self.folder}: another command is changing this hub: let it end first")
            try:
                yield
            finally:
                with contextlib.suppress(OSError):  # as it was found; who is killed leaves it, which locks nobody out
                    lock.unlink()
        finally:
            os.close(handle)

    # --- who we are ----------------------------------------------------------------------------------

    def identity(self) -> Identity | None:
        """Give who this box is; None for one that nobody enrolled. Raises FolderError for what is neither."""
        try:
            record = msgspec.json.decode((self.keys / RECORD).read_bytes(), type=Record)
            leaf = x509.load_pem_x509_certificate((self.keys / UPLINK).read_bytes())
            word = (self.keys / WORD).read_text().split(".")[1]
            said = msgspec.json.decode(_unpadded(word), type=SiteWord)
            (name,) = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
            return Identity(str(name.value), said, record)
        except FileNotFoundError as error:
            if Path(str(error.filename)).name != RECORD:
                raise FolderError(f"{error.filename}: it is gone: decommission this hub, and enrol it anew") from None
        except (OSError, ValueError, IndexError, UnicodeError) as error:
            remedy = "run this as root; if it is damaged, decommission this hub, and enrol it anew"
            raise FolderError(f"{self.keys}: this hub's identity cannot be read ({error}): {remedy}") from None
        self._require_empty()
        return None

    def _require_empty(self) -> None:
        """Refuse to lay an identity over one that was made in another way. Raises FolderError."""
        try:
            found = sorted(each.name for each in self.keys.iterdir()) if self.keys.exists() else []
        except OSError as error:
            raise FolderError(f"{self.keys}: {error.strerror}: run this as root") from None
        if found:
            names = ", ".join(found[:5])
            remedy = (
                "if they are another hub's keys, `hearthline provision decommission` wipes them; else move them away"
            )
            raise FolderError(f"{self.keys}: there are files already ({names}): {remedy}")

    # --- the attempt ---------------------------------------------------------------------------------

    def begun(self) -> Record | None:
        """Give the attempt that was begun and can go on; None for none, or one cut off before anything was asked."""
        try:
            return msgspec.json.decode((self.attempt / RECORD).read_bytes(), type=Record)
        except (FileNotFoundError, msgspec.DecodeError, UnicodeError):
            return None
        except OSError as error:
            raise FolderError(f"{self.attempt}: {error.strerror}: run this as root") from None

    def begin(self, code: Code) -> Record:
        """Make the keys of a new attempt, and what it asks. The record comes last: without it there is none."""
        self.abandon()
        owner = owner_of(self.keys if self.keys.is_dir() else self.folder)
        self.attempt.mkdir(0o700)
        if owner is not None:
            os.chown(self.attempt, *owner)
        sync_folder(self.folder)
        hub, plan, uplink = (new_key() for _ in range(3))
        for name, key in ((HUB_KEY, hub), (PLAN_KEY, plan), (UPLINK_KEY, uplink)):
            put(self.attempt / name, private_pem(key))
        csr, signing, plans = signing_request(uplink), public_pem(hub), public_pem(plan)
        record = Record(
            endpoint=code.endpoint,
            token=code.token,
            root=code.root.hex(),
            request=new_request_id(),
            csr=csr,
            signing=signing,
            plan=plans,
            proof=proof(derived(code.secret), code.token, csr, signing, plans),
        )
        self.keep(record)
        return record

    def keep(self, record: Record) -> None:
        """Change the attempt's record: the same keys, and where to ask. Raises OSError."""
        put(self.attempt / RECORD, msgspec.json.encode(record))

    def abandon(self) -> None:
        """Forget an attempt, if there is one: the record first, so that nobody goes on with what is left."""
        if self.attempt.is_dir():
            (self.attempt / RECORD).unlink(missing_ok=True)
            sync_folder(self.attempt)
            shutil.rmtree(self.attempt)
            sync_folder(self.folder)

    def signing_key(self) -> bytes:
        """Give the attempt's signing key (PEM)."""
        return (self.attempt / HUB_KEY).read_bytes()

    def uplink_key(self) -> EllipticCurvePublicKey:
        """Give the public half of the attempt's key for the broker. Raises FolderError."""
        try:
            return read_private((self.attempt / UPLINK_KEY).read_bytes()).public_key()
        except ValueError as error:
            raise FolderError(f"{self.attempt / UPLINK_KEY}: {error}: remove {self.attempt}, and begin anew") from None

    def lay(self, proven: Proven) -> None:
        """Lay the answer beside the keys, and make both the hub's identity. Raises OSError."""
        for name, content in public_files(proven).items():
            put(self.attempt / name, content.encode())
        sync_folder(self.attempt)
        self.attempt.rename(self.keys)  # in place of an empty folder, or none
        sync_folder(self.folder)


def _locked(handle: int, path: Path) -> bool:
    """Lock an open file, if it is free and still the one of that name."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(handle), path.lstat())
    except (BlockingIOError, FileNotFoundError):
        return False


def remedy(error: OSError) -> str:
    """Say what a person can do about a file that cannot be written or read."""
    if isinstance(error, PermissionError):
        return "run this as root"
    return "see that the disk is well and not full, and run this again: it goes on where it was"


def public_files(proven: Proven) -> dict[str, str]:
    """Give the files of a proven answer, by name."""
    centre = {centre_name(number): pem for number, pem in enumerate(proven.word.centre, 1)}
    return {
        CA: proven.word.ca,
        **centre,
        WORD: proven.answer.word,
        ISSUING: proven.answer.issuing,
        UPLINK: proven.answer.certificate,
    }


def root_of(ca: str) -> str:
    """Give the root (PEM) of a hub's authorities: the first."""
    first = x509.load_pem_x509_certificates(ca.encode())[0]
    return first.public_bytes(serialization.Encoding.PEM).decode()


def _unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
