"""PUBACKs in the order in which the messages came, as MQTT 5 demands ([MQTT-4.6.0-2]), whenever each is ready. Pure."""

from collections.abc import Callable


class AcksInOrder:
    """Holds back what is ready until all that came before it is. `send` gets packet identifiers."""

    def __init__(self, send: Callable[[int], None]) -> None:
        self._send = send
        self._owed: dict[int, bool] = {}
        """By packet identifier, in the order they came: whether it is ready. Bounded by our Receive Maximum."""

    def came(self, mid: int) -> None:
        """Take note of a message that will be acknowledged."""
        self._owed[mid] = False

    def ready(self, mid: int) -> None:
        """Acknowledge a message as soon as its turn has come; nothing for one that is not owed, or no more."""
        if mid in self._owed:
            self._owed[mid] = True
        while self._owed and self._owed[first := next(iter(self._owed))]:
            del self._owed[first]
            self._send(first)
