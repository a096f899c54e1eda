"""The watch against plain models: what one home is owed, and what must hold however many are lost."""

from typing import Literal

import msgspec
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from centre.silence import Silence, Trouble, changes, watch
from tests.centre.silence.town import Town
from tests.support.examples import examples
from tests.support.voice import RAISED

Act = Literal["lose", "stop", "connect", "mute", "deafen", "wait"]
ACTS: tuple[Act, ...] = ("lose", "stop", "connect", "mute", "deafen", "wait")


class History:
    """What happened to one home; the model asks nothing else. Moments in ms; each list is in order."""

    def __init__(self, now_ms: int) -> None:
        self.spoke, self.lost, self.stopped = [now_ms], list[int](), list[int]()
        self.line = True

    def silent(self, now_ms: int) -> bool:
        """Whether somebody should know by now."""
        spoke = self.spoke[-1]
        lost = next((each for each in self.lost if each >= spoke), None)
        stopped = next((each for each in self.stopped if each >= spoke), None)
        if lost is not None:
            return now_ms >= lost + (90_000 if self.line else 10_000)
        if stopped is not None:
            return now_ms >= stopped + (690_000 if self.line else 600_000)
        return now_ms >= spoke + 480_000

    def well(self, now_ms: int) -> bool:
        gone = [each for each in (*self.lost, *self.stopped) if each >= self.spoke[-1]]
        return not gone and now_ms < self.spoke[-1] + 480_000


class Model:
    """A town and its history, side by side."""

    def __init__(self, homes: int) -> None:
        self.town = Town(homes)
        self.past = {name: History(self.town.now_ms) for name in self.town.names}

    def act(self, act: Act, hub: str) -> None:
        town, past = self.town, self.past[hub]
        if act in ("lose", "stop") and past.line:
            town.will(hub, "lost" if act == "lose" else "restarting")
            (past.lost if act == "lose" else past.stopped).append(town.now_ms)
            past.line = False
        elif act in ("connect", "mute") and not past.line:
            town.connect(hub, check_in=act == "connect")
            past.line = True
            if act == "connect":
                past.spoke.append(town.now_ms)
        elif act == "deafen":
            town.alive.pop(hub, None)

    def step(self) -> None:
        self.town.wait(5)
        for hub, past in self.past.items():
            checked_in_ms = self.town.seen[hub].checked_in_ms
            if checked_in_ms is not None and checked_in_ms > past.spoke[-1]:
                past.spoke.append(checked_in_ms)


steps = st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 3), st.integers(1, 130)), min_size=1, max_size=12)


@settings(max_examples=examples(30), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps)
@example([("stop", 0, 3), ("mute", 0, 3), ("lose", 0, 3), ("connect", 0, 130), ("lose", 0, 3), ("connect", 0, 3)])
@example([("deafen", 0, 100), ("lose", 0, 10), ("mute", 0, 30)])
def test_a_home_is_a_case_exactly_while_it_should_be(script: list[tuple[Act, int, int]]) -> None:
    model = Model(4)
    shown: dict[str, int | None] = {}  # since when each case has been well
    for act, number, ticks in script:
        model.act(act, f"home-{number}")
        for _ in range(ticks):
            model.step()
            now_ms = model.town.now_ms
            for hub, past in model.past.items():
                if past.silent(now_ms):
                    shown[hub] = None
                elif hub in shown:
                    since_ms = shown[hub]
                    if since_ms is None:
                        shown[hub] = now_ms if past.well(now_ms) else None
                    elif now_ms - since_ms >= 600_000 and past.well(now_ms):
                        del shown[hub]
            assert sorted(model.town.cases()) == sorted(shown)


def kept(silence: Silence) -> dict[str, dict[str, Trouble]]:
    return {hub: {each.what: each for each in several} for hub, several in silence.troubles.items()}


waves = st.lists(
    st.tuples(
        st.sampled_from(ACTS),
        st.integers(0, 39),
        st.integers(1, 40),  # so many homes
        st.integers(0, 4),  # so many seconds between them
        st.integers(0, 60),  # ticks until the next wave
    ),
    min_size=1,
    max_size=9,
)


@settings(max_examples=examples(18), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(waves, st.sets(st.integers(0, 39), max_size=3))
@example([("lose", 0, 20, 0, 60), ("connect", 0, 15, 0, 60), ("lose", 0, 15, 1, 60), ("connect", 0, 18, 0, 60)], {3})
@example([("lose", 0, 6, 4, 10), ("connect", 0, 2, 0, 30)], set())
def test_however_many_are_lost_nobody_is_forgotten_and_nobody_is_shown_twice(
    script: list[tuple[Act, int, int, int, int]], alarmed: set[int]
) -> None:
    model = Model(40)
    town = model.town
    for number in alarmed:
        town.tell(f"home-{number}", RAISED)
    cases: set[tuple[str, str]] = set()
    incidents: set[str] = set()
    well_since: dict[str, int] = {}
    opened: list[int] = []
    for act, first, many, apart, ticks in script:
        for number in range(many):
            hub = f"home-{(first + number) % 40}"
            town.later(number * apart, lambda act=act, hub=hub: model.act(act, hub))  # type: ignore[misc]
        for _ in range(ticks + many * apart // 5 + 1):
            before = town.silence
            model.step()
            for each in changes(before, town.silence):
                if each.trouble is not None:
                    key = (each.trouble.hub, each.trouble.what)
                    cases = cases | {key} if each.kind == "opened" else cases
                    cases = cases - {key} if each.kind in ("joined", "ended") else cases
                    opened += [town.now_ms] * (each.kind == "opened" and not each.trouble.alarm)
                if each.incident is not None:
                    incidents |= {each.incident.id} if each.kind == "incident" else set()
                    incidents -= {each.incident.id} if each.kind == "incident-ended" else set()
            _check(model, alarmed, well_since)
            assert cases == {(each.hub, each.what) for each in town.silence.cases()}
            assert incidents == {each.id for each in town.silence.announced()}
            assert sum(town.now_ms - each < 120_000 for each in opened) <= 15  # of 40: no flood
    again = msgspec.json.decode(msgspec.json.encode(town.silence), type=Silence)
    assert again == town.silence
    homes = town.seen.values()
    assert watch(again, homes, town.now_ms + 5_000) == watch(town.silence, homes, town.now_ms + 5_000)


def _check(model: Model, alarmed: set[int], well_since: dict[str, int]) -> None:
    town, now_ms = model.town, model.town.now_ms
    told = {each.id for each in town.silence.announced()}
    known = kept(town.silence)
    for hub, past in model.past.items():
        trouble = known.get(hub, {}).get("silence")
        if past.well(now_ms):
            if now_ms - well_since.setdefault(hub, now_ms) >= 600_000:
                assert trouble is None, "it has been well for long"
            continue
        well_since.pop(hub, None)
        if not past.silent(now_ms):
            continue
        assert trouble is not None, "a silent home is nothing"
        assert not (trouble.own and trouble.incident in told and not trouble.alarm), "it is shown twice"
        if int(hub.removeprefix("home-")) in alarmed:
            assert trouble.own, "an alarm is open there"
        if past.silent(now_ms - 90_000) and trouble.lost_ms < now_ms - 90_000:
            assert trouble.own or trouble.incident in told, "nobody has been told"
