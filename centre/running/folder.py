"""A centre's folder: settings, site, store, the key of people's data, the broker's files. What is missing is made."""

import contextlib
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

from agent.clock import Clock
from agent.files import write_whole
from agent.wire.enrolment import WayIn
from agent.wire.envelope import CENTRE_ALGORITHM, Key, KeyFileError, read_key
from centre.intake import LedgerDownError
from centre.running.settings import FILE, TEMPLATE, Choices, SetUpError, read_choices
from centre.site.folder import Folder
from centre.site.site import Site, SiteError, SiteSettings
from centre.store.database import Database
from centre.store.resealing import in_use
from centre.store.sealing import Keyring, SealError

SITE, STORE, KEYRING, BROKER = "site", "store.db", "keyring.json", "broker"
ENVIRONMENT = "HEARTHLINE_CENTRE"
BROKER_PORT, ENROLMENT_PORT = 8883, 8443

_NUMBER = re.compile(r"centre-([0-9]+)\.key")


class DataFolder:
    """What lies where. Opening makes what is missing; several processes may do that at once. Raises SetUpError."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.made: list[str] = []
        """What was made just now, for people to be told of."""

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep the centre's other processes from making the same meanwhile."""
        try:
            folder = Folder(self.path)
            folder.prepare()
            with folder.alone():
                yield
        except SiteError as error:
            raise SetUpError(str(error)) from None

    def choices(self) -> Choices:
        """Read the settings; made if there are none."""
        path = self.path / FILE
        if not path.exists():
            with self.alone():
                if not path.exists():
                    self._write(path, TEMPLATE.encode())
                    self.made.append(FILE)
        return read_choices(path)

    def site(self, clock: Clock) -> Site:
        """Open the site; one is made, under this computer's name, if there is none."""
        place = self.path / SITE
        try:
            if (place / "ca.pem").exists():
                return Site.open(place)
            host = socket.gethostname()
            way, enrolment = WayIn(host=host, port=BROKER_PORT), f"{host}:{ENROLMENT_PORT}"
            settings = SiteSettings(name="Hearthline", enrolment=enrolment, way=(way,))
            with self.alone():
                site = Site.create(place, settings, clock.now().wall_ms)
        except SiteError as error:
            raise SetUpError(str(error)) from None
        except ValueError as error:
            raise SetUpError(
                f"this computer's name cannot be a site's: {error}: run init-site --site {place}"
            ) from None
        self.made += [SITE] if site.made else []
        return site

    def database(self, choices: Choices) -> Database:
        """Open the store. One process after the other: making its tables may last longer than any of them waits."""
        try:
            with self.alone():
                return Database(choices.store or f"sqlite:///{self.path / STORE}")
        except LedgerDownError as error:
            raise SetUpError(str(error)) from None

    def keyring(self, database: Database) -> Keyring:
        """Open the key of people's data. It is made for a store that holds nothing sealed, and never for another."""
        path = self.path / KEYRING
        try:
            if path.exists():
                return Keyring.load(path)
            with self.alone():
                if path.exists():
                    return Keyring.load(path)
                if _holds_sealed(database):
                    raise SetUpError(
                        f"{path}: not there, and the store holds what it sealed: bring it back from its copy;"
                        " without it nobody's name can be read"
                    )
                made = Keyring.make(path)
        except (SealError, LedgerDownError) as error:
            raise SetUpError(str(error)) from None
        self.made.append(KEYRING)
        return made

    def signing_key(self) -> Key:
        """Give the key that the centre signs with: the older, while there are two (`rotate-centre-key`)."""
        found = {int(match[1]): path for path in self._centre_keys() if (match := _NUMBER.fullmatch(path.name))}
        if not found:
            raise SetUpError(f"{self.path / SITE / 'centre'}: no centre-N.key: bring it back from the last copy")
        try:
            return read_key(found[min(found)], CENTRE_ALGORITHM)
        except KeyFileError as error:
            raise SetUpError(str(error)) from None

    def _centre_keys(self) -> list[Path]:
        return list((self.path / SITE / "centre").glob("centre-*.key"))

    def _write(self, path: Path, content: bytes) -> None:
        try:
            write_whole(path, content, new=path.with_name(f"{path.name}.new"), owner=_owner(self.path))
        except OSError as error:
            raise SetUpError(f"{path}: {error.strerror}: name a folder that is yours, and look at the disk") from None


def _owner(folder: Path) -> tuple[int, int] | None:
    """What root makes belongs to whose folder it is."""
    found = folder.stat()
    return (found.st_uid, found.st_gid) if os.geteuid() == 0 else None


def _holds_sealed(database: Database) -> bool:
    with database.reading() as connection:
        return bool(in_use(connection))
