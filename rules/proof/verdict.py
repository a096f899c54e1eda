"""The verdict on what was played: gaps, steps that never run, rules that nothing reaches, people who did not agree."""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from msgspec.structs import replace

from rules.events import Config
from rules.plan import Plan, Step
from rules.proof.playing import Played
from rules.proof.sources import strays
from rules.proof.values import CRITICAL, AlarmProof, Finding, Fittings, Gap, GapState, Row

_UPSET = ("no-line+restarted", "no-line+rebooted")


def alarms(plan: Plan, played: Sequence[Played]) -> tuple[tuple[AlarmProof, ...], tuple[Gap, ...]]:
    """Give each alarm's rows, with their gaps marked, and all gaps."""
    proofs, gaps = [], []
    for each in played:
        kind = each.source.kind
        rows = tuple(_marked(plan, kind.name, kind.priority, row) for row in each.rows)
        gaps += [Gap(f"{kind.name}/{row.case}", row.gap == "accepted") for row in rows if row.gap]
        proofs.append(
            AlarmProof(
                kind=kind.name,
                priority=kind.priority,
                cancel_ms=kind.cancel_ms,
                silent=kind.silent,
                ladder=each.ladder.name,
                rows=rows,
            )
        )
    return tuple(proofs), tuple(gaps)


def _marked(plan: Plan, kind: str, priority: int, row: Row) -> Row:
    if row.human_ms is not None or row.faults > 1 or priority > CRITICAL or "+" in row.case:
        return row
    accepted = any(fnmatchcase(f"{kind}/{row.case}", name) for name in plan.accepted_gaps)
    state: GapState = "accepted" if accepted else "open"
    return replace(row, gap=state)


def double_faults(proofs: Sequence[AlarmProof]) -> tuple[str, ...]:
    """Name the double faults in which a critical alarm reaches no human: known, and nobody's fault."""
    return tuple(
        f"{proof.kind}/{row.case}"
        for proof in proofs
        for row in proof.rows
        if proof.critical and row.human_ms is None and not row.gap
    )


def findings(  # one for each thing that can be wrong
    plan: Plan, config: Config | None, fittings: Fittings, played: Sequence[Played], proofs: Sequence[AlarmProof]
) -> tuple[Finding, ...]:
    """Give everything that is wrong or odd, errors first. `config` is None when the plan's hub is not known."""
    found = [
        *_gaps(proofs),
        *_upset(proofs),
        *_engine(played),
        *_people(plan),
        *_ladders(plan, played),
        *_steps(plan, played),
        *_fitted(plan, fittings),
        *_rules(plan, played),
        *(strays(plan, config) if config is not None else ()),
        *_accepted(plan, proofs),
    ]
    return tuple(sorted(found, key=lambda each: each.severity != "error"))


def _gaps(proofs: Sequence[AlarmProof]) -> Iterator[Finding]:
    for proof in proofs:
        for row in proof.rows:
            if row.gap == "open":
                name = f"{proof.kind}/{row.case}"
                words = f'no human is reached: call somebody in ladder {proof.ladder}, or accept it: "{name}"'
                yield Finding("error", "no-human", name, words)


def _upset(proofs: Sequence[AlarmProof]) -> Iterator[Finding]:
    """A hub that ends and comes back must call whom it would have called (S6)."""
    for proof in proofs:
        rows = {row.case: row for row in proof.rows}
        calm = rows.get("no-line") or rows["line-down"]
        for case in _UPSET:
            if calm.human_ms is not None and rows[case].human_ms is None:
                words = f"without a line nobody is called after the hub came back ({rows[case].worst}): report this"
                yield Finding("error", "lost-in-upset", f"{proof.kind}/{case}", words)
        if not proof.silent and any(row.local_ms is None for row in proof.rows if row.case != "mains-off"):
            yield Finding("error", "no-sound", proof.kind, "the home neither hears nor sees this alarm: report this")


def _engine(played: Sequence[Played]) -> Iterator[Finding]:
    for each in played:
        if each.broken:
            words = "a rule of the hub failed while this was played: do not use the plan, and report this"
            yield Finding("error", "engine", each.source.kind.name, words)


