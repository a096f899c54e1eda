"""Makes the plan that the rules know out of a document's tables; goes on after a problem, to find the others."""

from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from agent.config.strict import Problem, Reader, did_you_mean
from agent.plan.private import Private, is_reference, read_private, tellable
from agent.plan.tables import (
    DAYS,
    AbsenceTable,
    ContactTable,
    Day,
    DoorTable,
    File,
    Gap,
    InactivityTable,
    KindTable,
    LadderTable,
    PowerCutTable,
    SilentHours,
    StepTable,
    SupervisionTable,
    Table,
    TemperatureTable,
    VisitTable,
    WindowTable,
)
from rules.kinds import KIND_NAMES, KINDS
from rules.plan import (
    CONTACTS_MAX,
    LADDERS_MAX,
    SIREN_MS,
    STEPS_MAX,
    WATCHES_MAX,
    Absence,
    Contact,
    Door,
    Inactivity,
    Ladder,
    Plan,
    PowerCut,
    Rule,
    Silence,
    Step,
    Supervision,
    Temperature,
    Visit,
    Window,
)

GAPS_MAX = 64
SILENCES_MAX = 128
"""S12: as many as a hub may have sensors."""

DEFAULT = "default"
"""The ladder of every kind that names none."""

SIREN_AFTER_MS = 60_000
FIRST_TEXT_MS = 120_000
NEXT_TEXT_MS = 180_000
DEFAULT_REPEAT_MS = 15 * 60_000
"""The default ladder: neighbours hear after a minute, if the centre has not; staff take three minutes at most in 99 %
of calls (TSA), so contacts follow after two and then three minutes apart; all again after fifteen."""

_S, _MIN, _H = 1_000, 60_000, 3_600_000

T = TypeVar("T", bound=Table)


