"""Do certificates renew themselves? By what `hearthline provision renew` noted of its last runs."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from agent.config import HubConfig
from agent.status import RENEWAL_FILE, RenewalStatus
from provisioning.doctor.finding import Check, Finding, skipped, warning, well, wrong
from provisioning.doctor.scene import Scene
from provisioning.provision.folder import UPLINK, WORD
from provisioning.provision.renewal import validity

ABOUT = "renewal"
DAY_MS = 24 * 3_600_000
STALE_DAYS = 3
"""The timer looks daily; a hub that was switched off over a weekend is well."""

NEVER_DAYS = 2
"""The timer looks within hours; and a certificate begins a day before it was issued."""

FAILING_DAYS = 7

TIMER = "sudo systemctl enable --now hearthline-renew.timer"


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Its notes, None where there are none; `now_ms` None while the clock is not trusted (S6).

    `since_ms` is when the certificate begins, in Unix ms; None where no site's service renews it.
    """

    notes: RenewalStatus | None
    now_ms: int | None
    since_ms: int | None = None
    allowed: bool = True


def judge(facts: Facts) -> Iterator[Finding]:
    """Say whether it runs, and gets its certificate."""
    notes, now_ms = facts.notes, facts.now_ms
    if not facts.allowed:
        yield skipped(ABOUT, "not looked at: run the doctor with sudo")
    elif notes is None or notes.looked_ms is None:
        if now_ms is not None and facts.since_ms is not None and now_ms - facts.since_ms >= NEVER_DAYS * DAY_MS:
            yield warning(ABOUT, "it has never run, and the certificate is more than a day old", TIMER)
        else:
            yield skipped(ABOUT, "it has not run yet")
    elif notes.failing_ms is not None:
        days = 0 if now_ms is None else max(0, now_ms - notes.failing_ms) // DAY_MS
        found = f"it has failed {notes.failures} times, for {days} days: {notes.why or 'no reason was noted'}"
        make = wrong if days >= FAILING_DAYS else warning
        yield make(ABOUT, found, "sudo hearthline provision renew says more; tell the site if it goes on")
    elif now_ms is not None and now_ms - notes.looked_ms > STALE_DAYS * DAY_MS:
        days = (now_ms - notes.looked_ms) // DAY_MS
        yield wrong(ABOUT, f"it last ran {days} days ago", TIMER)
    else:
        yield well(ABOUT, "it runs, and nothing is overdue")


def probe(folder: Path, now_ms: int | None, since_ms: int | None = None) -> Facts:
    """Read its notes."""
    try:
        notes = msgspec.json.decode((folder / RENEWAL_FILE).read_bytes(), type=RenewalStatus)
    except PermissionError:
        return Facts(notes=None, now_ms=now_ms, allowed=False)
    except (OSError, msgspec.DecodeError, UnicodeError, RecursionError):
        return Facts(notes=None, now_ms=now_ms, since_ms=since_ms)
    return Facts(notes=notes, now_ms=now_ms, since_ms=since_ms)


def _since(config: HubConfig) -> int | None:
    keys = config.keys.hub.parent
    try:
        return validity((keys / UPLINK).read_text("ascii")).from_ms if (keys / WORD).exists() else None
    except (OSError, ValueError):
        return None  # what is wrong with it, the check of keys tells


def _look(scene: Scene) -> Iterable[Finding]:
    if scene.config is None:
        return []
    now = scene.clock.now()
    return judge(probe(scene.config.state_dir, now.wall_ms if now.synced else None, _since(scene.config)))


CHECK = Check("renewal", "Renewal of certificates", _look)
