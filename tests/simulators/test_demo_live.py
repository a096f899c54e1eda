"""`hearthline demo` by hand, in a real pseudo-terminal: keys act, the screen tells, and the terminal is given back."""

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from simulators.demo.hands import QUIT, WORK
from simulators.demo.screen import KEYS, LEDE
from tests.support.demo import CODE, installed, left_behind

pytestmark = pytest.mark.slow

LIMIT_S = 30
NEW_SCREEN, OLD_SCREEN = "\x1b[?1049h", "\x1b[?1049l"
SHOW_CURSOR = "\x1b[?25h"
READY = "All is ready and quiet"


class Terminal:
    """A terminal with the demonstration in it, as a session of its own."""

    def __init__(
        self, folder: Path, code: str = f"import sys; sys.argv[1:] = ['demo', '--no-sound']; {CODE}", **environment: str
    ) -> None:
        self.folder = folder
        self.said = ""
        self._mark = 0
        self._ours, self._theirs = os.openpty()
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(self._theirs)
        # A shell that leads the session: the terminal it opens is its own, so that closing it hangs up.
        script = 'exec "$1" -c "$2" <"$0" >"$0" 2>&1'
        self.process = subprocess.Popen(
            ["sh", "-c", script, os.ttyname(self._theirs), sys.executable, code],
            env=installed(folder) | environment,
            cwd=folder,
            start_new_session=True,
        )

    def press(self, keys: str) -> None:
        """Press keys; what is expected next must come after them."""
        self._mark = len(self.said)
        os.write(self._ours, keys.encode())

    def until(self, words: str) -> None:
        """Read the screen until it says so; `#` is any digit but 0."""
        wanted = re.compile(re.escape(words).replace(r"\#", "[1-9]"))
        end_s = time.monotonic() + LIMIT_S
        while not wanted.search(self.text):
            assert self.process.poll() is None, f"it ended before {words!r}:\n{self.said}"
            assert time.monotonic() < end_s, f"{words!r} did not come:\n{self.text[-4000:]}"
            self._read(0.1)

    @property
    def text(self) -> str:
        """What was written since the last key, without colours and positions."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.said[self._mark :])

    def ended(self) -> int:
        """Wait for its end, and give its exit code."""
        end_s = time.monotonic() + LIMIT_S
        while self.process.poll() is None:
            assert time.monotonic() < end_s, f"it does not end:\n{self.text[-2000:]}"
            self._read(0.1)
        self._read(0)
        return self.process.returncode

    def attributes(self) -> list[Any]:
        """Tell the terminal's modes."""
        return termios.tcgetattr(self._theirs)

    def hang_up(self) -> None:
        """Close the window."""
        os.close(self._theirs)
        os.close(self._ours)
        self._ours = self._theirs = -1

    def _read(self, wait_s: float) -> None:
        while select.select([self._ours], [], [], wait_s)[0]:
            self.said += os.read(self._ours, 65_536).decode(errors="replace")
            wait_s = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self._ours >= 0:
            self.hang_up()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: sockets lie in it."""
    with tempfile.TemporaryDirectory(prefix="demo-", ignore_cleanup_errors=True) as made:
        yield Path(made)


def test_a_press_is_followed_to_its_end_and_q_gives_the_terminal_back(folder: Path) -> None:
    with Terminal(folder) as terminal:
        terminal.until(READY)
        assert all(line in terminal.text for line in LEDE)
        assert NEW_SCREEN in terminal.said
        terminal.press("p")
        terminal.until("one pip: it has heard you")
        terminal.until("CALL     blinks slowly: you can still cancel")
        terminal.until("Response centre: 1 open")
        terminal.until("the alarm arrives: pendant, home")
        terminal.until("● ARRIVED  on: the centre has your call")
        terminal.press("aa")  # the second one has nothing left to do
        terminal.until("● SOMEONE  on: a person has taken it on")
        terminal.until("there is no alarm to acknowledge")
        terminal.press("r")
        terminal.until("the lamps of the call go out")
        terminal.until("no open alarm")
        terminal.press("q")
        assert terminal.ended() == 0
        assert terminal.attributes() == terminal.before
        assert terminal.said.rindex(OLD_SCREEN) > terminal.said.rindex(NEW_SCREEN)
        assert SHOW_CURSOR in terminal.said
        assert left_behind(folder, terminal.process.pid) == []


def test_a_cut_line_and_a_killed_hub_are_shown_and_got_over(folder: Path) -> None:
    with Terminal(folder) as terminal:
        terminal.until(READY)
        terminal.press("lw")
        terminal.until("line ✗ CUT")
        terminal.until("busy tone: no line, it tries again")
        terminal.until("not yet receipted by the centre: #")
        terminal.until("the kitchen floor is wet")
        terminal.press("k")
        terminal.until("hub ✗ DEAD")
        terminal.until("the box is off: no light, no sound")
        terminal.until("is armed again")
        terminal.press("l")
        terminal.until("the alarm arrives: flood, kitchen")
        terminal.until("● ARRIVED  on")
        terminal.press("\x03")
        assert terminal.ended() == 0
        assert terminal.attributes() == terminal.before


def test_every_other_key_does_what_it_says(folder: Path) -> None:
    with Terminal(folder) as terminal:
        terminal.until(READY)
        for key, words in {
            "f": "the resident lies on the bathroom floor",
            "g": "get up again",
            "x": "a long note, a lower short one: cancelled",
            "m": "steady: there is a message for you",
            "t": "blinks slowly: it waits for your answer",
            "b": "it is done: tablets, 12:00",
            "c": "press CALL on the box",
            "\x1b[A": "blinks slowly",  # an arrow key is nothing
            "u": "pull the cord in the hall",
            "d": "dry the floor",
            "s": "centre ✗ SILENT",
            "S": "centre ✓ answers",
            "h": "hold HELP HAS ARRIVED",
            "y": "press the button with the tick",
            "n": "hold the button with the tick",
        }.items():
            terminal.press(key)
            terminal.until(words)
        terminal.press("q")
        assert terminal.ended() == 0


@pytest.mark.parametrize("when", ["starting", "running"])
def test_a_signal_gives_the_terminal_back(folder: Path, when: str) -> None:
    with Terminal(folder) as terminal:
        terminal.until("Starting a broker" if when == "starting" else READY)
        assert terminal.attributes() != terminal.before
        os.kill(terminal.process.pid, signal.SIGTERM)
        assert terminal.ended() == 128 + signal.SIGTERM
        assert terminal.attributes() == terminal.before
        assert terminal.said.rindex(OLD_SCREEN) > terminal.said.rindex(NEW_SCREEN)
        assert left_behind(folder, terminal.process.pid) == []


def test_it_can_be_left_while_it_starts(folder: Path) -> None:
    with Terminal(folder) as terminal:
        terminal.until("Starting a broker")
        terminal.press("q")
        assert terminal.ended() == 0
        assert terminal.attributes() == terminal.before
        assert left_behind(folder, terminal.process.pid) == []


def test_a_terminal_that_closes_ends_it_and_all_that_it_started(folder: Path) -> None:
    with Terminal(folder) as terminal:
        terminal.until(READY)
        terminal.hang_up()
        terminal.process.wait(LIMIT_S)
        assert left_behind(folder, terminal.process.pid) == []


def test_a_defect_of_ours_gives_the_terminal_back_and_is_shown(folder: Path) -> None:
    broken = f"""
