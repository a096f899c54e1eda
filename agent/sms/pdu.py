"""Text messages as a modem takes and gives them (3GPP TS 23.040): SMS-SUBMIT out, SMS-DELIVER and STATUS-REPORT in.

Written here, small: the one kept library only decodes, knows no status reports, and pulls in two packages more.
"""

import re

import msgspec

from agent.sms import gsm7

GSM7_MAX, UCS2_MAX = 160, 70
"""What one message holds: septets of GSM 7-bit, or UTF-16 code units. We never send a second part (S12)."""

PDU_OCTETS_MAX = 12 + 176
"""A service centre's address and the longest TPDU: what a line from a modem may hold."""

VALID_MINUTES = 60
"""The network gives a text up after so long: its code would be good no more."""

_NUMBER = re.compile(r"\+?[0-9]{3,15}", re.ASCII)

_SUBMIT, _RELATIVE_VALIDITY, _STATUS_WANTED = 0x01, 0x10, 0x20
_DELIVER, _STATUS_REPORT, _TYPE = 0x00, 0x02, 0x03
_HAS_HEADER = 0x40
_INTERNATIONAL, _ALPHANUMERIC, _NATIONAL_OR_UNKNOWN = 0x91, 0x50, 0x81
_KIND_OF_NUMBER = 0x70
_GSM7, _OCTETS, _UCS2 = 0x00, 0x04, 0x08
_DIGITS = "0123456789*#abc"
_STAMP_OCTETS = 7
_ADDRESS_DIGITS_MAX = 20
_PORTS = (0x04, 0x05)
_PARTS = {0x00: 3, 0x08: 4}


class PduError(Exception):
    """A message that cannot be read, or a text that cannot be sent; the text says why, and quotes nothing (S11)."""


class Submit(msgspec.Struct, frozen=True):
    """A text ready to send: `octets` is what AT+CMGS wants to know, `hex` what it is then given."""

    octets: int
    hex: str


class Deliver(msgspec.Struct, frozen=True):
    """A text that came. `sender` is "" when it is no number; `body` is "" when it is no text; `part` counts from 1."""

    sender: str
    body: str
    part: int = 1


class StatusReport(msgspec.Struct, frozen=True):
    """What became of the text with this reference, sent to this number. Neither flag: the network still tries."""

    reference: int
    recipient: str
    delivered: bool
    failed: bool


