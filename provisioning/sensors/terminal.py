"""Lines typed by an installer while the screen goes on; from a terminal or a pipe."""

import os
import select
import sys
import termios
import time
from collections.abc import Callable

import click
from rich.console import Console, RenderableType
from rich.live import Live

_READ_BYTES = 4_096
_LINE_BYTES_MAX = 64 * 1_024


class Lines:
    """What is typed at `handle`, line by line, without waiting longer than one wishes."""

    def __init__(self, handle: int = 0) -> None:
        self._handle = handle
        self._typed = b""
        self.ended = False

    def read(self, timeout_s: float | None) -> str | None:
        """Give the next line, and None when none came in this time, or there are no more (`ended`)."""
        until = None if timeout_s is None else time.monotonic() + timeout_s
        while b"\n" not in self._typed:
            if self.ended:
                if timeout_s is not None:
                    time.sleep(timeout_s)
                return None
            left_s = None if until is None else max(0.0, until - time.monotonic())
            if not select.select([self._handle], [], [], left_s)[0]:
                return None
            self._take(os.read(self._handle, _READ_BYTES))
        line, _, self._typed = self._typed.partition(b"\n")
        return line.decode(errors="replace")

    def forget(self) -> None:
        """Forget what was typed ahead on a terminal: it was no answer to what is asked now."""
        if os.isatty(self._handle):
            termios.tcflush(self._handle, termios.TCIFLUSH)
            self._typed = b""

    def _take(self, typed: bytes) -> None:
        self._typed += typed
        if not typed or len(self._typed) > _LINE_BYTES_MAX:  # S12
            self._typed += b"\n" * bool(self._typed)  # the last line may lack its end
            self.ended = True


class Screen:
    """Shows what stays, line by line, and below it on a terminal what changes.

    `out` is where it goes: standard error where standard output is a document's.
    """

    def __init__(self, *, err: bool = False) -> None:
        self.console = Console(stderr=err)
        self._live: Live | None = None
        self._question = ""
        self._err = err

    @property
    def is_terminal(self) -> bool:
        """Whether somebody looks at it."""
        return self.console.is_terminal

    def say(self, line: str) -> None:
        """Say a line that stays."""
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def show(self, picture: Callable[[], RenderableType]) -> None:
        """Show what changes, on a terminal only."""
        if not self.is_terminal:
            return
        if self._live is None:
            self._live = Live(console=self.console, auto_refresh=False, transient=True)
            self._live.start()
        self._live.update(picture(), refresh=True)

    def hold(self) -> None:
        """Take away what changes: something is asked, or it is over."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def unasked(self, question: str) -> bool:
        """Whether this is not what was asked last."""
        return question != self._question

    def ask(self, question: str, *, inline: bool = True) -> None:
        """Ask, once for each question; `inline` on a terminal: the answer is typed behind it."""
        if question and question != self._question:
            inline = inline and self.is_terminal
            click.echo(f"{question} " if inline else question, nl=not inline, err=self._err)
        self._question = question

    def asked(self) -> None:
        """Tell that the question was answered: the same is asked again if it comes again."""
        self._question = ""


def confirmed(lines: Lines, screen: Screen, question: str, *, otherwise: bool = True) -> bool:
    """Ask for yes or no; Enter says `otherwise`, the end of the input no."""
    screen.asked()
    screen.ask(f"{question} [{'Y/n' if otherwise else 'y/N'}]")
    line = lines.read(None)
    if line is None:
        return False
    word = line.strip().lower()
    return otherwise if not word else word in ("y", "yes")


def refuse(problem: object, code: int) -> None:
    """End with a plain word on standard error."""
    click.echo(str(problem), err=True)
    sys.exit(code)
