"""Can the hub be heard: is aplay there, does it know the configured device, does that open, and is there a voice?"""

import shutil
import subprocess
from collections.abc import Iterable, Iterator

import msgspec

from provisioning.doctor.finding import Check, Finding, skipped, well, wrong
from provisioning.doctor.scene import Scene

_PROGRAM_S = 5.0
_RATE_HZ = 22_050
_SILENCE = bytes(_RATE_HZ // 10 * 2)
"""A tenth of a second of nothing: it opens the device, and nobody hears it."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """`cards`: whether aplay lists any. `opened`: None when it was not tried, as the hub has it; `why` not."""

    device: str
    aplay: bool = True
    cards: bool = True
    opened: bool | None = None
    why: str = ""
    voice: bool = True


def judge(facts: Facts) -> Iterator[Finding]:
    """Say whether there will be sound."""
    if not facts.aplay:
        yield wrong("loudspeaker", "aplay is missing", "sudo apt install alsa-utils")
    elif facts.opened is False:
        here = "" if facts.cards else " (aplay -l lists no sound card at all)"
        remedy = "aplay -L lists what there is: correct [sound] device; the hub's user must be in group audio"
        yield wrong("loudspeaker", f"{facts.device} cannot be opened{here}: {facts.why}", remedy)
    elif facts.opened is None:
        yield skipped("loudspeaker", f"{facts.device}: not opened, as the hub has it; see what the hub says")
    else:
        yield well("loudspeaker", f"{facts.device} opens")
    if facts.voice:
        yield well("voice", "espeak-ng is there")
    else:
        remedy = "sudo apt install espeak-ng"
        yield wrong("voice", "espeak-ng is missing: the hub makes sounds, but cannot speak", remedy)


def probe(device: str, *, may_open: bool) -> Facts:
    """Look for the programs, and open the device for a tenth of a second of silence if nobody else has it."""
    voice, aplay = shutil.which("espeak-ng") is not None, shutil.which("aplay")
    if aplay is None:
        return Facts(device=device, aplay=False, voice=voice)
    listed = _run([aplay, "-l"])
    cards = b"card " in listed.stdout if listed else False
    if not may_open:
        return Facts(device=device, cards=cards, voice=voice)
    played = _run([aplay, "-q", "-t", "raw", "-f", "S16_LE", "-r", str(_RATE_HZ), "-c", "1", f"--device={device}", "-"])
    why = "it hangs" if played is None else played.stderr.decode(errors="replace").strip().rpartition("\n")[2]
    opened = played is not None and played.returncode == 0
    return Facts(device=device, cards=cards, opened=opened, why="" if opened else why, voice=voice)


def _run(command: list[str]) -> "subprocess.CompletedProcess[bytes] | None":
    try:
        return subprocess.run(command, input=_SILENCE, capture_output=True, timeout=_PROGRAM_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None


def _look(scene: Scene) -> Iterable[Finding]:
    sound = scene.config.sound if scene.config else None
    if sound is None:
        return [skipped("loudspeaker", "this hub has none")]
    return judge(probe(sound.device, may_open=not scene.hands_off))


CHECK = Check("sound", "Sound and voice", _look, timeout_s=20.0)
