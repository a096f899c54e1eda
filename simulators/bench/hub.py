"""The hub as it is, on mock pins that forget: gpiozero's own remember every change for ever, which real ones do not."""

import sys
from typing import Any

from gpiozero.pins.mock import MockFactory, MockPWMPin

from agent.__main__ import main
from agent.seams import Seams


class ForgetfulPin(MockPWMPin):
    """A mock pin that remembers its last change and no other."""

    def _change_state(self, value: Any) -> bool:  # noqa: ANN401 -- gpiozero has no types
        changed: bool = super()._change_state(value)  # type: ignore[no-untyped-call]
        del self.states[:-1]
        return changed


if __name__ == "__main__":
    sys.exit(main(seams=Seams(pin_factory=MockFactory(pin_class=ForgetfulPin))))  # type: ignore[no-untyped-call]
