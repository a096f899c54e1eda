"""A dialogue and a modem's core, wire to wire in virtual time; and a PIN's keeper without a file."""

from collections import deque
from collections.abc import Callable, Iterable

from agent.sms.dialogue import Dialogue, References
from agent.sms.outcomes import Came, Dead, Outcome, Outgoing, Stored, Write
from agent.sms.sim import PinError
from simulators.modem import ModemCore

ANNA, BEN = "+441632960001", "+441632960002"


class Pins:
    """Offers one PIN, once."""

    def __init__(self, pin: str = "") -> None:
        self.pin = pin
        self.offered = 0
        self.right = False

    def offer(self) -> str:
        if not self.pin or (self.offered and not self.right):
            raise PinError("there is no PIN to try")
        self.offered += 1
        return self.pin

    def accepted(self) -> None:
        self.right = True


def whole(data: bytes) -> Iterable[bytes]:
    return [data]


def drip(data: bytes) -> Iterable[bytes]:
    return (bytes([octet]) for octet in data)


class Bench:
    """`cut` cuts what the modem says; `outcomes` are all but what is to be written."""

    def __init__(
        self,
        core: ModemCore | None = None,
        pins: Pins | None = None,
        cut: Callable[[bytes], Iterable[bytes]] = whole,
        references: References | None = None,
        now_ms: int = 0,
    ) -> None:
        self._air: deque[bytes] = deque()
        self.core = core or ModemCore(self._air.append)
        self.core._say = self._air.append
        self._cut, self._carrying, self.now_ms = cut, False, now_ms
        self.outcomes: list[Outcome] = []
        self.texts: deque[Outgoing] = deque()
        self.dialogue = Dialogue(
            pins or Pins(),
            lambda: self.texts.popleft() if self.texts else None,
            {} if references is None else references,
        )
        self.take(self.dialogue.start(now_ms))

    def take(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            if isinstance(outcome, Write):
                self.core.feed(outcome.data)
            else:
                self.outcomes.append(outcome)
        self.air()

    def air(self) -> None:
        """Carry what the modem has said, piece by piece and in order."""
        if self._carrying:
            return
        self._carrying = True
        while self._air:
            for piece in self._cut(self._air.popleft()):
                self.take(self.dialogue.feed(piece, self.now_ms))
        self._carrying = False

    def hear(self, data: bytes) -> None:
        """Hear bytes that no modem of sense said."""
        self.take(self.dialogue.feed(data, self.now_ms))

    def wait(self, ms: int) -> None:
        """Let time go by."""
        until_ms = self.now_ms + ms
        while (due_ms := self.dialogue.due()) is not None and due_ms <= until_ms:
            self.now_ms = max(self.now_ms, due_ms)
            self.take(self.dialogue.settle(self.now_ms))
            self.air()
        self.now_ms = until_ms

    def ready(self) -> "Bench":
        """Let it come up."""
        self.wait(2_000)
        return self

    def send(self, text: str = "t1", number: str = ANNA, body: str = "Hello") -> None:
        self.texts.append(Outgoing(text, number, body))
        self.take(self.dialogue.nudge(self.now_ms))

    def settle(self, stored: Stored | None, *, kept: bool = True) -> None:
        assert stored is not None
        self.take(self.dialogue.settled(stored, self.now_ms, kept=kept))

    def of(self, *kinds: type) -> list[Outcome]:
        return [each for each in self.outcomes if isinstance(each, kinds)]

    @property
    def came(self) -> list[Came]:
        return [each for each in self.outcomes if isinstance(each, Came)]

    @property
    def dead(self) -> str:
        """Why it is dead; "" while it lives."""
        return next((each.reason for each in self.outcomes if isinstance(each, Dead)), "")
