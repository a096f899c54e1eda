"""The SIM's PIN: read from a file that only the hub can read, and never tried again once it was wrong."""

import contextlib
import re
import stat
from pathlib import Path
from typing import Protocol

_PIN = re.compile(r"[0-9]{4,8}", re.ASCII)
_FILE_BYTES_MAX = 64


class PinError(Exception):
    """There is no PIN to try; the text says why and what to do, and holds no PIN."""


class Pins(Protocol):
    """What the dialogue needs of a PIN's keeper."""

    def offer(self) -> str:
        """Give the PIN to try now. Raises PinError."""

    def accepted(self) -> None:
        """Learn that it was right: it may be given again when the modem has lost its power."""


class PinFile:
    """A PIN in a file. A wrong one is tried once, by this process and by any after it: three would lock the SIM.

    `marker` is a file of ours that stands from before a PIN is tried until it is known to be right. It names the PIN
    file's change, so that only a new PIN lifts it.
    """

    def __init__(self, path: Path | None, marker: Path) -> None:
        self._path = path
        self._marker = marker
        self._trying = False

    def offer(self) -> str:
        """Give the PIN, and note that it is being tried. Raises PinError."""
        if self._path is None:
            raise PinError("the SIM card wants a PIN: write it to a file, and name that in [modem] pin_file")
        if self._trying:
            raise PinError(f"the PIN in {self._path} is wrong and is not tried again: correct it, restart the hub")
        try:
            status = self._path.stat()
            with self._path.open("rb") as file:
                pin = file.read(_FILE_BYTES_MAX).decode("ascii", errors="replace").strip()
        except OSError as error:
            raise PinError(f"{self._path}: {error.strerror}") from None
        if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise PinError(f"{self._path} can be read by others: chmod 600 {self._path}")
        if _PIN.fullmatch(pin) is None:
            raise PinError(f"{self._path} holds no PIN: 4 to 8 digits")
        change = str(status.st_mtime_ns)
        if self._marked() == change:
            raise PinError(f"the PIN in {self._path} was wrong before and is not tried again: correct it")
        self._trying = True
        with contextlib.suppress(OSError):  # a full disk: this process still tries it once only
            self._marker.write_text(change)
        return pin

    def accepted(self) -> None:
        """Forget that it was being tried."""
        self._trying = False
        with contextlib.suppress(OSError):
            self._marker.unlink(missing_ok=True)

    def _marked(self) -> str:
        try:
            return self._marker.read_text("ascii")
        except (OSError, UnicodeError):
            return ""
