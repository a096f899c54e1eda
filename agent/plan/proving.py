"""Proves a plan before it is trusted (S9), in a process of its own: alarms go on meanwhile."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from agent.apart import ask
from rules.plan import Plan

Prove = Callable[[Plan, Path], Awaitable["Verdict"]]
"""How a plan is proven for the hub that a `hub.toml` configures."""

TIMEOUT_S = 60.0


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a plan may be trusted, and if not, why: plain sentences. `transient`: another time it may go better."""

    ok: bool
    reasons: tuple[str, ...] = ()
    transient: bool = False


async def prove(plan: Plan, hub_toml: Path, *, timeout_s: float = TIMEOUT_S) -> Verdict:
    """Prove a plan for the hub that `hub_toml` configures. Never raises: what cannot be proven is not trusted."""
    question = msgspec.json.encode(plan)
    try:
        answer, code = await ask("agent.plan.prove", str(hub_toml), question=question, timeout_s=timeout_s)
    except TimeoutError:
        return Verdict(ok=False, reasons=(f"the proof took longer than {timeout_s:g} s",), transient=True)
    except OSError as error:
        return Verdict(ok=False, reasons=(f"the proof could not be started: {error.strerror}",), transient=True)
    try:
        return msgspec.json.decode(answer, type=Verdict)
    except msgspec.DecodeError:
        return Verdict(ok=False, reasons=(f"the proof ended with code {code}, and no verdict",))