def submit(number: str, body: str) -> Submit:
    """Encode a text for one number, in GSM 7-bit if that can say it and else in UCS-2; its delivery is reported.

    Raises PduError when the number is none, or the text does not fit one message.
    """
    if _NUMBER.fullmatch(number) is None:
        raise PduError("the contact's number is not a telephone number")
    digits = number.removeprefix("+")
    swapped = "".join(f"{two[1:] or 'F'}{two[0]}" for two in (digits[at : at + 2] for at in range(0, len(digits), 2)))
    kind = _INTERNATIONAL if number.startswith("+") else _NATIONAL_OR_UNKNOWN
    coding, length, data = _user_data(body)
    tpdu = (
        bytes([_SUBMIT | _RELATIVE_VALIDITY | _STATUS_WANTED, 0, len(digits), kind])
        + bytes.fromhex(swapped)
        + bytes([0, coding, VALID_MINUTES // 5 - 1, length])
        + data
    )
    return Submit(len(tpdu), f"00{tpdu.hex().upper()}")  # 00: the SIM knows its service centre


def _user_data(body: str) -> tuple[int, int, bytes]:
    septets = gsm7.encode(body)
    if septets is not None and len(septets) <= GSM7_MAX:
        return _GSM7, len(septets), gsm7.pack(septets)
    units = body.encode("utf-16-be", errors="replace")
    if len(units) > 2 * UCS2_MAX:
        raise PduError(f"the text does not fit one message ({GSM7_MAX} plain or {UCS2_MAX} other characters)")
    return _UCS2, len(units), units


def read(pdu: str) -> Deliver | StatusReport:
    """Decode what a modem received. Raises PduError."""
    try:
        octets = bytes.fromhex(pdu)
    except ValueError:
        raise PduError("not hexadecimal") from None
    if len(octets) > PDU_OCTETS_MAX:
        raise PduError("longer than any message")
    reader = _Octets(octets)
    reader.take(reader.one())  # the service centre's address
    first = reader.one()
    match first & _TYPE:
        case 0x00:
            return _deliver(reader, headed=bool(first & _HAS_HEADER))
        case 0x02:
            return _status_report(reader)
        case _:
            raise PduError("not a message that was received")


class _Octets:
    """Octets, taken from the front."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._at = 0

    def take(self, count: int) -> bytes:
        taken = self._octets[self._at : self._at + count]
        if len(taken) < count:
            raise PduError("shorter than it says")
        self._at += count
        return taken

    def one(self) -> int:
        return self.take(1)[0]

    def rest(self) -> bytes:
        return self._octets[self._at :]


def _address(reader: _Octets) -> str:
    length, kind = reader.one(), reader.one()
    if length > _ADDRESS_DIGITS_MAX:
        raise PduError("an address longer than any")
    nibbles = [nibble for octet in reader.take((length + 1) // 2) for nibble in (octet & 0x0F, octet >> 4)][:length]
    if kind & _KIND_OF_NUMBER == _ALPHANUMERIC:
        return ""  # a name, as a bank's or a shop's: nobody who could be answered
    digits = "".join(_DIGITS[nibble] for nibble in nibbles if nibble < len(_DIGITS))
    return f"+{digits}" if kind & _KIND_OF_NUMBER == _INTERNATIONAL & _KIND_OF_NUMBER else digits


def _status_report(reader: _Octets) -> StatusReport:
    reference, recipient = reader.one(), _address(reader)
    reader.take(2 * _STAMP_OCTETS)
    status = reader.one()
    # TS 23.040, 9.2.3.15: 00-1F done, 20-3F still trying, all others given up.
    return StatusReport(reference, recipient, delivered=status < 0x20, failed=status >= 0x40)  # noqa: PLR2004 -- above


def _deliver(reader: _Octets, *, headed: bool) -> Deliver:
    sender = _address(reader)
    reader.one()  # the protocol identifier
    coding = _coding(reader.one())
    reader.take(_STAMP_OCTETS)
    length, data = reader.one(), reader.rest()
    part, header_octets = 1, 0
    if headed:
        if not data or len(data) <= data[0]:
            raise PduError("a header longer than its message")
        header_octets = data[0] + 1
        found = _part(data[1:header_octets])
        if found is None:
            return Deliver(sender, "")  # for a program, not for people
        part = found
    return Deliver(sender, _body(coding, length, data, header_octets), part)


def _coding(scheme: int) -> int | None:
    """Give the alphabet of a data coding scheme (TS 23.038, 4); None for what is compressed."""
    match scheme >> 4:
        case 0x0 | 0x1 | 0x4 | 0x5:
            return scheme & 0x0C
        case 0x2 | 0x3 | 0x6 | 0x7:
            return None
        case 0xE:
            return _UCS2
        case 0xF:
            return scheme & _OCTETS
        case _:
            return _GSM7


def _part(header: bytes) -> int | None:
    """Give which part of a longer text this is; None when it is addressed to a program's port."""
    part, rest = 1, header
    while len(rest) >= 2 and len(rest) >= 2 + rest[1]:  # noqa: PLR2004 -- what it is, and how long
        what, value, rest = rest[0], rest[2 : 2 + rest[1]], rest[2 + rest[1] :]
        if what in _PORTS:
            return None
        if len(value) == _PARTS.get(what):
            part = value[-1]
    return part


def _body(coding: int | None, length: int, data: bytes, header_octets: int) -> str:
    if coding == _GSM7:
        header_septets = (header_octets * 8 + 6) // 7
        count = length - header_septets
        if count < 0 or (length * 7 + 7) // 8 > len(data):
            raise PduError("shorter than it says")
        return gsm7.decode(gsm7.unpack(data[header_octets:], count, header_septets * 7 - header_octets * 8))
    if len(data) < length or header_octets > length:
        raise PduError("shorter than it says")
    return data[header_octets:length].decode("utf-16-be", errors="replace") if coding == _UCS2 else ""
