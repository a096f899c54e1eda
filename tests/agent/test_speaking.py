"""Which outputs a configuration makes, and what they do for one another; the words of what is said."""

import asyncio
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from agent.config import HubConfig, OutputPins, Sound
from agent.config.tables import Buttons, Keys
from agent.messages.keeping import Keeping as MessageKeeping
from agent.messages.keeping import Kept
from agent.outputs import LogOutputs, PinOutputs, SpeakingOutputs
from agent.pins import pin_factory
from agent.plan.keeping import Keeping as PlanKeeping
from agent.seams import Seams
from agent.sound.mixing import Sound as Speech
from agent.sound.pcm import Samples
from agent.sounds import CHIRPS, TONES
from agent.speaking import Speaking
from rules.actions import Say
from rules.events import Event, PartChanged
from rules.kinds import KINDS
from rules.plan import Plan, Reminder
from rules.projection import Display
from rules.state import House
from simulators.sound_card import card, frames

CONFIG = HubConfig(
    path=Path("hub.toml"),
    hub="hub-1",
    state_dir=Path("state"),
    socket=Path("hub.sock"),
    outputs=None,
    keys=Keys(hub=Path("hub.pem"), centre=(Path("centre.pem"),)),
    uplinks=(),
    pins=None,
    buttons=Buttons(),
    drivers=(),
    sensors=(),
    kinds=KINDS,
)
SOUNDER = OutputPins(sounder=18)


class Box:
    """What a hub of some configuration shows, sounds and says with."""

    def __init__(self, folder: Path, config: HubConfig, *, command: Any = None) -> None:
        self.record = folder / "record"
        self.factory = pin_factory("mock", folder)
        self.told: list[Event] = []
        self.kept: dict[str, Any] = {}
        self.house = House()
        self.plans, self.messages = PlanKeeping(folder, lambda: self.house), MessageKeeping(folder / "messages")
        self.speaking = Speaking(
            replace(config, state_dir=folder),
            Seams(sink=command or card(self.record)),
            lambda: self.factory,
            self.told.append,
            lambda: self.house,
            self.plans,
            self.messages,
        )
        self.speaking.keep_all(self.kept.__setitem__)
        self.outputs = self.speaking.outputs

    def hz(self) -> int:
        pin = self.factory.pin(18)
        return int(pin.frequency) if pin.state else 0

    @property
    def loudspeaker(self) -> Any:
        assert self.speaking.loudspeaker is not None
        return self.speaking.loudspeaker

    async def until(self, condition: Any) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.01)


async def test_a_hub_has_lamps_or_a_loudspeaker_or_both_or_only_the_log(tmp_path: Path) -> None:
    sound = Sound(device="default")
    assert isinstance(Box(tmp_path, CONFIG).outputs, LogOutputs)
    assert isinstance(Box(tmp_path, replace(CONFIG, outputs=SOUNDER)).outputs, PinOutputs)
    assert Box(tmp_path, CONFIG).kept == {}
    for config in (replace(CONFIG, sound=sound), replace(CONFIG, sound=sound, outputs=SOUNDER)):
        box = Box(tmp_path, config)
        assert isinstance(box.outputs, SpeakingOutputs)
        assert {"sound"} < box.kept.keys()
        await box.outputs.close()


async def test_both_sound_a_call_and_the_sounder_rests_while_the_loudspeaker_speaks(tmp_path: Path) -> None:
    box = Box(tmp_path, replace(CONFIG, sound=Sound(device="default"), outputs=SOUNDER))
    running = asyncio.create_task(box.kept["sound"]())
    box.outputs.chirp("heard")
    assert box.hz() == CHIRPS["heard"][0][0]
    await box.until(lambda: any(any(frame) for _, frame in frames(box.record)))
    box.outputs.show(Display(call="fast", tone="no-line"))
    await box.until(lambda: box.hz() == TONES["no-line"][0][0])
    level = b"\x10\x20" * 22_050
    box.loudspeaker.mixer.play(Speech(Samples([level]), percent=100, call=True, speech=True))
    await box.until(lambda: box.loudspeaker.mixer.speaking)
    await box.until(lambda: box.hz() == 0)
    await asyncio.sleep(0.5)  # longer than the busy tone rests
    assert box.hz() == 0
    await box.until(lambda: box.hz() == TONES["no-line"][0][0])
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await box.outputs.close()


async def test_s7_with_a_dead_sound_card_the_sounder_asks_for_attention_instead(tmp_path: Path) -> None:
    config = replace(CONFIG, sound=Sound(device="default"), outputs=SOUNDER)
    box = Box(tmp_path, config, command=lambda _device: ["no-such-program"])
    box.outputs.say(Say("come-in"))
    assert box.hz() == 0, "as far as anybody knows it is well"
    running = asyncio.create_task(box.kept["sound"]())
    await box.until(lambda: box.told)
    assert box.told == [PartChanged("sound", ok=False, reason="no-such-program: No such file or directory")]
    box.outputs.show(Display(call="fast", tone="calling"))
    assert box.hz() == TONES["calling"][0][0], "nothing else suffers"
    box.outputs.say(Say("come-in"))
    assert box.hz() == CHIRPS["attention"][0][0]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await box.outputs.close()


async def test_the_words_of_a_message_are_its_own_and_of_a_reminder_the_plans(tmp_path: Path, monkeypatch: Any) -> None:
    box = Box(tmp_path, replace(CONFIG, sound=Sound(device="default")))
    box.house = House(plan=Plan(version=3, language="cy", reminders=(Reminder(name="pills", text="blue"),)))
    box.messages.keep(Kept(id="m-1", text="See you on Sunday.", language="pl", hours=24))
    monkeypatch.setattr(box.plans, "text", {"blue": "Y dabled las."}.get)
    voice = box.loudspeaker.speech
    said = voice.text(Say("", "message", "", "m-1"))
    assert (said.words, said.language) == ("See you on Sunday.", "pl")
    said = voice.text(Say("blue", "medication"))
    assert (said.words, said.language) == ("Y dabled las.", "cy")
    assert voice.text(Say("gone", "medication")) is None
    assert voice.text(Say("", "message", "", "m-2")) is None
    await box.outputs.close()
