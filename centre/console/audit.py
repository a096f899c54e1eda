"""The audit, for auditors and supervisors: who did what, who looked at whose record, emergencies at the top."""

from typing import Annotated
from urllib.parse import urlencode

from litestar import get
from litestar.params import Parameter
from litestar.response import Template

from centre.console.guards import allow
from centre.services import Given
from centre.staff.auditing import PAGE, AuditBook

_EMERGENCIES = 20
Sought = Annotated[str, Parameter(max_length=100)]
Number = Annotated[int, Parameter(ge=0, le=2**62)]


@get("/audit", guards=[allow("supervisor", "auditor")], sync_to_thread=True)
def page(
    services: Given,
    who: Sought = "",
    home: Sought = "",
    case: Sought = "",
    before: Number = 0,
    looks_before: Number = 0,
) -> Template:
    """Show a page of both, of somebody, a home or a case."""
    book = AuditBook(services.database)
    who, home, case = who.strip(), home.strip(), case.strip()
    done = book.done(who=who, hub=home, case_id=case, before=before)
    looks = [] if case else book.looks(who=who, hub=home, before=looks_before)
    sought = {key: value for key, value in (("who", who), ("home", home), ("case", case)) if value}

    def older(**more: int) -> str:
        return "/audit?" + urlencode({**sought, **more})

    context = {
        "who": who,
        "home": home,
        "case": case,
        "done": done,
        "looks": looks,
        "emergencies": book.looks(who=who, hub=home, emergencies=True, limit=_EMERGENCIES),
        "older_done": older(before=done[-1].number, looks_before=looks_before) if len(done) == PAGE else "",
        "older_looks": older(before=before, looks_before=looks[-1][0]) if len(looks) == PAGE else "",
    }
    return Template("audit.html", context=context)


ROUTES = [page]
