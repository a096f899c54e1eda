import asyncio
import itertools
import logging
from collections.abc import Callable
from typing import Any

import pytest

from agent.outputs import RETRY_S, RETRY_S_MAX, LogOutputs, PinOutputs
from agent.pins import pin_factory
from agent.sounds import ALERTS, CHIRPS, HZ_MAX, LIGHTS, TONES, Pattern
from rules.actions import Say
from rules.events import Event, PartChanged
from rules.projection import Display
from simulators.world.loop import run_virtual

PINS = {"call": 5, "arrived": 6, "someone": 12, "fault": 16, "siren": 20, "sounder": 18, "prompt": 22, "alert": 23}


class Home:
    """A board of mock pins, and what the hub told of its parts."""

    def __init__(self, tmp_path: Any = None) -> None:
        self.factory = pin_factory("mock", tmp_path)
        self.told: list[Event] = []
        self.outputs = PinOutputs(PINS, lambda: self.factory, self.told.append)

    def lit(self, part: str) -> bool:
        return bool(self.factory.pin(PINS[part]).state)

    def hz(self) -> int:
        pin = self.factory.pin(PINS["sounder"])
        return int(pin.frequency) if pin.state else 0

    async def over(self, see: Callable[[], Any], ms: int, every_ms: int = 50) -> list[Any]:
        """What is seen from now on, every 50 ms, in the middle of each."""
        seen = []
        await asyncio.sleep(every_ms / 2000)
        for _ in range(ms // every_ms):
            seen.append(see())
            await asyncio.sleep(every_ms / 1000)
        return seen


def expected(pattern: Pattern, ms: int, every_ms: int = 50) -> list[int]:
    seen: list[int] = []
    for hz, lasts in itertools.cycle(pattern):
        seen += [hz] * ((lasts or ms) // every_ms)
        if len(seen) >= ms // every_ms:
            return seen[: ms // every_ms]
    return seen


def in_a_home(script: Callable[[Home], Any]) -> None:
    async def main() -> None:
        home = Home()
        await script(home)
        await home.outputs.close()

    run_virtual(main())


# --- what is shown -----------------------------------------------------------------------------------


@pytest.mark.parametrize("light", LIGHTS)
@pytest.mark.parametrize("part", ["call", "arrived", "someone", "fault", "prompt"])
def test_a_light_shows_its_pattern(part: str, light: Any) -> None:
    async def script(home: Home) -> None:
        home.outputs.show(Display(**{part: light}))
        assert await home.over(lambda: home.lit(part), 6_000) == expected(LIGHTS[light], 6_000)
        others = set(PINS) - {part, "sounder"}
        assert not any(home.lit(other) for other in others)

    in_a_home(script)


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_shows_its_rhythm(alert: Any) -> None:
    async def script(home: Home) -> None:
        home.outputs.show(Display(alert=alert))
        assert await home.over(lambda: home.lit("alert"), 60_000) == expected(ALERTS[alert], 60_000)

    in_a_home(script)


@pytest.mark.parametrize("tone", TONES)
def test_a_tone_sounds_until_it_is_no_longer_so(tone: Any) -> None:
    async def script(home: Home) -> None:
        home.outputs.show(Display(tone=tone))
        assert await home.over(home.hz, 12_000, 25) == expected(TONES[tone], 12_000, 25)
        home.outputs.show(Display())
        assert set(await home.over(home.hz, 6_000)) == {0}

    in_a_home(script)


def test_the_siren_is_on_and_off_with_the_display() -> None:
    async def script(home: Home) -> None:
        home.outputs.show(Display(siren=True))
        assert home.lit("siren")
        assert all(await home.over(lambda: home.lit("siren"), 60_000))
        home.outputs.show(Display())
        assert not home.lit("siren")

    in_a_home(script)


def test_the_first_sound_and_light_come_within_the_call() -> None:
    async def script(home: Home) -> None:
        home.outputs.show(Display(call="slow", tone="calling"))
        assert home.lit("call")
        assert home.hz() == TONES["calling"][0][0]
        await asyncio.sleep(0.7)
        home.outputs.chirp("arrived")
        assert home.hz() == CHIRPS["arrived"][0][0]

    in_a_home(script)


def test_showing_the_same_again_does_not_begin_the_pattern_anew() -> None:
    async def script(home: Home) -> None:
        def see() -> tuple[int, bool]:
            home.outputs.show(Display(call="slow", tone="calling"))
            return home.hz(), home.lit("call")

        seen = await home.over(see, 9_000)
        assert [hz for hz, _ in seen] == expected(TONES["calling"], 9_000)
        assert [lit for _, lit in seen] == expected(LIGHTS["slow"], 9_000)

    in_a_home(script)


def test_a_chirp_interrupts_the_tone_which_goes_on_after_it() -> None:
    async def script(home: Home) -> None:
        home.outputs.show(Display(tone="no-line"))
        await asyncio.sleep(1.0)
        home.outputs.chirp("arrived")
        lasts = sum(ms for _, ms in CHIRPS["arrived"])
        seen = await home.over(home.hz, lasts + 3_000, 5)
        assert seen == expected(CHIRPS["arrived"], lasts, 5) + expected(TONES["no-line"], 3_000, 5)

    in_a_home(script)


def test_a_tone_that_changes_under_a_chirp_sounds_after_it() -> None:
    async def script(home: Home) -> None:
        home.outputs.show(Display(tone="no-line"))
        home.outputs.chirp("arrived")
        home.outputs.show(Display(tone="waiting"))
        lasts = sum(ms for _, ms in CHIRPS["arrived"])
        assert await home.over(home.hz, lasts, 10) == expected(CHIRPS["arrived"], lasts, 10)
        assert await home.over(home.hz, 6_000) == expected(TONES["waiting"], 6_000)

    in_a_home(script)


def test_a_newer_chirp_is_heard_at_once_and_silence_follows() -> None:
    async def script(home: Home) -> None:
        home.outputs.chirp("locate")
        await asyncio.sleep(0.05)
        home.outputs.chirp("heard")
        assert home.hz() == CHIRPS["heard"][0][0]
        await asyncio.sleep(1.0)
        assert set(await home.over(home.hz, 5_000)) == {0}

    in_a_home(script)


def test_what_is_said_without_a_voice_asks_for_attention_unless_a_chirp_said_already_what_it_is_about() -> None:
    async def script(home: Home) -> None:
        home.outputs.chirp("reminder")
        home.outputs.say(Say("tablets", "medication"))
        lasts = sum(ms for _, ms in CHIRPS["reminder"])
        assert await home.over(home.hz, lasts, 10) == expected(CHIRPS["reminder"], lasts, 10)
        home.outputs.say(Say("come-in"))
        lasts = sum(ms for _, ms in CHIRPS["attention"])
        assert await home.over(home.hz, lasts, 10) == expected(CHIRPS["attention"], lasts, 10)

    in_a_home(script)


def test_while_a_loudspeaker_speaks_the_sounders_tone_rests_and_goes_on_as_it_then_is() -> None:
    async def script(home: Home) -> None:
        home.outputs.show(Display(call="fast", tone="calling"))
        home.outputs.hush(True)
        assert set(await home.over(home.hz, 6_000)) == {0}
        home.outputs.show(Display(call="fast", tone="no-line"))
        assert set(await home.over(home.hz, 6_000)) == {0}
        home.outputs.chirp("arrived")
        assert home.hz() == CHIRPS["arrived"][0][0]
        await asyncio.sleep(3)
        home.outputs.hush(False)
        assert await home.over(home.hz, 3_000, 5) == expected(TONES["no-line"], 3_000, 5)

    in_a_home(script)


def test_closing_leaves_the_home_dark_and_silent() -> None:
    async def script(home: Home) -> None:
        home.outputs.show(Display("fast", "on", "on", "slow", "no-line", siren=True))
        home.outputs.chirp("locate")
        await home.outputs.close()
        assert not any(home.lit(part) for part in PINS)
        await asyncio.sleep(10)
        assert not any(home.lit(part) for part in PINS)
        assert home.told == []

    in_a_home(script)


def test_closing_silences_even_pins_that_cannot_be_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(home: Home) -> None:
        def stuck() -> None:
            raise OSError("stuck")

        home.outputs.show(Display(call="on", siren=True, tone="no-line"))
        for pin in PINS.values():
            monkeypatch.setattr(home.factory.pin(pin), "close", stuck)
        await home.outputs.close()
        assert not any(home.lit(part) for part in PINS)

    in_a_home(script)


def test_a_hub_with_a_light_and_no_sounder_only_lights() -> None:
    async def main() -> None:
        factory = pin_factory("mock", None)  # type: ignore[arg-type]  # mock pins write no file
        outputs = PinOutputs({"call": 5}, lambda: factory, print)
        outputs.show(Display(call="on", tone="calling", siren=True))
        outputs.chirp("heard")
        assert factory.pin(5).state
        assert len(factory.pins) == 1
        await outputs.close()

    run_virtual(main())


# --- dead pins ---------------------------------------------------------------------------------------


def test_s7_a_dead_pin_is_told_once_stops_only_itself_and_recovers(monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(home: Home) -> None:
        dead = home.factory.pin(PINS["siren"])

        def shorted(_value: object) -> None:
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(dead, "_set_state", shorted)
        home.outputs.show(Display(call="fast", siren=True, tone="no-line"))
        (told,) = home.told
        assert told == PartChanged("output-siren", ok=False, reason="OSError: [Errno 5] Input/output error")
        assert await home.over(lambda: home.lit("call"), 3_000) == expected(LIGHTS["fast"], 3_000)
        await asyncio.sleep(RETRY_S_MAX)
        assert home.told == [told]
        monkeypatch.undo()
        await asyncio.sleep(RETRY_S_MAX)
        assert home.told == [told, PartChanged("output-siren", ok=True)]
        assert home.lit("siren")

    in_a_home(script)


@pytest.mark.parametrize("raises", ["_set_frequency", "_set_state"])
def test_s7_a_dead_sounder_catches_up_with_its_pattern(raises: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(home: Home) -> None:
        dead = home.factory.pin(PINS["sounder"])

        def gone(_value: object) -> None:
            raise RuntimeError("gone")

        monkeypatch.setattr(dead, raises, gone)
        home.outputs.show(Display(tone="calling"))
        assert [getattr(event, "ok", None) for event in home.told] == [False]
        await asyncio.sleep(RETRY_S * 2.5)
        monkeypatch.undo()
        await asyncio.sleep(RETRY_S * 4)
        assert [getattr(event, "ok", None) for event in home.told] == [False, True]
        heard = await home.over(home.hz, 6_000)
        assert set(heard) == {0, 520}

    in_a_home(script)


def test_s12_a_loose_wire_is_told_ever_more_seldom_and_promptly_again_after_a_steady_time() -> None:
    async def script(home: Home) -> None:
        sounder = home.factory.pin(PINS["sounder"])
        loose = True

        def contact(value: float) -> None:
            if loose and value:
                raise OSError("loose")
            type(sounder)._set_state(sounder, value)

        sounder._set_state = contact
        home.outputs.show(Display(tone="waiting"))  # silence can be written, sound cannot
        await asyncio.sleep(3_600)
        assert 2 <= len(home.told) < 30
        loose = False
        await asyncio.sleep(3 * RETRY_S_MAX)
        assert home.told[-1] == PartChanged("output-sounder", ok=True)
        before, loose = len(home.told), True
        await asyncio.sleep(RETRY_S * 2.5)
        assert len(home.told) - before >= 2
        loose = False

    in_a_home(script)


def test_s7_a_board_that_cannot_be_opened_is_a_fault_of_every_part_until_it_can() -> None:
    async def main() -> None:
        factory = pin_factory("mock", None)  # type: ignore[arg-type]  # mock pins write no file
        answers: list[Any] = [OSError("no board")] * len(PINS)
        told: list[Event] = []

        def opened() -> Any:
            if answers:
                raise answers.pop()
            return factory

        outputs = PinOutputs(PINS, opened, told.append)
        assert told == [PartChanged(f"output-{part}", ok=False, reason="OSError: no board") for part in PINS]
        outputs.show(Display(call="on"))
        outputs.chirp("heard")
        await asyncio.sleep(RETRY_S + 0.1)
        recovered = {event.part for event in told[len(PINS) :] if isinstance(event, PartChanged) and event.ok}
        assert recovered == {f"output-{part}" for part in PINS}
        assert len(told) == 2 * len(PINS)
        assert factory.pin(PINS["call"]).state
        await outputs.close()

    run_virtual(main())


# --- the table of sounds -----------------------------------------------------------------------------


def rhythm(pattern: Pattern) -> tuple[tuple[bool, int], ...]:
    return tuple((hz > 0, ms) for hz, ms in pattern)


def test_every_stage_is_told_apart_by_rhythm_alone() -> None:
    for table in (LIGHTS, ALERTS, TONES, CHIRPS):
        patterns: list[Pattern] = list(table.values())
        rhythms = [rhythm(pattern) for pattern in patterns]
        assert len(set(rhythms)) == len(rhythms)
    beats = [tuple(ms >= 300 for hz, ms in pattern if hz) for pattern in CHIRPS.values()]
    assert len(set(beats)) == len(beats), "two chirps have the same long and short notes"


def test_tones_differ_in_how_often_or_how_long_they_sound_by_a_third_at_least() -> None:
    def character(pattern: Pattern) -> tuple[float, float]:
        whole = sum(ms for _, ms in pattern)
        notes = sum(1 for hz, _ in pattern if hz)
        return notes / whole * 1000, sum(ms for hz, ms in pattern if hz) / whole

    sounding = [character(pattern) for name, pattern in TONES.items() if name != "none"]
    for (rate, share), (other_rate, other_share) in itertools.combinations(sounding, 2):
        assert max(rate, other_rate) > 1.33 * min(rate, other_rate) or max(share, other_share) > 1.33 * min(
            share, other_share
        )


def test_an_alert_spares_its_relay_and_flashes_slowly_enough_for_anybody() -> None:
    for name, pattern in ALERTS.items():
        assert all(ms == 0 or ms >= 250 for _, ms in pattern), name
        whole = sum(ms for _, ms in pattern)
        flashes = sum(1 for level, _ in pattern if level)
        assert not whole or flashes / whole * 1_000 <= 2, f"{name}: three flashes a second can harm"
    seldom = {name: sum(ms for _, ms in ALERTS[name]) for name in ("someone", "reminder")}
    assert all(ms >= 30_000 for ms in seldom.values()), "these may last for half an hour and more"


def test_no_sound_is_too_high_for_old_ears_or_too_low_for_a_buzzer() -> None:
    notes = [hz for table in (TONES, CHIRPS) for pattern in table.values() for hz, _ in pattern if hz]
    assert min(notes) >= 400
    assert max(notes) <= HZ_MAX


def test_heard_is_short_and_no_chirp_hides_a_tone_for_long() -> None:
    assert sum(ms for _, ms in CHIRPS["heard"]) < 250
    assert max(sum(ms for _, ms in pattern) for pattern in CHIRPS.values()) < 2_500


# --- without pins ------------------------------------------------------------------------------------


async def test_without_pins_changes_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    outputs = LogOutputs()
    shown = "call=fast arrived=off someone=off fault=off tone=calling siren=False beacon=off relay=False"
    shown += " prompt=off alert=none quiet=False discreet=False"
    outputs.show(Display(call="fast", tone="calling"))
    outputs.show(Display(call="fast", tone="calling"))
    outputs.chirp("heard")
    outputs.say(Say("blue-tablets", "medication", "mrs-a"))
    await outputs.close()
    assert caplog.messages == [
        f"display: {shown}",
        "chirp: heard",
        "say: medication",
    ]
