"""A session of learning, as values: what is asked, what an answer means, and that nothing next door is ever added."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from agent.status import HubStatus, StrangerStatus
from provisioning.sensors.describing import Sensor
from provisioning.sensors.session import GATHER_S, SETTLE_S, Session
from tests.support.examples import examples
from tests.support.hub_status import hub, note, sensor, stranger

PENDANT = stranger("radio", "security1:d3dc54", count=13, signal=53, said=("trigger panic", "reading signal"))
FAR = stranger("radio", "security1:b00b1e", count=13, signal=7, said=("trigger panic",))
SINK = stranger("zigbee", "sink", count=2, signal=40, said=("alive", "reading battery"))
LEAK = stranger("zigbee", "sink/water_leak", count=1, said=("active water leak",))
KEPT = stranger("zigbee", "attic", count=1, said=("unavailable",))


class Desk:
    """A session, its clock, and what the hub says."""

    def __init__(self, *taken: str, **more: Any) -> None:
        self.session = Session(taken, **more)
        self.at_s = 0.0
        self.said: list[str] = []

    def look(self, told: HubStatus, after_s: float = 0.25) -> None:
        self.at_s += after_s
        self.session.look(told, self.at_s)
        self.drain()

    def drain(self) -> None:
        self.said += self.session.said
        self.session.said.clear()

    def settle(self, *before: StrangerStatus) -> None:
        self.look(hub(before), 0)
        self.look(hub(before), SETTLE_S)
        assert self.session.question.startswith("Press the device now")

    def press(self, *heard: StrangerStatus) -> None:
        self.look(hub(heard))
        self.look(hub(heard), GATHER_S)

    def type(self, *lines: str) -> None:
        for line in lines:
            self.session.answer(line)
            self.drain()

    @property
    def stage(self) -> str:
        return self.session.stage

    @property
    def last(self) -> str:
        return self.said[-1]


def learned(desk: Desk, **wanted: Any) -> Sensor:
    found = desk.session.wanted
    assert found is not None
    assert {key: getattr(found, key) for key in wanted} == wanted
    desk.session.added(found)
    desk.drain()
    return found


def test_one_press_two_answers_and_a_press_again() -> None:
    desk = Desk("pendant-1")
    desk.settle()
    desk.press(PENDANT)
    assert desk.last == "Heard radio security1:d3dc54: signal good, 53 %; it said: panic."
    assert "[pendant]" in desk.session.question
    desk.type("", "hall")
    learned(
        desk, id="pendant-2", driver="radio", address="security1:d3dc54", kind="pendant", location="hall", person=""
    )
    assert "hear it as pendant-2" in desk.session.question
    desk.look(hub(sensors=[sensor("pendant-2", presses=0)]))
    assert desk.stage == "again"
    desk.look(hub(sensors=[sensor("pendant-2", presses=1, signal=53)]))
    assert desk.last == "pendant-2 is heard: signal good, 53 %."
    assert (desk.stage, desk.session.quieten, desk.session.learned[0].heard) == ("waiting", True, True)
    desk.settle()
    desk.type("")
    assert desk.stage == "over"


def test_the_parts_of_a_bridges_device_are_one_device() -> None:
    desk = Desk()
    desk.settle()
    desk.press(SINK, LEAK)
    assert desk.last == "Heard zigbee sink: signal good, 40 %; it said: water leak."
    desk.type("", "kitchen id=under-sink person=resident-1")
    learned(desk, id="under-sink", driver="zigbee", address="sink", kind="flood", person="resident-1")


def test_what_was_heard_before_the_press_is_no_candidate_until_it_is_heard_again() -> None:
    desk = Desk()
    desk.settle(PENDANT)
    desk.press(PENDANT)
    assert desk.stage == "waiting"
    desk.press(stranger("radio", "security1:d3dc54", count=14, signal=53, said=("trigger panic",)))
    assert desk.stage == "kind"


def test_what_a_bridge_kept_answers_to_no_press() -> None:
    desk = Desk()
    desk.settle()
    desk.press(KEPT)
    assert desk.stage == "waiting"
    desk = Desk()
    desk.look(hub(), 0)
    desk.look(hub([SINK, LEAK]), SETTLE_S)  # it came while the hub settled
    desk.press(SINK, LEAK)
    assert desk.stage == "waiting"


def test_a_press_is_gathered_before_anything_is_asked() -> None:
    desk = Desk()
    desk.settle()
    desk.look(hub([SINK]))
    assert desk.stage == "waiting"
    desk.look(hub([SINK, LEAK]), GATHER_S)
    assert desk.session.question.startswith("Is this it, and what is it? [flood]")


def test_a_weak_one_is_doubted_and_enter_alone_never_takes_it() -> None:
    desk = Desk()
    desk.settle()
    desk.press(FAR)
    assert "may be a neighbour's" in desk.last
    assert "[" not in desk.session.question
    desk.type("")
    assert (desk.stage, desk.session.wanted) == ("kind", None)
    desk.type("n")
    assert desk.stage == "waiting"
    desk.settle(FAR)
    desk.press(stranger("radio", "security1:b00b1e", count=26, signal=7, said=FAR.said))
    assert desk.stage == "waiting", "left out stays left out"
    desk.press(stranger("radio", "security1:b00b1e", count=39, signal=80, said=FAR.said))
    assert desk.stage == "kind", "held beside the hub, it is another case"


def test_of_several_the_one_that_was_pressed_and_is_near_comes_first() -> None:
    desk = Desk()
    desk.settle(SINK)
    chatty = stranger("zigbee", "sink", count=9, signal=99, said=("alive",))
    desk.press(chatty, FAR, PENDANT)
    assert [line.split()[:3] for line in desk.said[-3:]] == [
        ["1", "radio", "security1:d3dc54:"],
        ["2", "radio", "security1:b00b1e:"],
        ["3", "zigbee", "sink:"],
    ]
    desk.type("4")
    assert desk.stage == "which"
    desk.type("")
    assert desk.said[-1].startswith("Heard radio security1:d3dc54")
    desk.type("", "hall")
    learned(desk, address="security1:d3dc54")


@pytest.mark.parametrize("answers", [("n",), ("1", "n"), ("1", "", "n")])
def test_what_belongs_next_door_is_left_out_at_any_question(answers: tuple[str, ...]) -> None:
    desk = Desk()
    desk.settle()
    desk.press(PENDANT, SINK, LEAK)
    desk.type(*answers)
    assert (desk.stage, desk.session.wanted, desk.session.learned) == ("waiting", None, [])


@pytest.mark.parametrize("answers", [(), ("",)])
def test_q_ends_at_any_question_and_adds_nothing(answers: tuple[str, ...]) -> None:
    desk = Desk()
    desk.settle()
    desk.press(PENDANT)
    desk.type(*answers, "q")
    assert (desk.stage, desk.session.wanted, desk.session.learned) == ("over", None, [])


def test_another_kind_than_is_suggested_and_what_there_are() -> None:
    desk = Desk()
    desk.settle()
    desk.press(PENDANT)
    desk.type("?")
    assert any(line.split()[0] == "pull-cord" for line in desk.said)
    desk.type("lamp")
    assert "no kind 'lamp'" in desk.last
    desk.type("Pull cord", "bath")
    learned(desk, id="pull-cord-1", kind="pull-cord")


def test_a_place_that_cannot_be_is_asked_again_and_a_name_is_not_repeated() -> None:
    desk = Desk("sink")
    desk.settle()
    desk.press(PENDANT)
    desk.type("")
    for wrong, why in (
        ("", "the location is"),
        ("Living room", "one word"),
        ("hall person=Anna", "reference, never a name"),
        ("hall id=sink", "there is a sensor sink already"),
    ):
        desk.type(wrong)
        assert why in desk.last
        assert "Anna" not in desk.last
        assert desk.stage == "place"
    desk.type("hall")
    learned(desk, location="hall")


def test_a_wired_contact_is_typed_because_nothing_hears_it_before_it_is_configured() -> None:
    desk = Desk(wires="wires")
    desk.settle()
    assert "GPIO17" in desk.session.question
    desk.type("GPIO17:nc", "")
    assert "type its kind" in desk.last
    desk.type("pull-cord", "bath")
    learned(desk, driver="wires", address="GPIO17:nc", kind="pull-cord")
    plain = Desk()
    plain.settle()
    plain.type("GPIO17")
    assert plain.session.stage == "waiting"


def test_s5_smoke_is_real_even_now_and_is_not_set_off_for_the_fun_of_it() -> None:
    desk = Desk()
    desk.settle()
    desk.press(stranger("radio", "security1:0a0a0a", count=3, signal=60, said=("trigger smoke",)))
    desk.type("", "hall")
    learned(desk, kind="smoke")
    assert "ring the centre" in desk.last
    assert desk.stage == "waiting"


def test_what_cannot_be_pressed_is_not_waited_for() -> None:
    desk = Desk()
    desk.settle()
    desk.press(stranger("zigbee", "room", count=1, signal=60, said=("alive", "reading temperature")))
    desk.type("", "hall")
    learned(desk, kind="temperature")
    assert desk.stage == "waiting"


def test_the_second_press_can_be_left_to_the_walk_test() -> None:
    desk = Desk()
    desk.settle()
    desk.press(PENDANT)
    desk.type("", "hall")
    learned(desk)
    desk.type("")
    assert "was not heard yet" in desk.last
    assert (desk.stage, desk.session.learned[0].heard) == ("waiting", False)


def test_what_hub_toml_refuses_is_told_and_the_session_goes_on() -> None:
    desk = Desk()
    desk.settle()
    desk.press(PENDANT)
    desk.type("", "hall")
    desk.session.refused("no")
    desk.drain()
    assert (desk.last, desk.stage, desk.session.wanted) == ("no", "waiting", None)


def test_a_deaf_hub_is_told_once_and_asks_for_no_press() -> None:
    desk = Desk()
    deaf = hub(drivers=[note("radio", listening=False, reason="no such file")])
    for _ in range(5):
        desk.look(deaf, SETTLE_S)
    assert desk.said == ["driver radio hears nothing: no such file"]
    assert desk.session.question == ""
    desk.look(hub(), 0.1)
    desk.look(hub(), SETTLE_S)
    assert desk.session.question
    desk = Desk()
    desk.look(hub(drivers=[]))
    assert "hearthline sensors adapters" in desk.last


def test_what_was_paired_with_this_home_is_never_next_door_however_weak() -> None:
    desk = Desk(paired=["zigbee"])
    desk.settle()
    desk.press(replace(SINK, signal=5), LEAK)
    assert "passes Zigbee on" in desk.last
    assert "[flood]" in desk.session.question


LOST = Sensor(id="pendant-1", driver="radio", address="security1:000001", kind="pendant", location="hall", person="p-1")


def test_a_successor_takes_the_place_and_it_is_over() -> None:
    desk = Desk("pendant-1", successor=LOST)
    desk.settle()
    desk.press(PENDANT)
    assert desk.session.question == "Is this the new pendant-1? [Y/n]"
    desk.type("perhaps")
    assert desk.session.wanted is None
    desk.type("")
    found = learned(desk, id="pendant-1", address="security1:d3dc54", location="hall", person="p-1")
    assert desk.last.startswith("Replaced pendant-1")
    desk.look(hub(sensors=[sensor(found.id, presses=1)]))
    assert desk.stage == "over"


def test_a_weak_successor_needs_a_yes() -> None:
    desk = Desk("pendant-1", successor=LOST)
    desk.settle()
    desk.press(FAR)
    desk.type("")
    assert desk.session.wanted is None
    desk.type("y")
    assert desk.session.wanted is not None


STRANGERS = st.lists(st.sampled_from([PENDANT, FAR, SINK, LEAK, KEPT]), max_size=4, unique_by=lambda each: each.address)
STEPS = st.one_of(
    st.tuples(st.just("look"), STRANGERS, st.integers(0, 3)),
    st.tuples(st.just("type"), st.sampled_from(["", "n", "q", "?", "1", "hall", "pendant", "flood", "x y", "9"])),
)


@settings(max_examples=examples(50), deadline=None)
@given(st.lists(STEPS, max_size=30))
def test_whatever_is_heard_and_typed_only_what_was_heard_asked_about_and_placed_is_added(steps: list[Any]) -> None:
    desk = Desk("pendant-1", wires="")
    heard: set[str] = set()
    for step in steps:
        if desk.stage == "over":
            break
        if step[0] == "look":
            grown = [replace(each, count=each.count + n + len(heard)) for n, each in enumerate(step[1])]
            heard |= {each.address.split("/")[0] for each in grown}
            desk.look(hub(grown), step[2])
        else:
            before = desk.stage
            desk.type(step[1])
            if desk.session.wanted is not None:
                assert before == "place"
                assert desk.session.wanted.address in heard
                desk.session.added(desk.session.wanted)
    ids = [each.sensor.id for each in desk.session.learned]
    assert len(ids) == len(set(ids))
