"""The demonstration's loudspeaker: what it plays is written down; where there is a sound card, it sounds as well."""

import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from agent.sound.sink import aplay
from agent.voice.espeak import PROGRAM

RECORD = "heard"
"""What was played, in the demonstration's folder (`simulators.sound_card`)."""

SILENT = "none"
"""The device that is written down, and makes no sound."""

_PROBE_S = 5.0


def card(record: Path) -> Callable[[str], list[str]]:
    """Give what plays on a device (`agent.seams.Seams.sink`)."""
    taking = [sys.executable, "-m", "simulators.sound_card", str(record)]

    def command(device: str) -> list[str]:
        if device == SILENT:
            return taking
        return ["sh", "-c", f"{shlex.join([*taking, '--pass-on'])} | {shlex.join(aplay(device))}"]

    return command


def device() -> str:
    """Give the device of this machine's sound card, or `SILENT` when it has none that can be used now."""
    try:
        played = subprocess.run(
            [*aplay("default")[:-1], "/dev/null"], capture_output=True, check=False, timeout=_PROBE_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return SILENT
    return "default" if played.returncode == 0 else SILENT


def can_speak() -> bool:
    """Whether there is something here that can speak."""
    return shutil.which(PROGRAM) is not None
