"""GSM 7-bit text (3GPP TS 23.038): the alphabet and its extension, and septets packed into octets."""

_ALPHABET = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_ESCAPE = 0x1B
_EXTENSION = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}
_SEPTETS: dict[str, tuple[int, ...]] = {
    **{character: (septet,) for septet, character in enumerate(_ALPHABET) if septet != _ESCAPE},
    **{character: (_ESCAPE, septet) for septet, character in _EXTENSION.items()},
}


def encode(text: str) -> bytes | None:
    """Give a text's septets, one in each byte; None when it has a character that GSM 7-bit has not."""
    if not all(character in _SEPTETS for character in text):
        return None
    return bytes(septet for character in text for septet in _SEPTETS[character])


def decode(septets: bytes) -> str:
    """Give the text of septets. What an unknown extension means is shown as the plain character, as TS 23.038 says."""
    text, escaped = [], False
    for septet in septets:
        if septet == _ESCAPE and not escaped:
            escaped = True
            continue
        plain = " " if septet == _ESCAPE else _ALPHABET[septet]
        text.append(_EXTENSION.get(septet, plain) if escaped else plain)
        escaped = False
    return "".join(text)


def pack(septets: bytes) -> bytes:
    """Pack septets into octets, the first into the lowest bits."""
    bits = sum(septet << 7 * place for place, septet in enumerate(septets))
    return bits.to_bytes((7 * len(septets) + 7) // 8, "little")


def unpack(octets: bytes, count: int, fill_bits: int = 0) -> bytes:
    """Give `count` septets; `fill_bits` before the first belong to nobody (they follow a header)."""
    bits = int.from_bytes(octets, "little") >> fill_bits
    return bytes(bits >> 7 * place & 0x7F for place in range(count))
