"""Makes the plan that the rules know out of a document's tables; goes on after a problem, to find the others."""

from typing import Any

import msgspec
from msgspec.structs import replace

from agent.config.strict import Problem, Reader, did_you_mean
from agent.plan.parts import MIN, H, S, idle, lack, named, window
from agent.plan.private import Private, is_reference, read_private, tellable
from agent.plan.reminding import read_information, read_people, read_reminders, read_voice
from agent.plan.tables import (
    ContactTable,
    File,
    Gap,
    KindTable,
    LadderTable,
    PowerCutTable,
    SilentHours,
    StepTable,
    SupervisionTable,
    WindowTable,
)
from agent.plan.watching import (
    read_absences,
    read_doors,
    read_inactivity,
    read_temperatures,
    read_thresholds,
    read_visits,
)
from rules.kinds import KIND_NAMES, KINDS
from rules.plan import (
    CONTACTS_MAX,
    LADDERS_MAX,
    SIREN_MS,
    STEPS_MAX,
    Contact,
    Ladder,
    Plan,
    PowerCut,
    Rule,
    Silence,
    Step,
    Supervision,
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
        reader = self._reader
        made = Plan(
            contacts=contacts,
            kinds=kinds,
            ladders=ladders,
            night=self._part(raw, "night"),
            quiet=self._part(raw, "quiet"),
            inactivity=read_inactivity(reader, raw.get("inactivity", [])),
            absences=read_absences(reader, raw.get("absence", [])),
            doors=read_doors(reader, raw.get("door", [])),
            temperatures=read_temperatures(reader, raw.get("temperature", [])),
            visits=read_visits(reader, raw.get("visit", [])),
            people=read_people(reader, raw.get("person", {})),
            reminders=read_reminders(reader, raw.get("reminder", [])),
            information=read_information(reader, raw.get("information", [])),
            thresholds=read_thresholds(reader, raw.get("threshold", [])),
            voice=read_voice(reader, raw.get("voice", {})),
            supervision=self._supervision(raw.get("supervision", {})),
            power_cut=self._power_cut(raw.get("power_cut", {})),
            accepted_gaps=self._gaps(raw.get("accepted_gaps", [])),
        )
        self.private = read_private(self._reader, raw.get("private", {}))
        return replace(made, version=file.version, language=file.language, time_zone=file.time_zone)

    # --- people and what is done -------------------------------------------------------------------

    def _contacts(self, raw: object) -> tuple[Contact, ...]:
        return tuple(
            Contact(
                contact=name,
                language=table.language or "",
                channels=table.channels,
                consent=table.consent.isoformat() if table.consent else "",
                neighbour=table.neighbour,
            )
            for name, table in named(self._reader, raw, ContactTable, "contact", CONTACTS_MAX).items()
        )

    def _kinds(self, raw: object) -> tuple[Rule, ...]:
        rules: list[Rule] = []
        for name, table in named(self._reader, raw, KindTable, "kind", len(KINDS)).items():
            if name not in KIND_NAMES:
                known = [kind.name for kind in KINDS]
                expected = f"one of {', '.join(known)}"
                problem = Problem(f"kind.{name}", "an unknown kind", expected, did_you_mean(name, known))
                self._reader.problems.append(problem)
            cancel_ms = None if table.cancel_s is None else table.cancel_s * S
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
        tables = named(self._reader, raw, LadderTable, "ladder", LADDERS_MAX)
        ladders: list[Ladder] = []
        for name, each in raw.items() if isinstance(raw, dict) else ():
            # Steps are read even when the ladder itself has a problem: all is mended in one go.
            read = isinstance(each, dict) and "step" in each and tellable(name)
            steps = self._steps(each["step"], f"ladder.{name}.step") if read else ()
            if name in tables:
                ladders.append(Ladder(name=name, steps=steps, repeat_ms=(tables[name].repeat_min or 0) * MIN))
        return tuple(ladders)

    def _steps(self, raw: object, at: str) -> tuple[Step, ...]:
        if raw == []:
            self._reader.refuse(at, raw, f"at least one table [[{at}]]", 'add one, such as do = "centre"')
        steps: list[Step] = []
        for here, table in self._reader.tables(raw, StepTable, at, STEPS_MAX).items():
            self._step_fits(here, table)
            step = Step(
                after_ms=table.after_s * S,
                means=table.do,
                unless=table.unless,
                only=table.only,
                to=table.to,
                text=table.text,
                for_ms=(table.for_s or 0) * S,
            )
            if steps and step.after_ms < steps[-1].after_ms:
                expected = f"{steps[-1].after_ms // S} or more: steps stand in the order of time"
                self._reader.refuse(f"{here}.after_s", table.after_s, expected, "put the steps in order")
            steps.append(step)
        return tuple(steps)

    def _step_fits(self, here: str, table: StepTable) -> None:
        """Refuse what does not go with the step's means: it would be left undone, and nobody would know."""
        means = f'do = "{table.do}"'
        if table.do == "sms" and not table.to:
            lack(self._reader, f"{here}.to", f"the contacts to text, as {means}", "add it")
        if table.do == "say" and not table.text:
            lack(self._reader, f"{here}.text", f"the reference of a text in [private.texts], as {means}", "add it")
        not_its = {
            "to": table.to and table.do != "sms",
            "text": table.text and table.do != "say",
            "for_s": table.for_s is not None and table.do not in ("siren", "light", "relay"),
        }
        for key in (key for key, given in not_its.items() if given):
            idle(self._reader, f"{here}.{key}", means)
        if len(set(table.to)) < len(table.to):
            self._reader.refuse(f"{here}.to", list(table.to), "each contact once", "remove the second")

    # --- the hub itself ----------------------------------------------------------------------------

    def _part(self, raw: dict[str, Any], at: str) -> Window | None:
        table = self._reader.table(raw[at], WindowTable, at) if at in raw else None
        return None if table is None else window(table.begin, table.to, table.days)

    def _supervision(self, raw: object) -> Supervision:
        table = self._reader.table(raw, SupervisionTable, "supervision") or SupervisionTable()
        made = Supervision(silences=self._silences(table.silent_after_h, "supervision.silent_after_h"))
        return made if table.mains_s is None else replace(made, mains_ms=table.mains_s * S)

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
            silences.append(Silence(sensor=sensor, after_ms=0 if known == "never" else known * H))
        return tuple(silences)

    def _power_cut(self, raw: object) -> PowerCut:
        table = self._reader.table(raw, PowerCutTable, "power_cut") or PowerCutTable()
        made = PowerCut(router_ms=(table.router_min or 0) * MIN)
        return made if table.hub_h is None else replace(made, hub_ms=round(table.hub_h * H))

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
