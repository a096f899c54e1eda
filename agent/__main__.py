"""`python -m agent --config hub.toml`: the daemon as systemd runs it. No command-line library is loaded here."""

import argparse
import asyncio
import contextlib
import ctypes
import fcntl
import gc
import logging
import os
import resource
import signal
import sys
from pathlib import Path

from agent.clock import Clock, SystemClock
from agent.config import DEFAULT_PATH, ConfigError, HubConfig, load
from agent.config.credentials import Credentials
from agent.daemon import Daemon
from agent.maintenance import WANTED, take_away
from agent.seams import Seams
from agent.store.errors import StoreError
from agent.uplink.tls import TlsError
from agent.wire.envelope import KeyFileError

EXIT_CONFIG = 78  # sysexits(3): something is wrong with the configuration
EXIT_STORE = 74  # likewise: input or output failed


def main(argv: list[str] | None = None, *, clock: Clock | None = None, seams: Seams | None = None) -> int:
    """Run a hub until it is told to stop; give the exit code. Others than a home may put in a clock and seams."""
    parser = argparse.ArgumentParser(prog="python -m agent", description="The Hearthline hub.")
    parser.add_argument("--config", type=Path, default=DEFAULT_PATH, help=f"the hub's configuration ({DEFAULT_PATH})")
    parser.add_argument("--verbose", action="store_true", help="log every step")
    options = parser.parse_args(argv)
    with contextlib.suppress(OSError, ValueError):  # the unit may forbid it, and has seen to it then (LimitCORE=0)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # S11: memory holds names and keys
    level = logging.DEBUG if options.verbose else logging.INFO
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("aiosqlite").setLevel(logging.WARNING)
    try:
        config = load(options.config)
        lock = _only_one(config)
        config = _anew(config, options.config)
        daemon = Daemon(config, clock or SystemClock(), seams)
        restart = asyncio.run(_serve(daemon))
    except (ConfigError, KeyFileError, TlsError) as error:
        print(error, file=sys.stderr)  # noqa: T201 -- an installer reads it
        return EXIT_CONFIG
    except StoreError as error:
        print(error, file=sys.stderr)  # noqa: T201 -- likewise
        return EXIT_STORE
    if lock is not None:
        os.close(lock)
    if restart and not os.environ.get("NOTIFY_SOCKET"):  # S10: systemd starts us again; nobody else would
        sys.stderr.flush()
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 -- what we were started as
    return 0


def _anew(config: HubConfig, path: Path) -> HubConfig:
    """Take a wish for a restart as granted: what it was laid for is read from here on. Raises ConfigError.

    But for what systemd has handed over: a certificate that was renewed since then is not in it (S10).
    """
    try:
        return load(path) if take_away(config.state_dir, Credentials(path).handed_ns) else config
    except OSError as error:
        logging.getLogger(__name__).error("%s: %s: %s", config.state_dir, WANTED, error.strerror)  # noqa: TRY400 -- told, not traced
        return config


def _only_one(config: HubConfig) -> int | None:
    """Hold the state directory for as long as this process lives: two hubs on one store would double every alarm.

    The directory itself is locked, as a full or read-only disk takes no new file. Where there is none and none can be
    made there is no store to share either, and the hub starts without (S1).
    """
    try:
        config.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(config.state_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        logging.getLogger(__name__).error("%s: %s", config.state_dir, error.strerror)  # noqa: TRY400 -- told, not traced
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StoreError(f"{config.state_dir}: another hub is running on it: stop that one first") from None
    return lock


def _give_back() -> None:
    """Return the memory that loading needed and running does not: 4 MB of 47, measured."""
    gc.collect()
    gc.freeze()  # what is left stays: the collector need not look at it again
    with contextlib.suppress(OSError, AttributeError):  # a C library without it keeps what it has
        ctypes.CDLL(None).malloc_trim(0)


async def _serve(daemon: Daemon) -> bool:
    """Run it; tell whether it is to start anew."""
    _give_back()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return await daemon.run(stop)


if __name__ == "__main__":
    sys.exit(main())
