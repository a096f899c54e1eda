"""Is the clock kept right, and does it agree with the site's?"""

import base64
import http.client
import ssl
from collections.abc import Iterable, Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path

import msgspec

from agent.clock import Clock
from agent.uplink.tls import judge_by_clock
from agent.wire.enrolment import SiteWord
from provisioning.doctor.finding import Check, Finding, skipped, warning, well, wrong
from provisioning.doctor.scene import Scene

APART_S = 5
"""More than this is told. Receipts and commands are fresh within minutes (S4); events carry these times."""

FAR_S = 120

SITE = "site.jws"
_WAIT_S = 4.0
_HTTPS = 443


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """`ahead_s`: how far our clock is ahead of the site's; None where the site could not be asked, because of `why`."""

    synced: bool
    ahead_s: float | None = None
    why: str = ""


def judge(facts: Facts) -> Iterator[Finding]:
    """Say whether its times can be believed."""
    remedy = "let it reach a time server (timedatectl status); a battery for the Pi's clock helps over a power cut"
    if facts.synced:
        yield well("clock", "kept right by the network or a radio clock")
    else:
        found = "not synchronised: the hub works, but tells the centre so, and judges no certificate by its dates"
        yield warning("clock", found, remedy)
    if facts.ahead_s is None:
        yield skipped("the site's clock", facts.why)
    elif abs(facts.ahead_s) <= APART_S:
        yield well("the site's clock", "the same as ours")
    else:
        said = f"ours is {abs(facts.ahead_s):.0f} s {'ahead' if facts.ahead_s > 0 else 'behind'}"
        make = wrong if abs(facts.ahead_s) > FAR_S else warning
        yield make("the site's clock", said, remedy)


def probe(scene: Scene) -> Facts:
    """Ask the kernel whether it is kept right, and the site's service what time it is."""
    now = scene.clock.now()
    config = scene.config
    if config is None:
        return Facts(synced=now.synced, why="not asked: mend the configuration first")
    ca = next((each.ca for each in config.uplinks if each.ca is not None), None)
    word = read_word(config.keys.hub.parent / SITE)
    if word is None or ca is None:
        return Facts(synced=now.synced, why="not asked: this hub was not enrolled by a site's service")
    try:
        ahead_s = ahead_of(word.enrolment, ca, scene.clock)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Facts(synced=now.synced, why=f"not asked: the site's service cannot be reached ({_words(error)})")
    return Facts(synced=now.synced, ahead_s=ahead_s)


def read_word(path: Path) -> SiteWord | None:
    """Read what the site said of itself; it was proven when it was kept. None where there is none."""
    try:
        payload = path.read_text("ascii").split(".")[1]
        return msgspec.json.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)), type=SiteWord)
    except (OSError, UnicodeError, ValueError, IndexError, msgspec.DecodeError):
        return None


def ahead_of(endpoint: str, ca: Path, clock: Clock) -> float:
    """Give how many seconds we are ahead of a server that this authority vouches for. Raises OSError and ValueError."""
    host, _, port = endpoint.rpartition(":") if endpoint[-1:].isdigit() and ":" in endpoint else (endpoint, "", "")
    context = ssl.create_default_context(cafile=ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    judge_by_clock(context, trusted=False)  # it is the time that is in doubt
    there = http.client.HTTPSConnection(host.strip("[]"), int(port or _HTTPS), timeout=_WAIT_S, context=context)
    try:
        there.request("HEAD", "/v1/site")
        said = there.getresponse().getheader("Date")
        return clock.now().wall_ms / 1000 - parsedate_to_datetime(said or "").timestamp()
    finally:
        there.close()


def _words(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


def _look(scene: Scene) -> Iterable[Finding]:
    return judge(probe(scene))


CHECK = Check("clock", "Clock", _look)
