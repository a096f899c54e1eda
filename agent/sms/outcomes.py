"""What a modem's dialogue is given and gives: a text to send, where a message lies, and all that may come of it."""

import msgspec


class Outgoing(msgspec.Struct, frozen=True):
    """A text to send: its id, to whom, what it says."""

    text: str
    number: str
    body: str


class Stored(msgspec.Struct, frozen=True):
    """Where a message lies in the modem: the name of the store, and its index there."""

    store: str
    index: int


class Write(msgspec.Struct, frozen=True):
    """Write these bytes to the modem."""

    data: bytes


class Fit(msgspec.Struct, frozen=True):
    """It can send texts."""


class Unfit(msgspec.Struct, frozen=True):
    """It lives, but cannot send texts."""

    reason: str


class Dead(msgspec.Struct, frozen=True):
    """It does not answer, or not sensibly: close it and open it again."""

    reason: str


class Sent(msgspec.Struct, frozen=True):
    """The network took a text."""

    text: str


class Delivered(msgspec.Struct, frozen=True):
    """A text is on its telephone."""

    text: str


class Failed(msgspec.Struct, frozen=True):
    """A text was not taken, or not delivered."""

    text: str
    reason: str


class Came(msgspec.Struct, frozen=True):
    """A text came. One that is stored stays in the modem until the dialogue is told that it was `settled`."""

    sender: str
    body: str
    stored: Stored | None


Outcome = Write | Fit | Unfit | Dead | Sent | Delivered | Failed | Came
