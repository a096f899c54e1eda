"""Sends commissioning reports to the site's enrolment service, signed; what cannot be sent waits for the next time."""

from functools import partial
from pathlib import Path

import msgspec

from agent.clock import Clock
from agent.config import HubConfig
from agent.wire.papers import COMMISSIONING, REPORT_BYTES_MAX, Report
from provisioning.provision.client import RefusedError, Service, UnreachableError
from provisioning.provision.folder import CA, FolderError, HubFolder, root_of
from provisioning.provision.keys import sealed
from provisioning.report.keeping import Kept, all_kept

_SUFFIXES = (".pdf", ".json")
"""The JSON has the digest of the sheets, and so comes after them."""


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What was sent, what waits, and why. `possible`: this hub has a site's service to send it to."""

    sent: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    why: str = ""
    possible: bool = True


def send_waiting(config: HubConfig, clock: Clock) -> Sent:
    """Send every report that the centre does not have yet, oldest first. Sent twice, the site keeps one.

    Raises OSError for a state directory that cannot be read or written.
    """
    waiting = [each for each in all_kept(config.state_dir) if not each.sent]
    names = tuple(each.name for each in waiting)
    if not waiting:
        return Sent()
    try:
        service = _service(config.path, clock)
    except FolderError as error:
        return Sent(waiting=names, why=str(error))
    if service is None:
        why = "this hub was not enrolled by a site's service: carry the report there with --stick FOLDER"
        return Sent(waiting=names, why=why, possible=False)
    signing = config.keys.hub.read_bytes()
    for done, each in enumerate(waiting):
        try:
            _send(service, config.hub, each, signing)
        except (UnreachableError, RefusedError, _TooLargeError) as error:
            return Sent(sent=names[:done], waiting=names[done:], why=str(error))
        each.mark_sent()
    return Sent(sent=names)


class _TooLargeError(Exception):
    """A report is larger than a site takes."""


def _service(config: Path, clock: Clock) -> Service | None:
    """Find the site's service; None for a hub that none enrolled. Raises FolderError."""
    folder = HubFolder(config)
    if not (folder.keys / CA).exists():
        return None
    identity = folder.identity()
    if identity is None:
        return None
    return Service(identity.word.enrolment, root_of(identity.word.ca), clock)


def _send(service: Service, hub: str, kept: Kept, signing: bytes) -> None:
    for suffix in _SUFFIXES:
        content = kept.file(suffix).read_bytes()
        if len(content) > REPORT_BYTES_MAX:
            raise _TooLargeError(
                f"{kept.file(suffix)}: larger than {REPORT_BYTES_MAX >> 20} MiB: carry it with --stick"
            )
        name = f"commissioning-{kept.name.removeprefix('report-')}{suffix}"
        service.send(COMMISSIONING, partial(_paper, hub, name, content, signing))


def _paper(hub: str, name: str, content: bytes, signing: bytes, iat: int) -> bytes:
    return sealed(Report(iat=iat, hub=hub, name=name, content=content), signing)
