"""What is done about people's data on the server's own shell: its keys are changed, and given out what is held."""

import contextlib
import os
from pathlib import Path

from centre.intake import LedgerDownError
from centre.running.folder import KEYRING, DataFolder
from centre.running.settings import SetUpError
from centre.running.starting import open_quietly
from centre.services import Services
from centre.staff.held import note
from centre.staff.values import SHELL
from centre.store.export import export, holds
from centre.store.records import NotAllowedError
from centre.store.resealing import forget, reseal
from centre.store.sealing import SealError


def change_key(data: Path, *, finish: bool) -> list[str]:
    """Seal people's data with a new key, or forget the old one; say what was done. Raises SetUpError.

    A change that is under way is gone on with: one at a time.
    """
    with open_quietly(data) as services:
        try:
            return _change_key(DataFolder(data), services, finish=finish)
        except (SealError, LedgerDownError) as error:
            raise SetUpError(str(error)) from None


def _change_key(folder: DataFolder, services: Services, *, finish: bool) -> list[str]:
    keyring, told = services.keyring, []
    with folder.alone():
        if len(keyring.ids) == 1:
            if finish:
                return ["There is one key: nothing is to be finished."]
            told.append(f"Key {keyring.rotate()} was added, and seals from now on.")
    done = reseal(services.database, keyring)
    told.append(f"{done.count} values were sealed anew.")
    told += [f"Not sealed anew, for it cannot be opened: {each}" for each in done.damaged]
    _note(services, "key-changed", count=done.count)
    if not finish:
        told.append(f"Copy {folder.path / KEYRING} to where its copies are; then run this again with --finish.")
        return told
    with folder.alone():
        gone = forget(services.database, keyring, services.now_ms())
    _note(services, "key-forgotten", count=len(gone))
    told += [f"Key {each} is forgotten. Copies of the store from before need a copy of it." for each in gone]
    return told


def _note(services: Services, what: str, *, hub: str = "", **more: object) -> None:
    with services.database.writing() as connection:
        note(connection, services.now_ms(), SHELL, what, hub=hub, **more)


def export_home(data: Path, hub: str, out: Path, by: str, why: str) -> str:
    """Write all that is held of a home into a new file; say where. Raises SetUpError."""
    with open_quietly(data) as services:
        try:
            operator = services.roster.get(by)
            if operator is None or not operator.active or operator.role != "supervisor":
                raise SetUpError(f"{by}: no supervisor of this name: --by names the one who answers for it")
            if not holds(services.database, hub):
                raise SetUpError(f"{hub}: nothing is held of a home of this name: is it written as in the console?")
            _note(services, "exported", hub=hub, name=by)  # whoever is at the shell may have said any name
            _write(services, hub, out, by, why)
        except (NotAllowedError, LedgerDownError) as error:
            raise SetUpError(str(error)) from None
    return f"{out}: all that is held of {hub}. Look through it before you give it to somebody: it may tell of others."


def _write(services: Services, hub: str, out: Path, by: str, why: str) -> None:
    try:
        handle = os.open(out, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise SetUpError(f"{out}: {error.strerror}: name a file that is not there yet") from None
    try:
        with os.fdopen(handle, "wb") as file:
            export(services.database, services.keyring, hub, "supervisor", by, why, services.now_ms(), out=file)
            file.flush()
            os.fsync(file.fileno())
    except BaseException as error:
        with contextlib.suppress(OSError):
            out.unlink()
        if isinstance(error, OSError):
            raise SetUpError(f"{out}: {error.strerror}: look at the disk, and run it again") from None
        raise
