"""The hub that runs, as an installer's command sees it: asked, told what to do, made to read hub.toml anew."""

import contextlib
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from agent.ask import AskError, ask, do
from agent.config import HubConfig
from agent.maintenance import lay_wanted
from agent.status import HubStatus
from rules.events import Mode, Verb

POLL_S = 0.25
"""How often the hub is asked: an answer costs it about a millisecond."""

TAKEN_UP_S = 60.0
"""How long a hub may take to start anew: a Pi that is busy needs ten seconds."""

KEEP_S = 30 * 60.0

START = "start it: sudo systemctl start hearthline (or hearthline run), then try again"


class HubError(Exception):
    """The hub does not run, or does not do as it should; the text says what to do."""


class NotRunningError(HubError):
    """There is no hub that answers."""


class NotTakenUpError(HubError):
    """The hub runs, and not by what hub.toml says now."""


class Hub:
    """The hub of a configuration."""

    def __init__(self, config: HubConfig) -> None:
        self._socket: Path = config.socket
        self._state_dir = config.state_dir

    def status(self, patience_s: float = 0.0) -> HubStatus:
        """Ask how it is. One that starts anew is waited for so long. Raises HubError."""
        until = time.monotonic() + patience_s
        while True:
            try:
                return self._status()
            except NotRunningError:
                if time.monotonic() >= until:
                    raise
                time.sleep(POLL_S)

    def _status(self) -> HubStatus:
        try:
            return msgspec.json.decode(ask(self._socket), type=HubStatus)
        except AskError as error:
            raise _unanswered(error) from None
        except msgspec.DecodeError as error:
            remedy = "do the hub and this command have the same version? Restart the hub"
            raise HubError(f"the hub's answer cannot be used: {error}: {remedy}") from None

    def do(self, verb: Verb) -> None:
        """Have it do something. Raises HubError."""
        try:
            do(self._socket, verb)
        except AskError as error:
            raise HubError(str(_unanswered(error))) from None

    def take_up(self, wanted: Callable[[HubStatus], bool], timeout_s: float = TAKEN_UP_S) -> HubStatus:
        """Have it start anew and read hub.toml; give its status once that is as `wanted`.

        Raises HubError; NotTakenUpError: it has not in that time, and the text says what it waits for.
        """
        epoch = self.status().epoch
        try:
            lay_wanted(self._state_dir, "configuration")
        except OSError as error:
            remedy = "run this as root or as the hub's user"
            raise HubError(f"{self._state_dir}: {error.strerror}: {remedy}") from None
        until, last = time.monotonic() + timeout_s, None
        while time.monotonic() < until:
            try:
                last = self.status()
            except NotRunningError:
                last = None  # in between; or it cannot start
            if last is not None and last.epoch != epoch and wanted(last):
                return last
            time.sleep(POLL_S)
        raise NotTakenUpError(_not_yet(last, epoch, timeout_s))

    def catch_up(self, config: HubConfig) -> bool:
        """Have it take up a hub.toml that was changed since it started, and say whether that was so. Raises HubError.

        A command that was killed may have left it so.
        """
        if not stale(config, self.status()):
            return False
        self.take_up(lambda told: _ids(config) == {each.id for each in told.sensors})
        return True

    @contextlib.contextmanager
    def engineer_mode(self) -> Iterator["EngineerMode"]:
        """Be in engineer mode: calls are marked as tests. At the end tests are over, and so is the mode.

        It ends by itself after an hour, whatever becomes of us. Raises HubError.
        """
        mode = EngineerMode(self, self.status().mode)
        mode.keep()
        try:
            yield mode
        finally:
            with contextlib.suppress(HubError):  # ends by itself
                self.do("end-tests")
                if mode.before != "engineer":
                    self.do("home")


class EngineerMode:
    """Engineer mode, kept up for as long as somebody is at work. `before` is the mode that there was."""

    def __init__(self, hub: Hub, before: Mode) -> None:
        self._hub = hub
        self.before = before
        self._kept_s: float | None = None

    def keep(self) -> None:
        """Ask for it (again) when half its hour is over. Raises HubError."""
        if self._kept_s is None or time.monotonic() - self._kept_s > KEEP_S:
            self._kept_s = time.monotonic()
            self._hub.do("engineer")


def _unanswered(error: AskError) -> NotRunningError:
    """Say what to do about a hub that does not answer, or will not."""
    if isinstance(error.__context__, FileNotFoundError | ConnectionRefusedError):
        return NotRunningError(f"{str(error).partition(': is ')[0]}: no hub runs here: {START}")
    return NotRunningError(str(error))


def stale(config: HubConfig, told: HubStatus) -> bool:
    """Say whether hub.toml was changed since this hub started."""
    written_s = config.path.stat().st_mtime
    changed = datetime.fromisoformat(told.started).timestamp() < written_s
    return changed or _ids(config) != {each.id for each in told.sensors}


def _ids(config: HubConfig) -> set[str]:
    return {each.id for each in config.sensors}


def deaf(hub: HubStatus) -> list[str]:
    """Say which drivers hear nothing, and why."""
    silent = (each for each in hub.drivers if not each.listening)
    return [f"driver {each.name} hears nothing: {each.reason or 'it is just starting'}" for each in silent]


_WAITS = {
    "alarm": "a real alarm is open",
    "reminder": "a reminder waits for its answer, or is about to be said",
    "message": "a message waits for its answer",
    "storage": "the disk does not take what it must keep",
}


def _not_yet(last: HubStatus | None, epoch: str, timeout_s: float) -> str:
    """Say why hub.toml is not in force."""
    if last is None:
        return f"the hub did not come back in {timeout_s:g} s: see its log (journalctl -u hearthline)"
    if last.epoch == epoch:
        waits = "" if last.restart is None else last.restart.waits_for
        why = _WAITS.get(waits, "it has not said why: see hearthline status")
        return f"the hub has not started anew yet: {why}. It reads hub.toml when that is over, or after a day (S10)"
    return "; ".join(deaf(last)) or "the hub has started anew, and is not as hub.toml says: look at hearthline status"
