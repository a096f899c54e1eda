"""`hearthline provision enrol`: makes this box a hub of a site, by an enrolment code, over the network or a stick."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import click
from msgspec.structs import replace

from agent.clock import Clock, SystemClock
from agent.config import ConfigError, HubConfig, load
from agent.wire.enrolment import Code, CodeError, parse_code
from agent.wire.stick import request_name
from provisioning.commands.options import config_option
from provisioning.provision import hub_toml
from provisioning.provision.answers import AnswerError, Proven, pinned_root, prove, word_authorities
from provisioning.provision.client import RefusedError, Service, UnreachableError, offered_authorities
from provisioning.provision.folder import HUB_KEY, FolderError, HubFolder, Identity, Record, remedy
from provisioning.provision.hub_toml import TomlError
from provisioning.provision.keys import sealed
from provisioning.provision.software import software
from provisioning.provision.stick import StickError, clear, leave, take

EXIT_REFUSED, EXIT_CANNOT = 1, 2
CODE_BYTES_MAX = 1_000
ASKED_MAX = 3

_FINAL = ("unproven", "used", "expired", "unknown", "revoked")
"""Refusals after which the same request will never be taken."""

_LATER = ("down", "too-many")
"""Refusals that say nothing of the request: it is the same later."""

NEXT = (
    "hearthline sensors adapters   shows the receivers that are plugged in",
    "hearthline sensors learn      adds the sensors, one by one",
)


class CodeWantedError(Exception):
    """There is no enrolment code to go by; the text says how to give one."""


class Outcome(NamedTuple):
    """What came of it: `identity` is None while the site's answer is still to come on the stick."""

    identity: Identity | None
    new: bool
    strangers: tuple[str, ...] = ()
    request: Path | None = None


@click.command()
@config_option("config")
@click.option(
    "--code-file", type=click.Path(path_type=Path), help="Read the enrolment code from this file instead of asking."
)
@click.option(
    "--stick",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Write the request to this folder, and take the answer from it, where there is no network.",
)
@click.option("--json", "as_json", is_flag=True, help="Tell what came of it as JSON.")
def enrol(config: Path, code_file: Path | None, stick: Path | None, *, as_json: bool) -> None:
    """Make this box a hub of your site.

    Asks for the enrolment code that your site made for it (hearthline provision issue): type it, paste it, or scan its
    QR code; from a pipe it is read as well. The code is good once, and it is never given as an argument, where others
    could read it. The box makes its own keys, which never leave it, and writes them and hub.toml.

    Without a network: run it with --stick and the folder of a USB stick, take the stick to the site (hearthline
    provision sign), bring it back, and run the same again.

    It may be cut off at any moment: run it again, and it goes on. On a box that is a hub already it changes nothing.

    \b
    Exits with
      0  this box is a hub now, or was one; or the request lies on the stick
      1  the site refused, or something is not as it should be: the text says what to do
      2  the site or the stick cannot be reached, or a file not be written
    """  # noqa: D301 -- click's mark for lines kept as they are
    folder = HubFolder(config)

    def given(asks: str | None) -> Code | None:
        return _code(code_file, asks)

    try:
        with folder.held():
            outcome = enrol_box(folder, given, SystemClock(), stick)
    except RefusedError as error:
        click.echo(f"The site refused: {error.refusal.detail}", err=True)
        sys.exit(EXIT_CANNOT if error.refusal.code in _LATER else EXIT_REFUSED)
    except (AnswerError, CodeError, CodeWantedError, FolderError, TomlError) as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_REFUSED)
    except (StickError, UnreachableError) as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_CANNOT)
    except OSError as error:
        click.echo(f"{error.filename or config}: {error.strerror}: {remedy(error)}", err=True)
        sys.exit(EXIT_CANNOT)
    _tell(outcome, folder, as_json=as_json)


# --- what is done --------------------------------------------------------------------------------------


