"""What a resident sees and hears, recognised from the pins: every sound and rhythm the hub has, and no other."""

import random
from collections.abc import Iterable, Iterator
from typing import get_args

import pytest

from agent.sounds import ALERTS, CHIRPS, LIGHTS, TONES, Pattern
from rules.actions import ChirpName
from rules.projection import Alert, Tone
from simulators.demo.senses import STEADY_MS, Senses, Sign
from simulators.demo.words import ALERT as ALERT_WORDS
from simulators.demo.words import CHIRPS as CHIRP_WORDS
from simulators.demo.words import SIGNS
from simulators.demo.words import TONES as TONE_WORDS
from simulators.flat import OUTPUTS
from simulators.watched_pins import Change

LATE_MS = 60
"""How late a busy machine changes a pin."""


class Pins:
    """Plays patterns as the hub's outputs do, each change a little late, and keeps what was noticed."""

    def __init__(self) -> None:
        self.senses = Senses()
        self.signs: list[Sign] = []
        self.ms = 10_000
        self._hz: float | None = None
        self._rng = random.Random(1)

    def play(self, part: str, steps: Iterable[tuple[int, int]]) -> list[str]:
        """Play steps, each for its time; the pin is left as the last one leaves it."""
        before = len(self.signs)
        for level, lasting_ms in steps:
            at_ms = self.ms + self._rng.randint(0, LATE_MS)
            value, hz = (level, None) if part != "sounder" else (0.5 if level else 0.0, float(level) or None)
            if part == "sounder" and not level and self._hz not in (None, 440.0):
                self._feed(part, Change(OUTPUTS[part], 0.5, at_ms, 440.0))  # gpiozero's way to silence
            self._feed(part, Change(OUTPUTS[part], value, at_ms, hz))
            self._hz = hz
            self.wait(lasting_ms)
        return [sign.key for sign in self.signs[before:]]

    def wait(self, ms: int) -> list[str]:
        """Let time pass, looking every 100 ms as the demonstration does."""
        before = len(self.signs)
        until_ms = self.ms + ms
        while self.ms + 100 < until_ms:
            self.ms += 100
            self.signs += self.senses.settle(self.ms)
        self.ms = until_ms
        return [sign.key for sign in self.signs[before:]]

    def _feed(self, part: str, change: Change) -> None:
        self.signs += self.senses.feed(part, change)


def times(pattern: Pattern, count: int) -> Iterator[tuple[int, int]]:
    for _ in range(count):
        yield from pattern


@pytest.mark.parametrize("name", CHIRPS)
def test_every_chirp_is_heard_as_itself(name: ChirpName) -> None:
    pins = Pins()
    assert pins.play("sounder", CHIRPS[name]) + pins.wait(2_000) == [f"chirp:{name}"]
    assert pins.signs[0].ms - 10_000 <= LATE_MS  # when it began, though it is known later


@pytest.mark.parametrize("name", [name for name in TONES if name != "none"])
def test_every_tone_is_heard_once_for_as_long_as_it_lasts(name: Tone) -> None:
    pins = Pins()
    assert pins.play("sounder", times(TONES[name], 3)) == [f"tone:{name}"]
    assert pins.senses.ear.tone == name
    assert pins.wait(7_000) == []
    assert pins.senses.ear.tone == "none"


@pytest.mark.parametrize("tone", [name for name in TONES if name != "none"])
@pytest.mark.parametrize("chirp", CHIRPS)
def test_a_chirp_in_the_middle_of_a_tone_is_told_apart(chirp: ChirpName, tone: Tone) -> None:
    pins = Pins()
    pins.play("sounder", times(TONES[tone], 2))
    assert pins.play("sounder", CHIRPS[chirp])[-1:] == [f"chirp:{chirp}"]
    pins.play("sounder", times(TONES[tone], 2))
    assert pins.senses.ear.tone == tone


def test_the_first_news_of_a_press_is_told_at_once() -> None:
    pins = Pins()
    assert pins.play("sounder", [(CHIRPS["heard"][0][0], 1)]) == ["chirp:heard"]


