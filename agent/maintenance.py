"""How a restart is asked for: a file in the hub's own directory, that the hub looks for each second (S10).

Whoever has put new keys, another configuration or other software in place lays it; when the hub starts anew is for
`rules.maintenance` to decide. It is gone as soon as a process has started that reads everything after that.
"""

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from agent.files import read_small, write_whole
from rules.events import PartChanged, RestartWanted, Why

log = logging.getLogger(__name__)

WANTED = "restart.wanted"
PART = "maintenance"
LOOK_EVERY_S = 1.0
BYTES_MAX = 4 * 1024


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the file says, as JSON."""

    why: Why


def lay_wanted(state_dir: Path, why: Why) -> None:
    """Ask for a restart: run by root or by the hub's user. Laid again, the newest reason is what the hub reads.

    Whether a hub runs or not: one that starts later reads everything anyway, and takes the file away. Raises OSError.
    """
    place = state_dir / WANTED
    folder = state_dir.stat()  # root lays it for the hub's user
    owner = (folder.st_uid, folder.st_gid) if os.geteuid() == 0 else None
    write_whole(place, msgspec.json.encode(Wanted(why)), new=place.with_name(f"{WANTED}.new"), owner=owner)


def take_away(state_dir: Path, read_ns: int | None = None) -> bool:
    """Remove the file; tell whether there was one. Raises OSError.

    `read_ns` is when what this process goes by was read for it (Unix ns): a wish that is younger stays, and is heard.
    """
    wanted = state_dir / WANTED
    try:
        if read_ns is not None and wanted.lstat().st_mtime_ns >= read_ns:
            return False
        wanted.unlink()
    except FileNotFoundError:
        return False
    return True


class Maintenance:
    """Looks for the file, tells of it once, and starts the restart that the rules allow by calling `stop`."""

    def __init__(
        self,
        state_dir: Path,
        put: Callable[[RestartWanted | PartChanged], bool],
        stop: Callable[[], None],
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._state_dir, self._put, self._stop = state_dir, put, stop
        self._look_every_s = look_every_s
        self._told: tuple[int, int] | None = None
        self._why: Why = "configuration"
        self._stuck = False

    async def run(self) -> None:
        """Look each second until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(self._look_every_s)

    def look(self) -> None:
        """Look once. A file that says nothing we know is told of in the log, and asks for nothing."""
        if self._stuck:
            self._try_again()
            return
        try:
            seen, content = read_small(self._state_dir / WANTED, BYTES_MAX)
        except OSError:
            return  # none; or one that is not a file of ours
        if seen == self._told:
            return
        self._told = seen
        try:
            wanted = msgspec.json.decode(content, type=Wanted)
        except (msgspec.DecodeError, UnicodeError) as error:
            log.error('%s: %s: expected {"why": "certificate"}, "configuration" or "software"', WANTED, error)  # noqa: TRY400 -- told, not traced
            return
        if not self._put(RestartWanted(wanted.why)):
            self._told = None  # the inbox is full: again in a second
        self._why = wanted.why

    def restart(self) -> None:
        """Start anew, as the rules said. Without the file, which would ask the next process for the same again.

        Until it can be removed there is a fault (S7), and no restart rather than one after another.
        """
        try:
            take_away(self._state_dir)
        except OSError as error:
            reason = f"{WANTED} cannot be removed, so the hub does not start anew: {error.strerror}"
            log.error("%s", reason)  # noqa: TRY400 -- told, not traced
            self._stuck = True
            self._put(PartChanged(PART, ok=False, reason=reason))
        else:
            self._stop()

    def _try_again(self) -> None:
        """The disk may have recovered. Somebody may need the hub meanwhile: the rules decide anew (S10)."""
        try:
            take_away(self._state_dir)
        except OSError:
            return
        self._stuck = not (self._put(PartChanged(PART, ok=True)) and self._put(RestartWanted(self._why)))
