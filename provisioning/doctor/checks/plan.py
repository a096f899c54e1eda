"""Is there a care plan, does it suit this hub, and is it proven? The proof runs in a process that gives way."""

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from agent.config import HubConfig
from agent.plan.arrival import OUTCOME, Outcome
from agent.plan.hub import hub_config
from agent.plan.keeping import FOLDER, versions
from agent.plan.proving import TIMEOUT_S, prove
from agent.plan.reading import PlanError, parse, read_plan
from provisioning.doctor.finding import Check, Finding, skipped, warning, well, wrong
from provisioning.doctor.scene import Scene
from rules.plan import Plan
from rules.proof.cases import WORDS

APPLY = "hearthline plan check FILE, then sudo hearthline plan apply FILE"

REASONS_SHOWN = 2
"""`hearthline plan check` shows all."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """The newest plan that the hub keeps: its version (0: the built-in one), and what its proof says."""

    version: int = 0
    trouble: str = ""
    allowed: bool = True
    ok: bool = True
    reasons: tuple[str, ...] = ()
    accepted: int = 0
    refused: tuple[str, ...] = ()
    """Why the last plan that was laid here was not taken."""


def judge(facts: Facts) -> Iterator[Finding]:
    """Say whether the home's plan may be trusted."""
    about = f"care plan {facts.version}" if facts.version else "care plan"
    if not facts.allowed:
        yield skipped(about, "not looked at: run the doctor with sudo")
    elif facts.trouble:
        yield wrong(about, facts.trouble, f"correct it, or the hub's sensors: {APPLY}")
    elif not facts.version:
        found = "none yet: the hub calls the centre, sounds its siren, and texts nobody"
        yield warning(about, found, f"give it the home's own: {APPLY}")
    elif facts.ok:
        said = "every urgent alarm reaches a human, whatever single thing fails"
        yield well(about, f"proven: {said}{', but for the gaps that it accepts' if facts.accepted else ''}")
    if not facts.ok and facts.allowed and not facts.trouble:
        more = len(facts.reasons) - REASONS_SHOWN
        told = "; ".join(map(_plainly, facts.reasons[:REASONS_SHOWN])) + (f"; and {more} more" if more > 0 else "")
        yield wrong(about, f"not proven: {told}", f"correct the plan: {APPLY}")
    if facts.accepted:
        found = f"it accepts {facts.accepted} {'gap' if facts.accepted == 1 else 'gaps'}, in which nobody may come"
        yield warning(about, found, "see that whoever signed for them still agrees: hearthline plan explain FILE")
    for reason in facts.refused:
        yield warning("the last plan laid", f"was refused: {reason}", f"correct it: {APPLY}")


def _plainly(reason: str) -> str:
    """Say a reason that names a case, such as `pendant/line-down: no human is reached: …`, as people do."""
    where, _, words = reason.partition(": ")
    kind, _, case = where.partition("/")
    return f"{kind}, when {WORDS[case]}: {words.partition(': ')[0]}" if case in WORDS else reason


def newest(config: HubConfig, *, must_suit: bool = True) -> Plan | None:
    """Give the newest plan that the hub keeps; it `must_suit` its sensors. Raises PlanError and OSError."""
    folder = config.state_dir / FOLDER
    try:
        version = max(versions(folder), default=0)
    except FileNotFoundError:
        return None
    if not version:
        return None
    name = f"{version}.json"
    raw = parse((folder / name).read_bytes(), name, json=True)
    return read_plan(raw, hub_config(config) if must_suit else None).plan


def probe(config: HubConfig, path: Path, *, provable: bool) -> Facts:
    """Read the plan that the hub keeps, and prove it for this hub."""
    refused = _refused(config.state_dir / OUTCOME)
    try:
        plan = newest(config)
    except PermissionError:
        return Facts(allowed=False)
    except (PlanError, OSError) as error:
        said = error.reason if isinstance(error, PlanError) else str(error)
        return Facts(trouble=said, refused=refused)
    if plan is None:
        return Facts(refused=refused)
    if not provable:
        return Facts(version=plan.version, ok=False, reasons=("mend the configuration first",), refused=refused)
    verdict = asyncio.run(prove(plan, path))
    reasons = verdict.reasons or ("it could not be proven",)
    return Facts(
        version=plan.version, ok=verdict.ok, reasons=reasons, accepted=len(plan.accepted_gaps), refused=refused
    )


def _refused(path: Path) -> tuple[str, ...]:
    try:
        outcome = msgspec.json.decode(path.read_bytes(), type=Outcome)
    except (OSError, msgspec.DecodeError):
        return ()
    return outcome.reasons if outcome.outcome == "refused" else ()


def _look(scene: Scene) -> Iterable[Finding]:
    if scene.config is None:
        return []
    return judge(probe(scene.config, scene.path, provable=not scene.problems))


CHECK = Check("plan", "Care plan", _look, timeout_s=TIMEOUT_S + 10)
