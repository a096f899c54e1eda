"""The other end of the home's line, for a world that does not pretend to be it: a broker, and a real centre behind."""

from typing import Protocol

from simulators.keys import KeySet


class FarEnd(Protocol):
    """Somebody who answers, and runs by itself before the world begins and after it ends.

    `hub` has enrolled there; `keys` are its own, and of whom it believes. `place` is the broker's host and port, which
    speaks TLS, as `name`. `ours`: it was started for this world alone, and answers from the first moment; others may be
    away for hours. `silent`: it answers nothing, behind a line that works.
    """

    hub: str
    ours: bool
    keys: KeySet
    place: tuple[str, int]
    name: str
    silent: bool

    def silence(self, *, silent: bool) -> None:
        """Have it answer nothing; or answer again. Raises OSError where it is not ours to silence."""
