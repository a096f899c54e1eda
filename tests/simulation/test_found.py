"""What the world found once, kept as it was shrunk: none of it may come back."""

from pathlib import Path

import msgspec
import pytest

from simulators.world.script import Incident
from simulators.world.story import story_of

SCRIPTS = Path(__file__).with_name("scripts")

FOUND = {
    # The broker acknowledged the hub's status of a new connection and dropped it. The centre took the hub for offline
    # for as long as that connection lasted: no command reached it, and without a trusted clock at home no receipt did.
    "status-dropped": 1025,
    # Somebody took the alarm while the modem was still about a text: the contact was asked for help, and not told that
    # it was not needed any more. The hub forgot such texts; and those that could not be sent were never sent again.
    "asked-too-late": 1,
}
"""The script, and the seed of the world it was found in."""


@pytest.mark.parametrize("name", FOUND)
def test_what_was_found_once_stays_mended(name: str) -> None:
    script = msgspec.json.decode((SCRIPTS / f"{name}.json").read_bytes(), type=tuple[Incident, ...])
    played, lines = story_of(FOUND[name], script)
    assert played.broken is None, "\n".join(lines)


def test_every_kept_script_is_played() -> None:
    assert {each.stem for each in SCRIPTS.glob("*.json")} == set(FOUND)
