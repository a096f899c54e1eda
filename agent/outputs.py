"""Lights and sounds: shows the display, sustained, and plays chirps. Never blocks, and a dead pin stops only itself."""

import asyncio
import contextlib
import logging
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from agent.pins import close_output, open_output
from agent.sound.loudspeaker import Loudspeaker
from agent.sound.score import OWN_CHIRP
from agent.sounds import ALERTS, CHIRPS, LIGHTS, STILL, TONES, Pattern
from rules.actions import ChirpName, Say
from rules.events import Event, PartChanged
from rules.projection import Display

log = logging.getLogger(__name__)

RETRY_S = 5.0
"""How soon a pin that failed is tried again."""

RETRY_S_MAX = 300.0
"""The pause doubles up to this, so that a loose wire does not fill the outbox (S12)."""

_IDLE_HZ = 440

Tell = Callable[[Event], object]


class Outputs(Protocol):
    """What the hub shows and sounds with. Called on the event loop: of a turn its chirps first, then what is shown."""

    def show(self, display: Display) -> None:
        """Show this from now on. Called after every change, and often without any."""

    def chirp(self, name: ChirpName) -> None:
        """Sound this once, beginning now; a sustained tone waits and goes on after it."""

    def say(self, say: Say) -> None:
        """Say this once, or sound for attention where there is no voice."""

    async def close(self) -> None:
        """Be dark and silent, and let go."""


class LogOutputs:
    """Writes what would be shown into the log, for a hub without pins. Such a hub has a standing fault."""

    def __init__(self) -> None:
        self._shown: Display | None = None

    def show(self, display: Display) -> None:
        """Log a display that is not the last one."""
        if display != self._shown:
            self._shown = display
            fields = ((name, getattr(display, name)) for name in display.__struct_fields__)
            log.info("display: %s", " ".join(f"{name}={value}" for name, value in fields))

    def chirp(self, name: ChirpName) -> None:
        """Log a chirp."""
        log.info("chirp: %s", name)

    def say(self, say: Say) -> None:
        """Log what kind of thing is said, and nothing of it (S11)."""
        log.info("say: %s", say.prompt or "a text")

    async def close(self) -> None:
        """Nothing to let go of."""


class Device(Protocol):
    """An opened pin."""

    def write(self, level: int) -> None:
        """Set the level: 0 off; 1 on, or for a sounder the pitch in Hz."""

    def close(self) -> None:
        """Let go of the pin."""


class Line:
    """One output: plays a pattern, and is reported as a part of the hub that fails and recovers (S7)."""

    def __init__(self, part: str, opens: Callable[[], Device], tell: Tell) -> None:
        self._part = part
        self._opens = opens
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._device: Device | None = None
        self._level = 0
        self._well = True
        self._failed_s = -math.inf
        self._pause_s = RETRY_S
        self._sustained: Pattern = STILL
        self._once = False
        self._steps: Iterator[tuple[int, int]] = iter(())
        self._next: asyncio.TimerHandle | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._write()

    def sustain(self, pattern: Pattern) -> None:
        """Play this for ever, from now on or from the end of the chirp; nothing happens if it is played already."""
        if pattern != self._sustained:
            self._sustained = pattern
            if not self._once:
                self._begin(self._score(()))

    def once(self, pattern: Pattern) -> None:
        """Play this once, at once. A newer chirp cuts an older one short: it is the newer news."""
        self._once = True
        self._begin(self._score(pattern))

    def close(self) -> None:
        """Off, and let go."""
        for timer in (self._next, self._retry):
            if timer is not None:
                timer.cancel()
        with contextlib.suppress(Exception):
            if self._device is not None:
                self._device.write(0)
        self._let_go()

    def _score(self, once: Pattern) -> Iterator[tuple[int, int]]:
        yield from once
        self._once = False
        while True:
            yield from self._sustained

    def _begin(self, steps: Iterator[tuple[int, int]]) -> None:
        self._steps = steps
        self._step()

    def _step(self) -> None:
        if self._next is not None:
            self._next.cancel()
        self._level, ms = next(self._steps)
        self._next = self._loop.call_later(ms / 1_000, self._step) if ms else None
        if self._well:
            self._write()

    def _write(self) -> None:
        """Write the level; a pin that raises is reported once, and tried again later."""
        try:
            if self._device is None:
                self._device = self._opens()
            self._device.write(self._level)
        except Exception as error:  # noqa: BLE001 -- gpiozero's, lgpio's and the kernel's errors have no common base
            self._let_go()
            self._retry = self._loop.call_later(self._next_pause_s(), self._write)
            self._report(well=False, reason=f"{type(error).__name__}: {error}")
        else:
            self._report(well=True)

    def _next_pause_s(self) -> float:
        steady = self._loop.time() - self._failed_s > 2 * RETRY_S_MAX
        self._failed_s = self._loop.time()
        pause_s = RETRY_S if steady else self._pause_s
        self._pause_s = min(2 * pause_s, RETRY_S_MAX)
        return pause_s

    def _report(self, *, well: bool, reason: str = "") -> None:
        if well != self._well:
            self._well = well
            self._tell(PartChanged(self._part, well, reason[:200]))

    def _let_go(self) -> None:
        device, self._device = self._device, None
        if device is not None:
            device.close()


