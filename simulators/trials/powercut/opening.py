"""Power cuts while a store is opened: begun in a new folder, or put aside because it is corrupt."""

import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from agent.store.errors import StoreError
from agent.store.opening import open_store
from agent.store.rows import Batch, Entry
from agent.store.store import Store
from rules.values import Now
from simulators.disk import Keep, Moment, RecordingDisk
from simulators.trials.powercut.account import Ledger
from simulators.trials.trial import Figures, Violation

_PLACE = Path("var") / "lib" / "hub.db"
"""Two folders deep, as on a machine that has neither."""

_FIRST = Batch(entries=(Entry(Now(1, 1), b'{"event":"tick"}'),), house=b"the first house")


def _filled(folder: Path) -> Path:
    """Lay a store of a former life into the folder, with a log that is not merged yet."""
    path = folder / _PLACE
    disk = RecordingDisk(folder)
    store = open_store(path, vfs=disk.name).store
    for number in range(40):
        store.commit(Batch(entries=(Entry(Now(number, number), b"e" * 400),), house=b"h" * 3_000))
        if number == 20:  # noqa: PLR2004 -- half way
            store.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    image = folder.with_name(folder.name + "-laid")
    disk.cut(image, "all")
    store.close()
    disk.close()
    shutil.rmtree(folder)
    image.rename(folder)
    return path


def _nothing(_folder: Path) -> None:
    """No store, and no folder for it."""


def _sound(folder: Path) -> None:
    _filled(folder)


def _damaged(folder: Path) -> None:
    path = _filled(folder)
    path.write_bytes(b"not what was written" * 4_000)


def _damaged_with_its_log(folder: Path) -> None:
    path = _filled(folder)
    path.write_bytes(b"not what was written" * 4_000)
    path.with_name("hub.db-wal").write_bytes(b"nor is this" * 4_000)


def _without_its_file(folder: Path) -> None:
    _filled(folder).unlink()


def _somebody_elses(folder: Path) -> None:
    path = folder / _PLACE
    path.parent.mkdir(parents=True)
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()


CASES: dict[str, Callable[[Path], None]] = {
    "brand-new": _nothing,
    "sound": _sound,
    "damaged": _damaged,
    "damaged-with-its-log": _damaged_with_its_log,
    "log-without-file": _without_its_file,
    "somebody-elses": _somebody_elses,
}
"""What may lie there when a hub starts."""

_CHANGES_MAX = 6
"""Up to 64 subsets of the names are all tried."""

_USABLE = ("brand-new", "sound")


def opening(case: str, folder: Path, dice: random.Random, figures: Figures, subsets: int) -> None:
    """Open a store, cutting the power at each sync of that, and open what the cut left. Raises Violation.

    What is left must open, hold what was committed, and never have lost a byte of what was put aside.
    """
    laid = folder / case
    laid.mkdir(parents=True)
    CASES[case](laid)
    precious = [path.read_bytes() for path in laid.rglob("hub.db*") if not path.name.endswith("-shm")]
    disk = RecordingDisk(laid)
    moments: list[Moment] = []
    disk.before_sync = lambda _number: moments.append(disk.moment())
    opened = open_store(laid / _PLACE, vfs=disk.name)
    before = Ledger.read(opened.store)
    if opened.quarantined != (case not in _USABLE):
        raise Violation(f"S7: {case}: {'put aside' if opened.quarantined else 'not put aside, but overwritten'}")
    if not opened.quarantined:
        precious = []  # it is used, so it may change
    opened.store.commit(_FIRST)
    last = disk.moment()
    opened.store.close()
    disk.close()
    for moment in [*moments, last]:
        figures.count("boundaries while opening")
        for cut, keep in _cuts(moment, dice, subsets):
            image = folder / f"{case}-image"
            cut.cut(image, keep)
            figures.count("images while opening")
            promised = before.after(_FIRST) if moment is last else None
            _examine(case, image, precious, promised, figures)
            shutil.rmtree(image)


def _cuts(moment: Moment, dice: random.Random, subsets: int) -> Iterator[tuple[Moment, Keep]]:
    """Give the cuts to make of a moment: every subset of the names, as few they are, each with some of the writes."""
    if len(moment.changes) > _CHANGES_MAX:
        keeps: tuple[Keep, ...] = ("none", "all", *[dice] * subsets)
        yield from ((moment, keep) for keep in keeps)
        return
    for naming in moment.namings():
        yield naming, "none"
        if not naming.certain:
            yield naming, "all"
            yield from ((naming, dice) for _ in range(subsets))


def _examine(case: str, image: Path, precious: list[bytes], promised: Ledger | None, figures: Figures) -> None:
    _see_that_kept(case, image, precious)
    disk = RecordingDisk(image)
    try:
        store, quarantined = open_store(image / _PLACE, vfs=disk.name)
        found = Ledger.read(store)
        if promised is not None and (found != promised or quarantined):
            raise Violation(f"S1: {case}: what was committed after opening is not there: {image}")
        if case == "sound" and (quarantined or len(found.entries) < 40):  # noqa: PLR2004 -- as laid
            raise Violation(f"S1: {case}: the store of a former life is not there: {image}")
        figures.count("unfinished stores put aside", int(quarantined and not precious))
        _commit(case, store, found)
    except StoreError as error:
        raise Violation(f"S7: {case}: does not open after the cut: {error}") from None
    finally:
        disk.close()
    _see_that_kept(case, image, precious)


def _commit(case: str, store: Store, found: Ledger) -> None:
    store.commit(_FIRST)
    if Ledger.read(store) != found.after(_FIRST):
        raise Violation(f"S1: {case}: the store opened after the cut does not keep what is committed")
    store.close()


def _see_that_kept(case: str, image: Path, precious: list[bytes]) -> None:
    there = [path.read_bytes() for path in image.rglob("hub.db*")]
    lost = [content for content in precious if content not in there]
    if lost:
        raise Violation(f"S7: {case}: {len(lost)} of {len(precious)} files that were put aside are lost: {image}")
