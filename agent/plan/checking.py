"""Checks a plan against itself, and against the hub it is for: who and what it names must be there and fit."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from agent.config.strict import Problem, Reader, did_you_mean
from agent.plan.building import DEFAULT
from agent.plan.private import DIGITS_MAX, Private, tellable
from agent.plan.spoken import language_of, spoken
from rules.events import Config
from rules.kinds import KINDS, Kind
from rules.ladder import NIGHTLESS_PRIORITY
from rules.plan import Ladder, Plan, Rule, kind_of, ladder_of

SOUNDING = ("siren", "say", "light")
"""What a person in the home would notice."""


class Written(NamedTuple):
    """The references that stand in a document, whether or not what they name could be read."""

    contacts: tuple[str, ...]
    ladders: tuple[str, ...]
    numbers: frozenset[str] | None
    texts: frozenset[str] | None
    night: bool
    people: tuple[str, ...] = ()


def written(raw: Mapping[str, Any]) -> Written:
    """Give a document's references; None where nothing can be told of them."""
    private = raw.get("private", {})
    numbers, texts = (private.get(key, {}) if isinstance(private, dict) else None for key in ("numbers", "texts"))
    contacts, ladders, people = (raw.get(key, {}) for key in ("contact", "ladder", "person"))
    return Written(
        contacts=_tellable(contacts),
        ladders=_tellable(ladders),
        people=_tellable(people),
        numbers=frozenset(numbers) if isinstance(numbers, dict) else None,
        texts=frozenset(texts) if isinstance(texts, dict) else None,
        night="night" in raw,
    )


def _tellable(tables: object) -> tuple[str, ...]:
    return tuple(filter(tellable, tables)) if isinstance(tables, dict) else ()


def check(reader: Reader, plan: Plan, private: Private, there: Written, config: Config | None) -> None:
    """Note every problem between the tables of a plan: each was read by itself. `config` is the hub's, if known."""
    _Checking(reader, plan, private, there, config).all()


