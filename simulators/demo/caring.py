"""What the demonstration's home is cared for with: its time of day, its care plan, and a message from the family."""

import asyncio
import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any, Final

from agent.config import load
from agent.plan.reading import read_plan
from agent.voice.index import INDEX, canonical, read_index
from agent.voice.phrases import EMERGENCY, REVIEWED, text_key
from agent.wire.envelope import HUB_ALGORITHM, read_key
from centre.issue import message
from provisioning.plan.apply import ApplyError, lay
from rules import calendar
from simulators.demo.card import can_speak
from simulators.demo.levers import Levers, TimedClock
from simulators.demo.story import Who
from simulators.flat import LID, PERSON, Flat
from simulators.keys import HubKeys

ZONE: Final = "Europe/London"

REMINDER: Final = "tablets"
TIMES: Final = ("08:00", "12:00", "16:00", "20:00")

SOON_MS: Final = 75_000
"""As a time of day has whole minutes, the tablets are due 15 to 75 s from now."""

AHEAD_MS: Final = 2_000
"""So long before a time of the plan the clock is put."""

REPEAT_MIN, MISSED_MIN = 3, 6
"""How often tablets are reminded of, and when they count as missed, where minutes are shortened."""

TAKES_S: Final = 30.0
"""For the hub to prove a plan on a busy machine."""

SPEAKS_S: Final = 60.0
"""For everything that a call says to be rendered in another language."""

GAPS: Final = ("*/line-down", "*/line-lying", "*/centre-silent", "*/centre-idle", "*/mains-off")
"""The home has nobody but its centre, and no modem."""

NAMES: Final = {"cy": "Welsh", "en": "English", "pl": "Polish", "ur": "Urdu"}

FAMILY: Final = {
    "en": "I will come by at four, and I will bring cake.",
    "cy": "Byddaf yn galw heibio am bedwar, gyda chacen.",
    "pl": "Przyjdę o czwartej i przyniosę ciasto.",
    "ur": "میں چار بجے آؤں گی اور کیک لاؤں گی۔",  # noqa: RUF001 -- that is how Urdu ends a sentence
}
"""What the daughter has to say. Machine-drafted, as the catalogues are."""

_LOOK_S = 0.1
_TAKES_UP_S = 1.0
"""For the hub to take up what was rendered for it."""


def plan(version: int, language: str, *, hastened: bool, times: Sequence[str] = TIMES) -> dict[str, Any]:
    """Give the home's care plan, as its file would; `hastened` for a hub whose minutes are shortened."""
    waits = {"repeat_min": REPEAT_MIN, "missed_min": MISSED_MIN, "late_min": 2 * MISSED_MIN} if hastened else {}
    reminder = {
        "name": REMINDER,
        "kind": "medication",
        "person": PERSON,
        "at": list(times[:1] if hastened else times),
        "sensor": LID,
        "alarm": True,
        **waits,
    }
    return {
        "version": version,
        "language": language,
        "time_zone": ZONE,
        "accepted_gaps": list(GAPS),
        "person": {PERSON: {"language": language}},
        "reminder": [reminder],
    }


