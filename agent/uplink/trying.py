"""Tries a certificate at the broker before the hub depends on it: a CONNECT of its own by each way, and goodbye.

It says and hears nothing there, keeps no session, and has a client id that no uplink has: the hub's own connection
stays as it is.
"""

import asyncio
import secrets
import ssl
from collections.abc import Iterable
from typing import Literal, NamedTuple

from agent.config import Uplink
from agent.uplink.tls import TlsError, judge_by_clock, tls_context
from sensors.mqtt_link import LinkLostError, MqttLink
from sensors.mqtt_way import Way

TRY_S = 10.0
"""How long DNS, TCP, TLS and CONNACK may take together: more than an uplink's, as nobody waits for help here."""

GOODBYE_S = 2.0
_WHY_MAX = 200

Outcome = Literal["taken", "refused", "unreachable"]


class Tried(NamedTuple):
    """What became of it by one way. `why` is for the installer at the hub: it may name a host."""

    way: str
    outcome: Outcome
    why: str = ""


async def try_ways(hub: str, uplinks: Iterable[Uplink], *, trusted: bool, timeout_s: float = TRY_S) -> list[Tried]:
    """Try every uplink with the files it names, all at once. `trusted`: whether the wall clock is (S3, S6).

    "taken" is the broker's CONNACK. "refused" is a broker that did not want us, or that we may not trust; "unreachable"
    says nothing of the certificate.
    """
    return list(await asyncio.gather(*(_try(hub, each, trusted=trusted, timeout_s=timeout_s) for each in uplinks)))


async def _try(hub: str, uplink: Uplink, *, trusted: bool, timeout_s: float) -> Tried:
    try:
        tls = tls_context(uplink)
    except TlsError as error:
        return Tried(uplink.name, "refused", str(error)[:_WHY_MAX])
    if tls is not None:
        judge_by_clock(tls, trusted=trusted)
    link = MqttLink(
        f"{hub}..{secrets.token_hex(8)}",  # no uplink's, and nobody else can name it (decision 0035)
        lambda _: None,
        way=Way(uplink.interface or "", uplink.address or ""),
        tls=tls,
        clean_start=True,
        session_expiry_s=0,
    )
    try:
        await link.connect(uplink.host, uplink.port, timeout_s=timeout_s)
    except LinkLostError as error:
        return Tried(uplink.name, _outcome(error.__cause__), str(error)[:_WHY_MAX])
    await link.close(timeout_s=GOODBYE_S)
    return Tried(uplink.name, "taken")


def _outcome(cause: BaseException | None) -> Outcome:
    """Tell a broker that does not want us from a line that is not there.

    With TLS 1.3 the server judges our certificate after the handshake is over for us: a connection that is lost before
    its CONNACK was refused.
    """
    if isinstance(cause, ssl.SSLError | LinkLostError):
        return "refused"
    return "unreachable"
