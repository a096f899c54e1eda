"""A serial adapter that can be plugged and pulled: a pty behind a path that stays, like one of `/dev/serial/by-id/`."""

import asyncio
import contextlib
import os
import tty
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

_READ_BYTES = 4_096


class SerialAdapter:
    """The device's end of a serial line; the hub opens `path`. What is said before it does waits for it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ours = self._theirs = -1

    @property
    def plugged(self) -> bool:
        """Whether the hub can open it."""
        return self._ours >= 0

    def plug_in(self) -> Self:
        """Appear at `path`."""
        if not self.plugged:
            self._ours, self._theirs = os.openpty()
            # Held open: else a hub that closes its end would end ours too, and what it writes first would be echoed.
            tty.setraw(self._theirs)
            new = self.path.with_name(self.path.name + ".new")
            new.unlink(missing_ok=True)
            new.symlink_to(os.ttyname(self._theirs))
            new.replace(self.path)
        return self

    def pull(self) -> None:
        """Vanish: the hub's open end reads an error, and `path` is gone."""
        if self.plugged:
            self.path.unlink(missing_ok=True)
            os.close(self._theirs)
            os.close(self._ours)
            self._ours = self._theirs = -1

    def fileno(self) -> int:
        """Give our end, for an event loop to watch."""
        return self._ours

    def say(self, data: bytes) -> None:
        """Send bytes to the hub, all of them: waits while the line is full. Raises OSError when it is pulled."""
        while data:
            data = data[os.write(self._ours, data) :]

    def hear(self) -> bytes:
        """Take what the hub wrote so far, without waiting."""
        os.set_blocking(self._ours, False)
        try:
            return os.read(self._ours, _READ_BYTES)
        except BlockingIOError:
            return b""
        finally:
            os.set_blocking(self._ours, True)

    def __enter__(self) -> Self:
        return self.plug_in()

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pull()


class SerialLine:
    """An adapter on an event loop: never waits, and answers. Use it on one loop.

    `on_bytes` gets what the hub writes. `lost` counts bytes nobody took: unplugged, or a hub that does not read, as a
    real UART would lose them.
    """

    def __init__(self, path: Path, on_bytes: Callable[[bytes], None]) -> None:
        self.path = path
        self.lost = 0
        self._on_bytes = on_bytes
        self._adapter = SerialAdapter(path)

    @property
    def plugged(self) -> bool:
        """Whether the hub can open it."""
        return self._adapter.plugged

    def plug(self) -> None:
        """Appear at `path`."""
        if self.plugged:
            return
        self._adapter.plug_in()
        os.set_blocking(self._adapter.fileno(), False)
        asyncio.get_running_loop().add_reader(self._adapter, self._read)

    def unplug(self) -> None:
        """Vanish: the hub's open end reads an error, and `path` is gone."""
        if self.plugged:
            asyncio.get_running_loop().remove_reader(self._adapter)
            self._adapter.pull()

    def write(self, data: bytes) -> None:
        """Send bytes to the hub. Never blocks."""
        sent = 0
        if self.plugged:
            with contextlib.suppress(BlockingIOError):
                sent = os.write(self._adapter.fileno(), data)
        self.lost += len(data) - sent

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # the hub closed its end this very moment
            data = os.read(self._adapter.fileno(), _READ_BYTES)
            if data:
                self._on_bytes(data)
