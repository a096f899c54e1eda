"""Has a module of ours answer in a process of its own, at a low priority: alarms go on meanwhile.

The question goes in on standard input, not as arguments, which everybody on the machine can read (S11).
"""

import asyncio
import contextlib
import os
import resource
import sys

ANSWER_BYTES_MAX = 64 * 1024
"""S12."""


async def ask(module: str, *arguments: str, question: bytes, timeout_s: float) -> tuple[bytes, int | None]:
    """Give what `python -m module` answers, and the code it ended with. It ends when it takes too long, and with us.

    Raises TimeoutError, and OSError when it cannot be started.
    """
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(timeout_s):
            answer, _ = await child.communicate(question)
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await asyncio.shield(child.wait())
    return answer[:ANSWER_BYTES_MAX], child.returncode


def begin(*, nice: int, cpu_s_max: int) -> None:
    """In such a process, first of all: let others go first, and end after so much work (S12).

    The hub may be gone by then, and nobody left to end it.
    """
    os.nice(nice)
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s_max, cpu_s_max))
