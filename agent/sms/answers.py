"""What a modem says, cut into lines and read: prompts, results, errors in words, registration, signal."""

import re

import msgspec

LINE_BYTES_MAX = 512
"""S12: the longest line is a message's PDU in hexadecimal; what is longer is junk up to its end."""

PROMPT = ">"
CUT_OFF = ""
"""The result of a command that got no answer in time."""

_ENDS = re.compile(rb"[\r\n]")
_ERROR = re.compile(r"\+CM[ES] ERROR: ?(\w[\w ]*)", re.ASCII)
_ERROR_DIGITS_MAX = 4
_NO_SIM = "there is no SIM card in it"
_ERRORS = {
    # 3GPP TS 24.011 annex E: why the network did not take a text.
    1: "no such number",
    8: "barred by the operator",
    10: "barred by the operator",
    21: "the network rejected it",
    27: "that telephone cannot be reached",
    28: "the SIM card is not known to the network",
    29: "the SIM card may not send texts",
    38: "the network is out of order",
    41: "a passing trouble of the network",
    42: "the network is congested",
    47: "the network has no resources",
    50: "the SIM card may not send texts",
    # 3GPP TS 27.005, 3.2.5: why the modem could not send it.
    310: _NO_SIM,
    311: "the SIM card wants its PIN",
    313: "the SIM card failed",
    314: "the SIM card is busy",
    315: "the SIM card is a wrong one",
    316: "the SIM card is locked: it wants its PUK",
    330: "the SIM card knows no service centre for texts",
    331: "not registered with a network",
    332: "the network did not answer",
    500: "an unknown error",
}
_SIM_ERRORS = {
    # 3GPP TS 27.007, 9.2.1
    10: _NO_SIM,
    13: "the SIM card failed",
    15: "the SIM card is a wrong one",
}
_SIM_STATES = {
    "SIM PUK": "the SIM card is locked: it wants its PUK, which its owner has",
    "SIM PIN2": "the SIM card wants its PIN2",
    "SIM PUK2": "the SIM card wants its PUK2",
}
_BUSY = (14, 314)
_REGISTERED = (1, 5, 6, 7)
"""At home, roaming, and either for texts only (TS 27.007, 7.2)."""

_REGISTRATIONS = {
    0: "not registered with a network, and not looking for one",
    2: "no network found yet",
    3: "the network refuses the SIM card",
}
_RSSI_MAX = 31


class Answer(msgspec.Struct, frozen=True):
    """A command's answer: its lines, and the result that ended them (OK, an error, the prompt, or `CUT_OFF`)."""

    result: str
    lines: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether it was done."""
        return self.result == "OK"

    def fields(self, name: str) -> list[str] | None:
        """Give what follows `+NAME:`, split at the commas; None when no line begins so."""
        line = next((line for line in self.lines if line.startswith(f"+{name}:")), None)
        return None if line is None else [field.strip().strip('"') for field in line.split(":", 1)[1].split(",")]


class Lines:
    """Cuts a modem's bytes into lines. What comes before a line's end waits, bounded."""

    def __init__(self) -> None:
        self._waiting = b""
        self._skipping = False
        self.noise = 0

    def feed(self, data: bytes) -> list[str]:
        """Give the lines that are whole now, without their ends; empty ones and junk are left out, junk is counted."""
        *whole, self._waiting = _ENDS.split(self._waiting + data)
        lines = []
        for line in whole:
            if self._skipping:
                self._skipping = False
            elif len(line) > LINE_BYTES_MAX or not (line.isascii() and line.decode("latin-1").isprintable()):
                self.noise += 1
            elif text := line.decode("ascii").strip():
                lines.append(text)
        if len(self._waiting) > LINE_BYTES_MAX:
            self.noise += not self._skipping
            self._skipping, self._waiting = True, b""
        return lines

    def prompted(self) -> bool:
        """Take the prompt for a message, if it is there: it has no line's end."""
        if self._skipping or not self._waiting.startswith(PROMPT.encode()):
            return False
        self._waiting = b""
        return True


def is_result(line: str) -> bool:
    """Tell whether a line ends an answer."""
    return line in ("OK", "ERROR") or _ERROR.match(line) is not None


def _error(result: str) -> int | None:
    found = _ERROR.match(result)
    return int(found[1]) if found and found[1].isdecimal() and len(found[1]) <= _ERROR_DIGITS_MAX else None


def error_words(result: str) -> str:
    """Say in plain words why a text was not taken."""
    number = _error(result)
    return "the modem refused it" if number is None else f"error {number}: {_ERRORS.get(number, 'not taken')}"


def sim_words(answer: Answer) -> str:
    """Say what keeps the SIM from working, of an answer to AT+CPIN?; "" when it is ready, or wants its PIN."""
    state = (answer.fields("CPIN") or [""])[0]
    if answer.ok:
        return "" if state in ("READY", "SIM PIN") else _SIM_STATES.get(state, "the SIM card is locked")
    return _SIM_ERRORS.get(_error(answer.result) or 0, "the SIM card does not answer")


def is_busy(answer: Answer) -> bool:
    """Tell whether the SIM only needs a moment."""
    return _error(answer.result) in _BUSY


def registration(answer: Answer) -> int | None:
    """Give the state in an answer to AT+CREG? or AT+CEREG?; None when it has none."""
    fields = answer.fields("CREG") or answer.fields("CEREG")
    if not answer.ok or not fields:
        return None
    state = fields[1] if len(fields) > 1 else fields[0]
    return int(state) if state.isdecimal() and len(state) == 1 else None


def is_registered(states: list[int | None]) -> bool:
    """Tell whether any of the networks has let it in."""
    return any(state in _REGISTERED for state in states)


def registration_words(states: list[int | None]) -> str:
    """Say why it is not registered: the gravest of what its networks say."""
    known = max((state for state in states if state in _REGISTRATIONS), default=0)
    return _REGISTRATIONS[known]


def signal_dbm(answer: Answer) -> int | None:
    """Give the signal in an answer to AT+CSQ, in dBm (TS 27.007: -113 + 2 rssi); None when it is not known."""
    fields = answer.fields("CSQ")
    if not answer.ok or not fields or not fields[0].isdecimal() or len(fields[0]) > 3:  # noqa: PLR2004 -- three digits
        return None
    rssi = int(fields[0])
    return -113 + 2 * rssi if rssi <= _RSSI_MAX else None
