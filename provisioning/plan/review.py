"""`python -m provisioning.plan.review`: a care plan on standard input, all that staff are shown of it on the other.

A process of its own, bounded in time and memory: a plan that somebody pasted is nobody's to trust. Neither telephone
numbers nor texts are in what it says, but for the document itself, which the asker has already (S11).
"""

import contextlib
import os
import resource
import sys
from typing import Any

import msgspec

from agent.plan.reading import PlanDocument, PlanError, parse, read_plan
from agent.plan.today import today
from provisioning.plan.explain_words import sentences
from provisioning.plan.notes import notes
from provisioning.plan.picture import timelines
from provisioning.plan.tables import accepted, alike, names, singles, span, told_once
from rules.events import Config
from rules.kinds import KINDS
from rules.plan import Plan
from rules.proof import Finding, Fittings, Proof, prove
from rules.proof.cases import WORDS

NICE, CPU_S_MAX, MEMORY_BYTES_MAX = 10, 60, 1024 * 1024 * 1024
"""S12. A proof takes seconds."""


class Question(msgspec.Struct, kw_only=True):
    """What is asked. `document` is the file's content, TOML unless `json`. `explain`: nobody asks for the proof.

    `hub` and `fittings` are what the hub says that it has, as far as that is known.
    """

    document: str
    json: bool = False
    explain: bool = False
    hub: Config | None = None
    fittings: Fittings | None = None


class Cell(msgspec.Struct, frozen=True):
    """When a human is reached in one case. `never` is `gap` (of a critical alarm), `known`, or empty."""

    words: str
    never: str = ""


class Reached(msgspec.Struct, frozen=True):
    """When a human is reached: in one case, for each of the kinds of alarm that `heads` names."""

    case: str
    cells: tuple[Cell, ...]


class Part(msgspec.Struct, frozen=True):
    """A part of the explanation. `picture` is SVG, if it has one."""

    title: str
    points: tuple[str, ...]
    picture: str = ""


class Review(msgspec.Struct, kw_only=True):
    """The answer. `problems` are lines that cannot be read; then there is nothing else. `document` is the plan itself.

    `ok`: it was proven, and may be trusted. `accepted` are the gaps that it accepts, in words.
    """

    ok: bool = False
    problems: tuple[str, ...] = ()
    version: int = 0
    findings: tuple[Finding, ...] = ()
    heads: tuple[str, ...] = ()
    reached: tuple[Reached, ...] = ()
    accepted: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    document: dict[str, Any] = msgspec.field(default_factory=dict)


def main() -> int:
    """Review a plan."""
    limit()
    question = msgspec.json.decode(sys.stdin.buffer.read(), type=Question)
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.buffer.write(msgspec.json.encode(review(question)))
    return 0


def limit() -> None:
    """Let others go first, and end rather than take more time or memory than any plan needs."""
    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S_MAX, CPU_S_MAX))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))


def review(question: Question) -> Review:
    """Read a plan, explain it, and prove it. What it watches must be the hub's, if the hub is known."""
    hub = question.hub and msgspec.structs.replace(question.hub, kinds=KINDS)
    try:
        document = read_plan(parse(question.document.encode(), "the plan", json=question.json), hub)
    except PlanError as error:
        return Review(problems=tuple(str(each) for each in error.problems))
    answer = Review(version=document.plan.version, parts=_parts(document.plan), document=_document(document))
    if question.explain:
        return answer
    proof = prove(document.plan, hub, question.fittings)
    return _proven(answer, proof, document.plan)


def _document(document: PlanDocument) -> dict[str, Any]:
    """Give the document as the wire carries it: dates are texts there."""
    raw: dict[str, Any] = msgspec.json.decode(document.to_json())
    return raw


def _parts(plan: Plan) -> tuple[Part, ...]:
    drawn = iter(timelines(plan))
    said = (Part(each.title, each.points, next(drawn) if each.alarm else "") for each in sentences(plan))
    return tuple(each for each in said if each.points or each.picture)


def _proven(answer: Review, proof: Proof, plan: Plan) -> Review:
    groups = alike(proof)
    rows = zip(*map(singles, groups), strict=True)
    reached = tuple(
        Reached(WORDS[each[0].case], tuple(_cell(row.human_ms, gap=bool(row.gap)) for row in each)) for each in rows
    )
    return msgspec.structs.replace(
        answer,
        ok=proof.ok,
        findings=(*told_once(proof), *notes(plan, today(plan.time_zone))),
        heads=tuple(map(names, groups)),
        reached=reached,
        accepted=tuple(accepted(proof)),
        assumptions=proof.assumptions,
    )


def _cell(human_ms: int | None, *, gap: bool) -> Cell:
    if human_ms is None:
        return Cell("never", "gap" if gap else "known")
    return Cell(span(human_ms))


if __name__ == "__main__":
    sys.exit(main())
