"""Proves a plan before it is trusted (S9), in a process of its own at the lowest priority: alarms go on meanwhile."""

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from rules.plan import Plan

Prove = Callable[[Plan, Path], Awaitable["Verdict"]]
"""How a plan is proven for the hub that a `hub.toml` configures."""

TIMEOUT_S = 60.0
ANSWER_BYTES_MAX = 64 * 1024


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a plan may be trusted, and if not, why: plain sentences. `transient`: another time it may go better."""

    ok: bool
    reasons: tuple[str, ...] = ()
    transient: bool = False


async def prove(plan: Plan, hub_toml: Path, *, timeout_s: float = TIMEOUT_S) -> Verdict:
    """Prove a plan for the hub that `hub_toml` configures. Never raises: what cannot be proven is not trusted."""
    try:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "agent.plan.prove",
            str(hub_toml),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError as error:
        return Verdict(ok=False, reasons=(f"the proof could not be started: {error.strerror}",), transient=True)
    try:
        async with asyncio.timeout(timeout_s):
            answer, _ = await child.communicate(msgspec.json.encode(plan))
    except TimeoutError:
        return Verdict(ok=False, reasons=(f"the proof took longer than {timeout_s:g} s",), transient=True)
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await asyncio.shield(child.wait())
    try:
        return msgspec.json.decode(answer[:ANSWER_BYTES_MAX], type=Verdict)
    except msgspec.DecodeError:
        return Verdict(ok=False, reasons=(f"the proof ended with code {child.returncode}, and no verdict",))
