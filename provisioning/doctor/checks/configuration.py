"""Is hub.toml understood, whole, and what does it leave out?"""

import contextlib
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from agent.config import HubConfig
from agent.config.strict import Problem
from provisioning.doctor.finding import Check, Finding, warning, well, wrong
from provisioning.doctor.scene import Scene

_READABLE = "a readable file"
"""What `agent.config` expects of a key: it cannot know that we are not who the hub runs as."""


def judge(problems: Iterable[Problem], config: HubConfig | None, *, privileged: bool = True) -> Iterator[Finding]:
    """Say what cannot be used, then what is odd. `privileged`: we may look at everything."""
    found = list(problems)
    for problem in found:
        remedy = problem.remedy
        if problem.expected == _READABLE and not privileged:
            remedy = "run the doctor with sudo: this may be no trouble of the hub's"
        yield wrong(problem.key or "hub.toml", f"found {problem.found}, expected {problem.expected}", remedy)
    if config is None:
        return
    if not found:
        told = f"understood: {config.hub}, {_count(config.sensors, 'sensor')}, {_count(config.uplinks, 'line')}"
        yield well("hub.toml", told)
    yield from _left_out(config)


def _left_out(config: HubConfig) -> Iterator[Finding]:
    if config.pins == "mock":
        remedy = 'on a real box set [pins] factory = "lgpio"'
        yield warning("pins", "the hub only pretends to have pins", remedy)
    if config.outputs is None and config.sound is None:
        remedy = "give it [outputs] or [sound]: the resident should hear that a call is on its way"
        yield warning("outputs", "the hub has no light and no sound", remedy)
    if not config.sensors and not config.buttons.by_name:
        yield warning("sensors", "nothing can call for help yet", "teach the hub its sensors: hearthline sensors learn")
    if config.keys.plan is None:
        remedy = "enrol the hub (hearthline provision enrol), or name the key in [keys] plan"
        yield warning("keys.plan", "no key for care plans: the centre cannot send one with numbers", remedy)
    for uplink in config.uplinks:
        if uplink.ca is None:
            remedy = "only for a trial on one machine: name ca, certificate and key"
            yield warning(f"uplink {uplink.name}", "no TLS: whoever listens can read and pretend", remedy)


def _count(things: tuple[object, ...], name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"


def judge_mode(path: Path, mode: int) -> Iterator[Finding]:
    """Say whether others may change it: it names the keys, the broker and who answers."""
    if mode & stat.S_IWOTH:
        yield wrong(path.name, f"others can change it: mode {mode:04o}", f"sudo chmod o-w {path}")


def _look(scene: Scene) -> Iterator[Finding]:
    yield from judge(scene.problems, scene.config, privileged=scene.privileged)
    with contextlib.suppress(OSError):
        yield from judge_mode(scene.path, stat.S_IMODE(scene.path.stat().st_mode))


CHECK = Check("configuration", "Configuration", _look, needs_config=False)
