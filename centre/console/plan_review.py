"""Has a care plan read, proven and explained in a process of its own: a plan that somebody pasted cannot harm us.

The centre may not see `provisioning`, which knows how; and a proof takes a processor's seconds. So `provisioning.plan.
review` is asked, on standard input (S11), as `agent.apart` does on a hub: bounded in time, memory, and in number.
"""

import asyncio
import base64
import contextlib
import os
import sys
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import msgspec

from agent.wire.messages import State
from rules.events import Config, Sensor
from rules.proof.values import Finding, Fittings
from rules.values import Value

MODULE = "provisioning.plan.review"
TIMEOUT_S = 45.0
AT_ONCE = 2
TURN_S = 10.0
"""How long somebody waits for others' reviews to end."""

ANSWER_BYTES_MAX = 8 * 1024 * 1024
DOCUMENT_CHARS_MAX = 64 * 1024
"""What the wire takes (`agent.wire.envelope`)."""

_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


class ReviewError(Exception):
    """The plan could not be looked at now; the text says why. Says nothing of the plan."""


class Question(Value, frozen=True, kw_only=True):
    """What is asked of `provisioning.plan.review`. `explain`: in sentences only, without a proof."""

    document: str
    json: bool = False
    explain: bool = False
    hub: Config | None = None
    fittings: Fittings | None = None


class Cell(Value, frozen=True, kw_only=True):
    """When a human is reached in one case. `never` is `gap` (of a critical alarm), `known`, or empty."""

    words: str
    never: str = ""


class Reached(Value, frozen=True, kw_only=True):
    """When a human is reached, in one case: for each of the review's `heads`."""

    case: str
    cells: tuple[Cell, ...]


class Part(Value, frozen=True, kw_only=True):
    """A part of the explanation. `picture` is SVG, if it has one."""

    title: str
    points: tuple[str, ...]
    picture: str = ""


class Review(Value, frozen=True, kw_only=True):
    """What was found. `problems`: lines that cannot be read; then there is nothing else.

    `ok`: proven, and may be trusted. `document` is the plan as the wire carries it.
    """

    ok: bool
    problems: tuple[str, ...] = ()
    version: int = 0
    findings: tuple[Finding, ...] = ()
    heads: tuple[str, ...] = ()
    reached: tuple[Reached, ...] = ()
    accepted: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    document: dict[str, Any] = msgspec.field(default_factory=dict)


async def review(question: Question, *, timeout_s: float = TIMEOUT_S) -> Review:
    """Have a plan looked at: takes seconds, and neither a thread nor the event loop meanwhile. Raises ReviewError."""
    turns = _turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE))
    try:
        await asyncio.wait_for(turns.acquire(), TURN_S)
    except TimeoutError:
        raise ReviewError("other plans are being checked: try again in a minute") from None
    try:
        answer = await _ask(msgspec.json.encode(question), timeout_s)
    finally:
        turns.release()
    try:
        return msgspec.json.decode(answer, type=Review)
    except (msgspec.DecodeError, UnicodeError):
        raise ReviewError("the check ended without a verdict: is the plan unusually large? Take parts out") from None


async def _ask(question: bytes, timeout_s: float) -> bytes:
    # What we find modules by, the child does: whatever folder the console was started in.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(each for each in sys.path if each)}
    try:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", MODULE),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,  # a trace may quote the plan (S11)
            env=environment,
        )
    except OSError as error:
        raise ReviewError(f"the check could not be started: {error.strerror}: tell whoever runs this centre") from None
    try:
        async with asyncio.timeout(timeout_s):
            answer, _ = await child.communicate(question)
    except TimeoutError:
        raise ReviewError(f"the check took longer than {timeout_s:g} s, and was ended: make the plan simpler") from None
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await asyncio.shield(child.wait())
    return answer if len(answer) <= ANSWER_BYTES_MAX else b""


MODEM, NO_OUTPUTS = "modem", "no-outputs"


class Known(NamedTuple):
    """What a hub has said that it has: its sensors and lines, and whether it has a modem, a siren, lamps."""

    config: Config
    fittings: Fittings


def known_hub(hub: str, state: State | None) -> Known | None:
    """Give what a hub says that it has: a plan may use nothing that it lacks. None while it has said nothing."""
    if state is None or not state.sensors:
        return None
    sensors = tuple(Sensor(each.sensor, each.kind, each.location) for each in state.sensors)
    lines = tuple(each for each in state.links if each.uplink != MODEM)
    outputs = all(each.fault != NO_OUTPUTS for each in state.faults)
    config = Config(
        hub,
        sensors,
        uplinks=tuple(each.uplink for each in lines) or ("main",),
        standby=tuple(each.uplink for each in lines if each.standby),
        outputs=outputs,
    )
    return Known(config, Fittings(modem=len(lines) < len(state.links), siren=outputs, light=outputs, relay=outputs))


def picture(svg: str) -> str:
    """Give a drawing as an image of its own: whatever stands in it, it is no part of the page."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode("utf-8", "replace")).decode()