def enrol_box(
    folder: HubFolder, given: Callable[[str | None], Code | None], clock: Clock, stick: Path | None = None
) -> Outcome:
    """Bring a box as far towards being a hub as it gets; every step is found done by the next run.

    `given` gives the enrolment code: by asking a person for it, if it is told what to ask, or None if nobody gave one.
    Raises what `enrol` catches.
    """
    identity = folder.identity()
    if identity is not None:
        code = given(None)
        if code is not None and code.token != identity.record.token:
            remedy = "`hearthline provision decommission` comes first; a replaced box always gets a new name"
            raise FolderError(f"this box is {identity.hub} already, and this code is for another hub: {remedy}")
        folder.abandon()
        return Outcome(identity, new=False, strangers=_settle(folder, identity))
    _require_no_other(folder)
    record = _attempt(folder, given)
    try:
        proven = _by_stick(folder, record, clock, stick) if stick else _by_network(folder, record, clock)
    except RefusedError as refused:
        if refused.refusal.code in _FINAL and not stick:  # on a stick anybody may have written it: the keys stay
            folder.abandon()
        raise
    if proven is None:
        assert stick is not None  # noqa: S101 -- for the type checker: only a stick's answer may be still to come
        return Outcome(None, new=False, request=stick / request_name(record.request))
    folder.lay(proven)
    identity = folder.identity()
    assert identity is not None  # noqa: S101 -- it has just been laid
    strangers = _settle(folder, identity)
    if stick:
        clear(stick, record.request)
    return Outcome(identity, new=True, strangers=strangers)


def _require_no_other(folder: HubFolder) -> None:
    """Refuse a box whose hub.toml names another identity, and a file that could not be edited afterwards."""
    if not folder.config.exists():
        return
    document = hub_toml.parsed(folder.config.read_text(encoding="utf-8"))
    keys = document.get("keys")
    named = keys.get(HUB_KEY.removesuffix(".key")) if isinstance(keys, dict) else None
    if isinstance(named, str) and named and (folder.folder / named).exists():
        remedy = "`hearthline provision decommission` comes first; a replaced box always gets a new name"
        raise FolderError(f"{folder.config}: this box has a hub's key already ({named}): {remedy}")


def _attempt(folder: HubFolder, given: Callable[[str | None], Code | None]) -> Record:
    """Go on with what was begun, or begin by the code that is given."""
    begun = folder.begun()
    asks = "Enrolment code" if begun is None else "Enrolment code (Enter goes on with the one given before)"
    code = given(asks)
    if begun is None:
        if code is None:
            raise CodeWantedError("an enrolment code is needed: your site makes one with `hearthline provision issue`")
        return folder.begin(code)
    if code is None:
        return begun
    proof = code.proof(begun.csr, begun.signing, begun.plan)
    if (proof, code.root.hex()) != (begun.proof, begun.root):
        return folder.begin(code)
    record = replace(begun, endpoint=code.endpoint)
    if record != begun:
        folder.keep(record)
    return record


def _by_network(folder: HubFolder, record: Record, clock: Clock) -> Proven:
    """Ask the service: first who it is, which the code pins, and only then for what we want."""
    try:
        root = pinned_root(offered_authorities(record.endpoint), bytes.fromhex(record.root))
    except AnswerError as error:
        told = "Nothing was sent. Is somebody in between, or is the code another site's?"
        raise AnswerError(f"{record.endpoint} is not the site that made this code: {error}. {told}") from None
    service = Service(record.endpoint, root, clock)
    key = folder.signing_key()
    answer = service.ask("simpleenroll", lambda iat: sealed(record.enrol(iat, software()), key))
    return prove(answer, request=record.request, key=folder.uplink_key(), root=root)


