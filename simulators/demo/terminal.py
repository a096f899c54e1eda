"""The terminal, borrowed: keys come one by one and unechoed, and it is given back as it was, whatever happens."""

import contextlib
import os
import termios
from types import TracebackType
from typing import Any, Self

_IFLAG, _LFLAG, _CC = 0, 3, 6
_KEYS_BYTES_MAX = 256
ESCAPE = "\x1b"


class BorrowedTerminal:
    """Use as `with`. Ctrl-C is a key like others while it is ours: no signal reaches the hub or the broker."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._before: list[Any] = []

    def __enter__(self) -> Self:
        self._before = termios.tcgetattr(self._fd)
        ours = termios.tcgetattr(self._fd)
        ours[_IFLAG] &= ~termios.IXON
        ours[_LFLAG] &= ~(termios.ICANON | termios.ECHO | termios.ISIG)
        ours[_CC][termios.VMIN], ours[_CC][termios.VTIME] = 1, 0
        termios.tcsetattr(self._fd, termios.TCSADRAIN, ours)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(termios.error):  # it may be gone
            termios.tcsetattr(self._fd, termios.TCSAFLUSH, self._before)

    def keys(self) -> str | None:
        """Give what was pressed; None once the terminal is gone. Arrows and their kin are nothing."""
        try:
            data = os.read(self._fd, _KEYS_BYTES_MAX)
        except OSError:
            return None
        if not data:
            return None
        text = data.decode("ascii", "replace")
        return "" if text.startswith(ESCAPE) else text
