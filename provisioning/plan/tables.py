"""The proof of a plan as tables for a terminal: what is red is what nobody answers."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from math import log
from string import ascii_uppercase
from typing import Any

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rules.proof import AlarmProof, Finding, Proof, Row
from rules.proof.cases import WORDS

SOON_MS, LATE_MS = 3 * 60_000, 15 * 60_000
"""Staff take three minutes at most in 99 % of calls (TSA); after a quarter of an hour help is late."""

WIDE = 110
BAR = 12
BAR_MS_MAX = 3 * 3_600_000

FEW = 3
"""So many kinds of alarm are named one by one where a gap could be accepted; more are "*"."""

TIGHT: dict[str, Any] = {"pad_edge": False, "padding": (0, 1, 0, 0)}

STRICKEN = "bold red"
COLOURS = {"centre": "green", "contact": "cyan", "neighbour": "magenta"}


def show(proof: Proof, console: Console) -> None:
    """Show a proof: the picture first, then a table for each kind of alarm, then what is wrong."""
    groups = alike(proof)
    narrow = console.width < WIDE
    if narrow:
        for letter, group in zip(ascii_uppercase, groups, strict=False):
            console.print(Text(f"{letter}  {names(group)}"))
    console.print(_overview(groups, list(ascii_uppercase[: len(groups)]) if narrow else list(map(names, groups))))
    for group in groups:
        console.print(_table(group, wide=not narrow))
    _say_double_faults(proof, console)
    for assumption in proof.assumptions:
        console.print(Text(assumption, "dim"))
    _say_accepted(proof, console)
    for finding in told_once(proof):
        console.print(_finding(finding))
    console.print(_verdict(proof))


def alike(proof: Proof) -> list[list[AlarmProof]]:
    """Gather the kinds of alarm that fare alike, the most urgent first."""
    groups = [list(each) for _, each in groupby(sorted(proof.alarms, key=_faring), key=_faring)]
    return sorted(groups, key=lambda group: (group[0].priority, group[0].kind))


def _faring(alarm: AlarmProof) -> tuple[object, ...]:
    """Give what kinds of alarm must share to stand in one table: everything but their names."""
    rows = tuple(
        (row.case, _rank(row.local_ms), _rank(row.centre_ms), _rank(row.human_ms), row.by, row.gap, row.worst)
        for row in alarm.rows
    )
    return alarm.priority, alarm.cancel_ms, alarm.silent, alarm.ladder, rows


def _rank(ms: int | None) -> float:
    return float("inf") if ms is None else ms


def names(group: Sequence[AlarmProof]) -> str:
    """Name the kinds of a group."""
    return ", ".join(alarm.kind for alarm in group)


def _overview(groups: Sequence[Sequence[AlarmProof]], heads: Sequence[str]) -> Table:
    """Give the picture: when a human is reached, for each case that is a single fault; `heads` name the groups."""
    table = Table(title="When is a human reached?", title_justify="left", box=box.SIMPLE_HEAD, **TIGHT)
    table.add_column("", no_wrap=True)
    for head in heads:
        table.add_column(head, justify="right", overflow="fold")
    for rows in zip(*map(singles, groups), strict=True):
        table.add_row(WORDS[rows[0].case], *(_block(row) for row in rows))
    return table


def singles(group: Sequence[AlarmProof]) -> list[Row]:
    """Give a group's rows for what is a single fault at most."""
    return [row for row in group[0].rows if row.faults <= 1 and "+" not in row.case]


def _block(row: Row) -> Text:
    if row.human_ms is None:
        return Text(" never ", "bold white on red" if row.gap else "black on yellow")
    colour = "green" if row.human_ms <= SOON_MS else "yellow" if row.human_ms <= LATE_MS else "dark_orange"
    return Text(f" {span(row.human_ms)} ", f"black on {colour}")


def _table(group: Sequence[AlarmProof], *, wide: bool) -> Table:
    first = group[0]
    window = f"cancel window {span(first.cancel_ms)}" if first.cancel_ms else "no cancel window"
    silent = ", silent at home" if first.silent else ""
    title = f"{names(group)}: priority {first.priority}, {window}{silent}, ladder {first.ladder}"
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, **TIGHT)
    for head in ("case", "sound", "centre", "human", "by", *(("", "worst when") if wide else ())):
        right = head in ("sound", "centre", "human")
        table.add_column(head, justify="right" if right else "left", no_wrap=head != "worst when")
    single = singles(group)
    worst = tuple(max(_rank(value) for value in values) for values in zip(*map(_times, single), strict=True))
    for row in first.rows:
        dim = "" if row in single else "dim"
        cells = [
            _time(ms, _rank(ms) == at_worst and row in single) for ms, at_worst in zip(_times(row), worst, strict=True)
        ]
        if first.silent:
            cells[0] = Text("silent", "dim")
        if row.human_ms is None:
            cells[2] = _gap(row, critical=first.critical)
        more = (_bar(row), Text(row.worst, dim)) if wide else ()
        table.add_row(Text(WORDS[row.case], dim), *cells, Text(row.by, COLOURS.get(row.by, "")), *more)
    return table


