"""The hub's lights, sounds and voice, made of what its configuration names."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.config import HubConfig
from agent.messages import keeping as message_keeping
from agent.outputs import LogOutputs, Outputs, PinOutputs, SpeakingOutputs
from agent.plan import keeping as plan_keeping
from agent.plan.spoken import spoken
from agent.seams import Seams
from agent.sound.loudspeaker import Loudspeaker
from agent.voice.cache import Cache
from agent.voice.index import Clip, Wanted
from agent.voice.rendering import Rendering, job_of
from rules.actions import Say
from rules.events import Event
from rules.state import House

Keep = Callable[..., None]


class Voice:
    """What a hub with a loudspeaker has to say, rendered ahead of time (`agent.sound.loudspeaker.Speech`)."""

    def __init__(
        self,
        folder: Path,
        house: Callable[[], House],
        plans: plan_keeping.Keeping,
        messages: message_keeping.Keeping,
        tell: Callable[[Event], object],
        seams: Seams,
    ) -> None:
        self._house = house
        self._plans = plans
        self._messages = messages
        cache = Cache(folder)
        self.sequence, self.words, self.read = cache.sequence, cache.words, cache.read
        self._rendering = Rendering(
            cache, lambda: job_of(folder, house(), plans.private, self._message), tell, carry=seams.carry
        )
        self.look = self._rendering.look
        self.run = self._rendering.run

    async def ready(self, key: str, language: str) -> tuple[Clip, ...]:
        """Give what is played, after waiting a little for what is only now being rendered."""
        return await self._rendering.ready(key, language)

    def text(self, say: Say) -> Wanted | None:
        """Give the text that is to be said; None when it is not to be had."""
        if say.message:
            return self._message(say.message)
        words, plan = self._plans.text(say.text), self._house().plan
        return None if words is None else Wanted(language=spoken(plan).get(say.text, plan.language), words=words)

    def _message(self, message: str) -> Wanted | None:
        kept = self._messages.text(message)
        return None if kept is None else Wanted(words=kept[0], language=kept[1])


class Speaking:
    """The outputs of a hub, and what must run for them. Made on the event loop."""

    def __init__(
        self,
        config: HubConfig,
        seams: Seams,
        pins: Callable[[], Any] | None,
        tell: Callable[[Event], object],
        house: Callable[[], House],
        plans: plan_keeping.Keeping,
        messages: message_keeping.Keeping,
    ) -> None:
        self._voice: Voice | None = None
        self.loudspeaker: Loudspeaker | None = None
        if seams.outputs is not None:
            self.outputs: Outputs = seams.outputs()
            return
        shown: LogOutputs | PinOutputs = LogOutputs()
        if config.outputs is not None and pins is not None:
            shown = PinOutputs(config.outputs.by_part, pins, tell)
        self.outputs = shown
        if config.sound is not None:
            voice = self._voice = Voice(config.state_dir / "voice", house, plans, messages, tell, seams)
            hush = shown.hush if isinstance(shown, PinOutputs) else (lambda _: None)
            self.loudspeaker = Loudspeaker(
                config.sound,
                voice,
                lambda: house().plan,
                voice.text,
                tell,
                spoke=hush,
                command=seams.sink,
                carry=seams.carry,
            )
            self.outputs = SpeakingOutputs(shown, self.loudspeaker)

    def keep_all(self, keep: Keep) -> None:
        """Have what must run kept alive."""
        if self.loudspeaker is not None and self._voice is not None:
            keep("sound", self.loudspeaker.run)
            keep("rendering", self._voice.run)

    def look(self, house: House) -> None:
        """Notice what there is to be said; called at every turn."""
        if self._voice is not None:
            self._voice.look(house)
