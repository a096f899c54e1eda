"""What is otherwise than usual in a world of the demonstration."""

from typing import NamedTuple

SIREN_S = 60
"""When the siren sounds for a call that has not arrived, in seconds (`rules.ladder`)."""


class Setting(NamedTuple):
    """What is otherwise than usual from the beginning.

    `siren_s` after the raise the siren is due. `backlog` events wait on the hub's disk, over a line that takes
    `line_ms` each way. With `full_disk` the hub's store is on a disk that can be filled, with `trusted_clock` the hub
    is told that its wall clock is right, with `forger` somebody is on the centre's broker who should not be there.

    `at` is the time of day for everybody, in a home that is spoken to: it has a loudspeaker, which `sounds` where this
    machine has a sound card. `language` is the resident's. A minute of its care plan's waits lasts `minute_ms`. With
    `spoken_to` it is such a home at the machine's own time of day. With a `battery` the hub's plug can be pulled.
    """

    siren_s: int = SIREN_S
    backlog: int = 0
    line_ms: int = 0
    full_disk: bool = False
    trusted_clock: bool = False
    forger: bool = False
    at: str = ""
    language: str = "en"
    minute_ms: int = 0
    sounds: bool = False
    spoken_to: bool = False
    battery: bool = False