def _by_stick(folder: HubFolder, record: Record, clock: Clock, stick: Path) -> Proven | None:
    """Take the answer if it is there, else leave the request; the code pins the root that the answer comes with."""
    answer = take(stick, record.request)
    if answer is None:
        said = record.enrol(clock.now().wall_ms // 1_000, software())
        leave(stick, "enrol", record.request, sealed(said, folder.signing_key()))
        return None
    try:
        root = pinned_root(word_authorities(answer.word), bytes.fromhex(record.root))
        return prove(answer, request=record.request, key=folder.uplink_key(), root=root)
    except AnswerError as error:
        raise AnswerError(f"the answer on the stick is not from the site that made this code: {error}") from None


def _settle(folder: HubFolder, identity: Identity) -> tuple[str, ...]:
    """See that hub.toml names this identity; give its ways that the site does not name."""
    config = _ours(folder, identity)
    if config is None:
        there = folder.config.read_text(encoding="utf-8") if folder.config.exists() else ""
        text = there or hub_toml.starter(folder.config)
        config = hub_toml.write(folder.config, hub_toml.edited(text, identity.hub, identity.word))
    return hub_toml.strangers(config, identity.word.ways)


def _ours(folder: HubFolder, identity: Identity) -> HubConfig | None:
    """Give the configuration if it is this identity's; what an installer changed since is left alone."""
    try:
        config = load(folder.config)
    except ConfigError:
        return None
    ours = config.hub == identity.hub and config.keys.hub.resolve() == (folder.keys / HUB_KEY).resolve()
    return config if ours else None


# --- who it talks to ------------------------------------------------------------------------------------


def _code(file: Path | None, asks: str | None) -> Code | None:
    """Take the code from a file, a pipe, or a person; None if nobody gave one. Raises CodeError, CodeWantedError."""
    if file is not None:
        try:
            with file.open("rb") as opened:
                return _parsed(opened.read(CODE_BYTES_MAX).decode(errors="replace"))
        except OSError as error:
            raise CodeWantedError(f"{file}: {error.strerror}: name the file that holds the code") from None
    if not sys.stdin.isatty():
        return _parsed(sys.stdin.read(CODE_BYTES_MAX))
    return None if asks is None else _typed(asks)


def _parsed(text: str) -> Code | None:
    return parse_code(text) if text.strip() else None


def _typed(asks: str) -> Code | None:
    """Ask a person, who may mistype. It is shown as typed: nobody types forty signs blind, and it is good once."""
    for left in reversed(range(ASKED_MAX)):
        try:
            return _parsed(click.prompt(asks, default="", show_default=False, err=True))
        except CodeError as error:
            if not left:
                raise
            click.echo(str(error), err=True)
    return None


def _tell(outcome: Outcome, folder: HubFolder, *, as_json: bool) -> None:
    """Tell what was done, and what comes next."""
    identity = outcome.identity
    if as_json:
        state = "waiting" if identity is None else "enrolled" if outcome.new else "unchanged"
        told = {
            "state": state,
            "hub": identity.hub if identity else None,
            "site": identity.word.name if identity else None,
            "config": str(folder.config),
            "request": str(outcome.request) if outcome.request else None,
            "kept_uplinks": outcome.strangers,
        }
        click.echo(json.dumps(told))
        return
    if identity is None:
        click.echo(f"The request lies on the stick: {outcome.request}")
        click.echo("Take it to your site, run `hearthline provision sign` on it there, bring it back,")
        click.echo("and run this again. It asks for no code any more.")
        return
    if not outcome.new:
        click.echo(
            f"This box is {identity.hub}, a hub of {identity.word.name}, already. Nothing was asked of the site."
        )
    else:
        click.echo(f"This box is {identity.hub} now, a hub of {identity.word.name}.")
        click.echo(
            f"Its keys are in {folder.keys}, and never leave it. {folder.config} names them and the ways to the centre."
        )
    for each in outcome.strangers:
        click.echo(f"The site does not name the uplink {each!r}: it stays as it is in {folder.config}. Is it right?")
    click.echo("Next:")
    for line in NEXT:
        click.echo(f"  {line}")
