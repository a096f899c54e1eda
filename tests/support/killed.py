"""Kills a piece of work at the n-th thing it does to the disk (SIGKILL), in a process of its own."""

import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator

_CHANGES = frozenset(
    {"os.rename", "os.remove", "os.symlink", "os.link", "os.mkdir", "os.rmdir", "os.chmod", "os.chown", "os.truncate"}
)


def killed_at(number: int, work: Callable[[], object]) -> bool:
    """Do the work in a fork that is killed just before its `number`-th change, from 1; tell whether it came so far.

    A change is whatever Python tells its auditors of: files opened to be written, renamed, removed. Raises
    AssertionError when the work failed by itself.
    """
    child = os.fork()
    if child == 0:
        _die_at(number, work)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "the work failed: see above"
    return False


def every_kill(work: Callable[[], object], *, step: int = 1, most: int = 500) -> Iterator[int]:
    """Kill the work ever later until it is done; after each kill it is the caller's to look, and to begin anew."""
    for number in range(1, most, step):
        if not killed_at(number, work):
            return
        yield number
    raise AssertionError(f"not done after {most} changes")


def _die_at(number: int, work: Callable[[], object]) -> None:
    left = number

    def audit(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if event in _CHANGES or writes:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    try:
        sys.addaudithook(audit)
        work()
    except BaseException:  # noqa: BLE001 -- nothing of the parent's may run on in the child
        traceback.print_exc()
        os._exit(3)
    os._exit(0)
