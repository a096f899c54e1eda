"""The loudspeaker whole, frame by frame: volume, language, what cuts what, and that no order breaks it."""

import asyncio
import itertools
import logging
from array import array
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.config import Sound as SoundConfig
from agent.sound.loudspeaker import READ_S, Loudspeaker
from agent.sound.pcm import FRAME_BYTES, forever, once
from agent.sound.score import CALLS
from agent.sounds import CHIRPS, TONES
from agent.voice.index import Clip, Wanted
from agent.voice.phrases import EMERGENCY, PHRASES, text_key
from rules.actions import ChirpName, PromptName, Say
from rules.plan import Person, Plan, Voice
from rules.projection import Display
from simulators.world.loop import run_virtual
from tests.support.examples import examples

FRAMES = 8
"""How long everything is that this home says."""
TEXTS = {"blue": "Take the blue one.", "sit": "Sit down."}
PENDING = Display(call="slow", tone="pending")
CALLING = Display(call="fast", tone="calling")
NO_LINE = Display(call="fast", tone="no-line")
WAITING = Display(call="on", arrived="on", tone="waiting")
SOMEONE = Display(call="on", arrived="on", someone="on")
SILENCED = Display(call="on", arrived="on")


class Rendered:
    """A voice whose every clip is one level: it can be told from anything else, and which it is."""

    def __init__(self, *missing: str) -> None:
        keys = [*PHRASES, *(text_key(words) for words in TEXTS.values())]
        self.levels = {key: 20_000 + 100 * number for number, key in enumerate(keys)}
        self.missing = set(missing)
        self.asked: list[tuple[str, str]] = []
        self.torn = False

    def sequence(self, key: str, language: str) -> tuple[Clip, ...]:
        self.asked.append((key, language))
        if key in self.missing or key not in self.levels:
            return ()
        return (Clip(key=key, language=language, file="f", size=FRAMES * FRAME_BYTES),)

    async def ready(self, key: str, language: str) -> tuple[Clip, ...]:
        return self.sequence(key, language)

    def words(self, key: str, _language: str) -> str:
        return "" if key.startswith("text.") else f"<{key}>"

    def read(self, clip: Clip) -> bytes:
        return b"" if self.torn else level(self.levels[clip.key]) * FRAMES

    def name(self, frame: bytes | None) -> str:
        """What a frame is of: a phrase's key, "sound" or "rest"."""
        if frame is None or not any(frame):
            return "rest"
        samples = set(array("h", frame))
        return next((key for key, at in self.levels.items() if samples == {at}), "sound")


