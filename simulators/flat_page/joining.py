"""A flat that is a home of a centre elsewhere: it enrols there by a code, as any box does, and stays that hub."""

import contextlib
import fcntl
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from agent.clock import Clock
from agent.config import ConfigError, load
from agent.wire.enrolment import Code
from provisioning.provision.answers import AnswerError
from provisioning.provision.client import RefusedError, UnreachableError
from provisioning.provision.enrol import CodeWantedError, enrol_box
from provisioning.provision.folder import (
    CA,
    HUB_KEY,
    PLAN_KEY,
    UPLINK,
    UPLINK_KEY,
    FolderError,
    HubFolder,
    Identity,
)
from provisioning.provision.hub_toml import TomlError
from provisioning.provision.renewing import Renewal
from provisioning.provision.takeover import TakeOverError
from simulators.demo import card
from simulators.keys import HubKeys, KeySet, TlsFiles

ENROLLED: Final = "enrolled"
"""In the flat's folder: what makes it a hub of somebody's. Its presence makes the folder that of a flat that joined."""

_NOBODY: Final = Path("nobody")
"""What a home is never given."""


class JoinError(Exception):
    """The flat does not become, or is no longer, that hub; the text says why, and what to do."""


class Elsewhere:
    """The centre of a hub that has enrolled, as the far end of a world's line (`simulators.demo.far_end`).

    `site` is its name. Of several ways to its broker the flat takes the first.
    """

    ours = False
    silent = False

    def __init__(self, identity: Identity, box: HubFolder) -> None:
        way = identity.word.ways[0]
        self.hub, self.site, self.name = identity.hub, identity.word.name, way.host
        self.place = (way.address or way.host, way.port)
        self.keys = keys_of(box, identity.hub)

    def silence(self, *, silent: bool) -> None:
        """Refuse: other people's homes hang on it. Raises OSError."""
        raise OSError(f"{self.site} is elsewhere: nobody here can {'silence' if silent else 'wake'} it")


def is_home(folder: Path) -> bool:
    """Whether a flat in this folder has enrolled somewhere, or has begun to."""
    return (folder / ENROLLED).is_dir()


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Have the folder for ourselves: one hub cannot live twice. What was made for nothing goes. Raises JoinError."""
    made = not folder.exists()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise JoinError(f"{folder} cannot be used: {error.strerror}: name another with --keep") from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise JoinError(f"the flat in {folder} runs already: use its page, or end it first") from None
        if not is_home(folder) and any(folder.iterdir()):
            raise JoinError(f"{folder} is not empty, and no flat that has enrolled: name a new folder with --keep")
        yield
    finally:
        os.close(handle)
        _tidy(folder, made=made)


def _tidy(folder: Path, *, made: bool) -> None:
    """Leave no trace of an attempt that came to nothing and cannot go on."""
    box = HubFolder(folder / ENROLLED / "hub.toml")
    if box.folder.is_dir() and not box.keys.exists() and not box.attempt.exists():
        shutil.rmtree(box.folder, ignore_errors=True)
    if made:
        with contextlib.suppress(OSError):  # there is something in it
            folder.rmdir()


def join(folder: Path, code: Code | None, clock: Clock) -> Elsewhere:
    """Enrol by a code, or go on as whoever the flat in `folder` is; blocks. Raises JoinError.

    Cut off anywhere, the next call goes on, without a code too.
    """
    box = HubFolder(folder / ENROLLED / "hub.toml")
    try:
        with box.held():
            identity = box.identity()
            if identity is None:
                identity = _enrolled(box, code, clock)
            elif code is not None and code.token != identity.record.token:
                raise JoinError(
                    f"{folder}: this flat is {identity.hub} of {identity.word.name} already, and the code is for"
                    " another home: name another folder with --keep, or leave the code out"
                )
        return Elsewhere(identity, box)
    except (AnswerError, CodeWantedError, ConfigError, FolderError, TomlError) as error:
        raise JoinError(str(error)) from None
    except OSError as error:
        raise JoinError(f"{error.filename or folder}: {error.strerror}: look at the disk, and run it again") from None


def _enrolled(box: HubFolder, code: Code | None, clock: Clock) -> Identity:
    begun = box.begun()
    endpoint = code.endpoint if code is not None else begun.endpoint if begun is not None else ""
    if trouble := endpoint and unresolved(_host(endpoint)):
        raise JoinError(trouble)
    try:
        identity = enrol_box(box, lambda _asks: code, clock).identity
    except RefusedError as error:
        raise JoinError(f"The centre refuses: {error.refusal.detail}") from None
    except UnreachableError as error:
        raise JoinError(f"{error} (`hearthline centre run` runs it as well.)") from None
    assert identity is not None  # noqa: S101 -- only by a stick may the answer be still to come
    return identity


def look_for_news(folder: Path, clock: Clock) -> str:
    """Renew what is due, and take over what the site says anew, as a hub's timer does; say what it came to. Blocks.

    Raises JoinError where the flat's identity is not whole.
    """
    box = HubFolder(folder / ENROLLED / "hub.toml")
    try:
        with box.held():
            return Renewal(box, clock).run().told
    except (AnswerError, FolderError, TakeOverError) as error:
        raise JoinError(str(error)) from None
    except OSError as error:
        return f"{error.filename or folder}: {error.strerror}"


def move_in_again(folder: Path) -> None:
    """Put aside what was heard and logged when the flat was last lived in: it is not to be told as if it were now."""
    (folder / card.RECORD).unlink(missing_ok=True)
    log = folder / "flat" / "hub.log"
    with contextlib.suppress(FileNotFoundError):
        log.replace(log.with_name("hub.log.before"))


def unresolved(host: str) -> str:
    """Say what to do about a host that this computer cannot find by its name; "" if it can. Blocks."""
    try:
        socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return (
            f"{host}: this computer does not know the name ({getattr(error, 'strerror', None) or error}). If the centre"
            f" runs on this very computer, write the line `127.0.0.1 {host}` into /etc/hosts; if it is another's,"
            " its address in place of 127.0.0.1; if the internet should know it, is there a network?"
        )
    return ""


def _host(endpoint: str) -> str:
    """Give the host of an endpoint, a host or host:port."""
    host, colon, port = endpoint.rpartition(":")
    bare = host if colon and port.isdecimal() and (":" not in host or host.endswith("]")) else endpoint
    return bare.strip("[]")


def keys_of(box: HubFolder, hub: str) -> KeySet:
    """Give the files of a box that has enrolled, as a flat takes them. Raises ConfigError."""
    made, centre = box.keys, load(box.config).keys.centre
    own = HubKeys(
        tls=TlsFiles(made / UPLINK, made / UPLINK_KEY),
        signing=made / HUB_KEY,
        public=_NOBODY,
        plan=made / PLAN_KEY,
        plan_public=_NOBODY,
    )
    return KeySet(
        ca=made / CA,
        broker=TlsFiles(_NOBODY, _NOBODY),
        centre_tls=TlsFiles(_NOBODY, _NOBODY),
        centre=_NOBODY,
        centre_public=centre[0],
        hubs={hub: own},
        centre_next=next(iter(centre[1:]), None),
    )