class _Switch:
    """A light or a siren: on or off."""

    def __init__(self, pin: int, factory: Any) -> None:  # noqa: ANN401 -- gpiozero has no types
        self._device = open_output(pin, factory)

    def write(self, level: int) -> None:
        self._device.value = level

    def close(self) -> None:
        close_output(self._device)


class _Sounder:
    """A passive buzzer or an amplifier: a square wave.

    Not gpiozero's PWMOutputDevice: once its pin has raised, its `close` raises too, and the pin stays "in use" for
    ever, so that the sounder could never recover.
    """

    def __init__(self, pin: int, factory: Any) -> None:  # noqa: ANN401 -- likewise
        self._device = open_output(pin, factory)

    def write(self, level: int) -> None:
        self._device.pin.frequency = level or _IDLE_HZ  # in silence too, so that a dead pin cannot seem to recover
        self._device.pin.state = 0.5 if level else 0

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self._device.pin.frequency = None
        close_output(self._device)


class PinOutputs:
    """Lights, siren and sounder on pins: `pins` names the part of each Broadcom pin number. Made on the event loop.

    `factory` gives the pin factory (`agent.pins.Board.factory`), and may raise: then every part is a fault until it
    does not.
    """

    def __init__(self, pins: Mapping[str, int], factory: Callable[[], Any], tell: Tell) -> None:
        def opens(part: str, pin: int) -> Callable[[], Device]:
            return lambda: (_Sounder if part == "sounder" else _Switch)(pin, factory())

        self._lines = {part: Line(f"output-{part}", opens(part, pin), tell) for part, pin in pins.items()}
        self._tone: Pattern = STILL
        self._hushed = False

    def show(self, display: Display) -> None:
        """Show this from now on."""
        parts = ("call", "arrived", "someone", "fault", "beacon", "prompt")
        wanted = {part: LIGHTS[getattr(display, part)] for part in parts}
        wanted["relay"] = LIGHTS["on" if display.relay else "off"]
        wanted["siren"] = LIGHTS["on" if display.siren else "off"]
        wanted["alert"] = ALERTS[display.alert]
        self._tone = TONES[display.tone]
        wanted["sounder"] = STILL if self._hushed else self._tone
        for part, line in self._lines.items():
            line.sustain(wanted[part])

    def chirp(self, name: ChirpName) -> None:
        """Sound this once, beginning now."""
        sounder = self._lines.get("sounder")
        if sounder is not None:
            sounder.once(CHIRPS[name])

    def say(self, say: Say) -> None:
        """Sound for attention, unless a chirp says already what this is about."""
        if say.prompt not in OWN_CHIRP:
            self.chirp("attention")

    def hush(self, hushed: bool) -> None:  # noqa: FBT001 -- a state
        """Let the sustained tone rest while a loudspeaker speaks. Chirps sound."""
        self._hushed = hushed
        sounder = self._lines.get("sounder")
        if sounder is not None:
            sounder.sustain(STILL if hushed else self._tone)

    async def close(self) -> None:
        """Be dark and silent, and let go of the pins."""
        for line in self._lines.values():
            line.close()


class SpeakingOutputs:
    """Lights and sounds of a hub that has a loudspeaker as well: what it shows is shown, what it says is spoken.

    Chirps and tones sound on both: neither knows whether the other can be heard.
    """

    def __init__(self, shown: LogOutputs | PinOutputs, loudspeaker: Loudspeaker) -> None:
        self._shown = shown
        self._loudspeaker = loudspeaker

    def show(self, display: Display) -> None:
        """Show this from now on."""
        self._shown.show(display)
        self._loudspeaker.show(display)

    def chirp(self, name: ChirpName) -> None:
        """Sound this once, beginning now."""
        self._loudspeaker.chirp(name)
        self._shown.chirp(name)

    def say(self, say: Say) -> None:
        """Say this once; without a sound card that works, sound for attention."""
        self._loudspeaker.say(say)
        if not self._loudspeaker.player.well:
            self._shown.say(say)

    async def close(self) -> None:
        """Be dark and silent, and let go."""
        await self._loudspeaker.close()
        await self._shown.close()