def test_a_lamp_that_blinks_is_told_by_its_rhythm() -> None:
    pins = Pins()
    assert pins.play("call", times(LIGHTS["slow"], 3)) == ["lamp:call:lit", "lamp:call:slow"]
    assert pins.play("call", times(LIGHTS["fast"], 4)) == ["lamp:call:fast"]
    assert pins.play("call", [(1, 3_000)]) == ["lamp:call:on"]
    assert pins.play("call", [(0, 3_000)]) == ["lamp:call:off", "dark"]


def test_a_slow_lamp_that_is_put_out_early_did_not_blink_fast() -> None:
    pins = Pins()
    assert pins.play("call", [(1, 250), (0, 3_000)]) == ["lamp:call:lit", "lamp:call:off", "dark"]


def test_the_dark_after_the_last_blink_counts_from_the_blink_that_did_not_come() -> None:
    pins = Pins()
    pins.play("call", times(LIGHTS["slow"], 2))
    out_ms = pins.ms - 1_000
    pins.wait(STEADY_MS + 200)
    assert pins.signs[-1].key == "dark"
    assert 0 <= pins.signs[-1].ms - out_ms - 1_000 <= LATE_MS


def test_lamps_that_never_blink_and_the_siren_are_told_at_once() -> None:
    pins = Pins()
    assert pins.play("arrived", [(1, 1)]) == ["lamp:arrived:on"]
    assert pins.play("someone", [(1, 1)]) == ["lamp:someone:on"]
    assert pins.play("siren", [(1, 1)]) == ["siren:on"]
    assert pins.play("arrived", [(0, 1)]) == ["lamp:arrived:off"]
    assert not pins.senses.quiet
    assert pins.play("someone", [(0, 1)]) == ["lamp:someone:off", "dark"]
    assert pins.senses.quiet


def test_a_fault_alone_is_no_alarm() -> None:
    pins = Pins()
    assert pins.play("fault", times(LIGHTS["slow"], 2)) == ["lamp:fault:lit", "lamp:fault:slow"]
    assert pins.senses.quiet


@pytest.mark.parametrize("name", [name for name in ALERTS if name != "none"])
def test_every_alert_is_seen_or_felt_as_itself_and_no_other(name: Alert) -> None:
    pins = Pins()
    assert pins.play("alert", times(ALERTS[name], 3)) == [f"alert:{name}"]
    assert pins.senses.alert.alert == name
    assert pins.signs[0].ms - 10_000 <= 2 * LATE_MS  # when it began, though it is known later
    assert pins.play("alert", [(0, 40_000)]) == ["alert:none"]


def test_an_alert_that_goes_over_into_another_is_told_apart() -> None:
    pins = Pins()
    pins.play("alert", times(ALERTS["reminder"], 1))
    pins.play("alert", [(1, 100)])  # it is cut, by a call: lit all the while
    assert pins.play("alert", times(ALERTS["calling"], 3)) == ["alert:calling"]
    assert pins.play("alert", times(ALERTS["no-line"], 3)) == ["alert:no-line"]
    assert pins.play("alert", times(ALERTS["arrived"], 2)) == ["alert:arrived"]
    assert pins.play("alert", times(ALERTS["someone"], 1)) == ["alert:someone"]


def test_a_reminder_and_a_message_shine_in_their_own_ways() -> None:
    pins = Pins()
    assert pins.play("prompt", times(LIGHTS["slow"], 2)) == ["lamp:prompt:lit", "lamp:prompt:slow"]
    assert pins.play("prompt", [(1, 3_000)]) == ["lamp:prompt:on"]
    assert pins.play("prompt", [(0, 3_000)]) == ["lamp:prompt:off"]
    assert pins.senses.quiet, "it is no alarm"


def test_every_sound_has_words() -> None:
    assert set(CHIRP_WORDS) == set(get_args(ChirpName))
    assert set(TONE_WORDS) == set(get_args(Tone))
    assert set(ALERT_WORDS) == set(get_args(Alert))
    wanted = {f"chirp:{name}" for name in get_args(ChirpName)} | {f"tone:{name}" for name in TONE_WORDS}
    wanted |= {f"alert:{name}" for name in ALERT_WORDS}
    assert wanted - {"tone:none", "alert:none"} <= SIGNS.keys()
