"""A serial adapter for tests: a pseudo-terminal behind a symbolic link, so that it can be pulled and replaced."""

import os
import pty
import tty
from pathlib import Path
from types import TracebackType
from typing import Self


class SerialAdapter:
    """`path` is what the driver opens. The test is the device: it writes what the device says."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._master = -1
        self._slave = -1

    def plug_in(self) -> Self:
        assert self._master < 0, "this adapter is plugged in already"
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)  # no echo: what the device says must not come back to it as a question
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(self._slave))
        return self  # our own slave end stays open, so that what is said before the driver opens it waits for it

    def pull(self) -> None:
        if self._master >= 0:
            os.close(self._master)
            os.close(self._slave)
            self._master = -1
        self.path.unlink(missing_ok=True)

    def say(self, data: bytes) -> None:
        assert os.write(self._master, data) == len(data)

    def hear(self) -> bytes:
        """Take what the driver wrote so far, without waiting."""
        os.set_blocking(self._master, False)
        try:
            return os.read(self._master, 4096)
        except BlockingIOError:
            return b""
        finally:
            os.set_blocking(self._master, True)

    def __enter__(self) -> Self:
        return self.plug_in()

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pull()
