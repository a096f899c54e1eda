"""A real hub, broker and centre: a message goes the whole way through a kill, and its text is found nowhere else."""

from pathlib import Path

from agent.wire.envelope import HUB_ALGORITHM, read_key
from centre.issue import message
from rules.reports import CommandDone, CommandRefused
from simulators.rig import HUB, NO_WINDOW, Rig, pendants, radio

TEXT = "Zahnarzt um zehn."


def found(folder: Path) -> set[str]:
    """The folders of all files in which the text stands."""
    files = [each for each in folder.rglob("*") if each.is_file()]
    assert {"hub.db", "hub.log"} <= {each.name for each in files}
    return {each.parent.name for each in files if TEXT.encode() in each.read_bytes()}


async def test_s4_s11_a_message_by_mqtt_through_a_kill(tmp_path: Path) -> None:
    (tmp_path / "radio").touch()
    async with Rig(tmp_path, radio(tmp_path / "radio") + pendants([1]) + NO_WINDOW) as rig:
        key = read_key(rig.keys.hubs[HUB].plan_public, HUB_ALGORITHM)
        await rig.hub.start()
        await rig.online()
        rig.centre.command(HUB, "say", message(TEXT, "de", key))
        await rig.event("command.done", timeout_s=20)
        rig.centre.command(HUB, "say", {"text": TEXT})  # a mistake of the centre's
        await rig.event("command.refused", timeout_s=20)
        await rig.hub.kill()
        assert found(tmp_path) == {"messages"}

        await rig.hub.start()
        await rig.online()
        rig.centre.command(HUB, "locate", {})
        await rig.event("command.done", count=2, timeout_s=20)
        await rig.settled(quiet_s=0.3)
        await rig.hub.kill()
        assert found(tmp_path) == {"messages"}, "it still waits to be heard"
        assert [report.type for _, report in rig.held(CommandDone)] == ["say", "locate"]
        assert [report.type for _, report in rig.held(CommandRefused)] == ["say"]
