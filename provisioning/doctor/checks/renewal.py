"""Do certificates renew themselves? By what `hearthline provision renew` noted of its last runs."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from agent.status import RENEWAL_FILE, RenewalStatus
from provisioning.doctor.finding import Check, Finding, skipped, warning, well, wrong
from provisioning.doctor.scene import Scene

ABOUT = "renewal"
DAY_MS = 24 * 3_600_000
STALE_DAYS = 3
"""The timer looks daily; a hub that was switched off over a weekend is well."""

FAILING_DAYS = 7


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Its notes, None where there are none; `now_ms` None while the clock is not trusted (S6)."""

    notes: RenewalStatus | None
    now_ms: int | None
    allowed: bool = True


def judge(facts: Facts) -> Iterator[Finding]:
    """Say whether it runs, and gets its certificate."""
    notes, now_ms = facts.notes, facts.now_ms
    if not facts.allowed:
        yield skipped(ABOUT, "not looked at: run the doctor with sudo")
    elif notes is None or notes.looked_ms is None:
        yield skipped(ABOUT, "it has not run yet")
    elif notes.failing_ms is not None:
        days = 0 if now_ms is None else max(0, now_ms - notes.failing_ms) // DAY_MS
        found = f"it has failed {notes.failures} times, for {days} days: {notes.why or 'no reason was noted'}"
        make = wrong if days >= FAILING_DAYS else warning
        yield make(ABOUT, found, "sudo hearthline provision renew says more; tell the site if it goes on")
    elif now_ms is not None and now_ms - notes.looked_ms > STALE_DAYS * DAY_MS:
        days = (now_ms - notes.looked_ms) // DAY_MS
        yield wrong(ABOUT, f"it last ran {days} days ago", "sudo systemctl enable --now hearthline-renew.timer")
    else:
        yield well(ABOUT, "it runs, and nothing is overdue")


def probe(folder: Path, now_ms: int | None) -> Facts:
    """Read its notes."""
    try:
        notes = msgspec.json.decode((folder / RENEWAL_FILE).read_bytes(), type=RenewalStatus)
    except PermissionError:
        return Facts(notes=None, now_ms=now_ms, allowed=False)
    except (OSError, msgspec.DecodeError):
        return Facts(notes=None, now_ms=now_ms)
    return Facts(notes=notes, now_ms=now_ms)


def _look(scene: Scene) -> Iterable[Finding]:
    if scene.config is None:
        return []
    now = scene.clock.now()
    return judge(probe(scene.config.state_dir, now.wall_ms if now.synced else None))


CHECK = Check("renewal", "Renewal of certificates", _look)
