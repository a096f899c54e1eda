"""`hearthline provision sign`: answers the requests on a stick, for boxes that no network joins to the service."""

import contextlib
import json
import re
import sys
from pathlib import Path
from typing import NamedTuple

import click
import msgspec

from agent.clock import SystemClock
from agent.files import write_whole
from agent.wire.enrolment import REQUEST_BYTES_MAX, Answer, Refusal
from agent.wire.papers import PAPER_BYTES_MAX
from agent.wire.stick import Carried, answer_name, read_plain, refusal_name
from centre.site.judging import refused
from centre.site.service import take_leave
from centre.site.site import Refused, Site, SiteError

EXIT_REFUSED, EXIT_CANNOT = 1, 2

REQUEST = re.compile(r"request-([0-9a-f]{1,64})\.json")
RECEIPT = re.compile(r"decommissioned-([a-z0-9-]{3,40})\.jws")

FILES_MAX = 1_000
"""What is answered of one stick (S12)."""


class Signed(NamedTuple):
    """What became of a file: the hub it is of, or why it was refused."""

    file: str
    hub: str = ""
    refused: str = ""


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--site",
    "site_folder",
    type=click.Path(path_type=Path),
    default=Path("site"),
    show_default=True,
    help="The site's folder.",
)
@click.option("--json", "as_json", is_flag=True, help="Give what became of each file as JSON.")
def sign(folder: Path, site_folder: Path, *, as_json: bool) -> None:
    """Answer every request that lies in FOLDER, such as a USB stick's.

    A box without a network writes its request there (hearthline provision enrol --stick FOLDER, or renew); this writes
    the answer beside it; then the same command on the box takes it. What is signed is no secret. Receipts of
    decommissioned hubs that lie there are taken too. Run it twice, and nothing changes.

    \b
    Exits with
      0  every file was answered, or there was none
      1  one was refused: the text says why
      2  the stick or the site cannot be used
    """  # noqa: D301 -- click's mark for lines kept as they are
    try:
        with contextlib.closing(Site.open(site_folder)) as site:
            done = sign_all(folder, site, SystemClock().now().wall_ms)
    except SiteError as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_CANNOT)
    except OSError as error:
        click.echo(f"{error.filename or folder}: {error.strerror}: can this stick be written to?", err=True)
        sys.exit(EXIT_CANNOT)
    if as_json:
        click.echo(json.dumps([each._asdict() for each in done]))
    for each in () if as_json else done:
        click.echo(f"{each.file}: " + (f"refused: {each.refused}" if each.refused else each.hub))
    if not done and not as_json:
        click.echo(f"{folder}: no request here: write one on the box (hearthline provision enrol --stick FOLDER)")
    sys.exit(EXIT_REFUSED if any(each.refused for each in done) else 0)


def sign_all(folder: Path, site: Site, wall_ms: int) -> list[Signed]:
    """Answer what lies in a folder. Raises OSError for a folder, and SiteError for a site, that cannot be used."""
    done: list[Signed] = []
    ours = (path for path in folder.iterdir() if REQUEST.fullmatch(path.name) or RECEIPT.fullmatch(path.name))
    for path in sorted(ours)[:FILES_MAX]:
        if found := REQUEST.fullmatch(path.name):
            done.append(_answer(path, found[1], site, wall_ms))
        elif found := RECEIPT.fullmatch(path.name):
            done.append(_leave(path, found[1], site, wall_ms))
    return done


def _answer(path: Path, request: str, site: Site, wall_ms: int) -> Signed:
    """Answer a request; what was refused is told to the box as well."""
    refusal = path.with_name(refusal_name(request))
    try:
        carried = _carried(path)
        body = carried.jws.encode()
        answer = site.renew(body, wall_ms, carried=True) if carried.what == "renew" else site.enrol(body, wall_ms)
    except Refused as error:
        _write(refusal, error.refusal)
        return Signed(path.name, refused=error.refusal.detail)
    _write(path.with_name(answer_name(answer.request)), answer)
    refusal.unlink(missing_ok=True)
    return Signed(path.name, answer.hub)


def _leave(path: Path, hub: str, site: Site, wall_ms: int) -> Signed:
    try:
        return Signed(path.name, take_leave(site, _read(path, PAPER_BYTES_MAX), wall_ms))
    except Refused as error:
        known = site.hub(hub)
        if error.refusal.code == "revoked" and known is not None and known.state == "revoked":
            return Signed(path.name, hub)  # by this very receipt, or by a person before it came
        return Signed(path.name, refused=error.refusal.detail)


def _carried(path: Path) -> Carried:
    try:
        return msgspec.json.decode(_read(path, 2 * REQUEST_BYTES_MAX), type=Carried)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise refused("unreadable", "it is not a request: have the box write it again") from None


def _read(path: Path, bytes_max: int) -> bytes:
    try:
        content = read_plain(path, bytes_max)
    except OSError as error:
        raise refused("unreadable", f"it cannot be read: {error.strerror}") from None
    if not content:
        raise refused("unreadable", "it is not a plain file of the right size")
    return content


def _write(path: Path, content: Answer | Refusal) -> None:
    write_whole(path, msgspec.json.encode(content), new=path.with_name(f"{path.name}.new"))