class _Checking:
    def __init__(self, reader: Reader, plan: Plan, private: Private, there: Written, config: Config | None) -> None:
        self._reader = reader
        self._plan = plan
        self._private = private
        self._there = there
        self._config = config

    def all(self) -> None:
        self._zone()
        for ladder in self._plan.ladders:
            self._ladder(ladder)
        self._called()
        self._numbers()
        for rule in self._plan.kinds:
            self._rule(rule)
        self._reminders()
        self._spoken()
        if self._config is not None:
            self._sensors(self._config)

    def _note(self, key: str, found: str, expected: str, remedy: str) -> None:
        self._reader.problems.append(Problem(key, found, expected, remedy))

    def _zone(self) -> None:
        zone = self._plan.time_zone
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError):  # a folder of zones is an OSError, a path out of it a ValueError
            if zone != "UTC":  # which needs no data
                remedy = 'name a city of the same time, such as "Europe/London"'
                self._reader.refuse("time_zone", zone, "a time zone that this computer knows", remedy)

    # --- ladders -------------------------------------------------------------------------------------

    def _ladder(self, ladder: Ladder) -> None:
        contacts = self._there.contacts
        for number, step in enumerate(ladder.steps, start=1):
            at = f"ladder.{ladder.name}.step[{number}]"
            for contact in step.to:
                if contact not in contacts:
                    expected = f"a contact of this plan ({', '.join(contacts) or 'there is none'})"
                    close = did_you_mean(contact, contacts)
                    remedy = close if close != "correct it" else f"add [contact.{contact}]"
                    self._reader.refuse(f"{at}.to", contact, expected, remedy)
            self._text(f"{at}.text", step.text)
            if step.only is not None and not self._there.night:
                self._note(f"{at}.only", f'"{step.only}"', "a table [night] that says when that is", "add [night]")

    def _called(self) -> None:
        """Nobody is called who did not agree to it, or cannot be."""
        called = {contact for ladder in self._plan.ladders for step in ladder.steps for contact in step.to}
        for contact in (each for each in self._plan.contacts if each.contact in called):
            at = f"contact.{contact.contact}"
            if not contact.consent:
                expected = "the date on which they agreed, because a ladder texts them"
                self._note(f"{at}.consent", "nothing", expected, "ask them, and write the date: consent = 2026-10-01")
            if "sms" not in contact.channels:
                expected = '["sms"], because a ladder texts them'
                self._note(f"{at}.channels", "[]", expected, "add it, or take them out of the ladder")
            if self._there.numbers is not None and contact.contact not in self._there.numbers:
                expected = "their telephone number, because a ladder texts them"
                remedy = f'add {contact.contact} = "+44…" to [private.numbers]'
                self._note(f"private.numbers.{contact.contact}", "nothing", expected, remedy)

    def _numbers(self) -> None:
        contacts = self._there.contacts
        shared = Counter(self._private.numbers.values())
        for contact, number in self._private.numbers.items():
            at = f"private.numbers.{contact}"
            if contact not in contacts:
                remedy = did_you_mean(contact, contacts)
                remedy = remedy if remedy != "correct it" else f"add [contact.{contact}], or remove the number"
                self._note(at, "a number of nobody", "the number of a contact of this plan", remedy)
            if shared[number] > 1:
                expected = "a number that no other contact has: a reply must show who it is from"
                self._note(at, "a number that stands here twice", expected, "keep one of the contacts")

    # --- kinds ---------------------------------------------------------------------------------------

    def _rule(self, rule: Rule) -> None:
        at = f"kind.{rule.kind}"
        ladders = [*self._there.ladders, *(each.name for each in self._plan.ladders if each.name == DEFAULT)]
        if rule.ladder and rule.ladder not in ladders:
            expected = f"a ladder of this plan ({', '.join(ladders) or 'there is none'})"
            close = did_you_mean(rule.ladder, ladders)
            remedy = close if close != "correct it" else f"add [ladder.{rule.ladder}]"
            self._reader.refuse(f"{at}.ladder", rule.ladder, expected, remedy)
        kind = kind_of(self._plan, self._config.kinds if self._config is not None else KINDS, rule.kind)
        self._heard(at, kind)
        if kind.silent:
            for number, step in enumerate(ladder_of(self._plan, kind).steps, start=1):
                if step.means in SOUNDING:  # S1
                    expected = f"a ladder without siren, say or light, as {kind.name} is silent (step {number} is one)"
                    self._reader.refuse(f"{at}.ladder", rule.ladder, expected, "give it a ladder of its own")

    def _heard(self, at: str, kind: Kind) -> None:
        if kind.silent and kind.always_real:
            self._note(f"{at}.silent", "true", "false: a home must hear this", "remove it")
        elif kind.silent and kind.cancel_ms:
            expected = "0 for a silent kind: nobody knows there is something to cancel"
            self._reader.refuse(f"{at}.cancel_s", kind.cancel_ms // 1_000, expected, "set cancel_s = 0")
        if kind.always_real and kind.priority > NIGHTLESS_PRIORITY:
            expected = f"at most {NIGHTLESS_PRIORITY}: quiet hours would quieten it"
            self._reader.refuse(f"{at}.priority", kind.priority, expected, "remove it")

    # --- what is said, and to whom ---------------------------------------------------------------------

    def _text(self, at: str, text: str) -> None:
        if text and self._there.texts is not None and text not in self._there.texts:
            remedy = f'add {text} = "…" to [private.texts]'
            self._reader.refuse(at, text, "the reference of a text in [private.texts]", remedy)

    def _reminders(self) -> None:
        people = self._there.people
        for number, reminder in enumerate(self._plan.reminders, start=1):
            at = f"reminder[{number}]"
            self._text(f"{at}.text", reminder.text)
            if reminder.person and reminder.person not in people:
                expected = f"a person of this plan ({', '.join(people) or 'there is none'})"
                close = did_you_mean(reminder.person, people)
                remedy = close if close != "correct it" else f"add [person.{reminder.person}]"
                self._reader.refuse(f"{at}.person", reminder.person, expected, remedy)
        for number, each in enumerate(self._plan.information, start=1):
            self._text(f"information[{number}].text", each.text)
        for table, names in (
            ("reminder", [each.name for each in self._plan.reminders]),
            ("threshold", [each.name for each in self._plan.thresholds]),
        ):
            for number, name in enumerate(names, start=1):
                if not tellable(name):  # it is in events and logs
                    expected = f"a reference of at most {DIGITS_MAX} digits"
                    self._reader.refuse(f"{table}[{number}].name", name, expected, "give it another name")

    def _spoken(self) -> None:
        """Refuse a text that would be said in two languages: it is written in one."""
        plan, languages = self._plan, spoken(self._plan)
        said = [
            *((f"reminder[{n}]", each.text, each.person) for n, each in enumerate(plan.reminders, start=1)),
            *((f"information[{n}]", each.text, "") for n, each in enumerate(plan.information, start=1)),
            *(
                (f"ladder.{ladder.name}.step[{n}]", step.text, "")
                for ladder in plan.ladders
                for n, step in enumerate(ladder.steps, start=1)
            ),
        ]
        for at, text, person in said:
            wanted = language_of(plan, person)
            if text and languages[text] != wanted:
                expected = f"a text of its own in {wanted}: this one is said in {languages[text]} elsewhere"
                self._reader.refuse(f"{at}.text", text, expected, "write one for each language")

    # --- the hub's sensors ---------------------------------------------------------------------------

    def _sensors(self, config: Config) -> None:
        plan = self._plan
        for number, watch in enumerate(plan.inactivity, start=1):
            self._known(config, watch.sensors, f"inactivity[{number}].sensors", ())
        watched: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
            ("absence", tuple(each.sensor for each in plan.absences), ("bed", "chair")),
            ("door", tuple(each.sensor for each in plan.doors), ("door",)),
            ("temperature", tuple(each.sensor for each in plan.temperatures), ("temperature",)),
            ("visit", tuple(each.sensor for each in plan.visits), ("visit",)),
            ("threshold", tuple(each.sensor for each in plan.thresholds), ("reading", "temperature")),
        )
        for at, sensors, kinds in watched:
            for number, sensor in enumerate(sensors, start=1):
                self._known(config, (sensor,), f"{at}[{number}].sensor", kinds)
        for number, reminder in enumerate(plan.reminders, start=1):
            if reminder.sensor:
                kinds = ("reading", "temperature") if reminder.reading else ("lid",)
                self._known(config, (reminder.sensor,), f"reminder[{number}].sensor", kinds)
        for silence in plan.supervision.silences:
            self._known(config, (silence.sensor,), f"supervision.silent_after_h.{silence.sensor}", ())

    def _known(self, config: Config, sensors: Iterable[str], at: str, kinds: tuple[str, ...]) -> None:
        """Refuse a sensor that the hub does not have, or that cannot tell what is asked of it."""
        there = {each.id: each.kind for each in config.sensors}
        for sensor in sensors:
            fitting = [each for each, kind in there.items() if not kinds or kind in kinds]
            if sensor in fitting:
                continue
            of_kind = f" of kind {' or '.join(kinds)}" if kinds else ""
            expected = f"a sensor in hub.toml{of_kind} ({', '.join(fitting[:10]) or 'there is none'})"
            self._reader.refuse(at, sensor, expected, did_you_mean(sensor, fitting))
