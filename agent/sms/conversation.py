"""One command at a time, without I/O: a script asks, the modem answers; what nobody asked for is passed on."""

import re
from collections.abc import Callable, Generator

import msgspec

from agent.sms.answers import CUT_OFF, PROMPT, Answer, Lines, is_result

ANSWER_MS = 10_000
"""S7: a modem that gives a command no answer in so long is dead."""

ANSWER_LINES_MAX = 1_024
"""S12: a full store has 255 messages, two lines each."""

_ANSWERING, _ARRIVING = ("+CMGL:", "+CMGR:"), ("+CMT:", "+CDS:")
"""What a line with a message follows: of an answer, and unasked."""

_ANNOUNCING = ("+CMTI:", "+CDSI:")
_RESTARTED = ("RDY", "START")
_PDU = re.compile(r"[0-9A-Fa-f]+", re.ASCII)


class ModemDeadError(Exception):
    """The modem does not answer, or not sensibly. The text says what happened."""


class Ask(msgspec.Struct, frozen=True):
    """A command, and how long its answer may take. `patient`: no answer is an answer too."""

    command: bytes
    timeout_ms: int = ANSWER_MS
    prompt: bool = False
    patient: bool = False

    @property
    def name(self) -> str:
        """The command without its values: they may be a PIN or somebody's number (S11)."""
        name = self.command.split(b"=")[0].decode("ascii").strip()
        return name if name.startswith("AT") else "a text"


class Pause(msgspec.Struct, frozen=True):
    """Wait so long before going on."""

    ms: int


Script = Generator[Ask | Pause, Answer, None]
"""Yields what to ask and gets the answer; what a pause gets means nothing."""


class Conversation:
    """Runs one script at a time.

    `unasked` is given every line that is no answer's, and the message's PDU that follows it, or "".
    `now_ms` is when it was last told anything.
    """

    def __init__(self, write: Callable[[bytes], None], unasked: Callable[[str, str], None]) -> None:
        self._write, self._unasked = write, unasked
        self._lines = Lines()
        self._script: Script | None = None
        self._ask: Ask | None = None
        self._answer: list[str] = []
        self._header = ""
        self._due_ms: int | None = None
        self._unreadable = 0
        self.now_ms = 0
        self.greeted = False
        """Whether the echo is off: to see it again then means that the modem has restarted, and forgotten all."""

    @property
    def busy(self) -> bool:
        """Whether a script runs."""
        return self._script is not None

    @property
    def noise(self) -> int:
        """How many lines meant nothing."""
        return self._lines.noise + self._unreadable

    def due(self) -> int | None:
        """When to call `settle`."""
        return self._due_ms

    def run(self, script: Script) -> None:
        """Begin a script; none must be running."""
        self._script = script
        self._go_on(None)

    def feed(self, data: bytes) -> None:
        """Take what the modem said. Raises ModemDeadError."""
        for line in self._lines.feed(data):
            self._hear(line)
        if self._ask is not None and self._ask.prompt and self._lines.prompted():
            self._answered(PROMPT)

    def settle(self) -> None:
        """Let the time until `now_ms` have its effect. Raises ModemDeadError."""
        if self._due_ms is None or self.now_ms < self._due_ms:
            return
        if self._ask is None:
            self._go_on(None)
        elif self._ask.patient:
            self._answered(CUT_OFF)
        else:
            raise ModemDeadError(f"no answer to {self._ask.name} in {self._ask.timeout_ms // 1_000} s")

    def _hear(self, line: str) -> None:
        if self._header:
            header, self._header = self._header, ""
            if _PDU.fullmatch(line):
                self._message(header, line)
                return
            self._unreadable += 1
        ask = self._ask
        if self.greeted and (line in _RESTARTED or (ask is not None and line == _echo(ask))):
            raise ModemDeadError("it restarted by itself")  # its settings are gone; setting it up anew brings them back
        if line.startswith(_ANSWERING + _ARRIVING):
            self._header = line
        elif ask is None or line.startswith(_ANNOUNCING):
            self._unasked(line, "")
        elif is_result(line) or (ask.prompt and line == PROMPT):
            self._answered(line)
        elif len(self._answer) < ANSWER_LINES_MAX:
            self._answer.append(line)

    def _message(self, header: str, message: str) -> None:
        if header.startswith(_ARRIVING):
            self._unasked(header, message)
        elif len(self._answer) < ANSWER_LINES_MAX:
            self._answer += [header, message]

    def _answered(self, result: str) -> None:
        answer = Answer(result, tuple(self._answer))
        self._ask, self._answer, self._header = None, [], ""
        self._go_on(answer)

    def _go_on(self, answer: Answer | None) -> None:
        if self._script is None:
            return
        try:
            step = next(self._script) if answer is None else self._script.send(answer)
        except StopIteration:
            self._script = self._due_ms = None
            return
        if isinstance(step, Pause):
            self._due_ms = self.now_ms + step.ms
            return
        self._ask, self._due_ms = step, self.now_ms + step.timeout_ms
        self._write(step.command)


def _echo(ask: Ask) -> str:
    return ask.command.decode("ascii").strip("\r\x1a")
