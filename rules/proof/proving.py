"""The proof of a plan: every alarm in every case, and a verdict on what came of it."""

from collections.abc import Callable

from msgspec.structs import replace

from rules.events import Config
from rules.plan import Plan
from rules.proof import home, verdict
from rules.proof.cases import cases
from rules.proof.playing import Player
from rules.proof.sources import canonical, sources
from rules.proof.values import Fittings, Proof

ASSUMPTIONS = (
    "Times count from the trigger, so the cancel window is in them.",
    "Staff act at once on what they receive; what they take themselves is theirs to measure.",
    f"The mobile network takes {home.TEXT_MS // 1000} s to accept a text; a contact counts as reached then.",
    "The siren counts as a human only where a neighbour has agreed to come for it.",
    f"A line that lies is found out after {home.PUBACK_MS // 1000} s.",
    f"A standby line takes {home.STANDBY_MS // 1000} s to come up once it is wanted.",
    f"A restart takes {home.RESTART_MS // 1000} s, a reboot {home.REBOOT_MS // 1000} s.",
)
"""What the times rest on. Said with every proof."""


def prove(
    plan: Plan,
    config: Config | None = None,
    fittings: Fittings | None = None,
    *,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Proof:
    """Prove a plan for a hub's configuration, or for a home that has one sensor of everything.

    `progress` is called after each kind of alarm with how many are done, and how many there are.
    """
    known = config is not None
    config = config if config is not None else canonical(plan)
    fittings = fittings if fittings is not None else Fittings()
    every_case = cases(plan, config, fittings)
    all_sources = sources(plan, config, fittings)
    player = Player(_bare(plan), config, fittings)
    played = []
    for source in all_sources:
        played.append(player.play(source, every_case))
        progress(len(played), len(all_sources))
    alarms, gaps = verdict.alarms(plan, played)
    findings = verdict.findings(plan, config if known else None, fittings, played, alarms)
    return Proof(
        ok=not any(finding.severity == "error" for finding in findings),
        plan_version=plan.version,
        hub=config.hub if known else "",
        alarms=alarms,
        gaps=gaps,
        double_faults=verdict.double_faults(alarms),
        findings=findings,
        assumptions=ASSUMPTIONS,
        plays=player.plays,
    )


def _bare(plan: Plan) -> Plan:
    """Give the plan as it is played: nothing but the alarm in question may come up meanwhile."""
    version = max(1, plan.version)  # the plan that a hub has already is version 0
    bare = replace(plan, version=version, inactivity=(), absences=(), doors=(), temperatures=(), visits=())
    return replace(bare, reminders=(), thresholds=())