def level(value: int) -> bytes:
    return array("h", [value] * (FRAME_BYTES // 2)).tobytes()


async def at_once(work: Callable[..., Any], *args: Any) -> Any:
    return work(*args)


class Room:
    """A loudspeaker on a virtual loop, listened to frame by frame."""

    def __init__(self, plan: Plan | None = None, config: SoundConfig | None = None, carry: Any = at_once) -> None:
        self.voice = Rendered()
        self.plan = plan or Plan()
        self.loudspeaker = Loudspeaker(
            config or SoundConfig(device="none"), self.voice, lambda: self.plan, self.text, print, carry=carry
        )

    def text(self, say: Say) -> Wanted | None:
        words = TEXTS.get(say.text or "blue")
        return None if words is None else Wanted(language="en", words=words)

    def turn(self, display: Display, *chirps: ChirpName, says: tuple[Say, ...] = ()) -> None:
        """One turn, as the daemon has it."""
        for name in chirps:
            self.loudspeaker.chirp(name)
        self.loudspeaker.show(display)
        for say in says:
            self.loudspeaker.say(say)

    async def frame(self) -> bytes | None:
        await asyncio.sleep(0.02)
        return self.loudspeaker.mixer.frame()

    async def heard(self, frames: int) -> list[str]:
        """What is heard in the next frames, without repetition and rests."""
        names = [self.voice.name(await self.frame()) for _ in range(frames)]
        return [name for name, _ in itertools.groupby(names) if name != "rest"]


def in_a_room(script: Callable[[Room], Coroutine[Any, Any, None]], **how: Any) -> None:
    async def main() -> None:
        room = Room(**how)
        await script(room)
        await room.loudspeaker.close()

    run_virtual(main())


# --- what is said --------------------------------------------------------------------------------------


def test_a_call_is_heard_chirp_first_then_words_then_its_tone() -> None:
    async def script(room: Room) -> None:
        room.turn(Display())
        room.turn(CALLING, "heard")
        assert await room.heard(11 + 15 + 2 * FRAMES + 15) == ["sound", "call.heard", "call.calling", "sound"]
        assert room.voice.name(await room.frame()) in ("sound", "rest")

    in_a_room(script)


def test_a_reminder_is_cut_by_a_call_with_the_next_frame_and_never_comes_back_by_itself() -> None:
    async def script(room: Room) -> None:
        room.turn(Display(prompt="slow"), "reminder", says=(Say("blue", "medication"), Say("", "message", "", "m")))
        assert (await room.heard(80))[-1] == text_key(TEXTS["blue"])
        room.loudspeaker.chirp("heard")  # before the commit
        assert await room.frame() == once(CHIRPS["heard"]).take(FRAME_BYTES)
        room.turn(PENDING)
        heard = await room.heard(3_000)
        assert {each for each in heard if each != "sound"} == {"call.heard", "call.pending"}

    in_a_room(script)


def test_words_that_are_no_longer_so_are_cut_when_the_stage_changes() -> None:
    async def script(room: Room) -> None:
        room.turn(Display())
        room.turn(PENDING, "heard")
        assert (await room.heard(15))[-1] == "call.heard"
        room.turn(CALLING)
        assert (await room.heard(3))[0] == "call.calling"

    in_a_room(script)


def test_no_line_and_waiting_are_said_again_in_their_time() -> None:
    async def script(room: Room) -> None:
        room.turn(NO_LINE)
        names = [room.voice.name(await room.frame()) for _ in range(95 * 50)]
        said = [at for at, (a, b) in enumerate(itertools.pairwise(["", *names])) if b == "call.no-line" != a]
        assert [round(at / 50) for at in said] == [0, 30, 60, 90]
        room.turn(WAITING, "arrived")
        names = [room.voice.name(await room.frame()) for _ in range(130 * 50)]
        assert [name for name, _ in itertools.groupby(names) if name.startswith("call.")] == [
            "call.arrived",
            "call.waiting",
            "call.waiting",
        ]

    in_a_room(script)


def test_each_is_spoken_to_in_their_language_and_the_home_in_its_own() -> None:
    plan = Plan(language="cy", people=(Person(person="mrs-a", language="ur"), Person(person="mr-b")))

    async def script(room: Room) -> None:
        room.turn(Display(), says=(Say("", "drink", "mrs-a"), Say("", "weigh", "mr-b")))
        await room.heard(10)
        room.turn(CALLING, "heard")
        assert [each for each in room.voice.asked if each[0] not in ("call.heard", "reminder.answer")] == [
            ("reminder.drink", "ur"),
            ("reminder.weigh", "cy"),
            ("call.calling", "cy"),
        ]

    in_a_room(script, plan=plan)


def test_a_reminder_whose_text_was_not_rendered_is_its_kinds_phrase() -> None:
    async def script(room: Room) -> None:
        room.voice.missing.add(text_key(TEXTS["blue"]))
        room.turn(Display(), says=(Say("blue", "medication"),))
        assert await room.heard(60) == ["reminder.medication", "reminder.answer"]
        room.turn(Display(), says=(Say("gone", "medication"),))
        assert await room.heard(60) == ["reminder.medication", "reminder.answer"]
        room.turn(Display(), says=(Say("", "message", "", "m"),))
        assert await room.heard(60) == ["message.comes", "message.answer"]

    in_a_room(script)


# --- how loud ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quiet", "plan", "limits", "ordinary", "call"),
    [
        (False, Voice(), {}, 100, 100),
        (True, Voice(), {}, 40, 100),
        (False, Voice(volume=60), {}, 60, 100),
        (True, Voice(quiet_volume=5), {"volume_min": 25}, 25, 100),
        (False, Voice(volume=90), {"volume_max": 70}, 70, 70),
        (True, Voice(quiet_volume=90), {"volume_max": 70}, 70, 70),
    ],
)
def test_calls_are_at_full_volume_at_any_hour_and_the_rest_as_the_plan_says(
    quiet: bool, plan: Voice, limits: dict[str, int], ordinary: int, call: int
) -> None:
    async def script(room: Room) -> None:
        room.turn(Display(quiet=quiet), says=(Say("", "drink"),))
        assert await loudest(room) == room.voice.levels["reminder.drink"] * ordinary // 100
        room.loudspeaker.chirp("taken")
        assert await loudest(room) == peak("taken") * ordinary // 100
        room.turn(Display(call="fast", tone="calling", quiet=quiet), "heard")
        assert await loudest(room) == peak("heard") * call // 100
        assert await loudest(room, 8) == room.voice.levels["call.heard"] * call // 100

    in_a_room(script, plan=Plan(voice=plan), config=SoundConfig(device="none", **limits))


async def loudest(room: Room, frames: int = 4) -> int:
    return max([max(array("h", await room.frame() or b"\0\0")) for _ in range(frames)])


def peak(name: ChirpName) -> int:
    return max(array("h", once(CHIRPS[name]).take(4 * FRAME_BYTES)))


# --- without a voice, or with a bad disk ---------------------------------------------------------------


def test_without_a_voice_there_are_patterns_and_the_words_of_phrases_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)

    async def script(room: Room) -> None:
        room.voice.missing.update(room.voice.levels)
        room.turn(Display(), "reminder", says=(Say("blue", "medication"),))
        heard = [await room.frame() for _ in range(100)]
        reminder = once(CHIRPS["reminder"])
        assert [frame for frame in heard if frame] == [*iter(lambda: reminder.take(FRAME_BYTES), b"")]
        room.turn(Display(), says=(Say("sit"),))
        assert await room.frame() == once(CHIRPS["attention"]).take(FRAME_BYTES)
        room.turn(NO_LINE, "heard")

    in_a_room(script)
    assert caplog.messages == [
        "say: (a text) <reminder.answer>",
        "say: (a text)",
        "say: <call.heard> <call.no-line>",
    ]
    assert not any(words in caplog.text for words in TEXTS.values()), "S11"


