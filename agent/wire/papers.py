"""The papers a hub hands in at its site: a report of its commissioning, and the receipt of its end.

Each is a compact JWS (`ES256`) by the key the site knows the hub by, as a request is (`agent.wire.enrolment`).
"""

from typing import Annotated, Literal

import msgspec

from agent.wire.enrolment import HubName

COMMISSIONING = "/v1/commissioning"
DECOMMISSIONED = "/v1/decommissioned"
SITE = "/v1/site"
"""Where the service takes them, and where it gives the site's word."""

REPORT_BYTES_MAX = 1024 * 1024
"""The largest report, in bytes (S12)."""

PAPER_BYTES_MAX = 2 * 1024 * 1024
"""The largest JWS that carries one: base 64 twice makes 16 bytes of 9."""

ReportName = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{1,60}\.(html|json|pdf)\Z")]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A report to be kept at the site under a name such as `commissioning.pdf`. `iat` is Unix seconds."""

    aud: Literal["enrolment"] = "enrolment"
    iat: int
    hub: HubName
    name: ReportName
    content: Annotated[bytes, msgspec.Meta(max_length=REPORT_BYTES_MAX)]


class Decommissioned(msgspec.Struct, frozen=True, kw_only=True):
    """A hub is one no more: what of it was wiped when this was signed. Its keys, which sign it, are wiped after.

    `waiting` counts the events that never reached the centre, by lane, and the raised alarms among them (`alarms`);
    it is None where the store could not be read. `iat` is Unix seconds by a clock that is `synced` or not.
    """

    aud: Literal["enrolment"] = "enrolment"
    iat: int
    synced: bool
    hub: HubName
    wiped: Annotated[tuple[str, ...], msgspec.Meta(max_length=1_000)]
    waiting: dict[str, int] | None
    software: Annotated[str, msgspec.Meta(max_length=40)] = ""


class SiteAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What `SITE` answers: the site's word, a JWS, and the certificate (PEM) of the authority that signed it."""

    word: str
    issuing: str