class Building:
    """One reading of a document. `private` is what it keeps from the rules."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.private = Private()

    def plan(self, raw: dict[str, Any]) -> Plan:
        """Build the plan, of what could be read; it counts only if there are no problems."""
        file = self._reader.table(raw, File, "") or File()
        contacts = self._contacts(raw.get("contact", {}))
        kinds = self._kinds(raw.get("kind", {}))
        ladders = self._ladders(raw.get("ladder", {}))
        if contacts and not raw.get("ladder"):
            ladders = (default_ladder(contacts),)
        made = Plan(
            contacts=contacts,
            kinds=kinds,
            ladders=ladders,
            night=self._part(raw, "night"),
            quiet=self._part(raw, "quiet"),
            inactivity=self._inactivity(raw.get("inactivity", [])),
            absences=self._absences(raw.get("absence", [])),
            doors=self._doors(raw.get("door", [])),
            temperatures=self._temperatures(raw.get("temperature", [])),
            visits=self._visits(raw.get("visit", [])),
            supervision=self._supervision(raw.get("supervision", {})),
            power_cut=self._power_cut(raw.get("power_cut", {})),
            accepted_gaps=self._gaps(raw.get("accepted_gaps", [])),
        )
        self.private = read_private(self._reader, raw.get("private", {}))
        return replace(made, version=file.version, language=file.language, time_zone=file.time_zone)

    # --- people and what is done -------------------------------------------------------------------

    def _named(self, raw: object, kind: type[T], at: str, most: int) -> dict[str, T]:
        """Read tables that have names, such as [contact.daughter]."""
        if not isinstance(raw, dict):
            self._reader.refuse(at, raw, f"tables such as [{at}.…]", "give each a reference")
            return {}
        if len(raw) > most:  # S12
            self._reader.refuse(at, raw, f"at most {most} tables [{at}.…]", "remove some")
            return {}
        read: dict[str, T] = {}
        for number, (name, each) in enumerate(raw.items(), start=1):
            if is_reference(self._reader, name, at, number):
                table = self._reader.table(each, kind, f"{at}.{name}")
                if table is not None:
                    read[name] = table
        return read

    def _contacts(self, raw: object) -> tuple[Contact, ...]:
        return tuple(
            Contact(
                contact=name,
                language=table.language or "",
                channels=table.channels,
                consent=table.consent.isoformat() if table.consent else "",
                neighbour=table.neighbour,
            )
            for name, table in self._named(raw, ContactTable, "contact", CONTACTS_MAX).items()
        )

    def _kinds(self, raw: object) -> tuple[Rule, ...]:
        rules: list[Rule] = []
        for name, table in self._named(raw, KindTable, "kind", len(KINDS)).items():
            if name not in KIND_NAMES:
                known = [kind.name for kind in KINDS]
                expected = f"one of {', '.join(known)}"
                problem = Problem(f"kind.{name}", "an unknown kind", expected, did_you_mean(name, known))
                self._reader.problems.append(problem)
            cancel_ms = None if table.cancel_s is None else table.cancel_s * _S
            rules.append(
                Rule(
                    kind=name,
                    priority=table.priority,
                    cancel_ms=cancel_ms,
                    silent=table.silent,
                    ladder=table.ladder or "",
                )
            )
        return tuple(rules)

    def _ladders(self, raw: object) -> tuple[Ladder, ...]:
        tables = self._named(raw, LadderTable, "ladder", LADDERS_MAX)
        ladders: list[Ladder] = []
        for name, each in raw.items() if isinstance(raw, dict) else ():
            # Steps are read even when the ladder itself has a problem: all is mended in one go.
            read = isinstance(each, dict) and "step" in each and tellable(name)
            steps = self._steps(each["step"], f"ladder.{name}.step") if read else ()
            if name in tables:
                ladders.append(Ladder(name=name, steps=steps, repeat_ms=(tables[name].repeat_min or 0) * _MIN))
        return tuple(ladders)

    def _steps(self, raw: object, at: str) -> tuple[Step, ...]:
        if raw == []:
            self._reader.refuse(at, raw, f"at least one table [[{at}]]", 'add one, such as do = "centre"')
        steps: list[Step] = []
        for here, table in self._reader.tables(raw, StepTable, at, STEPS_MAX).items():
            self._step_fits(here, table)
            step = Step(
                after_ms=table.after_s * _S,
                means=table.do,
                unless=table.unless,
                only=table.only,
                to=table.to,
                text=table.text,
                for_ms=(table.for_s or 0) * _S,
            )
            if steps and step.after_ms < steps[-1].after_ms:
                expected = f"{steps[-1].after_ms // _S} or more: steps stand in the order of time"
                self._reader.refuse(f"{here}.after_s", table.after_s, expected, "put the steps in order")
            steps.append(step)
        return tuple(steps)

    def _step_fits(self, here: str, table: StepTable) -> None:
        """Refuse what does not go with the step's means: it would be left undone, and nobody would know."""
        means = f'do = "{table.do}"'
        if table.do == "sms" and not table.to:
            self._lack(f"{here}.to", f"the contacts to text, as {means}", "add it")
        if table.do == "say" and not table.text:
            self._lack(f"{here}.text", f"the reference of a text in [private.texts], as {means}", "add it")
        idle = {
            "to": table.to and table.do != "sms",
            "text": table.text and table.do != "say",
            "for_s": table.for_s is not None and table.do not in ("siren", "light", "relay"),
        }
        for key in (key for key, is_idle in idle.items() if is_idle):
            self._reader.problems.append(Problem(f"{here}.{key}", "a value", f"nothing, as {means}", "remove it"))
        if len(set(table.to)) < len(table.to):
            self._reader.refuse(f"{here}.to", list(table.to), "each contact once", "remove the second")

    def _lack(self, at: str, expected: str, remedy: str) -> None:
        self._reader.problems.append(Problem(at, "nothing", expected, remedy))

    # --- times of day --------------------------------------------------------------------------------

    def _part(self, raw: dict[str, Any], at: str) -> Window | None:
        table = self._reader.table(raw[at], WindowTable, at) if at in raw else None
        return None if table is None else _window(table.begin, table.to, table.days)

    def _maybe(
        self, at: str, begin: str | None, to: str | None, days: tuple[Day, ...] | None, prefix: str = ""
    ) -> Window | None:
        """Give a window that may be left out: both its times, or neither."""
        if begin is not None and to is None:
            self._lack(f"{at}.{prefix}to", f"a time, as {prefix}from is given", "add it")
        elif begin is None and to is not None:
            self._lack(f"{at}.{prefix}from", f"a time, as {prefix}to is given", "add it")
        elif begin is not None and to is not None:
            return _window(begin, to, days or DAYS)
        elif days is not None and prefix:
            self._lack(f"{at}.{prefix}from", f"a time, as {prefix}days is given", "add it")
        elif days is not None:
            return _window("00:00", "00:00", days)
        return None

    # --- what is watched -------------------------------------------------------------------------------

    def _inactivity(self, raw: object) -> tuple[Inactivity, ...]:
        found = self._reader.tables(raw, InactivityTable, "inactivity", WATCHES_MAX)
        self._reader.unique(found, "inactivity", "name", lambda each: each.name)
        return tuple(
            Inactivity(
                name=each.name,
                limit_ms=each.limit_min * _MIN,
                window=self._maybe(at, each.begin, each.to, each.days),
                sensors=each.sensors,
            )
            for at, each in found.items()
        )

    def _absences(self, raw: object) -> tuple[Absence, ...]:
        found = self._reader.tables(raw, AbsenceTable, "absence", WATCHES_MAX)
        return tuple(
            Absence(
                sensor=each.sensor,
                limit_ms=each.limit_min * _MIN,
                window=self._maybe(at, each.begin, each.to, each.days),
            )
            for at, each in found.items()
        )

    def _doors(self, raw: object) -> tuple[Door, ...]:
        doors: list[Door] = []
        for at, each in self._reader.tables(raw, DoorTable, "door", WATCHES_MAX).items():
            leaving = self._maybe(at, each.leaving_from, each.leaving_to, each.leaving_days, "leaving_")
            if each.open_min is None and each.leaving_from is None and each.leaving_to is None:
                self._lack(f"{at}.open_min", "open_min, or leaving_from and leaving_to", "say what is watched")
            if each.back_min is not None and each.leaving_from is None:
                self._lack(f"{at}.leaving_from", "a time, as back_min is given", "add it, or remove back_min")
            door = Door(
                sensor=each.sensor, open_ms=None if each.open_min is None else each.open_min * _MIN, leaving=leaving
            )
            doors.append(door if each.back_min is None else replace(door, back_ms=each.back_min * _MIN))
        return tuple(doors)

    def _temperatures(self, raw: object) -> tuple[Temperature, ...]:
        found = self._reader.tables(raw, TemperatureTable, "temperature", WATCHES_MAX)
        self._reader.unique(found, "temperature", "sensor", lambda each: each.sensor)
        for at, each in found.items():
            if each.low is None and each.high is None:
                self._lack(f"{at}.low", "low, high or both", "say what is watched")
            elif each.low is not None and each.high is not None and each.high - each.low < 2 * each.hysteresis:
                expected = f"{each.low + 2 * each.hysteresis:g} or more: low and twice the hysteresis"
                self._reader.refuse(f"{at}.high", each.high, expected, "set them further apart")
        return tuple(
            Temperature(sensor=each.sensor, low=each.low, high=each.high, hysteresis=each.hysteresis)
            for each in found.values()
        )

    def _visits(self, raw: object) -> tuple[Visit, ...]:
        found = self._reader.tables(raw, VisitTable, "visit", WATCHES_MAX)
        self._reader.unique(found, "visit", "name", lambda each: each.name)
        return tuple(
            Visit(name=each.name, sensor=each.sensor, window=_window(each.begin, each.to, each.days))
            for each in found.values()
        )

    # --- the hub itself ----------------------------------------------------------------------------

    def _supervision(self, raw: object) -> Supervision:
        table = self._reader.table(raw, SupervisionTable, "supervision") or SupervisionTable()
        made = Supervision(silences=self._silences(table.silent_after_h, "supervision.silent_after_h"))
        return made if table.mains_s is None else replace(made, mains_ms=table.mains_s * _S)

    def _silences(self, raw: object, at: str) -> tuple[Silence, ...]:
        if raw is None:
            return ()
        if not isinstance(raw, dict) or len(raw) > SILENCES_MAX:
            self._reader.refuse(at, raw, f"a table [{at}] of at most {SILENCES_MAX} sensors", "write it as a table")
            return ()
        silences: list[Silence] = []
        for number, (sensor, hours) in enumerate(raw.items(), start=1):
            if not is_reference(self._reader, sensor, at, number, digits_max=len(sensor)):  # as hub.toml has it
                continue
            try:
                known = msgspec.convert(hours, SilentHours)
            except msgspec.ValidationError:
                expected = 'whole hours from 1 to 168 (a week), or "never"'
                self._reader.refuse(f"{at}.{sensor}", hours, expected, "correct it")
                continue
            silences.append(Silence(sensor=sensor, after_ms=0 if known == "never" else known * _H))
        return tuple(silences)

    def _power_cut(self, raw: object) -> PowerCut:
        table = self._reader.table(raw, PowerCutTable, "power_cut") or PowerCutTable()
        made = PowerCut(router_ms=(table.router_min or 0) * _MIN)
        return made if table.hub_h is None else replace(made, hub_ms=round(table.hub_h * _H))

    def _gaps(self, raw: object) -> tuple[str, ...]:
        if not isinstance(raw, list) or len(raw) > GAPS_MAX:
            self._reader.refuse("accepted_gaps", raw, f"a list of at most {GAPS_MAX} names in quotes", "correct it")
            return ()
        gaps: list[str] = []
        for number, each in enumerate(raw, start=1):
            try:
                gaps.append(msgspec.convert(each, Gap))
            except msgspec.ValidationError:
                expected = "a gap by the name that `plan check` gives it"
                self._reader.refuse(f"accepted_gaps[{number}]", each, expected, "copy it from there")
        return tuple(gaps)


def default_ladder(contacts: tuple[Contact, ...]) -> Ladder:
    """Give the ladder of a plan that has contacts and names none: the siren, then each of them in their order."""
    siren = Step(after_ms=SIREN_AFTER_MS, means="siren", unless="received", for_ms=SIREN_MS)
    alone, together = contacts[: STEPS_MAX - 2], contacts[STEPS_MAX - 2 :]
    groups = [(each.contact,) for each in alone] + [tuple(each.contact for each in together)] * bool(together)
    texts = (
        Step(after_ms=FIRST_TEXT_MS + place * NEXT_TEXT_MS, means="sms", to=group) for place, group in enumerate(groups)
    )
    return Ladder(name=DEFAULT, steps=(siren, *texts), repeat_ms=DEFAULT_REPEAT_MS)


def _window(begin: str, to: str, days: tuple[Day, ...]) -> Window:
    return Window(begin=_minutes(begin), to=_minutes(to), days=tuple(sorted({DAYS.index(day) for day in days})))


def _minutes(time: str) -> int:
    hours, _, minutes = time.partition(":")
    return int(hours) * 60 + int(minutes)
