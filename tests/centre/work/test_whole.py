"""From a press to resolved: a hub's alarm over a real broker, through the store, to staff and back."""

from centre.cases.events import Resolved, Took
from tests.centre.work.town import Town, running, until


async def test_a_press_becomes_a_case_is_taken_acknowledged_at_the_hub_and_resolved(town: Town) -> None:
    hub = town.hub()
    office = town.office
    async with running(hub.run()), town.working():
        alarm = hub.raise_alarm()
        case = await town.case()
        assert (case.hub, case.state, case.priority) == ("hub-1", "new", 1)
        await until(lambda: alarm.receipted_ms, "a receipt")
        taken = office.desk.act(case.id, Took(at_ms=office.now_ms(), by="ann", seen=case.version))
        assert taken.owner == "ann"
        await until(lambda: alarm.stage == "acknowledged", "acknowledged at the hub")
        told = await town.case(lambda each: each.alarms[0].stage == "acknowledged", "the hub's word")
        resolved = Resolved(at_ms=office.now_ms(), by="ann", seen=told.version, outcome="reassured")
        office.desk.act(case.id, resolved)
        await until(lambda: alarm.stage == "resolved", "resolved at the hub")
        await until(
            lambda: [each.state for each in office.commands.of_case(case.id, "hub-1")] == ["done", "done"], "answers"
        )
        assert not office.desk.standing()
        assert [each.by for each in office.commands.of_home("hub-1")] == ["ann", "ann"]