class Care:
    """Cares for the home. `tell` tells a step of the story; `texts` has the words that were sent, by their key."""

    def __init__(
        self,
        flat: Flat,
        keys: HubKeys,
        command: Callable[[str, str, object], str],
        lever: Levers,
        clock: TimedClock,
        tell: Callable[[Who, str, str], None],
        *,
        language: str,
    ) -> None:
        self.language = language
        self.texts: dict[str, str] = {}
        self._flat, self._keys, self._command = flat, keys, command
        self._lever, self._clock, self._tell = lever, clock, tell
        self._version = 0

    @property
    def planned(self) -> bool:
        """Whether the hub has a care plan."""
        return self._version > 0

    def begin(self, time: str) -> None:
        """Let it be this time of day; before the hub starts."""
        self._lever.time_ms += self._next_ms(time) - self._clock.now().wall_ms

    async def give_plan(self, times: Sequence[str] = TIMES) -> bool:
        """Give the hub its care plan, as `hearthline plan apply` does; and wait until it can speak the language."""
        raw = plan(self._version + 1, self.language, hastened=bool(self._lever.minute_ms), times=times)
        try:
            outcome = await asyncio.to_thread(lay, read_plan(raw), load(self._flat.config), TAKES_S)
        except ApplyError as error:
            self._tell("hub", "hub:plan-refused", f"does not take the care plan: {error}")
            return False
        if outcome.outcome == "refused":
            self._tell("hub", "hub:plan-refused", f"refuses the care plan: {outcome.reason}")
            return False
        self._version = outcome.version
        speaks = f"speaks {NAMES[self.language]}, and reminds of {REMINDER} at {', '.join(raw['reminder'][0]['at'])}"
        self._tell("hub", "hub:plan", f"has proven the care plan, and takes it: it {speaks}")
        await self._until_it_speaks()
        return True

    async def _until_it_speaks(self) -> None:
        """Wait until what a call says can be played; where nothing can speak, until its words are known."""
        voice, wanted, loud = self._flat.folder / "state" / "voice", canonical(self.language), can_speak()
        for _ in range(round(SPEAKS_S / _LOOK_S)):
            if (voice / INDEX).exists():
                clips = read_index(voice).clips
                ready = {clip.key for clip in clips if clip.language == wanted and (clip.file or not loud)}
                if ready >= EMERGENCY:
                    await asyncio.sleep(_TAKES_UP_S)
                    return
            await asyncio.sleep(_LOOK_S)

    async def soon(self) -> None:
        """Give the hub a care plan by which the tablets are due in a minute: for a world at the machine's own time."""
        zone = calendar.zone_of(ZONE)
        assert zone is not None  # noqa: S101 -- every Linux has it
        due = dt.datetime.fromtimestamp((self._clock.now().wall_ms + SOON_MS) / 1000, zone)
        await self.give_plan((f"{due:%H:%M}",))

    async def time_comes(self, time: str = "") -> int:
        """Put everybody's clock just before a time of the plan, the next if none is named; give when that is, in ms.

        That is on the boot-relative clock. A clock that is set wakes no hub, so somebody uses the front door.
        """
        wall_ms = self._clock.now().wall_ms
        due_ms, time = min((self._next_ms(each), each) for each in ((time,) if time else TIMES))
        self._lever.time_ms += due_ms - AHEAD_MS - wall_ms
        now_ms = self._clock.now().ms
        self._tell("home", "home:clock", f"the clocks go forward, to just before {time}")
        await self._flat.use_door()
        return now_ms + AHEAD_MS

    def _next_ms(self, time: str) -> int:
        """Give the next moment at which the home's clock shows this."""
        zone, wall_ms = calendar.zone_of(ZONE), self._clock.now().wall_ms
        assert zone is not None  # noqa: S101 -- every Linux has it
        hours, minutes = map(int, time.split(":"))
        on = calendar.date_of(zone, wall_ms)
        days = (on, calendar.date_of(zone, wall_ms + 86_400_000))
        moments = (calendar.instant(zone, day, 60 * hours + minutes, last=False) for day in days)
        return next(each for each in moments if each > wall_ms + AHEAD_MS)

    def send_message(self) -> str:
        """Send what the daughter has to say: encrypted to the hub, through the centre. Give the command's id."""
        words = FAMILY[self.language]
        self.texts[text_key(words)] = words
        key = read_key(self._keys.plan_public, HUB_ALGORITHM)
        self._tell("staff", "staff:message", f"send what the daughter wrote: {self.beside(text_key(words), words)}")
        return self._command(
            self._flat.hub_id, "say", message(words, self.language, key, person=PERSON if self.planned else "")
        )

    def beside(self, key: str, words: str) -> str:
        """Give what was said with the English beside it; words that only the hub and its centre know are named."""
        if not words:
            return "a message that was sent to be read out"
        english = FAMILY["en"] if key in self.texts else ""
        for clip in () if english else read_index(self._flat.folder / "state" / "voice").clips:
            if (clip.key, clip.language) == (key, canonical(REVIEWED)):
                english = clip.words
        return f'"{words}"' if english in ("", words) else f'"{words}" ({english})'