def _times(row: Row) -> tuple[int | None, ...]:
    return row.local_ms, row.centre_ms, row.human_ms


def _time(ms: int | None, worst: bool) -> Text:  # noqa: FBT001 -- one cell of many
    return Text("never" if ms is None else span(ms), "bold" if worst else "")


def _gap(row: Row, *, critical: bool) -> Text:
    if row.gap:
        return Text("never, accepted" if row.gap == "accepted" else "NEVER", STRICKEN)
    return Text("never", "yellow" if critical else "")


def _bar(row: Row) -> Text:
    """Give a bar as long as the wait, by its logarithm: the eye should find the long ones."""
    if row.human_ms is None:
        return Text("╌" * BAR, "red" if row.gap else "dim")
    share = log(1 + row.human_ms / 1_000) / log(1 + BAR_MS_MAX / 1_000)
    return Text("█" * max(1, min(BAR, round(share * BAR))), COLOURS.get(row.by, ""))


def _say_double_faults(proof: Proof, console: Console) -> None:
    if proof.double_faults:
        console.print(Text("Two faults at once that reach no human, for information:", "yellow"))
        for kinds, cases in _by_kinds(proof.double_faults):
            console.print(Padding(Text(f"{', '.join(kinds)}: {_worded(cases)}", "dim"), (0, 0, 0, 2)))


def _say_accepted(proof: Proof, console: Console) -> None:
    told = accepted(proof)
    if told:
        count = sum(gap.accepted for gap in proof.gaps)
        console.print(Text(f"{count} {_gaps(count)} that the plan accepts. Nobody comes then:", STRICKEN))
        for line in told:
            console.print(Padding(Text(line, "red"), (0, 0, 0, 2)))


def accepted(proof: Proof) -> list[str]:
    """Put the gaps that the plan accepts into words, a line for kinds of alarm that share theirs."""
    gaps = [gap.name for gap in proof.gaps if gap.accepted]
    return [f"{', '.join(kinds)}: {_worded(cases)}" for kinds, cases in _by_kinds(gaps)]


def _gaps(count: int) -> str:
    return "gap" if count == 1 else "gaps"


def _by_kinds(names: Sequence[str]) -> list[tuple[tuple[str, ...], list[str]]]:
    """Gather names of gaps: the kinds of alarm that have the same ones, and which those are."""
    pairs = [(kind, case) for kind, _, case in (name.partition("/") for name in names)]
    kinds_of: dict[str, tuple[str, ...]] = {}
    for kind, case in pairs:
        kinds_of[case] = (*kinds_of.get(case, ()), kind)
    gathered: dict[tuple[str, ...], list[str]] = {}
    for case, kinds in kinds_of.items():
        gathered.setdefault(kinds, []).append(case)
    return list(gathered.items())


def _worded(cases: Sequence[str]) -> str:
    return "; ".join(WORDS[case] for case in cases)


def told_once(proof: Proof) -> Iterator[Finding]:
    """Give the findings; all gaps of the same kinds of alarm in one."""
    for kinds, cases in _by_kinds([finding.where for finding in proof.findings if finding.code == "no-human"]):
        few = kinds if len(kinds) <= FEW else ("*",)
        gaps = ", ".join(f'"{kind}/{case}"' for kind in few for case in cases)
        words = f"nobody is called when: {_worded(cases)}. Call somebody, or accept it: accepted_gaps = [{gaps}]"
        yield Finding("error", "no-human", ", ".join(kinds), words)
    for finding in proof.findings:
        if finding.code != "no-human":
            yield finding


def _finding(finding: Finding) -> Text:
    style = STRICKEN if finding.severity == "error" else "bold yellow"
    return (
        Text(f"{finding.severity:<7}", style)
        .append(f" {finding.where}: {finding.words} ", "")
        .append(f"[{finding.code}]", "dim")
    )


def _verdict(proof: Proof) -> Text:
    errors = sum(finding.severity == "error" for finding in proof.findings)
    if errors:
        return Text(f"REFUSED: {errors} {'error' if errors == 1 else 'errors'} in {proof.plays} plays.", STRICKEN)
    gaps = sum(gap.accepted for gap in proof.gaps)
    said = f", but for the {gaps} {_gaps(gaps)} that it accepts" if gaps else ""
    return Text(f"This plan may be trusted{said}: {proof.plays} plays.", "bold green")


def span(ms: int) -> str:
    """Write a duration for people, in at most two units; what is not whole is rounded up, never down."""
    seconds = -(-ms // 1_000)
    hours, rest = divmod(seconds, 3_600)
    minutes, rest = divmod(rest, 60)
    said = [f"{count} {unit}" for count, unit in ((hours, "h"), (minutes, "min"), (rest, "s")) if count][:2]
    return " ".join(said) or "at once"