import sys
import simulators.demo.live as live
def take(world, since): raise ZeroDivisionError("a defect")
live.take = take
sys.argv[1:] = ["demo", "--no-sound"]
{CODE}
"""
    with Terminal(folder, broken) as terminal:
        assert terminal.ended() == 1
        assert terminal.attributes() == terminal.before
        assert "ZeroDivisionError: a defect" in terminal.said[terminal.said.rindex(OLD_SCREEN) :]
        assert left_behind(folder, terminal.process.pid) == []


def test_a_simple_terminal_gets_lines(folder: Path) -> None:
    with Terminal(folder, TERM="dumb") as terminal:
        terminal.until("? says how all is now")
        terminal.press("w")
        terminal.until("centre  the alarm arrives: flood, kitchen")
        terminal.press("?")
        terminal.until("At the centre: flood, kitchen: new")
        assert "\x1b" not in terminal.said
        terminal.press("q")
        assert terminal.ended() == 0
        assert terminal.attributes() == terminal.before


def test_every_key_is_on_the_screen_and_does_something() -> None:
    shown = {each[0] for row in KEYS for _, *keys in row for each in keys}
    assert shown == WORK.keys() | (QUIT & set("q"))
    assert all(sum(len(who) + sum(len(each) + 2 for each in keys) for who, *keys in row) + 1 <= 80 for row in KEYS)
