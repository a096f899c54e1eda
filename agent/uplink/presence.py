"""Which of the hub's connections live, by their nonces: what a status names, and what a fresh message may name."""

from collections.abc import Callable


class Presence:
    """What the uplinks know of each other. When a connection ends, those that remain tell the centre so."""

    def __init__(self) -> None:
        self._living: dict[str, Callable[[], None]] = {}

    def began(self, nonce: str, say_again: Callable[[], None]) -> None:
        """A connection is there; `say_again` has it tell its status anew."""
        self._living[nonce] = say_again

    def ended(self, nonce: str) -> None:
        """A connection is gone, if it was there.

        The centre must hear of it from those that remain: what it signs would go on naming this nonce (S8), and a
        connection it takes for living could hide the death of the last one that was (S7).
        """
        if self._living.pop(nonce, None) is not None:
            for say_again in self._living.values():
                say_again()

    def others(self, nonce: str) -> tuple[str, ...]:
        """Give the nonces of every other connection that lives."""
        return tuple(each for each in self._living if each != nonce)

    def living(self, nonce: str) -> frozenset[str]:
        """Give the nonces of every connection that lives, and of this one, which is perhaps only coming up."""
        return frozenset((nonce, *self._living))
