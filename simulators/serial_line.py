"""A serial adapter that can be plugged and pulled: a pty behind a path that stays, like one of `/dev/serial/by-id/`."""

import asyncio
import contextlib
import os
import tty
from collections.abc import Callable
from pathlib import Path

_READ_BYTES = 4_096


class SerialLine:
    """The device's end of a serial line; the hub opens `path`. Use it on one event loop.

    `on_bytes` gets what the hub writes. `lost` counts bytes nobody took: unplugged, or a hub that does not read, as a
    real UART would lose them.
    """

    def __init__(self, path: Path, on_bytes: Callable[[bytes], None]) -> None:
        self.path = path
        self.lost = 0
        self._on_bytes = on_bytes
        self._ours: int | None = None
        self._theirs: int | None = None

    @property
    def plugged(self) -> bool:
        """Whether the hub can open it."""
        return self._ours is not None

    def plug(self) -> None:
        """Appear at `path`."""
        if self._ours is not None:
            return
        self._ours, self._theirs = os.openpty()
        # Held open: else a hub that closes its end would end ours too, and what it writes first would be echoed.
        tty.setraw(self._theirs)
        os.set_blocking(self._ours, False)
        asyncio.get_running_loop().add_reader(self._ours, self._read, self._ours)
        new = self.path.with_name(self.path.name + ".new")
        new.unlink(missing_ok=True)
        new.symlink_to(os.ttyname(self._theirs))
        new.replace(self.path)

    def unplug(self) -> None:
        """Vanish: the hub's open end reads an error, and `path` is gone."""
        ours, theirs = self._ours, self._theirs
        self._ours = self._theirs = None
        if ours is None or theirs is None:
            return
        asyncio.get_running_loop().remove_reader(ours)
        self.path.unlink(missing_ok=True)
        os.close(theirs)
        os.close(ours)

    def write(self, data: bytes) -> None:
        """Send bytes to the hub. Never blocks."""
        sent = 0
        if self._ours is not None:
            with contextlib.suppress(BlockingIOError):
                sent = os.write(self._ours, data)
        self.lost += len(data) - sent

    def _read(self, ours: int) -> None:
        with contextlib.suppress(OSError):  # the hub closed its end this very moment
            data = os.read(ours, _READ_BYTES)
            if data:
                self._on_bytes(data)
