"""All that is held of a home as one document, for a supervisor to give to the people it is about (subject access)."""

import tempfile
from collections.abc import Iterator
from typing import IO, Any

from litestar import MediaType, Response, get, post
from litestar.params import FromPath
from litestar.response import Stream, Template

from centre.console.guards import allow, who
from centre.console.home_reading import known
from centre.console.home_record import line
from centre.console.homes import AnyRequest, Form
from centre.services import Given
from centre.store.export import CONTENTS, NOTICE, export
from centre.store.records import WHY_CHARS_MAX

MEMORY_BYTES_MAX = 16 * 1024 * 1024
_CHUNK_BYTES = 64 * 1024


@get("/homes/{hub:str}/export", guards=[allow("supervisor")], sync_to_thread=True)
def ask(services: Given, hub: FromPath[str]) -> Template:
    """Show what is in the document, and ask for whom it is made."""
    known(services, hub)
    return _page(hub)


@post("/homes/{hub:str}/export", guards=[allow("supervisor")], status_code=200, sync_to_thread=True)
def download(request: AnyRequest, services: Given, hub: FromPath[str], data: Form) -> Response[Any]:
    """Give the document, once it is recorded that it was made."""
    known(services, hub)
    me, why = who(request), line(data, "why")
    if not 0 < len(why) <= WHY_CHARS_MAX:
        return _page(hub, f"Say why, in 1 to {WHY_CHARS_MAX} characters: it is recorded", why)
    # Beyond that it goes to the centre's own disk, in a file that never has a name (S11).
    out: tempfile.SpooledTemporaryFile[bytes] = tempfile.SpooledTemporaryFile(  # noqa: SIM115 -- closed by _sent
        MEMORY_BYTES_MAX, dir=str(services.settings.data)
    )
    try:
        whole: Any = out
        export(services.database, services.keyring, hub, me.role, me.name, why, services.now_ms(), out=whole)
    except BaseException:
        out.close()
        raise
    headers = {"content-disposition": f'attachment; filename="{hub}.json"'}
    return Stream(_sent(out), media_type=MediaType.JSON, headers=headers)


def _sent(out: IO[bytes]) -> Iterator[bytes]:
    with out:
        out.seek(0)
        while chunk := out.read(_CHUNK_BYTES):
            yield chunk


def _page(hub: str, problem: str = "", why: str = "") -> Template:
    context = {
        "hub": hub,
        "why": why,
        "problem": problem,
        "contents": list(CONTENTS.values()),
        "notice": NOTICE,
        "chars": WHY_CHARS_MAX,
    }
    return Template("home_export.html", context=context, status_code=422 if problem else 200)


ROUTES: list[Any] = [ask, download]