def test_a_torn_file_is_as_none() -> None:
    async def script(room: Room) -> None:
        room.turn(Display())
        room.voice.torn = True
        room.turn(Display(), says=(Say("sit"),))
        assert await room.frame() == once(CHIRPS["attention"]).take(FRAME_BYTES)
        room.turn(CALLING, "heard")
        await room.heard(10)
        assert await room.frame() is not None
        assert await room.frame() == forever(TONES["calling"]).take(FRAME_BYTES)

    in_a_room(script)


def test_s1_a_disk_that_hangs_holds_back_no_word_of_a_call_and_nothing_else_for_ever() -> None:
    async def never(*_: Any) -> Any:
        await asyncio.Event().wait()

    async def script(room: Room) -> None:
        room.turn(Display(), "reminder", says=(Say("blue", "medication"),))
        await room.heard(70)
        room.turn(CALLING, "heard")
        assert await room.heard(40) == ["sound", "call.heard", "call.calling"]
        room.turn(Display(), "resolved")
        await room.heard(200)
        room.turn(Display(), says=(Say("sit"),))
        assert await room.heard(int(READ_S * 50) - 5) == []
        assert await room.heard(10) == ["sound"]

    in_a_room(script, carry=never)


# --- no order that breaks it ---------------------------------------------------------------------------

DISPLAYS = [
    Display(),
    PENDING,
    CALLING,
    NO_LINE,
    WAITING,
    SOMEONE,
    SILENCED,
    Display(fault="slow"),
    Display(prompt="on"),
]
PROMPTS: tuple[PromptName | None, ...] = ("medication", "message", "missed", None)
SAYS = [Say(text, prompt) for text in ("blue", "", "gone") for prompt in PROMPTS if text or prompt]

HEARD_FRAMES = 11
turns = st.tuples(
    st.lists(st.sampled_from(sorted(CHIRPS)), max_size=2),
    st.sampled_from(DISPLAYS),
    st.lists(st.sampled_from(SAYS), max_size=2),
    st.integers(0, 60),
)


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(turns, max_size=12))
def test_no_order_leaves_words_over_a_calls_sound_and_at_last_the_tone_sounds(script: list[Any]) -> None:
    async def play(room: Room) -> None:
        display, since_heard = Display(), 100
        for chirps, display, says, frames in script:
            room.turn(display, *chirps, says=tuple(says))
            first = await room.frame()
            calls = [name for name in chirps if name in CALLS]
            if calls and ("heard" in calls or since_heard > HEARD_FRAMES):
                expected: ChirpName = "heard" if "heard" in calls else calls[-1]
                assert first == once(CHIRPS[expected]).take(FRAME_BYTES), "a call's chirp is the very next thing heard"
            since_heard = (0 if "heard" in calls else since_heard) + 1 + frames
            calling = display.call != "off"
            for frame in [first, *[await room.frame() for _ in range(frames)]]:
                name = room.voice.name(frame)
                mine = name in EMERGENCY or name in ("sound", "rest") or name == text_key(TEXTS["blue"])
                assert mine or not calling, f"{name} over a call"
        await tone_at_last(room, display)

    in_a_room(play)


async def tone_at_last(room: Room, display: Display) -> None:
    """Once everything that ends has ended: the stage's tone, or nothing at all."""
    mixer = room.loudspeaker.mixer
    async with asyncio.timeout(60):
        while mixer.busy:
            await room.frame()
    if display.tone == "none":
        assert {await room.frame() for _ in range(100)} == {None}
        return
    tone, heard = forever(TONES[display.tone]), [await room.frame() for _ in range(260)]
    pattern = b"".join(tone.take(FRAME_BYTES) for _ in range(1_500))
    assert any(frame and any(frame) for frame in heard)
    assert b"".join(frame or b"-" for frame in heard) in pattern
