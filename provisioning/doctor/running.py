"""Runs checks side by side, each with its time: one that hangs is a finding, and holds nobody up."""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from time import monotonic
from typing import TypeVar

from provisioning.doctor.finding import Check, Finding, Looked, skipped, wrong
from provisioning.doctor.scene import Scene

T = TypeVar("T")


def run(checks: Sequence[Check], scene: Scene) -> Iterator[Looked]:
    """Give what each check finds, as they end."""
    ended: queue.SimpleQueue[tuple[Check, tuple[Finding, ...]]] = queue.SimpleQueue()
    began, waiting = monotonic(), {check.name: check for check in checks}
    for check in checks:
        # Daemon threads: a name server that hangs must not keep the command from ending.
        threading.Thread(target=_look, args=(check, scene, ended), name=check.name, daemon=True).start()
    while waiting:
        first = min(waiting.values(), key=lambda each: each.timeout_s)
        try:
            check, findings = ended.get(timeout=max(0.0, began + first.timeout_s - monotonic()))
        except queue.Empty:
            check, findings = first, (_late(first),)
        if waiting.pop(check.name, None) is not None:
            yield Looked(check=check.name, title=check.title, findings=findings)


def _look(check: Check, scene: Scene, ended: "queue.SimpleQueue[tuple[Check, tuple[Finding, ...]]]") -> None:
    if check.needs_config and scene.config is None:
        ended.put((check, (skipped(check.title, "not looked at: mend the configuration first"),)))
        return
    try:
        findings = tuple(check.look(scene))
    except Exception as error:  # noqa: BLE001 -- S7: a check that breaks is told, and the others go on
        remedy = "report this, with what `hearthline doctor --json` prints"
        findings = (wrong(check.title, f"this could not be looked at: {type(error).__name__}: {error}", remedy),)
    ended.put((check, findings))


def _late(check: Check) -> Finding:
    found = f"no answer within {check.timeout_s:g} s"
    return wrong(check.title, found, "see whether the machine or its disk hangs (dmesg), and try again")


def within(seconds: float, work: Callable[[], T]) -> T:
    """Do what may hang and cannot be stopped. Raises TimeoutError, and whatever `work` raises."""
    done: Future[T] = Future()

    def do() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 -- raised again where it was asked for
            done.set_exception(error)

    threading.Thread(target=do, daemon=True).start()
    return done.result(timeout=seconds)