def _people(plan: Plan) -> Iterator[Finding]:
    called = {contact for ladder in plan.ladders for step in ladder.steps for contact in step.to}
    siren = any(step.means == "siren" for ladder in plan.ladders for step in ladder.steps)
    for contact in plan.contacts:
        calls = contact.contact in called
        if not contact.consent and (calls or contact.neighbour):
            words = "a ladder calls them, but they have not agreed to it: ask them, and write the date of their consent"
            yield Finding("error", "no-consent", contact.contact, words)
        elif calls and "sms" not in contact.channels:
            words = "a ladder texts them, but they take no texts: give them the channel sms, or take the step out"
            yield Finding("error", "no-channel", contact.contact, words)
        elif not calls and not (contact.neighbour and siren):
            words = "no step of any ladder calls them: add a step, or remove them"
            yield Finding("warning", "never-called", contact.contact, words)


def _ladders(plan: Plan, played: Sequence[Played]) -> Iterator[Finding]:
    used = {each.ladder.name for each in played}
    for ladder in plan.ladders:
        if ladder.name not in used:
            words = "no alarm that this home can raise takes this ladder: give it to a kind, or remove it"
            yield Finding("error", "unused-ladder", ladder.name, words)
        seen: dict[tuple[object, ...], int] = {}
        for number, step in enumerate(ladder.steps, start=1):
            where = f"{ladder.name}, step {number}"
            if step.means == "sms" and not [name for name in step.to if plan.contact(name)]:
                yield Finding("error", "calls-nobody", where, "this text goes to nobody: name a contact of the plan")
            for stranger in (name for name in step.to if plan.contact(name) is None):
                yield Finding("error", "no-such-contact", where, f"the plan has no contact {stranger}: add them")
            same = (step.after_ms, step.means, step.to, step.text, step.only)
            if same in seen:
                yield Finding("warning", "twice", where, f"it does the same as step {seen[same]}: remove one")
            seen.setdefault(same, number)


def _steps(plan: Plan, played: Sequence[Played]) -> Iterator[Finding]:
    """A step that was never taken, in any case, at any hour, by any kind that has this ladder, never can be."""
    taken: dict[str, set[int]] = {}
    kinds: dict[str, list[Played]] = {}
    for each in played:
        taken.setdefault(each.ladder.name, set()).update(each.taken)
        kinds.setdefault(each.ladder.name, []).append(each)
    for ladder in plan.ladders:
        for place, step in enumerate(ladder.steps):
            told_at_the_raise = step.means == "centre" and step.after_ms == 0
            if ladder.name in kinds and place not in taken[ladder.name] and not told_at_the_raise:
                words = f"this step never runs: {_why(plan, kinds[ladder.name], step)}"
                yield Finding("error", "never-runs", f"{ladder.name}, step {place + 1}", words)


def _why(plan: Plan, users: Sequence[Played], step: Step) -> str:
    if step.means in ("siren", "say", "light") and all(each.source.kind.silent for each in users):
        return f"only silent alarms take this ladder, and a {step.means} is not silent"
    if step.only is not None and plan.night is None:
        return f"it is only for the {step.only}, and the plan has no [night]"
    if step.only is not None:
        return f"at no hour is it {step.only} when its turn comes"
    return "in no case is its turn ever taken"


def _fitted(plan: Plan, fittings: Fittings) -> Iterator[Finding]:
    there = {"siren": fittings.siren, "light": fittings.light, "relay": fittings.relay, "sms": fittings.modem}
    parts = {"sms": "modem", "light": "beacon"}
    for ladder in plan.ladders:
        for number, step in enumerate(ladder.steps, start=1):
            if not there.get(step.means, True):
                part = parts.get(step.means, step.means)
                words = f"the hub has no {part} for it: fit one and configure it, or take the step out"
                yield Finding("error", "not-fitted", f"{ladder.name}, step {number}", words)


def _rules(plan: Plan, played: Sequence[Played]) -> Iterator[Finding]:
    raised = {each.source.kind.name for each in played}
    ladders = {ladder.name for ladder in plan.ladders}
    for rule in plan.kinds:
        if rule.ladder and rule.ladder not in ladders:
            words = f"the plan has no ladder {rule.ladder}: add it, or name another"
            yield Finding("error", "no-such-ladder", rule.kind, words)
        if rule.kind not in raised:
            words = "nothing in this home can raise this kind of alarm: add its sensor or its watch, or remove the rule"
            yield Finding("error", "unreachable-rule", rule.kind, words)


def _accepted(plan: Plan, gaps: Sequence[AlarmProof]) -> Iterator[Finding]:
    names = [f"{proof.kind}/{row.case}" for proof in gaps for row in proof.rows if row.gap]
    for name in plan.accepted_gaps:
        if not any(fnmatchcase(each, name) for each in names):
            words = "the plan accepts this gap, and does not have it: remove the line"
            yield Finding("warning", "no-such-gap", name, words)
