"""The network's side of text messages (3GPP TS 23.040): reads what a modem sends, writes what it is given."""

import msgspec

from agent.sms import gsm7

DELIVERED, STILL_TRYING, GIVEN_UP = 0x00, 0x30, 0x41
"""What a status report may say: on the telephone, telephone off, not known there."""

_STAMP = bytes.fromhex("62111261000000")
_SERVICE_CENTRE = bytes.fromhex("07914407150000F0")
_INTERNATIONAL = 0x91
_UCS2 = 0x08
_CONCATENATED = 0x40


class SentText(msgspec.Struct, frozen=True):
    """A text that the hub sent. `reference` is the network's number for it."""

    number: str
    body: str
    reference: int
    report_wanted: bool = True
    coding: int = 0
    valid_minutes: int = 0


def read_submit(pdu: str, reference: int) -> SentText:
    """Decode an SMS-SUBMIT. Raises ValueError or IndexError when it is none."""
    octets = bytes.fromhex(pdu)
    tpdu = octets[octets[0] + 1 :]
    first, digits, kind = tpdu[0], tpdu[2], tpdu[3]
    if first & 0x1F != 0x11:  # noqa: PLR2004 -- a submit with a relative validity, the only thing that we send
        raise ValueError("not an SMS-SUBMIT")
    end = 4 + (digits + 1) // 2
    number = "".join(f"{octet & 0x0F}{octet >> 4:x}" for octet in tpdu[4:end])[:digits]
    coding, validity, length, data = tpdu[end + 1], tpdu[end + 2], tpdu[end + 3], tpdu[end + 4 :]
    body = data[:length].decode("utf-16-be") if coding == _UCS2 else gsm7.decode(gsm7.unpack(data, length))
    plus = "+" if kind == _INTERNATIONAL else ""
    return SentText(plus + number, body, reference, bool(first & 0x20), coding, (validity + 1) * 5)


def deliver(number: str, body: str, *, part: int = 0) -> str:
    """Encode an SMS-DELIVER. `part` makes it one of a text of two parts."""
    header = bytes([5, 0, 3, 7, 2, part]) if part else b""
    septets = gsm7.encode(body)
    if septets is None:
        coding, data = _UCS2, header + body.encode("utf-16-be")
        length = len(data)
    else:
        room = (len(header) * 8 + 6) // 7
        shifted = int.from_bytes(gsm7.pack(septets), "little") << (room * 7 - len(header) * 8)
        packed = shifted.to_bytes(len(gsm7.pack(septets)) + 1, "little")
        coding, length = 0, room + len(septets)
        data = (header + packed)[: (length * 7 + 7) // 8]
    first = bytes([0x04 | (_CONCATENATED if part else 0)])
    return _hex(_SERVICE_CENTRE + first + _address(number) + bytes([0, coding]) + _STAMP + bytes([length]) + data)


def status_report(reference: int, number: str, status: int = DELIVERED) -> str:
    """Encode an SMS-STATUS-REPORT."""
    return _hex(_SERVICE_CENTRE + bytes([0x06, reference]) + _address(number) + 2 * _STAMP + bytes([status]))


def tpdu_octets(pdu: str) -> int:
    """Give the length that a modem names: without the service centre's address."""
    return len(pdu) // 2 - int(pdu[:2], 16) - 1


def _address(number: str) -> bytes:
    digits = number.removeprefix("+")
    if not digits.isdecimal():  # a name
        packed = gsm7.pack(gsm7.encode(digits) or b"")
        return bytes([len(packed) * 2, 0xD0]) + packed
    pairs = (f"{digits[at : at + 2]:F<2}" for at in range(0, len(digits), 2))
    kind = _INTERNATIONAL if number.startswith("+") else 0xA1
    return bytes([len(digits), kind]) + bytes.fromhex("".join(pair[::-1] for pair in pairs))


def _hex(octets: bytes) -> str:
    return octets.hex().upper()
